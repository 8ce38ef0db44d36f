package commands

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"evault/repo"
)

func newPull(a *app) *cobra.Command {
	var o repo.PullOptions
	var favour favourFlags
	cmd := &cobra.Command{
		Use:   "pull [REMOTE [BRANCH]]",
		Short: "Fetch, and bring in what other devices have committed",
		Long: `Fetch, and bring the remote's branch of the same name, or BRANCH, into the current one. Where this device has committed
nothing of its own the branch moves forward; else the changes are merged as by "evault merge": where both sides changed the
same lines the files hold both, nothing is committed (exit code 13), and "evault merge --continue" concludes it once you
have decided. Work that is in no commit is never overwritten.`,
		Example: `  evault pull
  evault pull friend
  evault pull friend main --ff-only`,
		Args:              between(0, 2, "a remote and a branch"),
		ValidArgsFunction: a.completePush,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.Remote = args[0]
			}
			if len(args) > 1 {
				o.Branch = args[1]
			}
			var err error
			if o.Favour, err = favour.favour(cmd); err != nil {
				return err
			}
			return a.runPull(cmd.Context(), o)
		},
	}
	favour.add(cmd)
	cmd.Flags().BoolVar(&o.NoFastForward, "no-ff", false, "make a merge commit even where the branch could move forward")
	cmd.Flags().StringVar(&o.ConflictStyle, "conflict", "", "markers: merge, or diff3 with the common ancestor's lines between (`STYLE`)")
	cmd.Flags().BoolVar(&o.FastForwardOnly, "ff-only", false, "refuse to merge")
	return cmd
}

type pullJSON struct {
	schema
	Fetch     *fetchJSON     `json:"fetch,omitempty"`
	Branch    string         `json:"branch"`
	Kind      string         `json:"kind,omitempty"` // "up-to-date", "fast-forward", "merge", "pending"
	Commit    string         `json:"commit,omitempty"`
	Conflicts []string       `json:"conflicts"`
	Unmerged  []conflictJSON `json:"unmerged"`
	Written   int64          `json:"written"`
	Deleted   int64          `json:"deleted"`
	Error     string         `json:"error,omitempty"`
}

func (a *app) runPull(ctx context.Context, o repo.PullOptions) error {
	return a.withVault(ctx, repo.Writing, func(v *openVault) error {
		said := len(v.Notes())
		r, err := v.Pull(ctx, o)
		for _, n := range v.Notes()[said:] {
			a.note("%s", n)
		}
		if r == nil {
			return err
		}
		a.screen.clear()
		if a.flags.json {
			return errors.Join(err, a.emit(pullDocument(r, err)))
		}
		if r.Fetch != nil && (err == nil || r.Fetch.Packs > 0 || len(r.Fetch.Updates) > 0 || len(r.Fetch.Problems) > 0) {
			a.showFetch(r.Fetch, false)
		}
		a.showMerge(v, r.Merge)
		return err
	})
}

func pullDocument(r *repo.PullResult, err error) pullJSON {
	out := pullJSON{schema: schemaOf("pull"), Branch: r.Branch, Conflicts: []string{}, Unmerged: []conflictJSON{}}
	if r.Fetch != nil {
		doc := fetchDocument(r.Fetch, nil)
		out.Fetch = &doc
	}
	if m := r.Merge; m != nil {
		out.Unmerged = conflictsJSON(m.Conflicts)
		out.Kind, out.Commit, out.Written, out.Deleted = m.Kind, idJSON(m.Commit), m.Written, m.Deleted
	}
	var conflict *repo.MergeConflictError
	if errors.As(err, &conflict) {
		out.Conflicts = nonNil(conflict.Paths)
	}
	out.Error = errorText(err)
	return out
}
