package commands

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"evault/repo"
)

// turnOptions are those of undo and redo.
type turnOptions struct {
	repo.UndoOptions
	count int
	list  bool
}

func newUndo(a *app) *cobra.Command {
	return a.newTurn("undo", &cobra.Command{
		Use:   "undo [N]",
		Short: "Take back the last operation, or the last N",
		Long: `Take back the last operation that was not taken back yet, or the last N of them: a commit, merge, switch or reset, a branch or
tag that was made, moved or deleted, an import. Branches, tags and HEAD go back. The files of a commit stay as they are, so
its changes are changes again; after whatever moved the files they go back too, and nothing that is in no commit is
overwritten without --force. Nothing is deleted: what was undone is still in the reflog, and redo brings it back until
something else is done. A merge that waits for conflicts to be resolved is no operation yet: "evault merge --abort".`,
		Example: `  evault undo --list
  evault undo -n
  evault undo
  evault undo 2`,
	})
}

func newRedo(a *app) *cobra.Command {
	return a.newTurn("redo", &cobra.Command{
		Use:   "redo [N]",
		Short: "Do again what undo took back",
		Long: `Do again what the last undo took back, or the last N undos. As in an editor this works until something else is done. After
whatever moved the files they move again. The files of a commit stay as they are, unless nothing differs from HEAD.`,
		Example: `  evault redo -n
  evault redo`,
	})
}

func (a *app) newTurn(verb string, cmd *cobra.Command) *cobra.Command {
	var o turnOptions
	cmd.Args = between(0, 1, "a number")
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.count = 1
		if o.list {
			o.count = 10
		}
		if len(args) > 0 {
			n, err := strconv.Atoi(args[0])
			if err != nil || n < 1 || n > maxTurns {
				return usagef(cmd, "%q is no number from 1 to %d: %s counts operations", args[0], maxTurns, verb)
			}
			o.count = n
		}
		if o.list || o.DryRun && o.count > 1 {
			return a.listTurns(cmd.Context(), verb, o)
		}
		return a.withVault(cmd.Context(), repo.Writing, func(v *openVault) error {
			for range o.count {
				if err := a.turn(cmd.Context(), v, verb, o.UndoOptions); err != nil {
					return err
				}
			}
			return nil
		})
	}
	f := cmd.Flags()
	f.BoolVarP(&o.DryRun, "dry-run", "n", false, "only say what would be done")
	f.BoolVarP(&o.Force, "force", "f", false, "overwrite changes that are in no commit, and list them")
	f.BoolVarP(&o.list, "list", "l", false, "list what undo would take back and redo bring back, 10 or N of each")
	return cmd
}

// maxTurns bounds how many operations one undo takes back.
const maxTurns = 1000

type undoJSON struct {
	schema
	DryRun  bool       `json:"dry_run"`
	Undone  reflogJSON `json:"undone"`
	Head    string     `json:"head,omitempty"`
	Commit  string     `json:"commit,omitempty"`
	Written int64      `json:"written"`
	Deleted int64      `json:"deleted"`
	Lost    []jsonPath `json:"lost"`
	Notes   []string   `json:"notes"`
}

// turn takes one operation back, or does it again.
func (a *app) turn(ctx context.Context, v *openVault, verb string, o repo.UndoOptions) error {
	act, word, would := v.Undo, "Took back", "Would take back"
	if verb == "redo" {
		act, word, would = v.Redo, "Did again", "Would do again"
	}
	said := len(v.Notes())
	r, err := act(ctx, o)
	if err != nil {
		return err
	}
	a.screen.clear()
	for _, n := range v.Notes()[said:] {
		a.note("%s", n)
	}
	if a.flags.json {
		return a.emit(undoJSON{schemaOf(verb), o.DryRun, toReflogJSON(&r.Undone), headJSON(r.Head), idJSON(r.Commit),
			r.Written, r.Deleted, pathsJSON(r.Lost), nonNil(r.Notes)})
	}
	a.showLost(v, r.Lost, r.Notes, o.DryRun)
	if o.DryRun {
		word = would
	}
	a.say("%s: %s%s\n", word, r.Undone.Operation, described(r.Undone.Description))
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
}

// showLost says what a move of the work tree has overwritten, and its notes.
func (a *app) showLost(v *openVault, lost, notes []string, dryRun bool) {
	for _, p := range lost {
		if dryRun {
			a.note("would overwrite %s", quoted(v.show(p)))
		} else {
			a.note("overwrote %s", quoted(v.show(p)))
		}
	}
	for _, n := range notes {
		a.note("%s", n)
	}
}

type turnListJSON struct {
	schema
	Direction string `json:"direction"` // "undo" or "redo"
	reflogJSON
}

// listTurns shows what comes next.
func (a *app) listTurns(ctx context.Context, verb string, o turnOptions) error {
	return a.withVault(ctx, repo.ReadOnly, func(v *openVault) error {
		undo, redo, err := v.UndoList(ctx, o.count)
		if err != nil {
			return err
		}
		for _, one := range []struct {
			direction, title string
			list             []repo.ReflogEntry
		}{{"redo", "redo would do again:", redo}, {"undo", "undo would take back:", undo}} {
			if !o.list && one.direction != verb || len(one.list) == 0 {
				continue
			}
			if err := a.listTurn(verb, one.direction, one.title, one.list); err != nil {
				return err
			}
		}
		if len(undo)+len(redo) == 0 && !a.flags.json {
			a.say("nothing to undo, nothing to redo\n")
		}
		return nil
	})
}

func (a *app) listTurn(verb, direction, title string, list []repo.ReflogEntry) error {
	if !a.flags.json {
		a.printf("%s\n", title)
	}
	for i := range list {
		e := &list[i]
		if a.flags.json {
			if err := a.emit(turnListJSON{schemaOf(verb + "-list"), direction, toReflogJSON(e)}); err != nil {
				return err
			}
			continue
		}
		a.printf("  %d  %s  %s%s\n", i+1, a.local(e.Time).Format(shortTime), a.paint(bold, e.Operation), described(e.Description))
	}
	return nil
}
