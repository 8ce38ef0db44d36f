package pack

import (
	"encoding/binary"
	"sync"

	"evault/objects"
)

const (
	claimShards = 64
	claimBlock  = 256 // records allotted at a time: nothing is copied when a shard grows
)

// claims is what a session has taken on to write: each object once, whichever goroutine came first, with its place
// once it has one. A record costs 44 bytes and a slot of 4 in a table that is at most three quarters full.
//
// An object belongs to the shard that the upper six bits of its ID name, so that the shards, sorted one by one, are in
// order together.
type claims struct {
	shards [claimShards]claimShard
}

type claimShard struct {
	mu    sync.Mutex
	slots []uint32 // number of a record plus one; open addressing
	recs  [][]record
	count uint32
}

func (c *claims) shard(id *objects.ID) *claimShard { return &c.shards[id[0]>>2] }

// claim reports whether the caller is the first to ask, and so has to write the object.
func (c *claims) claim(id *objects.ID) bool {
	s := c.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if int(s.count+1)*4 > len(s.slots)*3 {
		s.grow()
	}
	slot := s.slot(id)
	if s.slots[slot] != 0 {
		return false
	}
	if s.count%claimBlock == 0 {
		s.recs = append(s.recs, make([]record, claimBlock))
	}
	s.at(s.count).id = *id
	s.count++
	s.slots[slot] = s.count
	return true
}

// place notes where a claimed object lies. The pack counts in the session.
func (c *claims) place(id *objects.ID, pack, frame, place uint32) {
	s := c.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.at(s.slots[s.slot(id)] - 1)
	r.pack, r.frame, r.place = pack, frame, place
}

func (s *claimShard) at(i uint32) *record { return &s.recs[i/claimBlock][i%claimBlock] }

// slot gives the slot of an ID: the one it is in, or the free one where it would go.
func (s *claimShard) slot(id *objects.ID) uint32 {
	mask := uint32(len(s.slots) - 1)
	i := binary.BigEndian.Uint32(id[8:]) & mask
	for s.slots[i] != 0 && s.at(s.slots[i]-1).id != *id {
		i = (i + 1) & mask
	}
	return i
}

func (s *claimShard) grow() {
	s.slots = make([]uint32, max(64, 2*len(s.slots)))
	for i := range s.count {
		s.slots[s.slot(&s.at(i).id)] = i + 1
	}
}

// len gives the number of objects claimed.
func (c *claims) len() int {
	n := 0
	for i := range c.shards {
		n += int(c.shards[i].count)
	}
	return n
}

// fill adds all records to a run, in order. Nobody claims any more.
func (c *claims) fill(w *runWriter) error {
	var sorted []record
	for i := range c.shards {
		s := &c.shards[i]
		sorted = sorted[:0]
		for j := range s.count {
			sorted = append(sorted, *s.at(j))
		}
		if err := addSorted(w, sorted); err != nil {
			return err
		}
	}
	return nil
}
