//go:build unix

package vfs_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
)

// TestMemoryBehavesAsTheRealOne performs the same random operations on both and compares every outcome and, at the
// end, the trees. Which error it is may differ between systems; that there is one may not.
func TestMemoryBehavesAsTheRealOne(t *testing.T) {
	top := t.TempDir()
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		dir := filepath.Join(top, fmt.Sprint(round))
		realFS, err := vfs.OpenOrCreate(dir)
		if err != nil {
			rt.Fatal(err)
		}
		defer realFS.Close()
		if err := realFS.Chmod(".", 0o755); err != nil {
			rt.Fatal(err)
		}
		memory := memfs.New(memfs.Options{})
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			step := drawStep(rt)
			r, m := step.do(realFS), step.do(memory)
			if r != m {
				rt.Fatalf("%v: the real one says %q, memory %q", step, r, m)
			}
		}
		if r, m := tree(realFS, "."), tree(memory, "."); r != m {
			rt.Fatalf("the real tree:\n%s\nin memory:\n%s", r, m)
		}
	})
}

type step struct {
	kind, a, b string
	n          int
}

func drawStep(t *rapid.T) step {
	name := rapid.SampledFrom([]string{"a", "b", "a/x", "a/y", "b/x", "b/x/z", "l", "l/x", "a/../b", "..", "../a", ""})
	return step{
		kind: rapid.SampledFrom([]string{"mkdir", "mkdirall", "write", "write", "append", "excl", "remove", "removeall",
			"rename", "rename", "renamenew", "link", "symlink", "readlink", "stat", "lstat", "chmod", "truncate", "list",
			"opendir", "publish", "sub"}).Draw(t, "kind"),
		a: name.Draw(t, "a"),
		b: name.Draw(t, "b"),
		n: rapid.IntRange(0, 7).Draw(t, "n"),
	}
}

// do performs the step and says what came of it.
func (s step) do(fsys vfs.FS) string {
	switch s.kind {
	case "mkdir":
		return outcome("", fsys.Mkdir(s.a, 0o755))
	case "mkdirall":
		return outcome("", fsys.MkdirAll(s.a, 0o755))
	case "write":
		return s.write(fsys, os.O_RDWR|os.O_CREATE)
	case "append":
		return s.write(fsys, os.O_WRONLY|os.O_APPEND)
	case "excl":
		return s.write(fsys, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	case "truncate":
		return s.write(fsys, os.O_RDWR|os.O_TRUNC)
	case "remove":
		return outcome("", fsys.Remove(s.a))
	case "removeall":
		return outcome("", fsys.RemoveAll(s.a))
	case "rename":
		return outcome("", fsys.Rename(s.a, s.b))
	case "renamenew":
		return outcome("", fsys.RenameNoReplace(s.a, s.b))
	case "link":
		return outcome("", fsys.Link(s.a, s.b))
	case "symlink":
		return outcome("", fsys.Symlink(s.b, s.a))
	case "readlink":
		target, err := fsys.Readlink(s.a)
		return outcome(target, err)
	case "stat":
		return info(fsys.Stat(s.a))
	case "lstat":
		return info(fsys.Lstat(s.a))
	case "chmod":
		return outcome("", fsys.Chmod(s.a, fs.FileMode(0o700|s.n)))
	case "publish":
		return outcome("", vfs.Publish(fsys, s.a, []byte(s.b), 0o600))
	case "list":
		infos, err := fsys.ReadDir(s.a)
		var names []string
		for _, fi := range infos {
			names = append(names, fi.Name())
		}
		return outcome(strings.Join(names, " "), err)
	case "opendir":
		d, err := fsys.OpenDir(s.a)
		if err != nil {
			return outcome("", err)
		}
		var st vfs.Stat
		err = d.Lstat("x", &st)
		return outcome(st.Type.String(), err) + outcome("", d.Close())
	case "sub":
		sub, err := fsys.Sub(s.a)
		if err != nil {
			return outcome("", err)
		}
		return info(sub.Stat("x")) + info(sub.Stat("../b")) + outcome("", sub.Close())
	}
	return "?"
}

func (s step) write(fsys vfs.FS, flag int) string {
	f, err := fsys.OpenHandle(s.a, flag, 0o644)
	if err != nil {
		return outcome("", err)
	}
	n, err := f.Write([]byte(strings.Repeat(s.b, s.n)))
	return outcome(fmt.Sprint(n), err) + outcome("", f.Close())
}

func outcome(what string, err error) string {
	if err != nil {
		return "error"
	}
	return what
}

func info(fi fs.FileInfo, err error) string {
	if err != nil {
		return "error"
	}
	if fi.IsDir() {
		return fi.Mode().String()
	}
	return fmt.Sprint(fi.Mode(), fi.Size())
}

// tree describes all that is below dir.
func tree(fsys vfs.FS, dir string) string {
	infos, err := fsys.ReadDir(dir)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, fi := range infos {
		name := fsys.Join(dir, fi.Name())
		st, err := fsys.LstatStat(name)
		if fi.IsDir() {
			st.Nlink = 0 // some filesystems do not count subdirectories
		}
		fmt.Fprintln(&b, name, info(fi, nil), st.Nlink, err)
		switch fi.Mode().Type() {
		case fs.ModeDir:
			b.WriteString(tree(fsys, name))
		case 0:
			m, err := fsys.Map(name)
			if err != nil {
				return err.Error()
			}
			fmt.Fprintf(&b, "  %q\n", m.Data)
			if err := m.Close(); err != nil {
				return err.Error()
			}
		}
	}
	return b.String()
}
