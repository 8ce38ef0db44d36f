package commands

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"evault/repo"
)

type mergeOptions struct {
	repo.MergeOptions
	favour     favourFlags
	messages   []string
	abort, run bool
}

func newMerge(a *app) *cobra.Command {
	var o mergeOptions
	cmd := &cobra.Command{
		Use:   "merge REV | merge --continue | merge --abort",
		Short: "Bring another branch or commit into the current branch",
		Long: `Bring another branch or commit into the current branch: by moving forward where this branch has nothing of its own, else by
merging what both sides changed since they parted, and a commit with both as parents. Files that were renamed are found.

Where both sides changed the same lines, the text holds both, between markers (<<<<<<<, =======, >>>>>>>); of anything but
text both versions are kept, the other one as NAME.BRANCH.EXT. Nothing is committed then (exit code 13), and "evault
status" lists what to decide. Edit the files; "evault add PATH" and "evault rm PATH" say that a path is as it should
be. Then "evault merge --continue", or "evault commit", concludes the merge, and "evault merge --abort" takes it back.

--ours, --theirs and --newest decide every conflict at once: of texts only the lines that conflict, with --newest and of
anything else whole files. Work that is in no commit is never overwritten: if it is in the way, nothing is done.`,
		Example: `  evault merge feature
  evault merge feature --no-ff -m "Bring in the feature"
  evault merge feature --theirs
  evault merge --continue
  evault merge --abort`,
		ValidArgsFunction: a.completeRevisions(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case o.abort && o.run:
				return usagef(cmd, "--abort and --continue are opposites")
			case (o.abort || o.run) && len(args) > 0:
				return usagef(cmd, "--abort and --continue are about the merge in progress, and take no revision")
			case !o.abort && !o.run && len(args) > 1:
				return usagef(cmd, "one commit or branch can be merged at a time, and got %q as well", args[1])
			case !o.abort && !o.run && len(args) == 0:
				return usagef(cmd, "which commit or branch?")
			}
			return a.runMerge(cmd, o, args)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.FastForwardOnly, "ff-only", false, "refuse to make a merge commit")
	f.BoolVar(&o.NoFastForward, "no-ff", false, "make a merge commit even where the branch could move forward")
	f.BoolVar(&o.NoCommit, "no-commit", false, "leave the result in the work tree, to be looked at before it is committed")
	f.BoolVar(&o.Unrelated, "allow-unrelated-histories", false, "merge also what has no commit in common with this branch")
	f.Bool("no-edit", true, "no editor is opened in any case")
	f.Bool("ff", true, "move forward where that is possible, as always")
	for _, name := range []string{"no-edit", "ff"} {
		_ = f.MarkHidden(name) // they exist for the fingers of git users
	}
	f.StringArrayVarP(&o.messages, "message", "m", nil, "the message of the merge commit (may be repeated)")
	o.favour.add(cmd)
	f.StringVar(&o.ConflictStyle, "conflict", "", "markers: merge, or diff3 with the common ancestor's lines between (`STYLE`)")
	f.BoolVar(&o.run, "continue", false, "commit the merge in progress")
	f.BoolVar(&o.abort, "abort", false, "take the merge in progress back")
	return cmd
}

// favourFlags are the flags that decide conflicts.
type favourFlags struct{ ours, theirs, newest bool }

func (o *favourFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.ours, "ours", false, "decide conflicts for this branch")
	f.BoolVar(&o.theirs, "theirs", false, "decide conflicts for the other side")
	f.BoolVar(&o.newest, "newest", false, "decide conflicts for the file that was modified last")
}

func (o *favourFlags) favour(cmd *cobra.Command) (repo.Favour, error) {
	favour, n := repo.FavourNone, 0
	for _, one := range []struct {
		said bool
		is   repo.Favour
	}{{o.ours, repo.FavourOurs}, {o.theirs, repo.FavourTheirs}, {o.newest, repo.FavourNewest}} {
		if one.said {
			favour, n = one.is, n+1
		}
	}
	if n > 1 {
		return favour, usagef(cmd, "only one of --ours, --theirs and --newest can decide")
	}
	return favour, nil
}

type mergeJSON struct {
	schema
	Kind      string         `json:"kind,omitempty"` // "up-to-date", "fast-forward", "merge", "pending", "aborted"
	Commit    string         `json:"commit,omitempty"`
	Conflicts []conflictJSON `json:"conflicts"`
	Written   int64          `json:"written"`
	Deleted   int64          `json:"deleted"`
	Lost      []jsonPath     `json:"lost"`
	Problems  []problemJSON  `json:"problems"`
	Notes     []string       `json:"notes"`
	Error     string         `json:"error,omitempty"`
}

func (a *app) runMerge(cmd *cobra.Command, o mergeOptions, args []string) error {
	ctx := cmd.Context()
	var err error
	if o.Favour, err = o.favour.favour(cmd); err != nil {
		return err
	}
	o.Message = strings.Join(o.messages, "\n\n")
	return a.withVault(ctx, repo.Writing, func(v *openVault) error {
		r, err := o.act(ctx, v, args)
		return a.endMerge(v, "merge", r, err)
	})
}

func (o *mergeOptions) act(ctx context.Context, v *openVault, args []string) (*repo.MergeResult, error) {
	switch {
	case o.abort:
		return v.AbortMerge(ctx)
	case o.run:
		return v.ContinueMerge(ctx, repo.ContinueOptions{Message: o.Message})
	}
	o.Revision = args[0]
	return v.Merge(ctx, o.MergeOptions)
}

// endMerge prints what came of a merge, or of a verb that merges.
func (a *app) endMerge(v *openVault, verb string, r *repo.MergeResult, err error) error {
	if r == nil {
		return err
	}
	a.screen.clear()
	if a.flags.json {
		return errors.Join(err, a.emit(mergeDocument(verb, r, err)))
	}
	a.showMerge(v, r)
	if errors.Is(err, repo.ErrIncomplete) {
		return a.problems(v.describeProblems(r.Problems))
	}
	return err
}

func mergeDocument(verb string, r *repo.MergeResult, err error) mergeJSON {
	return mergeJSON{schema: schemaOf(verb), Kind: r.Kind, Commit: idJSON(r.Commit), Conflicts: conflictsJSON(r.Conflicts), Written: r.Written,
		Deleted: r.Deleted, Lost: pathsJSON(r.Lost), Problems: problemsJSON(r.Problems), Notes: nonNil(r.Notes), Error: errorText(err)}
}

// showMerge says what a merge did.
func (a *app) showMerge(v *openVault, m *repo.MergeResult) {
	if m == nil {
		return
	}
	files := count(m.Written, "file") + " written, " + count(m.Deleted, "file") + " deleted"
	a.showConflicts(v, m.Conflicts)
	switch m.Kind {
	case repo.MergeUpToDate:
		a.say("Already up to date\n")
	case repo.MergeFastForward:
		a.say("Fast-forward to %s: %s\n", m.Commit.Short(), files)
	case repo.MergePending:
		if len(m.Conflicts) == 0 {
			a.say("Nothing conflicts: %s. Not committed, as asked; \"evault commit\" concludes it\n", files)
		}
	case repo.MergeAborted:
		a.say("Took the %s back: %s\n", m.Operation, files)
	default:
		if m.Operation != "" {
			a.say("Concluded the %s as %s\n", m.Operation, m.Commit.Short())
		} else {
			a.say("Merged as %s: %s\n", m.Commit.Short(), files)
		}
	}
	for _, p := range m.Lost {
		a.note("overwrote %s, which was changed since", quoted(v.show(p)))
	}
	for _, n := range m.Notes {
		a.note("%s", n)
	}
}
