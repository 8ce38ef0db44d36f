package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"evault/objects"
	"evault/pack"
	"evault/refs"
	"evault/remote"
)

// PushOptions say what to push where.
type PushOptions struct {
	Remote      string   // empty: the default one
	Branches    []string // branches or tags by name; empty, and no All or Tags: the current branch
	All         bool     // every branch
	Tags        bool     // every tag
	FollowTags  bool     // annotated tags of commits that are pushed, too, as far as the remote lacks them
	Delete      bool     // remove Branches from the remote
	Rewrite     bool     // move branches to commits that do not descend from where they are, and replace tags
	DryRun      bool     // only say what would be pushed
	UploadLimit int64    // bytes a second; 0: none
}

// PushResult says what a push has done.
type PushResult struct {
	Remote   string
	URL      string
	Created  bool        // the store was made
	Done     bool        // what Updates say has happened; else they say what was intended
	Updates  []RefUpdate // what was asked for, ascending by name
	Keys     int         // rosters, keyrings and slots sent
	Packs    int         // packs sent
	Bytes    int64       // their bytes
	Problems []error     // as FetchResult.Problems: they did not keep the push from its end
}

// maxPushTries bounds how often a push starts over because another device was faster, on other branches than these.
const maxPushTries = 16

// Push brings branches and tags of this vault to a remote, with what their commits need: packs as they are, then one record there.
// A branch that another device has advanced meanwhile is left alone: the error is ErrFetchFirst, other branches are pushed.
// Where these could not be pushed, the error is what kept them from it, and not ErrFetchFirst.
//
// The vault stays usable for other commands while packs are sent. An interrupted push is continued by the next one: packs
// that have arrived are not sent again.
func (r *Repository) Push(ctx context.Context, o PushOptions) (*PushResult, error) {
	name := o.Remote
	if name == "" {
		var err error
		if name, err = r.defaultRemote(); err != nil {
			return nil, err
		}
	}
	known, err := r.findRemote(name)
	if err != nil {
		return nil, r.orBranch(err, o)
	}
	names, err := r.refsToPush(o)
	if err != nil {
		return nil, err
	}
	m := r.settings.startMeter("talking to " + name)
	defer m.close()
	c, err := r.converse(ctx, name, converseOptions{create: !o.DryRun && !o.Delete, limit: o.UploadLimit})
	if errors.Is(err, remote.ErrNoStore) && o.DryRun {
		return r.wouldCreate(ctx, name, names)
	}
	if err != nil {
		return &PushResult{Remote: name, URL: known.URL}, err
	}
	if err := r.release(); err != nil {
		return nil, errors.Join(err, c.close())
	}
	p := &pushing{conversation: c, o: o, names: names, meter: m, result: &PushResult{Remote: name, URL: c.url.String(), Created: c.created}}
	err = p.run(ctx)
	p.result.Problems, p.result.Keys = unique(c.problems), c.given
	return p.result, errors.Join(err, verdict(p.result.Problems), c.close())
}

// orBranch explains an unknown remote that is the name of a branch.
func (r *Repository) orBranch(err error, o PushOptions) error {
	if _, ok := r.refs.View().Ref(branchPrefix + o.Remote); !ok {
		return err
	}
	verb := "evault push"
	if o.Delete {
		verb = "evault push --delete"
	}
	return fmt.Errorf("%w; there is a branch of that name: \"%s REMOTE %s\"", err, verb, o.Remote)
}

// refsToPush gives the full names of what is to be pushed, ascending; of what is to be deleted, as it was said.
func (r *Repository) refsToPush(o PushOptions) ([]string, error) {
	view := r.refs.View()
	var list []string
	if o.All || o.Tags {
		for full := range view.All() {
			if o.All && strings.HasPrefix(full, branchPrefix) || o.Tags && isTag(full) {
				list = append(list, full)
			}
		}
	}
	if len(o.Branches) == 0 && !o.All && !o.Tags {
		if o.Delete {
			return nil, usagef("say which branches to delete on which remote: \"evault push --delete REMOTE BRANCH\"")
		}
		if view.Head.Branch == "" {
			return nil, usagef("HEAD is detached: say which branch to push")
		}
		if _, ok := view.Ref(branchPrefix + view.Head.Branch); !ok {
			return nil, &kindError{ErrUnknownRevision, "branch " + view.Head.Branch + " has no commit yet: there is nothing to push", nil}
		}
		return []string{branchPrefix + view.Head.Branch}, nil
	}
	for _, name := range o.Branches {
		full, err := r.refToPush(name, o.Delete)
		if err != nil {
			return nil, err
		}
		list = append(list, full)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// refToPush gives the full name of a branch or tag; of one to be deleted, as it was said, because it need not be here.
func (r *Repository) refToPush(name string, remove bool) (string, error) {
	if strings.Contains(name, ":") {
		return "", usagef("%q: a branch has the same name at a remote: \"evault push REMOTE BRANCH\"; --delete removes one there", name)
	}
	if err := refs.ValidateBranchName(name); err != nil {
		return "", fmt.Errorf("%w: %w", ErrUsage, err)
	}
	if remove {
		return name, nil
	}
	full, err := findPushed(r.refs.View(), name)
	if err == nil && full == "" {
		err = fmt.Errorf("%w: no branch or tag %q%s", ErrUnknownRevision, name, r.suggest(name))
	}
	return full, err
}

// findPushed finds the branch or tag that a name means among refs: "main", "v1", or in full "heads/main", "tags/v1". None is
// the empty name.
func findPushed(view *refs.View, name string) (string, error) {
	_, branch := view.Ref(branchPrefix + name)
	_, tag := view.Ref(tagPrefix + name)
	switch {
	case branch && tag:
		return "", usagef("%q is a branch and a tag: say %s%s or %s%s", name, branchPrefix, name, tagPrefix, name)
	case branch:
		return branchPrefix + name, nil
	case tag:
		return tagPrefix + name, nil
	}
	if _, ok := view.Ref(name); ok && (isTag(name) || strings.HasPrefix(name, branchPrefix)) {
		return name, nil
	}
	return "", nil
}

// wouldCreate is a dry run against a place that holds nothing yet.
func (r *Repository) wouldCreate(ctx context.Context, name string, names []string) (*PushResult, error) {
	result := &PushResult{Remote: name, URL: r.config.Remotes[name].URL, Created: true, Done: true}
	var tips []objects.ID
	for _, full := range names {
		u := updateOf(full)
		u.New, _ = r.refs.View().Ref(full)
		u.Kind = UpdateNew
		tips = append(tips, u.New)
		result.Updates = append(result.Updates, u)
	}
	packs, err := r.packsFor(ctx, tips, nil, func(pack.Name) bool { return false })
	for _, p := range packs {
		result.Packs++
		result.Bytes += p.Size
	}
	return result, err
}

// pushing is one push on its way.
type pushing struct {
	*conversation
	o      PushOptions
	names  []string // full; of what is to be deleted, as it was said
	meter  *meter
	result *PushResult
	sent   map[[32]byte]bool // packs that are at the remote for sure
}

func (p *pushing) run(ctx context.Context) error {
	if err := p.takeFiles(ctx); err != nil {
		return err
	}
	if err := p.repo.vault.CanPublish(); err != nil { // by the newest roster, which may have come just now
		return err
	}
	if !p.o.DryRun {
		if err := p.giveFiles(ctx); err != nil {
			return err
		}
	}
	for try := 1; ; try++ {
		again, err := p.attempt(ctx)
		if err == nil || !again || try == maxPushTries {
			return errors.Join(err, p.rejected())
		}
		select { // let the others finish
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(try) * 5 * time.Millisecond):
		}
	}
}

// attempt compares, sends and records. again says that another device was faster, and that it may be tried again.
func (p *pushing) attempt(ctx context.Context) (again bool, err error) {
	if err := p.takeRecords(ctx); err != nil {
		return false, err
	}
	if err := p.open(nil); err != nil {
		return false, err
	}
	if err := p.decide(ctx); err != nil {
		return false, err
	}
	op, err := p.operation(ctx)
	switch {
	case err != nil:
		return false, err
	case p.o.DryRun:
		p.result.Done = true
		return false, nil
	case op == nil:
		p.result.Done = true
		return false, p.follow(ctx)
	}
	op.Time, op.Zone = stamp(p.repo.settings.now())
	p.meter.enter("recording", 0, 0)
	_, err = p.refs.Append(ctx, *op)
	var missing *remote.MissingPacksError
	switch {
	case errors.Is(err, remote.ErrConflict):
		return true, fmt.Errorf("%s: %w", p.name, err)
	case errors.As(err, &missing): // lost since it said that it has them
		for _, lost := range missing.Packs {
			delete(p.sent, lost.Name)
		}
		return true, fmt.Errorf("%s: %w", p.name, err)
	case errors.Is(err, refs.ErrGivenUp):
		return true, errors.Join(err, p.newLog(ctx))
	case errors.Is(err, refs.ErrNotPinned):
		p.repo.notes = append(p.repo.notes, err.Error())
	case err != nil:
		return false, fmt.Errorf("recording the push at %s: %w", p.name, err)
	}
	p.result.Done = true
	return false, p.follow(ctx)
}

// newLog goes on in a new log where too many records of the old one are on their way with nobody knowing whether they arrived.
func (p *pushing) newLog(ctx context.Context) error {
	return p.repo.reacquire(ctx, func() error {
		_, err := refs.RenewClone(p.repo.places.Vault)
		return err
	})
}

// decide says for every branch and tag what is to become of it.
func (p *pushing) decide(ctx context.Context) error {
	p.result.Updates = nil
	theirs := p.refs.View()
	for _, name := range p.names {
		full := name
		if p.o.Delete {
			found, err := findPushed(theirs, name)
			if err != nil {
				return err
			}
			if full = found; full == "" {
				full = branchPrefix + name
			}
		}
		if err := p.decideOne(ctx, full); err != nil {
			return err
		}
	}
	if p.o.FollowTags && !p.o.Delete {
		return p.decideTags(ctx)
	}
	return nil
}

func (p *pushing) decideOne(ctx context.Context, full string) error {
	theirs, u := p.refs.View(), updateOf(full)
	u.Old, _ = theirs.Ref(full)
	if !p.o.Delete {
		u.New, _ = p.repo.refs.View().Ref(full)
	}
	also := divergedIDs(theirs, full)
	if u.Tag != "" {
		p.judgeTag(&u, also)
	} else if err := p.judge(ctx, &u, also); err != nil {
		return err
	}
	p.result.Updates = append(p.result.Updates, u)
	return nil
}

// divergedIDs are the commits of a ref that several devices moved apart from each other; none if they agree.
func divergedIDs(v *refs.View, name string) []objects.ID {
	for _, d := range v.Diverged {
		if d.Name == name {
			return d.IDs
		}
	}
	return nil
}

func (p *pushing) judge(ctx context.Context, u *RefUpdate, diverged []objects.ID) error {
	switch {
	case u.Old == u.New && len(diverged) == 0:
		u.Kind = UpdateUpToDate
		return nil
	case u.New.IsZero():
		u.Kind = UpdateDeleted
		return nil
	case u.Old.IsZero():
		u.Kind = UpdateNew
		return nil
	}
	u.Kind = UpdateForward
	for _, there := range append(diverged, u.Old) {
		if there == u.New {
			continue
		}
		known, err := p.repo.hasCommit(ctx, there)
		if err != nil {
			return err
		}
		forward := false
		if known {
			if forward, err = p.repo.descends(u.New, there); err != nil {
				return err
			}
		}
		switch {
		case forward:
		case p.o.Rewrite:
			u.Kind = UpdateRewritten
		case !known:
			u.Kind, u.Reason = UpdateRefused, "another device has advanced it: fetch first"
			return nil
		default:
			u.Kind, u.Reason = UpdateRefused, "not a fast-forward: it does not descend from what is there"
			return nil
		}
	}
	return nil
}

// hasCommit says whether a commit is in the local store.
func (r *Repository) hasCommit(ctx context.Context, id objects.ID) (bool, error) {
	db, err := r.database()
	if err != nil {
		return false, err
	}
	_, err = db.Get(ctx, id, objects.KindCommit)
	if errors.Is(err, objects.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// rejected is the error of a push of which some branches or tags were refused. It says that the others are there: of a push
// that has not happened Updates tell what was refused, beside the error that ended it.
func (p *pushing) rejected() error {
	if !p.result.Done {
		return nil
	}
	kind := ErrOtherTag
	var names []string
	for _, u := range p.result.Updates {
		if u.Kind == UpdateRefused {
			names = append(names, u.Branch+u.Tag+" ("+u.Reason+")")
			if u.Tag == "" {
				kind = ErrFetchFirst
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	return &kindError{kind, p.name + " refused " + strings.Join(names, ", "), nil}
}

// operation makes the record of the push, and sends the packs that it needs first; nil if there is nothing to record.
func (p *pushing) operation(ctx context.Context) (*refs.Operation, error) {
	op := &refs.Operation{Name: "push", Description: "from " + p.repo.vault.Device().Label, HeadAfter: p.repo.refs.View().Head}
	var tips []objects.ID
	for _, u := range p.result.Updates {
		if u.Kind == UpdateRefused || u.Kind == UpdateUpToDate {
			continue
		}
		op.Changes = append(op.Changes, refs.Change{Name: u.full(), Old: u.Old, New: u.New})
		if !u.New.IsZero() {
			tips = append(tips, u.New)
		}
	}
	live, err := p.refs.Packs(ctx)
	if err != nil {
		return nil, err
	}
	lost, err := p.lostPacks(ctx, live)
	if err != nil {
		return nil, err
	}
	if op.Changes = slices.DeleteFunc(op.Changes, func(c refs.Change) bool { return c.Old == c.New }); len(op.Changes) == 0 {
		return nil, p.sendPacks(ctx, lost)
	}
	isLive := func(n pack.Name) bool {
		_, ok := slices.BinarySearchFunc(live, refs.Pack{Name: n}, comparePackNames)
		return ok
	}
	needed, err := p.repo.packsFor(ctx, tips, p.knownThere(ctx), isLive)
	if err != nil {
		return nil, err
	}
	for _, n := range needed {
		op.PacksAdded = append(op.PacksAdded, refs.Pack{Name: n.Name, Size: uint64(n.Size)})
	}
	op.PacksNeeded = op.PacksAdded
	return op, p.sendPacks(ctx, append(lost, op.PacksAdded...))
}

// lostPacks gives the packs that the remote's records name, that are not there any more (its scrub found them damaged, say)
// and that are here: to be sent again. Those that are not here either are named: the remote has lost something for good.
func (p *pushing) lostPacks(ctx context.Context, live []refs.Pack) (lost []refs.Pack, err error) {
	if len(live) == 0 {
		return nil, nil
	}
	if err := p.listSent(ctx); err != nil {
		return nil, err
	}
	lost = slices.DeleteFunc(slices.Clone(live), func(q refs.Pack) bool { return p.sent[q.Name] })
	if len(lost) == 0 {
		return nil, nil
	}
	here, err := p.repo.packsHere()
	if err != nil {
		return nil, err
	}
	nowhere := slices.DeleteFunc(slices.Clone(lost), func(q refs.Pack) bool { return here[q.Name] })
	if len(nowhere) > 0 { // the list may be older than the records: another device has sent these meanwhile
		if err := p.list(ctx, nowhere); err != nil {
			return nil, err
		}
		nowhere = slices.DeleteFunc(nowhere, func(q refs.Pack) bool { return p.sent[q.Name] })
	}
	if len(nowhere) > 0 {
		p.suspect(&refs.MissingPacksError{Missing: nowhere, Total: len(live)})
	}
	return slices.DeleteFunc(lost, func(q refs.Pack) bool { return !here[q.Name] }), nil
}

// listSent asks once which packs are at the remote.
func (p *pushing) listSent(ctx context.Context) error {
	if p.sent != nil {
		return nil
	}
	p.sent = map[[32]byte]bool{}
	err := p.list(ctx, nil)
	if err != nil {
		p.sent = nil
	}
	return err
}

// list asks which packs are at the remote, and believes it of those wanted; of all where none are named.
func (p *pushing) list(ctx context.Context, wanted []refs.Pack) error {
	there, err := p.store.Packs(ctx)
	if err != nil {
		return fmt.Errorf("listing the packs of %s: %w", p.name, err)
	}
	names := map[[32]byte]bool{}
	for _, q := range wanted {
		names[q.Name] = true
	}
	for _, t := range there {
		if wanted == nil || names[t.Name] {
			p.sent[t.Name] = true
		}
	}
	return nil
}

// knownThere lists the commits that the remote has and that are here too.
func (p *pushing) knownThere(ctx context.Context) (known []objects.ID) {
	for full, id := range p.refs.View().All() {
		if !isTag(full) {
			if ok, err := p.repo.hasCommit(ctx, id); ok && err == nil {
				known = append(known, id)
			}
		}
	}
	return known
}

// sendPacks brings packs to the remote, and those that records signed earlier and not yet accepted speak of.
func (p *pushing) sendPacks(ctx context.Context, packs []refs.Pack) error {
	packs = slices.Clone(packs)
	for _, rec := range p.refs.Pending() {
		packs = append(packs, rec.Added...)
	}
	slices.SortFunc(packs, comparePackNames)
	packs = slices.CompactFunc(packs, func(a, b refs.Pack) bool { return a.Name == b.Name })
	if len(packs) == 0 {
		return nil
	}
	if err := p.listSent(ctx); err != nil {
		return err
	}
	packs = slices.DeleteFunc(packs, func(q refs.Pack) bool { return p.sent[q.Name] })
	var total int64
	for _, q := range packs {
		total += int64(q.Size)
	}
	if p.o.DryRun {
		p.result.Packs, p.result.Bytes = len(packs), total
		return nil
	}
	return p.upload(ctx, packs, total)
}

func (p *pushing) upload(ctx context.Context, packs []refs.Pack, total int64) error {
	p.meter.enter("sending", total, int64(len(packs)))
	var count, bytes atomic.Int64
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(packsInFlight)
	for _, q := range packs {
		group.Go(func() error {
			if err := inner.Err(); err != nil {
				return err
			}
			if err := p.sendOne(inner, q); err != nil {
				return fmt.Errorf("sending pack %s to %s: %w", q, p.name, err)
			}
			count.Add(1)
			bytes.Add(int64(q.Size))
			return nil
		})
	}
	err := group.Wait()
	p.result.Packs += int(count.Load())
	p.result.Bytes += bytes.Load()
	if err == nil {
		for _, q := range packs {
			p.sent[q.Name] = true
		}
	}
	return err
}

func (c *conversation) sendPack(ctx context.Context, q refs.Pack, m *meter) error {
	var counted int64
	err := c.store.PutPack(ctx, q, func() (io.ReadCloser, error) {
		m.add(0, -counted) // from the start again
		counted = 0
		f, err := c.repo.store.Open(pack.Name(q.Name).Path())
		if err != nil {
			return nil, err
		}
		return &packFile{countingReader{r: f, count: func(n int) { counted += int64(n); m.add(0, int64(n)) }}, f}, nil
	})
	if err != nil {
		return err
	}
	m.add(1, int64(q.Size)-counted)
	return nil
}

func (p *pushing) sendOne(ctx context.Context, q refs.Pack) error { return p.sendPack(ctx, q, p.meter) }

// packFile is a pack on its way out.
type packFile struct {
	countingReader
	io.Closer
}

// follow moves the remote-tracking branches to where the remote's branches are now, by a record in the local log.
func (p *pushing) follow(ctx context.Context) error {
	if p.o.DryRun {
		return nil
	}
	err := p.repo.reacquire(ctx, func() error {
		op := refs.Operation{Name: "push", Description: "to " + p.name}
		view := p.refs.View()
		for _, u := range p.result.Updates {
			if u.Kind == UpdateRefused || u.Tag != "" {
				continue
			}
			now, _ := view.Ref(branchPrefix + u.Branch)
			full := trackingPrefix + p.name + "/" + u.Branch
			was, _ := p.repo.refs.View().Ref(full)
			if was != now {
				op.Changes = append(op.Changes, refs.Change{Name: full, Old: was, New: now})
			}
		}
		if len(op.Changes) == 0 {
			return nil
		}
		return p.repo.record(ctx, op)
	})
	if errors.Is(err, ErrLocked) { // the push has happened; the next one, or a fetch, notes it
		p.repo.notes = append(p.repo.notes, fmt.Sprintf("pushed; but %s/... could not be moved, because another evault holds the lock", p.name))
		return nil
	}
	return err
}
