package refs

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"evault/internal/vfs"
	"evault/internal/wire"
	"evault/keys"
	"evault/objects"
)

// The fold cache makes opening independent of the length of the logs: it is the fold's state, sealed, with the head of every
// log that it was made from. It is used only if those heads are still there, and continued by what follows them. It holds
// nothing that the logs do not say, so it is written without fsync, and whatever is wrong with it costs a full fold.
const (
	cacheName    = "fold"
	cacheNew     = "fold.new" // one writer at a time, so a fixed name, and a crash leaves one file at most
	cacheVersion = 1
	maxCache     = 256 << 20
)

// cacheKey is what a cache is good for: other rosters may accept other records.
type cacheKey struct {
	store  StoreID
	roster [32]byte // the newest, or, in a conflict or if packs were asked for, a hash that says so
}

func newCacheKey(o *Options, packs bool) cacheKey {
	heads := o.Vault.RosterHeads()
	if len(heads) == 1 && !packs {
		return cacheKey{o.StoreID, o.Vault.RosterHash()}
	}
	b := fmt.Appendf(nil, "packs %t", packs)
	var hashes [][32]byte
	for _, h := range heads {
		hashes = append(hashes, h.Hash())
	}
	slices.SortFunc(hashes, func(x, y [32]byte) int { return bytes.Compare(x[:], y[:]) })
	for i := range hashes {
		b = append(b, hashes[i][:]...)
	}
	return cacheKey{o.StoreID, sha256.Sum256(b)}
}

func (k cacheKey) aad() []byte {
	b := append([]byte(nil), cacheVersion)
	b = append(b, k.store[:]...)
	return append(b, k.roster[:]...)
}

// readCache gives the stored fold, nil if there is none that fits.
func readCache(local vfs.FS, s *keys.Sealer, k cacheKey) (*fold, error) {
	sealed, err := readNamed(local, cacheName, maxCache)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	plain, err := s.Open(make([]byte, 0, len(sealed)), sealed, k.aad())
	if err != nil {
		return nil, nil // of another store or roster, or torn: not worth a word
	}
	return decodeFold(plain)
}

// writeCache replaces the stored fold.
func writeCache(local vfs.FS, s *keys.Sealer, k cacheKey, f *fold) error {
	sealed := s.Seal(nil, f.append(nil), k.aad())
	t, err := local.OpenHandle(cacheNew, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = t.Write(sealed)
	if err := errors.Join(err, t.Close()); err != nil {
		return err
	}
	return local.Rename(cacheNew, cacheName)
}

// append encodes the state.
func (f *fold) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(f.logs)))
	for _, l := range f.logs {
		b = append(b, l.tag[:]...)
		b = binary.AppendUvarint(b, l.count)
		b = append(b, l.tip[:]...)
		b = binary.AppendUvarint(b, uint64(len(l.past)))
		for _, n := range l.past {
			b = binary.AppendUvarint(b, n)
		}
		b = appendPositions(b, l.seen)
		b = append(b, l.device[:]...)
		b = append(b, l.clone[:]...)
		b = appendHead(b, l.head)
		b = wire.AppendTime(b, l.time.Sec, l.time.Nsec)
	}
	b = binary.AppendUvarint(b, uint64(len(f.dots)))
	for name, dots := range f.dots {
		b = wire.AppendText(b, name)
		b = binary.AppendUvarint(b, uint64(len(dots)))
		for _, d := range dots {
			b = binary.AppendUvarint(b, uint64(d.log))
			b = binary.AppendUvarint(b, d.seq)
			b = append(b, d.id[:]...)
		}
	}
	return b
}

// decodeFold reads what append writes. The order of refs is free, so this is not a canonical form; nobody but this program
// reads it.
func decodeFold(data []byte) (*fold, error) {
	d := newDecoder(data)
	f := newFold()
	for range d.count(32+1+32, "logs") {
		l, _ := f.log(d.Array32("tag"))
		l.count = d.Uvarint(1<<62, "count")
		l.first = l.count
		l.tip = d.Array32("tip")
		l.past = make(vector, d.count(1, "past"))
		for i := range l.past {
			l.past[i] = d.Uvarint(1<<62, "past")
		}
		l.seen = d.positions("seen")
		l.device = d.Array32("device")
		d.Fill(l.clone[:], "clone")
		l.head = d.head("head")
		l.time = d.time("time")
	}
	for range d.count(3, "refs") {
		name := d.refName("ref")
		dots := make([]dot, d.count(34, "dots"))
		for i := range dots {
			dots[i].log = int(d.Uvarint(MaxLogs, "log"))
			dots[i].seq = d.Uvarint(1<<62, "sequence")
			dots[i].id = objects.ID(d.Array32("ID"))
			if dots[i].log >= len(f.logs) {
				d.fail(ErrDamaged, "a ref of no log")
			}
		}
		f.dots[name] = dots
	}
	if err := d.End("fold"); err != nil {
		return nil, fmt.Errorf("fold cache: %w", err)
	}
	return f, nil
}
