package repo

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"evault/objects"
	"evault/refs"
)

func stateExample(t testing.TB) *mergeState {
	t.Helper()
	raw, err := objects.AppendEntry(nil, entryFrom("a", "text mode=600", false))
	if err != nil {
		t.Fatal(err)
	}
	return &mergeState{
		Operation: "merge", What: "feature", Label: "feature", Writing: true, Ours: objects.ID{1}, Theirs: objects.ID{2},
		Parents: []objects.ID{{1}, {2}}, Tree: objects.TreeRef{ID: objects.ID{3}, Entries: 4, Bytes: 500}, Message: "Merge\nit", Author: "Ann",
		Packs: []refs.Pack{{Name: [32]byte{6}, Size: 700}},
		Conflicts: []Conflict{{Path: "d/a", Kind: ConflictContent, Base: raw, Ours: raw, Theirs: raw, Written: raw, Kept: "d/a.feature"},
			{Path: "z", Kind: ConflictRenameRename, Base: raw, Resolved: true}},
		Rest: pickRest{Todo: []objects.ID{{8}}, Mainline: 2, NoteOrigin: true, Begun: objects.ID{9}},
	}
}

func TestMergeStateRoundTrip(t *testing.T) {
	for _, s := range []*mergeState{stateExample(t), {Operation: "revert"}} {
		data, err := s.encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := decodeMergeState(data)
		if err != nil || !reflect.DeepEqual(back, s) {
			t.Fatalf("%+v came back as %+v, %v", s, back, err)
		}
		for n := range data {
			if _, err := decodeMergeState(data[:n]); err == nil {
				t.Fatalf("%d of %d bytes are taken", n, len(data))
			}
		}
		if _, err := decodeMergeState(append(data, 0)); !errors.Is(err, errMergeState) {
			t.Errorf("a byte more: %v", err)
		}
		data[0] = 9
		if _, err := decodeMergeState(data); !errors.Is(err, ErrNewer) {
			t.Errorf("another version: %v", err)
		}
	}
}

func FuzzMergeState(f *testing.F) {
	data, err := stateExample(f).encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decodeMergeState(data)
		if err != nil {
			return
		}
		again, err := s.encode()
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%x is encoded as %x, %v", data, again, err)
		}
	})
}
