package repo

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"evault/objects"
	"evault/pack"
)

// packsFor gives the packs that hold what the tips need and the known commits do not, ascending by name: of every commit
// from the tips back to known ones or their ancestors, the commit itself and how its tree differs from those of its
// parents, down to file lists and chunks. A tip may be a tag object, which is needed itself. Contents of files are not read, only located.
//
// There says which packs are at the target already. An object that is in several packs needs none of them if one is there.
// A pack that came from elsewhere is verified before it is taken for the place of an object, because nothing else would
// notice that the target lacks it. Known commits that are not here are passed over, so that more may be sent than needed.
//
// ErrDamaged: something that a tip needs is nowhere.
func (r *Repository) packsFor(ctx context.Context, tips, known []objects.ID, there func(pack.Name) bool) ([]pack.PackInfo, error) {
	db, err := r.database()
	if err != nil {
		return nil, err
	}
	n := packNeeds{ctx: ctx, db: db, there: there, verdicts: map[pack.Name]bool{}, chosen: map[pack.Name]bool{}}
	walk := newObjects{db: db, visit: n.need, commit: func(id objects.ID) (*objects.Commit, error) { return objects.ReadCommit(ctx, db, id) }}
	if tips, err = r.needTags(ctx, tips, n.need); err != nil {
		return nil, asDamage(err)
	}
	if err := walk.run(ctx, tips, known); err != nil {
		return nil, asDamage(err)
	}
	return n.infos()
}

// needTags visits the tag objects among the tips, and gives the tips with the commits in their places.
func (r *Repository) needTags(ctx context.Context, tips []objects.ID, visit func(*objects.Edge) error) ([]objects.ID, error) {
	commits := make([]objects.ID, len(tips))
	for i, tip := range tips {
		var err error
		commits[i], err = r.followTags(ctx, tip, func(id objects.ID, _ *objects.Tag) error {
			return visit(&objects.Edge{ID: id, Kind: objects.KindTag, Commit: id})
		})
		if err != nil {
			return nil, err
		}
	}
	return commits, nil
}

// newObjects walks what tips need and known commits do not.
type newObjects struct {
	db      *pack.DB
	commit  func(id objects.ID) (*objects.Commit, error) // reads, and checks as it likes
	visit   func(e *objects.Edge) error                  // of each object, chunks perhaps more than once
	damaged func(e *objects.Edge, err error) error       // of what was visited and cannot be read; nil: the error ends the walk
	seen    map[objects.ID]struct{}                      // trees and file lists
}

func (w *newObjects) run(ctx context.Context, tips, known []objects.ID) error {
	w.seen = map[objects.ID]struct{}{}
	known = slices.DeleteFunc(slices.Clone(known), func(id objects.ID) bool {
		_, err := objects.ReadCommit(ctx, w.db, id)
		return err != nil
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	return objects.Between(ctx, w.db, tips, known, func(id objects.ID, _ *objects.Commit) error {
		if err := w.visit(&objects.Edge{ID: id, Kind: objects.KindCommit, Commit: id}); err != nil {
			return err
		}
		c, err := w.commit(id)
		if err != nil {
			return err
		}
		return w.tree(ctx, id, c)
	})
}

// tree walks what a commit's tree has and those of its parents have not.
func (w *newObjects) tree(ctx context.Context, id objects.ID, c *objects.Commit) error {
	var bases []objects.ID
	for _, p := range c.Parents {
		parent, err := objects.ReadCommit(ctx, w.db, p)
		if err != nil {
			return err
		}
		bases = append(bases, parent.Tree)
	}
	d := objects.Difference{Source: w.db, Visit: w.enter, Damaged: w.damaged}
	return d.Run(ctx, id, c.Tree, bases)
}

// enter visits each tree and file list once. Chunks are too many to remember, and cost little.
func (w *newObjects) enter(e *objects.Edge) (bool, error) {
	if e.Kind != objects.KindChunk {
		if _, again := w.seen[e.ID]; again {
			return false, nil
		}
		w.seen[e.ID] = struct{}{}
	}
	return true, w.visit(e)
}

// packNeeds chooses packs for objects.
type packNeeds struct {
	ctx      context.Context
	db       *pack.DB
	there    func(pack.Name) bool
	verdicts map[pack.Name]bool // packs that need not be thought about again: is what lies in them at the target, or on its way?
	chosen   map[pack.Name]bool
}

func (n *packNeeds) need(e *objects.Edge) error {
	loc, ok := n.db.Locate(e.ID)
	if ok && n.verdicts[loc.Pack] {
		return nil
	}
	var candidates []pack.Name
	for loc := range n.db.Locations(e.ID) {
		if good, known := n.verdicts[loc.Pack]; known && !good {
			continue // failed
		}
		candidates = append(candidates, loc.Pack)
	}
	// Those at the target first, then those that are sent anyway.
	slices.SortStableFunc(candidates, func(a, b pack.Name) int { return cmp.Compare(n.rank(a), n.rank(b)) })
	var reason error = objects.ErrNotFound
	for _, name := range candidates {
		err := n.db.EnsureVerified(n.ctx, name)
		if n.ctx.Err() != nil {
			return n.ctx.Err()
		}
		n.verdicts[name] = err == nil
		if err != nil {
			reason = err
			continue
		}
		if !n.there(name) {
			n.chosen[name] = true
		}
		return nil
	}
	return missingObject(e, reason)
}

func (n *packNeeds) rank(name pack.Name) int {
	switch {
	case n.there(name):
		return 0
	case n.chosen[name]:
		return 1
	}
	return 2
}

func (n *packNeeds) infos() ([]pack.PackInfo, error) {
	all := make([]pack.PackInfo, 0, len(n.chosen))
	for name := range n.chosen {
		info, err := n.db.Info(name)
		if err != nil {
			return nil, err
		}
		all = append(all, info)
	}
	slices.SortFunc(all, func(a, b pack.PackInfo) int { return bytes.Compare(a.Name[:], b.Name[:]) })
	return all, nil
}

func missingObject(e *objects.Edge, err error) error {
	return &kindError{ErrDamaged, nameEdge(e), err}
}

// nameEdge names an object for people, and who needs it.
func nameEdge(e *objects.Edge) string {
	if e.Kind == objects.KindCommit || e.Kind == objects.KindTag {
		return e.Kind.String() + " " + e.ID.Short()
	}
	return fmt.Sprintf("commit %s, %.300q, %s %s", e.Commit.Short(), display(e.Path), e.Kind, e.ID.Short())
}

// asDamage makes an error that says so ErrDamaged.
func asDamage(err error) error {
	if isDamage(err) && !errors.Is(err, ErrSecurity) && !errors.Is(err, ErrDamaged) {
		return &kindError{ErrDamaged, "history is not all here", err}
	}
	return err
}

// maxMissing is how many missing objects an error names.
const maxMissing = 10

// connected checks that all that the tips need beyond known commits is here and can be read, chunks excepted, which are only
// located; and the signatures of the commits. The error names the first of what is missing or damaged, with commit and path,
// and is ErrDamaged. A wrong signature is ErrSecurity.
func (r *Repository) connected(ctx context.Context, tips, known []objects.ID) error {
	db, err := r.database()
	if err != nil {
		return err
	}
	var missing []string
	lack := func(e *objects.Edge, err error) error {
		if !isDamage(err) && !errors.Is(err, objects.ErrLimit) {
			return fmt.Errorf("%s: %w", nameEdge(e), err)
		}
		missing = append(missing, nameEdge(e)+": "+err.Error())
		if len(missing) == maxMissing {
			return errStop
		}
		return nil
	}
	walk := newObjects{db: db, damaged: lack, commit: func(id objects.ID) (*objects.Commit, error) { return r.loadCommit(ctx, id) }}
	walk.visit = func(e *objects.Edge) error {
		if e.Kind != objects.KindChunk {
			return nil // it is read
		}
		if _, here := db.Locate(e.ID); here {
			return nil
		}
		return lack(e, objects.ErrNotFound)
	}
	err = walk.run(ctx, tips, known)
	if err != nil && !errors.Is(err, errStop) {
		return asDamage(err)
	}
	if len(missing) > 0 {
		return &kindError{ErrDamaged, "not all is here:\n  " + strings.Join(missing, "\n  "), nil}
	}
	return nil
}

// aheadBehind counts the commits that only ours has and those that only theirs has. A zero ID has none.
func (r *Repository) aheadBehind(ctx context.Context, ours, theirs objects.ID) (ahead, behind int, err error) {
	if ours == theirs {
		return 0, 0, nil
	}
	db, err := r.database()
	if err != nil {
		return 0, 0, err
	}
	return objects.AheadBehind(ctx, db, ours, theirs)
}
