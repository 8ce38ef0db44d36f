package commands

import (
	"context"

	"github.com/spf13/cobra"

	"evault/repo"
)

func newMv(a *app) *cobra.Command {
	var o repo.MoveOptions
	var nul bool
	cmd := &cobra.Command{
		Use:   "mv SOURCE... TARGET",
		Short: "Rename or move tracked files and folders",
		Example: `  evault mv draft.txt final.txt
  evault mv a.jpg b.jpg photos`,
		Args: between(2, -1, "what to move and where to"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runMv(cmd.Context(), o, nul, args) },
	}
	f := cmd.Flags()
	f.BoolVarP(&o.Force, "force", "f", false, "replace a file that has the new name")
	f.BoolVarP(&o.DryRun, "dry-run", "n", false, "only show what would be done")
	f.BoolVarP(&nul, "null", "z", false, "with -n or -v: end each of the two paths with NUL and quote nothing")
	return cmd
}

type moveJSON struct {
	From jsonPath `json:"from"`
	To   jsonPath `json:"to"`
}

type mvJSON struct {
	schema
	DryRun bool       `json:"dry_run"`
	Moved  []moveJSON `json:"moved"`
}

func (a *app) runMv(ctx context.Context, o repo.MoveOptions, nul bool, args []string) error {
	return a.withVault(ctx, repo.Writing, func(v *openVault) error {
		paths, err := v.args(args)
		if err != nil {
			return err
		}
		o.Sources, o.Target = paths[:len(paths)-1], paths[len(paths)-1]
		r, err := v.Move(ctx, o)
		if err != nil {
			return err
		}
		if a.flags.json {
			return a.emit(mvResult(o, r))
		}
		for _, m := range r.Moved {
			switch {
			case !a.flags.verbose && !o.DryRun:
			case nul:
				a.printf("%s\x00%s\x00", m[0], m[1])
			default:
				a.printf("%s -> %s\n", quoted(v.show(m[0])), quoted(v.show(m[1])))
			}
		}
		return nil
	})
}

func mvResult(o repo.MoveOptions, r *repo.MoveResult) mvJSON {
	out := mvJSON{schemaOf("mv"), o.DryRun, []moveJSON{}}
	for _, m := range r.Moved {
		out.Moved = append(out.Moved, moveJSON{pathJSON(m[0]), pathJSON(m[1])})
	}
	return out
}
