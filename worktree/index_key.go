package worktree

import "evault/internal/vfs"

// StatKey is what must be equal for a file to be taken as unchanged without reading it. Two keys are compared with ==.
// The zero StatKey belongs to no file: an entry that carries it is always read.
//
// The time of change (ctime) does most of the work: no program can set it, so a file whose ctime and inode are the same
// has not been written to, unless within the same tick of the clock. That is what [IndexWriter] calls racy.
type StatKey struct {
	Type     vfs.Type
	Perm     uint32 // 07777
	UID, GID uint32
	Size     int64
	Mtime    vfs.Time
	Ctime    vfs.Time
	Dev, Ino uint64
}

// KeyOf takes the key out of a stat.
func KeyOf(st *vfs.Stat) StatKey {
	return StatKey{
		Type: st.Type, Perm: st.Perm, UID: st.UID, GID: st.GID, Size: st.Size,
		Mtime: st.Mtime, Ctime: st.Ctime, Dev: st.Dev, Ino: st.Ino,
	}
}

// IsZero reports whether the key belongs to no file.
func (k *StatKey) IsZero() bool { return k.Type == vfs.TypeUnknown }

// Matches reports whether st is the file of the key, unchanged. It is k == KeyOf(st) without the copy.
func (k *StatKey) Matches(st *vfs.Stat) bool {
	return k.Ctime == st.Ctime && k.Mtime == st.Mtime && k.Size == st.Size && k.Ino == st.Ino &&
		k.Type == st.Type && k.Perm == st.Perm && k.UID == st.UID && k.GID == st.GID && k.Dev == st.Dev
}

// Tick lengths of file systems' clocks, in nanoseconds. Linux stamps files with the clock of its last timer interrupt,
// up to 10 ms old. File systems that keep no fractions of a second may keep only even seconds (FAT).
const (
	fineTick   = 20e6
	coarseTick = 2e9
)

// racy reports whether a file with this key could have been changed after it was looked at, at asOf or later, without
// its key changing: the last change lies within one tick of asOf. (git: "racy git", Documentation/technical.)
// Where there is a ctime it alone decides, since a write always moves it; an mtime in the future, as archives may
// carry, then costs nothing.
func (k *StatKey) racy(asOf vfs.Time) bool {
	last := k.Ctime
	if last == (vfs.Time{}) {
		last = k.Mtime
	}
	tick := int64(fineTick)
	if k.Ctime.Nsec == 0 && k.Mtime.Nsec == 0 {
		tick = coarseTick
	}
	return !addNanos(last, tick).Before(asOf)
}

func addNanos(t vfs.Time, n int64) vfs.Time {
	n += int64(t.Nsec)
	return vfs.Time{Sec: t.Sec + n/1e9, Nsec: uint32(n % 1e9)}
}
