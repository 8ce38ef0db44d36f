package pack

// cursor walks the live records of a run in order, with the packs renumbered.
type cursor struct {
	run   *run
	remap []uint32 // number in the run's table -> in the merged one
	block int64
	recs  []byte
	rec   record
	ok    bool
}

// next moves to the next record of a live pack; c.ok says whether there is one.
func (c *cursor) next() error {
	for {
		for len(c.recs) == 0 {
			if c.block == blocksFor(c.run.records) {
				c.ok = false
				return nil
			}
			recs, err := c.run.block(c.block)
			if err != nil {
				return err
			}
			c.recs = recs
			c.block++
		}
		c.rec = decodeRecord(c.recs)
		c.recs = c.recs[recordSize:]
		if int64(c.rec.pack) >= int64(c.run.packs()) {
			return errRun
		}
		if c.run.live[c.rec.pack] {
			c.rec.pack = c.remap[c.rec.pack]
			c.ok = true
			return nil
		}
	}
}

// mergedTable gives the live packs of the runs, each once, and a cursor for each run that numbers by that table.
func mergedTable(runs []*run) ([]knownPack, []*cursor) {
	var packs []knownPack
	number := make(map[Name]uint32)
	cursors := make([]*cursor, len(runs))
	for i, r := range runs {
		remap := make([]uint32, r.packs())
		for p := range remap {
			if !r.live[p] {
				continue
			}
			name := r.packName(uint32(p))
			n, ok := number[name]
			if !ok {
				n = uint32(len(packs))
				number[name] = n
				packs = append(packs, knownPack{name: name})
			}
			packs[n].verified = packs[n].verified || r.verified[p]
			remap[p] = n
		}
		cursors[i] = &cursor{run: r, remap: remap}
	}
	return packs, cursors
}

// mergeRecords adds the records of all cursors to w in order. Runs are few, so the least is looked for one by one.
//
// Renumbering may order the records of one ID in two packs differently than in their run. Only IDs must ascend across
// the file; the records of one ID are therefore collected and sorted before they are added.
func mergeRecords(w *runWriter, cursors []*cursor) error {
	for _, c := range cursors {
		if err := c.next(); err != nil {
			return err
		}
	}
	var same []record
	for {
		var least *cursor
		for _, c := range cursors {
			if c.ok && (least == nil || compareIDs(&c.rec.id, &least.rec.id) < 0) {
				least = c
			}
		}
		if least == nil || len(same) > 0 && same[0].id != least.rec.id {
			if err := addSorted(w, same); err != nil {
				return err
			}
			same = same[:0]
		}
		if least == nil {
			return nil
		}
		same = append(same, least.rec)
		if err := least.next(); err != nil {
			return err
		}
	}
}
