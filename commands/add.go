package commands

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"evault/repo"
)

type addOptions struct {
	all, force, dryRun, nul bool
}

func newAdd(a *app) *cobra.Command {
	var o addOptions
	cmd := &cobra.Command{
		Use:   "add PATH...",
		Short: "Track files, so that the next commit takes them",
		Long: `Track files, and everything in folders that .evaultignore does not leave out. Nothing is read or stored yet: commit takes
the files as they are then. With -A everything in the work tree is tracked, and what is missing is tracked no longer.`,
		Example: `  evault add notes.txt photos
  evault add -A
  evault add -n .`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && !o.all {
				return usagef(cmd, "add needs a path, or -A for everything")
			}
			return a.runAdd(cmd.Context(), o, args)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.all, "all", "A", false, "everything; what is missing is tracked no longer")
	f.BoolVarP(&o.force, "force", "f", false, "ignored files too")
	f.BoolVarP(&o.dryRun, "dry-run", "n", false, "only show what would be done")
	f.BoolVarP(&o.nul, "null", "z", false, "end each path of the list with NUL and quote nothing")
	return cmd
}

type addJSON struct {
	schema
	DryRun   bool          `json:"dry_run"`
	Added    []jsonPath    `json:"added"`
	Removed  []jsonPath    `json:"removed"`
	Ignored  []jsonPath    `json:"ignored"`
	Problems []problemJSON `json:"problems"`
}

func (a *app) runAdd(ctx context.Context, o addOptions, args []string) error {
	mode := repo.Writing
	if o.dryRun {
		mode = repo.ReadOnly
	}
	return a.withVault(ctx, mode, func(v *openVault) error {
		paths, err := v.args(args)
		if err != nil {
			return err
		}
		r, err := v.Add(ctx, repo.AddOptions{Paths: paths, All: o.all, Force: o.force, DryRun: o.dryRun})
		if err != nil && (r == nil || !errors.Is(err, repo.ErrIncomplete)) {
			return err
		}
		if err := a.showAdd(v, o, r); err != nil {
			return err
		}
		return a.addProblems(v, r)
	})
}

func (a *app) showAdd(v *openVault, o addOptions, r *repo.AddResult) error {
	if a.flags.json {
		return a.emit(addJSON{schemaOf("add"), o.dryRun, pathsJSON(r.Added), pathsJSON(r.Removed), pathsJSON(r.Ignored),
			problemsJSON(r.Problems)})
	}
	if !o.dryRun && !a.flags.verbose {
		return nil
	}
	a.listPaths(v, "add ", r.Added, o.nul)
	a.listPaths(v, "remove ", r.Removed, o.nul)
	return nil
}

// listPaths prints paths with a word in front, as git add -n does.
func (a *app) listPaths(v *openVault, word string, paths []string, nul bool) {
	for _, p := range paths {
		if nul {
			a.printf("%s%s\x00", word, p)
		} else {
			a.printf("%s%s\n", word, quoted(v.showSlashed(p)))
		}
	}
}

func (a *app) addProblems(v *openVault, r *repo.AddResult) error {
	for _, p := range r.Ignored {
		a.note("%s is ignored", quoted(v.show(p)))
	}
	if len(r.Ignored) > 0 {
		a.hint("-f tracks it all the same")
	}
	err := a.problems(v.describeProblems(r.Problems))
	if err == nil && len(r.Ignored) > 0 {
		return reported(exitFailed)
	}
	return err
}
