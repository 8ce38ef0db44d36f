package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"evault/commands"
)

// world is a user whose folder of files has a history, branches, tags, remotes, other members and a host with peers: what
// the examples of the manual speak of. It is built once, with a clock that begins days ago, and can be put back as it was.
type world struct {
	t    *testing.T
	base string // holds everything, under the same path after each reset
	work string // the work tree
	now  time.Time
	vars map[string]string
}

// Names in the world that are only known when it is there, for examples to use.
type worldNames struct {
	slot   string // a key slot that is not this device's
	device string // the ID of a device that is no member and no peer yet
	member string // the ID of the member "old laptop"
	vault  string
}

// theKey is a public key of nobody's.
const theKey = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"

// newWorld builds one.
func newWorld(t *testing.T) (*world, worldNames) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs sh and cp")
	}
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, base: filepath.Join(base, "world"), now: time.Now().AddDate(0, 0, -5)}
	w.work = filepath.Join(w.base, "work")
	home := filepath.Join(w.base, "home")
	w.vars = map[string]string{
		"HOME": home, "USERPROFILE": home, "TZ": "UTC", "EVAULT_PAGER": "", "PATH": os.Getenv("PATH"), "LC_ALL": "C.UTF-8",
		"EVAULT_CONFIG_HOME":     filepath.Join(home, "config"),
		"EVAULT_STATE_HOME":      filepath.Join(home, "state"),
		"EVAULT_PASSPHRASE_FILE": filepath.Join(home, "passphrase"), "EVAULT_EDITOR": "true",
		"GIT_CONFIG_GLOBAL": os.DevNull, "GIT_CONFIG_SYSTEM": os.DevNull,
	}
	for _, dir := range []string{"work", "empty", "home/config", "home/.config/fish/completions", "usb", "media", "srv", "etc", "sub"} {
		w.check(os.MkdirAll(filepath.Join(w.base, dir), 0o700))
	}
	w.check(os.WriteFile(filepath.Join(home, "passphrase"), []byte("correct horse battery staple purple 42\n"), 0o600))
	names := w.populate()
	w.check(exec.Command("cp", "-a", w.base, w.base+".kept").Run())
	return w, names
}

// reset puts everything back as it was when the world was new.
func (w *world) reset() {
	w.t.Helper()
	w.check(exec.Command("chmod", "-R", "u+rwX", w.base).Run())
	w.check(os.RemoveAll(w.base))
	w.check(exec.Command("cp", "-a", w.base+".kept", w.base).Run())
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// populate makes what examples name.
func (w *world) populate() (n worldNames) {
	w.run("init", "--label", "localhost")
	w.run("config", "set", "user.name", "Ada Lovelace", "--user")
	for name, text := range map[string]string{
		"notes.txt": "one\ntwo\nthree\n", "photo.jpg": "\xff\xd8\x00photo", "photos/beach.jpg": "\xff\xd8\x00beach", "old.txt": "old\n", "gone.txt": "gone\n", "README": "Read me.\n",
		"drafts/letter.txt": "Dear\n", "draft.txt": "draft\n", "a.jpg": "\xff\xd8\x00a", "b.jpg": "\xff\xd8\x00b", "src/main.go": "package main\n",
	} {
		w.write(name, text)
	}
	w.run("commit", "-A", "-m", "First version")
	w.run("tag", "-a", "-m", "The first one", "v1.0")
	w.write("notes.txt", "one\ntwo\nthree and a half\nfour\n")
	w.run("rm", "gone.txt")
	w.run("commit", "-m", "Corrected the second chapter")
	w.run("branch", "experiment")
	w.run("branch", "photos")
	w.write("photos/forest.jpg", "\xff\xd8\x00forest")
	w.run("commit", "-A", "-m", "Add the forest")
	w.write("draft.txt", "a better draft\n")
	w.run("commit", "-m", "Improve the draft")
	w.run("tag", "v1.1")
	w.run("switch", "-c", "feature", "HEAD~1")
	w.write("feature.txt", "a feature\n")
	w.run("commit", "-A", "-m", "Begin a feature")
	w.run("branch", "topic")
	w.run("switch", "main")
	n = w.addMembers()
	w.run("key", "add", "--recipient", theKey)
	n.slot = w.field("recipient", "id", "key", "list")
	for name, place := range map[string]string{"origin": "origin", "friend": "friend", "usb": "usb/vault"} {
		w.run("remote", "add", name, filepath.Join(w.base, place))
		w.run("push", name, "--all")
	}
	w.run("peer", "add", "ada", n.member)
	w.run("branch", "done")
	w.now = time.Now()
	w.write("notes.txt", "one\ntwo\nthree and a half\nfour\nfive\n")
	w.write("secret.key", "secret\n")
	w.run("add", "secret.key")
	w.write("new.txt", "new\n")
	return n
}

// addMembers lets two devices in, and keeps the request of a third in the file "request".
func (w *world) addMembers() (n worldNames) {
	n.vault = w.field("", "vault", "device", "list")
	for _, label := range []string{"old laptop", "kitchen laptop", ""} {
		other := *w
		other.vars = map[string]string{}
		for k, v := range w.vars {
			other.vars[k] = v
		}
		other.vars["EVAULT_CONFIG_HOME"] = filepath.Join(w.base, "home", "of "+label)
		w.check(os.Mkdir(other.vars["EVAULT_CONFIG_HOME"], 0o700))
		request := other.run("identity", "--request", n.vault)
		id, _, _ := strings.Cut(other.run("identity"), "\n")
		w.write("request", request)
		if label == "" {
			n.device = id
			continue
		}
		w.run("device", "add", "request", "--yes")
		w.run("device", "rename", id, label)
		if label == "old laptop" {
			n.member = id
		}
	}
	return n
}

// field runs a verb and gives a field of the first line whose "kind" is that, or of the first line.
func (w *world) field(kind, name string, args ...string) string {
	w.t.Helper()
	for line := range strings.SplitSeq(strings.TrimSpace(w.run(append(args, "--json")...)), "\n") {
		var fields map[string]any
		w.check(json.Unmarshal([]byte(line), &fields))
		if kind == "" || fields["kind"] == kind {
			return fmt.Sprint(fields[name])
		}
	}
	w.t.Fatalf("evault %s has no line of kind %q", strings.Join(args, " "), kind)
	return ""
}

// write writes a file of the work tree.
func (w *world) write(name, text string) {
	w.t.Helper()
	file := filepath.Join(w.work, filepath.FromSlash(name))
	w.check(os.MkdirAll(filepath.Dir(file), 0o700))
	w.check(os.WriteFile(file, []byte(text), 0o600))
}

// run runs a verb in this process, at the world's time, which then goes on by an hour, and gives its stdout.
func (w *world) run(args ...string) string {
	w.t.Helper()
	var stdout, stderr bytes.Buffer
	code := commands.Main(args, commands.Environment{
		Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Dir: w.work, Now: func() time.Time { return w.now },
		Lookup: func(name string) (string, bool) { v, ok := w.vars[name]; return v, ok },
	})
	if code != 0 {
		w.t.Fatalf("evault %s: exit code %d\n%s", strings.Join(args, " "), code, &stderr)
	}
	w.now = w.now.Add(time.Hour)
	return stdout.String()
}

// result is what a process printed and how it ended.
type result struct {
	code           int
	stdout, stderr string
}

// process runs a program in a folder of the world, without any terminal, for at most a minute.
func (w *world) process(dir, name string, args ...string) result {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = filepath.Join(w.base, dir)
	for k, v := range w.vars {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	withoutTerminal(cmd)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exited *exec.ExitError
	switch {
	case ctx.Err() != nil:
		w.t.Errorf("%s %q does not end\n%s%s", name, args, &stdout, &stderr)
	case err != nil && !errors.As(err, &exited):
		w.t.Fatalf("%s %q: %v", name, args, err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}
