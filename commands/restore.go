package commands

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"evault/internal/vfs"
	"evault/repo"
)

type restoreOptions struct {
	source  string
	to      string
	dryRun  bool
	noOwner bool
	nul     bool
}

func newRestore(a *app) *cobra.Command {
	var o restoreOptions
	cmd := &cobra.Command{
		Use:   "restore PATH...",
		Short: "Bring back files from a commit, in place or into another folder",
		Long: `Bring back files from the last commit, or from --source. In place the named files are overwritten as they are, whatever
they hold now; "." means everything below here. With --to everything is written below that folder and nowhere else; without
a path that is the whole commit. What is there and not in the commit stays. Files that are as they should be already are
not written again, so a restore that was interrupted is finished by running it again.`,
		Example: `  evault restore notes.txt
  evault restore --source HEAD~1 .
  evault restore --source main --to /tmp/restored
  evault restore -n photos`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && o.to == "" {
				return usagef(cmd, "restore needs a path (. for everything below here), or --to DIR")
			}
			return a.runRestore(cmd.Context(), o, args)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.source, "source", "s", "HEAD", "the revision to take files from (`REV`)")
	f.StringVar(&o.to, "to", "", "write below `DIR` instead of in place")
	f.BoolVarP(&o.dryRun, "dry-run", "n", false, "only list what would be restored")
	f.BoolVar(&o.noOwner, "no-owner", false, "leave owner and group to whoever restores (they are set for root alone)")
	f.BoolVarP(&o.nul, "null", "z", false, "with -n: end each path with NUL and quote nothing")
	// The flag is known, so this cannot fail.
	_ = cmd.RegisterFlagCompletionFunc("source", a.completeRevisions(-1))
	return cmd
}

type restoreJSON struct {
	schema
	DryRun   bool          `json:"dry_run"`
	Written  int64         `json:"written"`
	Same     int64         `json:"same"`
	Folders  int64         `json:"folders"`
	Bytes    int64         `json:"bytes"`
	Paths    []jsonPath    `json:"paths"` // of a dry run
	Problems []problemJSON `json:"problems"`
	Notes    []string      `json:"notes"`
}

func (a *app) runRestore(ctx context.Context, o restoreOptions, args []string) error {
	mode := repo.Writing
	if o.to != "" || o.dryRun { // the vault itself and the work tree stay as they are
		mode = repo.ReadOnly
	}
	return a.withVault(ctx, mode, func(v *openVault) error {
		paths, err := v.args(args)
		if err != nil {
			return err
		}
		if len(paths) == 0 {
			paths = []string{""}
		}
		request := repo.RestoreOptions{Source: o.source, Paths: paths, DryRun: o.dryRun, NoOwner: o.noOwner}
		if o.to != "" {
			if request.To, err = a.openTarget(o); err != nil {
				return err
			}
		}
		err = a.restore(ctx, v, o, request)
		if request.To != nil {
			err = errors.Join(err, request.To.Close())
		}
		return err
	})
}

// openTarget opens the folder of --to, and makes it where it is missing. A dry run makes nothing: it writes nothing, so any
// place will do, and nil stands for one.
func (a *app) openTarget(o restoreOptions) (vfs.FS, error) {
	dir := a.absolute(o.to)
	if _, err := os.Stat(dir); o.dryRun && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return vfs.OpenOrCreate(dir)
}

func (a *app) restore(ctx context.Context, v *openVault, o restoreOptions, request repo.RestoreOptions) error {
	begun := a.env.Now()
	r, err := v.Restore(ctx, request)
	damaged := errors.Is(err, repo.ErrDamaged)
	if err != nil && (r == nil || !damaged && !errors.Is(err, repo.ErrIncomplete)) {
		return err
	}
	a.screen.clear()
	switch {
	case a.flags.json:
		if err := a.emit(restoreJSON{schemaOf("restore"), o.dryRun, r.Written, r.Same, r.Folders, r.Bytes, pathsJSON(r.Paths),
			problemsJSON(r.Problems), nonNil(r.Notes)}); err != nil {
			return err
		}
	case o.dryRun:
		a.listPaths(v, "restore ", r.Paths, o.nul)
	default:
		a.say("%d restored, %d as they were, %s, %s\n", r.Written, r.Same, size(r.Bytes), duration(a.env.Now().Sub(begun)))
		for _, n := range r.Notes {
			a.note("%s", n)
		}
	}
	problem := a.problems(v.describeProblems(r.Problems))
	if damaged { // the summary, with its hint and code, comes after the list
		return err
	}
	return problem
}
