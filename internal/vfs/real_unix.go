//go:build unix

package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"syscall"

	"golang.org/x/sys/unix"
)

// statOfInfo reads what os found out.
func statOfInfo(fi fs.FileInfo) Stat {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return Stat{Type: TypeOf(fi.Mode()), Perm: PermOf(fi.Mode()), Size: fi.Size(), Mtime: TimeOf(fi.ModTime()), Blocks: -1}
	}
	return Stat{
		Type:   typeOfMode(uint32(st.Mode)),
		Perm:   uint32(st.Mode) & 0o7777,
		Size:   st.Size,
		Mtime:  TimeOf(fi.ModTime()),
		Ctime:  ctimeOf(st),
		Dev:    uint64(st.Dev),
		Ino:    st.Ino,
		Nlink:  uint64(st.Nlink),
		Rdev:   uint64(st.Rdev),
		UID:    st.Uid,
		GID:    st.Gid,
		Blocks: st.Blocks,
	}
}

// typeOfMode reads the type from the mode word of stat.
func typeOfMode(mode uint32) Type {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return Regular
	case unix.S_IFDIR:
		return Directory
	case unix.S_IFLNK:
		return Symlink
	case unix.S_IFIFO:
		return Fifo
	case unix.S_IFCHR:
		return CharDevice
	case unix.S_IFBLK:
		return BlockDevice
	case unix.S_IFSOCK:
		return Socket
	}
	return Other
}

// openParent opens the directory that holds the last component of name, and gives that component.
func (r *realFS) openParent(op, name string) (*unixDir, string, error) {
	c, err := CleanName(op, name)
	if err != nil {
		return nil, "", err
	}
	d, err := r.openFollowing(path.Dir(c))
	if err != nil {
		return nil, "", err
	}
	return d.(*unixDir), path.Base(c), nil
}

// openFollowing opens a directory through os.Root, which follows links that stay inside.
func (r *realFS) openFollowing(name string) (d Dir, err error) {
	err = onName("open", name, func(c string) error {
		f, err := r.root.OpenFile(c, os.O_RDONLY|unix.O_DIRECTORY, 0)
		if err != nil {
			return err
		}
		d = &unixDir{fd: int(f.Fd()), keep: f, name: name, bufs: r.dirs}
		return nil
	})
	return d, err
}

func (r *realFS) OpenDir(name string) (Dir, error) {
	c, err := CleanName("open", name)
	if err != nil {
		return nil, err
	}
	if c == "." {
		return r.openFollowing(c)
	}
	parent, base, err := r.openParent("open", c)
	if err != nil {
		return nil, err
	}
	d, err := parent.OpenDir(base)
	if err := errors.Join(err, parent.Close()); err != nil {
		return nil, err
	}
	return d, nil
}

func (r *realFS) SyncDir(name string) error {
	d, err := r.openFollowing(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (r *realFS) RenameNoReplace(oldname, newname string) error {
	from, oldbase, err := r.openParent("rename", oldname)
	if err != nil {
		return err
	}
	to, newbase, err := r.openParent("rename", newname)
	if err != nil {
		return errors.Join(err, from.Close())
	}
	err = retry(func() error { return renameNoReplace(from.fd, oldbase, to.fd, newbase) })
	if err != nil {
		err = &os.LinkError{Op: "rename", Old: oldname, New: newname, Err: err}
	}
	return errors.Join(err, from.Close(), to.Close())
}

// linkThenUnlink renames without replacing on filesystems that have no such call.
func linkThenUnlink(fromfd int, oldname string, tofd int, newname string) error {
	if err := unix.Linkat(fromfd, oldname, tofd, newname, 0); err != nil {
		return err
	}
	return unix.Unlinkat(fromfd, oldname, 0)
}

// retry repeats a system call that a signal interrupted.
func retry(f func() error) error {
	for {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
}
