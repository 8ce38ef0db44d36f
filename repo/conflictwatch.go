package repo

import (
	"bytes"

	"evault/internal/textdiff"
	"evault/objects"
)

// conflictWatch is the sink of a reader's files. It looks at the chunks of those that HEAD has already, on their way into the
// store, for the markers that a merge leaves: they are in memory then, and a first commit, in which nothing is known, costs
// nothing. Files above blockThreshold do not come this way, and are no texts that anybody merges.
type conflictWatch struct {
	sink   objects.Sink
	active bool
	marked bool
}

func (w *conflictWatch) begin(active bool) { w.active, w.marked = active, false }

// Put stores an object.
func (w *conflictWatch) Put(kind objects.Kind, data []byte) (objects.ID, error) {
	if w.active && !w.marked && kind == objects.KindChunk {
		w.marked = hasMarkers(data)
	}
	return w.sink.Put(kind, data)
}

// found reports what was seen of a file; the smallest are within their entry.
func (w *conflictWatch) found(e *objects.Entry) bool {
	if w.active && e.Content.Kind == objects.ContentInline {
		return hasMarkers(e.Content.Inline)
	}
	return w.marked
}

// hasMarkers is textdiff.HasConflictMarkers, with a look in front that costs next to nothing where there are none.
func hasMarkers(text []byte) bool {
	return bytes.Contains(text, []byte("<<<<<<<")) && !textdiff.IsBinary(text) && textdiff.HasConflictMarkers(text)
}
