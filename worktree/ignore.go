package worktree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"evault/internal/ignore"
	"evault/internal/vfs"
)

// IgnoreFile is the name of the files that say what is not to be tracked.
const IgnoreFile = ".evaultignore"

// readIgnore reads the ignore file of one directory. If there is none, or it is not a regular file (a link is not
// followed, as in git), the patterns are empty.
func readIgnore(dir vfs.Dir) (*ignore.Patterns, error) {
	var st vfs.Stat
	err := dir.Lstat(IgnoreFile, &st)
	if errors.Is(err, fs.ErrNotExist) || err == nil && st.Type != vfs.Regular {
		return ignore.Parse(nil), nil
	}
	if err != nil {
		return nil, err
	}
	f, err := dir.OpenFile(IgnoreFile, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, ignore.MaxSize+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return ignore.Parse(data), nil
}

// IgnoreStack gives the patterns that apply in the directory path: base, then the ignore files of all directories from
// the root down to path. It is for looking at single paths; a scan reads the files as it goes. Directories that do not
// exist have none.
func IgnoreStack(root vfs.FS, base *ignore.Stack, path string) (*ignore.Stack, error) {
	stack := base
	for end := 0; ; end++ {
		for end < len(path) && path[end] != '/' && end != 0 {
			end++
		}
		next, err := pushIgnore(root, stack, path[:end])
		if err != nil {
			return nil, fmt.Errorf("%s of %q: %w", IgnoreFile, path[:end], err)
		}
		stack = next
		if end >= len(path) {
			return stack, nil
		}
	}
}

func pushIgnore(root vfs.FS, stack *ignore.Stack, path string) (*ignore.Stack, error) {
	dir, err := root.OpenDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return stack, nil
	}
	if err != nil {
		return nil, err
	}
	p, err := readIgnore(dir)
	if err := errors.Join(err, dir.Close()); err != nil {
		return nil, err
	}
	return stack.Push(path, p), nil
}
