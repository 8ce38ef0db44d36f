package repo

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"evault/objects"
	"evault/refs"
)

// ReflogEntry is one operation as the log recorded it.
type ReflogEntry struct {
	Sequence    uint64
	Hash        string // of the record's header
	Time        time.Time
	Operation   string
	Description string
	Before      refs.Head
	After       refs.Head
	Changes     []refs.Change
	Commit      objects.ID // where HEAD was afterwards; zero before the first commit
}

// Reflog walks the operations of this clone, newest first, at most limit of them (0: all).
func (r *Repository) Reflog(ctx context.Context, limit int, each func(*ReflogEntry) error) error {
	var records []*refs.Record
	stopped := false
	var failed error
	at := map[string]objects.ID{} // where branches were, going backwards
	for name, id := range r.refs.View().All() {
		at[name] = id
	}
	err := r.refs.Records(ctx, func(rec *refs.Record) bool {
		if rec.Tag != r.refs.Tag() || rec.Body == nil {
			return true
		}
		records = append(records, rec)
		e := reflogEntry(rec, at)
		for _, c := range rec.Body.Changes {
			at[c.Name] = c.Old
		}
		if failed = each(e); failed != nil {
			stopped = true
			return false
		}
		return limit == 0 || len(records) < limit
	})
	if stopped {
		if errors.Is(failed, errStop) {
			return nil
		}
		return failed
	}
	return err
}

func reflogEntry(rec *refs.Record, at map[string]objects.ID) *ReflogEntry {
	b := rec.Body
	e := &ReflogEntry{
		Sequence: rec.Seq, Hash: hex.EncodeToString(rec.Hash[:]),
		Time:      time.Unix(b.Time.Sec, int64(b.Time.Nsec)).In(time.FixedZone("", int(b.Zone)*60)),
		Operation: b.Operation, Description: b.Description,
		Before: b.HeadBefore, After: b.HeadAfter, Changes: b.Changes,
	}
	if b.HeadAfter.Branch != "" {
		e.Commit = at[branchPrefix+b.HeadAfter.Branch]
	} else {
		e.Commit = b.HeadAfter.Commit
	}
	return e
}

// record appends an operation to the log: the commit point of every verb that moves a ref or HEAD.
func (r *Repository) record(ctx context.Context, op refs.Operation) error {
	op.Time, op.Zone = stamp(r.settings.now())
	op.Description = refs.OneLine(op.Description)
	if _, err := r.refs.Append(ctx, op); err != nil {
		if errors.Is(err, refs.ErrNotPinned) { // it is durable: only the witness outside the vault is missing
			r.notes = append(r.notes, err.Error())
			return r.refs.SyncHead(r.places.Vault)
		}
		return fmt.Errorf("recording %s: %w", op.Name, err)
	}
	return r.refs.SyncHead(r.places.Vault)
}
