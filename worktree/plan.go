package worktree

import (
	"context"
	"fmt"

	"evault/objects"
)

// CheckoutOptions says how the work tree is moved from one tree to another. RestoreOptions work as in [Restore], but that
// SkipSame is always on, that DryRun makes [Plan.Apply] do nothing, and that Planned is not called: the plan says it all.
// Without NewHasher contents cannot be compared, and whatever the index does not know to be unchanged is taken for work.
type CheckoutOptions struct {
	RestoreOptions
	// Force goes on over uncommitted work and untracked files in the way. What is lost is listed in [Plan].Lost.
	Force bool
	// Reset are tracked paths that are restored although the two trees agree on them, because they are known to
	// differ on disk. Without Force those of them that hold uncommitted work make a [DirtyError].
	Reset []string
	// Removed is called for each file and directory that the checkout removed, never from two goroutines at once.
	Removed func(path string)
}

// OpKind is what a checkout does to one path.
type OpKind uint8

// The operations, in the letters of status: OpWrite creates or replaces a file, link or device; OpDelete removes one;
// OpMkdir makes a directory; OpRmdir removes one if nothing is left in it; OpMetadata sets a directory's or an equal file's metadata.
const (
	OpWrite OpKind = iota + 1
	OpDelete
	OpMkdir
	OpRmdir
	OpMetadata
)

// Op is one step of a plan.
type Op struct {
	Kind OpKind
	Path string
	// Size is what an OpWrite writes, in bytes.
	Size uint64
}

// Plan is what a checkout will do. It is made by [PlanCheckout] and used once.
type Plan struct {
	// Ops are the steps in path order.
	Ops []Op
	// Lost are the paths whose uncommitted contents a forced checkout destroys.
	Lost []DirtyPath

	run *planRun
}

// DirtyPath is a path that stands in the way of a checkout.
type DirtyPath struct {
	Path string
	// Untracked tells a file that no commit knows from uncommitted changes to one that some commit does.
	Untracked bool
}

// DirtyError says that a checkout would destroy work that is in no commit. Nothing was changed.
type DirtyError struct {
	Paths []DirtyPath
}

func (e *DirtyError) Error() string {
	if len(e.Paths) == 0 {
		return "uncommitted work is in the way"
	}
	return fmt.Sprintf("%d paths with uncommitted work are in the way, %q first", len(e.Paths), e.Paths[0].Path)
}

// PlanCheckout compares two trees, skipping what is equal, with what the disk holds. ix is the index of from.
//
// It fails with *[DirtyError] if a path that must change holds work that is in no commit, or an untracked file stands
// where something must be written. A file on disk that already is what the target says is taken over, so that an
// interrupted checkout can be repeated.
func PlanCheckout(ctx context.Context, src Source, from, to objects.TreeRef, ix *Index, o CheckoutOptions) (*Plan, error) {
	return planCheckout(ctx, src, from, to, ix, o)
}

// Apply carries out the plan: removals first, deepest first, then everything else as [Restore] does it. Each path is
// looked at once more just before it is touched: one that changed since the plan is left alone and reported, unless forced.
func (p *Plan) Apply(ctx context.Context) (RestoreResult, error) {
	return p.run.apply(ctx)
}
