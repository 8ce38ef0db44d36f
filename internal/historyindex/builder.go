package historyindex

import (
	"io"
	"slices"
)

// Builder gathers commits and their changes in memory, in any order of paths, and writes them as a segment. The zero Builder
// is empty. It is for one goroutine.
type Builder struct {
	commits []Commit
	touches []pathTouch
	bytes   int
}

type pathTouch struct {
	path string
	Touch
}

// Commit adds a commit and gives its number, for its touches. Parents come before children.
func (b *Builder) Commit(c Commit) int {
	b.commits = append(b.commits, c)
	b.bytes += len(c.Data) + 100
	return len(b.commits) - 1
}

// Touch adds a change of a path.
func (b *Builder) Touch(path string, t Touch) {
	b.touches = append(b.touches, pathTouch{path, t})
	b.bytes += len(path) + 64
}

// Len is the number of commits.
func (b *Builder) Len() int { return len(b.commits) }

// Bytes is about how much memory the builder holds.
func (b *Builder) Bytes() int { return b.bytes }

// Write writes the segment and empties the builder.
func (b *Builder) Write(w io.Writer, sealer Sealer, codec *Codec) error {
	out := NewWriter(w, sealer, codec)
	for i := range b.commits {
		out.Commit(&b.commits[i])
	}
	byPath := func(x, y pathTouch) int {
		if c := ComparePaths(x.path, y.path); c != 0 {
			return c
		}
		return x.Commit - y.Commit
	}
	if !slices.IsSortedFunc(b.touches, byPath) { // those of a single commit are, as a walk gives them
		slices.SortFunc(b.touches, byPath)
	}
	var same []Touch
	for i := 0; i < len(b.touches); {
		path := b.touches[i].path
		same = same[:0]
		for ; i < len(b.touches) && b.touches[i].path == path; i++ {
			same = append(same, b.touches[i].Touch)
		}
		out.Path(path, same)
	}
	err := out.Close()
	*b = Builder{}
	return err
}
