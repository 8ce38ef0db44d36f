package commands

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"evault/repo"
)

type findOptions struct {
	long, nul, ignoreCase, deleted bool
	prefix                         string
}

func newFind(a *app) *cobra.Command {
	var o findOptions
	cmd := &cobra.Command{
		Use:   "find PATTERN",
		Short: "Find files by name in all versions",
		Long: `Find files and folders by name in every commit that branches and tags lead to, deleted ones too: for each path the newest commit
that changed it, and how many did. PATTERN is a part of a name, or with *, ? or [...] a pattern for the whole name; with a
slash in it, it is held against the path from the root of the work tree. "evault restore --source COMMIT PATH" brings a
version back; of a path that was deleted, COMMIT^ is the last one to hold it.`,
		Example: `  evault find notes
  evault find --deleted '*.txt'
  evault find --long -i README`,
		Args: between(1, 1, "one PATTERN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runFind(cmd.Context(), o, args[0])
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.long, "long", "l", false, "every version: commit, time, change and size")
	f.BoolVarP(&o.nul, "null", "z", false, "only the paths, each ended by NUL, unquoted")
	f.BoolVarP(&o.ignoreCase, "ignore-case", "i", false, "small and capital letters are the same")
	f.BoolVar(&o.deleted, "deleted", false, "only what the present commit does not hold")
	f.StringVar(&o.prefix, "path", "", "only in this folder (`DIR`)")
	return cmd
}

func (a *app) runFind(ctx context.Context, o findOptions, pattern string) error {
	return a.withVault(ctx, repo.ReadOnly, func(v *openVault) error {
		request := repo.FindOptions{Pattern: pattern, IgnoreCase: o.ignoreCase, Deleted: o.deleted}
		if o.prefix != "" {
			var err error
			if request.Prefix, err = v.arg(o.prefix); err != nil {
				return err
			}
		}
		if !o.nul {
			a.page(ctx)
		}
		found := 0
		err := v.Find(ctx, request, func(f *repo.Found) error {
			found++
			return a.printFound(o, f)
		})
		if err == nil && found == 0 {
			return fmt.Errorf("no name in the whole history matches %s", quoted(pattern))
		}
		return err
	})
}

func (a *app) printFound(o findOptions, f *repo.Found) error {
	newest := f.Versions[0]
	name := f.Path
	if f.IsDir {
		name += "/"
	}
	switch {
	case a.flags.json:
		return a.emit(foundToJSON(f))
	case o.nul:
		a.printf("%s\x00", name)
		return nil
	case o.long:
		a.printf("%s%s\n", a.paint(bold, quoted(name)), deletedMark(f))
		for _, v := range f.Versions {
			look := lookOf(v.Kind)
			a.printf("  %s  %s  %s %9s  %s\n", a.paint(yellow, v.Commit.Short()), a.local(v.Time).Format(shortTime), a.paint(look.color, look.letter),
				sizeOfVersion(f, v), harmless(v.Subject))
		}
		return nil
	}
	a.printf("%s  %s  %4d  %s%s\n", a.paint(yellow, newest.Commit.Short()), a.local(newest.Time).Format(shortTime), len(f.Versions), quoted(name), deletedMark(f))
	return nil
}

func deletedMark(f *repo.Found) string {
	if f.Deleted {
		return " (deleted)"
	}
	return ""
}

// sizeOfVersion is the size of a file; of a folder, or what is gone, there is none.
func sizeOfVersion(f *repo.Found, v repo.FoundVersion) string {
	if f.IsDir || v.Kind == repo.Deleted {
		return "-"
	}
	return size(v.Size)
}

type foundJSON struct {
	schema
	jsonPath
	Deleted  bool               `json:"deleted"`
	Dir      bool               `json:"dir,omitempty"`
	Versions []foundVersionJSON `json:"versions"`
}

type foundVersionJSON struct {
	Commit  string   `json:"commit"`
	Time    string   `json:"time"`
	Subject string   `json:"subject"`
	Kind    string   `json:"kind"`
	Details []string `json:"details,omitempty"`
	Size    uint64   `json:"size"`
}

func foundToJSON(f *repo.Found) foundJSON {
	out := foundJSON{schema: schemaOf("find"), jsonPath: pathJSON(f.Path), Deleted: f.Deleted, Dir: f.IsDir}
	for _, v := range f.Versions {
		out.Versions = append(out.Versions, foundVersionJSON{Commit: v.Commit.String(), Time: timeJSON(v.Time), Subject: v.Subject,
			Kind: lookOf(v.Kind).json, Details: v.Details, Size: v.Size})
	}
	return out
}
