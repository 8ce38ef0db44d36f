package folder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"evault/internal/vfs"
	"evault/pack"
	"evault/refs"
	"evault/remote"
)

// compareHeads sees to it that the heads are those that the caller names, and that what is new of the batch continues its
// log. If the first few records are there already, the caller may name the head before them: he repeats a call that was
// interrupted.
func (s *Store) compareHeads(ctx context.Context, b batch, there int, named []refs.Position) error {
	heads, err := s.readHeads(ctx)
	if err != nil {
		return err
	}
	named = slices.Clone(named)
	slices.SortFunc(named, func(a, b refs.Position) int { return bytes.Compare(a.Tag[:], b.Tag[:]) })
	own := slices.IndexFunc(heads, func(p refs.Position) bool { return p.Tag == b[0].Tag })
	if !slices.Equal(named, heads) && (there == 0 || !slices.Equal(named, withBefore(heads, own, b))) {
		return remote.ErrConflict
	}
	if own >= 0 {
		if err := b[there].Follows(heads[own]); err != nil {
			return fmt.Errorf("%w: %w", remote.ErrMismatch, err)
		}
		return nil
	}
	if b[there].Seq != 0 {
		return fmt.Errorf("%w: record %d of a log that has none", remote.ErrMismatch, b[there].Seq)
	}
	return s.roomForLog(b[0].Tag)
}

// withBefore is heads with the own log's as it was before the batch.
func withBefore(heads []refs.Position, own int, b batch) []refs.Position {
	if own < 0 {
		return heads
	}
	out := slices.Clone(heads)
	if p, ok := b.before(); ok {
		out[own] = p
		return out
	}
	return slices.Delete(out, own, own+1)
}

// roomForLog keeps a store from growing beyond what Heads can list.
func (s *Store) roomForLog(tag refs.Tag) error {
	tags, err := s.tags()
	if err != nil {
		return err
	}
	if len(tags) >= refs.MaxLogs && !slices.Contains(tags, tag) {
		return fmt.Errorf("%w: a store holds at most %d logs", remote.ErrQuota, refs.MaxLogs)
	}
	return nil
}

// packsPresent sees to it that all packs that records add are there, with the sizes that they give. The error is a
// remote.MissingPacksError.
func (s *Store) packsPresent(ctx context.Context, b batch) error {
	var want []refs.Pack
	for _, e := range b {
		want = append(want, e.Added...)
	}
	slices.SortFunc(want, func(a, b refs.Pack) int { return bytes.Compare(a.Name[:], b.Name[:]) })
	want = slices.Compact(want)
	var missing []refs.Pack
	for len(want) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := 1
		for n < len(want) && want[n].Name[0] == want[0].Name[0] {
			n++
		}
		part, err := s.missingOf(want[:n])
		if err != nil {
			return err
		}
		missing = append(missing, part...)
		want = want[n:]
	}
	if len(missing) > 0 {
		return &remote.MissingPacksError{Packs: missing}
	}
	return nil
}

// missingOf gives those of some packs, all of one folder, that are not there.
func (s *Store) missingOf(packs []refs.Pack) (missing []refs.Pack, err error) {
	d, err := s.openDir(packsDir, packDir(packs[0].Name))
	if errors.Is(err, fs.ErrNotExist) {
		return packs, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	for _, p := range packs {
		var st vfs.Stat
		err := d.Lstat(packFile(pack.Name(p.Name)), &st)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err != nil || st.Type != vfs.Regular || uint64(st.Size) != p.Size {
			missing = append(missing, p)
		}
	}
	return missing, nil
}
