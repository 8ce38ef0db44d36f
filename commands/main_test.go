package commands

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// world is a user with a home, a work tree and perhaps a terminal, inside this process.
type world struct {
	t      *testing.T
	dir    string
	vars   map[string]string
	tty    Terminal
	stdin  string
	stdout bytes.Buffer
	stderr bytes.Buffer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	base := t.TempDir()
	w := &world{t: t, dir: filepath.Join(base, "work"), vars: map[string]string{
		"EVAULT_CONFIG_HOME": filepath.Join(base, "config"), "EVAULT_STATE_HOME": filepath.Join(base, "state")}}
	if err := os.Mkdir(w.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// run runs a command line and checks its exit code.
func (w *world) run(want int, args ...string) {
	w.t.Helper()
	w.stdout.Reset()
	w.stderr.Reset()
	got := Main(args, Environment{
		Stdin: strings.NewReader(w.stdin), Stdout: &w.stdout, Stderr: &w.stderr, Dir: w.dir, Now: fixedClock, Terminal: w.tty,
		Lookup: func(n string) (string, bool) { v, ok := w.vars[n]; return v, ok },
	})
	if got != want {
		w.t.Fatalf("evault %s: exit code %d, want %d\nstdout: %s\nstderr: %s", strings.Join(args, " "), got, want, &w.stdout, &w.stderr)
	}
}

func (w *world) expect(where *bytes.Buffer, want string) {
	w.t.Helper()
	if !strings.Contains(where.String(), want) {
		w.t.Errorf("%q is not in\nstdout: %s\nstderr: %s", want, &w.stdout, &w.stderr)
	}
}

func TestInitAsksOnTheTerminal(t *testing.T) {
	w := newWorld(t)
	tty := &fakeTerminal{answers: []string{"", "correct horse battery staple purple 42", "correct horse battery staple purple 42"}}
	w.tty = Terminal{In: true, Err: true, Open: tty.open}
	w.run(exitDone, "init", "none")
	w.expect(&w.stderr, "no passphrase: only the identity of this device opens the vault")
	w.run(exitDone, "init", "some")
	w.run(exitDone, "-C", "some", "key", "list")
	w.expect(&w.stdout, "passphrase")
	if len(tty.prompts) != 3 {
		t.Errorf("asked %q", tty.prompts)
	}
	w.run(exitFailed, "init", "some")
	if len(tty.prompts) != 3 {
		t.Error("init asks before it sees that there is a vault")
	}
}

func TestColour(t *testing.T) {
	w := newWorld(t)
	w.run(exitDone, "init", "--no-passphrase")
	w.run(exitDone, "commit", "--allow-empty", "-m", "first")
	w.vars["EVAULT_PAGER"] = ""
	for _, c := range []struct {
		tty  bool
		vars string
		args []string
		want bool
	}{
		{true, "", nil, true}, {false, "", nil, false}, {true, "NO_COLOR", nil, false},
		{true, "", []string{"--color", "never"}, false}, {false, "NO_COLOR", []string{"--color=always"}, true},
		{true, "", []string{"--json"}, false},
	} {
		w.tty = Terminal{Out: c.tty}
		delete(w.vars, "NO_COLOR")
		if c.vars != "" {
			w.vars[c.vars] = "1"
		}
		w.run(exitDone, append([]string{"log"}, c.args...)...)
		if got := strings.Contains(w.stdout.String(), "\x1b["); got != c.want {
			t.Errorf("%+v: colour %v", c, got)
		}
	}
}

func TestPager(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the pager is a command for sh")
	}
	w := newWorld(t)
	w.run(exitDone, "init", "--no-passphrase")
	w.run(exitDone, "commit", "--allow-empty", "-m", "first")
	w.tty = Terminal{Out: true}
	w.vars["EVAULT_PAGER"] = "sed 's/^/paged: /'"
	w.run(exitDone, "log", "--oneline", "--color=never")
	w.expect(&w.stdout, "paged: ")
	w.run(exitDone, "log", "--json")
	if strings.Contains(w.stdout.String(), "paged") {
		t.Error("JSON goes through the pager")
	}
	w.run(exitDone, "log", "--no-pager")
	if strings.Contains(w.stdout.String(), "paged") {
		t.Error("--no-pager pages")
	}
	w.vars["EVAULT_PAGER"] = "sed 's/^/paged: /'; exit 3"
	w.run(exitFailed, "show", "nothing") // the verb's exit code counts, not the pager's
	w.run(exitDone, "log")
	w.vars["EVAULT_PAGER"] = "env | grep -e ^LESS= -e ^LV="
	w.run(exitDone, "log")
	w.expect(&w.stdout, "LESS=FRX")
	w.vars["EVAULT_PAGER"] = "no-such-program-of-anybody"
	w.run(exitDone, "log")
	w.vars["EVAULT_PAGER"] = "true" // left at once
	w.run(exitDone, "log")
	delete(w.vars, "EVAULT_PAGER")
	w.vars["PAGER"] = "sed 's/^/pager: /'"
	w.run(exitDone, "log", "--oneline")
	w.expect(&w.stdout, "pager: ")
	w.run(exitDone, "config", "set", "--user", "core.pager", "sed 's/^/config: /'")
	w.run(exitDone, "log", "--oneline")
	w.expect(&w.stdout, "config: ")
	w.tty = Terminal{}
	w.run(exitDone, "log", "--oneline")
	if strings.Contains(w.stdout.String(), "config: ") {
		t.Error("a pager without a terminal")
	}
}

func TestCommitOpensTheEditorOnATerminal(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the editor is a command for sh")
	}
	w := newWorld(t)
	w.run(exitDone, "init", "--no-passphrase")
	w.write("a", "a")
	w.tty = Terminal{In: true, Out: true}
	w.vars["EVAULT_PAGER"] = ""
	w.vars["EDITOR"] = `sh -c 'echo from EDITOR > "$1"' --`
	w.run(exitDone, "commit", "-A")
	w.expect(&w.stdout, "] from EDITOR\n")
	w.vars["VISUAL"] = `sh -c 'echo from VISUAL > "$1"' --`
	w.run(exitDone, "commit", "--allow-empty")
	w.expect(&w.stdout, "] from VISUAL\n")
	w.run(exitDone, "commit", "--allow-empty", "--no-edit")
	w.expect(&w.stdout, "no changes\n")
	w.run(exitDone, "commit", "--amend", "-m", "given")
	w.expect(&w.stdout, "] given\n")
	w.run(exitDone, "commit") // nothing to do: no editor
	w.expect(&w.stdout, "nothing to commit")
}

func TestArchivesAreNotWrittenToATerminal(t *testing.T) {
	w := newWorld(t)
	w.run(exitDone, "init", "--no-passphrase")
	w.run(exitDone, "commit", "--allow-empty", "-m", "first")
	w.tty = Terminal{Out: true}
	w.run(exitUsage, "export", "HEAD")
	w.expect(&w.stderr, "not written to a terminal")
	w.run(exitUsage, "key", "export", "0000")
	w.run(exitDone, "export", "HEAD", "-o", "x.tar")
}

// TestMessagesCannotDriveTheTerminal: what a commit says is shown as text.
func TestMessagesCannotDriveTheTerminal(t *testing.T) {
	w := newWorld(t)
	w.run(exitDone, "init", "--no-passphrase")
	w.run(exitDone, "commit", "--allow-empty", "-m", "title\x1b]0;pwned\a", "-m", "body\x1b[2J")
	for _, args := range [][]string{{"log"}, {"log", "--oneline"}, {"show"}, {"reflog"}, {"branch", "-v"}, {"undo"}} {
		w.run(exitDone, args...)
		if strings.ContainsAny(w.stdout.String(), "\x1b\a") {
			t.Errorf("%v prints %q", args, w.stdout.String())
		}
	}
}
