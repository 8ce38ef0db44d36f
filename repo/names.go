package repo

import (
	"context"
	"path"
	"slices"
	"strings"

	"evault/worktree"
)

// RefNames are the names that a revision can begin with, sorted, and nothing of what they point at: for a shell that
// completes a word and must answer at once.
type RefNames struct {
	Branches []string
	Tags     []string
	Remote   []string // branches of remotes as last seen: "friend/main"
}

// RefNames gives the names of all branches and tags. It reads no object.
func (r *Repository) RefNames() RefNames {
	var n RefNames
	view := r.refs.View()
	for full := range view.All() {
		for prefix, list := range map[string]*[]string{branchPrefix: &n.Branches, tagPrefix: &n.Tags, trackingPrefix: &n.Remote} {
			if name, ok := strings.CutPrefix(full, prefix); ok {
				*list = append(*list, name)
			}
		}
	}
	if view.Head.Branch != "" && !slices.Contains(n.Branches, view.Head.Branch) { // without a commit yet
		n.Branches = append(n.Branches, view.Head.Branch)
	}
	for _, list := range [][]string{n.Branches, n.Tags, n.Remote} {
		slices.Sort(list)
	}
	return n
}

// TrackedIn lists at most most of the tracked names in one folder of the work tree, in the order of their bytes, folders with
// a slash behind. A folder that is not tracked has none. It looks at nothing on disk but the stat index.
func (r *Repository) TrackedIn(ctx context.Context, folder string, most int) ([]string, error) {
	index, err := r.loadIndex(ctx)
	if err != nil {
		return nil, err
	}
	d, ok := index.Dir(folder)
	if !ok || d.Removed {
		return nil, nil
	}
	var names []string
	d.Each(func(e *worktree.IndexEntry) bool {
		if e.Tracked() {
			names = append(names, e.Name)
		}
		return len(names) < most
	})
	d.Subdirs(func(sub *worktree.IndexDir) bool {
		if !sub.Removed {
			names = append(names, path.Base(sub.Path)+"/")
		}
		return len(names) < 2*most
	})
	slices.Sort(names)
	return names[:min(len(names), most)], nil
}
