package vfstest

import (
	"io"
	"io/fs"
	"testing"

	"evault/internal/vfs"
)

var publishTests = map[string]func(*testing.T, vfs.FS){
	"publish/replaces": func(t *testing.T, fsys vfs.FS) {
		must(t, vfs.Publish(fsys, "a", []byte("one"), 0o600))
		must(t, vfs.Publish(fsys, "a", []byte("two"), 0o600))
		wantFile(t, fsys, "a", "two")
		wantNames(t, fsys, "", "a")
		mustFail(t, vfs.Publish(fsys, "none/a", nil, 0o600), fs.ErrNotExist, "publishing into nothing")
		anyFailure(t, vfs.Publish(fsys, "..", nil, 0o600), "publishing outside")
	},
	"publish/new never replaces": func(t *testing.T, fsys vfs.FS) {
		must(t, fsys.Mkdir("d", 0o755))
		must(t, vfs.PublishNew(fsys, "d/a", []byte("one"), 0o600))
		mustFail(t, vfs.PublishNew(fsys, "d/a", []byte("two"), 0o600), fs.ErrExist, "publishing over a file")
		wantFile(t, fsys, "d/a", "one")
		wantNames(t, fsys, "d", "a")
	},
	"publish/staged": func(t *testing.T, fsys vfs.FS) {
		must(t, fsys.Mkdir("d", 0o755))
		s, err := vfs.Stage(fsys, "d", 0o600)
		must(t, err)
		_, err = io.WriteString(s.File, "one")
		must(t, err)
		must(t, s.CommitNoDirSync("a"))
		must(t, s.Abort())
		mustFail(t, s.Commit("b"), fs.ErrClosed, "second commit")
		wantNames(t, fsys, "d", "a")
		wantFile(t, fsys, "d/a", "one")
		s, err = vfs.Stage(fsys, "d", 0o600)
		must(t, err)
		must(t, s.Abort())
		must(t, s.Abort())
		s, err = vfs.Stage(fsys, "d", 0o600)
		must(t, err)
		mustFail(t, s.Commit("../a"), vfs.ErrBadComponent, "commit elsewhere")
		wantNames(t, fsys, "d", "a")
	},
	"publish/directories": func(t *testing.T, fsys vfs.FS) {
		must(t, vfs.MkdirAllSync(fsys, "a/b/c", 0o700))
		must(t, vfs.MkdirAllSync(fsys, "a/b/c", 0o700))
		must(t, vfs.MkdirAllSync(fsys, ".", 0o700))
		put(t, fsys, "a/f", "")
		anyFailure(t, vfs.MkdirAllSync(fsys, "a/f/g", 0o700), "directories below a file")
		wantNames(t, fsys, "a", "b", "f")
	},
}
