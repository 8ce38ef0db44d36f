package refs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"evault/internal/vfs"
	"evault/internal/wire"
	"evault/keys"
)

// packsPerRecord is how many added packs one record names; more are recorded by records in front of it, so that the limit
// of a record's size does not limit an operation.
const packsPerRecord = 8192

// Append records an operation: the commit point of whatever moved a ref or HEAD. Packs that it names are durable already. The
// caller holds the lock.
//
// The calls, in order (after sunlight's internal/durable):
//
//	sign the record                     in memory; nobody has seen it
//	write, fsync outbox/<tag>-<seq>     from here on these are the only bytes ever signed for this place:
//	rename, fsync outbox/                 a crash leads to the same record, published by the next Open
//	rename outbox/... logs/<tag>/<seq>  the switch: readers see the operation
//	fsync logs/<tag>/                   the operation is durable
//	publish the pin                     write, fsync, rename, fsync: never ahead of what is durable
//	replace the fold cache              no fsync: it is checked against the logs
//
// That is five fsyncs, however long the logs are; the first record of a log also makes its folders. For a store that is
// elsewhere (Options.Send) see send.go.
//
// ErrConflict: a ref is not at its Old value; nothing was done. If the returned record is not nil, it is durable, even when
// there is an error besides (ErrNotPinned). After any other error later than the checks the operation may or may not have
// happened: open again to know. ErrInvalid, ErrName, ErrLimit, ErrReadOnly, ErrGivenUp and keys.ErrNoDevice mean that nothing
// was done. An error of Send is wrapped; what was sent is pending from then on, and Append can be called again.
func (r *Refs) Append(ctx context.Context, op Operation) (*Record, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.writable(ctx); err != nil {
		return nil, err
	}
	op, err := r.prepare(op)
	if err != nil {
		return nil, err
	}
	if r.o.Send != nil {
		return r.appendRemote(ctx, op)
	}
	ops := splitPacks(op, r.view.Head)
	for _, part := range ops[:len(ops)-1] {
		if _, err := r.write(part); err != nil {
			return nil, err
		}
	}
	return r.write(ops[len(ops)-1])
}

// splitPacks gives the operation with as many packs as a record names, behind others that name the rest.
func splitPacks(op Operation, head Head) (ops []Operation) {
	for len(op.PacksAdded) > packsPerRecord {
		ops = append(ops, Operation{Name: "packs", Description: "packs of the operation that follows", Time: op.Time, Zone: op.Zone,
			HeadAfter: head, PacksAdded: op.PacksAdded[:packsPerRecord]})
		op.PacksAdded = op.PacksAdded[packsPerRecord:]
	}
	return append(ops, op)
}

func (r *Refs) writable(ctx context.Context) error {
	switch {
	case r.o.ReadOnly:
		return ErrReadOnly
	case r.broken != nil:
		return r.broken
	case r.key == nil:
		return keys.ErrNoDevice
	case r.o.Send == nil && len(r.pending) > 0:
		return fmt.Errorf("%w: records of this log are on their way to its store", ErrReadOnly)
	}
	return ctx.Err()
}

// prepare checks an operation against format and view, and brings its lists into order.
func (r *Refs) prepare(op Operation) (Operation, error) {
	if op.HeadAfter.IsZero() {
		op.HeadAfter = r.view.Head
	}
	var err error
	if err = checkTexts(&op); err != nil {
		return op, err
	}
	if op.Changes, err = r.sortChanges(op.Changes); err != nil {
		return op, err
	}
	for _, list := range []*[]Pack{&op.PacksAdded, &op.PacksCondemned, &op.PacksNeeded, &op.LivePacks} {
		if *list, err = sortPacks(*list); err != nil {
			return op, err
		}
	}
	if op.Checkpoint && len(op.Changes) > 0 {
		return op, fmt.Errorf("%w: a checkpoint that changes refs", ErrInvalid)
	}
	if !op.Checkpoint && len(op.LivePacks) > 0 {
		return op, fmt.Errorf("%w: live packs without a checkpoint", ErrInvalid)
	}
	return op, nil
}

func checkTexts(op *Operation) error {
	switch {
	case op.Name == "" || len(op.Name) > MaxOperation || !wire.Printable(op.Name):
		return fmt.Errorf("%w: the operation's name %.70q", ErrInvalid, op.Name)
	case len(op.Description) > MaxDescription || !wire.Printable(op.Description):
		return fmt.Errorf("%w: the description %.70q", ErrInvalid, op.Description)
	case op.Time.Nsec >= 1e9 || op.Zone > MaxZone || op.Zone < -MaxZone:
		return fmt.Errorf("%w: the time", ErrInvalid)
	case op.HeadAfter.Branch != "" && !op.HeadAfter.Commit.IsZero():
		return fmt.Errorf("%w: a head that is a branch and a commit", ErrInvalid)
	case op.HeadAfter.Branch != "":
		return ValidateRefName(headsPrefix + op.HeadAfter.Branch)
	}
	return nil
}

// sortChanges brings changes into order and checks them against the view.
func (r *Refs) sortChanges(list []Change) ([]Change, error) {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Change) int { return cmp.Compare(a.Name, b.Name) })
	for i, c := range list {
		if err := ValidateRefName(c.Name); err != nil {
			return nil, err
		}
		if i > 0 && list[i-1].Name == c.Name {
			return nil, fmt.Errorf("%w: %s is changed twice", ErrInvalid, c.Name)
		}
		if err := checkOld(r.view, c); err != nil {
			return nil, err
		}
		if c.Old == c.New {
			return nil, fmt.Errorf("%w: the change of %s changes nothing", ErrInvalid, c.Name)
		}
	}
	return list, nil
}

// checkOld compares a change's old value with the view.
func checkOld(v *View, c Change) error {
	have, _ := v.Ref(c.Name)
	if have == c.Old {
		return nil
	}
	return &ConflictError{Name: c.Name, Expected: idOrAbsent(c.Old), Have: idOrAbsent(have)}
}

func idOrAbsent(id interface {
	IsZero() bool
	Short() string
}) string {
	if id.IsZero() {
		return "no commit"
	}
	return id.Short()
}

func sortPacks(list []Pack) ([]Pack, error) {
	list = slices.Clone(list)
	slices.SortFunc(list, comparePacks)
	for i, p := range list {
		if i > 0 && list[i-1].Name == p.Name {
			return nil, fmt.Errorf("%w: pack %s is named twice", ErrInvalid, p)
		}
		if p.Size > MaxPackSize {
			return nil, fmt.Errorf("%w: pack %s of %d bytes", ErrLimit, p, p.Size)
		}
	}
	return list, nil
}

// write signs, publishes and folds one record.
func (r *Refs) write(op Operation) (*Record, error) {
	rec, data, err := r.sign(op)
	if err != nil {
		return nil, err
	}
	if err := r.publish(rec, data); err != nil {
		r.broken = fmt.Errorf("%w: %s", ErrBroken, rec.Position())
		return nil, fmt.Errorf("%s: %w", rec.Position(), err)
	}
	r.fold.apply(rec)
	view, err := r.fold.view(r.own, r.o.CloneID, r.o.Descends)
	if err != nil {
		r.broken = fmt.Errorf("%w: %s", ErrBroken, rec.Position())
		return rec, err
	}
	r.view = view
	return rec, r.recordWritten(rec)
}

// sign makes the next record of the own log and its bytes.
func (r *Refs) sign(op Operation) (*Record, []byte, error) {
	h, b := r.draft(op, r.view.Tip, r.view.HasTip)
	return signRecord(r.o.Vault, r.key, r.checker.sealers, h, b)
}

// draft makes a record of the own log that follows prev, if there is one, all but signatures and seal.
func (r *Refs) draft(op Operation, prev Position, started bool) (Header, *Body) {
	h := Header{Tag: r.own, Key: r.key.Public(), Added: op.PacksAdded, Condemned: op.PacksCondemned}
	if started {
		h.Seq, h.Previous = prev.Seq+1, prev.Hash
	}
	b := &Body{
		Vault: r.o.Vault.ID(), Store: r.o.StoreID, Device: r.o.Vault.DevicePublicKey(), Clone: r.o.CloneID,
		Seq: h.Seq, Roster: r.o.Vault.RosterHash(), Operation: op.Name, Description: op.Description,
		Time: op.Time, Zone: op.Zone, HeadBefore: r.view.Head, HeadAfter: op.HeadAfter,
		Changes: op.Changes, Needed: op.PacksNeeded, Seen: r.fold.seenBy(r.own),
	}
	if op.Checkpoint {
		b.Checkpoint = &Checkpoint{Refs: r.fold.table(), Live: op.LivePacks}
	}
	return h, b
}

// signRecord completes header and body and encodes them.
func signRecord(v *keys.Vault, key *keys.LogKey, s *sealers, h Header, b *Body) (*Record, []byte, error) {
	sig, err := v.SignRecord(deviceMessage(h.Key, b))
	if err != nil {
		return nil, nil, err
	}
	b.Signature = sig
	sealed, err := s.seal(h.Tag, h.Seq, b.Append(nil))
	if err != nil {
		return nil, nil, err
	}
	h.BodySize, h.BodyHash = uint64(len(sealed)), sha256.Sum256(sealed)
	h.sign(key)
	data := h.Append(nil)
	rec := &Record{Header: h, Body: b, Hash: sha256.Sum256(data)}
	if data = append(data, sealed...); len(data) > MaxRecord {
		return nil, nil, fmt.Errorf("%w: the operation makes a record of %d bytes", ErrLimit, len(data))
	}
	return rec, data, nil
}

// publish takes a signed record from the outbox into the log.
func (r *Refs) publish(rec *Record, data []byte) error {
	if err := r.placeIsFree(rec); err != nil {
		return err
	}
	if err := r.putInOutbox(rec, data); err != nil {
		return err
	}
	return publishRecord(&r.o, rec.Tag, rec.Seq, data)
}

// ensureOutbox makes the outbox's folder. Once a record of this log was published the folder is durable, unless somebody has
// removed it since.
func (r *Refs) ensureOutbox(first bool) error {
	there, err := exists(r.o.Local, outboxDir)
	if err != nil || there && !first {
		return err
	}
	return vfs.MkdirAllSync(r.o.Local, outboxDir, 0o700)
}

// placeIsFree notices a writer that did not hold the lock, before anything is signed twice.
func (r *Refs) placeIsFree(rec *Record) error {
	inStore, err := exists(r.o.Store, recordPath(rec.Tag, rec.Seq))
	if err != nil {
		return err
	}
	inOutbox, err := exists(r.o.Local, outboxDir+"/"+outboxName(rec.Tag, rec.Seq))
	if err != nil {
		return err
	}
	if inStore || inOutbox {
		return fmt.Errorf("%w: somebody else has written it meanwhile", ErrConflict)
	}
	return nil
}

func exists(fsys vfs.FS, name string) (bool, error) {
	_, err := fsys.LstatStat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// recordWritten does what follows once a record is durable: pin and cache.
func (r *Refs) recordWritten(rec *Record) error {
	defer r.storeFold()
	if err := r.pins.publish(rec.Position()); err != nil {
		return fmt.Errorf("%s: %w: %w", rec.Position(), ErrNotPinned, err)
	}
	return nil
}
