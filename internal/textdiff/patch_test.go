package textdiff

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// need ends the test if a program is not there that judges.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("the judge is missing: %v (tests/need.sh installs it)", err)
	}
}

func run(t *testing.T, dir string, okCodes string, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "POSIXLY_CORRECT=")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil && !strings.Contains(okCodes, fmt.Sprint(cmd.ProcessState.ExitCode())) {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, tail(out.Bytes()), tail(errs.Bytes()))
	}
	return out.Bytes()
}

func tail(b []byte) []byte { return b[max(0, len(b)-2000):] }

func writeFile(t *testing.T, parts ...any) {
	t.Helper()
	n := len(parts) - 1
	var path []string
	for _, p := range parts[:n] {
		path = append(path, p.(string))
	}
	name := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, parts[n].([]byte), 0o644); err != nil {
		t.Fatal(err)
	}
}

// unified is the whole patch of one file.
func unified(t *testing.T, name string, a, b []byte) []byte {
	t.Helper()
	la, lb := Lines(a), Lines(b)
	changes := Diff(la, lb)
	if err := rebuild(la, lb, changes); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(changes) == 0 {
		return nil
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "--- a/%s\n+++ b/%s\n", name, name)
	if err := WriteUnified(&out, la, lb, Hunks(changes, len(la), len(lb), 3)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestPatchApplies gives patch and git what Diff says: patch must make the second text of the first, and git should have said it
// in as few bytes.
func TestPatchApplies(t *testing.T) {
	need(t, "patch")
	need(t, "git")
	batches, each := 4, 500
	if prove() {
		batches = 100
	}
	var ours, gits, same, files int
	for batch := range batches {
		dir := t.TempDir()
		var patch bytes.Buffer
		want := map[string][]byte{}
		bodies := map[string]string{}
		for i := range each {
			a, b := pair(uint64(batch*each + i))
			if bytes.Equal(a, b) || len(b) == 0 { // patch removes a file that became empty
				continue
			}
			name := fmt.Sprintf("f%d", i)
			writeFile(t, dir, "a", name, a)
			writeFile(t, dir, "b", name, b)
			writeFile(t, dir, "c", name, a)
			p := unified(t, name, a, b)
			want[name], bodies[name] = b, body(p)
			patch.Write(p)
		}
		writeFile(t, dir, "patch", patch.Bytes())
		run(t, filepath.Join(dir, "c"), "", "patch", "-p1", "-s", "--binary", "-i", "../patch")
		for name, b := range want {
			got, err := os.ReadFile(filepath.Join(dir, "c", name))
			if err != nil || !bytes.Equal(got, b) {
				t.Fatalf("batch %d: patch makes something else of %s (%v)", batch, name, err)
			}
		}
		files += len(want)
		git := gitBodies(run(t, dir, "1", "git", "diff", "--no-index", "--no-color", "a", "b"))
		for name, text := range bodies {
			ours += len(text)
			gits += len(git[name])
			if git[name] == text {
				same++
			} else if os.Getenv("EVAULT_SHOW") != "" {
				t.Logf("%s of batch %d:\n%s---- git:\n%s", name, batch, text, git[name])
			}
		}
	}
	t.Logf("proof row 18: %d patches applied, 0 differences; %d are git's byte for byte, together they are %.4f of git's size", files, same, float64(ours)/float64(gits))
	if floor := batches * each * 8 / 10; files < floor {
		t.Errorf("%d pairs, the floor is %d", files, floor)
	}
	if float64(ours) > 1.01*float64(gits) {
		t.Errorf("%d bytes, and git needs %d", ours, gits)
	}
}

// body is a patch from its first hunk on, without what git puts behind @@.
func body(patch []byte) string {
	lines := strings.SplitAfter(string(patch), "\n")
	for len(lines) > 0 && !strings.HasPrefix(lines[0], "@@") {
		lines = lines[1:]
	}
	for i, line := range lines {
		if strings.HasPrefix(line, "@@ ") {
			lines[i] = line[:strings.Index(line[3:], "@@")+5] + "\n"
		}
	}
	return strings.Join(lines, "")
}

func gitBodies(out []byte) map[string]string {
	all := map[string]string{}
	for _, p := range strings.Split("\n"+string(out), "\ndiff --git ")[1:] {
		head, _, _ := strings.Cut(p, "\n")
		all[head[strings.LastIndex(head, "/")+1:]] = body([]byte(strings.TrimSuffix(p, "\n") + "\n"))
	}
	return all
}
