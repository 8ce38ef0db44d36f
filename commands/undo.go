package commands

import (
	"context"

	"github.com/spf13/cobra"

	"evault/repo"
)

func newUndo(a *app) *cobra.Command {
	var o repo.UndoOptions
	cmd := &cobra.Command{
		Use:   "undo",
		Short: "Take back the last operation",
		Long: `Take back the last operation that was not taken back yet: a commit, a switch, a branch made, moved or deleted. Branches and
HEAD go back. The files of a commit stay as they are, so its changes are changes again; after a switch or checkout the
files go back too, and nothing that is in no commit is overwritten without --force. Nothing is deleted: what was undone is
still in the reflog.`,
		Example: `  evault undo -n
  evault undo`,
		Args: between(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runUndo(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.BoolVarP(&o.DryRun, "dry-run", "n", false, "only say what would be taken back")
	f.BoolVarP(&o.Force, "force", "f", false, "overwrite changes that are in no commit")
	return cmd
}

type undoJSON struct {
	schema
	DryRun  bool       `json:"dry_run"`
	Undone  reflogJSON `json:"undone"`
	Head    string     `json:"head,omitempty"`
	Commit  string     `json:"commit,omitempty"`
	Written int64      `json:"written"`
	Deleted int64      `json:"deleted"`
}

func (a *app) runUndo(ctx context.Context, o repo.UndoOptions) error {
	return a.withVault(ctx, repo.Writing, func(v *openVault) error {
		r, err := v.Undo(ctx, o)
		if err != nil {
			return err
		}
		a.screen.clear()
		if a.flags.json {
			return a.emit(undoJSON{schemaOf("undo"), o.DryRun, toReflogJSON(&r.Undone), headJSON(r.Head), idJSON(r.Commit),
				r.Written, r.Deleted})
		}
		verb := "Took back"
		if o.DryRun {
			verb = "Would take back"
		}
		a.say("%s: %s%s\n", verb, r.Undone.Operation, described(r.Undone.Description))
		where := "HEAD is now at "
		if o.DryRun {
			where = "HEAD would be at "
		}
		if r.Commit.IsZero() {
			a.say("%s%s, without a commit\n", where, r.Head)
		} else {
			a.say("%s%s (%s)\n", where, r.Commit.Short(), r.Head)
		}
		return nil
	})
}
