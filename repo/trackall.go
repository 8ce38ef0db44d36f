package repo

import (
	"context"
	"strings"

	"evault/refs"
)

// BranchFromRemote makes or moves a branch here for every branch of a remote, as last seen: what a copy of the whole needs.
// The work tree stays as it is. It gives how many there are.
func (r *Repository) BranchFromRemote(ctx context.Context, name string) (int, error) {
	op, count := refs.Operation{Name: "branch", Description: "every branch of " + name}, 0
	view := r.refs.View()
	for full, id := range view.All() {
		branch, ok := strings.CutPrefix(full, trackingPrefix+name+"/")
		if !ok {
			continue
		}
		count++
		if was, _ := view.Ref(branchPrefix + branch); was != id {
			op.Changes = append(op.Changes, refs.Change{Name: branchPrefix + branch, Old: was, New: id})
		}
	}
	if len(op.Changes) == 0 {
		return count, nil
	}
	return count, r.record(ctx, op)
}
