package pack

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"evault/objects"
)

// corpus gives files of a source tree, cut at 256 KiB: all of the one that the environment variable EVAULT_BENCH_TREE
// names, else about limit bytes of Go's own.
func corpus(tb testing.TB, limit int) (chunks [][]byte, total int64) {
	tb.Helper()
	dir := os.Getenv("EVAULT_BENCH_TREE")
	if dir != "" {
		limit = 4 << 30
	} else {
		root, err := exec.Command("go", "env", "GOROOT").Output()
		if err != nil {
			tb.Fatal(err)
		}
		dir = filepath.Join(strings.TrimSpace(string(root)), "src")
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for len(data) > 0 {
			n := min(len(data), 256<<10)
			chunks = append(chunks, data[:n])
			data = data[n:]
			total += int64(n)
		}
		if total > int64(limit) {
			return fs.SkipAll
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return chunks, total
}

func benchDir(b *testing.B) string {
	if dir, err := os.MkdirTemp("/dev/shm", "pack"); err == nil {
		b.Cleanup(func() { os.RemoveAll(dir) })
		return dir
	}
	return b.TempDir()
}

// fillStore commits the chunks with some goroutines.
func fillStore(b *testing.B, p *place, chunks [][]byte, workers int) (*DB, Stats) {
	db := p.open(b)
	s := db.NewSession(SessionOptions{})
	var wg sync.WaitGroup
	part := (len(chunks) + workers - 1) / workers
	for w := range workers {
		wg.Go(func() {
			f := s.NewFrames()
			for _, c := range chunks[min(w*part, len(chunks)):min((w+1)*part, len(chunks))] {
				if _, err := f.Put(objects.KindChunk, c); err != nil {
					b.Error(err)
				}
			}
			if err := f.Flush(); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	if _, err := s.Commit(context.Background()); err != nil {
		b.Fatal(err)
	}
	return db, s.Stats()
}

const benchBytes = 256 << 20

func BenchmarkCommit(b *testing.B) {
	chunks, total := corpus(b, benchBytes)
	for _, workers := range []int{1, 2} {
		b.Run(map[int]string{1: "one", 2: "two"}[workers], func(b *testing.B) {
			b.SetBytes(total)
			b.ReportAllocs()
			for b.Loop() {
				_, st := fillStore(b, diskPlace(b, benchDir(b)), chunks, workers)
				b.ReportMetric(float64(st.PackedBytes)/float64(st.NewBytes), "packed/raw")
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	chunks, total := corpus(b, benchBytes)
	db, _ := fillStore(b, diskPlace(b, benchDir(b)), chunks, 2)
	b.SetBytes(total)
	b.ReportAllocs()
	for b.Loop() {
		mustVerify(b, db)
	}
}

func BenchmarkView(b *testing.B) {
	chunks, total := corpus(b, benchBytes)
	p := diskPlace(b, benchDir(b))
	db, _ := fillStore(b, p, chunks, 1)
	ids := make([]objects.ID, len(chunks))
	for i, c := range chunks {
		ids[i] = p.vault.ObjectID(byte(objects.KindChunk), c)
	}
	b.SetBytes(total)
	b.ReportAllocs()
	for b.Loop() {
		for _, id := range ids {
			if err := db.View(context.Background(), id, objects.KindChunk, func([]byte) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	}
}
