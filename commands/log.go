package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"evault/repo"
)

type logOptions struct {
	patchOptions
	oneline, graph, reverse, ignoreCase bool
	all, branches, firstParent, follow  bool
	merges, noMerges                    bool
	limit, skip                         int
	since, until, author, grep          string
	format, date                        string
	diff                                repo.DiffOptions
}

func newLog(a *app) *cobra.Command {
	var o logOptions
	cmd := &cobra.Command{
		Use:   "log [REV...] [--] [PATH...]",
		Short: "Show the history, newest first",
		Long: `Show the history of HEAD, or of the revisions given, newest first. A..B is what B has and A has not, A...B what one of the two
has, ^A leaves out A and all before it. With paths only the commits that changed one of them are shown: all versions of a
file; a merge that took a path as one side had it follows only that side. "--" separates revisions from paths where they
could be confused.`,
		Example: `  evault log --oneline -n 10
  evault log --since yesterday --stat
  evault log -p -- notes.txt
  evault log --graph --oneline --all`,
		ValidArgsFunction: a.completeRevisions(-1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runLog(cmd, &o, args)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.oneline, "oneline", false, "one line a commit")
	f.IntVarP(&o.limit, "number", "n", 0, "at most `N` commits, as -N too (0: all)")
	f.IntVar(&o.skip, "skip", 0, "pass over `N` commits first")
	f.BoolVar(&o.graph, "graph", false, "draw the lines of descent")
	f.BoolVar(&o.reverse, "reverse", false, "oldest first")
	f.StringVar(&o.since, "since", "", "not older than `TIME`: yesterday, \"3 days ago\", 2026-11-20")
	f.StringVar(&o.until, "until", "", "not newer than `TIME`")
	f.StringVar(&o.author, "author", "", "only commits whose author matches a regular `EXPR`ession")
	f.StringVar(&o.grep, "grep", "", "only commits whose message matches a regular `EXPR`ession")
	f.BoolVarP(&o.ignoreCase, "ignore-case", "i", false, "--author and --grep take small and capital letters for the same")
	f.BoolVar(&o.merges, "merges", false, "only merges")
	f.BoolVar(&o.noMerges, "no-merges", false, "no merges")
	f.BoolVar(&o.firstParent, "first-parent", false, "of a merge, follow only the branch that it was made on")
	f.BoolVar(&o.all, "all", false, "begin at all branches, tags and HEAD")
	f.BoolVar(&o.branches, "branches", false, "begin at all branches")
	f.BoolVar(&o.follow, "follow", false, "follow one file beyond renames")
	f.StringVar(&o.format, "format", "", "print each commit as `TEXT`: %H %h %an %ad %s %b %d ... as git has them")
	f.String("decorate", "short", "what points at a commit is always shown")
	f.Lookup("decorate").NoOptDefVal = "short"
	_ = f.MarkHidden("decorate") // it exists for the fingers of git users, as the other names do
	f.SetNormalizeFunc(gitNames(map[string]string{"pretty": "format", "max-count": "number", "regexp-ignore-case": "ignore-case", "after": "since", "before": "until"}))
	f.StringVar(&o.date, "date", "", "times as iso, iso-strict, short, unix, relative or default (`STYLE`)")
	o.flags(f)
	return cmd
}

func (a *app) runLog(cmd *cobra.Command, o *logOptions, args []string) error {
	ctx := cmd.Context()
	request, err := a.logRequest(cmd, o)
	if err != nil {
		return err
	}
	return a.withVault(ctx, repo.ReadOnly, func(v *openVault) error {
		if err := v.splitRevisions(ctx, args, cmd.ArgsLenAtDash(), &request); err != nil {
			return err
		}
		if o.follow && len(request.Paths) != 1 {
			return usagef(cmd, "--follow goes with exactly one path")
		}
		request.Stat = a.flags.json && (o.any() || len(request.Paths) > 0)
		a.page(ctx)
		shown, err := a.printLog(ctx, v, o, request)
		if err == nil && shown == 0 && len(request.Paths) > 0 {
			err = a.sayNoneChanged(ctx, v, request.Paths)
		}
		return err
	})
}

func (a *app) logRequest(cmd *cobra.Command, o *logOptions) (r repo.LogOptions, err error) {
	o.format, o.oneline = namedFormat(o.format, o.oneline)
	switch {
	case o.limit < 0 || o.skip < 0:
		return r, usagef(cmd, "-n and --skip cannot be negative")
	case o.graph && o.reverse:
		return r, usagef(cmd, "--graph and --reverse contradict each other")
	case o.merges && o.noMerges:
		return r, usagef(cmd, "--merges and --no-merges contradict each other")
	case o.oneline && o.format != "":
		return r, usagef(cmd, "--oneline and --format contradict each other")
	case o.follow && o.graph:
		return r, usagef(cmd, "--follow and --graph do not go together")
	case !knownDateStyle(o.date):
		return r, usagef(cmd, "--date is one of iso, iso-strict, short, unix, relative and default, not %q", o.date)
	}
	if o.diff, err = o.request(cmd); err != nil {
		return r, err
	}
	r = repo.LogOptions{Limit: o.limit, Skip: o.skip, Reverse: o.reverse, Graph: o.graph, All: o.all, Branches: o.branches,
		FirstParent: o.firstParent, Merges: o.merges, NoMerges: o.noMerges, Follow: o.follow}
	for _, bound := range []struct {
		flag, text string
		to         *time.Time
	}{{"--since", o.since, &r.Since}, {"--until", o.until, &r.Until}} {
		if bound.text == "" {
			continue
		}
		if *bound.to, err = repo.ParseTime(bound.text, a.env.Now()); err != nil {
			return r, usagef(cmd, "%s %q: %w", bound.flag, bound.text, err)
		}
	}
	if r.Author, err = o.expression(cmd, "--author", o.author); err != nil {
		return r, err
	}
	r.Grep, err = o.expression(cmd, "--grep", o.grep)
	return r, err
}

// expression compiles what commits are to match; nil for none. Go's expressions take time linear in the text.
func (o *logOptions) expression(cmd *cobra.Command, flag, text string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, nil
	}
	flags := "(?m)"
	if o.ignoreCase {
		flags = "(?mi)"
	}
	e, err := regexp.Compile(flags + text)
	if err != nil {
		return nil, usagef(cmd, "%s %q: %w", flag, text, err)
	}
	return e, nil
}

// splitRevisions tells revisions from paths: by "--", or else an argument that is no revision and is on disk is a path, and
// so is everything after it.
func (v *openVault) splitRevisions(ctx context.Context, args []string, dash int, r *repo.LogOptions) error {
	revisions, paths := args, []string(nil)
	if dash >= 0 {
		revisions, paths = args[:dash], args[dash:]
	} else {
		for i, arg := range args {
			_, _, err := v.ResolveRange(ctx, []string{arg})
			if err == nil {
				continue
			}
			if !errors.Is(err, repo.ErrUnknownRevision) {
				return err
			}
			if unknown := v.notOnDisk(args[i:]); len(unknown) > 0 {
				if unknown[0] != arg {
					err = fmt.Errorf("%w %q", repo.ErrUnknownRevision, unknown[0])
				}
				return orPath(err)
			}
			revisions, paths = args[:i], args[i:]
			break
		}
	}
	r.Revisions = revisions
	var err error
	r.Paths, err = v.args(paths)
	return err
}

// notOnDisk gives the first of some paths that is not there, and what comes behind it.
func (v *openVault) notOnDisk(args []string) []string {
	for i, arg := range args {
		if !v.onDisk(arg) {
			return args[i:]
		}
	}
	return nil
}

func (v *openVault) onDisk(arg string) bool {
	p, err := v.arg(arg)
	if err != nil {
		return false
	}
	_, err = v.places.Work.LstatStat(p)
	return err == nil || !errors.Is(err, os.ErrNotExist)
}

// sayNoneChanged explains an empty log of paths on stderr; it is no error.
func (a *app) sayNoneChanged(ctx context.Context, v *openVault, paths []string) error {
	for _, p := range paths {
		near, known, err := v.NearestPaths(ctx, p)
		if err != nil {
			return err
		}
		if !known {
			a.note("no commit has changed %s%s", quoted(p), didYouMean(near))
		}
	}
	return nil
}

func (a *app) printLog(ctx context.Context, v *openVault, o *logOptions, request repo.LogOptions) (shown int, err error) {
	if a.flags.json {
		err = v.Log(ctx, request, func(e *repo.LogEntry) error {
			shown++
			return a.emit(struct {
				schema
				commitJSON
			}{schemaOf("log"), entryToJSON(e)})
		})
		return shown, err
	}
	p := logPrinter{app: a, ctx: ctx, vault: v, options: o, paths: request.Paths}
	err = v.Log(ctx, request, p.print)
	return p.printed, err
}

// logPrinter prints commits one after the other.
type logPrinter struct {
	*app
	ctx     context.Context
	vault   *openVault
	options *logOptions
	paths   []string
	graph   graph
	printed int
	flushed time.Time
}

func (p *logPrinter) print(e *repo.LogEntry) error {
	first, rest, after := "", "", []string(nil)
	if p.options.graph {
		first, rest, after = p.graph.next(e.ID, e.Parents)
	}
	lines := p.lines(e)
	long := !p.options.oneline && p.options.format == ""
	if long && p.printed > 0 && !p.options.graph {
		p.printf("\n")
	}
	p.printed++
	for i, line := range lines {
		prefix := rest
		if i == 0 {
			prefix = first
		}
		if prefix != "" {
			line = prefix + line
		}
		_, _ = p.out.WriteString(strings.TrimRight(line, " ")) // the writer keeps its first error for Flush
		_ = p.out.WriteByte('\n')
	}
	if err := p.changes(e, rest, long); err != nil {
		return err
	}
	if p.options.graph && long {
		p.printf("%s\n", strings.TrimRight(rest, " "))
	}
	for _, line := range after {
		p.printf("%s\n", strings.TrimRight(line, " "))
	}
	return p.flush()
}

// promptly is how long what was printed may wait while more comes: a pager shows the first commits at once, and ten thousand
// are not ten thousand writes.
const promptly = 20 * time.Millisecond

func (p *logPrinter) flush() error {
	now := time.Now()
	if now.Sub(p.flushed) < promptly {
		return nil
	}
	p.flushed = now
	return p.out.Flush()
}

func (p *logPrinter) lines(e *repo.LogEntry) []string {
	switch {
	case p.options.oneline:
		return []string{p.commitLine(e)}
	case p.options.format != "":
		return strings.Split(p.formatCommit(p.options.format, p.options.date, e), "\n")
	}
	return p.commitLinesDated(e, p.options.date)
}

// changes prints what a commit changed of the paths asked for. What a merge changed is shown if its first parent is all that
// is followed, as in git.
func (p *logPrinter) changes(e *repo.LogEntry, rest string, long bool) error {
	o := p.options
	if !o.any() || len(e.Commit.Parents) > 1 && !o.firstParent {
		return nil
	}
	if long {
		p.printf("%s\n", strings.TrimRight(rest, " "))
	}
	request := o.diff
	if request.Paths = p.paths; e.Path != "" {
		request.Paths = nil
		return p.followed(e, request, rest)
	}
	return p.printCommitDiff(p.ctx, p.vault, e.ID, &o.patchOptions, request, rest)
}

// followed prints what became of the one file that is followed; its old name may be another.
func (p *logPrinter) followed(e *repo.LogEntry, request repo.DiffOptions, prefix string) error {
	_, err := p.printDiff(p.out, &p.options.patchOptions, request, func(request repo.DiffOptions, each func(*repo.FileDiff) error) error {
		return p.vault.CommitDiff(p.ctx, e.ID, request, func(d *repo.FileDiff) error {
			if d.Path() != e.Path {
				return nil
			}
			return each(d)
		})
	})
	return err
}
