package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"evault/objects"
	"evault/pack"
	"evault/refs"
	"evault/worktree"
)

// Favour says which side decides a conflict.
type Favour uint8

// The ways to decide. FavourOurs and FavourTheirs decide each hunk of a text, and anything else as a whole; FavourNewest
// decides whole files by their time, where they do not merge.
const (
	FavourNone Favour = iota
	FavourOurs
	FavourTheirs
	FavourNewest
)

// combineOptions say how to bring the changes between two trees into the work tree, and what to commit then.
type combineOptions struct {
	operation    string          // as it is recorded: "merge", "revert", "cherry-pick"
	what         string          // the other side in words, for the log and for messages: "feature"
	label        string          // the other side in conflict markers; empty: what
	baseLabel    string          // the base in conflict markers; empty: "base"
	message      string          // of the commit
	base, theirs objects.TreeRef // HEAD's tree gets the changes from base to theirs
	made         *treeStore      // holds the base, if the database does not; nil: it does
	theirsID     objects.ID      // the commit of the other side; zero: none
	parents      []objects.ID    // of the commit; none: HEAD
	author       string          // empty: the user's
	favour       Favour
	diff3        bool // conflict markers with the base between them
	noCommit     bool
	rest         pickRest    // kept in the state if this waits for the user
	packs        []refs.Pack // came into the store for this, and are recorded with it
}

// combine brings the changes between two trees into the work tree and commits them. Conflicts are left in the work tree and
// noted (see mergeState); the error is then a MergeConflictError. Uncommitted work is never overwritten: the error is a
// DirtyError, and nothing was done. Where nothing comes of it and HEAD would be the only parent, no commit is made, and the
// kind is MergeUpToDate.
//
// The order of writes without conflicts is that of a commit and then that of a checkout: packs, of a merge the state, files,
// the record, the stat index. One that was interrupted before its record is made by running it again, and finds the files
// that are right already; a merge may be taken back by AbortMerge, too. With conflicts it is: packs, the state, files, the stat index, the state. One that was interrupted is finished by
// running it again, or taken back by AbortMerge.
func (r *Repository) combine(ctx context.Context, o combineOptions) (*MergeResult, error) {
	m := r.settings.startMeter(meterOf(o.operation))
	defer m.close()
	before, err := r.resumable(o)
	if err != nil {
		return nil, err
	}
	db, err := r.database()
	if err != nil {
		return nil, err
	}
	if o.made == nil {
		o.made = newTrees(db, r.vault.NewHasher())
	}
	if o.label == "" {
		o.label = o.what
	}
	if len(o.parents) == 0 {
		o.parents = []objects.ID{r.head()}
	}
	c := &combining{repo: r, ctx: ctx, o: o, db: db, meter: m, before: before}
	return c.run()
}

func meterOf(operation string) string {
	if operation == "merge" {
		return "merging"
	}
	return operation
}

// resumable refuses while an operation is in progress, unless it is this one and was interrupted.
func (r *Repository) resumable(o combineOptions) (*mergeState, error) {
	s, err := r.inProgress()
	if err != nil || s == nil {
		return nil, err
	}
	if s.Writing && s.Operation == o.operation && s.Theirs == o.theirsID && s.What == o.what {
		return s, nil
	}
	return nil, &InProgressError{Operation: s.Operation, What: s.What, Writing: s.Writing}
}

// combining is one combine on its way.
type combining struct {
	repo   *Repository
	ctx    context.Context
	o      combineOptions
	db     *pack.DB
	meter  *meter
	before *mergeState // of the same, interrupted
	noted  bool        // this one has a note, should it be interrupted
	index  *worktree.Index
	ours   *objects.Commit
}

func (c *combining) run() (*MergeResult, error) {
	var err error
	if c.index, c.ours, err = c.repo.standing(c.ctx); err != nil {
		return nil, err
	}
	m := c.repo.newTreeMerge(c.ctx, c.o.made)
	m.names = sideNames{base: c.o.baseLabel, ours: "HEAD", theirs: c.o.label}
	m.favour, m.diff3 = c.o.favour, c.o.diff3
	if m.names.base == "" {
		m.names.base = "base"
	}
	if err := m.run(c.o.base, c.ours.Root(), c.o.theirs); err != nil {
		return nil, err
	}
	if len(m.conflicts) > 0 || c.o.noCommit {
		return c.leave(m)
	}
	if m.root == c.ours.Root() && len(c.o.parents) < 2 {
		return &MergeResult{Kind: MergeUpToDate, Commit: c.repo.head(), Subject: firstLine(c.ours.Message)}, c.over(nil)
	}
	return c.commit(m.root)
}

// commit is the end where nothing conflicts.
func (c *combining) commit(root objects.TreeRef) (*MergeResult, error) {
	commit, err := c.describe(root)
	if err != nil {
		return nil, err
	}
	// The plan is made once before anything is written, so that a merge that cannot be leaves no packs behind.
	if _, err := c.plan(root); err != nil {
		return nil, err
	}
	d, err := c.store(commit)
	if err != nil {
		return nil, err
	}
	if c.o.operation == "merge" { // a revert or cherry-pick of several commits finds by itself where it was
		if err := c.repo.keepMerge(c.state(&treeMerge{root: root}, nil)); err != nil {
			return nil, err
		}
		c.noted = true
	}
	result, err := c.repo.moveMerged(c.ctx, d, MergeCommit)
	if result == nil {
		return nil, err
	}
	return result, errors.Join(err, c.over(nil))
}

// over forgets what is known of an operation that was interrupted, once it is complete.
func (c *combining) over(err error) error {
	if err != nil || c.before == nil && !c.noted {
		return err
	}
	return c.repo.forgetMerge()
}

// plan says what to do to the work tree, and refuses where uncommitted work is in the way.
func (c *combining) plan(root objects.TreeRef) (*worktree.Plan, error) {
	options := worktree.CheckoutOptions{RestoreOptions: c.repo.restoreOptions(c.repo.places.Work, c.meter)}
	plan, err := worktree.PlanCheckout(c.ctx, c.o.made, c.ours.Root(), root, c.index, options)
	return plan, dirtyError(err)
}

// describe makes the signed commit.
func (c *combining) describe(root objects.TreeRef) (*objects.Commit, error) {
	r := c.repo
	commit := &objects.Commit{
		Parents: c.o.parents, Tree: root.ID, Entries: root.Entries, Bytes: root.Bytes, Generation: 1,
		Device: r.vault.DevicePublicKey(), Author: r.settings.Author, Message: c.o.message,
	}
	switch {
	case c.o.author != "":
		commit.Author = c.o.author
	case r.config.User.Name != "":
		commit.Author = r.config.User.Name
	}
	for _, id := range c.o.parents {
		parent, err := r.loadCommit(c.ctx, id)
		if err != nil {
			return nil, err
		}
		commit.Generation = max(commit.Generation, objects.NextGeneration(parent))
	}
	commit.Time, commit.ZoneMinutes = stamp(r.settings.now())
	var err error
	commit.Signature, err = r.vault.SignCommit(commit.SigningHash())
	return commit, err
}

// store makes what was merged, and the commit, durable.
func (c *combining) store(commit *objects.Commit) (*destination, error) {
	data, err := commit.Encode()
	if err != nil {
		return nil, err
	}
	id, packs, err := c.session(commit.Tree, data)
	if err != nil {
		return nil, err
	}
	op := c.repo.advance(c.o.operation, c.repo.head(), id, firstLine(commit.Message), slices.Clone(c.o.packs))
	op.PacksAdded = append(op.PacksAdded, packs...)
	op.PacksNeeded = append(op.PacksNeeded, packs...)
	return &destination{op: op, id: id, commit: commit}, nil
}

// session stores what was merged, and a commit if there is one.
func (c *combining) session(root objects.ID, commit []byte) (id objects.ID, packs []refs.Pack, err error) {
	s := c.db.NewSession(pack.SessionOptions{})
	if id, err = c.o.made.store(s, root, commit); err != nil {
		return id, nil, errors.Join(err, s.Abort())
	}
	infos, err := s.Commit(c.ctx)
	if err != nil {
		return id, nil, fmt.Errorf("storing the %s: %w", c.o.operation, err)
	}
	for _, p := range infos {
		packs = append(packs, refs.Pack{Name: p.Name, Size: uint64(p.Size)})
	}
	return id, packs, nil
}

// leave writes the result into the work tree and leaves the commit to the user.
func (c *combining) leave(m *treeMerge) (*MergeResult, error) {
	plan, err := c.plan(m.root)
	if err != nil {
		return nil, err
	}
	_, packs, err := c.session(m.root.ID, nil)
	if err != nil {
		return nil, err
	}
	state := c.state(m, packs)
	if err := c.repo.keepMerge(state); err != nil {
		return nil, err
	}
	result := &MergeResult{Kind: MergePending, Commit: c.repo.head(), Subject: firstLine(c.o.message), Conflicts: m.conflicts}
	done, err := plan.Apply(c.ctx)
	result.Written = int64(done.Files - done.Same + done.Symlinks + done.Hardlinks + done.Specials)
	result.Deleted = int64(done.Removed)
	result.Problems = restoreProblems(done.Problems)
	if err != nil && !errors.Is(err, worktree.ErrIncomplete) {
		return result, err
	}
	if err := c.repo.track(c.ctx, c.index, c.ours.Root(), m.root, nil); err != nil {
		return result, err
	}
	state.Writing = false
	if err := c.repo.keepMerge(state); err != nil {
		return result, err
	}
	if len(m.conflicts) == 0 {
		return result, incomplete(result.Problems)
	}
	return result, errors.Join(&MergeConflictError{Operation: c.o.operation, Conflicts: m.conflicts, Paths: pathsOf(m.conflicts)}, incomplete(result.Problems))
}

func (c *combining) state(m *treeMerge, packs []refs.Pack) *mergeState {
	s := &mergeState{Operation: c.o.operation, What: c.o.what, Label: c.o.label, Writing: true, Ours: c.repo.head(), Theirs: c.o.theirsID,
		Parents: c.o.parents, Tree: m.root, Message: c.o.message, Author: c.o.author, Packs: slices.Concat(c.o.packs, packs), Conflicts: m.conflicts,
		Rest: c.o.rest}
	if c.before != nil {
		for _, p := range c.before.Packs {
			if !slices.Contains(s.Packs, p) {
				s.Packs = append(s.Packs, p)
			}
		}
	}
	return s
}

// track makes the index track what another tree than HEAD's holds, which was just written: names that are new, and not those
// that are gone. Keys are of files that are as HEAD has them.
func (r *Repository) track(ctx context.Context, index *worktree.Index, from, to objects.TreeRef, keys map[string]worktree.StatKey) error {
	db, err := r.database()
	if err != nil {
		return err
	}
	asOf, err := worktree.Now(r.local)
	if err != nil {
		return err
	}
	var edits []worktree.IndexEdit
	tracks := map[string]bool{}
	err = lineChanges{ctx: ctx, src: db, each: func(full string, was, is *line) error {
		switch {
		case is == nil:
			edits = append(edits, worktree.IndexEdit{Path: full, Op: worktree.EditRemove})
		case was != nil && is.IsDir() == was.IsDir():
			return ctx.Err()
		case is.IsDir():
			edits = append(edits, worktree.IndexEdit{Path: full, Op: worktree.EditAddDir})
		default:
			edits = append(edits, worktree.IndexEdit{Path: full, Op: worktree.EditAdd})
		}
		tracks[full] = true
		return ctx.Err()
	}}.run("", from, to, 0)
	if err != nil {
		return err
	}
	for full, key := range keys {
		if tracks[full] {
			continue // of two edits of a path only one counts
		}
		edits = append(edits, worktree.IndexEdit{Path: full, Op: worktree.EditKey, Key: key})
	}
	return r.refreshIndex(index, edits, asOf)
}

func pathsOf(conflicts []Conflict) []string {
	var paths []string
	for _, c := range conflicts {
		if len(paths) == 0 || paths[len(paths)-1] != c.Path {
			paths = append(paths, c.Path)
		}
	}
	return paths
}
