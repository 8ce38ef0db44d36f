package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"evault/internal/textdiff"
	"evault/objects"
)

// SpaceMode says which differences within lines do not count.
type SpaceMode uint8

// The modes, named as git's options are.
const (
	AllSpaceCounts    SpaceMode = iota
	IgnoreSpaceAtEOL            // at the end of a line
	IgnoreSpaceChange           // how much space there is, where there is some
	IgnoreAllSpace              // any space at all
)

// maxTextLines is how many lines a text may have to be compared by them; longer ones are compared by their chunks.
const maxTextLines = 4 << 20

// keyOfLine is what lines are compared by; nil: by all their bytes.
func (s SpaceMode) keyOfLine() func([]byte) []byte {
	switch s {
	case IgnoreSpaceAtEOL:
		return textdiff.WithoutSpaceAtEnd
	case IgnoreSpaceChange:
		return textdiff.SpaceAsOne
	case IgnoreAllSpace:
		return textdiff.WithoutSpace
	}
	return nil
}

// hasContent says that an entry has bytes that can be compared.
func hasContent(e *objects.Entry) bool {
	return e != nil && (e.Type == objects.TypeFile || e.Type == objects.TypeSymlink)
}

// content compares the contents of a pair. given is false where nothing of the difference is left.
func (c *comparison) content(ctx context.Context, p *diffPair, d *FileDiff) (given bool, err error) {
	if !hasContent(d.Old) && !hasContent(d.New) {
		return true, nil
	}
	d.Content = &ContentDiff{}
	if d.Kind != TypeChanged && d.Old != nil && d.New != nil && d.Old.Content.Equal(&d.New.Content) && d.Old.Target == d.New.Target {
		return true, nil
	}
	was, err := c.load(ctx, &p.old)
	if err != nil && !errors.Is(err, errTooLong) {
		return false, err
	}
	is, isErr := []byte(nil), err
	if err == nil {
		if is, isErr = c.load(ctx, &p.new); isErr != nil && !errors.Is(isErr, errTooLong) {
			return false, isErr
		}
	}
	if isErr != nil || isNoText(was) || isNoText(is) {
		d.Content.Binary = true
		return true, c.shared(ctx, p, d.Content)
	}
	c.compareText(was, is, d)
	return c.o.Space == AllSpaceCounts || len(d.Content.Hunks) > 0 || d.Kind != Modified || len(d.Details) > 1 || d.Details[0] != DetailContent, nil
}

func isNoText(data []byte) bool {
	return textdiff.IsBinary(data) || len(data) > maxTextLines && bytes.Count(data, []byte("\n")) > maxTextLines
}

// load reads one side, unless it is larger than is compared by lines.
func (c *comparison) load(ctx context.Context, s *diffSide) (data []byte, err error) {
	switch {
	case !hasContent(s.entry):
		return nil, nil
	case s.disk != nil:
		data, err = s.disk.load(ctx, c.o.Limit)
	default:
		data, err = contentOf(ctx, c.src, s.entry, c.o.Limit)
	}
	switch {
	case err == nil, errors.Is(err, errTooLong):
	case s.disk != nil:
		err = &diskError{err}
	default:
		err = fmt.Errorf("%s: %w", s.path, err)
	}
	return data, err
}

// diskError is a failure to read the work tree, which concerns one file.
type diskError struct{ err error }

func (e *diskError) Error() string { return e.err.Error() }
func (e *diskError) Unwrap() error { return e.err }

func (c *comparison) compareText(was, is []byte, d *FileDiff) {
	out := d.Content
	out.Old, out.New = textdiff.Lines(was), textdiff.Lines(is)
	if d.Kind == TypeChanged { // shown as two files, one gone and one new
		out.Deleted, out.Added = len(out.Old), len(out.New)
		return
	}
	var changes []textdiff.Change
	if key := c.o.Space.keyOfLine(); key != nil {
		changes = textdiff.DiffBy(out.Old, out.New, key)
	} else {
		changes = textdiff.Diff(out.Old, out.New)
	}
	for _, ch := range changes {
		out.Deleted += ch.A1 - ch.A0
		out.Added += ch.B1 - ch.B0
	}
	out.Hunks = textdiff.Hunks(changes, len(out.Old), len(out.New), c.o.Context)
}

// shared says how much two contents that are no text have in common, by their chunks alone.
func (c *comparison) shared(ctx context.Context, p *diffPair, out *ContentDiff) error {
	was, is := p.old.entry, p.new.entry
	for _, e := range []*objects.Entry{was, is} {
		if hasContent(e) {
			out.Total = max(out.Total, e.Size)
		}
	}
	if !hasContent(was) || !hasContent(is) {
		return nil
	}
	var err error
	out.Shared, err = commonBytes(c.extentsOf(ctx, &p.old), c.extentsOf(ctx, &p.new))
	if errors.Is(err, errTooLong) {
		return nil
	}
	return err
}

// extentsOf gives the pieces of one side, whether it is in the store or on disk.
func (c *comparison) extentsOf(ctx context.Context, s *diffSide) extentSeq {
	if s.disk != nil && s.disk.chunks != nil {
		return func(each func(objects.Extent) error) error {
			for _, x := range s.disk.chunks {
				if err := each(x); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return func(each func(objects.Extent) error) error {
		return objects.Extents(ctx, c.src, s.entry.Content, s.entry.Size, each)
	}
}
