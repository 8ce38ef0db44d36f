package memfs

import (
	"bytes"
	"io"
	"testing"

	"pgregory.net/rapid"
)

// TestContentIsAByteSlice holds extents against the simplest model, and that snapshots never change.
func TestContentIsAByteSlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c content
		var model []byte
		type frozen struct {
			c    content
			want []byte
		}
		var snaps []frozen
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			off := rapid.IntRange(0, 40).Draw(t, "off")
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0, 1:
				data := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "data")
				if rapid.Bool().Draw(t, "append") {
					off = len(model)
				}
				c.writeAt(data, int64(off))
				if end := off + len(data); len(data) > 0 && end > len(model) {
					model = append(model, make([]byte, end-len(model))...)
				}
				if len(data) > 0 {
					copy(model[off:], data)
				}
			case 2:
				c.truncate(int64(off))
				if off <= len(model) {
					model = model[:off:off]
				} else {
					model = append(model, make([]byte, off-len(model))...)
				}
			case 3:
				snaps = append(snaps, frozen{c.snapshot(), bytes.Clone(model)})
				if rapid.Bool().Draw(t, "go on with the snapshot") {
					c = c.snapshot()
				}
			}
			same(t, &c, model)
		}
		for _, s := range snaps {
			same(t, &s.c, s.want)
		}
	})
}

func same(t *rapid.T, c *content, want []byte) {
	t.Helper()
	got := make([]byte, c.size)
	if n, err := c.readAt(got, 0); int64(n) != c.size || err != nil && err != io.EOF {
		t.Fatalf("read %d of %d: %v", n, c.size, err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("content %q, want %q", got, want)
	}
	for i := 1; i < len(c.extents); i++ {
		if c.extents[i-1].end() > c.extents[i].off || len(c.extents[i].data) == 0 {
			t.Fatalf("extents overlap or are empty: %v", c.extents)
		}
	}
}
