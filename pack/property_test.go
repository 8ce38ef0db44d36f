package pack

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/keys"
	"evault/objects"
)

func TestPadmeProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, MaxPack).Draw(t, "n")
		p := padme(n)
		if p < n || p < MinPack {
			t.Fatalf("padme(%d) = %d is shorter", n, p)
		}
		if padme(p) != p {
			t.Fatalf("padme(%d) = %d is no step", n, p)
		}
		if n > MinPack && float64(p-n) > 0.12*float64(n) {
			t.Fatalf("padme(%d) = %d is more than 12 %% longer", n, p)
		}
	})
}

func drawTable(t *rapid.T) (*table, []byte) {
	var tab table
	var body []byte
	for i := range rapid.IntRange(1, 20).Draw(t, "count") {
		kind := objects.Kind(rapid.IntRange(2, 5).Draw(t, "kind"))
		size := rapid.IntRange(0, 300).Draw(t, "size")
		tab.add(kind, size)
		body = append(body, bytes.Repeat([]byte{byte(i)}, size)...)
	}
	return &tab, body
}

func TestTableRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tab, body := drawTable(t)
		var got table
		rest, err := got.decode(append(tab.append(nil), body...), ClassMeta)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(rest, body) || !slices.Equal(got.kinds, tab.kinds) || !slices.Equal(got.ends, tab.ends) {
			t.Fatal("came back different")
		}
		if _, err := got.decode(append(tab.append(nil), append(body, 0)...), ClassMeta); err == nil {
			t.Fatal("a byte too many was accepted")
		}
	})
}

func TestCompressionRoundTrip(t *testing.T) {
	c, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), 2, 3000).Draw(t, "raw")
		raw = bytes.Repeat(raw, rapid.IntRange(1, 100).Draw(t, "times"))
		packed, _ := c.compressChecked([]byte("xx"), nil, raw)
		got, err := c.decompress(nil, packed[2:])
		if err != nil || !bytes.Equal(got, raw) {
			t.Fatalf("came back different: %v", err)
		}
		if len(packed) > len(raw)+10 {
			t.Fatalf("%d bytes became %d", len(raw), len(packed))
		}
	})
}

// TestRunsAgainstMap compares lookups in merged runs with a map, with packs that go away.
func TestRunsAgainstMap(t *testing.T) {
	crc := crc32.MakeTable(crc32.Castagnoli)
	rapid.Check(t, func(t *rapid.T) {
		set := &runSet{fs: memfs.New(memfs.Options{}), crc: crc}
		want := map[objects.ID]map[Name]bool{}
		dead := map[Name]bool{}
		drawID := rapid.Custom(func(t *rapid.T) objects.ID {
			id := objects.ID{}
			id[0] = byte(rapid.IntRange(0, 3).Draw(t, "high")) << 6
			id[7] = rapid.Byte().Draw(t, "middle")
			id[31] = byte(rapid.IntRange(0, 3).Draw(t, "low"))
			return id
		})
		for n := range rapid.IntRange(1, 8).Draw(t, "runs") {
			name := Name{byte(n)}
			var recs []record
			for i, id := range rapid.SliceOfN(drawID, 1, 400).Draw(t, "ids") {
				recs = append(recs, record{id: id, frame: uint32(i)})
				if want[id] == nil {
					want[id] = map[Name]bool{}
				}
				want[id][name] = true
			}
			r, err := set.create(packsOf([]Name{name}, true), func(w *runWriter) error { return addSorted(w, recs) })
			if err != nil {
				t.Fatal(err)
			}
			if bad, err := set.insert(r); bad != nil || err != nil {
				t.Fatal(bad, err)
			}
			if rapid.IntRange(0, 4).Draw(t, "dies") == 0 {
				set.markLive(name, false)
				dead[name] = true
			}
		}
		for id := range want {
			maps.DeleteFunc(want[id], func(n Name, _ bool) bool { return dead[n] })
		}
		for range 50 {
			id := drawID.Draw(t, "asked")
			checkRuns(t, set, id, want[id])
		}
		for id := range want {
			checkRuns(t, set, id, want[id])
		}
	})
}

func checkRuns(t *rapid.T, set *runSet, id objects.ID, want map[Name]bool) {
	locs, bad := set.locate(&id)
	got := map[Name]bool{}
	for _, l := range locs {
		got[l.Pack] = true
	}
	if bad != nil || len(got) != len(want) || !maps.Equal(got, orEmpty(want)) {
		t.Fatalf("%s: found in %v, want %v", id, got, want)
	}
	if has, _, _ := set.has(&id); has != (len(want) > 0) {
		t.Fatalf("%s: has is %v", id, has)
	}
}

func orEmpty(m map[Name]bool) map[Name]bool {
	if m == nil {
		return map[Name]bool{}
	}
	return m
}

func TestClaimsAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c claims
		seen := map[objects.ID]uint32{}
		ids := rapid.SliceOfN(rapid.Uint16Range(0, 700), 1, 2000).Draw(t, "ids")
		for i, n := range ids {
			id := objects.ID{byte(n), byte(n >> 8), 15: byte(n)}
			_, known := seen[id]
			if c.claim(&id) == known {
				t.Fatalf("claim %d of %s: known is %v", i, id, known)
			}
			if !known {
				seen[id] = uint32(i)
				c.place(&id, 0, uint32(i), 7)
			}
		}
		crc := crc32.MakeTable(crc32.Castagnoli)
		var m memoryRun
		if err := writeRun(&m, crc, packsOf([]Name{{1}}, true), c.fill); err != nil {
			t.Fatal(err)
		}
		r, err := openRun("", vfs.NewMapping(m.data, nil), crc)
		if err != nil {
			t.Fatal(err)
		}
		if r.records != uint64(len(seen)) || c.len() != len(seen) {
			t.Fatalf("%d records, want %d", r.records, len(seen))
		}
		for id, frame := range seen {
			found := false
			if err := r.find(&id, func(rec record) bool { found = rec.frame == frame; return true }); err != nil || !found {
				t.Fatalf("%s: %v, %v", id, found, err)
			}
		}
	})
}

// TestDatabaseAgainstMap does random things to a store and compares with a map.
func TestDatabaseAgainstMap(t *testing.T) {
	v, err := keys.NewEphemeral()
	if err != nil {
		t.Fatal(err)
	}
	pool := things(v, 50, 300, 5000)
	rapid.Check(t, func(t *rapid.T) {
		o := Options{Store: memfs.New(memfs.Options{}), Local: memfs.New(memfs.Options{}), Vault: v, CacheBytes: 1 << 20}
		db, err := OpenDB(o)
		if err != nil {
			t.Fatal(err)
		}
		held := map[int]bool{}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"commit", "commit", "abort", "reopen", "rebuild", "lose index"}).Draw(t, "step") {
			case "commit":
				some := rapid.SliceOfN(rapid.IntRange(0, len(pool)-1), 0, 60).Draw(t, "objects")
				if _, err := putSome(t, db, pool, some).Commit(context.Background()); err != nil {
					t.Fatal(err)
				}
				for _, i := range some {
					held[i] = true
				}
			case "abort":
				some := rapid.SliceOfN(rapid.IntRange(0, len(pool)-1), 0, 60).Draw(t, "objects")
				if err := putSome(t, db, pool, some).Abort(); err != nil {
					t.Fatal(err)
				}
			case "rebuild":
				if err := db.RebuildIndex(context.Background(), nil); err != nil {
					t.Fatal(err)
				}
			case "lose index":
				db.Close()
				if err := o.Local.RemoveAll(runsDir); err != nil {
					t.Fatal(err)
				}
				fallthrough
			case "reopen":
				db.Close()
				if db, err = OpenDB(o); err != nil {
					t.Fatal(err)
				}
			}
			for i, thing := range pool {
				if db.Has(thing.id) != held[i] {
					t.Fatalf("object %d: held is %v", i, held[i])
				}
			}
		}
		for i := range held {
			got, err := db.Get(context.Background(), pool[i].id, pool[i].kind)
			if err != nil || !bytes.Equal(got, pool[i].data) {
				t.Fatalf("object %d: %v", i, err)
			}
		}
		if problems := db.Problems(); len(problems) > 0 {
			t.Fatal(problems)
		}
		db.Close()
	})
}

func putSome(t *rapid.T, db *DB, pool []thing, some []int) *Session {
	s := db.NewSession(SessionOptions{})
	f := s.NewFrames()
	for n, i := range some {
		if _, err := f.Put(pool[i].kind, pool[i].data); err != nil {
			t.Fatal(fmt.Errorf("object %d: %w", i, err))
		}
		if n%17 == 16 {
			if err := f.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s
}
