package worktree

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"evault/internal/ignore"
)

// scanLines is the items of a whole scan as lines of state and path, in the order of the walk.
func (b *workbench) scanLines(change ...func(o *ScanOptions)) []string {
	b.t.Helper()
	o := b.options()
	for _, f := range change {
		f(&o)
	}
	s := NewScanner(context.Background(), o)
	lines := []string{}
	var visit func(path string)
	visit = func(path string) {
		d, err := s.Dir(path)
		check(b.t, err)
		for {
			for i := range d.Items {
				it := &d.Items[i]
				lines = append(lines, fmt.Sprintf("%v %s", it.State, joinPath(path, it.Name)))
				if it.Descend {
					visit(joinPath(path, it.Name))
				}
			}
			if d.Last {
				break
			}
			check(b.t, s.More(d))
		}
		d.Release()
	}
	visit("")
	check(b.t, s.Close())
	return lines
}

func trackNew(o *ScanOptions) { o.TrackNew = true }

func selected(paths ...string) func(o *ScanOptions) {
	return func(o *ScanOptions) { o.Paths = paths }
}

func TestScanOfNewTree(t *testing.T) {
	b, dir := realWorkbench(t)
	write(t, dir, "b", "x")
	write(t, dir, "a/z", "x")
	write(t, dir, "a-b/y", "x")
	write(t, dir, ".evault/HEAD", "x")
	write(t, dir, tempPrefix+"1234", "x")
	wantLines(t, b.scanLines(trackNew), "subdir a", "added a/z", "subdir a-b", "added a-b/y", "added b")
	wantLines(t, b.scanLines(), "untracked a", "untracked a-b", "untracked b")
	wantLines(t, b.scanLines(func(o *ScanOptions) { o.Untracked = UntrackedAll }),
		"subdir a", "untracked a/z", "subdir a-b", "untracked a-b/y", "untracked b")
	wantLines(t, b.scanLines(func(o *ScanOptions) { o.Untracked = UntrackedNone }))
}

func TestScanObeysIgnoreFiles(t *testing.T) {
	b, dir := realWorkbench(t)
	write(t, dir, ".evaultignore", "*.o\n/build/\n")
	write(t, dir, "build/x", "x")
	write(t, dir, "a.o", "x")
	write(t, dir, "src/.evaultignore", "!keep.o\n*.tmp\n")
	write(t, dir, "src/keep.o", "x")
	write(t, dir, "src/lose.o", "x")
	write(t, dir, "src/x.tmp", "x")
	write(t, dir, "src/sub/x.tmp", "x")
	write(t, dir, "src/build/x", "x")
	write(t, dir, "mine", "x")
	user := func(o *ScanOptions) { o.Ignore = o.Ignore.Push("", ignore.Parse([]byte("mine\n"))) }
	want := []string{"added .evaultignore", "subdir src", "added src/.evaultignore", "subdir src/build", "added src/build/x",
		"added src/keep.o", "subdir src/sub"}
	wantLines(t, b.scanLines(trackNew, user), want...)
	b.commit(user)
	// What was complete is not listed again; patterns above still hold for a directory below that is.
	write(t, dir, "src/sub/new.o", "x")
	write(t, dir, "src/sub/new.tmp", "x")
	write(t, dir, "src/sub/new", "x")
	wantLines(t, b.status(func(o *StatusOptions) { user(&o.Scan) }), "? src/sub/new")
	// A tracked file stays tracked whatever the patterns say.
	write(t, dir, ".evaultignore", "*\n")
	wantLines(t, b.status(func(o *StatusOptions) { user(&o.Scan) }), "M .evaultignore")
	wantLines(t, b.scanLines(trackNew, selected("src/sub/new.o")), "unselected .evaultignore", "subdir src",
		"unselected src/.evaultignore", "unselected src/build", "unselected src/keep.o", "subdir src/sub", "ignored src/sub/new.o")
	wantLines(t, b.scanLines(trackNew, selected("src/sub/new.o"), func(o *ScanOptions) { o.NoIgnore = true })[6:], "added src/sub/new.o")
	stack, err := IgnoreStack(b.root, nil, "src/sub")
	check(t, err)
	for path, want := range map[string]ignore.Decision{"src/sub/x.tmp": ignore.Ignored, "src/keep.o": ignore.Included, "a.o": ignore.Ignored} {
		if got := stack.Match(path, false); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
}

func TestScanOfSelectedPaths(t *testing.T) {
	b, dir := realWorkbench(t)
	for _, f := range []string{"a/b/c", "a/b/d", "a/e/f", "g/h", "i"} {
		write(t, dir, f, "x")
	}
	b.settle()
	b.commit()
	write(t, dir, "a/b/new", "x")
	write(t, dir, "j/k/l", "x")
	wantLines(t, b.scanLines(selected("a/b", "i")), "subdir a", "subdir a/b", "unchanged a/b/c", "unchanged a/b/d",
		"untracked a/b/new", "unselected a/e", "unselected g", "unchanged i")
	wantLines(t, b.scanLines(selected("a/b/c", "a/b/c/"), trackNew), "subdir a", "subdir a/b", "unchanged a/b/c",
		"unselected a/b/d", "unselected a/e", "unselected g", "unselected i")
	wantLines(t, b.scanLines(selected("j/k/l"), trackNew), "unselected a", "unselected g", "unselected i", "subdir j", "subdir j/k", "added j/k/l")
	wantLines(t, b.scanLines(selected("j/k/l")), "unselected a", "unselected g", "unselected i", "subdir j", "subdir j/k", "untracked j/k/l")
	wantLines(t, b.scanLines(selected(".")), b.scanLines()...)
	s := NewScanner(context.Background(), ScanOptions{Root: b.root, Paths: []string{"../x"}})
	if _, err := s.Dir(""); err == nil {
		t.Error("a path outside was accepted")
	}
	s.Close()
}

func TestScanPassesOverNestedVaultsAndSockets(t *testing.T) {
	b, dir := realWorkbench(t)
	write(t, dir, "inner/.evault/HEAD", "x")
	write(t, dir, "inner/file", "x")
	write(t, dir, "ok", "x")
	l, err := net.Listen("unix", dir+"/sock")
	check(t, err)
	defer l.Close()
	wantLines(t, b.scanLines(trackNew), "subdir inner", "added ok", "skipped sock")
	res := b.statusResult(func(o *StatusOptions) { o.Scan.TrackNew = true })
	if len(res.Notes) != 2 || !errors.Is(res.Notes[0].Err, ErrNestedVault) || !errors.Is(res.Notes[1].Err, ErrSocket) {
		t.Errorf("notes %v", res.Notes)
	}
}

func TestScanReportsNamesNoTreeMayHold(t *testing.T) {
	b, dir := realWorkbench(t)
	write(t, dir, ".EVAULT/x", "x")
	write(t, dir, "evault~1", "x")
	write(t, dir, "line\nbreak", "x")
	write(t, dir, "\xff\xfe", "x")
	wantLines(t, b.scanLines(trackNew), "unreadable .EVAULT", "unreadable evault~1", "added line\nbreak", "added \xff\xfe")
}

// Root reads everything; what it cannot is tried with faults, in TestScanTellsFaults.
func TestScanReportsWhatItCannotRead(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may read every directory")
	}
	b, dir := realWorkbench(t)
	write(t, dir, "closed/x", "x")
	check(t, os.Chmod(dir+"/closed", 0))
	defer os.Chmod(dir+"/closed", 0o755)
	res := b.statusResult(func(o *StatusOptions) { o.Scan.TrackNew = true })
	if len(res.Problems) != 1 || res.Problems[0].Path != "closed" {
		t.Errorf("problems %v", res.Problems)
	}
}

// A directory of more names than are kept in memory comes in batches, subdirectories among them.
func TestScanOfHugeDirectory(t *testing.T) {
	b := memWorkbench(t)
	n := 2*maxBatch + 100
	var want []string
	for i := range n {
		name := fmt.Sprintf("%06d", i)
		if i%1000 == 7 {
			check(t, b.root.Mkdir(name, 0o755))
			writeFile(t, b.root, name+"/x", nil)
			want = append(want, "subdir "+name, "added "+name+"/x")
			continue
		}
		writeFile(t, b.root, name, nil)
		want = append(want, "added "+name)
	}
	got := b.scanLines(trackNew)
	if !slices.Equal(got, want) {
		t.Fatalf("%d lines, want %d", len(got), len(want))
	}
	b.commit()
	check(t, b.root.Remove("000005"))
	writeFile(t, b.root, fmt.Sprintf("%06d", maxBatch), []byte("changed"))
	writeFile(t, b.root, "zzz", nil)
	wantLines(t, b.status(), "D 000005", fmt.Sprintf("M %06d", maxBatch), "? zzz")
}

// The consumer may leave out what it does not want; a scan that is given up leaves nothing open.
func TestScanMayBeLeftEarly(t *testing.T) {
	b, dir := realWorkbench(t)
	for i := range 40 {
		for j := range 20 {
			write(t, dir, fmt.Sprintf("d%02d/e%02d/f", i, j), "x")
		}
	}
	before := openFiles(t)
	for _, workers := range []int{1, 4} {
		for stop := range 12 {
			o := b.options()
			o.TrackNew, o.Workers = true, workers
			s := NewScanner(context.Background(), o)
			for _, path := range []string{"", "d01", "d01/e03", "d01/e05", "d07", "d20", "d20/e19", "d21", "d39", "d39/e00", "d39/e19"}[:stop] {
				d, err := s.Dir(path)
				check(t, err)
				if d.Err != nil {
					t.Fatal(d.Err)
				}
				if want := 20; strings.Contains(path, "/") && len(d.Items) != 1 || !strings.Contains(path, "/") && path != "" && len(d.Items) != want {
					t.Errorf("%s: %d items", path, len(d.Items))
				}
			}
			if stop > 5 {
				if _, err := s.Dir("d01/e19"); err == nil {
					t.Error("a directory that was passed came again")
				}
			}
			check(t, s.Close())
		}
	}
	if after := openFiles(t); after > before {
		t.Errorf("%d files open, %d before", after, before)
	}
}

func openFiles(t testing.TB) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	check(t, err)
	return len(entries)
}

func TestScanEndsWithItsContext(t *testing.T) {
	b, dir := realWorkbench(t)
	write(t, dir, "a/b", "x")
	ctx, cancel := context.WithCancel(context.Background())
	s := NewScanner(ctx, b.options())
	cancel()
	if _, err := s.Dir(""); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	check(t, s.Close())
}
