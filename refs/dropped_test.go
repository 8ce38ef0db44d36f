package refs

import (
	"context"
	"errors"
	"testing"
)

// strip drops the body of a record at a host.
func (h *host) strip(tag Tag, seq int) {
	h.t.Helper()
	data := h.logs[tag][seq]
	_, body, err := DecodeHeader(data)
	must(h.t, err)
	h.logs[tag][seq] = data[:len(data)-len(body)]
}

// A host sends a header without its body: what the record says is not known, so it is not taken, and once the host sends all of
// it, it is.
func TestStrippedBodyIsNotTaken(t *testing.T) {
	all, h := fleet(t, 3), newHost(t, 1)
	for n := range 4 {
		all[1].push(h, "main", n+1)
	}
	all[2].push(h, "dev", 9)
	honest := h.copy()
	h.strip(all[1].tag(h), 2)
	d := all[0]
	m := d.tryMirror(h, h)
	wantNamed(t, errors.Join(m.Problems...), ErrDamaged, "record 2", "body is missing")
	r, err := Open(d.options(h))
	must(t, err)
	wantRef(t, r, "main", 2)
	d.mirror(honest)
	wantRef(t, d.open(h), "main", 4)
	wantRef(t, d.open(h), "dev", 9)
}

// Behind a checkpoint bodies may be gone, in the log of the checkpoint and in others, in whichever order they come.
func TestBodiesBehindACheckpointAreNotMissed(t *testing.T) {
	for range 4 { // tags, and so the order of the logs, are random
		all, h := fleet(t, 3), newHost(t, 1)
		for n := range 3 {
			all[1].push(h, "main", n+1)
			all[2].push(h, "dev", n+1)
		}
		r := all[1].sync(h)
		_, err := r.Append(context.Background(), Operation{Name: "checkpoint", Checkpoint: true})
		must(t, err)
		all[2].push(h, "dev", 7)
		for seq := range 3 {
			h.strip(all[1].tag(h), seq)
			h.strip(all[2].tag(h), seq)
		}
		d := all[0]
		r = d.sync(h)
		wantRef(t, r, "main", 3)
		wantRef(t, r, "dev", 7)
		// The checkpoint came with an earlier call.
		must(t, d.disk.RemoveAll("remotes/"+h.id.String()+"/logs/"+all[2].tag(h).String()))
		d.mirror(h)
		wantRef(t, d.open(h), "dev", 7)
	}
}
