package commands

import (
	"context"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"evault/objects"
	"evault/repo"
)

func newShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show [REV[:PATH]...]",
		Short: "Show a commit with its changes, a file, or a folder of a commit",
		Example: `  evault show
  evault show HEAD~1
  evault show main:notes.txt`,
		ValidArgsFunction: a.completeRevisions(-1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"HEAD"}
			}
			return a.runShow(cmd.Context(), args)
		},
	}
}

func (a *app) runShow(ctx context.Context, args []string) error {
	return a.withVault(ctx, repo.ReadOnly, func(v *openVault) error {
		a.page(ctx)
		for i, arg := range args {
			if i > 0 && !a.flags.json {
				a.printf("\n")
			}
			if err := a.showOne(ctx, v, arg); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *app) showOne(ctx context.Context, v *openVault, arg string) error {
	rev, p, hasPath, err := v.splitPath(arg)
	if err != nil {
		return err
	}
	if !hasPath {
		return a.showCommitWithChanges(ctx, v, rev)
	}
	e, err := v.ResolvePath(ctx, rev, p)
	if err != nil {
		return v.fromHere(ctx, err, rev, p)
	}
	switch {
	case a.flags.json:
		return a.emit(struct {
			schema
			entryJSON
		}{schemaOf("show-entry"), toEntryJSON(p, e)})
	case e.IsDir():
		a.printf("%s\n\n", quoted(rev+":"+p))
		return v.List(ctx, repo.ListOptions{Revision: rev, Path: p}, func(full string, e *objects.Entry) error {
			a.printf("%s\n", quoted(slashIfDir(strings.TrimPrefix(strings.TrimPrefix(full, p), "/"), e)))
			return nil
		})
	case e.Type == objects.TypeFile || e.Type == objects.TypeSymlink:
		return v.Cat(ctx, rev, p, a.out)
	}
	a.printf("%s\n", e.Type)
	return nil
}

func (a *app) showCommitWithChanges(ctx context.Context, v *openVault, rev string) error {
	return v.Log(ctx, repo.LogOptions{Revisions: []string{rev}, Limit: 1, Stat: true}, func(e *repo.LogEntry) error {
		if a.flags.json {
			return a.emit(struct {
				schema
				commitJSON
			}{schemaOf("show"), entryToJSON(e)})
		}
		for _, line := range a.commitLines(e) {
			a.printf("%s\n", line)
		}
		a.printf("\n")
		a.printChanges(e.Changes)
		return nil
	})
}

// splitPath takes REV:PATH apart. The path counts from the root; one that begins with ./ or ../ from the working directory.
func (v *openVault) splitPath(arg string) (rev, p string, hasPath bool, err error) {
	at := colonAfterRevision(arg)
	if at < 0 {
		return arg, "", false, nil
	}
	rev, p = arg[:at], arg[at+1:]
	if rev == "" {
		rev = "HEAD"
	}
	if strings.HasPrefix(p, "./") || strings.HasPrefix(p, "../") || p == "." || p == ".." {
		p, err = v.arg(p)
		return rev, p, true, err
	}
	p, err = cleanRootPath(p)
	return rev, p, true, err
}

// colonAfterRevision finds the colon between a revision and a path; those within @{...} are part of a time.
func colonAfterRevision(arg string) int {
	depth := 0
	for i := range len(arg) {
		switch arg[i] {
		case '{':
			depth++
		case '}':
			depth = max(depth-1, 0)
		case ':':
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}

// cleanRootPath normalises a path that counts from the root.
func cleanRootPath(p string) (string, error) {
	if strings.HasPrefix(p, "/") {
		return "", badPath("%s: a path behind a colon counts from the root of the work tree and has no slash in front", quoted(p))
	}
	clean := path.Clean(p)
	switch {
	case clean == ".":
		return "", nil
	case clean == ".." || strings.HasPrefix(clean, "../"):
		return "", badPath("%s is outside the work tree", quoted(p))
	}
	return clean, nil
}
