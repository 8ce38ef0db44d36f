package repo

import (
	"context"
	"errors"

	"evault/internal/textdiff"
	"evault/objects"
)

// Bounds of what is merged line by line. What is larger is merged as a whole, as a file that is no text.
const (
	maxMergeText = 32 << 20  // bytes of one version
	maxMerged    = 512 << 20 // bytes of all merged files of one merge together: they are in memory until it is certain
)

// markerSize is how many signs a conflict marker has. Markers within what is merged again are longer, as git has them, so
// that they can be told apart.
func (m *treeMerge) markerSize(nested bool) int {
	n := 7 + 2*m.depth
	if nested {
		n++
	}
	return n
}

// text merges two texts by a third, or by none; nil if one of them is no text, or too long.
func (m *treeMerge) text(s stages, base *line) (merged []byte, clashes int, err error) {
	if s.ours.Type != objects.TypeFile || m.merged > maxMerged {
		return nil, 0, nil
	}
	if f := m.ahead.take(m.ctx, &s, base); f != nil {
		return f.merged, f.clashes, f.err
	}
	return m.mergeText(m.ctx, s, base)
}

// mergeText is text without a look at what is there already. It may run beside itself and the walk.
func (m *treeMerge) mergeText(ctx context.Context, s stages, base *line) (merged []byte, clashes int, err error) {
	var texts [3][]byte
	for i, l := range [...]*line{base, s.ours, s.theirs} {
		if l == nil {
			continue
		}
		texts[i], err = contentOf(ctx, m.src, &l.Entry, maxMergeText)
		if errors.Is(err, errTooLong) {
			return nil, 0, nil
		}
		if err != nil {
			return nil, 0, err
		}
		if textdiff.IsBinary(texts[i]) {
			return nil, 0, nil
		}
	}
	names := s.labels(m.names)
	o := textdiff.MergeOptions{Ours: names.ours, Base: names.base, Theirs: names.theirs, MarkerSize: m.markerSize(s.nested)}
	if m.diff3 && m.depth == 0 {
		o.Style = textdiff.StyleDiff3
	}
	if !s.nested || m.depth == 0 {
		switch m.favour {
		case FavourOurs:
			o.Favour = textdiff.FavourOurs
		case FavourTheirs:
			o.Favour = textdiff.FavourTheirs
		}
	}
	merged, clashes = textdiff.Merge(texts[0], texts[1], texts[2], o)
	if merged == nil {
		merged = []byte{}
	}
	return merged, clashes, nil
}

// keep stores a merged text as the content of an entry.
func (m *treeMerge) keep(data []byte, e *objects.Entry) error {
	m.merged += uint64(len(data))
	e.Size = uint64(len(data))
	switch {
	case len(data) == 0:
		e.Content = objects.Content{}
		return nil
	case len(data) <= objects.MaxInline:
		e.Content = objects.Content{Kind: objects.ContentInline, Inline: data}
		return nil
	}
	list := objects.NewFileListBuilder(m.sink)
	for len(data) > 0 {
		n := m.chunker.Cut(data, true)
		if err := addChunk(list, m.sink, data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	var err error
	e.Content, err = list.Finish()
	return err
}

func addChunk(list *objects.FileListBuilder, sink objects.Sink, chunk []byte) error {
	if objects.IsZero(chunk) {
		return list.AddHole(uint64(len(chunk)))
	}
	id, err := sink.Put(objects.KindChunk, chunk)
	if err != nil {
		return err
	}
	return list.AddChunk(id, uint64(len(chunk)))
}
