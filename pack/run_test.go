package pack

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"evault/internal/vfs"
	"evault/objects"
)

// runFiles gives the paths of the runs on disk, unfinished ones included.
func runFiles(t testing.TB, p *place) (files []string) {
	t.Helper()
	list, err := p.local.ReadDir(runsDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if file := path.Join(runsDir, e.Name()); file != marksName {
			files = append(files, file)
		}
	}
	return files
}

// TestEveryByteOfTheIndexMayChange damages the local index: everything must still be found.
func TestEveryByteOfTheIndexMayChange(t *testing.T) {
	p := memoryPlace(t)
	all := things(p.vault, 60, 150, 300)
	put(t, p.open(t), all)
	good := readFile(t, p.store, mustPacks(t, p)[0].Name.Path())
	r := rand.New(rand.NewPCG(5, 6))
	cases := 300
	if prove() {
		cases = 5000
	}
	for range cases {
		files := runFiles(t, p)
		if len(files) != 1 {
			t.Fatalf("%d runs", len(files))
		}
		data := readFile(t, p.local, files[0])
		switch off := r.IntN(len(data)); r.IntN(3) {
		case 0:
			poke(t, p.local, files[0], int64(off), data[off]^1<<r.IntN(8))
		case 1:
			overwrite(t, p.local, files[0], data[:off])
		case 2:
			clear(data[off:min(off+512, len(data))])
			overwrite(t, p.local, files[0], data)
		}
		db := p.open(t)
		for _, o := range all {
			if !db.Has(o.id) {
				t.Fatal("an object is not known")
			}
			loc, ok := db.Locate(o.id)
			if !ok {
				t.Fatal("an object is not found")
			}
			f, _, err := db.fetch(context.Background(), loc, o.id, o.kind)
			if err != nil {
				t.Fatal(err)
			}
			db.cache.put(f)
		}
		db.Close()
	}
	if !slices.Equal(good, readFile(t, p.store, mustPacks(t, p)[0].Name.Path())) {
		t.Error("a pack changed")
	}
	t.Logf("%d damaged indexes healed", cases)
}

func mustPacks(t testing.TB, p *place) []PackInfo {
	t.Helper()
	infos, err := p.open(t).Packs()
	if err != nil {
		t.Fatal(err)
	}
	return infos
}

// TestIndexThatLies has good sums and wrong places: the IDs must tell, and the index be built anew.
func TestIndexThatLies(t *testing.T) {
	p := memoryPlace(t)
	all := things(p.vault, 61, 50, 600)
	info := put(t, p.open(t), all)[0]
	crc := crc32.MakeTable(crc32.Castagnoli)
	for name, lie := range map[string]func(i int, r *record){
		"place off":    func(_ int, r *record) { r.place = 1 << 30 },
		"frame off":    func(_ int, r *record) { r.frame = 77 },
		"places mixed": func(i int, r *record) { r.place = uint32(i) % 3 },
	} {
		t.Run(name, func(t *testing.T) {
			var recs []record
			for i, o := range all {
				r := record{id: o.id}
				lie(i, &r)
				recs = append(recs, r)
			}
			var m memoryRun
			if err := writeRun(&m, crc, packsOf([]Name{info.Name}, true), func(w *runWriter) error { return addSorted(w, recs) }); err != nil {
				t.Fatal(err)
			}
			for _, f := range runFiles(t, p) {
				if err := p.local.Remove(f); err != nil {
					t.Fatal(err)
				}
			}
			overwrite(t, p.local, runsDir+"/lie"+runSuffix, m.data)
			db := p.open(t)
			mustHold(t, db, all)
		})
	}
}

func TestUnfinishedRunsAreSwept(t *testing.T) {
	p := memoryPlace(t)
	all := things(p.vault, 62, 10, 600)
	put(t, p.open(t), all)
	overwrite(t, p.local, runsDir+"/"+vfs.TempPrefix+"x", []byte("half"))
	if err := SweepIndex(p.local); err != nil {
		t.Fatal(err)
	}
	for _, f := range runFiles(t, p) {
		if strings.Contains(f, vfs.TempPrefix) {
			t.Error("still there")
		}
	}
	mustHold(t, p.open(t), all)
}

// TestLargeIndex makes runs of many objects and looks them up. The index must cost no memory of the heap.
func TestLargeIndex(t *testing.T) {
	n := uint64(300_000)
	if prove() {
		n = 10_000_000
	}
	p := diskPlace(t, t.TempDir())
	set := &runSet{fs: p.local, crc: crc32.MakeTable(crc32.Castagnoli)}
	defer func() {
		if err := set.close(); err != nil {
			t.Error(err)
		}
	}()
	heap := heapInUse()
	start := time.Now()
	const parts = 5
	for part := range uint64(parts) {
		// Ascending IDs with even gaps and a little noise, so that nothing has to be sorted.
		step := ^uint64(0) / n * parts
		r, err := set.createFile(packsOf([]Name{{byte(part)}}, true), func(w *runWriter) error {
			for i := range n / parts {
				rec := syntheticRecord(part, i, step)
				if err := w.add(&rec); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if bad, err := set.insert(r); bad != nil || err != nil {
			t.Fatal(bad, err)
		}
	}
	built := time.Since(start)
	if len(set.runs) > 3 {
		t.Errorf("%d runs", len(set.runs))
	}
	grown := int64(heapInUse()) - int64(heap)
	if grown > 4<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	rng := rand.New(rand.NewPCG(8, 9))
	step := ^uint64(0) / n * parts
	start = time.Now()
	const lookups = 200_000
	for range lookups {
		rec := syntheticRecord(rng.Uint64N(parts), rng.Uint64N(n/parts), step)
		if found, _, bad := set.has(&rec.id); !found || bad != nil {
			t.Fatalf("%s is not found", rec.id)
		}
		rec.id[31] ^= 0xff
		if found, _, bad := set.has(&rec.id); found || bad != nil {
			t.Fatalf("%s is found", rec.id)
		}
	}
	each := time.Since(start) / (2 * lookups)
	t.Logf("%d objects: built and merged in %v, heap grown by %d KiB, resident %s, %v a lookup", n, built, grown>>10, resident(), each)
}

func syntheticRecord(part, i, step uint64) record {
	var id objects.ID
	binary.BigEndian.PutUint64(id[:], i*step+(i*0x9e3779b97f4a7c15^part)%(step/2)+part)
	binary.BigEndian.PutUint64(id[8:], part)
	return record{id: id, frame: uint32(i % 90), place: uint32(i % 7)}
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// resident gives what Linux says about the memory of this process.
func resident() string {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "unknown"
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		for _, key := range []string{"RssAnon", "RssFile"} {
			if strings.HasPrefix(line, key) {
				out = append(out, strings.Join(strings.Fields(line), " "))
			}
		}
	}
	return strings.Join(out, ", ")
}
