package refs

import (
	"os"
	"testing"
)

// A mirror with a damaged record, or a gap, is found out, cut off before it, and whole again after the next Mirror.
func TestMendedMirrorIsFetchedAgain(t *testing.T) {
	for _, spoil := range []string{"flipped", "cut", "removed"} {
		for seq := range uint64(3) {
			all, h := fleet(t, 2), newHost(t, 1)
			for n := range 3 {
				all[0].push(h, "main", n+1)
			}
			d := all[1]
			d.mirror(h)
			o := d.options(h)
			if found, err := CheckMirror(t.Context(), o); err != nil || len(found.Problems) > 0 {
				t.Fatalf("a sound mirror: %v, %v", found, err)
			}
			var tag Tag
			for tag = range h.logs {
			}
			name := recordPath(tag, seq)
			data, err := readNamed(o.Store, name, MaxRecord)
			must(t, err)
			switch spoil {
			case "flipped":
				data[len(data)/2] ^= 4
			case "cut":
				data = data[:len(data)-1]
			}
			must(t, o.Store.Remove(name))
			if spoil != "removed" {
				f, err := o.Store.OpenHandle(name, os.O_CREATE|os.O_WRONLY, 0o600)
				must(t, err)
				_, err = f.Write(data)
				must(t, err)
				must(t, f.Close())
			}
			found, err := CheckMirror(t.Context(), o)
			must(t, err)
			if lastGone := spoil == "removed" && seq == 2; lastGone != (len(found.Problems) == 0) {
				t.Errorf("%s %d: %v", spoil, seq, found.Problems)
			}
			must(t, MendMirror(o, found))
			if found, err = CheckMirror(t.Context(), o); err != nil || len(found.Problems) > 0 {
				t.Errorf("%s %d: after mending: %v, %v", spoil, seq, found, err)
			}
			m := d.mirror(h)
			if want := 3 - int(seq); m.New != want || len(m.Problems) > 0 {
				t.Errorf("%s %d: %d records are new, not %d: %v", spoil, seq, m.New, want, m.Problems)
			}
			wantRef(t, d.open(h), "main", 3)
		}
	}
}

// A record on its way that has rotted is found out and removed.
func TestMendedOutbox(t *testing.T) {
	all, h := fleet(t, 1), newHost(t, 1)
	all[0].push(h, "main", 1)
	o := all[0].options(h)
	must(t, o.Local.MkdirAll(outboxDir, 0o700))
	var tag Tag
	for tag = range h.logs {
	}
	name := outboxDir + "/" + outboxName(tag, 1)
	f, err := o.Local.OpenHandle(name, os.O_CREATE|os.O_WRONLY, 0o600)
	must(t, err)
	_, err = f.Write(h.logs[tag][0])
	must(t, err)
	must(t, f.Close())
	found, err := CheckMirror(t.Context(), o)
	must(t, err)
	if len(found.Outbox) != 1 {
		t.Fatalf("found %+v", found)
	}
	must(t, MendMirror(o, found))
	if there, err := exists(o.Local, name); there || err != nil {
		t.Errorf("still there: %v", err)
	}
}
