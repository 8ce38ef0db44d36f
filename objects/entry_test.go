package objects

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The bytes of one entry, spelled out: a change of the format shows here first.
func TestEntryBytes(t *testing.T) {
	e := Entry{
		Name: "a.txt", Type: TypeFile, Mode: 0o644, UID: 1000, GID: 5, User: "ann", Group: "g",
		Mtime: Time{Sec: -2, Nsec: 7}, Xattrs: []Xattr{{"user.x", []byte("v")}}, LinkGroup: 9,
		Size: 2, Content: Content{Kind: ContentInline, Inline: []byte("hi")}, Sparse: true,
	}
	want := "\x01\x07\x05a.txt\xa4\x03\xe8\x07\x05\x03ann\x01g" +
		"\xff\xff\xff\xff\xff\xff\xff\xfe\x00\x00\x00\x07" +
		"\x01\x06user.x\x01v" + "\x00\x00\x00\x00\x00\x00\x00\x09" + "\x02\x01hi"
	got, err := AppendEntry([]byte("before"), &e)
	if err != nil {
		t.Fatal(err)
	}
	if len(want) != 53 || string(got) != "before"+want {
		t.Errorf("got  %q\nwant %q", got, "before"+want)
	}
}

func TestEntryRoundTrip(t *testing.T) {
	var reused Entry
	rapid.Check(t, func(t *rapid.T) {
		e := genEntry().Draw(t, "entry")
		raw, err := AppendEntry(nil, &e)
		if err != nil {
			t.Fatal(err)
		}
		var fresh Entry
		for _, into := range []*Entry{&fresh, &reused} {
			rest, err := DecodeEntry(append(raw[:len(raw):len(raw)], "rest"...), into)
			if err != nil || string(rest) != "rest" {
				t.Fatalf("rest %q, error %v", rest, err)
			}
			if !into.Equal(&e) || !e.Equal(into) || !into.SameContent(&e) {
				t.Fatalf("got %+v\nwant %+v", into, e)
			}
			again, err := AppendEntry(nil, into)
			if err != nil || !bytes.Equal(again, raw) {
				t.Fatalf("encodes to %q, not %q (%v)", again, raw, err)
			}
		}
	})
}

// Every field makes a difference to Equal and to the bytes, and the right ones to
// SameContent.
func TestEntryEqual(t *testing.T) {
	base := Entry{Name: "n", Type: TypeFile, Mode: 1, Size: 3, Content: Content{Kind: ContentInline, Inline: []byte("abc")}, Xattrs: []Xattr{{"a", []byte("b")}}}
	changes := map[string]func(e *Entry){
		"name": func(e *Entry) { e.Name = "m" }, "mode": func(e *Entry) { e.Mode = 2 },
		"uid": func(e *Entry) { e.UID = 1 }, "gid": func(e *Entry) { e.GID = 1 },
		"user": func(e *Entry) { e.User = "u" }, "group": func(e *Entry) { e.Group = "g" },
		"sec": func(e *Entry) { e.Mtime.Sec = 1 }, "nsec": func(e *Entry) { e.Mtime.Nsec = 1 },
		"xattr value": func(e *Entry) { e.Xattrs[0].Value = []byte("c") }, "xattr name": func(e *Entry) { e.Xattrs[0].Name = "z" },
		"no xattr": func(e *Entry) { e.Xattrs = nil }, "sparse": func(e *Entry) { e.Sparse = true },
		"link":    func(e *Entry) { e.LinkGroup = 1 },
		"content": func(e *Entry) { e.Content.Inline[0] = 'x' },
		"kind": func(e *Entry) {
			e.Content = Content{Kind: ContentChunk}
		},
	}
	raw, err := AppendEntry(nil, &base)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range changes {
		e := base.Clone()
		change(&e)
		if base.Equal(&e) || e.Equal(&base) {
			t.Errorf("%s: Equal does not see it (or Clone shares memory)", name)
		}
		if same := base.SameContent(&e); same == (name == "content" || name == "kind") {
			t.Errorf("%s: SameContent is %v", name, same)
		}
		if other, err := AppendEntry(nil, &e); err != nil || bytes.Equal(other, raw) {
			t.Errorf("%s: encodes alike (%v)", name, err)
		}
	}
}

func TestEntryRefused(t *testing.T) {
	id := ID{1}
	list := Content{Kind: ContentFileList, ID: id}
	cases := map[string]Entry{
		"no name":               {Type: TypeFile},
		"slash":                 {Name: "a/b", Type: TypeFile},
		"vault":                 {Name: ".EVAULT", Type: TypeDirectory},
		"type 0":                {Name: "a"},
		"type 7":                {Name: "a", Type: 7},
		"mode":                  {Name: "a", Type: TypeFifo, Mode: 0o10000},
		"owner":                 {Name: "a", Type: TypeFifo, User: strings.Repeat("u", 256)},
		"group":                 {Name: "a", Type: TypeFifo, Group: strings.Repeat("u", 256)},
		"nsec":                  {Name: "a", Type: TypeFifo, Mtime: Time{Nsec: 1e9}},
		"size without content":  {Name: "a", Type: TypeFile, Size: 1},
		"inline length":         {Name: "a", Type: TypeFile, Size: 2, Content: Content{Kind: ContentInline, Inline: []byte("abc")}},
		"inline too long":       {Name: "a", Type: TypeFile, Size: 65, Content: Content{Kind: ContentInline, Inline: make([]byte, 65)}},
		"inline empty":          {Name: "a", Type: TypeFile, Content: Content{Kind: ContentInline}},
		"inline with id":        {Name: "a", Type: TypeFile, Size: 1, Content: Content{Kind: ContentInline, Inline: []byte("a"), ID: id}},
		"chunk with inline":     {Name: "a", Type: TypeFile, Size: 1, Content: Content{Kind: ContentChunk, Inline: []byte("a")}},
		"chunk of nothing":      {Name: "a", Type: TypeFile, Content: Content{Kind: ContentChunk, ID: id}},
		"chunk too large":       {Name: "a", Type: TypeFile, Size: MaxChunk + 1, Content: Content{Kind: ContentChunk, ID: id}},
		"list of nothing":       {Name: "a", Type: TypeFile, Content: list},
		"file too large":        {Name: "a", Type: TypeFile, Size: MaxFileSize + 1, Content: list},
		"content kind":          {Name: "a", Type: TypeFile, Size: 1, Content: Content{Kind: 4}},
		"no target":             {Name: "a", Type: TypeSymlink},
		"NUL in target":         {Name: "a", Type: TypeSymlink, Target: "a\x00b"},
		"long target":           {Name: "a", Type: TypeSymlink, Target: strings.Repeat("t", MaxPath+1)},
		"file with target":      {Name: "a", Type: TypeFile, Target: "t"},
		"fifo with size":        {Name: "a", Type: TypeFifo, Size: 1},
		"fifo with content":     {Name: "a", Type: TypeFifo, Content: list},
		"fifo with inline":      {Name: "a", Type: TypeFifo, Content: Content{Inline: []byte("x")}},
		"sparse fifo":           {Name: "a", Type: TypeFifo, Sparse: true},
		"file with device":      {Name: "a", Type: TypeFile, Major: 1},
		"file with tree":        {Name: "a", Type: TypeFile, Tree: id},
		"file with totals":      {Name: "a", Type: TypeFile, Entries: 1},
		"linked directory":      {Name: "a", Type: TypeDirectory, LinkGroup: 1},
		"too many entries":      {Name: "a", Type: TypeDirectory, Entries: MaxTotalEntries + 1},
		"too many bytes":        {Name: "a", Type: TypeDirectory, Bytes: MaxTotalBytes + 1},
		"xattrs out of order":   {Name: "a", Type: TypeFifo, Xattrs: []Xattr{{"b", nil}, {"a", nil}}},
		"xattr twice":           {Name: "a", Type: TypeFifo, Xattrs: []Xattr{{"a", nil}, {"a", nil}}},
		"xattr without name":    {Name: "a", Type: TypeFifo, Xattrs: []Xattr{{"", nil}}},
		"xattr with NUL":        {Name: "a", Type: TypeFifo, Xattrs: []Xattr{{"a\x00", nil}}},
		"xattrs too large":      {Name: "a", Type: TypeFifo, Xattrs: []Xattr{{"a", make([]byte, MaxXattrBytes)}}},
		"too many xattrs":       {Name: "a", Type: TypeFifo, Xattrs: make([]Xattr, MaxXattrs+1)},
		"name of 256":           {Name: strings.Repeat("n", 256), Type: TypeFifo},
		"name with NUL":         {Name: "a\x00", Type: TypeFifo},
		"dot":                   {Name: ".", Type: TypeDirectory},
		"dot dot":               {Name: "..", Type: TypeDirectory},
		"device with tree":      {Name: "a", Type: TypeCharDevice, Tree: id},
		"link with size":        {Name: "a", Type: TypeSymlink, Target: "b", Size: 1},
		"directory with target": {Name: "a", Type: TypeDirectory, Target: "b"},
	}
	for name, e := range cases {
		dst := []byte("kept")
		got, err := AppendEntry(dst, &e)
		if err == nil {
			t.Errorf("%s: encoded", name)
		}
		if string(got) != "kept" {
			t.Errorf("%s: dst is %q after an error", name, got)
		}
	}
}

// What a malicious member could write by hand and the encoder never does.
func TestDecodeEntryRefused(t *testing.T) {
	head := func(typ, flags byte, name string) string {
		return string([]byte{typ, flags, byte(len(name))}) + name + "\x00\x00\x00\x00\x00" + strings.Repeat("\x00", 12)
	}
	cases := map[string]struct {
		data  string
		newer bool
	}{
		"nothing":            {"", false},
		"type 0":             {head(0, 0, "a"), true},
		"type 7":             {head(7, 0, "a"), true},
		"flag 8":             {head(4, 8, "a"), true},
		"content kind 4":     {head(1, 0, "a") + "\x01\x04", true},
		"short":              {head(4, 0, "a")[:10], false},
		"dot dot":            {head(4, 0, ".."), false},
		"slash":              {head(4, 0, "../../etc/passwd"), false},
		"vault":              {head(2, 0, ".Evault") + strings.Repeat("\x00", 34), false},
		"sparse fifo":        {head(4, 1, "a"), false},
		"xattrs announced":   {head(4, 2, "a") + "\x00", false},
		"xattrs many":        {head(4, 2, "a") + "\x81\x08", false},
		"xattr value huge":   {head(4, 2, "a") + "\x01\x01x\xff\xff\xff\xff\xff\xff\xff\xff\x7f", false},
		"xattrs huge in sum": {head(4, 2, "a") + "\x02\x01x\x80\x80\x0f" + strings.Repeat("x", 0x3c000) + "\x01y\x80\x80\x01" + strings.Repeat("y", 0x4000), false},
		"link group 0":       {head(4, 4, "a") + strings.Repeat("\x00", 8), false},
		"size long form":     {head(1, 0, "a") + "\x80\x00\x00", false},
		"size overflow":      {head(1, 0, "a") + strings.Repeat("\xff", 10) + "\x01", false},
		"inline 65":          {head(1, 0, "a") + "\x41\x01" + strings.Repeat("x", 65), false},
		"inline 0":           {head(1, 0, "a") + "\x00\x01", false},
		"empty with size":    {head(1, 0, "a") + "\x01\x00", false},
		"no target":          {head(3, 0, "a") + "\x00", false},
		"target beyond end":  {head(3, 0, "a") + "\x05abcd", false},
		"device 2^32":        {head(5, 0, "a") + "\x80\x80\x80\x80\x10\x00", false},
		"tree cut":           {head(2, 0, "a") + "abc", false},
	}
	for name, c := range cases {
		var e Entry
		_, err := DecodeEntry([]byte(c.data), &e)
		switch {
		case err == nil:
			t.Errorf("%s: decoded to %+v", name, e)
		case errors.Is(err, ErrNewer) != c.newer:
			t.Errorf("%s: newer is %v: %v", name, !c.newer, err)
		case errors.Is(err, ErrMalformed) == c.newer:
			t.Errorf("%s: malformed is %v: %v", name, c.newer, err)
		}
	}
	t.Logf("proof row 9: %d hand-made entries, all refused", len(cases))
}

func TestDecodeEntryAllocates(t *testing.T) {
	var raw [2][]byte
	for i, name := range []string{"first.c", "second.c"} {
		e := file(name, 30)
		e.User, e.Group = "root", "wheel"
		var err error
		if raw[i], err = AppendEntry(nil, e); err != nil {
			t.Fatal(err)
		}
	}
	var e Entry
	i := 0
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := DecodeEntry(raw[i&1], &e); err != nil {
			t.Fatal(err)
		}
		i++
	})
	if allocs > 1 { // the name
		t.Errorf("%v allocations an entry", allocs)
	}
	dst := make([]byte, 0, 1<<10)
	if n := testing.AllocsPerRun(100, func() { dst, _ = AppendEntry(dst[:0], &e) }); n > 0 {
		t.Errorf("AppendEntry: %v allocations", n)
	}
}

func FuzzDecodeEntry(f *testing.F) {
	for _, e := range []*Entry{file("a", 0), file("b", 64), file("c", 1000), file("d", 1<<30), directory("e", TreeRef{Entries: 3}),
		{Name: "f", Type: TypeSymlink, Target: "t", Xattrs: []Xattr{{"user.a", []byte("b")}, {"user.c", nil}}},
		{Name: "g", Type: TypeCharDevice, Major: 1, Minor: 300, LinkGroup: 4}} {
		raw, err := AppendEntry(nil, e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var e Entry
		rest, err := DecodeEntry(data, &e)
		if err != nil {
			return
		}
		again, err := AppendEntry(nil, &e)
		if err != nil {
			t.Fatalf("decodes to %+v but does not encode: %v", e, err)
		}
		if !bytes.Equal(again, data[:len(data)-len(rest)]) {
			t.Fatalf("%q encodes to %q", data, again)
		}
		other := *file("other", 60)
		other.Xattrs = []Xattr{{"user.z", []byte("zz")}}
		if _, err := DecodeEntry(data, &other); err != nil || !other.Equal(&e) {
			t.Fatalf("into a used entry: %+v, not %+v (%v)", other, e, err)
		}
		if c := e.Clone(); !reflect.DeepEqual(c.Name, e.Name) || !c.Equal(&e) {
			t.Fatalf("clone %+v", c)
		}
	})
}

func BenchmarkAppendEntry(b *testing.B) {
	e := file("process_keys.c", 9000)
	e.User, e.Group = "root", "root"
	dst := make([]byte, 0, 1<<10)
	for b.Loop() {
		dst, _ = AppendEntry(dst[:0], e)
	}
}

func BenchmarkDecodeEntry(b *testing.B) {
	e := file("process_keys.c", 9000)
	e.User, e.Group = "root", "root"
	raw, err := AppendEntry(nil, e)
	if err != nil {
		b.Fatal(err)
	}
	var into Entry
	for b.Loop() {
		into.Name = "x"
		if _, err := DecodeEntry(raw, &into); err != nil {
			b.Fatal(err)
		}
	}
}
