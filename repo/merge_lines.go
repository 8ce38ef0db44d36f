package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

	"evault/objects"
)

// line is one entry of a folder with its encoding.
type line struct {
	objects.Entry
	raw []byte
}

// sameLine reports whether two sides hold the same; nil is nothing.
func sameLine(a, b *line) bool {
	if a == nil || b == nil {
		return a == b
	}
	return bytes.Equal(a.raw, b.raw)
}

// folderLines gives the entries of a folder, those of a zero reference being none.
func folderLines(ctx context.Context, src objects.Source, ref objects.TreeRef) iter.Seq2[*line, error] {
	return func(yield func(*line, error) bool) {
		if ref.ID.IsZero() {
			return
		}
		err := objects.ReadDirExact(ctx, src, ref, func(e *objects.Entry, raw []byte) error {
			if !yield(&line{e.Clone(), bytes.Clone(raw)}, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(nil, err)
		}
	}
}

// abreast goes through folders side by side: each is called for every name that one of them holds, in order, with nil for
// those that lack it.
func abreast(ctx context.Context, src objects.Source, dir string, refs []objects.TreeRef, each func(name string, at []*line) error) error {
	next := make([]func() (*line, error, bool), len(refs))
	at := make([]*line, len(refs))
	for i, ref := range refs {
		var stop func()
		next[i], stop = iter.Pull2(folderLines(ctx, src, ref))
		defer stop()
		var err error
		if at[i], err, _ = next[i](); err != nil {
			return fmt.Errorf("%s: %w", display(dir), err)
		}
	}
	row := make([]*line, len(refs))
	for {
		var name string
		found := false
		for _, l := range at {
			if l != nil && (!found || l.Name < name) {
				name, found = l.Name, true
			}
		}
		if !found {
			return nil
		}
		for i, l := range at {
			row[i] = nil
			if l == nil || l.Name != name {
				continue
			}
			row[i] = l
			var err error
			if at[i], err, _ = next[i](); err != nil {
				return fmt.Errorf("%s: %w", display(dir), err)
			}
		}
		if err := each(name, row); err != nil {
			return err
		}
	}
}

func isFolder(l *line) bool { return l != nil && l.IsDir() }

func below(l *line) objects.TreeRef {
	if !isFolder(l) {
		return objects.TreeRef{}
	}
	return objects.TreeRef{ID: l.Tree, Entries: l.Entries, Bytes: l.Bytes}
}

func encodeLine(e *objects.Entry) (*line, error) {
	raw, err := objects.AppendEntry(nil, e)
	if err != nil {
		return nil, err
	}
	return &line{*e, raw}, nil
}

// named gives an entry another name.
func named(l *line, name string) (*line, error) {
	if l == nil || l.Name == name {
		return l, nil
	}
	e := l.Clone()
	e.Name = name
	return encodeLine(&e)
}

// fileOf gives what is no folder.
func fileOf(l *line) *line {
	if isFolder(l) {
		return nil
	}
	return l
}

func isRegular(l *line) bool { return l != nil && l.Type == objects.TypeFile }
