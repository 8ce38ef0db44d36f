package repo

import (
	"context"
	"fmt"
	"path"
	"strings"

	"evault/objects"
)

// editTree gives a tree in which some files are others. Every path must be that of a file in the tree.
func editTree(ctx context.Context, src objects.Source, sink objects.Sink, root objects.TreeRef, files map[string]*line) (objects.TreeRef, error) {
	e := treeEdit{ctx: ctx, src: src, sink: sink, files: files, ways: map[string]bool{}}
	for full := range files {
		for {
			i := strings.LastIndexByte(full, '/')
			full = full[:max(i, 0)]
			e.ways[full] = true
			if full == "" {
				break
			}
		}
	}
	return e.folder("", root, 0)
}

type treeEdit struct {
	ctx   context.Context
	src   objects.Source
	sink  objects.Sink
	files map[string]*line
	ways  map[string]bool // folders above the files
}

func (t *treeEdit) folder(full string, ref objects.TreeRef, depth int) (objects.TreeRef, error) {
	if depth > objects.MaxDepth {
		return ref, fmt.Errorf("%.300q: nested deeper than %d: %w", full, objects.MaxDepth, objects.ErrLimit)
	}
	b := objects.NewTreeBuilder(t.sink)
	for l, err := range folderLines(t.ctx, t.src, ref) {
		if err != nil {
			return ref, fmt.Errorf("%s: %w", display(full), err)
		}
		at := path.Join(full, l.Name)
		if edited := t.files[at]; edited != nil {
			l = edited
		} else if l.IsDir() && t.ways[at] {
			sub, err := t.folder(at, below(l), depth+1)
			if err != nil {
				return ref, err
			}
			e := l.Entry
			e.Tree, e.Entries, e.Bytes = sub.ID, sub.Entries, sub.Bytes
			if l, err = encodeLine(&e); err != nil {
				return ref, err
			}
		}
		entries, size := l.Totals()
		if err := b.AddEncoded(l.raw, l.Name, entries, size); err != nil {
			return ref, err
		}
	}
	return b.Finish()
}
