package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"evault/objects"
	"evault/pack"
	"evault/refs"
	"evault/worktree"
)

// mergeOptions say how to bring another commit into the current branch.
type mergeOptions struct {
	What            string      // what is merged, for the log and the message: "origin/main"
	FastForwardOnly bool        // refuse where a merge commit would be needed
	PacksAdded      []refs.Pack // came into the store for this, and are recorded with it
	Message         string      // of the merge commit; empty: "Merge <what> into <branch>"
}

// Kinds of MergeResult.
const (
	MergeUpToDate    = "up-to-date"   // the branch had the commit already
	MergeFastForward = "fast-forward" // the branch had nothing of its own
	MergeCommit      = "merge"        // a commit with two parents was made
)

// MergeResult says what a merge did.
type MergeResult struct {
	Kind      string     // MergeUpToDate, MergeFastForward or MergeCommit
	Commit    objects.ID // where HEAD is now
	Subject   string     // of that commit's message
	Conflicts []string   // paths, ascending; then nothing was done
	Written   int64      // files
	Deleted   int64
	Problems  []Problem
	Notes     []string
}

// MergeConflictError names the paths that both sides changed, each in its own way. Nothing was done. It is ErrConflict.
type MergeConflictError struct {
	Paths []string // ascending
	From  string   // the revision of the other side's versions: "friend/main"; empty if it has no name
}

func (e *MergeConflictError) Error() string {
	const shown = 10
	list, more := e.Paths, ""
	if n := len(list) - shown; n > 0 {
		list, more = list[:shown], fmt.Sprintf("\n  and %d more", n)
	}
	return "both sides changed:\n  " + strings.Join(list, "\n  ") + more
}

// Unwrap makes the error ErrConflict.
func (e *MergeConflictError) Unwrap() error { return ErrConflict }

// mergeCommit brings another commit into the current branch, or into a detached HEAD: nothing to do, a fast-forward, or a
// merge of the two trees by their merge base (see treeMerge for its rules) and a commit with both as parents.
//
// Nothing is written while it is not certain that all goes well: a MergeConflictError names paths that both sides changed, a
// DirtyError names uncommitted work where files would have to change. Uncommitted work elsewhere stays as it is. The order
// of writes is that of a commit and then that of a checkout: packs, files, the record, the stat index. A merge that was
// interrupted before its record is made by running it again, and finds the files that are right already.
//
// Two branches that merged each other have several merge bases. Then the trees are merged by each of them, and all must
// give the same; where they do not, that is a conflict. Two branches without any common commit are not merged.
func (r *Repository) mergeCommit(ctx context.Context, theirs objects.ID, o mergeOptions) (*MergeResult, error) {
	m := r.settings.startMeter("merging")
	defer m.close()
	head := r.head()
	their, err := r.loadCommit(ctx, theirs)
	if err != nil {
		return nil, err
	}
	db, err := r.database()
	if err != nil {
		return nil, err
	}
	if head.IsZero() {
		return r.fastForward(ctx, head, theirs, their, o)
	}
	bases, err := objects.MergeBases(ctx, db, head, theirs)
	switch {
	case err != nil:
		return nil, err
	case len(bases) == 0:
		return nil, conflictf("%s and the current branch have no commit in common", o.What)
	case bases[0] == theirs:
		return r.mergedAlready(ctx, head, o)
	case bases[0] == head:
		return r.fastForward(ctx, head, theirs, their, o)
	case o.FastForwardOnly:
		return nil, conflictf("%s and the current branch have both gone on: this needs a merge", o.What)
	}
	j := &joining{repo: r, ctx: ctx, db: db, o: o, meter: m, oursID: head, theirsID: theirs, theirs: their}
	return j.run(bases)
}

// mergedAlready does nothing but record the packs.
func (r *Repository) mergedAlready(ctx context.Context, head objects.ID, o mergeOptions) (*MergeResult, error) {
	c, err := r.loadCommit(ctx, head)
	if err != nil {
		return nil, err
	}
	result := &MergeResult{Kind: MergeUpToDate, Commit: head, Subject: firstLine(c.Message)}
	if len(o.PacksAdded) == 0 {
		return result, nil
	}
	return result, r.record(ctx, refs.Operation{Name: "merge", Description: o.What + ": up to date",
		HeadAfter: r.refs.View().Head, PacksAdded: o.PacksAdded})
}

// fastForward moves the branch to a commit that comes after it.
func (r *Repository) fastForward(ctx context.Context, head, to objects.ID, commit *objects.Commit, o mergeOptions) (*MergeResult, error) {
	d := &destination{id: to, commit: commit}
	d.op = r.advance(head, to, o.What+": fast-forward", o.PacksAdded)
	return r.moveMerged(ctx, d, MergeFastForward)
}

// advance is the operation that moves the branch, or the detached HEAD, to a merged commit.
func (r *Repository) advance(from, to objects.ID, description string, packs []refs.Pack) refs.Operation {
	op := refs.Operation{Name: "merge", Description: description, HeadAfter: refs.Head{Commit: to}, PacksAdded: packs}
	if head := r.refs.View().Head; head.Branch != "" {
		op.HeadAfter = head
		op.Changes = []refs.Change{{Name: branchPrefix + head.Branch, Old: from, New: to}}
	}
	return op
}

func (r *Repository) moveMerged(ctx context.Context, d *destination, kind string) (*MergeResult, error) {
	moved, err := r.moveTo(ctx, d, false, false)
	if moved == nil {
		return nil, err
	}
	return &MergeResult{Kind: kind, Commit: d.id, Subject: moved.Subject, Written: moved.Written, Deleted: moved.Deleted,
		Problems: moved.Problems, Notes: moved.Notes}, err
}

// joining is one merge with two sides on its way.
type joining struct {
	repo             *Repository
	ctx              context.Context
	db               *pack.DB
	o                mergeOptions
	meter            *meter
	oursID, theirsID objects.ID
	ours, theirs     *objects.Commit
}

func (j *joining) run(bases []objects.ID) (*MergeResult, error) {
	index, ours, err := j.repo.standing(j.ctx)
	if err != nil {
		return nil, err
	}
	j.ours = ours
	made := newTrees(j.db, j.repo.vault.NewHasher())
	root, conflicts, err := j.trees(made, bases)
	if err != nil {
		return nil, err
	}
	if len(conflicts) > 0 {
		return &MergeResult{Kind: MergeCommit, Commit: j.oursID, Conflicts: conflicts}, &MergeConflictError{Paths: conflicts}
	}
	commit, err := j.describe(root)
	if err != nil {
		return nil, err
	}
	// The plan is made once before anything is written, so that a merge that cannot be leaves no packs behind.
	options := worktree.CheckoutOptions{RestoreOptions: j.repo.restoreOptions(j.repo.places.Work, j.meter)}
	if _, err := worktree.PlanCheckout(j.ctx, made, treeRef(ours), root, index, options); err != nil {
		return nil, dirtyError(err)
	}
	d, err := j.store(made, commit)
	if err != nil {
		return nil, err
	}
	return j.repo.moveMerged(j.ctx, d, MergeCommit)
}

// maxBases is how many merge bases are tried. More than two are rare.
const maxBases = 8

// trees merges by every base.
func (j *joining) trees(made *treeStore, bases []objects.ID) (objects.TreeRef, []string, error) {
	if len(bases) > maxBases {
		return objects.TreeRef{}, nil, conflictf("%s and the current branch have %d merge bases, more than %d", j.o.What, len(bases), maxBases)
	}
	var root objects.TreeRef
	var conflicts []string
	for i, id := range bases {
		base, err := j.repo.loadCommit(j.ctx, id)
		if err != nil {
			return root, nil, err
		}
		m := treeMerge{ctx: j.ctx, src: made, sink: made}
		if err := m.run(base.Root(), j.ours.Root(), j.theirs.Root()); err != nil {
			return root, nil, err
		}
		conflicts = append(conflicts, m.conflicts...)
		if i > 0 && len(m.conflicts) == 0 && m.root.ID != root.ID && !root.ID.IsZero() {
			err := treeChanges{j.ctx, made, func(path string, _, _ *objects.Entry) error {
				conflicts = append(conflicts, path)
				return nil
			}}.run("", root, m.root, 0)
			if err != nil {
				return root, nil, err
			}
		}
		if len(m.conflicts) == 0 {
			root = m.root
		}
	}
	return root, sortedPaths(conflicts), nil
}

// describe makes the signed commit.
func (j *joining) describe(root objects.TreeRef) (*objects.Commit, error) {
	r := j.repo
	c := &objects.Commit{
		Parents: []objects.ID{j.oursID, j.theirsID}, Tree: root.ID, Entries: root.Entries, Bytes: root.Bytes,
		Generation: objects.NextGeneration(j.ours, j.theirs), Device: r.vault.DevicePublicKey(),
		Author: r.settings.Author, Message: j.o.Message,
	}
	if r.config.User.Name != "" {
		c.Author = r.config.User.Name
	}
	if c.Message == "" {
		into := r.refs.View().Head.Branch
		if into == "" {
			into = "HEAD"
		}
		c.Message = fmt.Sprintf("Merge %s into %s", j.o.What, into)
	}
	c.Time, c.ZoneMinutes = stamp(r.settings.now())
	var err error
	c.Signature, err = r.vault.SignCommit(c.SigningHash())
	return c, err
}

// store makes the new trees and the commit durable.
func (j *joining) store(made *treeStore, commit *objects.Commit) (*destination, error) {
	data, err := commit.Encode()
	if err != nil {
		return nil, err
	}
	s := j.db.NewSession(pack.SessionOptions{})
	id, err := made.store(s, data)
	if err != nil {
		return nil, errors.Join(err, s.Abort())
	}
	packs, err := s.Commit(j.ctx)
	if err != nil {
		return nil, fmt.Errorf("storing the merge: %w", err)
	}
	op := j.repo.advance(j.oursID, id, firstLine(commit.Message), slices.Clone(j.o.PacksAdded))
	for _, p := range packs {
		op.PacksAdded = append(op.PacksAdded, refs.Pack{Name: p.Name, Size: uint64(p.Size)})
		op.PacksNeeded = append(op.PacksNeeded, refs.Pack{Name: p.Name, Size: uint64(p.Size)})
	}
	return &destination{op: op, id: id, commit: commit}, nil
}
