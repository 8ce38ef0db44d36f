package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"evault/repo"
)

// gitIn gives a repo.GitRunner for the repository in a folder, or the reason why there can be none.
//
// A repository that comes from somebody else may hold a configuration that makes git run programs. So git gets none of the
// variables that lead it elsewhere, runs no hooks, and may use no protocol: a partial clone, which git would complete by asking
// whatever its configuration names, is read as far as it is there. It is looked for in this very folder, and not above it.
func (a *app) gitIn(dir string) (repo.GitRunner, error) {
	program, err := exec.LookPath("git")
	if err != nil {
		return nil, errors.New("the program git is not installed; it reads the repository")
	}
	dir, err = filepath.EvalSymlinks(a.absolute(dir))
	if err != nil {
		return nil, err
	}
	if st, err := os.Stat(dir); err != nil {
		return nil, err
	} else if !st.IsDir() {
		return nil, fmt.Errorf("%s is a file; a git repository is a folder", quoted(dir))
	}
	env := gitEnvironment(os.Environ(), filepath.Dir(dir))
	return func(ctx context.Context, args ...string) (repo.GitProcess, error) {
		return startGit(ctx, program, dir, env, args)
	}, nil
}

// gitEnvironment is what git sees of ours.
func gitEnvironment(ours []string, above string) (env []string) {
	for _, v := range ours {
		if !strings.HasPrefix(strings.ToUpper(v), "GIT_") {
			env = append(env, v)
		}
	}
	return append(env, "LC_ALL=C", "GIT_CEILING_DIRECTORIES="+above, "GIT_NO_REPLACE_OBJECTS=1", "GIT_NO_LAZY_FETCH=1",
		"GIT_ALLOW_PROTOCOL=none", "GIT_PROTOCOL_FROM_USER=0", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "GIT_ADVICE=0")
}

// gitProcess is a running git: repo.GitProcess.
type gitProcess struct {
	io.Reader
	cmd   *exec.Cmd
	verb  string
	said  *lastWords
	close func() error
	ended bool
	err   error
}

func startGit(ctx context.Context, program, dir string, env, args []string) (repo.GitProcess, error) {
	nothing := os.DevNull
	if runtime.GOOS == "windows" {
		nothing = "NUL"
	}
	head := []string{"-C", dir, "-c", "core.hooksPath=" + nothing, "-c", "core.fsmonitor=false", "-c", "core.quotePath=true", "--no-pager"}
	cmd := exec.CommandContext(ctx, program, append(head, args...)...)
	cmd.Env = env
	cmd.WaitDelay = 5 * time.Second
	p := &gitProcess{cmd: cmd, verb: args[0], said: &lastWords{}}
	cmd.Stderr = p.said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("git cannot be started: %w", err)
	}
	p.Reader, p.close = out, out.Close
	return p, nil
}

// Wait gives how git ended, in its own words.
func (p *gitProcess) Wait() error {
	if p.ended {
		return p.err
	}
	p.ended = true
	_ = p.close() // whatever git still has to say nobody reads
	if err := p.cmd.Wait(); err != nil {
		p.err = &gitError{p.verb, p.said.text(), err}
	}
	return p.err
}

// gitError says how a git failed.
type gitError struct {
	verb, said string
	err        error
}

func (e *gitError) Error() string {
	if e.said == "" {
		return fmt.Sprintf("git %s: %v", e.verb, e.err)
	}
	return fmt.Sprintf("git %s: %s", e.verb, e.said)
}

func (e *gitError) Unwrap() error { return e.err }

// lastWords keeps the end of what a program says.
type lastWords struct{ said []byte }

const maxLastWords = 4 << 10

func (l *lastWords) Write(p []byte) (int, error) {
	l.said = append(l.said, p...)
	if n := len(l.said) - maxLastWords; n > 0 {
		l.said = append(l.said[:0], l.said[n:]...)
	}
	return len(p), nil
}

// text gives the errors among the last words, or all of them, on one line.
func (l *lastWords) text() string {
	var fatal, all []string
	for line := range strings.Lines(string(l.said)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		all = append(all, line)
		if rest, ok := strings.CutPrefix(line, "fatal: "); ok {
			fatal = append(fatal, rest)
		} else if len(fatal) > 0 { // what to do about it
			fatal = append(fatal, line)
		}
	}
	if len(fatal) > 0 {
		all = fatal
	}
	return strings.Join(all, " ")
}
