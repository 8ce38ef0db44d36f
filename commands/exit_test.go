package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"evault/keys"
	"evault/objects"
	"evault/pack"
	"evault/refs"
	"evault/repo"
)

// TestExitCodes pins what is promised to scripts.
func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
	}{
		{nil, 0},
		{errors.New("anything"), 1},
		{repo.ErrIncomplete, 1},
		{repo.ErrUnknownRevision, 1},
		{repo.ErrNewer, 1},
		{repo.ErrForeignOwner, 1},
		{&usageError{"evault", errors.New("x")}, 2},
		{repo.ErrUsage, 2},
		{&unknownVerbError{"x", nil}, 2},
		{repo.ErrNoVault, 10},
		{repo.ErrLocked, 11},
		{repo.ErrNotUnlocked, 12},
		{errNoTerminal, 12},
		{keys.ErrWrongPassphrase, 12},
		{keys.ErrRecoveryWords, 12},
		{keys.ErrNoSlot, 12},
		{repo.ErrConflict, 13},
		{refs.ErrConflict, 13},
		{&repo.DirtyError{Paths: []string{"a"}}, 13},
		{repo.ErrDamaged, 20},
		{refs.ErrDamaged, 20},
		{pack.ErrDamaged, 20},
		{keys.ErrTampered, 20},
		{objects.ErrNotFound, 20},
		{repo.ErrSecurity, 21},
		{refs.ErrSecurity, 21},
		{keys.ErrSignature, 21},
		{context.Canceled, 130},
		{reported(1), 1},
		{reported(20), 20},
		// What matters most wins.
		{errors.Join(repo.ErrDamaged, repo.ErrSecurity), 21},
		{fmt.Errorf("%w: %w", repo.ErrNotUnlocked, context.Canceled), 130},
		{fmt.Errorf("%w: %w", repo.ErrNotUnlocked, keys.ErrWrongPassphrase), 12},
		{fmt.Errorf("commit: %w", fmt.Errorf("%w: %w", objects.ErrMalformed, objects.ErrNewer)), 1},
	} {
		wrapped := c.err
		if c.err != nil {
			wrapped = fmt.Errorf("while testing: %w", c.err)
		}
		for _, err := range []error{c.err, wrapped} {
			if code, _ := classify(err); code != c.code {
				t.Errorf("%v: exit code %d, want %d", err, code, c.code)
			}
		}
	}
}

func testApp(stdout, stderr io.Writer) *app {
	return newApp(Environment{Stdin: strings.NewReader(""), Stdout: stdout, Stderr: stderr,
		Lookup: func(string) (string, bool) { return "", false }, Dir: "/", Now: fixedClock})
}

func TestReport(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{reported(13), ""},
		{syscall.EPIPE, ""},
		{context.Canceled, "evault: interrupted\n"},
		{errors.New("no \x1b[31mred"), "evault: no \\033[31mred\n"},
		{&usageError{"evault log", errors.New("bad flag")}, "evault: bad flag\nhint: see \"evault log --help\"\n"},
		{repo.ErrLocked, "evault: another evault is working in this vault\nhint: it may be a backup that is running; --wait 30s waits for it\n"},
		{&unknownVerbError{"comit", []string{"commit"}}, "evault: unknown verb \"comit\"; did you mean commit?\nhint: see \"evault --help\"\n"},
	} {
		var stderr bytes.Buffer
		testApp(io.Discard, &stderr).report(c.err)
		if stderr.String() != c.want {
			t.Errorf("%v prints\n%swant\n%s", c.err, stderr.String(), c.want)
		}
	}
}

// failingWriter fails as a full disk or a closed pipe does.
type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// TestLostOutputIsAnError: a result that could not be written is a failure, unless its reader went away.
func TestLostOutputIsAnError(t *testing.T) {
	for err, want := range map[error]int{syscall.ENOSPC: 1, syscall.EPIPE: 0} {
		var stderr bytes.Buffer
		if got := testApp(failingWriter{err}, &stderr).run(context.Background(), []string{"version"}); got != want {
			t.Errorf("%v: exit code %d, want %d; stderr: %s", err, got, want, stderr.String())
		}
		if err == syscall.EPIPE && stderr.Len() > 0 {
			t.Errorf("broken pipe prints %q", stderr.String())
		}
	}
}
