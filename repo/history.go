package repo

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"evault/objects"
)

// Prefixes of full ref names.
const (
	branchPrefix = "heads/"
	tagPrefix    = "tags/"
)

// LogOptions choose the commits that Log shows.
type LogOptions struct {
	// Revisions say where to begin and what to leave out: REV, ^REV, A..B (what B has and A has not), A...B (what one of the
	// two has). None: HEAD.
	Revisions   []string
	All         bool     // begin at all refs and HEAD
	Branches    bool     // begin at all branches
	Paths       []string // only commits that change one of these files or folders; merges are simplified as git does
	Follow      bool     // with one path, a file: go on under the name that it had before it was renamed
	Limit       int      // at most so many; 0: all
	Skip        int      // pass over so many first
	Since       time.Time
	Until       time.Time      // neither older nor newer than these; zero: no bound
	Author      *regexp.Regexp // the author matches; nil: anybody
	Grep        *regexp.Regexp // the message matches; nil: any
	Merges      bool           // only commits of several parents
	NoMerges    bool           // only commits of one parent or none
	FirstParent bool           // follow only the first parent of each commit
	Stat        bool           // fill LogEntry.Changes
	Reverse     bool           // oldest first, of those that Limit and Skip leave
	Graph       bool           // keep lines of descent together, and fill LogEntry.Parents
}

// LogEntry is one commit in a history.
type LogEntry struct {
	ID      objects.ID
	Commit  *objects.Commit
	Refs    []string // what names it: "HEAD -> main", "tag: v1"
	Changes []Change // against its first parent, of the paths asked for; with LogOptions.Stat
	// Parents are, with LogOptions.Graph, the nearest of its ancestors that are shown, too.
	Parents []objects.ID
	// Path is, with LogOptions.Follow, the file's name in this commit.
	Path string
}

// Log walks the history: newest first by time, each commit before its parents. It reads the history index, which is brought
// up to date first; where that is impossible because a commit cannot be read, it walks from commit to commit and shows what
// there is before that one.
func (r *Repository) Log(ctx context.Context, o LogOptions, each func(*LogEntry) error) error {
	from, without, err := r.logRange(ctx, &o)
	if err != nil || len(from) == 0 {
		return err
	}
	h, err := r.history(ctx)
	if err != nil {
		return err
	}
	for _, id := range slices.Concat(from, without) {
		if err := h.need(ctx, id); err != nil {
			if ctx.Err() != nil {
				return err
			}
			return r.logWithoutIndex(ctx, o, from, without, each)
		}
	}
	l := &logWalk{h: h, ctx: ctx, o: &o, names: r.refNames(), each: each}
	if err := l.run(from, without); !errors.Is(err, errStop) {
		return err
	}
	return nil
}

// logRange says where a log begins, and what it leaves out with all before it.
func (r *Repository) logRange(ctx context.Context, o *LogOptions) (from, without []objects.ID, err error) {
	from, without, err = r.ResolveRange(ctx, o.Revisions)
	if err != nil {
		return nil, nil, err
	}
	if o.All || o.Branches {
		for name, id := range r.refs.View().All() {
			if o.All || strings.HasPrefix(name, branchPrefix) {
				if id, err = r.peel(ctx, id); err != nil {
					return nil, nil, err
				}
				from = append(from, id)
			}
		}
	}
	if head := r.head(); !head.IsZero() && (o.All || len(o.Revisions) == 0 && !o.Branches) {
		from = append(from, head)
	}
	return from, without, nil
}

// errStop ends a walk early without being an error.
var errStop = errors.New("stop")

// wants reports whether a commit is one that the options ask for, paths left aside.
func (o *LogOptions) wants(c *objects.Commit) bool {
	if !o.Since.IsZero() || !o.Until.IsZero() {
		at := time.Unix(c.Time.Sec, int64(c.Time.Nsec))
		if !o.Since.IsZero() && at.Before(o.Since) || !o.Until.IsZero() && at.After(o.Until) {
			return false
		}
	}
	switch {
	case o.Merges && len(c.Parents) < 2, o.NoMerges && len(c.Parents) > 1:
		return false
	case o.Author != nil && !o.Author.MatchString(c.Author):
		return false
	}
	return o.Grep == nil || o.Grep.MatchString(c.Message)
}

// readsCommits reports whether wants looks at commits at all.
func (o *LogOptions) readsCommits() bool {
	return o.Author != nil || o.Grep != nil || o.Merges || o.NoMerges || !o.Since.IsZero() || !o.Until.IsZero()
}

// logChanges gives what a commit changed against its first parent.
func (r *Repository) logChanges(ctx context.Context, id objects.ID, c *objects.Commit, paths []string) ([]Change, error) {
	var parent objects.ID
	if len(c.Parents) > 0 {
		parent = c.Parents[0]
	}
	return r.Changes(ctx, parent, id, paths)
}

// refNames lists, for each commit that a ref points at, what to call it beside its ID.
func (r *Repository) refNames() map[objects.ID][]string {
	view := r.refs.View()
	names := map[objects.ID][]string{}
	if view.Head.Branch == "" && !view.Head.Commit.IsZero() {
		names[view.Head.Commit] = append(names[view.Head.Commit], "HEAD")
	}
	for name, id := range view.All() {
		if strings.HasPrefix(name, tagPrefix) { // one that has a tag object names the commit behind it
			if commit, err := r.peel(context.Background(), id); err == nil {
				id = commit
			}
		}
		switch branch, isBranch := strings.CutPrefix(name, branchPrefix); {
		case isBranch && branch == view.Head.Branch:
			names[id] = append([]string{"HEAD -> " + branch}, names[id]...)
		case isBranch:
			names[id] = append(names[id], branch)
		case strings.HasPrefix(name, tagPrefix):
			names[id] = append(names[id], "tag: "+strings.TrimPrefix(name, tagPrefix))
		case strings.HasPrefix(name, trackingPrefix):
			names[id] = append(names[id], strings.TrimPrefix(name, trackingPrefix))
		default:
			names[id] = append(names[id], name)
		}
	}
	return names
}
