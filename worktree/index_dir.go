package worktree

import "sort"

// loadDir fills d with directory number i. The stream was checked when it was loaded.
func (ix *Index) loadDir(i int, d *IndexDir) {
	path, offset, length := ix.idx.row(i)
	dec := decoder{data: ix.data, pos: offset, end: offset + length}
	dec.head(d)
	d.Path, d.ix, d.at = path, ix, i
	n := dec.uvarint()
	start := dec.pos
	for ; n > 0; n-- {
		dec.uvarint()
		dec.uvarint()
	}
	d.pieces, d.tail = ix.data[start:dec.pos], span{dec.pos, dec.end}
}

// span is a range of bytes in the stream.
type span struct{ start, end int }

// eachPiece calls fn with the runs of entries in name order until it returns false.
func (d *IndexDir) eachPiece(fn func(s span) bool) {
	dec := decoder{data: d.pieces, end: len(d.pieces)}
	for dec.more() {
		start := int(dec.uvarint())
		if !fn(span{start, start + int(dec.uvarint())}) {
			return
		}
	}
	if d.tail.end > d.tail.start {
		fn(d.tail)
	}
}

// Each calls fn with every entry in ascending order of names until it returns false. The entry is reused: copy it to
// keep it. Its Name and Raw stay valid as they are.
func (d *IndexDir) Each(fn func(e *IndexEntry) bool) {
	var e IndexEntry
	c := d.cursor()
	for c.next(&e) && fn(&e) {
	}
}

// Find looks one name up; of a huge directory no more than one piece of its entries is decoded.
func (d *IndexDir) Find(name string) (IndexEntry, bool) {
	var e IndexEntry
	c := d.cursor()
	c.seek(name)
	for c.next(&e) {
		if e.Name >= name {
			return e, e.Name == name
		}
	}
	return IndexEntry{}, false
}

// Subdirs calls fn with each directory directly below in name order until it returns false.
func (d *IndexDir) Subdirs(fn func(s *IndexDir) bool) {
	t := &d.ix.idx
	for i := d.at + 1; i < t.after(d.at); i = t.after(i) {
		s := new(IndexDir)
		d.ix.loadDir(i, s)
		if !fn(s) {
			return
		}
	}
}

// cursor walks the entries of one directory.
type cursor struct {
	decoder
	dir    *IndexDir
	pieces []span // still to come
}

func (d *IndexDir) cursor() cursor {
	c := cursor{dir: d, decoder: decoder{data: d.ix.data}}
	if len(d.pieces) == 0 {
		c.pos, c.end = d.tail.start, d.tail.end
		return c
	}
	d.eachPiece(func(s span) bool {
		c.pieces = append(c.pieces, s)
		return true
	})
	return c
}

// seek skips the pieces that end before name.
func (c *cursor) seek(name string) {
	if len(c.pieces) == 0 {
		return
	}
	n := sort.Search(len(c.pieces), func(i int) bool {
		var e IndexEntry
		d := decoder{data: c.data, pos: c.pieces[i].start, end: c.pieces[i].end}
		d.entry(&e, &c.dir.Key, c.dir.ix.text)
		return e.Name > name
	})
	c.pieces = c.pieces[max(n-1, 0):]
}

func (c *cursor) next(e *IndexEntry) bool {
	for !c.more() {
		if len(c.pieces) == 0 {
			return false
		}
		c.pos, c.end = c.pieces[0].start, c.pieces[0].end
		c.pieces = c.pieces[1:]
	}
	c.entry(e, &c.dir.Key, c.dir.ix.text)
	return true
}
