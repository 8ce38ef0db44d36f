package folder

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"evault/internal/vfs"
	"evault/refs"
	"evault/remote"
)

// Heads gives the newest position of every log. See remote.Store.
//
// A log is what is numbered from 0 without a gap. What lies behind a gap, and names that are no numbers, are passed over. A
// newest record that is no record is remote.ErrDamaged: without it nobody can say where the log stands.
func (s *Store) Heads(ctx context.Context) ([]refs.Position, error) {
	if _, err := s.enter(ctx); err != nil {
		return nil, err
	}
	heads, err := s.readHeads(ctx)
	if err != nil {
		return nil, s.named(logsDir, err)
	}
	return heads, nil
}

// readHeads gives the heads ascending by tag.
func (s *Store) readHeads(ctx context.Context) ([]refs.Position, error) {
	tags, err := s.tags()
	if err != nil {
		return nil, err
	}
	heads := make([]refs.Position, 0, len(tags))
	for _, tag := range tags {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		head, ok, err := s.readHead(tag)
		if err != nil {
			return nil, err
		}
		if ok {
			heads = append(heads, head)
		}
	}
	return heads, nil
}

// tags lists the logs, ascending.
func (p *place) tags() ([]refs.Tag, error) {
	names, err := p.readNames(logsDir)
	if err != nil {
		return nil, err
	}
	var tags []refs.Tag
	for _, n := range names {
		if tag, err := refs.ParseTag(n.Name); err == nil && mayBe(n, vfs.Directory) {
			tags = append(tags, tag)
		}
	}
	if len(tags) > refs.MaxLogs {
		return nil, fmt.Errorf("%w: %d logs, more than the %d that are allowed", remote.ErrDamaged, len(tags), refs.MaxLogs)
	}
	slices.SortFunc(tags, func(a, b refs.Tag) int { return bytes.Compare(a[:], b[:]) })
	return tags, nil
}

// readHead gives the newest position of one log; ok is false if it has no records.
func (p *place) readHead(tag refs.Tag) (head refs.Position, ok bool, err error) {
	d, err := p.openDir(logsDir, tag.String())
	if errors.Is(err, fs.ErrNotExist) {
		return head, false, nil
	}
	if err != nil {
		return head, false, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	known, ok := p.heads.get(tag)
	if ok && known.holds(d) {
		return known.Position, true, nil
	}
	n, err := countRecords(d)
	if err != nil || n == 0 {
		return head, false, err
	}
	found, err := headAt(d, tag, n-1)
	if err != nil {
		return head, false, fmt.Errorf("log %s: %w", tag, err)
	}
	p.heads.set(found)
	return found.Position, true, nil
}

// countRecords says how many records there are, numbered from 0 without a gap.
func countRecords(d vfs.Dir) (uint64, error) {
	names, err := d.ReadNames(nil)
	if err != nil {
		return 0, err
	}
	seqs := make([]uint64, 0, len(names))
	for _, n := range names {
		if seq, ok := parseSeqName(n.Name); ok {
			seqs = append(seqs, seq)
		}
	}
	slices.Sort(seqs)
	for i, seq := range seqs {
		if seq != uint64(i) {
			return uint64(i), nil
		}
	}
	return uint64(len(seqs)), nil
}

// headAt reads what stands at a place of a log.
func headAt(d vfs.Dir, tag refs.Tag, seq uint64) (knownHead, error) {
	data, err := readRegular(d, seqName(seq), refs.MaxRecord, nil)
	if err != nil {
		return knownHead{}, err
	}
	hash, err := hashOf(data, tag, seq)
	if err != nil {
		return knownHead{}, err
	}
	found := knownHead{Position: refs.Position{Tag: tag, Seq: seq, Hash: hash}}
	return found, d.Lstat(seqName(seq), &found.stat)
}

// hashOf gives the hash of the header of a record that belongs to a place: remote.ErrDamaged if it does not.
func hashOf(data []byte, tag refs.Tag, seq uint64) (hash [32]byte, err error) {
	h, body, err := refs.DecodeHeader(data)
	if err != nil {
		return hash, fmt.Errorf("%w: record %d: %w", remote.ErrDamaged, seq, err)
	}
	if h.Tag != tag || h.Seq != seq {
		return hash, fmt.Errorf("%w: record %d is another one", remote.ErrDamaged, seq)
	}
	return sha256.Sum256(data[:len(data)-len(body)]), nil
}

// headCache remembers the heads that were read, so that a log is not listed for each question. The zero value is empty.
type headCache struct {
	mu    sync.Mutex
	heads map[refs.Tag]knownHead
}

// knownHead is a head with the file it was read from.
type knownHead struct {
	refs.Position
	stat vfs.Stat
}

// holds says whether that file is still there, the same, and none follows it.
func (h knownHead) holds(d vfs.Dir) bool {
	var st vfs.Stat
	if d.Lstat(seqName(h.Seq), &st) != nil || !sameFile(st, h.stat) {
		return false
	}
	return errors.Is(d.Lstat(seqName(h.Seq+1), &st), fs.ErrNotExist)
}

func (c *headCache) get(tag refs.Tag) (knownHead, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, ok := c.heads[tag]
	return h, ok
}

func (c *headCache) set(h knownHead) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.heads == nil {
		c.heads = make(map[refs.Tag]knownHead)
	}
	c.heads[h.Tag] = h
}
