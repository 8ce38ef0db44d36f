package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"evault/repo"
)

type logOptions struct {
	oneline, graph, stat, reverse bool
	limit                         int
	since, until                  string
}

func newLog(a *app) *cobra.Command {
	var o logOptions
	cmd := &cobra.Command{
		Use:   "log [REV...] [--] [PATH...]",
		Short: "Show the history, newest first",
		Long: `Show the history of HEAD, or of the revisions given, newest first. With paths only the commits that changed one of them
are shown: all versions of a file. "--" separates revisions from paths where they could be confused.`,
		Example: `  evault log --oneline -n 10
  evault log --since yesterday --stat
  evault log -- notes.txt
  evault log main HEAD~2 --graph`,
		ValidArgsFunction: a.completeRevisions(-1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runLog(cmd, o, args)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.oneline, "oneline", false, "one line a commit")
	f.IntVarP(&o.limit, "number", "n", 0, "at most `N` commits, as -N too (0: all)")
	f.BoolVar(&o.graph, "graph", false, "draw the lines of descent")
	f.StringVar(&o.since, "since", "", "not older than `TIME`: yesterday, \"3 days ago\", 2026-11-20")
	f.StringVar(&o.until, "until", "", "not newer than `TIME`")
	f.BoolVar(&o.stat, "stat", false, "list what each commit changed")
	f.BoolVar(&o.reverse, "reverse", false, "oldest first")
	return cmd
}

func (a *app) runLog(cmd *cobra.Command, o logOptions, args []string) error {
	ctx := cmd.Context()
	request, err := a.logRequest(cmd, o)
	if err != nil {
		return err
	}
	return a.withVault(ctx, repo.ReadOnly, func(v *openVault) error {
		if err := v.splitRevisions(ctx, args, cmd.ArgsLenAtDash(), &request); err != nil {
			return err
		}
		a.page(ctx)
		return a.printLog(ctx, v, o, request)
	})
}

func (a *app) logRequest(cmd *cobra.Command, o logOptions) (r repo.LogOptions, err error) {
	if o.limit < 0 {
		return r, usagef(cmd, "-n cannot be negative")
	}
	if o.graph && o.reverse {
		return r, usagef(cmd, "--graph and --reverse contradict each other")
	}
	r = repo.LogOptions{Limit: o.limit, Stat: o.stat, Reverse: o.reverse}
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
	return r, nil
}

// splitRevisions tells revisions from paths: by "--", or else an argument that is no revision and is on disk is a path, and
// so is everything after it.
func (v *openVault) splitRevisions(ctx context.Context, args []string, dash int, r *repo.LogOptions) error {
	revisions, paths := args, []string(nil)
	if dash >= 0 {
		revisions, paths = args[:dash], args[dash:]
	} else {
		for i, arg := range args {
			_, _, err := v.ResolveCommit(ctx, arg)
			if err == nil {
				continue
			}
			if !errors.Is(err, repo.ErrUnknownRevision) {
				return err
			}
			if !v.onDisk(arg) {
				return fmt.Errorf("%w (a path that is not on disk goes behind --)", err)
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

func (v *openVault) onDisk(arg string) bool {
	p, err := v.arg(arg)
	if err != nil {
		return false
	}
	_, err = v.places.Work.LstatStat(p)
	return err == nil || !errors.Is(err, os.ErrNotExist)
}

func (a *app) printLog(ctx context.Context, v *openVault, o logOptions, request repo.LogOptions) error {
	if a.flags.json {
		return v.Log(ctx, request, func(e *repo.LogEntry) error {
			return a.emit(struct {
				schema
				commitJSON
			}{schemaOf("log"), entryToJSON(e)})
		})
	}
	p := logPrinter{app: a, options: o}
	// Between commits that are left out there are no lines to draw.
	p.gaps = len(request.Paths) > 0 || !request.Since.IsZero() || !request.Until.IsZero()
	return v.Log(ctx, request, p.print)
}

// logPrinter prints commits one after the other.
type logPrinter struct {
	app     *app
	options logOptions
	graph   graph
	gaps    bool
	printed bool
}

func (p *logPrinter) print(e *repo.LogEntry) error {
	first, rest, after := "", "", []string(nil)
	switch {
	case p.options.graph && p.gaps:
		first, rest = "* ", "  "
	case p.options.graph:
		first, rest, after = p.graph.next(e.ID, e.Commit.Parents)
	}
	lines := []string{p.app.commitLine(e)}
	if !p.options.oneline {
		lines = p.app.commitLines(e)
		if p.printed && !p.options.graph {
			p.app.printf("\n")
		}
	}
	p.printed = true
	for i, line := range lines {
		prefix := rest
		if i == 0 {
			prefix = first
		}
		p.app.printf("%s\n", strings.TrimRight(prefix+line, " "))
	}
	return p.changes(e, rest, after)
}

func (p *logPrinter) changes(e *repo.LogEntry, rest string, after []string) error {
	if p.options.stat {
		if !p.options.oneline {
			p.app.printf("%s\n", strings.TrimRight(rest, " "))
		}
		for _, c := range e.Changes {
			look := lookOf(c.Kind)
			p.app.printf("%s %s %s%s\n", rest, p.app.paint(look.color, look.letter), quoted(dirSlash(c)), changeSizes(c))
		}
	}
	if p.options.graph && !p.options.oneline {
		p.app.printf("%s\n", strings.TrimRight(rest, " "))
	}
	for _, line := range after {
		p.app.printf("%s\n", strings.TrimRight(line, " "))
	}
	return p.app.out.Flush() // a pager, or a reader of JSON lines, sees each commit as it comes
}
