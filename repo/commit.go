package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"evault/internal/ignore"
	"evault/objects"
	"evault/pack"
	"evault/refs"
	"evault/worktree"
)

// CommitOptions say what to commit and how to describe it.
type CommitOptions struct {
	Message string
	// MessageFunc is asked when Message is empty and there is something to commit; summary says what. Nil: a message with
	// the date is made.
	MessageFunc func(summary string) (string, error)
	Paths       []string // only these, files or folders; none: everything that is tracked
	All         bool     // track what is new and drop what is missing first
	AllowEmpty  bool     // commit even if nothing differs
	Amend       bool     // replace the last commit
	DryRun      bool     // only say what would be committed
	Labels      []objects.Label
	Author      string
	Time        *time.Time
}

// CommitResult says what a commit did.
type CommitResult struct {
	ID       objects.ID
	Branch   string // empty when HEAD is detached
	Nothing  bool   // there was nothing to commit
	Commit   *objects.Commit
	Added    int64
	Modified int64
	Deleted  int64
	// Missing are the first tracked paths that are gone from the disk; the commit keeps what HEAD held of them.
	Missing      []string
	MissingCount int64
	// Markers are changed texts in which a merge has left conflict markers. They are committed all the same.
	Markers  []string
	Files    uint64 // entries of the snapshot
	Bytes    uint64 // file bytes of the snapshot
	Read     int64  // file bytes that were read
	New      int64  // bytes that the vault did not hold yet, before compression
	Stored   int64  // bytes of the packs written
	Problems []Problem
	Notes    []string
}

// Problem is one path that a verb could not deal with.
type Problem struct {
	Path string
	Err  error
}

func (p Problem) String() string { return p.Path + ": " + p.Err.Error() }

// Commit takes the tracked files as they are on disk into a new commit of the current branch.
//
// A file that cannot be read does not stop the rest: the commit is made, Problems names the file, and the error is
// ErrIncomplete. Where nothing differs no commit is made and Nothing is set; that is no error.
//
// The order of writes: packs (each synced, then named), the record in the log (the commit point), the stat index.
func (r *Repository) Commit(ctx context.Context, o CommitOptions) (*CommitResult, error) {
	m := r.settings.startMeter("reading")
	defer m.close()
	headID, head, err := r.headCommit(ctx)
	if err != nil {
		return nil, err
	}
	if o.Amend && head == nil {
		return nil, conflictf("there is no commit to amend yet")
	}
	merge, err := r.concluding(ctx, o)
	if err != nil {
		return nil, err
	}
	index, err := r.loadIndex(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.checkKnown(index, o); err != nil {
		return nil, err
	}
	patterns, err := r.userIgnore()
	if err != nil {
		return nil, err
	}
	s, err := r.newSnapshot(ctx, index, snapshotOptions{trackNew: o.All, paths: o.Paths, ignore: patterns}, m)
	if err != nil {
		return nil, err
	}
	c := &committing{repo: r, ctx: ctx, o: o, snap: s, meter: m, headID: headID, head: head, index: index, merge: merge}
	result, err := c.run()
	return result, errors.Join(err, s.close())
}

// checkKnown refuses paths that nothing is known of. What rm has dropped is known: the commit of it makes that so.
func (r *Repository) checkKnown(index *worktree.Index, o CommitOptions) error {
	if o.All {
		return r.checkOnDisk(index, o.Paths)
	}
	for _, p := range o.Paths {
		_, isFile := index.Entry(p)
		_, isFolder := index.Dir(p)
		if isFile || isFolder || p == "" {
			continue
		}
		return fmt.Errorf("%s: %w: it is not tracked (evault add tracks it)%s", display(p), ErrPathNotFound, nearTracked(index, p))
	}
	return nil
}

// userIgnore reads the ignore patterns that the user keeps for every vault.
func (r *Repository) userIgnore() (*ignore.Stack, error) {
	if r.settings.ExcludesFile == nil {
		return nil, nil
	}
	var stack *ignore.Stack
	return stack.Push("", ignore.Parse(r.settings.ExcludesFile)), nil
}

// committing is one commit on its way.
type committing struct {
	repo   *Repository
	ctx    context.Context
	o      CommitOptions
	snap   *snapshot
	meter  *meter
	headID objects.ID
	head   *objects.Commit
	index  *worktree.Index
	merge  *mergeState // that this commit concludes; nil: none
}

func (c *committing) run() (*CommitResult, error) {
	found, err := c.snap.run()
	if err != nil {
		return nil, err
	}
	result := c.report(found)
	if c.isNothing(found) {
		result.Nothing = true
	}
	if c.o.DryRun {
		return result, incomplete(found.problems)
	}
	if result.Nothing {
		return result, errors.Join(incomplete(found.problems), c.repo.refreshIndex(c.index, found.noted, c.snap.asOf))
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	commit, err := c.describe(found)
	if err != nil {
		return nil, err
	}
	if err := c.store(commit, result); err != nil {
		return nil, err
	}
	return result, incomplete(found.problems)
}

func incomplete(problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	return ErrIncomplete
}

func (c *committing) isNothing(found *snapshotResult) bool {
	return !found.changed() && !c.o.AllowEmpty && !c.o.Amend && (c.merge == nil || len(c.merge.Parents) < 2)
}

func (c *committing) begin() error { return c.snap.begin() }

func (c *committing) report(found *snapshotResult) *CommitResult {
	return &CommitResult{
		Branch: c.repo.refs.View().Head.Branch,
		Added:  found.added, Modified: found.modified, Deleted: found.deleted,
		Missing: found.missing, MissingCount: found.missingCount, Markers: found.marked,
		Files: found.tree.Entries, Bytes: found.tree.Bytes, Read: found.read,
		Problems: found.problems, Notes: found.notes,
	}
}

// describe makes the signed commit.
func (c *committing) describe(found *snapshotResult) (*objects.Commit, error) {
	tree := found.tree
	if tree.ID.IsZero() { // an empty work tree: the empty tree is an object like any other
		var err error
		if tree, err = objects.NewTreeBuilder(c.snap.meta).Finish(); err != nil {
			return nil, err
		}
	}
	message, err := c.message(found)
	if err != nil {
		return nil, err
	}
	when := c.repo.settings.now()
	if c.o.Time != nil {
		when = *c.o.Time
	}
	commit := &objects.Commit{
		Tree: tree.ID, Entries: tree.Entries, Bytes: tree.Bytes, Generation: 1,
		Device: c.repo.vault.DevicePublicKey(), Author: c.author(), Message: message, Labels: c.labels(),
	}
	commit.Time, commit.ZoneMinutes = stamp(when)
	if err := c.addParents(commit); err != nil {
		return nil, err
	}
	commit.Signature, err = c.repo.vault.SignCommit(commit.SigningHash())
	return commit, err
}

// addParents sets the parents and the generation, which is one more than the greatest of theirs.
func (c *committing) addParents(commit *objects.Commit) error {
	switch {
	case c.o.Amend:
		commit.Parents = c.head.Parents
	case c.merge != nil:
		commit.Parents = c.merge.Parents
	case c.head != nil:
		commit.Parents = []objects.ID{c.headID}
	}
	for _, p := range commit.Parents {
		parent, err := c.repo.loadCommit(c.ctx, p)
		if err != nil {
			return err
		}
		commit.Generation = max(commit.Generation, parent.Generation+1)
	}
	return nil
}

func (c *committing) author() string {
	switch {
	case c.o.Author != "":
		return c.o.Author
	case c.o.Amend:
		return c.head.Author
	case c.merge != nil && c.merge.Author != "":
		return c.merge.Author
	case c.repo.config.User.Name != "":
		return c.repo.config.User.Name
	}
	return c.repo.settings.Author
}

func (c *committing) labels() []objects.Label {
	labels := slices.Clone(c.o.Labels)
	if c.o.Amend && len(labels) == 0 {
		labels = c.head.Labels
	}
	slices.SortFunc(labels, func(a, b objects.Label) int { return strings.Compare(a.Key, b.Key) })
	return labels
}

func (c *committing) message(found *snapshotResult) (string, error) {
	switch {
	case c.o.Message != "":
		return c.o.Message, nil
	case c.merge != nil:
		return c.merge.Message, nil
	case c.o.MessageFunc != nil:
		return c.o.MessageFunc(found.summary())
	case c.o.Amend:
		return c.head.Message, nil
	}
	return c.repo.settings.now().Format("2006-01-02 15:04:05 -0700") + ": " + found.summary(), nil
}

// summary counts what a snapshot found in words.
func (r *snapshotResult) summary() string {
	var parts []string
	for _, p := range []struct {
		n    int64
		verb string
	}{{r.added, "added"}, {r.modified, "modified"}, {r.deleted, "deleted"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.verb))
		}
	}
	if len(parts) == 0 {
		return "no changes"
	}
	return strings.Join(parts, ", ")
}

// store writes the commit: packs, then the record, then the index.
func (c *committing) store(commit *objects.Commit, result *CommitResult) error {
	data, err := commit.Encode()
	if err != nil {
		return err
	}
	id, err := c.snap.meta.Put(objects.KindCommit, data)
	if err != nil {
		return err
	}
	if err := c.ctx.Err(); err != nil {
		return err
	}
	c.meter.enter("storing", 0, 0)
	packs, err := c.snap.session.Commit(c.ctx)
	if err != nil {
		return fmt.Errorf("storing the commit: %w", err)
	}
	stats := c.snap.session.Stats()
	result.ID, result.Commit = id, commit
	result.New = int64(stats.NewBytes)
	for _, p := range packs {
		result.Stored += p.Size
	}
	if err := c.repo.recordCommit(c.ctx, c.headID, id, commit, packs, c.o.Amend, c.merge); err != nil {
		return err
	}
	// The commit exists from here on. The index is a cache: if it cannot be written the next command rebuilds it.
	c.snap.writer.SetBase(commit.Tree)
	if err := c.snap.writer.Commit(); err != nil {
		result.Notes = append(result.Notes, fmt.Sprintf("the commit is made, but the stat index could not be written: %v", err))
	}
	if c.merge != nil { // HEAD has moved, which has ended it
		if err := c.repo.forgetMerge(); err != nil {
			result.Notes = append(result.Notes, fmt.Sprintf("the %s is concluded, but a note of it is left: %v", c.merge.Operation, err))
		}
	}
	c.repo.catchUpAtCommit(c.ctx, id)
	return nil
}

// recordCommit moves the branch, or the detached HEAD, to a new commit.
func (r *Repository) recordCommit(ctx context.Context, old, id objects.ID, c *objects.Commit, packs []pack.PackInfo, amend bool, merge *mergeState) error {
	name, subject := "commit", firstLine(c.Message)
	if amend {
		name = "amend"
	}
	op := refs.Operation{Name: name, Description: subject}
	if merge != nil {
		op.Name, op.PacksAdded = merge.Operation, slices.Clone(merge.Packs)
	}
	for _, p := range packs {
		op.PacksAdded = append(op.PacksAdded, refs.Pack{Name: p.Name, Size: uint64(p.Size)})
	}
	op.PacksNeeded = op.PacksAdded
	if head := r.refs.View().Head; head.Branch != "" {
		op.Changes = []refs.Change{{Name: branchPrefix + head.Branch, Old: old, New: id}}
	} else {
		op.HeadAfter = refs.Head{Commit: id}
	}
	return r.record(ctx, op)
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
