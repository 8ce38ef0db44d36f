package host

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"
	"time"

	"evault/internal/vfs"
	"evault/keys"
	"evault/remote"
)

const (
	// blockSize is what space is counted in: a small file takes as much of a disk.
	blockSize = 4096
	// vaultSize is what a vault counts for beside its files: the folders that it consists of.
	vaultSize = 16 * blockSize
	// recountAfter is how long a count is believed. Other processes may be writing to the same root.
	recountAfter = 2 * time.Second
)

// blocks rounds a size up to what it takes on a disk.
func blocks(n uint64) uint64 { return (n + blockSize - 1) / blockSize * blockSize }

// amount is how much lies somewhere: bytes in blocks, and packs.
type amount struct{ bytes, packs uint64 }

func (a *amount) add(b amount) {
	a.bytes += b.bytes
	a.packs += b.packs
}

func (a *amount) sub(b amount) {
	a.bytes -= min(a.bytes, b.bytes)
	a.packs -= min(a.packs, b.packs)
}

// usage knows how much each vault has on the disk. It looks at the disk, so that a restart or another process makes no
// difference, and only at folders that have changed since it looked last, so that it is quick. What is on its way is
// reserved, so that uploads side by side do not overrun a quota; those of another process are not known until they are
// there. It is safe for concurrent use.
type usage struct {
	root vfs.FS
	now  func() time.Time

	mu     sync.Mutex
	vaults map[keys.VaultID]*vaultUsage
}

type vaultUsage struct {
	dirs     map[string]*dirUsage // by path from the store
	total    amount
	counted  time.Time
	reserved amount
}

// dirUsage is what was found in one folder.
type dirUsage struct {
	mtime  vfs.Time
	recent bool // it had just changed, and may have changed again without its time showing it
	files  amount
	dirs   []string
}

func newUsage(root vfs.FS, now func() time.Time) *usage {
	return &usage{root: root, now: now, vaults: map[keys.VaultID]*vaultUsage{}}
}

// reservation is room that was asked for and is not filled yet.
type reservation struct {
	usage *usage
	of    *vaultUsage
	room  amount
}

// keep turns the room into what is there; drop gives it back. Either ends the reservation.
func (r *reservation) keep() { r.end(true) }
func (r *reservation) drop() { r.end(false) }

func (r *reservation) end(stored bool) {
	if r == nil || r.of == nil {
		return
	}
	r.usage.mu.Lock()
	defer r.usage.mu.Unlock()
	r.of.reserved.sub(r.room)
	if stored {
		r.of.total.add(r.room)
	}
	r.of = nil
}

// reserve takes room in a vault if all of the vaults together stay within the limits; remote.ErrQuota if they do not.
func (u *usage) reserve(l Limits, vault keys.VaultID, together []keys.VaultID, room amount) (*reservation, error) {
	if l.Quota == 0 && l.Packs == 0 {
		return nil, nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	used, err := u.sum(together, recountAfter)
	if err == nil && l.exceeded(used, room) { // by an old count, perhaps
		used, err = u.sum(together, 0)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case l.Quota > 0 && used.bytes+room.bytes > uint64(l.Quota):
		return nil, fmt.Errorf("%w: %s of %s are used, and %s more do not fit",
			remote.ErrQuota, about(used.bytes), about(uint64(l.Quota)), about(room.bytes))
	case l.exceeded(used, room):
		return nil, fmt.Errorf("%w: there are %d of %d packs", remote.ErrQuota, used.packs, l.Packs)
	}
	v := u.vaults[vault]
	v.reserved.add(room)
	return &reservation{u, v, room}, nil
}

// exceeded says whether more is too much.
func (l *Limits) exceeded(used, more amount) bool {
	return l.Quota > 0 && used.bytes+more.bytes > uint64(l.Quota) ||
		l.Packs > 0 && more.packs > 0 && used.packs+more.packs > l.Packs
}

// of says how much vaults use together.
func (u *usage) of(vaults []keys.VaultID) (amount, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.sum(vaults, recountAfter)
}

// sum adds up vaults, with what is reserved, by counts of at most that age.
func (u *usage) sum(vaults []keys.VaultID, age time.Duration) (sum amount, err error) {
	for _, id := range vaults {
		v := u.vaults[id]
		if v == nil {
			v = &vaultUsage{dirs: map[string]*dirUsage{}}
			u.vaults[id] = v
		}
		now := u.now()
		if since := now.Sub(v.counted); v.counted.IsZero() || since >= age || since < 0 {
			if err := u.count(id, v); err != nil {
				return amount{}, fmt.Errorf("counting what vault %s uses: %w", id, err)
			}
			v.counted = now
		}
		sum.add(v.total)
		sum.add(v.reserved)
	}
	return sum, nil
}

// count looks at the disk. What was damaged or is on its way is not counted against anybody.
func (u *usage) count(id keys.VaultID, v *vaultUsage) error {
	total := amount{}
	seen := make(map[string]*dirUsage, len(v.dirs))
	pending := []string{"packs", "logs", "roster", "keyring", "slots"}
	for len(pending) > 0 {
		name := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		d, err := u.countDir(path.Join(vaultDir(id), name), strings.HasPrefix(name, "packs"), v.dirs[name])
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		seen[name] = d
		total.add(d.files)
		for _, sub := range d.dirs {
			pending = append(pending, name+"/"+sub)
		}
	}
	if _, err := u.root.LstatStat(vaultDir(id)); err == nil {
		total.bytes += vaultSize
	}
	v.dirs, v.total = seen, total
	return nil
}

// countDir looks into one folder if it has changed since old, what it held before.
func (u *usage) countDir(name string, packs bool, old *dirUsage) (*dirUsage, error) {
	st, err := u.root.LstatStat(name)
	if err != nil || st.Type != vfs.Directory {
		return &dirUsage{}, err
	}
	if old != nil && !old.recent && old.mtime == st.Mtime {
		return old, nil
	}
	names, err := namesIn(u.root, name)
	if err != nil {
		return nil, err
	}
	age := time.Since(st.Mtime.Time()).Abs()
	d := &dirUsage{mtime: st.Mtime, recent: age < 2*time.Second}
	for _, n := range names {
		if strings.HasPrefix(n.Name, vfs.TempPrefix) {
			continue
		}
		st, err := u.root.LstatStat(path.Join(name, n.Name))
		switch {
		case errors.Is(err, fs.ErrNotExist): // removed just now
		case err != nil:
			return nil, err
		case st.Type == vfs.Directory:
			d.dirs = append(d.dirs, n.Name)
		default:
			d.files.bytes += blocks(uint64(max(st.Size, 0)))
			if packs {
				d.files.packs++
			}
		}
	}
	return d, nil
}
