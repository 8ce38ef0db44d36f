package folder

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/pack"
	"evault/refs"
	"evault/remote"
	"evault/remote/storetest"
)

// What one store remembers of the heads does not hide what others do to the folder.
func TestHeadsAreNotStale(t *testing.T) {
	disk, s, id := made(t)
	w := storetest.NewWriter(t, id)
	all := w.Records(4)
	see := func(n int) {
		t.Helper()
		for range 2 { // the second time from memory
			must(t, holdsRecords(s, w.Tag(), all[:n]...))
		}
	}
	must(t, s.Append(t.Context(), all[:2], nil))
	see(2)
	heads, err := s.Heads(t.Context())
	must(t, err)
	must(t, storeOn(t, disk).Append(t.Context(), all[2:], heads))
	see(4)
	must(t, disk.Remove(logDir(w.Tag())+"/"+seqName(3)))
	see(3)
	must(t, vfs.Publish(disk, logDir(w.Tag())+"/"+seqName(2), []byte("rot"), 0o600))
	_, err = s.Heads(t.Context())
	wantErr(t, err, remote.ErrDamaged)
	must(t, disk.RemoveAll(logDir(w.Tag())))
	heads, err = s.Heads(t.Context())
	must(t, err)
	if len(heads) != 0 {
		t.Errorf("heads %v of logs that are gone", heads)
	}
}

// A head is read from memory when its file is the same and none follows: the log is not listed again.
func TestHeadsAreRemembered(t *testing.T) {
	disk, s, id := made(t)
	w := storetest.NewWriter(t, id)
	must(t, s.Append(t.Context(), w.Records(5), nil))
	listings := func() (n int) {
		disk.SetFault(func(op memfs.Op) error {
			if op.Kind == memfs.ReadNames && op.Name != "/logs" && op.Name != "logs" {
				n++
			}
			return nil
		})
		heads, err := s.Heads(t.Context())
		disk.SetFault(nil)
		must(t, err)
		if !slices.Equal(heads, w.Heads()) {
			t.Fatalf("heads %v", heads)
		}
		return n
	}
	if first, second := listings(), listings(); first != 1 || second != 0 {
		t.Errorf("%d and %d listings of the log", first, second)
	}
}

func TestLimitOfLogs(t *testing.T) {
	disk, s, id := made(t)
	for i := range refs.MaxLogs - 1 {
		must(t, disk.Mkdir(fmt.Sprintf("logs/%064x", i), 0o700))
	}
	w, other := storetest.NewWriter(t, id), storetest.NewWriter(t, id)
	must(t, s.Append(t.Context(), w.Records(1), nil))
	wantErr(t, s.Append(t.Context(), other.Records(1), w.Heads()), remote.ErrQuota)
	heads := w.Heads()
	must(t, s.Append(t.Context(), w.Records(1), heads))
}

func TestTooManyLogs(t *testing.T) {
	disk, s, _ := made(t)
	for i := range refs.MaxLogs + 1 {
		must(t, disk.Mkdir(fmt.Sprintf("logs/%064x", i), 0o700))
	}
	_, err := s.Heads(t.Context())
	wantErr(t, err, remote.ErrDamaged)
}

func TestLimitOfFiles(t *testing.T) {
	disk, s, _ := made(t)
	for i := range remote.MaxFiles {
		f, err := disk.Create(fmt.Sprintf("slots/%064x.age", i))
		must(t, err)
		must(t, f.Close())
	}
	name, data := rosterFile("one more")
	wantErr(t, s.PutFile(t.Context(), name, data), remote.ErrQuota)
	files, err := s.Files(t.Context())
	must(t, err)
	if len(files) != remote.MaxFiles {
		t.Errorf("%d files", len(files))
	}
	f, err := disk.Create("roster/1-" + hashHex("another"))
	must(t, err)
	must(t, f.Close())
	_, err = s.Files(t.Context())
	wantErr(t, err, remote.ErrDamaged)
}

// Listing 10,000 packs, and the heads of 100 logs of which one has 10,000 records, takes a fraction of a second on a disk.
// The files are written without the store, to save the syncs; without EVAULT_PROVE=1 a fifth of them.
func TestLargeStore(t *testing.T) {
	many := 2000
	if prove() {
		many = 10_000
	}
	dir := t.TempDir()
	fsys, err := vfs.Open(dir)
	must(t, err)
	s, err := Open(fsys, Options{Vault: testVault})
	must(t, err)
	defer s.Close()
	info, err := s.Create(t.Context())
	must(t, err)
	write := func(name string, data []byte) {
		must(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700))
		must(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	for i := range many {
		name := pack.Name{byte(i), byte(i >> 8), 1}
		write(name.Path(), []byte("pack"))
	}
	var want []refs.Position
	for i := range 100 {
		w := storetest.NewWriter(t, info.Store)
		n := 3
		if i == 0 {
			n = many
		}
		for seq := range n {
			write(logDir(w.Tag())+"/"+seqName(uint64(seq)), w.Record(nil))
		}
		want = append(want, w.Heads()...)
	}
	timed := func(what string, limit time.Duration, f func()) {
		start := time.Now()
		f()
		took := time.Since(start)
		t.Logf("%s: %v", what, took)
		if took > limit {
			t.Errorf("%s took %v, more than %v", what, took, limit)
		}
	}
	// Limits are generous, since other tests run beside this one. Alone on a desktop it is a tenth of them.
	timed(fmt.Sprint(many, " packs listed"), 3*time.Second, func() {
		packs, err := s.Packs(t.Context())
		must(t, err)
		if len(packs) != many {
			t.Errorf("%d packs", len(packs))
		}
	})
	for _, what := range []string{"heads of 100 logs, first", "heads of 100 logs, again"} {
		timed(what, time.Second, func() {
			heads, err := s.Heads(t.Context())
			must(t, err)
			if len(heads) != len(want) {
				t.Errorf("%d heads", len(heads))
			}
		})
	}
	timed(fmt.Sprint(many, " records read"), 5*time.Second, func() {
		records, err := recordsOf(s, want[0].Tag)
		must(t, err)
		if len(records) != many {
			t.Errorf("%d records", len(records))
		}
	})
}
