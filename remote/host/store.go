package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"sync/atomic"
	"syscall"

	"evault/internal/vfs"
	"evault/keys"
	"evault/pack"
	"evault/refs"
	"evault/remote"
	"evault/remote/folder"
)

// store is a vault's store as one peer may use it. The first line of every method is the permission.
type store struct {
	host    *Host
	peer    *Peer
	limits  Limits
	own     bool // the quota is one of this vault alone
	vault   keys.VaultID
	shelved *shelved
	closed  atomic.Bool
}

// may is the gate of every method.
func (s *store) may(p remote.Permissions) error {
	if s.closed.Load() {
		return fs.ErrClosed
	}
	if !s.limits.Allow.Has(p) {
		return fmt.Errorf("%w: peer %s may not %s in this vault", remote.ErrRefused, s.peer.Name, p)
	}
	return nil
}

// Info says what the peer may do and what of its quota is used.
func (s *store) Info(ctx context.Context) (remote.Info, error) {
	if err := s.may(0); err != nil {
		return remote.Info{}, err
	}
	info := remote.Info{Vault: s.vault, Permissions: s.limits.Allow, Software: s.host.o.Software, Quota: uint64(s.limits.Quota)}
	if s.limits.Quota > 0 {
		together, err := s.together()
		if err != nil {
			return info, err
		}
		used, err := s.host.usage.of(together)
		if err != nil {
			return info, err
		}
		info.Used = used.bytes
	}
	inner, err := s.shelved.get()
	if err != nil {
		return info, err
	}
	there, err := inner.Info(ctx)
	info.Store = there.Store
	return info, err
}

// together lists the vaults that the peer's quota counts: those that it made, and this one.
func (s *store) together() ([]keys.VaultID, error) {
	if s.own {
		return []keys.VaultID{s.vault}, nil
	}
	made, err := accountOf(s.host.o.Root, s.peer).made()
	if err == nil && !slices.Contains(made, s.vault) {
		made = append(made, s.vault)
	}
	return made, err
}

// reserve takes room from the peer's quota.
func (s *store) reserve(room amount) (*reservation, error) {
	if s.limits.Quota == 0 && s.limits.Packs == 0 {
		return nil, nil
	}
	together, err := s.together()
	if err != nil {
		return nil, err
	}
	return s.host.usage.reserve(s.limits, s.vault, together, room)
}

// Create makes the store, and notes first who made it.
func (s *store) Create(ctx context.Context) (remote.Info, error) {
	if err := s.may(remote.Append); err != nil {
		return remote.Info{}, err
	}
	if err := s.host.locks.hold(ctx, s.vault, func() error { return s.create(ctx) }); err != nil {
		return remote.Info{}, diskFull(err)
	}
	return s.Info(ctx)
}

func (s *store) create(ctx context.Context) error {
	inner, err := s.shelved.get()
	if err == nil {
		if _, err = inner.Info(ctx); err == nil {
			return nil
		}
	}
	if !errors.Is(err, remote.ErrNoStore) {
		return err
	}
	all, err := s.host.shelf.vaults(ctx)
	if err != nil {
		return err
	}
	if len(all) >= maxVaults {
		return fmt.Errorf("%w: the host keeps %d vaults and takes no more", remote.ErrQuota, len(all))
	}
	return s.filling(amount{bytes: vaultSize}, func() error {
		if err := accountOf(s.host.o.Root, s.peer).noteMade(s.vault); err != nil {
			return err
		}
		if inner, err = s.shelved.make(); err != nil {
			return err
		}
		_, err = inner.Create(ctx)
		return err
	})
}

// Files needs read.
func (s *store) Files(ctx context.Context) ([]remote.FileInfo, error) {
	inner, err := s.allowed(remote.Read)
	if err != nil {
		return nil, err
	}
	return inner.Files(ctx)
}

// File needs read.
func (s *store) File(ctx context.Context, name string) ([]byte, error) {
	inner, err := s.allowed(remote.Read)
	if err != nil {
		return nil, err
	}
	return inner.File(ctx, name)
}

// PutFile needs append.
func (s *store) PutFile(ctx context.Context, name string, data []byte) error {
	inner, err := s.allowed(remote.Append)
	if err != nil {
		return err
	}
	if err := remote.CheckFile(name, data); err != nil { // before anything is done with the name
		return err
	}
	if there, err := s.has(name); err != nil || there {
		return err
	}
	return s.filling(amount{bytes: blocks(uint64(len(data)))}, func() error { return inner.PutFile(ctx, name, data) })
}

// DeleteFile needs delete.
func (s *store) DeleteFile(ctx context.Context, name string) error {
	inner, err := s.allowed(remote.Delete)
	if err != nil {
		return err
	}
	return s.host.locks.hold(ctx, s.vault, func() error { return inner.DeleteFile(ctx, name) })
}

// Packs needs read.
func (s *store) Packs(ctx context.Context) ([]refs.Pack, error) {
	inner, err := s.allowed(remote.Read)
	if err != nil {
		return nil, err
	}
	return inner.Packs(ctx)
}

// Pack needs read.
func (s *store) Pack(ctx context.Context, name pack.Name, offset, length int64) (io.ReadCloser, error) {
	inner, err := s.allowed(remote.Read)
	if err != nil {
		return nil, err
	}
	return inner.Pack(ctx, name, offset, length)
}

// PutPack needs append.
func (s *store) PutPack(ctx context.Context, p refs.Pack, open func() (io.ReadCloser, error)) error {
	inner, err := s.allowed(remote.Append)
	if err != nil {
		return err
	}
	if p.Size > refs.MaxPackSize {
		return fmt.Errorf("%w: pack %s of %d bytes is larger than any may be", remote.ErrMismatch, pack.Name(p.Name), p.Size)
	}
	if there, err := s.has(pack.Name(p.Name).Path()); err != nil || there {
		return err
	}
	return s.filling(amount{blocks(p.Size), 1}, func() error { return inner.PutPack(ctx, p, open) })
}

// CheckPack needs append, because a damaged pack is moved away to be sent again. It changes nothing of a sound one.
func (s *store) CheckPack(ctx context.Context, name pack.Name) error {
	inner, err := s.allowed(remote.Append)
	if err != nil {
		return err
	}
	err = inner.CheckPack(ctx, name)
	if errors.Is(err, remote.ErrDamaged) {
		s.host.o.Log.Error("a pack is damaged and was moved away", "vault", s.vault.String(), "pack", name.String())
	}
	return err
}

// PackSize needs read. It makes the store an api.Sizer.
func (s *store) PackSize(ctx context.Context, name pack.Name) (int64, error) {
	inner, err := s.allowed(remote.Read)
	if err != nil {
		return 0, err
	}
	st, err := s.host.o.Root.LstatStat(path.Join(vaultDir(s.vault), name.Path()))
	if errors.Is(err, fs.ErrNotExist) || err == nil && st.Type != vfs.Regular {
		if _, err := inner.Info(ctx); err != nil { // there is no store at all
			return 0, err
		}
		return 0, fmt.Errorf("%w: pack %s", remote.ErrNotFound, name)
	}
	return st.Size, err
}

// DeletePack needs delete.
func (s *store) DeletePack(ctx context.Context, name pack.Name) error {
	inner, err := s.allowed(remote.Delete)
	if err != nil {
		return err
	}
	return s.host.locks.hold(ctx, s.vault, func() error { return inner.DeletePack(ctx, name) })
}

// Heads needs read.
func (s *store) Heads(ctx context.Context) ([]refs.Position, error) {
	inner, err := s.allowed(remote.Read)
	if err != nil {
		return nil, err
	}
	return inner.Heads(ctx)
}

// Records needs read.
func (s *store) Records(ctx context.Context, tag refs.Tag, from uint64, each func(data []byte) error) error {
	inner, err := s.allowed(remote.Read)
	if err != nil {
		return err
	}
	return inner.Records(ctx, tag, from, each)
}

// Append needs append. All comparing and writing happens under the vault's lock.
func (s *store) Append(ctx context.Context, records [][]byte, heads []refs.Position) error {
	inner, err := s.allowed(remote.Append)
	if err != nil {
		return err
	}
	return diskFull(s.host.locks.hold(ctx, s.vault, func() error { return s.append(ctx, inner, records, heads) }))
}

func (s *store) append(ctx context.Context, inner *folder.Store, records [][]byte, heads []refs.Position) error {
	fresh, room, err := newRecords(ctx, inner, records)
	if err != nil {
		return err
	}
	count, err := s.countRecords(fresh)
	if err != nil {
		return err
	}
	err = s.filling(amount{bytes: room}, func() error { return inner.Append(ctx, records, heads) })
	if err != nil {
		return err
	}
	return count()
}

// newRecords says how many of the records are not there yet, and what room they take. Whether they are any good is not its
// business: the folder says so.
func newRecords(ctx context.Context, inner *folder.Store, records [][]byte) (fresh, room uint64, err error) {
	heads, err := inner.Heads(ctx)
	if err != nil {
		return 0, 0, err
	}
	for _, data := range records {
		h, _, err := refs.DecodeHeader(data)
		if err != nil {
			continue
		}
		i, known := slices.BinarySearchFunc(heads, h.Tag, func(p refs.Position, t refs.Tag) int { return slices.Compare(p.Tag[:], t[:]) })
		if !known || heads[i].Seq < h.Seq {
			fresh++
			room += blocks(uint64(len(data)))
		}
	}
	return fresh, room, nil
}

// countRecords checks how many records the peer may still add, and gives what notes that it has.
func (s *store) countRecords(fresh uint64) (note func() error, err error) {
	limit := s.limits.RecordsPerHour
	if limit == 0 || fresh == 0 {
		return func() error { return nil }, nil
	}
	acc, now := accountOf(s.host.o.Root, s.peer), s.host.o.Now()
	r, err := acc.rate(s.vault, now)
	if err != nil {
		return nil, err
	}
	if err := r.allow(fresh, limit, now); err != nil {
		return nil, err
	}
	r.Records += fresh
	return func() error { return acc.writeRate(s.vault, r) }, nil
}

// Close gives the store back.
func (s *store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	return s.shelved.giveBack()
}

// allowed checks the permission and gives the store below.
func (s *store) allowed(p remote.Permissions) (*folder.Store, error) {
	if err := s.may(p); err != nil {
		return nil, err
	}
	return s.shelved.get()
}

// has says whether a file of the store is there already. The name must have been checked.
func (s *store) has(name string) (bool, error) {
	st, err := s.host.o.Root.LstatStat(path.Join(vaultDir(s.vault), name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && st.Type == vfs.Regular, err
}

// filling does what fills the room, if there is room.
func (s *store) filling(room amount, do func() error) error {
	r, err := s.reserve(room)
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		r.drop()
		return diskFull(err)
	}
	r.keep()
	return nil
}

// diskFull gives a full disk the name by which clients know it.
func diskFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) && !errors.Is(err, remote.ErrFull) {
		return fmt.Errorf("%w: %w", remote.ErrFull, err)
	}
	return err
}
