package commands

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestFirstLine(t *testing.T) {
	for text, want := range map[string]string{
		"secret": "secret", "secret\n": "secret", "secret\r\n": "secret", "two words\nsecond": "two words",
		" blanks count \n": " blanks count ", strings.Repeat("x", maxPassphrase) + "\n": strings.Repeat("x", maxPassphrase),
	} {
		if got, err := firstLine(strings.NewReader(text)); err != nil || string(got) != want {
			t.Errorf("firstLine(%.20q) = %.20q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "\n", "\r\n", "\nsecond", strings.Repeat("x", maxPassphrase+1), strings.Repeat("x", 1<<20)} {
		if got, err := firstLine(strings.NewReader(text)); err == nil {
			t.Errorf("firstLine(%.20q) = %.20q", text, got)
		}
	}
}

// TestPassphraseSources: the flag counts before the file of the environment, that before the command, that before the user.
func TestPassphraseSources(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the command is one for sh")
	}
	dir := t.TempDir()
	for _, name := range []string{"flag", "env"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("from "+name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	vars := map[string]string{"EVAULT_PASSPHRASE_FILE": "env", "EVAULT_PASSPHRASE_COMMAND": "echo from command; echo more"}
	tty := &fakeTerminal{answers: []string{"from terminal"}}
	a := newApp(Environment{Stderr: io.Discard, Dir: dir, Now: fixedClock, Terminal: Terminal{In: true, Open: tty.open},
		Lookup: func(n string) (string, bool) { v, ok := vars[n]; return v, ok }})
	a.flags.passphraseFile = "flag"
	for _, step := range []struct {
		want string
		drop func()
	}{
		{"from flag", func() { a.flags.passphraseFile = "" }},
		{"from env", func() { delete(vars, "EVAULT_PASSPHRASE_FILE") }},
		{"from command", func() { delete(vars, "EVAULT_PASSPHRASE_COMMAND") }},
		{"from terminal", func() { a.env.Terminal = Terminal{Open: tty.open} }},
	} {
		got, err := a.passphrase(context.Background())
		if err != nil || string(got) != step.want {
			t.Fatalf("%q, %v; want %q", got, err, step.want)
		}
		step.drop()
	}
	if _, err := a.passphrase(context.Background()); !errors.Is(err, errNoTerminal) {
		t.Errorf("with the terminal's device but no stream on it: %v", err)
	}
	if len(tty.prompts) != 1 || tty.opened != tty.closed {
		t.Errorf("asked %q, opened %d times and closed %d times", tty.prompts, tty.opened, tty.closed)
	}
}

func TestPassphraseCommandFails(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the command is one for sh")
	}
	for _, command := range []string{"exit 3", "true", "echo"} {
		a := newApp(Environment{Stderr: io.Discard, Dir: t.TempDir(), Now: fixedClock, Lookup: func(n string) (string, bool) {
			return command, n == "EVAULT_PASSPHRASE_COMMAND"
		}})
		if got, err := a.passphrase(context.Background()); err == nil {
			t.Errorf("%q gives %q", command, got)
		}
	}
}

func TestAskTwice(t *testing.T) {
	var stderr bytes.Buffer
	tty := &fakeTerminal{answers: []string{"one", "other", "same", "same"}}
	a := newApp(Environment{Stderr: &stderr, Now: fixedClock, Terminal: Terminal{Err: true, Open: tty.open}, Lookup: noVariables})
	got, err := a.askTwice(context.Background(), "New: ")
	if err != nil || string(got) != "same" {
		t.Errorf("%q, %v", got, err)
	}
	if !strings.Contains(stderr.String(), "differ") {
		t.Errorf("stderr %q", stderr.String())
	}
	tty.answers = []string{""}
	if got, err := a.askTwice(context.Background(), "New: "); err != nil || got != nil {
		t.Errorf("an empty answer gives %q, %v", got, err)
	}
}

func noVariables(string) (string, bool) { return "", false }

// fakeTerminal answers questions in order.
type fakeTerminal struct {
	answers        []string
	prompts        []string
	opened, closed int
}

func (f *fakeTerminal) open() (TerminalDevice, error) { f.opened++; return f, nil }
func (f *fakeTerminal) Close() error                  { f.closed++; return nil }
func (f *fakeTerminal) ReadSecret(ctx context.Context, prompt string) ([]byte, error) {
	f.prompts = append(f.prompts, prompt)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(f.answers) == 0 {
		return nil, io.EOF
	}
	answer := f.answers[0]
	f.answers = f.answers[1:]
	return []byte(answer), nil
}
