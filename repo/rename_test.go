package repo

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"evault/objects"
)

// chunkMap is a store of chunks in memory.
type chunkMap map[objects.ID][]byte

func (m chunkMap) Get(_ context.Context, id objects.ID, _ objects.Kind) ([]byte, error) {
	data, ok := m[id]
	if !ok {
		return nil, fmt.Errorf("%s: %w", id.Short(), objects.ErrNotFound)
	}
	return data, nil
}

// file stores a text as one chunk.
func (m chunkMap) file(path, text string) renameFile {
	e := &objects.Entry{Name: path, Type: objects.TypeFile, Size: uint64(len(text))}
	switch {
	case text == "":
	case len(text) <= objects.MaxInline:
		e.Content = objects.Content{Kind: objects.ContentInline, Inline: []byte(text)}
	default:
		e.Content = objects.Content{Kind: objects.ContentChunk, ID: sha256.Sum256([]byte(text))}
		m[e.Content.ID] = []byte(text)
	}
	return renameFile{path: path, entry: e}
}

func numbered(word string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s line %d\n", word, i)
	}
	return b.String()
}

func TestFindRenames(t *testing.T) {
	src := chunkMap{}
	x, y := numbered("x", 40), numbered("y", 40)
	nearX := x + numbered("more", 8)
	for _, c := range []struct {
		name             string
		gone, added, old []renameFile
		o                renameOptions
		want             string
	}{
		{"same content", []renameFile{src.file("a", x)}, []renameFile{src.file("b", x)}, nil, renameOptions{}, "a>b 100"},
		{"same content, the same name first", []renameFile{src.file("a", x), src.file("d/b", x)}, []renameFile{src.file("e/b", x)}, nil, renameOptions{}, "d/b>e/b 100"},
		{"a source is used once", []renameFile{src.file("a", x)}, []renameFile{src.file("b", x), src.file("c", x)}, nil, renameOptions{}, "a>b 100"},
		{"of several, all but the last are copies", []renameFile{src.file("a", x)}, []renameFile{src.file("b", x), src.file("c", x)}, nil, renameOptions{copies: true}, "a>b 100 copied, a>c 100"},
		{"copies of what stays", nil, []renameFile{src.file("b", x)}, []renameFile{src.file("a", x)}, renameOptions{copies: true}, "a>b 100 copied"},
		{"what stays is no source of renames", []renameFile{src.file("z", y)}, []renameFile{src.file("b", x)}, []renameFile{src.file("a", x)}, renameOptions{}, ""},
		{"similar", []renameFile{src.file("a", x)}, []renameFile{src.file("b", nearX)}, nil, renameOptions{}, "a>b ~"},
		{"not similar enough", []renameFile{src.file("a", x)}, []renameFile{src.file("b", nearX)}, nil, renameOptions{threshold: 95}, ""},
		{"different", []renameFile{src.file("a", x)}, []renameFile{src.file("b", y)}, nil, renameOptions{}, ""},
		{"a unique base name comes before a better match", []renameFile{src.file("d/n", x), src.file("o", nearX+"1\n")}, []renameFile{src.file("e/n", nearX)}, nil, renameOptions{}, "d/n>e/n ~"},
		{"empty files say nothing", []renameFile{src.file("a", "")}, []renameFile{src.file("b", "")}, nil, renameOptions{}, ""},
		{"inline", []renameFile{src.file("a", "short")}, []renameFile{src.file("b", "short")}, nil, renameOptions{}, "a>b 100"},
		{"too many to compare: exact only", []renameFile{src.file("a", x), src.file("b", y)}, []renameFile{src.file("c", nearX), src.file("d", y), src.file("e", "q")}, nil, renameOptions{limit: 1}, "b>d 100"},
	} {
		got, err := (*Repository)(nil).findRenames(t.Context(), src, c.gone, c.added, c.old, c.o)
		if err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, r := range got {
			w := fmt.Sprintf("%s>%s %d", r.from, r.to, r.similarity)
			if strings.Contains(c.want, "~") && r.similarity >= 50 && r.similarity < 100 {
				w = fmt.Sprintf("%s>%s ~", r.from, r.to)
			}
			if r.copied {
				w += " copied"
			}
			words = append(words, w)
		}
		if s := strings.Join(words, ", "); s != c.want {
			t.Errorf("%s: %q, want %q", c.name, s, c.want)
		}
	}
}

// TestRenamesDoNotDependOnOrder gives the same files in many orders.
func TestRenamesDoNotDependOnOrder(t *testing.T) {
	src := chunkMap{}
	r := rand.New(rand.NewPCG(1, 2))
	var gone, added []renameFile
	for i := range 12 {
		text := numbered("common", 20) + numbered(fmt.Sprint(i%5), 12)
		gone = append(gone, src.file(fmt.Sprint("old/", i), text))
		added = append(added, src.file(fmt.Sprint("new/", (i*7)%12), text+numbered("added", i%3)))
	}
	var first []rename
	for range 20 {
		r.Shuffle(len(gone), func(i, j int) { gone[i], gone[j] = gone[j], gone[i] })
		r.Shuffle(len(added), func(i, j int) { added[i], added[j] = added[j], added[i] })
		got, err := (*Repository)(nil).findRenames(t.Context(), src, gone, added, nil, renameOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = got
		}
		if len(got) != 12 || !reflect.DeepEqual(got, first) {
			t.Fatalf("%v\nbefore\n%v", got, first)
		}
	}
}

// TestContentOfIsBounded takes no memory for a size that is only claimed.
func TestContentOfIsBounded(t *testing.T) {
	src := chunkMap{}
	f := src.file("a", numbered("x", 40))
	if data, err := contentOf(t.Context(), src, f.entry, 1<<20); err != nil || uint64(len(data)) != f.entry.Size {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	if _, err := contentOf(t.Context(), src, f.entry, 10); err == nil {
		t.Error("longer than the limit, and read")
	}
	lying := *f.entry
	lying.Size++
	if _, err := contentOf(t.Context(), src, &lying, 1<<20); err == nil {
		t.Error("a size that the chunk does not have is believed")
	}
	lying.Size = 1 << 40
	if _, err := contentOf(t.Context(), src, &lying, 1<<20); err == nil {
		t.Error("a claimed terabyte is read")
	}
}
