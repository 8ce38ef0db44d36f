package commands

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"evault/repo"
)

// tree relates three ways to say a path: as the user types it, relative to the working directory; as repo knows it,
// relative to the root of the work tree with slashes; and absolute.
type tree struct {
	root  string // absolute, without links
	dir   string // the working directory, absolute, without links
	below string // dir relative to root, with slashes; "" at the root or outside
}

// newTree relates a work tree to a working directory; neither may contain links.
func newTree(root, dir string) *tree {
	t := &tree{root: root, dir: dir}
	if rel, ok := t.inside(dir); ok {
		t.below = rel
	}
	return t
}

// inside gives an absolute path relative to the root, "" for the root itself; ok is false outside.
func (t *tree) inside(abs string) (rel string, ok bool) {
	rel, err := filepath.Rel(t.root, abs)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", false
	}
	if rel = filepath.ToSlash(rel); rel == "." {
		rel = ""
	}
	return rel, true
}

// arg turns an argument into a path of the vault. The path need not exist: it may be in a commit only, so links are not
// followed, except in the part above the work tree.
func (t *tree) arg(given string) (string, error) {
	if given == "" {
		return "", badPath("an empty path is no path")
	}
	abs := given
	if !filepath.IsAbs(abs) {
		abs = filepath.Join(t.dir, given)
	}
	abs = filepath.Clean(abs)
	rel, ok := t.inside(abs)
	if !ok {
		rel, ok = t.insideByLinks(abs)
	}
	if !ok {
		return "", badPath("%s is outside the work tree %s", quoted(given), quoted(t.root))
	}
	for part := range strings.SplitSeq(rel, "/") {
		if strings.EqualFold(part, repo.VaultDir) {
			return "", badPath("%s is in the vault itself", quoted(given))
		}
	}
	return rel, nil
}

// insideByLinks is inside for an absolute path that leads to the work tree by another way: it resolves the links of the
// longest part that exists outside the tree.
func (t *tree) insideByLinks(abs string) (string, bool) {
	rest := ""
	for dir := abs; ; {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			if rel, ok := t.inside(real); ok {
				return path.Join(rel, filepath.ToSlash(rest)), true
			}
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", false
		}
		rest = filepath.Join(filepath.Base(dir), rest)
		dir = up
	}
}

func badPath(format string, args ...any) error {
	return &usageError{"evault", fmt.Errorf(format, args...)}
}

// args is arg for all arguments.
func (t *tree) args(given []string) ([]string, error) {
	var out []string
	for _, g := range given {
		p, err := t.arg(g)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// show gives a path of the vault as the user would type it: relative to the working directory.
func (t *tree) show(p string) string {
	if t.below == "" {
		if p == "" {
			return "."
		}
		return p
	}
	from, to := strings.Split(t.below, "/"), splitPath(p)
	same := 0
	for same < len(from) && same < len(to) && from[same] == to[same] {
		same++
	}
	parts := append(slices.Repeat([]string{".."}, len(from)-same), to[same:]...)
	if len(parts) == 0 {
		return "."
	}
	return strings.Join(parts, "/")
}

func splitPath(p string) []string {
	if p == "" {
		return nil
	}
	return strings.Split(p, "/")
}

// showSlashed is show for a path that may end with a slash, which marks a folder.
func (t *tree) showSlashed(p string) string {
	if bare, ok := strings.CutSuffix(p, "/"); ok {
		return t.show(bare) + "/"
	}
	return t.show(p)
}
