package repo

import (
	"encoding/binary"
	"errors"
	"fmt"

	"evault/internal/wire"
	"evault/objects"
	"evault/refs"
)

// The state of an operation in progress: version u8 = 1, flags u8 (1: writing), operation, what and label as texts, ours and
// theirs (32 bytes each), parents as a list of IDs, tree (32 bytes, entries uvarint, bytes uvarint), message and author as
// texts, packs as a list of names and sizes, conflicts as a list: flags u8 (1: resolved), path, kind, and the other name as texts, base,
// ours, theirs and what was written as texts of no bytes for none; what is left to do: a list of IDs, mainline uvarint, flags u8
// (1: note the origin), where it began (32 bytes). Texts and lists have their length before them, as uvarint.
const (
	mergeStateVersion = 1
	maxMergeState     = 256 << 20 // bytes of the file
	maxStatePacks     = 1 << 20
	maxStateTodo      = 1 << 20
	maxStateWord      = 64
	maxStateText      = 4096
	maxStateEntry     = 1 << 20
	leastConflict     = 8 // bytes of the shortest one
	leastPack         = 33
)

// errMergeState says that a merge state breaks a rule of its encoding.
var errMergeState = errors.New("malformed merge state")

func (s *mergeState) encode() ([]byte, error) {
	out := []byte{mergeStateVersion, flag(s.Writing)}
	out = wire.AppendText(out, s.Operation)
	out = wire.AppendText(out, s.What)
	out = wire.AppendText(out, s.Label)
	out = append(append(out, s.Ours[:]...), s.Theirs[:]...)
	out = binary.AppendUvarint(out, uint64(len(s.Parents)))
	for _, p := range s.Parents {
		out = append(out, p[:]...)
	}
	out = append(out, s.Tree.ID[:]...)
	out = binary.AppendUvarint(binary.AppendUvarint(out, s.Tree.Entries), s.Tree.Bytes)
	out = wire.AppendText(wire.AppendText(out, s.Message), s.Author)
	out = binary.AppendUvarint(out, uint64(len(s.Packs)))
	for _, p := range s.Packs {
		out = binary.AppendUvarint(append(out, p.Name[:]...), p.Size)
	}
	out = binary.AppendUvarint(out, uint64(len(s.Conflicts)))
	for i := range s.Conflicts {
		c := &s.Conflicts[i]
		out = append(out, flag(c.Resolved))
		for _, text := range []string{c.Path, c.Kind, c.Kept, string(c.Base), string(c.Ours), string(c.Theirs), string(c.Written)} {
			out = wire.AppendText(out, text)
		}
	}
	out = binary.AppendUvarint(out, uint64(len(s.Rest.Todo)))
	for _, id := range s.Rest.Todo {
		out = append(out, id[:]...)
	}
	out = append(binary.AppendUvarint(out, uint64(s.Rest.Mainline)), flag(s.Rest.NoteOrigin))
	out = append(out, s.Rest.Begun[:]...)
	if len(out) > maxMergeState/2 {
		return nil, fmt.Errorf("%w: %d bytes", objects.ErrLimit, len(out))
	}
	// What cannot be read again must not be written.
	_, err := decodeMergeState(out)
	return out, err
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}

func decodeMergeState(data []byte) (*mergeState, error) {
	d := &stateDecoder{wire.NewDecoder(data, func(f wire.Fault) error { return fmt.Errorf("%w: %w", errMergeState, f) })}
	if v := d.Uint8("version"); d.Err() == nil && v != mergeStateVersion {
		return nil, fmt.Errorf("%w: merge state of version %d", ErrNewer, v)
	}
	s := &mergeState{Writing: d.flag("flags")}
	s.Operation = d.Printable(maxStateWord, "operation")
	s.What = string(d.Text(maxStateText, "what"))
	s.Label = string(d.Text(maxStateText, "label"))
	s.Ours, s.Theirs = d.Array32("ours"), d.Array32("theirs")
	for range d.Count(objects.MaxParents, 32, "parents") {
		s.Parents = append(s.Parents, d.Array32("parent"))
	}
	s.Tree.ID = d.Array32("tree")
	s.Tree.Entries = d.Uvarint(objects.MaxTotalEntries, "entries")
	s.Tree.Bytes = d.Uvarint(objects.MaxTotalBytes, "bytes")
	s.Message = string(d.Text(objects.MaxMessage, "message"))
	s.Author = string(d.Text(objects.MaxAuthor, "author"))
	for range d.Count(maxStatePacks, leastPack, "packs") {
		var p refs.Pack
		p.Name = d.Array32("pack")
		p.Size = d.Uvarint(1<<62, "size")
		s.Packs = append(s.Packs, p)
	}
	for range d.Count(maxConflicts, leastConflict, "conflicts") {
		s.Conflicts = append(s.Conflicts, d.conflict())
	}
	for range d.Count(maxStateTodo, 32, "commits left to do") {
		s.Rest.Todo = append(s.Rest.Todo, d.Array32("commit left to do"))
	}
	s.Rest.Mainline = int(d.Uvarint(objects.MaxParents, "mainline"))
	s.Rest.NoteOrigin = d.flag("flags of what is left to do")
	s.Rest.Begun = d.Array32("where it began")
	if err := d.End("merge state"); err != nil {
		return nil, err
	}
	return s, nil
}

// stateDecoder knows the parts that come more than once.
type stateDecoder struct{ wire.Decoder }

func (d *stateDecoder) flag(field string) bool {
	v := d.Uint8(field)
	if v > 1 {
		d.Fail(fmt.Errorf("%w: unknown %s", errMergeState, field))
	}
	return v == 1
}

func (d *stateDecoder) conflict() Conflict {
	c := Conflict{Resolved: d.flag("flags of a conflict")}
	c.Path = d.path("path")
	c.Kind = d.Printable(maxStateWord, "kind")
	c.Kept = d.path("other name")
	c.Base, c.Ours, c.Theirs, c.Written = d.entry("base"), d.entry("ours"), d.entry("theirs"), d.entry("written")
	return c
}

func (d *stateDecoder) path(field string) string { return string(d.Text(objects.MaxPath, field)) }

// entry reads the encoding of an entry, nil for none.
func (d *stateDecoder) entry(field string) []byte {
	raw := d.Text(maxStateEntry, field)
	if len(raw) == 0 || d.Err() != nil {
		return nil
	}
	var e objects.Entry
	rest, err := objects.DecodeEntry(raw, &e)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%w: bytes follow the entry of %s", errMergeState, field)
	}
	if err != nil {
		d.Fail(err)
		return nil
	}
	return append([]byte(nil), raw...)
}
