package refs

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
)

// Packs gives the packs that the accepted records of all logs have added and not condemned, ascending by name. It reads the
// headers of all of them; that they are the accepted ones, the chain of their hashes shows.
func (r *Refs) Packs(ctx context.Context) ([]Pack, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var all []Header
	for _, tip := range r.fold.seenBy(Tag{}) {
		headers, err := r.headers(ctx, tip)
		if isContent(err) || isAbsent(err) || errors.Is(err, ErrSecurity) {
			return r.packsAnew(ctx) // what was accepted has been changed since
		}
		if err != nil {
			return nil, err
		}
		all = append(all, headers...)
	}
	return livePacks(func(yield func(*Header)) {
		for i := range all {
			yield(&all[i])
		}
	}), nil
}

func (r *Refs) packsAnew(ctx context.Context) ([]Pack, error) {
	a, err := foldAll(ctx, &r.o, r.checker, r.pins.known)
	if err != nil {
		return nil, err
	}
	return a.packs(), nil
}

// headers reads the headers of a log up to its tip, on all cores.
func (r *Refs) headers(ctx context.Context, tip Position) (headers []Header, err error) {
	d, err := openLog(r.o.Store, tip.Tag)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	n := int(tip.Seq) + 1
	headers, hashes := make([]Header, n), make([][32]byte, n)
	g, ctx := errgroup.WithContext(ctx)
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		g.Go(func() error {
			for i := w; i < n; i += workers {
				if err := ctx.Err(); err != nil {
					return err
				}
				data, err := d.read(uint64(i))
				if err != nil {
					return err
				}
				h, body, err := DecodeHeader(data)
				if err != nil {
					return &RecordError{tip.Tag, uint64(i), err}
				}
				headers[i], hashes[i] = h, sha256.Sum256(data[:len(data)-len(body)])
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return headers, chained(headers, hashes, tip)
}

// chained checks that headers lead to an accepted record, which the signatures of all before it hang on.
func chained(headers []Header, hashes [][32]byte, tip Position) error {
	want := tip.Hash
	for i := len(headers) - 1; i >= 0; i-- {
		if hashes[i] != want {
			return &RecordError{tip.Tag, uint64(i), fmt.Errorf("%w: the record after it names another one", ErrChain)}
		}
		want = headers[i].Previous
	}
	return nil
}

// packs gives the packs added and not condemned by what is folded, ascending.
func (a *acceptance) packs() []Pack { return livePacks(a.headers) }

// headers calls fn with the header of every folded record.
func (a *acceptance) headers(fn func(*Header)) {
	for _, l := range a.logs {
		for _, rec := range l.records[:l.next] {
			fn(&rec.Header)
		}
	}
}

func livePacks(each func(func(*Header))) []Pack {
	live := make(map[[32]byte]Pack)
	each(func(h *Header) {
		for _, p := range h.Added {
			live[p.Name] = p
		}
	})
	each(func(h *Header) {
		for _, p := range h.Condemned {
			delete(live, p.Name)
		}
	})
	return slices.SortedFunc(maps.Values(live), comparePacks)
}

// missingPacks compares the packs that accepted records have added and not condemned with what is there.
func (a *acceptance) missingPacks(has func(Pack) bool) error {
	live := a.packs()
	var missing []Pack
	for _, p := range live {
		if !has(p) {
			missing = append(missing, p)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &MissingPacksError{Missing: missing, Total: len(live)}
}

// acceptWith is accept, and holds back every record that adds a pack which is not at hand. A pack that an accepted record
// condemns is not asked for; since holding back a record may hold back the one that condemns, this is done until nothing
// changes: first all are taken to be accepted, and then ever fewer.
func acceptWith(base func() *fold, logs []*loaded, revoked revocations, pinned map[Tag]Position, has func(Pack) bool) (*acceptance, error) {
	has = askOnce(has)
	for {
		a, err := accept(base, logs, revoked, pinned)
		if err != nil || has == nil || !a.lacks(has) {
			return a, err
		}
	}
}

// askOnce remembers the answers.
func askOnce(has func(Pack) bool) func(Pack) bool {
	if has == nil {
		return nil
	}
	answers := make(map[[32]byte]bool)
	return func(p Pack) bool {
		yes, asked := answers[p.Name]
		if !asked {
			yes = has(p)
			answers[p.Name] = yes
		}
		return yes
	}
}

// lacks finds the first folded record of each log that adds packs which are neither at hand nor condemned, and notes it with
// the log.
func (a *acceptance) lacks(has func(Pack) bool) (found bool) {
	condemned := make(map[[32]byte]bool)
	a.headers(func(h *Header) {
		for _, p := range h.Condemned {
			condemned[p.Name] = true
		}
	})
	for _, l := range a.logs {
		for _, rec := range l.records[:l.next] {
			var missing []Pack
			for _, p := range rec.Added {
				if !condemned[p.Name] && !has(p) {
					missing = append(missing, p)
				}
			}
			if len(missing) > 0 {
				l.lacking, l.lacksAt = &MissingPacksError{Missing: missing, Total: len(rec.Added)}, rec.Seq
				found = true
				break
			}
		}
	}
	return found
}

// lackedPacks says that something is held back because of packs that are not at hand.
func lackedPacks(problems []error) bool {
	var missing *MissingPacksError
	return errors.As(errors.Join(problems...), &missing)
}
