package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"evault/internal/vfs"
	"evault/keys"
	"evault/pack"
	"evault/refs"
	"evault/remote"
	"evault/remote/folder"
)

const (
	scrubStateName = "scrub"
	scrubLockName  = "scrub.lock"
	maxScrubState  = 4 << 10
	// saveEvery is after how many bytes a scrub notes how far it has come, so that a host that is switched off every
	// evening gets to the end some day.
	saveEvery = 4 << 30
)

// ErrScrubbing says that another process is scrubbing the same root.
var ErrScrubbing = errors.New("another scrub is under way")

// ScrubReport says what a scrub found.
type ScrubReport struct {
	Vaults, Packs int
	Bytes         uint64
	// Damaged are the packs that were not what their names say. They lie in the store's folder damaged/ now.
	Damaged []PackOf
	// Failed are the packs that could not be read, with the error of each. They were left where they are.
	Failed   []FailedPack
	Duration time.Duration
}

// PackOf is a pack of a vault.
type PackOf struct {
	Vault keys.VaultID
	Pack  pack.Name
}

// FailedPack is a pack that could not be read.
type FailedPack struct {
	PackOf
	Err error
}

// scrubState is what is kept from one scrub to the next, and while one is under way.
type scrubState struct {
	Finished time.Time `json:"finished"`        // when the last complete scrub ended
	Vault    string    `json:"vault,omitempty"` // up to which pack of which vault the present one has come
	Pack     string    `json:"pack,omitempty"`
}

// Scrub reads every pack of every vault, at the rate that the configuration allows, and compares it with its name. One that
// does not fit is moved to damaged/, out of sight of all peers, so that a client can send it again. Peers are served
// meanwhile. ErrScrubbing: another process is at it.
func (h *Host) Scrub(ctx context.Context) (ScrubReport, error) { return h.scrub(ctx, false) }

// scrub is Scrub, which with resume goes on where one that was cut short has stopped.
func (h *Host) scrub(ctx context.Context, resume bool) (report ScrubReport, err error) {
	lock, err := h.o.Root.Lock(scrubLockName)
	if errors.Is(err, vfs.ErrLocked) {
		return report, ErrScrubbing
	}
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	state, err := h.scrubState()
	if err != nil {
		return report, err
	}
	s := &scrub{host: h, state: state, report: &report, started: time.Now()}
	if !resume {
		s.state.Vault, s.state.Pack = "", ""
	}
	err = s.run(ctx)
	report.Duration = time.Since(s.started)
	return report, err
}

// scrub is one scrub under way.
type scrub struct {
	host    *Host
	state   scrubState
	report  *ScrubReport
	started time.Time
	unsaved uint64
}

func (s *scrub) run(ctx context.Context) error {
	vaults, err := s.host.shelf.vaults(ctx)
	if err != nil {
		return err
	}
	for _, v := range vaults {
		if v.String() < s.state.Vault { // done before
			continue
		}
		s.report.Vaults++
		if err := s.vault(ctx, v); err != nil {
			return err
		}
	}
	s.state = scrubState{Finished: s.host.o.Now().UTC()}
	return s.host.saveScrub(s.state)
}

func (s *scrub) vault(ctx context.Context, v keys.VaultID) (err error) {
	shelved := s.host.shelf.take(v)
	defer func() { err = errors.Join(err, shelved.giveBack()) }()
	store, err := shelved.get()
	if err != nil {
		return err
	}
	packs, err := store.Packs(ctx)
	if err != nil {
		return fmt.Errorf("vault %s: %w", v, err)
	}
	for _, p := range packs {
		name := pack.Name(p.Name)
		if v.String() == s.state.Vault && name.String() <= s.state.Pack {
			continue
		}
		if err := s.pack(ctx, store, PackOf{v, name}, p); err != nil {
			return err
		}
	}
	return nil
}

// pack looks at one pack. What is wrong with it goes into the report; an error ends the scrub.
func (s *scrub) pack(ctx context.Context, store *folder.Store, which PackOf, p refs.Pack) error {
	log := s.host.o.Log
	switch err := store.CheckPack(ctx, which.Pack); {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil, errors.Is(err, remote.ErrNotFound): // removed meanwhile
	case errors.Is(err, remote.ErrDamaged):
		log.Error("a pack is damaged and was moved away", "vault", which.Vault.String(), "pack", which.Pack.String())
		s.report.Damaged = append(s.report.Damaged, which)
	default:
		log.Error("a pack cannot be read", "vault", which.Vault.String(), "pack", which.Pack.String(), "error", err)
		s.report.Failed = append(s.report.Failed, FailedPack{which, err})
	}
	s.report.Packs++
	s.report.Bytes += p.Size
	if s.unsaved += p.Size; s.unsaved >= saveEvery {
		s.unsaved = 0
		s.state.Vault, s.state.Pack = which.Vault.String(), which.Pack.String()
		if err := s.host.saveScrub(s.state); err != nil {
			return err
		}
	}
	return s.slow(ctx)
}

// slow waits until as much time has passed as the bytes read so far may take.
func (s *scrub) slow(ctx context.Context) error {
	rate := s.host.current().Scrub.Rate
	if rate == 0 {
		rate = DefaultScrubRate
	}
	due := time.Duration(float64(s.report.Bytes) / float64(rate) * float64(time.Second))
	return sleep(ctx, due-time.Since(s.started))
}

// sleep waits for a time or until the context ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// scrubState reads what the last scrub left. What cannot be understood counts as nothing: it costs one scrub too many.
func (h *Host) scrubState() (state scrubState, err error) {
	f, err := h.o.Root.OpenHandle(scrubStateName, 0, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return scrubState{}, nil
	}
	if err != nil {
		return scrubState{}, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxScrubState))
	if err := errors.Join(err, f.Close()); err != nil {
		return scrubState{}, err
	}
	if json.Unmarshal(data, &state) != nil {
		return scrubState{}, nil
	}
	return state, nil
}

func (h *Host) saveScrub(state scrubState) error {
	data, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return vfs.Publish(h.o.Root, scrubStateName, append(data, '\n'), 0o600)
}

// scrubDue says whether it is time for a scrub. A host that has never scrubbed waits one period from its first start.
func (h *Host) scrubDue() (bool, error) {
	every := h.current().Scrub.Every
	if every < 0 {
		return false, nil
	}
	if every == 0 {
		every = DefaultScrub
	}
	state, err := h.scrubState()
	if err != nil {
		return false, err
	}
	if state.Finished.IsZero() {
		state.Finished = h.o.Now().UTC()
		return false, h.saveScrub(state)
	}
	return h.o.Now().Sub(state.Finished) >= every, nil
}

// referenced gathers the packs that the records of a store name, sorted.
func referenced(ctx context.Context, store *folder.Store, heads []refs.Position) ([][32]byte, error) {
	var names [][32]byte
	for _, head := range heads {
		err := store.Records(ctx, head.Tag, 0, func(data []byte) error {
			h, _, err := refs.DecodeHeader(data)
			for _, p := range h.Added {
				names = append(names, p.Name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(names, func(a, b [32]byte) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(names), nil
}
