package commands

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"evault/repo"
)

func newReset(a *app) *cobra.Command {
	var o repo.ResetOptions
	var soft, mixed bool
	cmd := &cobra.Command{
		Use:   "reset [--soft | --hard] [REV]",
		Short: "Move the current branch to another commit",
		Long: `Move the current branch, or a detached HEAD, to another commit (default HEAD). The files stay as they are, and what differs
from there is a change again; there is no staging area that could be reset. With --hard the tracked files become as that
commit has them, and a merge in progress is taken back. Changes that are in no commit are never overwritten without --force,
which lists them; files that no commit knows stay. "evault undo" takes a reset back. Single files: "evault restore PATH"
brings them back, "evault rm --cached PATH" takes back an add.`,
		Example: `  evault reset HEAD~1
  evault reset --hard HEAD~1
  evault reset --hard --force`,
		ValidArgsFunction: a.completeRevisions(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.ArgsLenAtDash() >= 0 || len(args) > 1 {
				return usagef(cmd, "reset moves the whole branch; \"evault restore PATH\" brings back files, \"evault rm --cached PATH\" takes back an add")
			}
			if o.Hard && (soft || mixed) || soft && mixed {
				return usagef(cmd, "--soft, --mixed and --hard contradict each other")
			}
			if o.Force && !o.Hard {
				return usagef(cmd, "--force is for --hard: otherwise no file changes")
			}
			if len(args) > 0 {
				o.Revision = args[0]
			}
			return a.runReset(cmd.Context(), o, mixed)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&soft, "soft", false, "leave the files as they are (this is the default)")
	f.BoolVar(&mixed, "mixed", false, "as --soft: there is no staging area")
	f.BoolVar(&o.Hard, "hard", false, "move the tracked files too")
	f.BoolVarP(&o.Force, "force", "f", false, "with --hard: overwrite changes that are in no commit, and list them")
	f.BoolVarP(&o.DryRun, "dry-run", "n", false, "only say what would be done")
	_ = f.MarkHidden("mixed") // it exists for the fingers of git users
	return cmd
}

func (a *app) runReset(ctx context.Context, o repo.ResetOptions, mixed bool) error {
	return a.withVault(ctx, repo.Writing, func(v *openVault) error {
		r, err := v.Reset(ctx, o)
		if err != nil && (r == nil || !errors.Is(err, repo.ErrIncomplete)) {
			return v.fileNotRevision(err, o.Revision)
		}
		a.screen.clear()
		if a.flags.json {
			err = a.emit(moveDocument("reset", o.DryRun, r))
		} else {
			a.showReset(v, o, r, mixed)
			err = nil
		}
		return errors.Join(err, a.problems(v.describeProblems(r.Problems)))
	})
}

func (a *app) showReset(v *openVault, o repo.ResetOptions, r *repo.CheckoutResult, mixed bool) {
	a.showLost(v, r.Lost, r.Notes, o.DryRun)
	where := "HEAD is now at "
	if o.DryRun {
		where = "(dry run) HEAD would be at "
	}
	where += r.Commit.Short() + " " + harmless(r.Subject)
	if o.Hard {
		a.say("%s: %d written, %d deleted\n", where, r.Written, r.Deleted)
		return
	}
	a.say("%s; the files stay as they are\n", where)
	if mixed && !a.flags.quiet {
		a.hint("there is no staging area: --mixed is the same as --soft, and what was added stays so")
	}
}

// fileNotRevision explains a revision that is the name of a file, where git would reset its staging.
func (v *openVault) fileNotRevision(err error, name string) error {
	explained := v.pathNotRevision(err, name)
	if explained == err {
		return err
	}
	return &usageError{"evault reset", fmt.Errorf("%s is a file: \"evault restore %s\" brings it back, \"evault rm --cached %s\" takes back an add",
		quoted(name), quoted(name), quoted(name))}
}
