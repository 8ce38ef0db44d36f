package commands

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"evault/repo"
)

// pickCommand is revert or cherry-pick.
type pickCommand struct {
	operation         string
	o                 repo.PickOptions
	goOn, abort, skip bool
	noEdit            bool
	favour            favourFlags
	message           string
	done, nothing     string // words
}

func newRevert(a *app) *cobra.Command {
	p := &pickCommand{operation: repo.OpRevert, done: "Reverted", nothing: "nothing is left to revert of it"}
	return a.newPick(p, &cobra.Command{
		Use:   "revert REV...",
		Short: "Take the changes of commits back by new commits",
		Long: `Take the changes of commits back by new commits, in the order given. Later changes stay; where they touch the same lines
there are conflicts: the files are left with markers (exit code 13), and after resolving them "evault revert --continue" goes
on, --skip leaves this commit out, --abort takes the whole revert back. Of a merge, -m says which parent counts. A..B are the
commits that B has and A has not. Work that is in no commit is never overwritten.`,
		Example: `  evault revert HEAD
  evault revert --no-commit HEAD~1`,
	})
}

func newCherryPick(a *app) *cobra.Command {
	p := &pickCommand{operation: repo.OpCherryPick, done: "Picked", nothing: "its changes are here already"}
	cmd := a.newPick(p, &cobra.Command{
		Use:   "cherry-pick REV...",
		Short: "Do here once more what commits did elsewhere",
		Long: `Bring the changes of commits to the current branch by new commits with the same messages and authors, in the order given.
Where they do not fit there are conflicts: the files are left with markers (exit code 13), and after resolving them
"evault cherry-pick --continue" goes on, --skip leaves this commit out, --abort takes the whole cherry-pick back. Of a merge,
-m says which parent counts. A..B are the commits that B has and A has not. Work that is in no commit is never overwritten.`,
		Example: `  evault cherry-pick -x main
  evault cherry-pick HEAD~2..main`,
	})
	cmd.Flags().BoolVarP(&p.o.NoteOrigin, "note-origin", "x", false, "say in the message which commit it was picked from")
	return cmd
}

// newPick makes what both have in common.
func (a *app) newPick(p *pickCommand, cmd *cobra.Command) *cobra.Command {
	cmd.ValidArgsFunction = a.completeRevisions(-1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		waiting := 0
		for _, is := range []bool{p.goOn, p.abort, p.skip} {
			if is {
				waiting++
			}
		}
		switch {
		case waiting > 1 || waiting == 1 && len(args) > 0:
			return usagef(cmd, "--continue, --skip and --abort stand alone")
		case waiting == 0 && len(args) == 0:
			return usagef(cmd, "%s needs a revision", p.operation)
		case p.o.Mainline < 0:
			return usagef(cmd, "-m counts parents from 1")
		case p.message != "" && !p.goOn:
			return usagef(cmd, "--message is for --continue; -m here says which parent of a merge counts")
		}
		p.o.Revisions = args
		var err error
		if p.o.Favour, err = p.favour.favour(cmd); err != nil {
			return err
		}
		return a.runPick(cmd.Context(), p)
	}
	f := cmd.Flags()
	f.BoolVarP(&p.o.NoCommit, "no-commit", "n", false, "leave the changes in the work tree; for one commit")
	f.IntVarP(&p.o.Mainline, "mainline", "m", 0, "of a merge: compare with parent number `N`, 1 is the first")
	p.favour.add(cmd)
	f.BoolVar(&p.goOn, "continue", false, "commit what is resolved, and go on")
	f.BoolVar(&p.skip, "skip", false, "leave out the commit with the conflicts, and go on")
	f.BoolVar(&p.abort, "abort", false, "take everything back")
	f.StringVar(&p.message, "message", "", "with --continue: another message (`TEXT`)")
	f.BoolVar(&p.noEdit, "no-edit", false, "no editor is opened in any case")
	_ = f.MarkHidden("no-edit") // it exists for the fingers of git users
	return cmd
}

type pickJSON struct {
	schema
	Source    string         `json:"source,omitempty"`
	Kind      string         `json:"kind"` // "done", "nothing", "conflict", "uncommitted", "aborted"
	Commit    string         `json:"commit,omitempty"`
	Subject   string         `json:"subject,omitempty"`
	Conflicts []conflictJSON `json:"conflicts"`
	Written   int64          `json:"written"`
	Deleted   int64          `json:"deleted"`
	Lost      []jsonPath     `json:"lost"`
	Problems  []problemJSON  `json:"problems"`
	Notes     []string       `json:"notes"`
}

func (a *app) runPick(ctx context.Context, p *pickCommand) error {
	return a.withVault(ctx, repo.Writing, func(v *openVault) error {
		each := func(one *repo.Picked) error { return a.showPicked(v, p, one) }
		switch {
		case p.abort:
			r, err := v.AbortPick(ctx, p.operation)
			if r == nil {
				return err
			}
			return errors.Join(err, a.pickAborted(v, p, r))
		case p.skip:
			return v.SkipPick(ctx, p.operation, each)
		case p.goOn:
			return v.ContinuePick(ctx, p.operation, repo.ContinueOptions{Message: p.message}, each)
		case p.operation == repo.OpRevert:
			return v.Revert(ctx, p.o, each)
		}
		return v.CherryPick(ctx, p.o, each)
	})
}

func (a *app) pickAborted(v *openVault, p *pickCommand, r *repo.MergeResult) error {
	a.screen.clear()
	if a.flags.json {
		return a.emit(p.document(&repo.Picked{Merge: r}, "aborted"))
	}
	a.showLost(v, r.Lost, r.Notes, false)
	a.say("Took the %s back: HEAD is at %s %s\n", p.operation, r.Commit.Short(), harmless(r.Subject))
	return a.problems(v.describeProblems(r.Problems))
}

func (p *pickCommand) document(one *repo.Picked, kind string) pickJSON {
	m := one.Merge
	return pickJSON{schemaOf(p.operation), idJSON(one.Source), kind, idJSON(m.Commit), m.Subject, conflictsJSON(m.Conflicts),
		m.Written, m.Deleted, pathsJSON(m.Lost), problemsJSON(m.Problems), nonNil(m.Notes)}
}

// showPicked reports one commit.
func (a *app) showPicked(v *openVault, p *pickCommand, one *repo.Picked) error {
	a.screen.clear()
	m := one.Merge
	kind := p.kindOf(m)
	if a.flags.json {
		return a.emit(p.document(one, kind))
	}
	a.showLost(v, m.Lost, m.Notes, false)
	a.showConflicts(v, m.Conflicts)
	name := harmless(one.Subject)
	if !one.Source.IsZero() {
		name = one.Source.Short() + " " + name
	}
	switch kind {
	case "nothing":
		a.say("%s: %s, no commit is made\n", name, p.nothing)
	case "uncommitted":
		a.say("%s %s in the work tree: \"evault %s --continue\" commits it\n", p.done, name, p.operation)
	case "done":
		a.say("%s %s: now at %s, %s written, %s deleted\n", p.done, name, m.Commit.Short(), count(m.Written, "file"), count(m.Deleted, "file"))
	}
	return a.problems(v.describeProblems(m.Problems))
}

func (p *pickCommand) kindOf(m *repo.MergeResult) string {
	switch {
	case len(m.Conflicts) > 0:
		return "conflict"
	case m.Kind == repo.MergeUpToDate:
		return "nothing"
	case m.Kind == repo.MergePending:
		return "uncommitted"
	}
	return "done"
}
