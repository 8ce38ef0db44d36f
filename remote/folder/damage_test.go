package folder

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/pack"
	"evault/refs"
	"evault/remote"
	"evault/remote/storetest"
)

// A pack whose bytes have rotted, or that lost its end, is taken out of sight and can be sent again.
func TestDamagedPack(t *testing.T) {
	for _, change := range map[string]func([]byte) []byte{
		"flipped": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"shorter": func(b []byte) []byte { return b[:len(b)-1] },
		"longer":  func(b []byte) []byte { return append(b, 0) },
		"empty":   func([]byte) []byte { return nil },
	} {
		disk, s, _ := made(t)
		info, data := storetest.Pack(1, 300_000)
		must(t, s.PutPack(t.Context(), info, storetest.Source(data)))
		name := pack.Name(info.Name)
		bad := change(bytes.Clone(data))
		must(t, vfs.Publish(disk, name.Path(), bad, 0o600))
		wantErr(t, s.CheckPack(t.Context(), name), remote.ErrDamaged, "the folder", name.String())
		wantErr(t, s.CheckPack(t.Context(), name), remote.ErrNotFound)
		if got := contents(t, disk, "damaged/"+packFile(name)); !bytes.Equal(got, bad) {
			t.Error("what is in damaged/ is not what was damaged")
		}
		packs, err := s.Packs(t.Context())
		must(t, err)
		if len(packs) != 0 {
			t.Errorf("packs %v", packs)
		}
		must(t, s.PutPack(t.Context(), info, storetest.Source(data)))
		must(t, s.CheckPack(t.Context(), name))
	}
}

// A pack that is there with the wrong size is replaced by the right one without anybody having looked; and stays if what
// comes does not fit either.
func TestTruncatedPackIsReplaced(t *testing.T) {
	disk, s, _ := made(t)
	info, data := storetest.Pack(1, 5000)
	must(t, vfs.MkdirAllSync(disk, "packs/"+packDir(info.Name), 0o700))
	must(t, vfs.Publish(disk, pack.Name(info.Name).Path(), data[:100], 0o600))
	wantErr(t, s.PutPack(t.Context(), info, storetest.Source(data[:4999])), remote.ErrMismatch)
	if got := contents(t, disk, pack.Name(info.Name).Path()); len(got) != 100 {
		t.Errorf("%d bytes", len(got))
	}
	must(t, s.PutPack(t.Context(), info, storetest.Source(data)))
	must(t, holdsPack(s, info, data))
}

// What the disk cannot read is damaged, if it cannot read it twice.
func TestUnreadablePack(t *testing.T) {
	disk, s, _ := made(t)
	info, data := storetest.Pack(1, 5000)
	must(t, s.PutPack(t.Context(), info, storetest.Source(data)))
	failures := 1
	disk.SetFault(func(op memfs.Op) error {
		if op.Kind == memfs.Read && failures > 0 {
			failures--
			return syscall.EIO
		}
		return nil
	})
	must(t, s.CheckPack(t.Context(), info.Name))
	failures = 2
	wantErr(t, s.CheckPack(t.Context(), info.Name), remote.ErrDamaged)
	disk.SetFault(nil)
	must(t, s.PutPack(t.Context(), info, storetest.Source(data)))
}

// A sound pack that took the place of the one found damaged is not taken away in its stead.
func TestReplacedMeanwhile(t *testing.T) {
	disk, s, _ := made(t)
	info, data := storetest.Pack(1, 5000)
	name := pack.Name(info.Name)
	must(t, s.PutPack(t.Context(), info, storetest.Source(data)))
	must(t, vfs.Publish(disk, name.Path(), data[:100], 0o600))
	st, err := s.judgePack(t.Context(), name)
	wantErr(t, err, remote.ErrDamaged)
	must(t, s.PutPack(t.Context(), info, storetest.Source(data)))
	must(t, s.takeAway(name, st))
	must(t, holdsPack(s, info, data))
}

// strange puts things of every kind under a name: what a stranger may have made on the disk.
func strange(t testing.TB, disk *memfs.Memory, name string) map[string]func() {
	t.Helper()
	i := strings.LastIndex(name, "/")
	dir, base := name[:i], name[i+1:]
	must(t, vfs.MkdirAllSync(disk, dir, 0o700))
	return map[string]func(){
		"folder": func() { must(t, disk.Mkdir(name, 0o700)) },
		"link": func() {
			writeFile(t, disk, "elsewhere", []byte("elsewhere"))
			must(t, disk.Symlink("../elsewhere", name))
		},
		"link out": func() { must(t, disk.Symlink("/etc/passwd", name)) },
		"fifo": func() {
			d, err := disk.OpenDir(dir)
			must(t, err)
			must(t, d.Mknod(base, vfs.Fifo, 0o600, 0))
		},
	}
}

func TestWrongTypes(t *testing.T) {
	file, fileData := rosterFile("roster")
	info, data := storetest.Pack(1, 1000)
	for _, kind := range []string{"folder", "link", "link out", "fifo"} {
		disk, s, _ := made(t)
		strange(t, disk, file)[kind]()
		strange(t, disk, pack.Name(info.Name).Path())[kind]()
		files, err := s.Files(t.Context())
		must(t, err)
		packs, err := s.Packs(t.Context())
		must(t, err)
		if len(files)+len(packs) != 0 {
			t.Errorf("%s: listed %v %v", kind, files, packs)
		}
		_, err = s.File(t.Context(), file)
		wantErr(t, err, remote.ErrDamaged)
		_, err = s.Pack(t.Context(), info.Name, 0, -1)
		wantErr(t, err, remote.ErrDamaged)
		wantErr(t, s.CheckPack(t.Context(), info.Name), remote.ErrDamaged)
		if kind == "folder" {
			continue // nothing replaces a folder
		}
		must(t, s.PutFile(t.Context(), file, fileData))
		must(t, s.PutPack(t.Context(), info, storetest.Source(data)))
		must(t, holdsFile(s, file, fileData))
		must(t, holdsPack(s, info, data))
	}
}

// The store's own folders may be links, too, on a disk that somebody else prepared. Nothing is read through them.
func TestLinkedFolders(t *testing.T) {
	for _, dir := range storeDirs() {
		disk, s, id := made(t)
		must(t, disk.Remove(dir))
		must(t, disk.Mkdir("other", 0o700))
		must(t, disk.Symlink("other", dir))
		var err error
		switch dir {
		case packsDir:
			_, err = s.Packs(t.Context())
		case logsDir:
			_, err = s.Heads(t.Context())
		case incomingDir:
			err = nil
		default:
			_, err = s.Files(t.Context())
		}
		if dir != incomingDir {
			wantErr(t, err, remote.ErrDamaged)
		}
		w := storetest.NewWriter(t, id)
		if err := s.Append(t.Context(), w.Records(1), nil); dir == logsDir && err == nil {
			t.Error("a record was written through a link")
		}
	}
}

func TestStrangeNames(t *testing.T) {
	disk, s, id := made(t)
	info, data := storetest.Pack(1, 1000)
	must(t, s.PutPack(t.Context(), info, storetest.Source(data)))
	w := storetest.NewWriter(t, id)
	must(t, s.Append(t.Context(), w.Records(3), nil))
	name := pack.Name(info.Name).String()
	tag := w.Tag().String()
	for _, n := range []string{"packs/readme", "packs/zz/" + name + ".pack", "packs/" + name[:2] + "/" + name,
		"packs/" + name[:2] + "/" + strings.ToUpper(name) + ".pack", "packs/" + name[:2] + "/" + name + ".pack.tmp",
		"packs/00/" + strings.Repeat("1", 64) + ".pack", "packs/0/x", "packs/000/y", "logs/readme", "logs/" + strings.ToUpper(tag) + "/0000000000000000",
		"logs/" + tag + "/3", "logs/" + tag + "/000000000000000A", "logs/" + tag + "/.tmp-123", "logs/" + tag + "/+000000000000003",
		"logs/" + tag + "/0000000000000005", "roster/readme", "slots/x.age"} {
		writeFile(t, disk, n, []byte("strange"))
	}
	packs, err := s.Packs(t.Context())
	must(t, err)
	if !slices.Equal(packs, []refs.Pack{info}) {
		t.Errorf("packs %v", packs)
	}
	files, err := s.Files(t.Context())
	must(t, err)
	if len(files) != 0 {
		t.Errorf("files %v", files)
	}
	for _, s := range []*Store{s, storeOn(t, disk)} {
		heads, err := s.Heads(t.Context())
		must(t, err)
		if !slices.Equal(heads, w.Heads()) {
			t.Errorf("heads %v, want %v", heads, w.Heads())
		}
		records, err := recordsOf(s, w.Tag())
		must(t, err)
		if len(records) != 3 {
			t.Errorf("%d records, want 3", len(records))
		}
	}
}

// A record that is missing in the middle ends the log there.
func TestGapEndsALog(t *testing.T) {
	disk, s, id := made(t)
	w := storetest.NewWriter(t, id)
	all := w.Records(6)
	must(t, s.Append(t.Context(), all, nil))
	must(t, disk.Remove(logDir(w.Tag())+"/"+seqName(2)))
	fresh := storeOn(t, disk)
	must(t, holdsRecords(fresh, w.Tag(), all[:2]...))
	records := 0
	must(t, fresh.Records(t.Context(), w.Tag(), 3, func([]byte) error { records++; return nil }))
	if records != 0 {
		t.Errorf("%d records from behind the gap", records)
	}
	heads, err := fresh.Heads(t.Context())
	must(t, err)
	wantErr(t, fresh.Append(t.Context(), all[2:], heads), remote.ErrConflict) // number 3 is there
}

// A newest record that is none leaves the log without a known head; whoever has it puts it back.
func TestRottenHead(t *testing.T) {
	for _, rot := range [][]byte{nil, []byte("garbage"), bytes.Repeat([]byte{0}, 2<<20)} {
		disk, s, id := made(t)
		w := storetest.NewWriter(t, id)
		all := w.Records(4)
		must(t, s.Append(t.Context(), all, nil))
		must(t, vfs.Publish(disk, logDir(w.Tag())+"/"+seqName(3), rot, 0o600))
		_, err := s.Heads(t.Context())
		wantErr(t, err, remote.ErrDamaged, w.Tag().String())
		must(t, s.Append(t.Context(), all[3:], nil))
		must(t, holdsRecords(s, w.Tag(), all...))
	}
}

// Mending replaces nothing that is a record, and puts nothing that does not fit.
func TestMendingIsChecked(t *testing.T) {
	disk, s, id := made(t)
	w := storetest.NewWriter(t, id)
	all := w.Records(2)
	wrong := w.Next()
	wrong.Previous[0] ^= 1
	misfit := w.Sign(wrong, []byte("body"))
	next := w.Next()
	fork := w.Sign(next, []byte("another body"))
	all = append(all, w.Record(nil))
	must(t, s.Append(t.Context(), all, nil))
	wantErr(t, s.Append(t.Context(), [][]byte{fork}, w.Heads()), remote.ErrMismatch)
	must(t, holdsRecords(s, w.Tag(), all...))
	must(t, vfs.Publish(disk, logDir(w.Tag())+"/"+seqName(2), []byte("rot"), 0o600))
	wantErr(t, s.Append(t.Context(), [][]byte{misfit}, w.Heads()), remote.ErrMismatch)
	if got := string(contents(t, disk, logDir(w.Tag())+"/"+seqName(2))); got != "rot" {
		t.Errorf("record 2 is %.20q", got)
	}
}

// A file that does not fit its name is replaced by what does.
func TestDamagedFileIsReplaced(t *testing.T) {
	disk, s, _ := made(t)
	name, data := rosterFile("roster")
	for _, bad := range [][]byte{nil, []byte("other"), bytes.Repeat([]byte{1}, remote.MaxFile+1)} {
		must(t, vfs.Publish(disk, name, bad, 0o600))
		must(t, s.PutFile(t.Context(), name, data))
		must(t, holdsFile(s, name, data))
	}
}

func TestSweep(t *testing.T) {
	now := time.Now()
	clock := now.Add(-25 * time.Hour)
	disk := memfs.New(memfs.Options{Now: func() time.Time { return clock }})
	_, err := storeOn(t, disk).Create(t.Context())
	must(t, err)
	writeFile(t, disk, "incoming/.tmp-old", []byte("old"))
	writeFile(t, disk, "incoming/other", []byte("old"))
	clock = now.Add(-23 * time.Hour)
	writeFile(t, disk, "incoming/.tmp-young", []byte("young"))
	clock = now
	info, data := storetest.Pack(1, 100)
	must(t, storeOn(t, disk).PutPack(t.Context(), info, storetest.Source(data)))
	if got := names(t, disk, incomingDir); !slices.Equal(got, []string{".tmp-young", "other"}) {
		t.Errorf("left in incoming/: %v", got)
	}
}

// Nothing is left of what was refused or broke.
func TestNothingIsLeft(t *testing.T) {
	disk, s, id := made(t)
	info, data := storetest.Pack(1, 600_000)
	wantErr(t, s.PutPack(t.Context(), info, storetest.Source(data[1:])), remote.ErrMismatch)
	missing := storetest.NewWriter(t, id)
	wantErr(t, s.Append(t.Context(), [][]byte{missing.Record([]refs.Pack{info})}, nil), remote.ErrNotFound)
	for _, kind := range []memfs.Kind{memfs.Write, memfs.Sync, memfs.Rename, memfs.Close} {
		disk.SetFault(func(op memfs.Op) error {
			if op.Kind == kind && strings.Contains(op.Name, incomingDir) {
				return syscall.EIO
			}
			return nil
		})
		if err := s.PutPack(t.Context(), info, storetest.Source(data)); !errors.Is(err, remote.ErrHost) {
			t.Errorf("%v: error %v", kind, err)
		}
		w := storetest.NewWriter(t, id)
		if err := s.Append(t.Context(), w.Records(3), nil); !errors.Is(err, remote.ErrHost) {
			t.Errorf("%v: error %v", kind, err)
		}
		disk.SetFault(nil)
		if got := names(t, disk, incomingDir); len(got) != 0 {
			t.Errorf("%v: left in incoming/: %v", kind, got)
		}
	}
	must(t, wholePacks(s))
}

// What is larger than anything of its kind is neither listed nor read.
func TestOversized(t *testing.T) {
	disk := realFolder(t)
	s, err := Open(disk, Options{Vault: testVault, Name: "the folder"})
	must(t, err)
	_, err = s.Create(t.Context())
	must(t, err)
	grow := func(name string, size int64) {
		writeFile(t, disk, name, nil)
		f, err := disk.OpenHandle(name, os.O_RDWR, 0)
		must(t, err)
		must(t, f.Truncate(size)) // a hole: it takes no room
		must(t, f.Close())
	}
	file, _ := rosterFile("roster")
	name := pack.Name{1}
	for _, over := range []int64{0, 1} {
		grow(file, remote.MaxFile+over)
		grow(name.Path(), refs.MaxPackSize+over)
		files, err := s.Files(t.Context())
		must(t, err)
		packs, err := s.Packs(t.Context())
		must(t, err)
		if len(files) != int(1-over) || len(packs) != int(1-over) {
			t.Errorf("%d bytes over the limit: %d files and %d packs", over, len(files), len(packs))
		}
	}
	_, err = s.File(t.Context(), file)
	wantErr(t, err, remote.ErrDamaged)
	_, err = s.Pack(t.Context(), name, 0, 10)
	wantErr(t, err, remote.ErrDamaged)
	wantErr(t, s.CheckPack(t.Context(), name), remote.ErrDamaged)
	wantErr(t, s.CheckPack(t.Context(), name), remote.ErrNotFound)
}

// A source that broke is told apart from one that ended too early, wherever it did.
func TestBrokenSource(t *testing.T) {
	_, s, _ := made(t)
	info, data := storetest.Pack(1, 600_000)
	for _, n := range []int{0, 1, copySize, 500_000, len(data)} {
		err := s.PutPack(t.Context(), info, func() (io.ReadCloser, error) {
			broken := iotest.ErrReader(io.ErrUnexpectedEOF)
			return io.NopCloser(io.MultiReader(bytes.NewReader(data[:n]), broken)), nil
		})
		if !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, remote.ErrMismatch) {
			t.Errorf("after %d bytes: error %v", n, err)
		}
	}
	packs, err := s.Packs(t.Context())
	must(t, err)
	if len(packs) != 0 {
		t.Errorf("packs %v", packs)
	}
}
