package worktree

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

func TestStatusTellsWhatChanged(t *testing.T) {
	b, dir := realWorkbench(t)
	write(t, dir, "same", "unchanged")
	write(t, dir, "content", "before")
	write(t, dir, "size", "before")
	write(t, dir, "mode", "x")
	write(t, dir, "touched", "x")
	write(t, dir, "gone", "x")
	write(t, dir, "d/e/deep", "x")
	write(t, dir, "lost/a", "x")
	write(t, dir, "lost/b/c", "x")
	write(t, dir, "file-to-dir", "x")
	write(t, dir, "file-to-link", "x")
	write(t, dir, "dir-to-file/x", "x")
	b.settle()
	wantLines(t, b.status(), "? content", "? d/", "? dir-to-file/", "? file-to-dir", "? file-to-link", "? gone", "? lost/",
		"? mode", "? same", "? size", "? touched")
	b.commit()
	wantLines(t, b.status())

	check(t, os.WriteFile(dir+"/content", []byte("after!"), 0o644))
	check(t, os.WriteFile(dir+"/size", []byte("after"), 0o644))
	check(t, os.Chmod(dir+"/mode", 0o600))
	check(t, os.Chtimes(dir+"/touched", time.Time{}, time.Unix(1e9, 5)))
	check(t, os.Remove(dir+"/gone"))
	check(t, os.RemoveAll(dir+"/lost"))
	write(t, dir, "d/e/new", "x")
	write(t, dir, "new/file", "x")
	check(t, os.Remove(dir+"/file-to-dir"))
	write(t, dir, "file-to-dir/in", "x")
	check(t, os.Remove(dir+"/file-to-link"))
	check(t, os.Symlink("same", dir+"/file-to-link"))
	check(t, os.RemoveAll(dir+"/dir-to-file"))
	write(t, dir, "dir-to-file", "x")
	want := []string{"M content", "? d/e/new", "T dir-to-file", "T file-to-dir/", "A file-to-dir/in", "T file-to-link", "D gone",
		"D lost/a", "D lost/b/c", "M mode", "? new/", "M size", "M touched"}
	wantLines(t, b.status(), want...)
	details := map[string]Detail{"content": DetailContent | DetailTimes, "size": DetailContent | DetailTimes,
		"mode": DetailMode, "touched": DetailTimes}
	res := b.statusResult(func(o *StatusOptions) { o.Details = true })
	for _, c := range res.Changes {
		if c.Kind == ChangeModified && c.Detail != details[c.Path] {
			t.Errorf("%s: detail %b, want %b", c.Path, c.Detail, details[c.Path])
		}
	}
	wantLines(t, b.status(func(o *StatusOptions) { o.Scan.Untracked = UntrackedNone }), remove(want, "? d/e/new", "? new/")...)

	b.commit()
	wantLines(t, b.status())
}

func remove(lines []string, names ...string) (kept []string) {
	for _, l := range lines {
		drop := false
		for _, n := range names {
			drop = drop || l == n
		}
		if !drop {
			kept = append(kept, l)
		}
	}
	return kept
}

// A file that is written again within the tick of its first reading, to the same size and with its old mtime, is seen
// all the same.
func TestStatusSeesRacyChange(t *testing.T) {
	for range 20 {
		b, dir := realWorkbench(t)
		write(t, dir, "f", "one")
		b.commit()
		info, err := os.Stat(dir + "/f")
		check(t, err)
		check(t, os.WriteFile(dir+"/f", []byte("two"), 0o644))
		check(t, os.Chtimes(dir+"/f", time.Time{}, info.ModTime()))
		wantLines(t, b.status(), "M f")
	}
}

// What had to be read and proved the same is not read again once its key is in the index.
func TestStatusRefreshes(t *testing.T) {
	b, dir := realWorkbench(t)
	write(t, dir, "a/f", "one")
	b.commit() // at once: racy
	res := b.statusResult()
	if len(res.Changes) != 0 || len(res.Refreshed) != 1 {
		t.Fatalf("changes %v, refreshed %v", res.Changes, res.Refreshed)
	}
	b.settle()
	b.rewrite(res.Refreshed...)
	if res := b.statusResult(); len(res.Changes) != 0 || len(res.Refreshed) != 0 {
		t.Fatalf("changes %v, refreshed %v", res.Changes, res.Refreshed)
	}
}

func (b *workbench) rewrite(edits ...IndexEdit) {
	b.t.Helper()
	now, err := Now(b.local)
	check(b.t, err)
	w, err := NewIndexWriter(b.local, testIndex, b.sealer, now)
	check(b.t, err)
	check(b.t, RewriteIndex(b.index(), w, edits))
	check(b.t, w.Commit())
}

func TestStatusOfAddAndRemove(t *testing.T) {
	b, dir := realWorkbench(t)
	write(t, dir, "a/one", "1")
	write(t, dir, "a/two", "2")
	write(t, dir, "b/three", "3")
	b.commit()
	write(t, dir, "a/new", "x")
	write(t, dir, "c/d/new", "x")
	b.rewrite(IndexEdit{Path: "a/new", Op: EditAdd}, IndexEdit{Path: "c/d/new", Op: EditAdd},
		IndexEdit{Path: "a/one", Op: EditRemove}, IndexEdit{Path: "b", Op: EditRemove})
	wantLines(t, b.status(), "A a/new", "D a/one", "? a/one", "? b/", "D b/three", "A c/d/new")
	if ix := b.index(); ix.Tracked("a/one") || ix.Tracked("b") || !ix.Tracked("c/d/new") || !ix.Tracked("c") || !ix.HasUnder("c/d") {
		t.Error("the tracked set is wrong")
	}
	check(t, os.Remove(dir+"/a/one"))
	check(t, os.RemoveAll(dir+"/b"))
	wantLines(t, b.status(), "A a/new", "D a/one", "D b/three", "A c/d/new")
	write(t, dir, "b/three", "3")
	write(t, dir, "a/one", "1 again")
	b.rewrite(IndexEdit{Path: "b/three", Op: EditAdd}, IndexEdit{Path: "a/one", Op: EditAdd}, IndexEdit{Path: "c", Op: EditRemove})
	wantLines(t, b.status(func(o *StatusOptions) { o.Details = true }), "A a/new", "M a/one", "M b/three", "? c/")
}

func TestStatusOfSpecialFiles(t *testing.T) {
	b, dir := realWorkbench(t)
	check(t, os.Symlink("nowhere", dir+"/link"))
	check(t, exec.Command("mkfifo", dir+"/fifo").Run())
	check(t, os.Mkdir(dir+"/empty", 0o755))
	write(t, dir, "one", "x")
	check(t, os.Link(dir+"/one", dir+"/other"))
	b.settle()
	b.commit()
	wantLines(t, b.status())
	check(t, os.Remove(dir+"/link"))
	check(t, os.Symlink("elsewhere", dir+"/link"))
	check(t, os.Chmod(dir+"/fifo", 0o600))
	check(t, os.Chmod(dir+"/empty", 0o700))
	check(t, os.Remove(dir+"/other"))
	wantLines(t, b.status(), "M empty/", "M fifo", "M link", "M one", "D other")
}
