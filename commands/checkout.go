package commands

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"evault/repo"
)

func newCheckout(a *app) *cobra.Command {
	var o repo.CheckoutOptions
	var create string
	cmd := &cobra.Command{
		Use:   "checkout REV",
		Short: "Bring the work tree to a branch or a commit",
		Long: `Bring the work tree to a branch, which further commits then move, or to any other revision, where HEAD is then detached.
Changes that are in no commit, and untracked files in the way, are never overwritten without --force, which lists them.
"-" is where HEAD was before. To bring back single files use restore.`,
		Example: `  evault checkout main
  evault checkout HEAD~3
  evault checkout -b experiment`,
		ValidArgsFunction: a.completeRevisions(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.ArgsLenAtDash() >= 0 {
				return usagef(cmd, "checkout moves the whole work tree; \"evault restore [--source REV] PATH\" brings back files")
			}
			if err := between(0, 1, "one revision")(cmd, args); err != nil {
				return err
			}
			if len(args) == 0 && create == "" {
				return usagef(cmd, "checkout needs a revision, or -b NAME for a new branch")
			}
			if len(args) > 0 {
				o.Revision = args[0]
			}
			o.Create = create
			return a.runCheckout(cmd.Context(), "checkout", o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&create, "branch", "b", "", "make the branch `NAME` at the revision (default HEAD) and switch to it")
	f.BoolVar(&o.Detach, "detach", false, "detach HEAD even at a branch")
	addMoveFlags(cmd, &o)
	return cmd
}

// addMoveFlags adds what checkout and switch share.
func addMoveFlags(cmd *cobra.Command, o *repo.CheckoutOptions) {
	f := cmd.Flags()
	f.BoolVarP(&o.Force, "force", "f", false, "overwrite changes that are in no commit, and list them")
	f.BoolVarP(&o.DryRun, "dry-run", "n", false, "only say what would be done")
}

type checkoutJSON struct {
	schema
	DryRun      bool          `json:"dry_run"`
	Branch      string        `json:"branch,omitempty"`
	Commit      string        `json:"commit,omitempty"`
	Written     int64         `json:"written"`
	Deleted     int64         `json:"deleted"`
	Lost        []jsonPath    `json:"lost"`
	PutAside    string        `json:"put_aside,omitempty"`
	BroughtBack string        `json:"brought_back,omitempty"`
	Problems    []problemJSON `json:"problems"`
	Notes       []string      `json:"notes"`
}

// moveDocument is what checkout, switch and reset print.
func moveDocument(verb string, dryRun bool, r *repo.CheckoutResult) checkoutJSON {
	return checkoutJSON{schemaOf(verb), dryRun, r.Head.Branch, idJSON(r.Commit), r.Written, r.Deleted, pathsJSON(r.Lost),
		idJSON(r.PutAside), idJSON(r.BroughtBack), problemsJSON(r.Problems), nonNil(r.Notes)}
}

func (a *app) runCheckout(ctx context.Context, verb string, o repo.CheckoutOptions) error {
	return a.withVault(ctx, repo.Writing, func(v *openVault) error {
		o, err := v.before(ctx, o)
		if err != nil {
			return err
		}
		r, err := v.Checkout(ctx, o)
		if err != nil && (r == nil || !errors.Is(err, repo.ErrIncomplete)) {
			return v.pathNotRevision(err, o.Revision)
		}
		a.screen.clear()
		if a.flags.json {
			err = a.emit(moveDocument(verb, o.DryRun, r))
		} else {
			a.showCheckout(v, o, r)
			err = nil
		}
		return errors.Join(err, a.problems(v.describeProblems(r.Problems)))
	})
}

func (a *app) showCheckout(v *openVault, o repo.CheckoutOptions, r *repo.CheckoutResult) {
	a.showLost(v, r.Lost, r.Notes, o.DryRun)
	if !r.PutAside.IsZero() {
		a.say("Put what is in no commit aside as %s\n", r.PutAside.Short())
	}
	where := "HEAD is now at " + r.Commit.Short() + " " + harmless(r.Subject)
	switch {
	case r.Head.Branch != "" && o.Create != "":
		where = "Switched to the new branch " + r.Head.Branch
	case r.Head.Branch != "" && o.Revision == "":
		where = "On branch " + r.Head.Branch
	case r.Head.Branch != "":
		where = "Switched to branch " + r.Head.Branch
	}
	if o.DryRun {
		where = "(dry run) " + where
	}
	a.say("%s: %d written, %d deleted\n", where, r.Written, r.Deleted)
	if !r.BroughtBack.IsZero() {
		a.say("Brought back the work that was put aside here\n")
	}
}
