package folder

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/pack"
	"evault/refs"
	"evault/remote"
	"evault/remote/storetest"

	"pgregory.net/rapid"
)

// model is what a store should hold, in maps.
type model struct {
	packs  map[pack.Name][]byte
	rotten map[pack.Name]bool
	logs   map[refs.Tag][][]byte
	heads  map[refs.Tag]refs.Position
}

// TestStoreBehavesAsAModel does things in random order through two stores of one folder, some of them wrong, and compares
// the folder with the model after each.
func TestStoreBehavesAsAModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		ctx := context.Background()
		disk := memfs.New(memfs.Options{})
		stores := []*Store{storeOn(t, disk), storeOn(t, disk)}
		info, err := stores[0].Create(ctx)
		sure(r, err)
		m := model{make(map[pack.Name][]byte), make(map[pack.Name]bool), make(map[refs.Tag][][]byte), make(map[refs.Tag]refs.Position)}
		writers := []*storetest.Writer{storetest.NewWriter(t, info.Store), storetest.NewWriter(t, info.Store)}
		one := func() *Store { return stores[rapid.IntRange(0, 1).Draw(r, "store")] }
		pick := func() (refs.Pack, []byte) {
			n := rapid.IntRange(0, 5).Draw(r, "pack")
			return storetest.Pack(uint64(n), 100*n)
		}
		r.Repeat(map[string]func(*rapid.T){
			"put a pack": func(*rapid.T) {
				p, data := pick()
				sure(r, one().PutPack(ctx, p, storetest.Source(data)))
				m.packs[p.Name] = data
			},
			"put a wrong pack": func(*rapid.T) {
				p, data := pick()
				_, there := m.packs[p.Name]
				err := one().PutPack(ctx, p, storetest.Source(append([]byte{1}, data...)))
				if (err == nil) != there {
					r.Fatalf("a wrong pack, there %v: %v", there, err)
				}
			},
			"delete a pack": func(*rapid.T) {
				p, _ := pick()
				sure(r, one().DeletePack(ctx, p.Name))
				delete(m.packs, p.Name)
				delete(m.rotten, p.Name)
			},
			"rot": func(*rapid.T) {
				p, data := pick()
				if _, there := m.packs[p.Name]; there && len(data) > 0 {
					bad := slices.Clone(data)
					bad[0] ^= 1
					sure(r, vfs.Publish(disk, pack.Name(p.Name).Path(), bad, 0o600))
					m.rotten[p.Name] = true
				}
			},
			"scrub": func(*rapid.T) {
				for name := range m.packs {
					err := one().CheckPack(ctx, name)
					if errors.Is(err, remote.ErrDamaged) != m.rotten[name] {
						r.Fatalf("checked: %v, rotten: %v", err, m.rotten[name])
					}
				}
				maps.DeleteFunc(m.packs, func(n pack.Name, _ []byte) bool { return m.rotten[n] })
				clear(m.rotten)
			},
			"append": func(*rapid.T) {
				w := writers[rapid.IntRange(0, 1).Draw(r, "writer")]
				records := w.Records(rapid.IntRange(1, 4).Draw(r, "records"))
				first := rapid.IntRange(0, len(records)).Draw(r, "sent before")
				before := m.positions()
				sure(r, one().Append(ctx, records[:first], before))
				sure(r, one().Append(ctx, records, before))
				m.logs[w.Tag()] = append(m.logs[w.Tag()], records...)
				m.heads[w.Tag()] = w.Heads()[0]
			},
			"append with other heads": func(*rapid.T) {
				heads := m.positions()
				if len(heads) == 0 {
					return
				}
				w := storetest.NewWriter(t, info.Store)
				if err := one().Append(ctx, w.Records(1), heads[1:]); !errors.Is(err, remote.ErrConflict) {
					r.Fatalf("error %v", err)
				}
			},
			"": func(*rapid.T) { m.compare(r, one()) },
		})
	})
}

func (m *model) positions() []refs.Position { return slices.Collect(maps.Values(m.heads)) }

func (m *model) compare(r *rapid.T, s *Store) {
	r.Helper()
	packs, err := s.Packs(context.Background())
	sure(r, err)
	if len(packs) != len(m.packs) {
		r.Fatalf("%d packs, want %d", len(packs), len(m.packs))
	}
	for _, p := range packs {
		data, ok := m.packs[p.Name]
		if !ok {
			r.Fatalf("pack %v should not be there", p)
		}
		if !m.rotten[p.Name] {
			sure(r, holdsPack(s, p, data))
		}
	}
	heads, err := s.Heads(context.Background())
	sure(r, err)
	if len(heads) != len(m.heads) {
		r.Fatalf("%d heads, want %d", len(heads), len(m.heads))
	}
	for tag, records := range m.logs {
		sure(r, holdsRecords(s, tag, records...))
	}
}

// sure is must for rapid, which finds the shortest way to a failure that it is told of.
func sure(r *rapid.T, err error) {
	r.Helper()
	if err != nil {
		r.Fatalf("%v", err)
	}
}
