package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"evault/objects"
)

// ResolvePath finds one path in a commit; the empty path is the root folder. It fails with ErrPathNotFound.
func (r *Repository) ResolvePath(ctx context.Context, rev, name string) (*objects.Entry, error) {
	id, c, err := r.ResolveCommit(ctx, rev)
	if err != nil {
		return nil, err
	}
	return r.lookup(ctx, id, c, name)
}

func (r *Repository) lookup(ctx context.Context, id objects.ID, c *objects.Commit, name string) (*objects.Entry, error) {
	if name == "" {
		return &objects.Entry{Type: objects.TypeDirectory, Tree: c.Tree, Entries: c.Entries, Bytes: c.Bytes, Mode: 0o755}, nil
	}
	e, err := objects.Lookup(ctx, r.db, c.Tree, name)
	if errors.Is(err, objects.ErrNoPath) {
		return nil, fmt.Errorf("%s in commit %s: %w%s", display(name), id.Short(), ErrPathNotFound, r.nearInCommit(ctx, c, name))
	}
	if err != nil {
		return nil, fmt.Errorf("%s in commit %s: %w", name, id.Short(), err)
	}
	return &e, nil
}

// Cat writes the bytes of one file, or the target of a symbolic link, to w.
func (r *Repository) Cat(ctx context.Context, rev, name string, w io.Writer) error {
	e, err := r.ResolvePath(ctx, rev, name)
	if err != nil {
		return err
	}
	switch e.Type {
	case objects.TypeFile:
		if err := r.writeContent(ctx, e, w); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	case objects.TypeSymlink:
		_, err := io.WriteString(w, e.Target)
		return err
	}
	return usagef("%s is a %s; only the bytes of a file can be written", display(name), e.Type)
}

// writeContent writes a file's bytes in order, holes as zeros.
func (r *Repository) writeContent(ctx context.Context, e *objects.Entry, w io.Writer) error {
	if e.Content.Kind == objects.ContentInline {
		_, err := w.Write(e.Content.Inline)
		return err
	}
	return objects.Extents(ctx, r.db, e.Content, e.Size, func(x objects.Extent) error {
		if x.Hole {
			_, err := io.CopyN(w, zeros{}, int64(x.Length))
			return err
		}
		return r.db.View(ctx, x.ID, objects.KindChunk, func(data []byte) error {
			if uint64(len(data)) != x.Length {
				return fmt.Errorf("%w: chunk %s has %d bytes and its file says %d", ErrDamaged, x.ID.Short(), len(data), x.Length)
			}
			_, err := w.Write(data)
			return err
		})
	})
}

// zeros reads as an endless run of zero bytes.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// ListOptions choose what List shows.
type ListOptions struct {
	Revision  string // empty: HEAD
	Path      string // a folder, whose entries are listed, or a file; empty: the root
	Recursive bool
}

// List calls each with the path (from the root) and entry of everything in a folder of a commit, in ascending order of
// names, a folder before what is in it. The entry is valid during the call.
func (r *Repository) List(ctx context.Context, o ListOptions, each func(string, *objects.Entry) error) error {
	e, err := r.ResolvePath(ctx, o.Revision, o.Path)
	if err != nil {
		return err
	}
	if !e.IsDir() {
		return each(o.Path, e)
	}
	return r.listDir(ctx, o.Path, e, o.Recursive, each)
}

// listDir lists a folder. All that is below it is listed only as far as the totals in the trees have announced: objects of
// a hostile member may unfold to far more than they say.
func (r *Repository) listDir(ctx context.Context, dir string, e *objects.Entry, recursive bool, each func(string, *objects.Entry) error) error {
	if e.Tree.IsZero() {
		return nil
	}
	join := func(name string, e *objects.Entry) error {
		if err := each(path.Join(dir, name), e); err != nil {
			return err
		}
		return ctx.Err()
	}
	if recursive {
		return objects.WalkExact(ctx, r.db, objects.TreeRef{ID: e.Tree, Entries: e.Entries, Bytes: e.Bytes}, join)
	}
	return objects.ReadDir(ctx, r.db, e.Tree, func(e *objects.Entry, _ []byte) error { return join(e.Name, e) })
}
