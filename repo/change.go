package repo

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"path"
	"strings"

	"evault/objects"
)

// ChangeKind says what became of a path, in the letters that git uses where it has one.
type ChangeKind byte

// The kinds of change.
const (
	Added       ChangeKind = 'A' // new: in the later of two commits, or tracked and not committed yet
	Modified    ChangeKind = 'M'
	Deleted     ChangeKind = 'D' // gone from the later of two commits, or no longer tracked
	TypeChanged ChangeKind = 'T' // a file became a folder, a link, ...
	Missing     ChangeKind = '!' // tracked and gone from the disk
	Untracked   ChangeKind = '?'
	Ignored     ChangeKind = 'I'
	Renamed     ChangeKind = 'R' // of FileDiff only: from another path, which is gone
	Copied      ChangeKind = 'C' // of FileDiff only: from another path, which is still there
)

// Details of a Modified: what differs.
const (
	DetailContent = "content"
	DetailMode    = "mode"
	DetailOwner   = "owner"
	DetailTimes   = "times"
	DetailXattrs  = "xattrs"
	DetailTarget  = "target"
	DetailLinks   = "links" // which files are hard links of each other
)

// Change is one path that differs.
type Change struct {
	Path    string
	Kind    ChangeKind
	IsDir   bool
	Details []string
	OldSize uint64
	NewSize uint64
}

// Changes compares two commits, path by path in ascending order; a zero ID stands for the empty tree. Paths limit the
// comparison to files and what is below folders; none means everything. The times of folders are no change.
func (r *Repository) Changes(ctx context.Context, a, b objects.ID, paths []string) ([]Change, error) {
	var out []Change
	oldTree, err := r.treeOf(ctx, a)
	if err != nil {
		return nil, err
	}
	newTree, err := r.treeOf(ctx, b)
	if err != nil {
		return nil, err
	}
	db, err := r.database()
	if err != nil {
		return nil, err
	}
	d := treeDiff{src: db, paths: paths, each: func(c Change) error {
		if len(out) >= maxDiffPaths {
			return errDiffTooLarge
		}
		out = append(out, c)
		return nil
	}}
	return out, d.trees(ctx, "", oldTree, newTree)
}

// treeOf gives the root tree of a commit; zero for zero.
func (r *Repository) treeOf(ctx context.Context, commit objects.ID) (objects.ID, error) {
	if commit.IsZero() {
		return objects.ID{}, nil
	}
	c, err := r.loadCommit(ctx, commit)
	if err != nil {
		return objects.ID{}, err
	}
	return c.Tree, nil
}

// treeDiff walks two trees side by side and skips what has the same ID.
type treeDiff struct {
	src   objects.Source
	paths []string
	each  func(Change) error
	// entries, if not nil, is called instead of each, for all that may differ: was or is is nil where there is nothing. Both
	// are good until it returns.
	entries func(full string, was, is *objects.Entry) error
	visited int
}

// rawEntry is an entry with its encoding.
type rawEntry struct {
	entry *objects.Entry
	raw   []byte
}

// pullDir gives the entries of a folder one after the other; zero is a folder of none. An entry is good until the next.
func pullDir(ctx context.Context, src objects.Source, tree objects.ID) (func() (rawEntry, error, bool), func()) {
	if tree.IsZero() {
		return func() (rawEntry, error, bool) { return rawEntry{}, nil, false }, func() {}
	}
	return iter.Pull2(func(yield func(rawEntry, error) bool) {
		err := objects.ReadDir(ctx, src, tree, func(e *objects.Entry, raw []byte) error {
			if !yield(rawEntry{e, raw}, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && err != errStop {
			yield(rawEntry{}, err)
		}
	})
}

// trees compares two folders. Only one of them is pulled, because pulling costs more than reading; what is equal to the byte is
// passed over.
func (d *treeDiff) trees(ctx context.Context, dir string, a, b objects.ID) error {
	if a == b || !d.touches(dir) {
		return ctx.Err()
	}
	next, stop := pullDir(ctx, d.src, a)
	defer stop()
	old, err, more := next()
	advance := func() { old, err, more = next() }
	if err != nil {
		return fmt.Errorf("%s: %w", display(dir), err)
	}
	if !b.IsZero() {
		readErr := objects.ReadDir(ctx, d.src, b, func(e *objects.Entry, raw []byte) error {
			for ; err == nil && more && old.entry.Name < e.Name; advance() {
				if err := d.pair(ctx, dir, old.entry, nil); err != nil {
					return err
				}
			}
			if err != nil {
				return err
			}
			if !more || old.entry.Name != e.Name {
				return d.pair(ctx, dir, nil, e)
			}
			if bytes.Equal(old.raw, raw) {
				if err := d.look(); err != nil {
					return err
				}
			} else if err := d.pair(ctx, dir, old.entry, e); err != nil {
				return err
			}
			advance()
			return err
		})
		if readErr != nil {
			return readErr
		}
	}
	for ; err == nil && more; advance() {
		if err := d.pair(ctx, dir, old.entry, nil); err != nil {
			return err
		}
	}
	return err
}

// pair compares what two trees hold under one name; nil is nothing.
func (d *treeDiff) pair(ctx context.Context, dir string, was, is *objects.Entry) error {
	name := ""
	if is != nil {
		name = is.Name
	} else {
		name = was.Name
	}
	full := path.Join(dir, name)
	if !d.touches(full) {
		return nil
	}
	if err := d.bound(full); err != nil {
		return err
	}
	if d.covers(full) {
		if err := d.tell(full, was, is); err != nil {
			return err
		}
	}
	var oldTree, newTree objects.ID
	if was != nil && was.IsDir() {
		oldTree = was.Tree
	}
	if is != nil && is.IsDir() {
		newTree = is.Tree
	}
	return d.trees(ctx, full, oldTree, newTree)
}

// maxVisited bounds the names that one comparison looks at: many times those of the largest trees. Folders that a hostile
// member has put into one another again and again unfold to more.
const maxVisited = 256 << 20

// look counts one name.
func (d *treeDiff) look() error {
	if d.visited++; d.visited > maxVisited {
		return errDiffTooLarge
	}
	return nil
}

func (d *treeDiff) bound(full string) error {
	if err := d.look(); err != nil {
		return err
	}
	if len(full) > objects.MaxPath || strings.Count(full, "/") >= objects.MaxDepth {
		return fmt.Errorf("%w: folders are nested deeper than %d, or a path is longer than %d bytes", objects.ErrMalformed, objects.MaxDepth, objects.MaxPath)
	}
	return nil
}

func (d *treeDiff) tell(full string, was, is *objects.Entry) error {
	if d.entries != nil {
		return d.entries(full, was, is)
	}
	if c, changed := compareEntries(full, was, is); changed {
		return d.each(c)
	}
	return nil
}

// compareEntries says how two entries of one path differ, the contents of folders left aside.
func compareEntries(full string, was, is *objects.Entry) (Change, bool) {
	c := Change{Path: full}
	switch {
	case was == nil:
		c.Kind, c.IsDir, c.NewSize = Added, is.IsDir(), is.Size
	case is == nil:
		c.Kind, c.IsDir, c.OldSize = Deleted, was.IsDir(), was.Size
	case was.Type != is.Type:
		c.Kind, c.IsDir, c.OldSize, c.NewSize = TypeChanged, is.IsDir(), was.Size, is.Size
	default:
		c.Kind, c.IsDir, c.OldSize, c.NewSize = Modified, is.IsDir(), was.Size, is.Size
		c.Details = entryDetails(was, is)
		return c, len(c.Details) > 0
	}
	return c, true
}

// entryDetails lists what differs between two entries of the same type.
func entryDetails(was, is *objects.Entry) []string {
	var out []string
	note := func(differs bool, detail string) {
		if differs {
			out = append(out, detail)
		}
	}
	dir := is.IsDir()
	note(!dir && (was.Size != is.Size || !was.Content.Equal(&is.Content) || was.Major != is.Major || was.Minor != is.Minor), DetailContent)
	note(was.Target != is.Target, DetailTarget)
	note(was.Mode != is.Mode, DetailMode)
	note(was.UID != is.UID || was.GID != is.GID, DetailOwner)
	note(!dir && was.Mtime != is.Mtime, DetailTimes)
	note(!sameXattrs(was.Xattrs, is.Xattrs), DetailXattrs)
	note((was.LinkGroup == 0) != (is.LinkGroup == 0), DetailLinks)
	return out
}

func sameXattrs(a, b []objects.Xattr) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name || string(a[i].Value) != string(b[i].Value) {
			return false
		}
	}
	return true
}

// touches reports whether a path is one of those asked for, below one of them, or above one.
func (d *treeDiff) touches(full string) bool {
	return len(d.paths) == 0 || full == "" || pathsTouch(d.paths, full)
}

// covers reports whether a path is one of those asked for or below one.
func (d *treeDiff) covers(full string) bool {
	return len(d.paths) == 0 || pathsCover(d.paths, full)
}

func pathsTouch(paths []string, full string) bool {
	for _, p := range paths {
		if isUnder(full, p) || isUnder(p, full) {
			return true
		}
	}
	return false
}

func pathsCover(paths []string, full string) bool {
	for _, p := range paths {
		if isUnder(full, p) {
			return true
		}
	}
	return false
}

// isUnder reports whether p is dir or below it; "" is the root.
func isUnder(p, dir string) bool {
	return dir == "" || p == dir || strings.HasPrefix(p, dir) && p[len(dir)] == '/'
}

// display names a folder for people.
func display(dir string) string {
	if dir == "" {
		return "."
	}
	return dir
}
