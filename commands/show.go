package commands

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"evault/objects"
	"evault/repo"
)

type showOptions struct {
	patchOptions
	noPatch, oneline bool
	format           string
	formatted        bool // --format was given: with nothing in it, nothing is said about the commit
}

func newShow(a *app) *cobra.Command {
	var o showOptions
	cmd := &cobra.Command{
		Use:   "show [REV[:PATH]...] [-- PATH...]",
		Short: "Show a commit with its changes, a tag, a file, or a folder of a commit",
		Long: `Show a commit and what it changed, as git does; of a tag, the tag first. What a merge changed is shown against its first parent:
what the branch that was merged brought in. REV:PATH is the file, or the folder, as it was then. PATHs behind "--" leave only
what the commit changed there.`,
		Example: `  evault show
  evault show HEAD~1 --stat
  evault show HEAD -- notes.txt
  evault show main:notes.txt`,
		ValidArgsFunction: a.completeRevisions(-1),
		RunE: func(cmd *cobra.Command, args []string) error {
			paths := []string(nil)
			if n := cmd.ArgsLenAtDash(); n >= 0 {
				args, paths = args[:n], args[n:]
			}
			if len(args) == 0 {
				args = []string{"HEAD"}
			}
			given := o.format
			o.format, o.oneline = namedFormat(o.format, o.oneline)
			o.formatted = cmd.Flags().Changed("format") && o.format == given
			return a.runShow(cmd, &o, args, paths)
		},
	}
	f := cmd.Flags()
	o.flags(f)
	f.BoolVarP(&o.noPatch, "no-patch", "s", false, "only the commit itself")
	f.BoolVar(&o.oneline, "oneline", false, "the commit on one line")
	f.StringVar(&o.format, "format", "", "print the commit as `TEXT`, with the placeholders of log --format")
	f.SetNormalizeFunc(gitNames(map[string]string{"pretty": "format"}))
	return cmd
}

func (a *app) runShow(cmd *cobra.Command, o *showOptions, args, paths []string) error {
	ctx := cmd.Context()
	request, err := o.request(cmd)
	if err != nil {
		return err
	}
	return a.withVault(ctx, repo.ReadOnly, func(v *openVault) error {
		if request.Paths, err = v.args(paths); err != nil {
			return err
		}
		a.page(ctx)
		for i, arg := range args {
			if i > 0 && !a.flags.json {
				a.printf("\n")
			}
			if err := a.showOne(ctx, v, o, request, arg); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *app) showOne(ctx context.Context, v *openVault, o *showOptions, request repo.DiffOptions, arg string) error {
	rev, p, hasPath, err := v.splitPath(arg)
	if err != nil {
		return err
	}
	if !hasPath {
		return a.showRevision(ctx, v, o, request, rev)
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

// showRevision shows a commit and what it changed, the tag first where a tag was named.
func (a *app) showRevision(ctx context.Context, v *openVault, o *showOptions, request repo.DiffOptions, rev string) error {
	if a.flags.json {
		return v.Log(ctx, repo.LogOptions{Revisions: []string{rev}, Limit: 1, Stat: true}, func(e *repo.LogEntry) error {
			return a.emit(struct {
				schema
				commitJSON
			}{schemaOf("show"), entryToJSON(e)})
		})
	}
	if err := a.showTag(ctx, v, rev); err != nil {
		return err
	}
	return v.Log(ctx, repo.LogOptions{Revisions: []string{rev}, Limit: 1}, func(e *repo.LogEntry) error {
		lines := a.commitLines(e)
		switch {
		case o.oneline:
			lines = []string{a.commitLine(e)}
		case o.formatted && o.format == "":
			lines = nil
		case o.formatted:
			lines = []string{a.formatCommit(o.format, "", e)}
		}
		for _, line := range lines {
			a.printf("%s\n", line)
		}
		if o.noPatch {
			return nil
		}
		if !o.oneline && len(lines) > 0 {
			a.printf("\n")
		}
		return a.printCommitDiff(ctx, v, e.ID, &o.patchOptions, request, "")
	})
}

// showTag shows an annotated tag, if that is what a revision names.
func (a *app) showTag(ctx context.Context, v *openVault, rev string) error {
	name := strings.TrimPrefix(rev, "tags/")
	if !slices.Contains(v.TagNames(), name) {
		return nil
	}
	t, err := v.Tag(ctx, name)
	if err != nil || t.Tag == nil {
		return err
	}
	if id, _, err := v.ResolveCommit(ctx, rev); err != nil || id != t.Commit { // a branch of that name comes first
		return err
	}
	for _, line := range append(a.tagLines(t), "") {
		a.printf("%s\n", line)
	}
	return nil
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
