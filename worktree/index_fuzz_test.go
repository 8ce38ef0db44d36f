package worktree

import (
	"bytes"
	"testing"
)

// FuzzParseIndex feeds the decoder of the decrypted stream: it must not panic, and what it accepts must encode to the
// same bytes.
func FuzzParseIndex(f *testing.F) {
	b := memWorkbench(f)
	b.writeIndex([]modelDir{bigDir("", 3), {dir: IndexDir{Path: "a", Added: true}}, bigDir("a/b", 700)})
	f.Add(b.index().data)
	b.writeIndex([]modelDir{{}})
	f.Add(b.index().data)
	f.Fuzz(func(t *testing.T, data []byte) {
		ix, err := parseIndex(bytes.Clone(data))
		if err != nil {
			return
		}
		for i := range ix.Len() {
			var d IndexDir
			ix.loadDir(i, &d)
			_, offset, _ := ix.idx.row(i)
			if head := appendHead(nil, &d); !bytes.HasPrefix(data[offset:], head) {
				t.Fatalf("directory %d: % x", i, head)
			}
			c := d.cursor()
			var e IndexEntry
			for n := 0; ; n++ {
				at := c.pos
				if !c.next(&e) {
					break
				}
				if c.pieces != nil || at == d.tail.end {
					continue // the position is that of the piece before
				}
				if again := appendEntry(nil, &e, &d.Key); !bytes.Equal(again, data[at:c.pos]) {
					t.Fatalf("entry %q: % x, want % x", e.Name, again, data[at:c.pos])
				}
				if n%64 != 0 {
					continue
				}
				if found, ok := d.Find(e.Name); !ok || !sameEntry(&found, &e) {
					t.Fatalf("entry %q is not found", e.Name)
				}
			}
			if n, ok := ix.idx.find(d.Path); !ok || n != i {
				t.Fatalf("directory %q is not found", d.Path)
			}
		}
	})
}
