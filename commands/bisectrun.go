package commands

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"evault/repo"
)

// Exit codes of a command that tests a commit, as git has them.
const (
	testGood    = 0
	testSkipped = 125
	testMostBad = 127 // beyond it, the test itself has failed
)

func newBisectRun(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run COMMAND [ARGUMENT...]",
		Short: "Let a command test one commit after the other",
		Long: `Run a command of yours at the root of the work tree for each commit to be tested, until the first bad one is found. Exit code 0
says good, 125 that the commit cannot be tested, anything else up to 127 bad; a higher one, or a signal, ends the run, and the
search can be continued. The vault is not locked while the command runs.`,
		Example: `  evault bisect run sh check.sh
  evault bisect run sh -c "grep -q word notes.txt"`,
		Args: between(1, -1, "a command"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.runBisect(cmd.Context(), args) },
	}
	cmd.Flags().SetInterspersed(false) // what is behind the command is the command's
	return cmd
}

// runBisect opens the vault anew for each step, so that the command may use it.
func (a *app) runBisect(ctx context.Context, command []string) error {
	var step *repo.BisectStep
	var root string
	advance := func(mark string) error {
		return a.withVault(ctx, repo.Writing, func(v *openVault) (err error) {
			root = v.root
			if mark == "" {
				step, err = v.BisectGo(ctx)
			} else {
				step, err = v.BisectMark(ctx, mark, []string{step.ID.String()})
			}
			if err != nil || step.State == repo.BisectTesting {
				return err
			}
			return a.endRun(ctx, v, step)
		})
	}
	mark := ""
	for {
		if err := advance(mark); err != nil {
			return err
		}
		if step.State != repo.BisectTesting {
			return nil
		}
		a.say("Testing [%s] %s\n", step.ID.Short(), harmless(subjectOf(step.Commit.Message)))
		code, err := a.runTest(ctx, root, command)
		if err != nil {
			return err
		}
		switch {
		case code == testGood:
			mark = repo.MarkGood
		case code == testSkipped:
			mark = repo.MarkSkip
		default:
			mark = repo.MarkBad
		}
		a.say("%s\n", mark)
	}
}

// endRun says what a run has come to.
func (a *app) endRun(ctx context.Context, v *openVault, step *repo.BisectStep) error {
	if step.State == repo.BisectWaiting {
		return fmt.Errorf("%w: a run needs a bad commit and a good one: \"evault bisect bad REV\", \"evault bisect good REV\"", repo.ErrConflict)
	}
	return a.showStep(ctx, v, step, nil)
}

// runTest runs the user's command at the root of the work tree and gives its exit code. With --json stdout is for the result
// alone, so what the command prints goes to stderr.
func (a *app) runTest(ctx context.Context, root string, command []string) (int, error) {
	if err := a.out.Flush(); err != nil {
		return 0, err
	}
	name := command[0]
	if strings.ContainsRune(filepath.ToSlash(name), '/') && !filepath.IsAbs(name) {
		name = filepath.Join(root, name) // and not from where evault was started
	}
	cmd := exec.CommandContext(ctx, name, command[1:]...)
	cmd.Dir = root
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.env.Stdin, a.env.Stdout, a.env.Stderr
	if a.flags.json {
		cmd.Stdout = a.env.Stderr
	}
	err := cmd.Run()
	var exited *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case err == nil:
		return testGood, nil
	case !errors.As(err, &exited):
		return 0, fmt.Errorf("the test cannot be run: %w", err)
	case exited.ExitCode() < 0 || exited.ExitCode() > testMostBad:
		return 0, fmt.Errorf("the test ended with %s, so the run ends here: \"evault bisect status\" says how far it is", exited.ProcessState)
	}
	return exited.ExitCode(), nil
}
