package repo

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sort"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"evault/objects"
	"evault/pack"
	"evault/refs"
)

// VerifyOptions say how much to prove.
type VerifyOptions struct {
	Quick  bool    // of packs only their names' hashes; no history
	Sample float64 // percentage of the packs whose contents are proved, chosen at random; 0: all
}

// Damage is one thing that is not as it must be. Fields that do not apply are empty.
type Damage struct {
	Kind   string // "pack", "object", "tag", "record", "key" (roster, keyring or slot), "slot", "index", "mirror"
	Pack   string
	Object string
	Commit string // a commit that needs the object
	Path   string // the first path of that commit that needs it
	Detail string
}

func (d Damage) String() string {
	text := d.Kind
	for _, part := range []struct{ name, value string }{{"", d.Object}, {"pack ", d.Pack}, {"commit ", d.Commit}, {"path ", d.Path}} {
		if part.value != "" {
			text += " " + strings.TrimPrefix(part.name, d.Kind+" ") + part.value
		}
	}
	return text + ": " + d.Detail
}

// VerifyResult counts what was proved and lists what was not.
type VerifyResult struct {
	Packs    int64
	Objects  int64
	Commits  int64
	Records  int64
	Bytes    int64 // of objects, decrypted and decompressed
	Damage   []Damage
	Security []string // signs that somebody changed history
}

// maxDamage bounds the list of damage; a vault with more is beyond a list's help.
const maxDamage = 10000

// Verify proves that everything the vault says it holds is there and right: every pack's bytes against its name, every
// frame's seal, every object's ID, every record's place, signature and authority, every commit's signature, and that
// every object that any commit or tag of the log needs, is there. Damage is named by pack, object, commit and path.
//
// It fails with ErrDamaged or ErrSecurity beside the result that says why.
func (r *Repository) Verify(ctx context.Context, o VerifyOptions) (*VerifyResult, error) {
	m := r.settings.startMeter("verifying")
	defer m.close()
	db, err := r.database()
	if err != nil {
		return nil, err
	}
	v := &verification{repo: r, db: db, o: o, meter: m, bad: map[objects.ID]string{}, badPacks: map[pack.Name]bool{}, chunks: map[chunkHint]uint32{}}
	if err := v.run(ctx); err != nil {
		return nil, err
	}
	sort.Slice(v.result.Damage, func(i, j int) bool { return v.result.Damage[i].String() < v.result.Damage[j].String() })
	switch {
	case len(v.result.Security) > 0:
		return &v.result, ErrSecurity
	case len(v.result.Damage) > 0:
		return &v.result, ErrDamaged
	}
	return &v.result, nil
}

// verification is one run of Verify.
type verification struct {
	repo  *Repository
	db    *pack.DB
	o     VerifyOptions
	meter *meter

	mu     sync.Mutex
	result VerifyResult
	packs  map[pack.Name]int64   // present
	bad    map[objects.ID]string // objects found damaged, and in which pack
	badLog bool                  // something was wrong with a log, and is named

	badPacks map[pack.Name]bool   // packs found damaged in any way
	chunks   map[chunkHint]uint32 // lengths of the chunks that were proved
}

// chunkHint is the beginning of a chunk's ID: with millions of chunks the rest would cost much memory. Where two chunks
// share it, the chunk itself is read.
type chunkHint [8]byte

func hintOf(id objects.ID) chunkHint { return chunkHint(id[:8]) }

func (v *verification) run(ctx context.Context) error {
	if err := v.checkPacks(ctx); err != nil {
		return err
	}
	if err := v.checkLog(ctx); err != nil {
		return err
	}
	if err := v.checkSlots(); err != nil {
		return err
	}
	if v.o.Quick {
		return nil
	}
	if err := v.checkMirrors(ctx); err != nil {
		return err
	}
	v.meter.enter("walking the history", 0, 0)
	return v.checkHistory(ctx)
}

func (v *verification) damage(d Damage) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.result.Damage) < maxDamage {
		v.result.Damage = append(v.result.Damage, d)
	}
}

// checkPacks reads every pack, several at once.
func (v *verification) checkPacks(ctx context.Context) error {
	infos, err := v.db.Packs()
	if err != nil {
		return err
	}
	v.packs = map[pack.Name]int64{}
	var total int64
	for _, p := range infos {
		v.packs[p.Name] = p.Size
		total += p.Size
	}
	v.meter.enter("verifying", total, int64(len(infos)))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(v.repo.workers())
	for _, p := range infos {
		group.Go(func() error { return v.checkPack(ctx, p) })
	}
	return group.Wait()
}

func (v *verification) checkPack(ctx context.Context, p pack.PackInfo) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var err error
	if v.o.Quick || v.o.Sample > 0 && rand.Float64()*100 >= v.o.Sample {
		err = v.db.QuickVerify(ctx, p.Name)
	} else {
		var count, bytes int64
		chunks := map[chunkHint]uint32{}
		err = v.db.VerifyPack(ctx, p.Name, func(id objects.ID, kind objects.Kind, data []byte) error {
			count++
			bytes += int64(len(data))
			if kind == objects.KindChunk {
				chunks[hintOf(id)] = uint32(len(data))
			}
			return nil
		})
		v.mu.Lock()
		maps.Copy(v.chunks, chunks)
		v.result.Objects += count
		v.result.Bytes += bytes
		v.mu.Unlock()
	}
	v.meter.add(1, p.Size)
	v.mu.Lock()
	v.result.Packs++
	v.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	v.packDamage(p.Name, err)
	return nil
}

// packDamage takes a pack's verdict apart.
func (v *verification) packDamage(name pack.Name, err error) {
	if err != nil {
		v.mu.Lock()
		v.badPacks[name] = true
		v.mu.Unlock()
	}
	for _, err := range flatten(err) {
		d := Damage{Kind: "pack", Pack: name.String(), Detail: err.Error()}
		var damaged *pack.DamagedError
		if errors.As(err, &damaged) {
			d.Detail = damaged.Err.Error()
			if !damaged.Object.IsZero() {
				d.Kind, d.Object = "object", damaged.Object.String()
				v.mu.Lock()
				v.bad[damaged.Object] = name.String()
				v.mu.Unlock()
			} else if damaged.Frame != pack.NoFrame {
				d.Detail = fmt.Sprintf("frame %d: %s", damaged.Frame, d.Detail)
			}
		}
		v.damage(d)
	}
}

// flatten takes joined errors apart.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, flatten(e)...)
		}
		return all
	}
	return []error{err}
}

// checkLog verifies every record, and that the packs they name are there.
func (v *verification) checkLog(ctx context.Context) error {
	has := func(p refs.Pack) bool {
		size, ok := v.packs[pack.Name(p.Name)]
		return ok && uint64(size) == p.Size
	}
	err := v.repo.refs.Verify(ctx, has, func(problem error) {
		v.badLog = true
		var missing *refs.MissingPacksError
		switch {
		case errors.As(problem, &missing):
			for _, p := range missing.Missing {
				v.damage(Damage{Kind: "pack", Pack: hex.EncodeToString(p.Name[:]), Detail: "missing, or not of the size that the log says"})
			}
		case errors.Is(problem, refs.ErrSecurity):
			v.result.Security = append(v.result.Security, problem.Error())
		default:
			v.damage(Damage{Kind: "record", Detail: problem.Error()})
		}
	})
	if err != nil {
		return err
	}
	return v.exceptNamed(ctx, v.repo.refs.Records(ctx, func(*refs.Record) bool { v.result.Records++; return true }))
}

// exceptNamed drops the error of walking a log of which something bad was named before: what the walk got to counts.
func (v *verification) exceptNamed(ctx context.Context, err error) error {
	if v.badLog && ctx.Err() == nil {
		return nil
	}
	return err
}

// checkSlots makes sure that every slot the roster lists is there: somebody's only key may be among them.
func (v *verification) checkSlots() error {
	for _, err := range v.repo.suspicions {
		v.result.Security = append(v.result.Security, err.Error())
	}
	for _, err := range v.repo.vault.Problems() {
		v.damage(Damage{Kind: "key", Detail: err.Error()})
	}
	for _, err := range v.db.Problems() {
		v.damage(Damage{Kind: "index", Detail: err.Error()})
	}
	slots, err := v.repo.vault.Slots(keyStore{v.repo.store, v.repo.local})
	if err != nil {
		return err
	}
	for _, s := range slots {
		if s.Listed && !s.Present && !s.Local {
			v.damage(Damage{Kind: "slot", Object: hex.EncodeToString(s.Hash[:]), Detail: "the roster lists this key slot, and its file is missing or damaged"})
		}
	}
	return nil
}

// checkMirrors reads what was seen of the logs of remote stores. Nothing of this vault hangs on it, but the next fetch does.
func (v *verification) checkMirrors(ctx context.Context) error {
	return v.repo.eachMirrorDamage(ctx, func(name string, _ refs.Options, found *refs.MirrorDamage) error {
		for _, p := range found.Problems {
			v.damage(Damage{Kind: "mirror", Object: name, Detail: p.Error() + " (\"evault repair\" drops it, and it is fetched again)"})
		}
		return nil
	})
}

// checkHistory walks from every commit that the log names to every object it needs.
func (v *verification) checkHistory(ctx context.Context) error {
	roots, err := v.repo.allRoots(ctx, v.tagDamage)
	if err := v.exceptNamed(ctx, err); err != nil {
		return err
	}
	seen := map[objects.ID]struct{}{}
	reported := map[objects.ID]struct{}{}
	report := func(e *objects.Edge, detail string) {
		if _, ok := reported[e.ID]; ok {
			return
		}
		reported[e.ID] = struct{}{}
		v.damage(Damage{Kind: "object", Object: e.ID.String(), Pack: v.bad[e.ID], Commit: e.Commit.String(), Path: e.Path,
			Detail: fmt.Sprintf("%s: %s", e.Kind, detail)})
	}
	walk := objects.Traversal{Source: v.db}
	walk.Visit = func(e *objects.Edge) (bool, error) {
		_, again := seen[e.ID]
		if e.Kind == objects.KindChunk && (!again || v.chunks[hintOf(e.ID)] != uint32(e.Length)) {
			v.checkChunk(ctx, e, report) // again if another file says that it has another length
		}
		if again {
			return false, ctx.Err()
		}
		seen[e.ID] = struct{}{}
		v.meter.items.Add(1)
		switch e.Kind {
		case objects.KindCommit:
			v.result.Commits++
			if _, err := v.repo.loadCommit(ctx, e.ID); errors.Is(err, ErrSecurity) {
				v.result.Security = append(v.result.Security, err.Error())
			}
		}
		return true, ctx.Err()
	}
	walk.Damaged = func(e *objects.Edge, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		report(e, err.Error())
		return nil
	}
	return walk.Run(ctx, roots)
}

// checkChunk makes sure that a chunk is there and as long as its file says. Its bytes were proved with its pack, unless that
// turned out damaged: a frame that does not open says nothing of the objects in it.
func (v *verification) checkChunk(ctx context.Context, e *objects.Edge, report func(*objects.Edge, string)) {
	at, ok := v.db.Locate(e.ID)
	if !ok {
		report(e, "missing")
		return
	}
	if _, present := v.packs[at.Pack]; !present {
		report(e, "missing with its pack "+at.Pack.String())
		return
	}
	length, proved := v.chunks[hintOf(e.ID)]
	_, damaged := v.bad[e.ID]
	if !damaged && !v.badPacks[at.Pack] && (proved && uint64(length) == e.Length || !proved && v.o.Sample > 0) {
		return
	}
	err := v.db.View(ctx, e.ID, e.Kind, func(data []byte) error {
		if uint64(len(data)) != e.Length {
			return fmt.Errorf("%d bytes, and its file says %d", len(data), e.Length)
		}
		return nil
	})
	if err != nil {
		report(e, err.Error())
	}
}

// tagDamage names a tag that cannot be followed to its commit.
func (v *verification) tagDamage(full string, id objects.ID, err error) {
	if errors.Is(err, ErrSecurity) {
		v.result.Security = append(v.result.Security, err.Error())
		return
	}
	v.damage(Damage{Kind: "tag", Object: id.String(), Pack: v.bad[id], Path: full, Detail: err.Error()})
}

// allRoots lists every commit that a ref or the log names, so that what undo may go back to is proved too. Tags are followed,
// and badTag is told of those which that cannot be done with. Beside an error it gives those that it found.
func (r *Repository) allRoots(ctx context.Context, badTag func(full string, id objects.ID, err error)) ([]objects.ID, error) {
	var roots []objects.ID
	seen := map[objects.ID]bool{{}: true}
	add := func(id objects.ID) {
		if !seen[id] {
			seen[id] = true
			roots = append(roots, id)
		}
	}
	tags := map[refs.Ref]bool{}
	addRef := func(full string, id objects.ID) {
		at := refs.Ref{Name: full, ID: id}
		switch {
		case !isTag(full):
			add(id)
		case !id.IsZero() && !tags[at]:
			tags[at] = true
			commit, err := r.peelRef(ctx, full, id)
			if _, here := r.db.Locate(commit); err == nil && !here {
				err = fmt.Errorf("%s: %w", commit.Short(), objects.ErrNotFound)
			}
			if err != nil {
				badTag(full, id, err)
				return
			}
			add(commit)
		}
	}
	for name, id := range r.refs.View().All() {
		addRef(name, id)
	}
	add(r.head())
	err := r.refs.Records(ctx, func(rec *refs.Record) bool {
		if rec.Body == nil {
			return true
		}
		for _, c := range rec.Body.Changes {
			addRef(c.Name, c.Old)
			addRef(c.Name, c.New)
		}
		add(rec.Body.HeadAfter.Commit)
		return ctx.Err() == nil
	})
	return roots, errors.Join(err, ctx.Err())
}

func isTag(name string) bool { return len(name) > len(tagPrefix) && name[:len(tagPrefix)] == tagPrefix }
