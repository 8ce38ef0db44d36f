package commands

import (
	"context"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"evault/objects"
	"evault/repo"
)

type branchOptions struct {
	remove, forceRemove, rename, forceRename, force, list, dropKept, current bool

	show     repo.BranchOptions
	patterns []string // of the names to list; none: all
}

func newBranch(a *app) *cobra.Command {
	var o branchOptions
	cmd := &cobra.Command{
		Use:   "branch [NAME [START]]",
		Short: "List, make, delete or rename branches",
		Long: `Without arguments list the branches; with -v also their commits, how they stand against the remotes, and where work is put
aside. With a name make a branch at START (default HEAD) and stay where you are; -f moves one that exists. -d deletes branches
whose commits another branch has, -D any; several at once go together or not at all. -m renames a branch, or the current one.
"evault undo" takes each of these back.

Names follow git's rules: no space, no control character and none of ~ ^ : ? * [ \, no "..", no "@{", no part that begins with
a dot or ends with ".lock", nothing that begins with "-" or ends with a dot or slash; HEAD is none. They are at most 255 bytes
long, with "heads/" in front.`,
		Example: `  evault branch -v
  evault branch release HEAD~1
  evault branch --merged main --sort -time
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
	f.BoolVarP(&o.forceRename, "force-move", "M", false, "rename a branch, also over another one")
	f.BoolVarP(&o.force, "force", "f", false, "move a branch that exists, or replace one of the new name")
	f.BoolVarP(&o.list, "list", "l", false, "list branches (the default without arguments), or those whose names match one of the patterns (*, ?, [...])")
	f.BoolVar(&o.current, "show-current", false, "print the name of the current branch, nothing while HEAD is detached")
	f.BoolVarP(&o.show.Remote, "remotes", "r", false, "list the branches of remotes, as last seen")
	f.BoolVarP(&o.show.All, "all", "a", false, "list the branches here and those of remotes")
	f.StringArrayVar(&o.show.Merged, "merged", nil, "list branches whose commits `REV` has (default HEAD)")
	f.StringArrayVar(&o.show.NoMerged, "no-merged", nil, "list branches with commits that `REV` has not (default HEAD)")
	f.StringArrayVar(&o.show.Contains, "contains", nil, "list branches that have the commit `REV` (default HEAD)")
	f.StringVar(&o.show.Sort, "sort", "", "by `KEY`: name, time, or -name, -time for the other way round")
	f.BoolVar(&o.dropKept, "drop-kept", false, "forget the work that switch --keep has put aside on a branch")
	for _, name := range []string{"merged", "no-merged", "contains"} {
		f.Lookup(name).NoOptDefVal = "HEAD"
	}
	return cmd
}

// listing takes "--merged main" as git does, where the flag alone means HEAD and so leaves "main" to the arguments.
func (o *branchOptions) listing(args []string) (rest []string, is bool) {
	for _, list := range []*[]string{&o.show.Merged, &o.show.NoMerged, &o.show.Contains} {
		if n := len(*list); n > 0 {
			is = true
			if len(args) == 1 && (*list)[n-1] == "HEAD" {
				(*list)[n-1], args = args[0], nil
			}
		}
	}
	return args, is || o.list || o.show.Remote || o.show.All || o.show.Sort != ""
}

type branchJSON struct {
	schema
	Name     string         `json:"name"`
	Commit   string         `json:"commit,omitempty"`
	Current  bool           `json:"current"`
	Remote   bool           `json:"remote,omitempty"`
	Subject  string         `json:"subject,omitempty"`
	Time     string         `json:"time,omitempty"`
	Tracking []trackingJSON `json:"tracking,omitempty"`
	Kept     string         `json:"kept,omitempty"`
	Action   string         `json:"action,omitempty"` // "created", "deleted", "renamed", "dropped"
	OldName  string         `json:"old_name,omitempty"`
}

func (a *app) runBranch(cmd *cobra.Command, o branchOptions, args []string) error {
	ctx := cmd.Context()
	o.forceRemove = o.forceRemove || o.remove && o.force
	o.rename, o.force = o.rename || o.forceRename, o.force || o.forceRename
	removing := o.remove || o.forceRemove
	args, listing := o.listing(args)
	if o.list && !removing && !o.rename && !o.dropKept {
		o.patterns, args = args, nil
	}
	switch {
	case o.current && (listing || removing || o.rename || o.dropKept || len(args) > 0):
		return usagef(cmd, "--show-current goes alone")
	case removing && o.rename:
		return usagef(cmd, "-d and -m contradict each other")
	case listing && (removing || o.rename || o.dropKept):
		return usagef(cmd, "branches are listed or changed, not both")
	case listing && len(args) > 0:
		return usagef(cmd, "a list takes no name, and got %q", args[0])
	case removing && len(args) == 0:
		return usagef(cmd, "-d needs a branch")
	case o.rename && (len(args) == 0 || len(args) > 2):
		return usagef(cmd, "-m needs a new name, or an old and a new one")
	case o.dropKept && len(args) > 1:
		return usagef(cmd, "--drop-kept takes one branch, and got %q as well", args[1])
	case !removing && len(args) > 2:
		return usagef(cmd, "branch takes a name and a start, and got %q as well", args[2])
	}
	var act func(context.Context, *openVault, branchOptions, []string) error
	switch {
	case removing:
		act = a.deleteBranches
	case o.rename:
		act = a.renameBranch
	case o.dropKept:
		act = a.dropKept
	case len(args) > 0:
		act = a.createBranch
	default:
		return a.withVault(ctx, repo.ReadOnly, func(v *openVault) error { return a.listBranches(ctx, v, o) })
	}
	return a.withVault(ctx, repo.Writing, func(v *openVault) error { return act(ctx, v, o, args) })
}

// matching leaves the branches whose names match one of the patterns, if there are any, or the current one.
func (o *branchOptions) matching(list []repo.Branch) (out []repo.Branch, err error) {
	for _, b := range list {
		ok := len(o.patterns) == 0 && (b.Current || !o.current)
		for _, p := range o.patterns {
			one, err := path.Match(flat(p), flat(b.Name))
			if err != nil {
				return nil, fmt.Errorf("%w: %q: %w", repo.ErrUsage, p, err)
			}
			ok = ok || one
		}
		if ok {
			out = append(out, b)
		}
	}
	return out, nil
}

// flat lets "*" match names with slashes, as git's patterns for names do.
func flat(name string) string { return strings.ReplaceAll(name, "/", "\x01") }

func (a *app) listBranches(ctx context.Context, v *openVault, o branchOptions) error {
	o.show.Tracking = a.flags.verbose || a.flags.json
	list, err := v.ListBranches(ctx, o.show)
	if err != nil {
		return err
	}
	width := 0
	if list, err = o.matching(list); err != nil {
		return err
	}
	for i := range list {
		width = max(width, utf8.RuneCountInString(quoted(list[i].Name)))
	}
	for i := range list {
		b := &list[i]
		switch {
		case o.current && !a.flags.json:
			a.printf("%s\n", quoted(b.Name))
			continue
		case !a.flags.json:
			a.printBranch(b, width)
			continue
		}
		out := branchJSON{schema: schemaOf("branch"), Name: b.Name, Commit: idJSON(b.Commit), Current: b.Current, Remote: b.Remote,
			Subject: b.Subject, Tracking: trackingsJSON(b.Tracking), Kept: idJSON(b.Kept)}
		if !b.Commit.IsZero() {
			out.Time = timeJSON(b.Time)
		}
		if err := a.emit(out); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printBranch(b *repo.Branch, width int) {
	mark, name, color := "  ", quoted(b.Name), ""
	switch {
	case b.Current:
		mark, color = "* ", green
	case b.Remote:
		color = red
	}
	a.printf("%s%s", mark, a.paint(color, name))
	if a.flags.verbose {
		fill := strings.Repeat(" ", width-utf8.RuneCountInString(name))
		a.printf("%s  %s  %s  ", fill, b.Commit.Short(), a.local(b.Time).Format(shortTime))
		if standing := branchStanding(b); standing != "" {
			a.printf("%s ", standing)
		}
		a.printf("%s", harmless(b.Subject))
	}
	a.printf("\n")
}

// branchStanding says how a branch stands against remotes, and whether work is put aside on it: "[friend: ahead 1, behind 2]".
func branchStanding(b *repo.Branch) string {
	var parts []string
	for _, t := range b.Tracking {
		var moves []string
		if t.Ahead > 0 {
			moves = append(moves, fmt.Sprintf("ahead %d", t.Ahead))
		}
		if t.Behind > 0 {
			moves = append(moves, fmt.Sprintf("behind %d", t.Behind))
		}
		if len(moves) == 0 {
			moves = []string{"up to date"}
		}
		parts = append(parts, "["+t.Remote+": "+strings.Join(moves, ", ")+"]")
	}
	if !b.Kept.IsZero() {
		parts = append(parts, "[work put aside]")
	}
	return strings.Join(parts, " ")
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
	ids, err := v.DeleteBranches(ctx, args, o.forceRemove)
	if err != nil {
		return err
	}
	for i, name := range args {
		if err := a.branchDone("deleted", name, "", ids[i]); err != nil {
			return err
		}
	}
	return nil
}

// dropKept forgets the work that was put aside on a branch, by default the current one.
func (a *app) dropKept(ctx context.Context, v *openVault, _ branchOptions, args []string) error {
	name, err := v.currentBranch(ctx)
	switch {
	case len(args) > 0:
		name = args[0]
	case err != nil:
		return err
	}
	id, err := v.DropKept(ctx, name)
	if err != nil {
		return err
	}
	return a.branchDone("dropped", name, "", id)
}

// currentBranch is the branch that HEAD is on.
func (v *openVault) currentBranch(ctx context.Context) (string, error) {
	list, err := v.Branches(ctx)
	if err != nil {
		return "", err
	}
	for _, b := range list {
		if b.Current {
			return b.Name, nil
		}
	}
	return "", badPath("HEAD is detached: say which branch")
}

func (a *app) renameBranch(ctx context.Context, v *openVault, o branchOptions, args []string) error {
	old, name := args[0], args[len(args)-1]
	if len(args) == 1 {
		var err error
		if old, err = v.currentBranch(ctx); err != nil {
			return err
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
	if action == "dropped" {
		a.say("Dropped the work that was put aside on %s (was %s)\n", name, id.Short())
	}
	return nil
}
