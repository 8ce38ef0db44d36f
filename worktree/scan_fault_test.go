package worktree

import (
	"context"
	"errors"
	"testing"

	"evault/internal/vfs/memfs"
)

// Each operation of a status fails once, and is told.
func TestScanTellsFaults(t *testing.T) {
	b := memWorkbench(t)
	mem := b.root.(*memfs.Memory)
	check(t, mem.Mkdir("d", 0o755))
	writeFile(t, mem, "d/.evaultignore", []byte("*.o\n"))
	writeFile(t, mem, "d/f", []byte("x"))
	writeFile(t, mem, "g", []byte("a longer content than is kept in the entry itself, to have a chunk of its own"))
	b.commit()
	writeFile(t, mem, "d/f", []byte("y"))
	writeFile(t, mem, "d/x.o", []byte("y"))
	want := b.status()
	wantLines(t, want, "M d/f")
	for n := 1; ; n++ {
		count, failed := 0, false
		mem.SetFault(func(memfs.Op) error {
			if count++; count == n {
				failed = true
				return errTest
			}
			return nil
		})
		o := StatusOptions{Scan: ScanOptions{Root: mem, Index: b.index(), Untracked: UntrackedNormal, Workers: 1}, NewHash: b.hash, Chunker: b.chunker}
		res, err := Status(context.Background(), o)
		mem.SetFault(nil)
		if !failed {
			t.Logf("proof row 3 (status): %d faults, 0 silent", n-1)
			return
		}
		told := errors.Is(err, errTest)
		if err == nil {
			for _, p := range res.Problems {
				told = told || errors.Is(p.Err, errTest)
			}
		}
		if !told {
			t.Errorf("fault at operation %d is not told: %v %v", n, err, res)
		}
	}
}
