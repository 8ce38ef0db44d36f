package folder

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"evault/internal/vfs"
)

// arrival is a file on its way into the store, in incoming/.
type arrival struct {
	vfs.File
	p    *place
	name string
	open bool // it has to be closed
	gone bool // it has its final name, or was removed
}

// receive begins one. Exactly one of publish and drop ends it; drop after publish does nothing.
func (p *place) receive() (*arrival, error) {
	if err := p.ensureDir(incomingDir); err != nil {
		return nil, err
	}
	var random [12]byte
	rand.Read(random[:]) // never fails: it ends the process instead
	name := incomingDir + "/" + vfs.TempPrefix + hex.EncodeToString(random[:])
	f, err := p.fs.OpenHandle(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, filePerm)
	if err != nil {
		return nil, err
	}
	return &arrival{File: f, p: p, name: name, open: true}, nil
}

// receiveData begins one that is a whole small file, and makes its contents durable.
func (p *place) receiveData(data []byte) (*arrival, error) {
	a, err := p.receive()
	if err != nil {
		return nil, err
	}
	if _, err := a.Write(data); err != nil {
		return nil, errors.Join(err, a.drop())
	}
	if err := a.settle(); err != nil {
		return nil, errors.Join(err, a.drop())
	}
	return a, nil
}

// settle makes the contents durable and closes the file.
func (a *arrival) settle() error {
	if err := a.Sync(); err != nil {
		return err
	}
	a.open = false
	return a.Close()
}

// publish gives a settled file its name, replacing what has it, and makes the name durable.
func (a *arrival) publish(dir, name string) error {
	return a.rename(a.p.fs.Rename, dir, name)
}

// publishNew is publish but never replaces: fs.ErrExist.
func (a *arrival) publishNew(dir, name string) error {
	return a.rename(a.p.renameNew, dir, name)
}

func (a *arrival) rename(rename func(string, string) error, dir, name string) error {
	if err := rename(a.name, dir+"/"+name); err != nil {
		return err
	}
	a.gone = true
	return a.p.fs.SyncDir(dir)
}

// drop closes and removes the file, unless it has its name.
func (a *arrival) drop() error {
	var errs []error
	if a.open {
		a.open = false
		errs = append(errs, a.Close())
	}
	if !a.gone {
		a.gone = true
		// A renaming that reported failure may have happened.
		if err := a.p.fs.Remove(a.name); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// renameNew renames without replacing. There are filesystems on USB disks that know neither such a call nor hard links
// (exFAT under macOS); of those no two machines use one at once, so that a lock of this machine and a look are enough.
func (p *place) renameNew(oldname, newname string) (err error) {
	err = p.fs.RenameNoReplace(oldname, newname)
	if err == nil || !cannotLink(err) {
		return err
	}
	lock, lockErr := p.fs.Lock(incomingDir + "/lock")
	if lockErr != nil {
		return errors.Join(err, lockErr)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if _, err := p.fs.LstatStat(newname); err == nil {
		return &fs.PathError{Op: "rename", Path: newname, Err: fs.ErrExist}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return p.fs.Rename(oldname, newname)
}

// cannotLink tells what systems answer whose filesystem has no hard links.
func cannotLink(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EPERM)
}

// staleAfter is how long ago an arriving file was last written to when nobody can be writing it any more.
const staleAfter = 24 * time.Hour

// sweep removes what crashes have left in incoming/, once for each opening of the place. What cannot be removed takes room
// and does no other harm, so that it keeps nobody from storing.
func (p *place) sweep() {
	if p.swept.Swap(true) {
		return
	}
	d, err := p.openDir(incomingDir)
	if err != nil {
		return
	}
	defer d.Close()
	names, err := d.ReadNames(nil)
	if err != nil {
		return
	}
	limit := vfs.TimeOf(p.now().Add(-staleAfter))
	for _, n := range names {
		var st vfs.Stat
		if strings.HasPrefix(n.Name, vfs.TempPrefix) && d.Lstat(n.Name, &st) == nil && st.Type == vfs.Regular && st.Mtime.Before(limit) {
			_ = d.Remove(n.Name)
		}
	}
}
