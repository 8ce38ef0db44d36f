package textdiff

import "iter"

// Change says that lines [A0,A1) of a text a became lines [B0,B1) of a text b, both counted from 0. One of the two may be
// empty: lines were added, or removed.
type Change struct{ A0, A1, B0, B1 int }

// Hunk is one or more changes and the equal lines around and between them: lines [A0,A1) of a and [B0,B1) of b.
type Hunk struct {
	A0, A1, B0, B1 int
	Changes        []Change
}

// Hunks puts up to context equal lines before and after each change of Diff, for texts of lenA and lenB lines. Changes with at
// most twice as many equal lines between them share a hunk. The hunks' Changes are parts of the slice given.
func Hunks(changes []Change, lenA, lenB, context int) []Hunk {
	context = max(context, 0)
	var hunks []Hunk
	for first := 0; first < len(changes); {
		end := first + 1
		for end < len(changes) && changes[end].A0-changes[end-1].A1 <= 2*context {
			end++
		}
		from, to := changes[first], changes[end-1]
		before := min(context, from.A0, from.B0)
		after := min(context, lenA-to.A1, lenB-to.B1)
		hunks = append(hunks, Hunk{from.A0 - before, to.A1 + after, from.B0 - before, to.B1 + after, changes[first:end]})
		first = end
	}
	return hunks
}

// What a line of a hunk is.
const (
	Equal   = ' ' // in both texts
	Removed = '-' // in a only
	Added   = '+' // in b only
)

// Lines goes through the lines of a hunk as a diff prints them: of each change first what was removed, then what was added.
func (h Hunk) Lines(a, b [][]byte) iter.Seq2[byte, []byte] {
	return func(yield func(byte, []byte) bool) {
		each := func(kind byte, lines [][]byte) bool {
			for _, line := range lines {
				if !yield(kind, line) {
					return false
				}
			}
			return true
		}
		at := h.A0
		for _, c := range h.Changes {
			if !each(Equal, a[at:c.A0]) || !each(Removed, a[c.A0:c.A1]) || !each(Added, b[c.B0:c.B1]) {
				return
			}
			at = c.A1
		}
		each(Equal, a[at:h.A1])
	}
}
