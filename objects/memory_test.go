package objects

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"testing"
)

// memory is a Source, ChunkSource and Sink over a map. With lie it serves bytes that do not
// belong to their ID, as a malicious member could not: tests use it for cycles.
type memory struct {
	mu   sync.Mutex
	held map[ID][]byte
	kind map[ID]Kind
	gets int
	puts []ID
	fail error // what Put returns, if set
}

func newMemory() *memory { return &memory{held: map[ID][]byte{}, kind: map[ID]Kind{}} }

func testID(kind Kind, data []byte) ID {
	h := sha256.New()
	h.Write([]byte{byte(kind)})
	h.Write(data)
	return ID(h.Sum(nil))
}

func (m *memory) Put(kind Kind, data []byte) (ID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return ID{}, m.fail
	}
	if len(data) > kind.MaxSize() {
		return ID{}, fmt.Errorf("%v of %d bytes", kind, len(data))
	}
	id := testID(kind, data)
	m.held[id], m.kind[id] = append([]byte(nil), data...), kind
	m.puts = append(m.puts, id)
	return id, nil
}

func (m *memory) Get(_ context.Context, id ID, kind Kind) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gets++
	data, ok := m.held[id]
	if !ok || m.kind[id] != kind {
		return nil, fmt.Errorf("%v %s: %w", kind, id, ErrNotFound)
	}
	return data, nil
}

// put stores data without asking what it is.
func (m *memory) put(t testing.TB, kind Kind, data []byte) ID {
	t.Helper()
	id, err := m.Put(kind, data)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func file(name string, size uint64) *Entry {
	e := &Entry{Name: name, Type: TypeFile, Mode: 0o644, Mtime: Time{Sec: 1e9}, Size: size}
	switch {
	case size == 0:
	case size <= MaxInline:
		e.Content = Content{Kind: ContentInline, Inline: make([]byte, size)}
	case size <= MaxChunk:
		e.Content = Content{Kind: ContentChunk, ID: testID(KindChunk, []byte(name))}
	default:
		e.Content = Content{Kind: ContentFileList, ID: testID(KindFileList, []byte(name))}
	}
	return e
}

func directory(name string, ref TreeRef) *Entry {
	return &Entry{Name: name, Type: TypeDirectory, Mode: 0o755, Tree: ref.ID, Entries: ref.Entries, Bytes: ref.Bytes}
}

// build makes a tree of entries that are in order already.
func build(t testing.TB, sink Sink, entries ...*Entry) TreeRef {
	t.Helper()
	b := NewTreeBuilder(sink)
	for _, e := range entries {
		if err := b.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	ref, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return ref
}
