package pack

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"evault/internal/vfs"
)

// ErrMismatch says that bytes which arrived under a pack's name are not those: their length or their hash is another.
var ErrMismatch = errors.New("does not fit its name")

// Receive writes a pack that arrives from elsewhere, and gives it its name if its bytes have the length and the hash that
// p says:
//
//	openat(incoming/.tmp-pack-x)  write ...  fsync  close
//	mkdirat(packs), mkdirat(packs/ab) where missing
//	renameat(incoming/.tmp-pack-x, packs/ab/<name>.pack)
//
// The pack is not known for reading before [DB.Adopt], which makes the names durable, once for many packs. A pack that is
// there already is replaced by the same bytes, which heals one that was damaged.
//
// ErrMismatch: length or hash do not fit. Errors of the reader and of the disk are returned as they are. After any error
// nothing of the pack is left; what a crash leaves in incoming/ goes with [SweepIncoming]. The caller holds the
// repository's lock. Several may be received at once; each needs 256 KiB of memory.
func (db *DB) Receive(ctx context.Context, p PackInfo, r io.Reader) error {
	if p.Size < MinPack || p.Size > MaxPack {
		return fmt.Errorf("pack %s of %d bytes: %w", p.Name, p.Size, ErrMismatch)
	}
	if err := db.makeDirIn(incomingDir); err != nil {
		return err
	}
	var random [12]byte
	rand.Read(random[:]) // never fails: it ends the process instead
	temp := path.Join(incomingDir, tempPrefix+hex.EncodeToString(random[:]))
	f, err := db.store.OpenHandle(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = db.copyPack(ctx, p, f, r)
	if err == nil {
		err = f.Sync()
	}
	// A failed Sync fails again in Close: one of the two says it all.
	if failed := f.Close(); err == nil {
		err = failed
	}
	if err == nil {
		err = db.place(p.Name, temp)
	}
	if err == nil {
		return nil
	}
	if failed := db.store.Remove(temp); failed != nil && !errors.Is(failed, fs.ErrNotExist) {
		return errors.Join(err, failed)
	}
	return err
}

// copyPack writes what the reader gives, hashing on the way, and checks it.
func (db *DB) copyPack(ctx context.Context, p PackInfo, f vfs.File, r io.Reader) error {
	b := db.scratch.get()
	defer db.scratch.put(b)
	b.sealed = resize(b.sealed, hashBuffer)
	sum := sha256.New()
	left := p.Size
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		// One byte more than is expected, to notice that there are more.
		n, err := r.Read(b.sealed[:min(left+1, hashBuffer)])
		if int64(n) > left {
			return fmt.Errorf("pack %s: %w: longer than %d bytes", p.Name, ErrMismatch, p.Size)
		}
		left -= int64(n)
		sum.Write(b.sealed[:n]) // a hash.Hash never returns an error
		if n > 0 {
			if _, err := f.Write(b.sealed[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF { // this very value is the end; a wrapped one is an error
			break
		}
		if err != nil {
			return err
		}
	}
	if left > 0 {
		return fmt.Errorf("pack %s: %w: %d bytes less than %d", p.Name, ErrMismatch, left, p.Size)
	}
	if got := Name(sum.Sum(nil)); got != p.Name {
		return fmt.Errorf("pack %s: %w: its bytes have the hash %s", p.Name, ErrMismatch, got)
	}
	return nil
}

// place gives a pack that is complete its name. What was open of one that it replaces is let go: that may be damaged.
func (db *DB) place(name Name, temp string) error {
	for _, dir := range [...]string{packsDir, name.dir()} {
		if err := db.makeDirIn(dir); err != nil {
			return err
		}
	}
	_, err := db.readers.drop(name)
	db.cache.dropPack(name)
	if err != nil {
		return err
	}
	db.trials.forget(name)
	return db.store.Rename(temp, name.Path())
}

func (db *DB) makeDirIn(dir string) error {
	if err := db.store.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Adopt makes received packs known for reading. Each directory is synced once, and the store's own if these are its first
// packs:
//
//	fsync(.), fsync(packs), fsync(packs/ab) ...
//	the local index, which is a cache and is not synced
//
// Only their hashes were checked, so they are unverified ([DB.Unverified]): what is in them can be read, because every ID is
// recomputed, but a commit leaves nothing out because of them before they are verified. A pack that was adopted before is
// passed over. For each whose own index cannot be read there is a [DamagedError] or [ErrNewer] in the joined error; the
// others are known all the same. The caller holds the repository's lock.
func (db *DB) Adopt(ctx context.Context, names []Name) error {
	db.set.writing.Lock()
	defer db.set.writing.Unlock()
	if len(names) == 0 {
		return nil
	}
	if db.set.empty() {
		if err := db.store.SyncDir("."); err != nil {
			return err
		}
	}
	// Also of those that are known: they may have been received again.
	if err := db.syncPackDirs(names); err != nil {
		return err
	}
	var batch packRecords
	var unreadable []error
	for _, name := range db.set.revive(names) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := db.readRecords(knownPack{name: name}, &batch); err != nil {
			unreadable = append(unreadable, err)
		}
		if len(batch.records) >= reindexBatch {
			if err := db.insertRecords(&batch); err != nil {
				return err
			}
		}
	}
	return errors.Join(db.insertRecords(&batch), errors.Join(unreadable...))
}
