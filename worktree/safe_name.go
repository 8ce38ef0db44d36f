package worktree

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io/fs"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"

	"evault/internal/vfs"
	"evault/objects"
)

// tempPrefix begins the name of every temporary file: prefix, 16 hexadecimal digits that belong to the run, a dash and a
// number. Scans pass over such names, trees that hold one are not restored, and a later run removes those that a
// killed run left.
const tempPrefix = ".evault-tmp-"

// IsTemporary reports whether name is one of a restore's temporary files.
func IsTemporary(name string) bool {
	rest, ok := strings.CutPrefix(name, tempPrefix)
	if !ok || len(rest) < 18 || rest[16] != '-' {
		return false
	}
	return isHex(rest[:16]) && isHex(rest[17:])
}

func isHex(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// tempNames gives out the temporary names of one run. It is safe for concurrent use.
type tempNames struct {
	prefix string
	last   atomic.Uint64
}

func newTempNames() *tempNames {
	var b [8]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return &tempNames{prefix: tempPrefix + hex.EncodeToString(b[:]) + "-"}
}

func (t *tempNames) next() string {
	var b [64]byte
	return string(strconv.AppendUint(append(b[:0], t.prefix...), t.last.Add(1), 16))
}

// sweep removes what killed runs left in a directory.
func (t *tempNames) sweep(d vfs.Dir) error {
	names, err := d.ReadNames(nil)
	if err != nil {
		return err
	}
	for _, n := range names {
		if n.Type == vfs.Directory || !IsTemporary(n.Name) || strings.HasPrefix(n.Name, t.prefix) {
			continue
		}
		if err := d.Remove(n.Name); err != nil && !isNotExist(err) {
			return err
		}
	}
	return nil
}

// checkName refuses what must not be written whatever a tree says. The decoder of trees has checked the same: a
// source that does not decode is not trusted to have done so.
func checkName(name string) error {
	if err := objects.ValidateName(name); err != nil {
		return err
	}
	if strings.HasPrefix(name, tempPrefix) && IsTemporary(name) {
		return fmt.Errorf("%q: %w", name, ErrReservedName)
	}
	if runtime.GOOS == "windows" {
		return objects.ValidateNameOnWindows(name)
	}
	return nil
}

// splitSelected checks a path that somebody typed and cuts it into its components; "" and "." are the root.
func splitSelected(path string) ([]string, error) {
	if len(path) > objects.MaxPath {
		return nil, &fs.PathError{Op: "select", Path: path[:64] + "...", Err: objects.ErrLimit}
	}
	path = strings.TrimSuffix(path, "/")
	if path == "" || path == "." {
		return nil, nil
	}
	parts := strings.Split(path, "/")
	for _, p := range parts {
		if err := objects.ValidateName(p); err != nil {
			return nil, &fs.PathError{Op: "select", Path: path, Err: err}
		}
	}
	return parts, nil
}

// joinPath appends a name to a directory's path; the root's is "".
func joinPath(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}
