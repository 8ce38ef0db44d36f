package repo

import (
	"context"
	"fmt"

	"evault/internal/vfs"
	"evault/objects"
	"evault/refs"
	"evault/worktree"
)

// StatusOptions say what to compare.
type StatusOptions struct {
	Paths     []string
	Untracked string // "no", "normal" (a whole untracked folder as one) or "all"; empty: normal
	Ignored   bool   // show ignored names too
}

// StatusResult says how the work tree differs from HEAD.
type StatusResult struct {
	Branch   string // empty when HEAD is detached
	Detached bool
	Head     objects.ID       // zero before the first commit
	Changes  []Change         // ascending by path
	Kept     []refs.Ref       // branches on which work is put aside, with the commit that holds it
	Tracking []TrackingStatus // the branch compared with the remotes that have it, by name of the remote
	Problems []Problem
	Notes    []string
	Clean    bool     // nothing differs; untracked names do not count
	Pending  *Pending // what waits to be continued; nil: nothing
}

// Status compares the work tree with HEAD. It takes no lock; if the lock is free, what it learned about files that had to
// be read is kept for the next time.
func (r *Repository) Status(ctx context.Context, o StatusOptions) (*StatusResult, error) {
	m := r.settings.startMeter("comparing")
	defer m.close()
	index, err := r.loadIndex(ctx)
	if err != nil {
		return nil, err
	}
	scan := worktree.ScanOptions{Paths: o.Paths, ShowIgnored: o.Ignored}
	switch o.Untracked {
	case "", "normal":
		scan.Untracked = worktree.UntrackedNormal
	case "all":
		scan.Untracked = worktree.UntrackedAll
	case "no":
	default:
		return nil, usagef("untracked files: %q is not no, normal or all", o.Untracked)
	}
	asOf, nowErr := worktree.Now(r.local)
	found, err := r.status(ctx, index, scan, m)
	if err != nil {
		return nil, err
	}
	if nowErr == nil { // else the disk is read-only or full, and nothing can be kept
		r.keepRefreshed(ctx, index, found.Refreshed, asOf)
	}
	out := r.describeStatus(found)
	if out.Pending, err = r.pending(ctx); err != nil {
		out.Notes = append(out.Notes, err.Error())
	} else if out.Pending != nil {
		out.Clean = false
		out.Pending.only(o.Paths)
	}
	out.Kept = r.Kept()
	if out.Tracking, err = r.tracking(ctx); err != nil {
		out.Notes = append(out.Notes, fmt.Sprintf("the remotes could not be compared: %v", err))
	}
	return out, incomplete(problemsOf(found.Problems))
}

// keepRefreshed writes refreshed keys if nobody holds the lock. It is an optimisation: what goes wrong costs time only.
func (r *Repository) keepRefreshed(ctx context.Context, index *worktree.Index, edits []worktree.IndexEdit, asOf vfs.Time) {
	if len(edits) == 0 {
		return
	}
	if r.lock == nil {
		held, err := lock(ctx, r.places.Vault, 0)
		if err != nil {
			return
		}
		defer held.Close()
	}
	if err := r.refreshNewest(index, edits, asOf); err != nil {
		r.notes = append(r.notes, "the stat index could not be refreshed: "+err.Error())
	}
}

// refreshNewest writes keys into the index as it is now. Another command may have written it since it was loaded without
// the lock; to write the old one back would forget what add and rm have noted meanwhile. A key says of a file that it is
// as HEAD holds it: where HEAD has moved it says nothing.
func (r *Repository) refreshNewest(index *worktree.Index, edits []worktree.IndexEdit, asOf vfs.Time) error {
	sealer, err := r.vault.LocalSealer(indexPurpose)
	if err != nil {
		return err
	}
	newest, err := worktree.LoadIndex(r.local, indexName, sealer)
	if err != nil || newest.Base() != index.Base() {
		return err
	}
	return r.refreshIndex(newest, edits, asOf)
}

func (r *Repository) status(ctx context.Context, index *worktree.Index, scan worktree.ScanOptions, m *meter) (*worktree.StatusResult, error) {
	patterns, err := r.userIgnore()
	if err != nil {
		return nil, err
	}
	scan.Root, scan.Index, scan.Ignore = r.places.Work, index, patterns
	if m != nil {
		scan.Progress = func(names int) { m.items.Add(int64(names)) }
	}
	return worktree.Status(ctx, worktree.StatusOptions{
		Scan:    scan,
		Chunker: objects.NewChunker(r.vault.ChunkerKey()),
		Owners:  &worktree.Owners{},
		Details: true,
		NewHash: r.newHash,
	})
}

// newHash makes a function that computes object IDs, for one goroutine.
func (r *Repository) newHash() worktree.HashSink {
	h := r.vault.NewHasher()
	return func(kind objects.Kind, data []byte) objects.ID { return objects.ID(h.ObjectID(byte(kind), data)) }
}

func (r *Repository) describeStatus(found *worktree.StatusResult) *StatusResult {
	view := r.refs.View()
	out := &StatusResult{Branch: view.Head.Branch, Detached: view.Head.Detached(), Head: r.head(), Clean: true,
		Problems: problemsOf(found.Problems)}
	for _, n := range found.Notes {
		out.Notes = append(out.Notes, Problem{n.Path, n.Err}.String())
	}
	for _, c := range found.Changes {
		change := Change{Path: c.Path, Kind: ChangeKind(c.Kind), IsDir: c.Dir, Details: detailWords(c.Detail)}
		switch {
		case c.Kind == worktree.ChangeDeleted && !c.Removed:
			change.Kind = Missing
		case c.Kind == worktree.ChangeIgnored:
			change.Kind = Ignored
		}
		out.Clean = out.Clean && (change.Kind == Untracked || change.Kind == Ignored)
		out.Changes = append(out.Changes, change)
	}
	return out
}

func detailWords(d worktree.Detail) []string {
	var words []string
	for _, w := range []struct {
		bit  worktree.Detail
		word string
	}{
		{worktree.DetailContent, DetailContent}, {worktree.DetailMode, DetailMode}, {worktree.DetailOwner, DetailOwner},
		{worktree.DetailTimes, DetailTimes}, {worktree.DetailXattrs, DetailXattrs}, {worktree.DetailLinks, DetailLinks},
	} {
		if d&w.bit != 0 {
			words = append(words, w.word)
		}
	}
	return words
}

func problemsOf(found []worktree.ScanProblem) []Problem {
	var out []Problem
	for _, p := range found {
		out = append(out, Problem{p.Path, p.Err})
	}
	return out
}
