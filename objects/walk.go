package objects

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// SkipDir is what the function given to Walk returns to leave out what is below
// the directory, or, for anything else, what is left of the directory it is in. It is
// io/fs's value, so that both can be used.
var SkipDir = fs.SkipDir

// Walk calls fn for everything below the root directory's tree, depth first, each
// directory before what is in it, and names in the order of their bytes. path is
// relative to the root, names joined by slashes; the root itself is not visited. e is
// good until fn returns. An error of fn ends the walk and is returned as it is.
//
// Totals are checked in every directory below the root against those that its
// entry claims, so a tree cannot be larger than what fn saw announced. Nesting beyond
// MaxDepth and paths beyond MaxPath are errors.
func Walk(ctx context.Context, src Source, root ID, fn func(path string, e *Entry) error) error {
	w := walker{ctx: ctx, src: src, fn: fn}
	return w.enter(0, "", func(each eachEntry) error { return ReadDir(ctx, src, root, each) })
}

// WalkExact is Walk for a root of known totals, as its commit has them: they are
// checked, too, so a caller can check what it is about to unfold against a budget
// before the first call of fn.
func WalkExact(ctx context.Context, src Source, root TreeRef, fn func(path string, e *Entry) error) error {
	w := walker{ctx: ctx, src: src, fn: fn}
	return w.dir(0, "", root)
}

type eachEntry = func(e *Entry, raw []byte) error

type walker struct {
	ctx context.Context
	src Source
	fn  func(path string, e *Entry) error
}

// errSkipRest ends the reading of one directory without being an error.
var errSkipRest = errors.New("skip what is left of the directory")

func (w *walker) dir(depth int, path string, ref TreeRef) error {
	return w.enter(depth, path, func(each eachEntry) error {
		return ReadDirExact(w.ctx, w.src, ref, each)
	})
}

// enter walks one directory, which read goes through.
func (w *walker) enter(depth int, path string, read func(eachEntry) error) error {
	if depth > MaxDepth {
		return fmt.Errorf("%.300q: %w", path, tooLarge("directory depth", uint64(depth), MaxDepth))
	}
	var failed error // what is no fault of this directory, and has its path already
	err := read(func(e *Entry, _ []byte) error {
		failed = w.visit(depth, path, e)
		return failed
	})
	switch {
	case errors.Is(failed, errSkipRest):
		return nil
	case failed != nil:
		return failed
	case err != nil:
		return fmt.Errorf("directory %.300q: %w", path, err)
	}
	return nil
}

func (w *walker) visit(depth int, dir string, e *Entry) error {
	path, err := joinPath(dir, e.Name)
	if err != nil {
		return err
	}
	isDir, ref := e.IsDir(), TreeRef{e.Tree, e.Entries, e.Bytes}
	err = w.fn(path, e)
	switch {
	case errors.Is(err, SkipDir) && isDir:
		return nil
	case errors.Is(err, SkipDir):
		return errSkipRest
	case err != nil || !isDir:
		return err
	}
	return w.dir(depth+1, path, ref)
}

// joinPath appends a name to the path of its directory.
func joinPath(dir, name string) (string, error) {
	if dir == "" {
		return name, nil
	}
	if n := len(dir) + 1 + len(name); n > MaxPath {
		return "", fmt.Errorf("%.300q: %w", dir, tooLarge("path", uint64(n), MaxPath))
	}
	return dir + "/" + name, nil
}
