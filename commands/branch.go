package commands

import (
	"context"

	"github.com/spf13/cobra"

	"evault/objects"
	"evault/repo"
)

type branchOptions struct {
	remove, forceRemove, rename, force bool
}

func newBranch(a *app) *cobra.Command {
	var o branchOptions
	cmd := &cobra.Command{
		Use:   "branch [NAME [START]]",
		Short: "List, make, delete or rename branches",
		Long: `Without arguments list the branches; with -v also their commits. With a name make a branch at START (default HEAD) and stay
where you are. -d deletes branches whose commits another branch has, -D any. -m renames a branch, or the current one.`,
		Example: `  evault branch -v
  evault branch release HEAD~1
  evault branch -d experiment
  evault branch -m main trunk`,
		ValidArgsFunction: a.completeBranches(-1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runBranch(cmd, o, args)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.remove, "delete", "d", false, "delete branches")
	f.BoolVarP(&o.forceRemove, "force-delete", "D", false, "delete branches even if their commits are on no other")
	f.BoolVarP(&o.rename, "move", "m", false, "rename a branch")
	f.BoolVarP(&o.force, "force", "f", false, "replace a branch of the new name")
	return cmd
}

type branchJSON struct {
	schema
	Name    string `json:"name"`
	Commit  string `json:"commit,omitempty"`
	Current bool   `json:"current"`
	Subject string `json:"subject,omitempty"`
	Time    string `json:"time,omitempty"`
	Action  string `json:"action,omitempty"` // "created", "deleted", "renamed"
	OldName string `json:"old_name,omitempty"`
}

func (a *app) runBranch(cmd *cobra.Command, o branchOptions, args []string) error {
	ctx := cmd.Context()
	removing := o.remove || o.forceRemove
	switch {
	case removing && o.rename:
		return usagef(cmd, "-d and -m contradict each other")
	case removing && len(args) == 0:
		return usagef(cmd, "-d needs a branch")
	case o.rename && (len(args) == 0 || len(args) > 2):
		return usagef(cmd, "-m needs a new name, or an old and a new one")
	case !removing && len(args) > 2:
		return usagef(cmd, "branch takes a name and a start, and got %q as well", args[2])
	case removing:
		return a.withVault(ctx, repo.Writing, func(v *openVault) error { return a.deleteBranches(ctx, v, o, args) })
	case o.rename:
		return a.withVault(ctx, repo.Writing, func(v *openVault) error { return a.renameBranch(ctx, v, o, args) })
	case len(args) > 0:
		return a.withVault(ctx, repo.Writing, func(v *openVault) error { return a.createBranch(ctx, v, o, args) })
	}
	return a.withVault(ctx, repo.ReadOnly, func(v *openVault) error { return a.listBranches(ctx, v) })
}

func (a *app) listBranches(ctx context.Context, v *openVault) error {
	list, err := v.Branches(ctx)
	if err != nil {
		return err
	}
	for _, b := range list {
		if a.flags.json {
			out := branchJSON{schema: schemaOf("branch"), Name: b.Name, Commit: idJSON(b.Commit), Current: b.Current, Subject: b.Subject}
			if !b.Commit.IsZero() {
				out.Time = timeJSON(b.Time)
			}
			if err := a.emit(out); err != nil {
				return err
			}
			continue
		}
		a.printBranch(b)
	}
	return nil
}

func (a *app) printBranch(b repo.Branch) {
	mark, name := "  ", b.Name
	if b.Current {
		mark, name = "* ", a.paint(green, b.Name)
	}
	a.printf("%s%s", mark, name)
	switch {
	case a.flags.verbose && !b.Commit.IsZero():
		a.printf("  %s  %s  %s", b.Commit.Short(), a.local(b.Time).Format(shortTime), harmless(b.Subject))
	case a.flags.verbose:
		a.printf("  (no commit yet)")
	}
	a.printf("\n")
}

func (a *app) createBranch(ctx context.Context, v *openVault, o branchOptions, args []string) error {
	start := ""
	if len(args) > 1 {
		start = args[1]
	}
	id, err := v.CreateBranch(ctx, args[0], start, o.force)
	if err != nil {
		return err
	}
	return a.branchDone("created", args[0], "", id)
}

func (a *app) deleteBranches(ctx context.Context, v *openVault, o branchOptions, args []string) error {
	for _, name := range args {
		id, err := v.DeleteBranch(ctx, name, o.forceRemove || o.force)
		if err != nil {
			return err
		}
		if err := a.branchDone("deleted", name, "", id); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) renameBranch(ctx context.Context, v *openVault, o branchOptions, args []string) error {
	old, name := "", args[len(args)-1]
	if len(args) == 2 {
		old = args[0]
	} else {
		list, err := v.Branches(ctx)
		if err != nil {
			return err
		}
		for _, b := range list {
			if b.Current {
				old = b.Name
			}
		}
		if old == "" {
			return badPath("HEAD is detached: say which branch to rename")
		}
	}
	if err := v.RenameBranch(ctx, old, name, o.force); err != nil {
		return err
	}
	return a.branchDone("renamed", name, old, objects.ID{})
}

// branchDone reports one change of a branch. Like git it is silent about what was asked for, except for a deletion, where
// the commit is what brings the branch back.
func (a *app) branchDone(action, name, old string, id objects.ID) error {
	if a.flags.json {
		return a.emit(branchJSON{schema: schemaOf("branch"), Name: name, Commit: idJSON(id), Action: action, OldName: old})
	}
	if action == "deleted" {
		a.say("Deleted branch %s (was %s)\n", name, id.Short())
	}
	return nil
}
