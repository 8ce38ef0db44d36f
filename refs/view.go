package refs

import (
	"cmp"
	"iter"
	"slices"

	"evault/objects"
)

// View is what the logs of a store amount to at one moment. It does not change and is safe for concurrent use.
type View struct {
	// Head is where the working copy stands.
	Head Head
	// Tip is the newest record of this clone's own log; HasTip is false while it is empty.
	Tip    Position
	HasTip bool
	// Diverged are the refs that the logs disagree about, ascending by name.
	Diverged []Divergence

	refs []Ref // strictly ascending by name
}

// Ref is a name and the commit or tag object that it means.
type Ref struct {
	Name string
	ID   objects.ID
}

// Divergence is a ref that several records have moved without having seen each other, to commits of which none descends
// from all others. Merging them and moving the ref to the merge resolves it.
type Divergence struct {
	Name string
	// IDs are the commits, at least two. The first is the one that the view gives for the name: this clone's own, or
	// else that of the least tag.
	IDs []objects.ID
}

// Ref gives what a full name ("heads/main") means, and whether it exists.
func (v *View) Ref(name string) (objects.ID, bool) {
	i, ok := slices.BinarySearchFunc(v.refs, name, func(r Ref, n string) int { return cmp.Compare(r.Name, n) })
	if !ok {
		return objects.ID{}, false
	}
	return v.refs[i].ID, true
}

// Len is the number of refs.
func (v *View) Len() int { return len(v.refs) }

// All gives every ref in ascending order of names.
func (v *View) All() iter.Seq2[string, objects.ID] {
	return func(yield func(string, objects.ID) bool) {
		for _, r := range v.refs {
			if !yield(r.Name, r.ID) {
				return
			}
		}
	}
}

// HeadCommit is the commit that Head stands on; false before the first commit of a branch.
func (v *View) HeadCommit() (objects.ID, bool) {
	if v.Head.Branch != "" {
		return v.Ref("heads/" + v.Head.Branch)
	}
	return v.Head.Commit, v.Head.Detached()
}
