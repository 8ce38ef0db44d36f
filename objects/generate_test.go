package objects

import (
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// Generators of valid values for property tests.

func genID() *rapid.Generator[ID] {
	return rapid.Custom(func(t *rapid.T) ID {
		return ID(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "id"))
	})
}

func genName() *rapid.Generator[string] {
	odd := rapid.SampledFrom([]string{"a", "Makefile", "ünï", "a b", "\xff\xfe", "new\nline", ".hidden", "e~1", "...", "\\x", strings.Repeat("n", 255)})
	any := rapid.Map(rapid.SliceOfN(rapid.Byte(), 1, 20), func(b []byte) string { return string(b) })
	return rapid.OneOf(odd, any, rapid.StringMatching(`[a-z]{1,12}(\.[a-z]{1,3})?`)).
		Filter(func(s string) bool { return ValidateName(s) == nil })
}

func genTime() *rapid.Generator[Time] {
	return rapid.Custom(func(t *rapid.T) Time {
		return Time{rapid.Int64().Draw(t, "sec"), rapid.Uint32Range(0, 999_999_999).Draw(t, "nsec")}
	})
}

func genXattrs() *rapid.Generator[[]Xattr] {
	one := rapid.Custom(func(t *rapid.T) Xattr {
		return Xattr{
			Name:  "user." + rapid.StringMatching(`[a-z]{0,6}`).Draw(t, "xattr"),
			Value: rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "value"),
		}
	})
	return rapid.Map(rapid.SliceOfNDistinct(one, 0, 4, func(x Xattr) string { return x.Name }), func(x []Xattr) []Xattr {
		slices.SortFunc(x, func(a, b Xattr) int { return strings.Compare(a.Name, b.Name) })
		return x
	})
}

func genContent(t *rapid.T) (Content, uint64) {
	switch rapid.IntRange(0, 3).Draw(t, "content") {
	case 0:
		return Content{}, 0
	case 1:
		b := rapid.SliceOfN(rapid.Byte(), 1, MaxInline).Draw(t, "inline")
		return Content{Kind: ContentInline, Inline: b}, uint64(len(b))
	case 2:
		return Content{Kind: ContentChunk, ID: genID().Draw(t, "chunk")}, rapid.Uint64Range(1, MaxChunk).Draw(t, "size")
	}
	return Content{Kind: ContentFileList, ID: genID().Draw(t, "list")}, rapid.Uint64Range(1, MaxFileSize).Draw(t, "size")
}

func genEntry() *rapid.Generator[Entry] {
	return rapid.Custom(func(t *rapid.T) Entry {
		e := Entry{
			Name: genName().Draw(t, "name"),
			Type: EntryType(rapid.IntRange(1, 6).Draw(t, "type")),
			Mode: rapid.Uint32Range(0, 0o7777).Draw(t, "mode"),
			UID:  rapid.Uint32().Draw(t, "uid"), GID: rapid.Uint32().Draw(t, "gid"),
			User: rapid.StringN(0, 10, 255).Draw(t, "user"), Group: rapid.StringN(0, 10, 255).Draw(t, "group"),
			Mtime: genTime().Draw(t, "mtime"), Xattrs: genXattrs().Draw(t, "xattrs"),
		}
		if e.Type != TypeDirectory {
			e.LinkGroup = rapid.Uint64().Draw(t, "link")
		}
		switch e.Type {
		case TypeFile:
			e.Content, e.Size = genContent(t)
			e.Sparse = rapid.Bool().Draw(t, "sparse")
		case TypeSymlink:
			e.Target = rapid.StringMatching(`[^\x00]{1,40}`).Draw(t, "target")
		case TypeCharDevice, TypeBlockDevice:
			e.Major, e.Minor = rapid.Uint32().Draw(t, "major"), rapid.Uint32().Draw(t, "minor")
		case TypeDirectory:
			e.Tree = genID().Draw(t, "tree")
			e.Entries = rapid.Uint64Range(0, 1<<30).Draw(t, "entries")
			e.Bytes = rapid.Uint64Range(0, 1<<40).Draw(t, "bytes")
		}
		return e
	})
}

func genEntries(most int) *rapid.Generator[[]Entry] {
	return rapid.Map(rapid.SliceOfNDistinct(genEntry(), 0, most, func(e Entry) string { return e.Name }), func(s []Entry) []Entry {
		slices.SortFunc(s, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
		return s
	})
}

func genCommit() *rapid.Generator[Commit] {
	return rapid.Custom(func(t *rapid.T) Commit {
		c := Commit{
			Parents: rapid.SliceOfNDistinct(genID(), 0, MaxParents, rapid.ID).Draw(t, "parents"),
			Tree:    genID().Draw(t, "tree"),
			Entries: rapid.Uint64Range(0, MaxTotalEntries).Draw(t, "entries"),
			Bytes:   rapid.Uint64Range(0, MaxTotalBytes).Draw(t, "bytes"),
			Device:  genID().Draw(t, "device"),
			Author:  rapid.StringMatching(`[^\x00-\x1f\x7f]{0,20}`).Draw(t, "author"),
			Time:    genTime().Draw(t, "time"), ZoneMinutes: rapid.Int16Range(-1439, 1439).Draw(t, "zone"),
			Message:   rapid.StringMatching(`[^\x00]{0,60}`).Draw(t, "message"),
			Signature: [64]byte(rapid.SliceOfN(rapid.Byte(), 64, 64).Draw(t, "signature")),
		}
		c.Generation = 1
		if len(c.Parents) > 0 {
			c.Generation = rapid.Uint64Range(2, 1<<40).Draw(t, "generation")
		}
		keys := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,8}`), 0, 4, rapid.ID).Draw(t, "labels")
		slices.Sort(keys)
		for _, k := range keys {
			c.Labels = append(c.Labels, Label{k, rapid.StringMatching(`[^\x00]{0,9}`).Draw(t, "value")})
		}
		return c
	})
}

func genTag() *rapid.Generator[Tag] {
	return rapid.Custom(func(t *rapid.T) Tag {
		return Tag{
			Target: genID().Draw(t, "target"), Device: genID().Draw(t, "device"),
			Name:   rapid.StringMatching(`[^\x00-\x1f\x7f]{1,20}`).Draw(t, "name"),
			Tagger: rapid.StringMatching(`[^\x00-\x1f\x7f]{0,20}`).Draw(t, "tagger"),
			Time:   genTime().Draw(t, "time"), ZoneMinutes: rapid.Int16Range(-1439, 1439).Draw(t, "zone"),
			Message:   rapid.StringMatching(`[^\x00]{0,60}`).Draw(t, "message"),
			Signature: [64]byte(rapid.SliceOfN(rapid.Byte(), 64, 64).Draw(t, "signature")),
		}
	})
}
