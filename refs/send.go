package refs

import (
	"context"
	"errors"
	"fmt"

	"evault/internal/vfs"
)

const (
	// MaxPending is how many records may be on their way to a remote store with their fate unknown, before their log is
	// given up.
	MaxPending = 48
	// MaxSend and MaxSendBytes bound how many records one Send carries, and their length in bytes together.
	MaxSend      = 64
	MaxSendBytes = 16 << 20
)

// appendRemote records an operation in a store that is elsewhere. The calls, in order:
//
//	sign the record on top of what is pending
//	write, fsync outbox/<tag>-<seq>     from here on these are the only bytes ever signed for this place
//	rename, fsync outbox/
//	Send                                *** the commit point, at the store ***
//	rename outbox/... logs/<tag>/<seq>  the mirror follows; what a crash leaves undone the next Mirror and Open do
//	fsync logs/<tag>/
//	publish the pin
//	replace the fold cache
//
// If Send fails, the records may be there or not, and stay in the outbox. They are sent again together with whatever comes
// next, in one piece. If that is the same operation, and nobody else has written meanwhile, no new record is needed.
// Otherwise the new one comes on top, and takes back what they changed: then it makes no difference whether they had arrived.
// So no place of a log is ever signed twice, which would be a fork and end the log, and a push that lost a race and was
// given up is never seen by anybody alone.
func (r *Refs) appendRemote(ctx context.Context, op Operation) (*Record, error) {
	again, err := r.resends(op)
	if err != nil {
		return nil, err
	}
	if !again {
		if err := r.signOnTop(op); err != nil {
			return nil, err
		}
	}
	var all [][]byte
	for _, p := range r.pending {
		all = append(all, p.data)
	}
	last := r.pending[len(r.pending)-1].rec
	if err := r.o.Send(ctx, all); err != nil {
		return nil, fmt.Errorf("%s: %w", last.Position(), err)
	}
	if err := r.sent(ctx); err != nil {
		r.broken = fmt.Errorf("%w: %s", ErrBroken, last.Position())
		return last, fmt.Errorf("%s: %w: %w", last.Position(), ErrNotPinned, err)
	}
	return last, r.recordWritten(last)
}

// signOnTop signs an operation's records behind the pending ones and makes them durable in the outbox.
func (r *Refs) signOnTop(op Operation) error {
	list, err := r.signAll(op)
	if err != nil {
		return err
	}
	for _, p := range list {
		if err := r.placeIsFree(p.rec); err != nil {
			return err
		}
	}
	for _, p := range list {
		if err := r.putInOutbox(p.rec, p.data); err != nil {
			r.broken = fmt.Errorf("%w: %s", ErrBroken, p.rec.Position())
			return fmt.Errorf("%s: %w", p.rec.Position(), err)
		}
		r.pending = append(r.pending, p)
	}
	return nil
}

// signAll makes an operation's records. Nobody has seen them yet.
func (r *Refs) signAll(op Operation) ([]pending, error) {
	for _, p := range r.pending {
		if len(r.pending) > MaxPending || len(p.rec.Condemned) > 0 {
			// Packs that a record condemns cannot be taken back, and others may rely on them by now.
			return nil, fmt.Errorf("log %s: %w: %d of them", r.own, ErrGivenUp, len(r.pending))
		}
	}
	ops, err := r.expected(op, r.pending)
	if err != nil {
		return nil, err
	}
	prev, started := r.view.Tip, r.view.HasTip
	count, size := len(r.pending)+len(ops), 0
	for _, p := range r.pending {
		prev, started, size = p.rec.Position(), true, size+len(p.data)
	}
	var list []pending
	for _, one := range ops {
		h, b := r.draft(one, prev, started)
		rec, data, err := signRecord(r.o.Vault, r.key, r.checker.sealers, h, b)
		if err != nil {
			return nil, err
		}
		list = append(list, pending{rec, data})
		prev, started, size = rec.Position(), true, size+len(data)
	}
	if count > MaxSend || size > MaxSendBytes {
		return nil, r.tooMuch(count, size)
	}
	return list, nil
}

func (r *Refs) tooMuch(count, size int) error {
	if n := len(r.pending); n > 0 {
		return fmt.Errorf("log %s: %w: %d of them", r.own, ErrGivenUp, n)
	}
	return fmt.Errorf("%w: the operation takes %d records of %d bytes together", ErrLimit, count, size)
}

// putInOutbox makes a signed record durable before anybody else sees it.
func (r *Refs) putInOutbox(rec *Record, data []byte) error {
	if err := r.ensureOutbox(rec.Seq == 0); err != nil {
		return err
	}
	return vfs.Publish(r.o.Local, outboxDir+"/"+outboxName(rec.Tag, rec.Seq), data, 0o600)
}

// sent takes what the store has accepted into the mirror and the view.
func (r *Refs) sent(ctx context.Context) error {
	list := r.pending
	r.pending = nil
	for _, p := range list {
		if err := publishRecord(&r.o, p.rec.Tag, p.rec.Seq, p.data); err != nil {
			return err
		}
	}
	if err := r.foldSent(context.WithoutCancel(ctx), list); err != nil {
		return err
	}
	view, err := r.fold.view(r.own, r.o.CloneID, r.o.Descends)
	if err != nil {
		return err
	}
	r.view = view
	return nil
}

// foldSent applies records to the fold. One that was pending for long may have seen what a stored fold does not know any
// more: then all is read from the start.
func (r *Refs) foldSent(ctx context.Context, list []pending) error {
	for _, p := range list {
		_, ready, err := r.fold.ready(p.rec)
		if err != nil && !errors.Is(err, errRefold) {
			return err
		}
		if err != nil || !ready {
			return r.refold(ctx)
		}
		r.fold.apply(p.rec)
	}
	return nil
}

// refold reads all logs anew.
func (r *Refs) refold(ctx context.Context) error {
	if err := r.foldFromStart(ctx); err != nil {
		return err
	}
	return r.fatal()
}
