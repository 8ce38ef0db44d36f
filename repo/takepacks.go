package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"evault/pack"
	"evault/refs"
)

// packsInFlight is how many packs are on their way at once: enough to hide the round trips, few enough that an interrupted
// transfer repeats little.
const packsInFlight = 4

// takePacks fetches the packs that the remote's records name and this store lacks.
func (c *conversation) takePacks(ctx context.Context, o FetchOptions, m *meter, result *FetchResult) error {
	live, err := c.refs.Packs(ctx)
	if err != nil {
		return err
	}
	here, err := c.repo.packsHere()
	if err != nil {
		return err
	}
	wanted := slices.DeleteFunc(slices.Clone(live), func(p refs.Pack) bool { return here[p.Name] })
	if o.DryRun {
		for _, p := range wanted {
			result.Packs++
			result.Bytes += int64(p.Size)
		}
		return nil
	}
	lost, err := c.receive(ctx, wanted, m, result)
	if err != nil {
		return err
	}
	if len(lost) == 0 {
		return c.reopen(len(wanted) > 0)
	}
	slices.SortFunc(lost, comparePackNames)
	c.suspect(&refs.MissingPacksError{Missing: lost, Total: len(live)})
	missing := map[[32]byte]bool{}
	for _, p := range lost {
		missing[p.Name] = true
	}
	return c.open(func(p refs.Pack) bool { return !missing[p.Name] })
}

// reopen looks at the logs again after packs came: commits that were not here are here now, so that a branch which looked
// diverged may turn out to be none.
func (c *conversation) reopen(changed bool) error {
	if !changed || len(c.refs.View().Diverged) == 0 {
		return nil
	}
	return c.open(nil)
}

// receive brings packs into the local store and makes them known. It gives those that the remote does not have, or has
// damaged. What came before an error stays, so that the next fetch goes on from there.
func (c *conversation) receive(ctx context.Context, wanted []refs.Pack, m *meter, result *FetchResult) (lost []refs.Pack, err error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	db, err := c.repo.database()
	if err != nil {
		return nil, err
	}
	var total int64
	for _, p := range wanted {
		total += int64(p.Size)
	}
	m.enter("receiving", total, int64(len(wanted)))
	var mu sync.Mutex
	var came []pack.Name
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(packsInFlight)
	for _, p := range wanted {
		group.Go(func() error {
			err := c.receiveOne(inner, db, p, m)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				came = append(came, pack.Name(p.Name))
				result.Packs++
				result.Bytes += int64(p.Size)
				return nil
			case gone(err) || errors.Is(err, pack.ErrMismatch):
				lost = append(lost, p)
				return nil
			}
			return fmt.Errorf("pack %s: %w", p, err)
		})
	}
	err = group.Wait()
	return lost, errors.Join(err, db.Adopt(context.WithoutCancel(ctx), came))
}

func (c *conversation) receiveOne(ctx context.Context, db *pack.DB, p refs.Pack, m *meter) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	body, err := c.store.Pack(ctx, p.Name, 0, -1)
	if err != nil {
		return err
	}
	counted := &countingReader{r: body, count: func(n int) { m.add(0, int64(n)) }}
	err = db.Receive(ctx, pack.PackInfo{Name: p.Name, Size: int64(p.Size)}, counted)
	if closeErr := body.Close(); err == nil && closeErr != nil {
		err = closeErr
	}
	if err != nil {
		m.add(0, -counted.n)
		return err
	}
	m.add(1, 0)
	return nil
}

// countingReader tells how much was read.
type countingReader struct {
	r     io.Reader
	n     int64
	count func(int)
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.count(n)
	return n, err
}
