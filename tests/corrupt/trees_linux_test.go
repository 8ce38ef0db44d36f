package corrupt

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"evault/repo"
)

func hashFile(t testing.TB, full string) string {
	t.Helper()
	f, err := os.Open(full)
	must(t, err)
	h := sha256.New()
	_, err = io.Copy(h, f)
	must(t, err)
	must(t, f.Close())
	return fmt.Sprintf("%x", h.Sum(nil))
}

// change makes the next version: the first from nothing, later ones by a few edits, now and then of everything.
func (w *workshop) change(version int) {
	w.t.Helper()
	if version > 0 && w.random.IntN(6) > 0 {
		for range 1 + w.random.IntN(8) {
			w.edit()
		}
	} else {
		for _, name := range namesIn(w.t, w.work()) {
			if name != repo.VaultDir {
				must(w.t, os.RemoveAll(filepath.Join(w.work(), name)))
			}
		}
		for range 3 + w.random.IntN(25) {
			w.create(w.anyDir())
		}
	}
	w.dress()
}

// paths lists everything below the work tree, folders before what is in them.
func (w *workshop) paths(dirsOnly bool) []string {
	var all []string
	var walk func(dir string)
	walk = func(dir string) {
		for _, name := range namesIn(w.t, dir) {
			full := filepath.Join(dir, name)
			if full == filepath.Join(w.work(), repo.VaultDir) {
				continue
			}
			info, err := os.Lstat(full)
			must(w.t, err)
			if info.IsDir() || !dirsOnly {
				all = append(all, full)
			}
			if info.IsDir() {
				must(w.t, os.Chmod(full, 0o755)) // dress gives it another mode again
				walk(full)
			}
		}
	}
	walk(w.work())
	return all
}

func (w *workshop) anyDir() string {
	dirs := append(w.paths(true), w.work())
	return dirs[w.random.IntN(len(dirs))]
}

// name gives a name that is not taken.
func (w *workshop) name() string {
	w.serial++
	odd := []string{"plain", "-rf", "--help", "new\nline", "tab\t", " space ", "\xff\xfe\x80", "e\u0301", "\u00e9", "\u202erecto", "a\\b", "c:d",
		"*?[x]", "\"quoted'", "\x01\x1b[31m", "日本語", "\U0001f512", "trailing.", "trailing ", "CON", "~", "$HOME", "%s%n", "..x", "...", ".hidden",
		strings.Repeat("n", 240), strings.Repeat("é", 120), "evault", "nul.txt", "\r", "#", ";rm", "A", "a"}
	return fmt.Sprintf("%s%d", odd[w.random.IntN(len(odd))], w.serial)
}

func (w *workshop) bytes(n int) []byte {
	b := make([]byte, n)
	if w.random.IntN(3) == 0 {
		return []byte(strings.Repeat("text that compresses\n", n/21+1))[:n]
	}
	for i := 0; i+8 <= n; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], w.random.Uint64())
	}
	return b
}

// size favours the limits of storing: nothing, inline, one chunk, several.
func (w *workshop) size() int {
	sizes := []int{0, 1, 63, 64, 65, 100, 512, 1000, 4095, 4096, 4097, 65535, 65536, 65537, 100_000, 300_000}
	if w.random.IntN(60) == 0 {
		return 1<<20 + w.random.IntN(3<<20)
	}
	return sizes[w.random.IntN(len(sizes))]
}

func (w *workshop) create(dir string) {
	w.t.Helper()
	full := filepath.Join(dir, w.name())
	root := os.Geteuid() == 0
	switch k := w.random.IntN(24); {
	case k < 6:
		must(w.t, os.Mkdir(full, 0o755))
	case k < 8:
		targets := []string{"nowhere", ".", "..", filepath.Base(full), "/etc/passwd", "../../../../etc", strings.Repeat("x/", 900), "\xff", "a\nb"}
		must(w.t, os.Symlink(targets[w.random.IntN(len(targets))], full))
	case k == 8:
		must(w.t, unix.Mkfifo(full, 0o644))
	case k == 9 && root:
		must(w.t, unix.Mknod(full, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))))
	case k == 10 && root:
		must(w.t, unix.Mknod(full, unix.S_IFBLK|0o600, int(unix.Mkdev(259, 70000))))
	case k == 11:
		w.sparse(full)
	case k == 12:
		if old := w.anyFile(); old != "" {
			must(w.t, unix.Linkat(unix.AT_FDCWD, old, unix.AT_FDCWD, full, 0))
		}
	default:
		must(w.t, os.WriteFile(full, w.bytes(w.size()), 0o644))
	}
}

// sparse makes a file of holes and data.
func (w *workshop) sparse(full string) {
	f, err := os.Create(full)
	must(w.t, err)
	must(w.t, f.Truncate(int64(w.random.IntN(8<<20))))
	for range w.random.IntN(4) {
		_, err := f.WriteAt(w.bytes(1+w.random.IntN(10_000)), int64(w.random.IntN(8<<20)))
		must(w.t, err)
	}
	must(w.t, f.Close())
}

// anyFile gives something that may have a second name; empty if there is nothing.
func (w *workshop) anyFile() string {
	var all []string
	for _, p := range w.paths(false) {
		if info, err := os.Lstat(p); err == nil && !info.IsDir() {
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return all[w.random.IntN(len(all))]
}

// edit changes one thing.
func (w *workshop) edit() {
	w.t.Helper()
	all := w.paths(false)
	if len(all) == 0 || w.random.IntN(3) == 0 {
		w.create(w.anyDir())
		return
	}
	p := all[w.random.IntN(len(all))]
	info, err := os.Lstat(p)
	must(w.t, err)
	switch k := w.random.IntN(5); {
	case k == 0:
		must(w.t, os.RemoveAll(p))
	case k == 1: // another kind of thing under the same name
		must(w.t, os.RemoveAll(p))
		if info.IsDir() {
			must(w.t, os.WriteFile(p, w.bytes(100), 0o644))
		} else {
			must(w.t, os.Mkdir(p, 0o755))
			w.create(p)
		}
	case k == 2:
		must(w.t, os.Rename(p, filepath.Join(filepath.Dir(p), w.name())))
	case info.Mode().IsRegular():
		w.rewrite(p, info.Size())
	}
}

// rewrite changes a few bytes in place, or the length.
func (w *workshop) rewrite(p string, size int64) {
	must(w.t, os.Chmod(p, 0o644))
	f, err := os.OpenFile(p, os.O_WRONLY, 0)
	must(w.t, err)
	if w.random.IntN(3) == 0 {
		must(w.t, f.Truncate(size/2))
	} else {
		_, err = f.WriteAt(w.bytes(1+w.random.IntN(200)), w.random.Int64N(size+1))
		must(w.t, err)
	}
	must(w.t, f.Close())
}

// dress gives everything owners, attributes, modes and times, innermost first, because each changes the folder above.
func (w *workshop) dress() {
	w.t.Helper()
	all := w.paths(false)
	for i := len(all) - 1; i >= 0; i-- {
		w.dressOne(all[i])
	}
}

func (w *workshop) dressOne(p string) {
	w.t.Helper()
	info, err := os.Lstat(p)
	must(w.t, err)
	link, root := info.Mode()&os.ModeSymlink != 0, os.Geteuid() == 0
	if root && w.random.IntN(4) == 0 {
		must(w.t, os.Lchown(p, w.random.IntN(70_000), w.random.IntN(70_000)))
	}
	if !link {
		w.attribute(p, info)
		must(w.t, unix.Chmod(p, w.mode(info.IsDir())))
	}
	second := w.random.Int64N(1<<33) - 1<<31 // 1901 to 2174
	when := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: second, Nsec: w.random.Int64N(1e9)}}
	must(w.t, unix.UtimesNanoAt(unix.AT_FDCWD, p, when, unix.AT_SYMLINK_NOFOLLOW))
}

func (w *workshop) mode(dir bool) uint32 {
	modes := []uint32{0o644, 0o600, 0o755, 0o444, 0o4755, 0o2755, 0o6711, 0o1644, 0o640, 0o777}
	if dir {
		modes = []uint32{0o755, 0o700, 0o555, 0o2775, 0o1777}
	}
	if os.Geteuid() == 0 { // others could not read them back
		modes = append(modes, 0, 0o111)
	}
	return modes[w.random.IntN(len(modes))]
}

// attribute sets extended attributes and access lists where the filesystem has them.
func (w *workshop) attribute(p string, info os.FileInfo) {
	if !info.Mode().IsRegular() && !info.IsDir() {
		return
	}
	if w.random.IntN(5) == 0 {
		for range 1 + w.random.IntN(3) {
			_ = unix.Lsetxattr(p, fmt.Sprintf("user.%d", w.random.IntN(5)), w.bytes(w.random.IntN(200)), 0) // or there are none
		}
	}
	if w.random.IntN(10) == 0 {
		_ = unix.Lsetxattr(p, "system.posix_acl_access", accessList(), 0)
	}
	if info.IsDir() && w.random.IntN(10) == 0 {
		_ = unix.Lsetxattr(p, "system.posix_acl_default", accessList(), 0)
	}
}

// accessList is what acl(5) calls u::rw-,u:1234:r--,g::r--,m::r--,o::---, as the kernel stores it.
func accessList() []byte {
	b := []byte{2, 0, 0, 0}
	for _, e := range []struct {
		tag, perm uint16
		id        uint32
	}{{1, 6, 1<<32 - 1}, {2, 4, 1234}, {4, 4, 1<<32 - 1}, {16, 4, 1<<32 - 1}, {32, 0, 1<<32 - 1}} {
		b = binary.LittleEndian.AppendUint16(b, e.tag)
		b = binary.LittleEndian.AppendUint16(b, e.perm)
		b = binary.LittleEndian.AppendUint32(b, e.id)
	}
	return b
}
