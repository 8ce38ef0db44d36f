package repo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"evault/pack"
	"evault/refs"
	"evault/remote"
)

// VerifyRemoteOptions say how much to prove of a remote.
type VerifyRemoteOptions struct {
	Remote string
	Sample float64 // percentage of the packs that are read back and hashed here; 0: 5, and at least three packs
}

// VerifyRemoteResult counts what was proved of a remote and lists what was not.
type VerifyRemoteResult struct {
	Remote   string
	URL      string
	Packs    int64 // that its records name
	Bytes    int64 // their bytes
	Sampled  int64 // of the packs, read back and hashed here
	Records  int64
	Damage   []Damage
	Security []string // signs that it lies
}

// defaultSample is how many packs are read back where nobody says how many: a percentage and a least number.
const (
	defaultSample = 5.0
	leastSample   = 3
)

// VerifyRemote proves what can be proved of a remote without reading all of it back: the signatures and chains of its logs,
// that it has hidden nothing, taken back nothing and forked nothing that was seen; that every pack that its records name is there, by
// the hash that the place computes; and because a place may lie about that, packs chosen at random are read back and hashed here.
//
// It fails with ErrDamaged or ErrSecurity beside the result that says why.
func (r *Repository) VerifyRemote(ctx context.Context, o VerifyRemoteOptions) (*VerifyRemoteResult, error) {
	m := r.settings.startMeter("talking to " + o.Remote)
	defer m.close()
	c, err := r.converse(ctx, o.Remote, converseOptions{})
	if err != nil {
		return nil, err
	}
	v := &remoteVerification{conversation: c, o: o, meter: m, result: &VerifyRemoteResult{Remote: o.Remote, URL: c.url.String()}}
	err = v.run(ctx)
	v.sortProblems()
	if err == nil {
		switch {
		case len(v.result.Security) > 0:
			err = ErrSecurity
		case len(v.result.Damage) > 0:
			err = ErrDamaged
		}
	}
	return v.result, errors.Join(err, c.close())
}

type remoteVerification struct {
	*conversation
	o     VerifyRemoteOptions
	meter *meter

	mu     sync.Mutex
	result *VerifyRemoteResult
	bad    []refs.Pack // missing there, or damaged
}

func (v *remoteVerification) run(ctx context.Context) error {
	if err := v.learn(ctx); err != nil {
		return err
	}
	if err := v.checkKeys(ctx); err != nil {
		return err
	}
	if err := v.checkRecords(ctx); err != nil {
		return err
	}
	if err := v.refs.Records(ctx, func(*refs.Record) bool { v.result.Records++; return true }); err != nil {
		return err
	}
	live, err := v.refs.Packs(ctx)
	if err != nil {
		return err
	}
	v.result.Packs = int64(len(live))
	for _, p := range live {
		v.result.Bytes += int64(p.Size)
	}
	v.meter.enter("having packs checked", 0, int64(len(live)))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(packsInFlight)
	for _, p := range live {
		group.Go(func() error { return v.checkPack(inner, p) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return v.sample(ctx, live)
}

// checkKeys makes sure that the remote holds what a new device needs to open the vault.
func (v *remoteVerification) checkKeys(ctx context.Context) error {
	there, err := v.store.Files(ctx)
	if err != nil {
		return err
	}
	has := map[string]bool{}
	for _, f := range there {
		has[f.Name] = true
	}
	ours, err := v.repo.vault.PublicFiles(keyStore{v.repo.store, v.repo.local})
	if err != nil {
		return err
	}
	for _, name := range ours {
		if !has[name] {
			v.damage(Damage{Kind: "key", Object: name, Detail: "not on the remote (the next push brings it there)"})
			continue
		}
		data, err := v.store.File(ctx, name)
		if err == nil {
			err = remote.CheckFile(name, data)
		}
		if err != nil && !gone(err) {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err != nil {
			v.damage(Damage{Kind: "key", Object: name, Detail: err.Error()})
		}
	}
	return nil
}

// checkRecords reads the records back that were seen there: a new clone will need them.
func (v *remoteVerification) checkRecords(ctx context.Context) error {
	tags, err := refs.MirroredLogs(v.mirror)
	if err != nil {
		return err
	}
	for _, tag := range tags {
		_, same, err := v.compareLog(ctx, tag)
		if err != nil {
			return err
		}
		for seq, ok := range same {
			if !ok {
				v.damage(Damage{Kind: "record", Object: fmt.Sprintf("%s/%d", tag, seq), Detail: "not on the remote as it was seen there"})
			}
		}
	}
	return nil
}

// compareLog reads a log there and says of each record that was seen before whether it is the same.
func (c *conversation) compareLog(ctx context.Context, tag refs.Tag) (ours [][]byte, same []bool, err error) {
	err = refs.MirroredRecords(ctx, c.mirror, tag, func(data []byte) error {
		ours = append(ours, data)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	same = make([]bool, len(ours))
	n := 0
	err = c.store.Records(ctx, tag, 0, func(data []byte) error {
		if n == len(ours) {
			return errStop // the place may give more for ever
		}
		same[n] = bytes.Equal(ours[n], data)
		n++
		return nil
	})
	if gone(err) || errors.Is(err, errStop) {
		err = nil // what came before stands, and the rest is not there, or not asked for
	}
	return ours, same, err
}

func (v *remoteVerification) damage(d Damage) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.result.Damage) < maxDamage {
		v.result.Damage = append(v.result.Damage, d)
	}
}

// checkPack has the place hash one pack.
func (v *remoteVerification) checkPack(ctx context.Context, p refs.Pack) error {
	err := v.store.CheckPack(ctx, p.Name)
	v.meter.add(1, 0)
	return v.judgePack(p, err)
}

// judgePack takes what is said of a pack for damage, unless it is about the conversation.
func (v *remoteVerification) judgePack(p refs.Pack, err error) error {
	switch {
	case err == nil:
		return nil
	case !gone(err):
		return fmt.Errorf("pack %s: %w", p, err)
	}
	v.damage(Damage{Kind: "pack", Pack: p.String(), Detail: err.Error()})
	v.mu.Lock()
	v.bad = append(v.bad, p)
	v.mu.Unlock()
	return nil
}

// sample reads packs back.
func (v *remoteVerification) sample(ctx context.Context, live []refs.Pack) error {
	chosen := v.choose(live)
	var total int64
	for _, p := range chosen {
		total += int64(p.Size)
	}
	v.meter.enter("reading back", total, int64(len(chosen)))
	for _, p := range chosen {
		err := v.readBack(ctx, p)
		if err := v.judgePack(p, err); err != nil {
			return err
		}
		v.result.Sampled++
	}
	return nil
}

// choose picks packs at random among those of which nothing bad is known.
func (v *remoteVerification) choose(live []refs.Pack) []refs.Pack {
	live = slices.DeleteFunc(slices.Clone(live), func(p refs.Pack) bool { return slices.Contains(v.bad, p) })
	percent := v.o.Sample
	if percent == 0 {
		percent = defaultSample
	}
	n := min(max(int(float64(len(live))*percent/100+0.5), leastSample), len(live))
	rand.Shuffle(len(live), func(i, j int) { live[i], live[j] = live[j], live[i] })
	return live[:n]
}

func (v *remoteVerification) readBack(ctx context.Context, p refs.Pack) error {
	body, err := v.store.Pack(ctx, p.Name, 0, -1)
	if err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(sum, io.LimitReader(&countingReader{r: body, count: func(n int) { v.meter.add(0, int64(n)) }}, int64(p.Size)+1))
	if err := errors.Join(err, body.Close()); err != nil {
		return err
	}
	v.meter.add(1, 0)
	return checkSum(p, n, sum)
}

func checkSum(p refs.Pack, n int64, sum hash.Hash) error {
	if got := [32]byte(sum.Sum(nil)); n != int64(p.Size) || got != p.Name {
		return fmt.Errorf("%w: the remote gives other bytes than its name says", pack.ErrDamaged)
	}
	return nil
}

// sortProblems puts what was found on the way under the right heading.
func (v *remoteVerification) sortProblems() {
	for _, p := range unique(v.problems) {
		if isSecurity(p) {
			v.result.Security = append(v.result.Security, p.Error())
		} else {
			v.damage(Damage{Kind: "record", Detail: p.Error()})
		}
	}
	slices.SortFunc(v.result.Damage, func(a, b Damage) int { return slices.Compare([]byte(a.String()), []byte(b.String())) })
}
