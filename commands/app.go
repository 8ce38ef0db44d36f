package commands

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// app is one run of the program: the environment, the flags that every verb takes, and the output.
type app struct {
	env    Environment
	flags  globalFlags
	dir    string   // the working directory, after -C
	verb   string   // that is running: "commit"
	line   []string // the whole command line
	screen *screen

	verifying string        // the remote, in "verify --remote"
	out       *bufio.Writer // stdout, or the pager
	pager     *pager

	interrupts *interrupts
}

// globalFlags are taken by every verb.
type globalFlags struct {
	dir            string
	json           bool
	quiet          bool
	verbose        bool
	color          string
	noProgress     bool
	noPager        bool
	wait           time.Duration
	passphraseFile string
}

func newApp(env Environment) *app {
	a := &app{env: env, dir: env.Dir, interrupts: &interrupts{}}
	a.screen = &screen{stderr: env.Stderr, now: env.Now, width: env.Terminal.width}
	a.out = bufio.NewWriterSize(a.behindProgress(env.Stdout, env.Terminal.Out), 64<<10)
	return a
}

// behindProgress gives a writer that takes the progress line off the screen before it writes.
func (a *app) behindProgress(w io.Writer, isTerminal bool) io.Writer {
	if !isTerminal {
		return w
	}
	return &clearingWriter{a.screen, w}
}

// run executes one command line and gives the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	a.line = args
	root := newRoot(a)
	root.SetArgs(withCounts(root, args))
	err := asUnknownVerb(root, root.ExecuteContext(ctx))
	a.screen.clear()
	if flushErr := a.finishOutput(); err == nil {
		err = flushErr
	}
	return a.report(err)
}

// finishOutput writes what is buffered and waits for the pager.
func (a *app) finishOutput() error {
	err := a.out.Flush()
	if a.pager != nil {
		err = a.pager.close(err)
		a.pager = nil
	}
	return err
}

// prepare runs before every verb.
func (a *app) prepare(cmd *cobra.Command, args []string) error {
	a.verb = cmd.Name()
	if slices.Contains(args, "") && !takesEmpty(cmd) {
		return usagef(cmd, "an argument is empty (is a variable of the shell not set?)")
	}
	switch a.flags.color {
	case "auto", "always", "never":
	default:
		return usagef(cmd, "--color is auto, always or never, not %q", a.flags.color)
	}
	if a.flags.wait < 0 {
		return usagef(cmd, "--wait cannot be negative")
	}
	if a.flags.dir == "" {
		return nil
	}
	dir := a.absolute(a.flags.dir)
	st, err := os.Stat(dir)
	if err != nil {
		return otherC(cmd, fmt.Errorf("-C: %w", err))
	}
	if !st.IsDir() {
		return otherC(cmd, fmt.Errorf("-C: %s is not a folder", quoted(a.flags.dir)))
	}
	a.dir = dir
	return nil
}

// takesEmpty tells verbs for which an empty argument means something: a value that is taken back, a word to complete.
func takesEmpty(cmd *cobra.Command) bool {
	return cmd.CommandPath() == "evault config set" || strings.HasPrefix(cmd.Name(), cobra.ShellCompRequestCmd)
}

// absolute makes a path of the operating system absolute, relative to the working directory.
func (a *app) absolute(p string) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(a.dir, p)
}

// getenv gives an environment variable, empty where it is not set.
func (a *app) getenv(name string) string {
	v, _ := a.env.Lookup(name)
	return v
}

// printf writes to stdout (or the pager). The error is seen when the output is finished.
func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.out, format, args...) }

// say prints a result that --quiet and --json leave out.
func (a *app) say(format string, args ...any) {
	if !a.flags.quiet && !a.flags.json {
		a.printf(format, args...)
	}
}

// note prints a sentence on stderr, after what stdout has so far.
func (a *app) note(format string, args ...any) {
	_ = a.out.Flush() // bufio keeps the error, and finishOutput returns it
	a.complain("evault: " + fmt.Sprintf(format, args...))
}

// hint prints a line of advice on stderr.
func (a *app) hint(text string) { a.complain("hint: " + text) }

// complain writes one line to stderr. If that fails there is nowhere left to say so.
func (a *app) complain(line string) { _, _ = a.screen.write(a.env.Stderr, []byte(harmless(line)+"\n")) }

// problems prints what a verb could not do, one line each, and gives the error that ends it with exit code 1.
func (a *app) problems(list []string) error {
	if len(list) == 0 {
		return nil
	}
	for _, p := range list {
		a.note("%s", p)
	}
	return reported(exitFailed)
}
