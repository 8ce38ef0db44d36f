package pack

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path"

	"evault/internal/vfs"
	"evault/keys"
	"evault/objects"
)

// packWriter writes one pack to a temporary file in incoming/. One goroutine at a time may use it. The calling
// sequence is
//
//	newPackWriter, fits and append for each frame, finish     (then publish)
//	newPackWriter ..., discard
type packWriter struct {
	store  vfs.FS
	temp   string // path of the temporary file, until published
	file   vfs.File
	salt   [saltSize]byte
	sealer *keys.Sealer
	hash   hash.Hash // of all bytes written
	off    int64
	idx    index
	number uint32 // in the session

	sealed, check []byte // reused from frame to frame
	name          Name   // set by finish
	size          int64  // set by finish
}

func newPackWriter(store vfs.FS, v *keys.Vault, number uint32) (*packWriter, error) {
	var h header
	h.epoch = v.Epoch()
	rand.Read(h.salt[:]) // never fails: it ends the process instead
	sealer, err := v.PackSealer(h.epoch, h.salt)
	if err != nil {
		return nil, fmt.Errorf("epoch %d: %w", h.epoch, err)
	}
	p := &packWriter{store: store, salt: h.salt, sealer: sealer, hash: sha256.New(), number: number}
	if err := p.create(); err != nil {
		return nil, err
	}
	if err := p.write(h.append(nil)); err != nil {
		return nil, errors.Join(err, p.discard())
	}
	return p, nil
}

// tempPrefix begins the name of every unfinished pack.
const tempPrefix = vfs.TempPrefix + "pack-"

func (p *packWriter) create() error {
	if err := p.store.Mkdir(incomingDir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	var random [12]byte
	rand.Read(random[:])
	p.temp = path.Join(incomingDir, tempPrefix+hex.EncodeToString(random[:]))
	var err error
	p.file, err = p.store.OpenHandle(p.temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	return err
}

func (p *packWriter) write(data []byte) error {
	if _, err := p.file.Write(data); err != nil {
		return err
	}
	p.hash.Write(data) // a hash.Hash never returns an error
	p.off += int64(len(data))
	return nil
}

// fits reports whether a frame, given by the length of its plaintext and the number of its objects, can be appended
// without making the pack longer than its target. An empty pack takes every frame.
func (p *packWriter) fits(packed, objects int) bool {
	if len(p.idx.frames) == 0 {
		return true
	}
	if len(p.idx.frames) == MaxFrames {
		return false
	}
	frame := int64(frameHead + packed + tagSize)
	return p.off+frame+p.idx.sizeBound(objects)+keys.CommittedOverhead+trailerSize <= TargetPack
}

// append seals a frame, checks by opening it that it holds what it should, and writes it.
func (p *packWriter) append(class Class, packed []byte, ids []objects.ID) error {
	p.sealed = sealFrame(p.sealer, p.sealed, packed, class, p.off)
	var err error
	if p.check, err = checkFrame(p.sealer, p.check, p.sealed, packed, class, p.off); err != nil {
		return err
	}
	p.idx.add(class, len(p.sealed), ids)
	return p.write(p.sealed)
}

// finish writes what follows the frames, syncs and closes the file. If it fails the pack must be discarded.
func (p *packWriter) finish() error {
	p.sealed, p.check = nil, nil
	if err := p.writeEnd(); err != nil {
		return err
	}
	if err := p.file.Sync(); err != nil {
		return err
	}
	p.name, p.size = Name(p.hash.Sum(nil)), p.off
	f := p.file
	p.file = nil
	return f.Close()
}

// writeEnd writes padding, index and trailer.
func (p *packWriter) writeEnd() error {
	plain := p.idx.append(nil)
	indexSize := len(plain) + keys.CommittedOverhead
	size := padme(p.off + int64(indexSize) + trailerSize)
	if size > MaxPack {
		return fmt.Errorf("pack of %d bytes: %w", size, objects.ErrLimit)
	}
	if err := p.pad(size - trailerSize - int64(indexSize) - p.off); err != nil {
		return err
	}
	t := trailer{indexOff: p.off, indexSize: uint32(indexSize), frames: uint32(len(p.idx.frames)), class: p.idx.class()}
	end := p.sealer.SealCommitted(nil, plain, indexAAD(p.off))
	end = append(end, p.salt[:]...)
	end = p.sealer.SealCommitted(end, t.append(nil), trailerAAD(size))
	if err := p.write(end); err != nil {
		return err
	}
	if p.off != size {
		return fmt.Errorf("pack is %d bytes long and should be %d", p.off, size)
	}
	return nil
}

// pad writes n random bytes: they look like frames.
func (p *packWriter) pad(n int64) error {
	var buf [4096]byte
	for n > 0 {
		part := buf[:min(n, int64(len(buf)))]
		rand.Read(part)
		if err := p.write(part); err != nil {
			return err
		}
		n -= int64(len(part))
	}
	return nil
}

// publish gives the finished pack its name. The directory is there; to sync it is left to the caller.
func (p *packWriter) publish() error {
	if err := p.store.Rename(p.temp, p.name.Path()); err != nil {
		return err
	}
	p.temp = ""
	return nil
}

// discard removes the temporary file, if the pack was not published.
func (p *packWriter) discard() error {
	var errs []error
	if p.file != nil {
		errs = append(errs, p.file.Close())
		p.file = nil
	}
	if p.temp != "" {
		errs = append(errs, p.store.Remove(p.temp))
		p.temp = ""
	}
	return errors.Join(errs...)
}
