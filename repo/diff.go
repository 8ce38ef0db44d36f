package repo

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"evault/internal/textdiff"
	"evault/objects"
)

// DiffOptions say what Diff compares, and how.
type DiffOptions struct {
	From      string   // revision that is compared; empty: HEAD
	To        string   // revision that it is compared with; empty: the work tree
	MergeBase bool     // From gives way to its best common ancestor with To (HEAD where To is empty): what To did since
	Paths     []string // only these files and what is below these folders; none: everything
	Reverse   bool     // as if From and To had changed places

	NoRenames bool
	Copies    bool // find what was copied from a file that differs, too
	Threshold int  // least similarity of a rename in percent; 0: 50

	Metadata bool // the times of files are differences, too

	Content bool      // compare contents: fill FileDiff.Content
	Context int       // lines around each change
	Space   SpaceMode // differences between lines that do not count
	Limit   int       // largest text, in bytes, that is compared by lines; 0: MaxTextDiff
}

// MaxTextDiff is the size in bytes up to which files are compared by lines; larger ones are compared by their chunks.
const MaxTextDiff = 64 << 20

// FileDiff is one path that differs. Its kind is Added, Modified, Deleted, TypeChanged, Renamed or Copied.
type FileDiff struct {
	Kind       ChangeKind
	OldPath    string         // of Added the new one, too
	NewPath    string         // of Deleted the old one, too
	Old, New   *objects.Entry // nil where there is none
	Details    []string       // what differs, as in Change; none of Added and Deleted
	Similarity int            // of Renamed and Copied: percent
	Content    *ContentDiff   // with DiffOptions.Content, of files and links
}

// Path gives the name under which the difference is listed.
func (d *FileDiff) Path() string { return d.NewPath }

// IsDir says that the difference is one of a folder itself, not of what is in it: one that is empty, or its metadata.
func (d *FileDiff) IsDir() bool {
	return d.New != nil && d.New.IsDir() || d.New == nil && d.Old != nil && d.Old.IsDir()
}

// ContentDiff is how the contents of two files differ.
type ContentDiff struct {
	Binary bool // not text; or larger than is compared by lines
	// Of a binary file: bytes in chunks that both sides have, out of those of the larger side. Nothing is read for it.
	Shared, Total uint64

	Old, New       [][]byte // lines of text
	Hunks          []textdiff.Hunk
	Added, Deleted int // lines
}

// DiffProblems is the error of a comparison in which some files of the work tree could not be read. Everything else was
// compared. It is ErrIncomplete.
type DiffProblems []Problem

func (p DiffProblems) Error() string { return fmt.Sprintf("%d files could not be compared", len(p)) }

func (p DiffProblems) Unwrap() error { return ErrIncomplete }

// Diff compares two commits, or a commit with the work tree, and calls each for every path that differs, ascending by path. Trees
// and files of equal IDs are not opened. The content of a FileDiff is the caller's; contents are compared by several
// goroutines some files ahead of each, which is called by the caller's own.
//
// A file that is only of another time is no difference, unless o.Metadata says so; nor is a folder because of what is in it.
// An error of each ends the comparison and is returned as it is. DiffProblems: files on disk could not be read.
func (r *Repository) Diff(ctx context.Context, o DiffOptions, each func(*FileDiff) error) error {
	ends, err := r.diffEnds(ctx, &o)
	if err != nil {
		return err
	}
	c := &comparison{repo: r, o: o}
	if err := c.open(); err != nil {
		return err
	}
	if o.To == "" {
		err = c.withDisk(ctx, ends.from)
	} else {
		err = c.trees(ctx, ends.from, ends.to)
	}
	if err != nil {
		return err
	}
	return c.run(ctx, each)
}

// CommitDiff compares a commit with its first parent, or with nothing if it has none; From, To and MergeBase are not looked at.
func (r *Repository) CommitDiff(ctx context.Context, id objects.ID, o DiffOptions, each func(*FileDiff) error) error {
	to, err := r.loadCommit(ctx, id)
	if err != nil {
		return err
	}
	var from objects.TreeRef
	if len(to.Parents) > 0 {
		parent, err := r.loadCommit(ctx, to.Parents[0])
		if err != nil {
			return err
		}
		from = parent.Root()
	}
	c := &comparison{repo: r, o: o}
	if err := c.open(); err != nil {
		return err
	}
	if err := c.trees(ctx, from, to.Root()); err != nil {
		return err
	}
	return c.run(ctx, each)
}

// diffEnds are the trees of the two sides; to is zero where it is the work tree.
type diffEnds struct {
	from, to objects.TreeRef
}

func (r *Repository) diffEnds(ctx context.Context, o *DiffOptions) (ends diffEnds, err error) {
	var fromID, toID objects.ID
	if o.From != "" || !r.head().IsZero() { // before the first commit, HEAD is an empty tree
		id, c, err := r.ResolveCommit(ctx, o.From)
		if err != nil {
			return ends, err
		}
		fromID, ends.from = id, c.Root()
	}
	switch {
	case o.To != "":
		id, c, err := r.ResolveCommit(ctx, o.To)
		if err != nil {
			return ends, err
		}
		toID, ends.to = id, c.Root()
	case o.MergeBase:
		toID = r.head()
	}
	if !o.MergeBase || fromID.IsZero() || toID.IsZero() {
		return ends, nil
	}
	base, ok, err := objects.MergeBase(ctx, r.db, fromID, toID)
	if err != nil {
		return ends, err
	}
	if !ok {
		return ends, fmt.Errorf("%w: %s and %s have no common ancestor", ErrUnknownRevision, fromID.Short(), toID.Short())
	}
	c, err := r.loadCommit(ctx, base)
	if err != nil {
		return ends, err
	}
	ends.from = c.Root()
	return ends, nil
}

// diffSide is one side of a pair.
type diffSide struct {
	path  string
	entry *objects.Entry // nil: there is nothing
	disk  *diskFile      // nil: in the store
}

// diffPair is one path with both its sides.
type diffPair struct {
	old, new   diffSide
	similarity int // of a rename or copy
	copied     bool
}

// comparison is one run of Diff.
type comparison struct {
	repo     *Repository
	o        DiffOptions
	src      objects.Source
	pairs    []diffPair
	mu       sync.Mutex
	problems DiffProblems
}

func (c *comparison) open() error {
	if c.o.Limit == 0 {
		c.o.Limit = MaxTextDiff
	}
	db, err := c.repo.database()
	c.src = db
	return err
}

// run finds renames among the pairs, and compares and gives out what there is.
func (c *comparison) run(ctx context.Context, each func(*FileDiff) error) error {
	if c.o.Reverse {
		for i := range c.pairs {
			p := &c.pairs[i]
			p.old, p.new = p.new, p.old
		}
	}
	if err := c.renames(ctx); err != nil {
		return err
	}
	diffs := make([]FileDiff, 0, len(c.pairs))
	kept := c.pairs[:0]
	for i := range c.pairs {
		if d, differs := c.describe(&c.pairs[i]); differs {
			diffs, kept = append(diffs, d), append(kept, c.pairs[i])
		}
	}
	c.pairs = kept
	var err error
	if c.o.Content {
		err = c.compareAhead(ctx, diffs, each)
	} else {
		for i := range diffs {
			if err = each(&diffs[i]); err != nil {
				break
			}
		}
	}
	if err == nil && len(c.problems) > 0 {
		err = c.problems
	}
	return err
}

// describe says what became of a pair; false: nothing that counts.
func (c *comparison) describe(p *diffPair) (FileDiff, bool) {
	d := FileDiff{OldPath: p.old.path, NewPath: p.new.path, Old: p.old.entry, New: p.new.entry, Similarity: p.similarity}
	switch {
	case d.Old == nil:
		d.Kind, d.OldPath = Added, d.NewPath
		return d, true
	case d.New == nil:
		d.Kind, d.NewPath = Deleted, d.OldPath
		return d, true
	case d.Old.Type != d.New.Type:
		d.Kind = TypeChanged
		return d, true
	}
	d.Details = c.details(d.Old, d.New)
	switch {
	case p.copied:
		d.Kind = Copied
	case d.OldPath != d.NewPath:
		d.Kind = Renamed
	default:
		d.Kind = Modified
		return d, len(d.Details) > 0
	}
	return d, true
}

// details lists what differs and counts.
func (c *comparison) details(was, is *objects.Entry) []string {
	all := entryDetails(was, is)
	kept := all[:0]
	for _, d := range all {
		if d == DetailTimes && !c.o.Metadata || d == DetailMode && was.Type == objects.TypeSymlink {
			continue
		}
		kept = append(kept, d)
	}
	return kept
}

// errDiffTooLarge bounds what a comparison holds in memory.
var errDiffTooLarge = errors.New("too many paths differ to compare them at once; name folders to compare")
