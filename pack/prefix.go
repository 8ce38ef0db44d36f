package pack

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"

	"evault/objects"
)

// FindPrefix lists the IDs of stored objects that begin with the given lower-case hexadecimal digits, ascending, at most
// limit of them. Anything else than digits finds nothing.
func (db *DB) FindPrefix(prefix string, limit int) []objects.ID {
	low, ok := prefixFloor(prefix)
	if !ok {
		return nil
	}
	db.set.mu.RLock()
	defer db.set.mu.RUnlock()
	var found []objects.ID
	for _, r := range db.set.runs {
		found = r.prefix(found, low, prefix, limit)
	}
	slices.SortFunc(found, objects.ID.Compare)
	found = slices.Compact(found)
	return found[:min(len(found), limit)]
}

// prefixFloor gives the least ID that begins with the digits.
func prefixFloor(prefix string) (objects.ID, bool) {
	var id objects.ID
	if len(prefix) > 2*len(id) {
		return id, false
	}
	padded := prefix + strings.Repeat("0", 2*len(id)-len(prefix))
	_, err := hex.Decode(id[:], []byte(padded))
	return id, err == nil && id.String() == padded
}

// prefix appends the IDs of live packs that begin with prefix, at most limit of this run. A damaged block ends the search:
// whoever needs the object finds that out, and has the run built anew.
func (r *run) prefix(found []objects.ID, low objects.ID, prefix string, limit int) []objects.ID {
	blocks := blocksFor(r.records)
	from, to := int64(0), blocks
	for from < to { // the first block whose last ID is not below low
		mid := (from + to) / 2
		recs, err := r.block(mid)
		if err != nil {
			return found
		}
		if bytes.Compare(recs[len(recs)-recordSize:][:len(low)], low[:]) < 0 {
			from = mid + 1
		} else {
			to = mid
		}
	}
	for b, left := from, limit; b < blocks; b++ {
		recs, err := r.block(b)
		if err != nil {
			return found
		}
		for i := lowerBound(recs, &low); i < len(recs)/recordSize; i++ {
			rec := decodeRecord(recs[i*recordSize:])
			if left == 0 || !strings.HasPrefix(rec.id.String(), prefix) {
				return found
			}
			if int64(rec.pack) < int64(len(r.live)) && r.live[rec.pack] {
				found = append(found, rec.id)
				left--
			}
		}
	}
	return found
}
