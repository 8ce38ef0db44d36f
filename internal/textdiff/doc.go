// Package textdiff compares texts line by line: what differs between two, how to print that so that patch can apply it, and
// how two changed versions of one text go together.
//
// A text is bytes; Lines cuts it into lines, and everything else counts lines:
//
//	a, b := textdiff.Lines(before), textdiff.Lines(after)
//	changes := textdiff.Diff(a, b)                       // lines [A0,A1) of a became [B0,B1) of b
//	hunks := textdiff.Hunks(changes, len(a), len(b), 3)  // the same with three lines around, neighbours joined
//	err := textdiff.WriteUnified(w, a, b, hunks)         // "@@ -1,4 +1,5 @@" and so on
//
//	merged, conflicts := textdiff.Merge(base, ours, theirs, textdiff.MergeOptions{Ours: "main", Theirs: "topic"})
//
// # How lines are matched
//
// Equal lines get equal numbers (intern.go). What both texts begin and end with is cut off; lines that the other text does not
// have, and frequent lines that stand among such, are put aside (discard.go). What is left is matched by the algorithm of
// Myers in linear space (myers.go). Where that becomes dear, lines that occur once on either side are anchors (anchor.go),
// and where there are none the search gives up being minimal; so that time is bounded for any input. At last each
// change is moved to where people expect it among equal lines (slide.go, indent.go).
//
// The ways and their order are chosen so that results are those of git's default algorithm wherever that is not stopped
// by its own limits, because people compare: a diff looks as the one they know, and a merge that is clean there is
// clean here and gives the same bytes.
//
// Nothing here does input or output but WriteUnified, and nothing keeps state: all functions may be called at once from many
// goroutines.
package textdiff
