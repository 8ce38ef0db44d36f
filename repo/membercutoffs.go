package repo

import (
	"fmt"

	"evault/keys"
	"evault/refs"
)

// cutoffsOf gives the newest records that a device has written, as far as they are known here: in the local store and in
// what was last seen of every remote store. Where a mirror cannot be read, a note says so: to expel a device must not fail
// because of what some remote holds, and cut-offs can be added later.
func (r *Repository) cutoffsOf(device [32]byte) (cutoffs []keys.Cutoff, notes []string) {
	collect := func(logs *refs.Refs) {
		for _, p := range logs.LogsOf(device) {
			cutoffs = append(cutoffs, keys.Cutoff{Log: p.Tag, Sequence: p.Seq, Header: p.Hash})
		}
	}
	collect(r.refs)
	err := r.eachMirror(func(logs *refs.Refs) error { collect(logs); return nil })
	if err != nil {
		notes = append(notes, fmt.Sprintf("of what the device has published there, only what another device has seen stays valid until the removal "+
			"is repeated after a fetch: %v", err))
	}
	return cutoffs, notes
}
