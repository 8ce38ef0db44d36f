package commands

import (
	"context"

	"github.com/spf13/cobra"

	"evault/repo"
)

func newRm(a *app) *cobra.Command {
	var o repo.RemoveOptions
	var nul bool
	cmd := &cobra.Command{
		Use:   "rm PATH...",
		Short: "Delete files and track them no longer",
		Long: `Delete files from the work tree and track them no longer; commits that hold them keep them. Files with changes that are in
no commit are refused without --force.`,
		Example: `  evault rm old.txt
  evault rm -r drafts
  evault rm --cached secret.key`,
		Args: between(1, -1, "at least one path"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runRm(cmd.Context(), o, nul, args) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.Cached, "cached", false, "only stop tracking; leave the files on disk")
	f.BoolVarP(&o.Recursive, "recursive", "r", false, "folders with all that is in them")
	f.BoolVarP(&o.Force, "force", "f", false, "delete files with changes that are in no commit")
	f.BoolVarP(&o.DryRun, "dry-run", "n", false, "only show what would be done")
	f.BoolVarP(&nul, "null", "z", false, "end each path of the list with NUL and quote nothing")
	return cmd
}

type rmJSON struct {
	schema
	DryRun  bool       `json:"dry_run"`
	Removed []jsonPath `json:"removed"`
}

func (a *app) runRm(ctx context.Context, o repo.RemoveOptions, nul bool, args []string) error {
	return a.withVault(ctx, repo.Writing, func(v *openVault) error {
		var err error
		if o.Paths, err = v.args(args); err != nil {
			return err
		}
		r, err := v.Remove(ctx, o)
		if err != nil {
			return err
		}
		if a.flags.json {
			return a.emit(rmJSON{schemaOf("rm"), o.DryRun, pathsJSON(r.Removed)})
		}
		if !a.flags.quiet {
			a.listPaths(v, "rm ", r.Removed, nul)
		}
		return nil
	})
}
