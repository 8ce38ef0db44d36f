package repo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"evault/objects"
	"evault/pack"
	"evault/refs"
	"evault/remote"
)

// FetchOptions say what to fetch.
type FetchOptions struct {
	Remote string // empty: the default one
	Tags   bool   // all tags; else those of commits that branches lead to
	DryRun bool   // only say what would be fetched
}

// FetchResult says what a fetch has learned.
type FetchResult struct {
	Remote  string
	URL     string
	Updates []RefUpdate // branches that differ from what was known, ascending by name; then tags
	Packs   int         // packs received
	Bytes   int64       // their bytes
	Records int         // log records that were new
	// Problems are signs that the remote lies (errors that are ErrSecurity) or is damaged. What they concern was held back;
	// all else was taken.
	Problems []error

	finished bool // all was done that could be
}

// RefUpdate is one branch or tag of a remote, before and after.
type RefUpdate struct {
	Branch   string     // empty: it is a tag
	Tag      string     // empty: it is a branch
	Old, New objects.ID // zero: not there
	Kind     UpdateKind
	Reason   string // why it was refused

	others []objects.ID // of a diverged branch: where else it is
}

// UpdateKind says how a branch moves.
type UpdateKind string

// The kinds of updates.
const (
	UpdateNew         UpdateKind = "new"
	UpdateForward     UpdateKind = "fast-forward"
	UpdateRewritten   UpdateKind = "rewritten" // to a commit that does not descend from the old one
	UpdateDeleted     UpdateKind = "deleted"
	UpdateDiverged    UpdateKind = "diverged" // several devices moved it apart from each other
	UpdateUpToDate    UpdateKind = "up-to-date"
	UpdateRefused     UpdateKind = "refused"
	UpdateUnreachable UpdateKind = "held-back" // something that it needs is missing or damaged
)

// Fetch learns what has become of the branches of a remote, and takes what their commits need. Branches and files of this
// vault stay as they are: what was learned is in remote-tracking branches ("friend/main").
//
// Everything is checked before it counts, in this order: records (signature, chain, authority, nothing rolled back, hidden
// or forked), packs (against the names in those records), connection of the new commits. Then one record in the local log
// makes it so. What fails is in Problems, and the error is ErrSecurity or ErrDamaged; the state stays good. An interrupted
// fetch is continued by the next one.
func (r *Repository) Fetch(ctx context.Context, o FetchOptions) (*FetchResult, error) {
	name := o.Remote
	if name == "" {
		var err error
		if name, err = r.defaultRemote(); err != nil {
			return nil, err
		}
	}
	known, err := r.findRemote(name)
	if err != nil {
		return nil, err
	}
	m := r.settings.startMeter("talking to " + name)
	defer m.close()
	c, err := r.converse(ctx, name, converseOptions{})
	if err != nil {
		return &FetchResult{Remote: name, URL: known.URL}, err
	}
	result, err := c.fetch(ctx, o, m)
	return result, errors.Join(err, c.close())
}

func (c *conversation) fetch(ctx context.Context, o FetchOptions, m *meter) (*FetchResult, error) {
	result := &FetchResult{Remote: c.name, URL: c.url.String()}
	err := c.learn(ctx)
	if err == nil {
		err = c.takePacks(ctx, o, m, result)
	}
	if err == nil {
		err = c.follow(ctx, o, result)
	}
	result.Records, result.Problems = c.added, unique(c.problems)
	if err != nil {
		return result, errors.Join(err, verdict(result.Problems))
	}
	result.finished = true
	return result, errors.Join(verdict(result.Problems), keptTags(o, result))
}

// learn reads keys and logs of the remote.
func (c *conversation) learn(ctx context.Context) error {
	if err := c.takeFiles(ctx); err != nil {
		return err
	}
	if err := c.takeRecords(ctx); err != nil {
		return err
	}
	return c.open(nil)
}

// verdict is the error that sums up problems: the worst kind of them.
func verdict(problems []error) error {
	var worst error
	for _, p := range problems {
		switch {
		case isSecurity(p):
			return &kindError{ErrSecurity, "some of what the remote holds was not accepted, as named", nil}
		default:
			worst = &kindError{ErrDamaged, "some of what the remote holds is damaged or missing, as named", nil}
		}
	}
	return worst
}

// unique drops errors that say the same.
func unique(list []error) []error {
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(err error) bool {
		text := err.Error()
		defer func() { seen[text] = true }()
		return seen[text]
	})
}

// follow moves the remote-tracking branches, by one record that also names the packs that were fetched.
func (c *conversation) follow(ctx context.Context, o FetchOptions, result *FetchResult) error {
	updates, err := c.updates(ctx, o.DryRun)
	if err != nil {
		return err
	}
	tags, err := c.tagUpdates(ctx, o, updates)
	if err != nil {
		return err
	}
	result.Updates = append(updates, tags...)
	if o.DryRun {
		return nil
	}
	op := refs.Operation{Name: "fetch", Description: "from " + c.name}
	for _, u := range result.Updates {
		switch {
		case u.Kind == UpdateUnreachable || u.Old == u.New:
		case u.Tag == "":
			op.Changes = append(op.Changes, refs.Change{Name: trackingPrefix + c.name + "/" + u.Branch, Old: u.Old, New: u.New})
		case u.Kind == UpdateNew:
			op.Changes = append(op.Changes, refs.Change{Name: u.full(), New: u.New})
		}
	}
	if op.PacksAdded, err = c.unrecordedPacks(ctx); err != nil {
		return err
	}
	if len(op.Changes)+len(op.PacksAdded) == 0 {
		return nil
	}
	return c.repo.record(ctx, op)
}

// updates compares the branches of the remote with what was known of them.
func (c *conversation) updates(ctx context.Context, dryRun bool) ([]RefUpdate, error) {
	known := map[string]objects.ID{}
	var roots []objects.ID
	for full, id := range c.repo.refs.View().All() {
		if branch, ok := strings.CutPrefix(full, trackingPrefix+c.name+"/"); ok {
			known[branch] = id
		}
		if !isTag(full) {
			roots = append(roots, id)
		}
	}
	view, there := c.refs.View(), map[string]objects.ID{}
	for full, id := range view.All() {
		if branch, ok := strings.CutPrefix(full, branchPrefix); ok {
			there[branch] = id
		}
	}
	diverged := map[string][]objects.ID{}
	for _, d := range view.Diverged {
		if branch, ok := strings.CutPrefix(d.Name, branchPrefix); ok {
			diverged[branch] = d.IDs
		}
	}
	names := slices.Sorted(maps.Keys(there))
	for branch := range known {
		if _, ok := there[branch]; !ok {
			names = append(names, branch)
		}
	}
	slices.Sort(names)
	var out []RefUpdate
	for _, branch := range names {
		u := RefUpdate{Branch: branch, Old: known[branch], New: there[branch], others: diverged[branch]}
		if u.Old == u.New && len(u.others) == 0 {
			continue
		}
		if err := c.classify(ctx, &u, roots, dryRun); err != nil {
			return nil, err
		}
		out = append(out, u)
	}
	return out, nil
}

// classify says how a branch moves, and holds it back if what it needs is not all there.
func (c *conversation) classify(ctx context.Context, u *RefUpdate, roots []objects.ID, dryRun bool) error {
	switch {
	case u.New.IsZero():
		u.Kind = UpdateDeleted
		return nil
	case u.Old.IsZero():
		u.Kind = UpdateNew
	default:
		u.Kind = UpdateForward
	}
	if dryRun { // the commits are not here to be looked at
		return nil
	}
	if tips := append([]objects.ID{u.New}, u.others...); u.Old != u.New || len(u.others) > 0 {
		if err := c.repo.connected(ctx, tips, roots); err != nil {
			if ctx.Err() != nil || !isDamage(err) && !isSecurity(err) {
				return err
			}
			u.Kind, u.Reason = UpdateUnreachable, err.Error()
			c.suspect(fmt.Errorf("branch %s of %s: %w", u.Branch, c.name, err))
			return nil
		}
	}
	if len(u.others) > 0 {
		u.Kind = UpdateDiverged
		return nil
	}
	if !u.Old.IsZero() {
		forward, err := c.repo.descendsIfKnown(u.New, u.Old)
		if err != nil {
			return err
		}
		if !forward {
			u.Kind = UpdateRewritten
		}
	}
	return nil
}

// unrecordedPacks lists the packs of the remote that are here and that the local log does not name: those of this fetch, and
// of an earlier one that was interrupted.
func (c *conversation) unrecordedPacks(ctx context.Context) ([]refs.Pack, error) {
	live, err := c.refs.Packs(ctx)
	if err != nil || len(live) == 0 {
		return nil, err
	}
	named, err := c.repo.refs.Packs(ctx)
	if err != nil {
		return nil, err
	}
	here, err := c.repo.packsHere()
	if err != nil {
		return nil, err
	}
	live = slices.DeleteFunc(live, func(p refs.Pack) bool {
		_, found := slices.BinarySearchFunc(named, p, comparePackNames)
		return found || !here[p.Name]
	})
	if len(live) == 0 {
		return nil, nil
	}
	// One that a repair gave up may have come back: it cannot be named again.
	condemned, err := c.repo.condemned(ctx)
	return slices.DeleteFunc(live, func(p refs.Pack) bool { return condemned[p.Name] }), err
}

func comparePackNames(a, b refs.Pack) int { return slices.Compare(a.Name[:], b.Name[:]) }

// packsHere gives the packs in the local store.
func (r *Repository) packsHere() (map[[32]byte]bool, error) {
	db, err := r.database()
	if err != nil {
		return nil, err
	}
	list, err := db.Packs()
	if err != nil {
		return nil, err
	}
	here := make(map[[32]byte]bool, len(list))
	for _, p := range list {
		here[p.Name] = true
	}
	return here, nil
}

// gone says that a remote does not have something, or has it damaged: a fact about that thing, and no reason to stop.
func gone(err error) bool {
	return errors.Is(err, remote.ErrNotFound) || errors.Is(err, remote.ErrDamaged) || errors.Is(err, remote.ErrMismatch) || errors.Is(err, pack.ErrDamaged)
}
