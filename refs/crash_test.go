package refs

import (
	"bytes"
	"context"
	"errors"
	"os"
	"syscall"
	"testing"

	"evault/internal/vfs/memfs"
	"evault/objects"
)

// moves is what the crash and fault tests do: a commit, a switch, another commit, each by a newly opened Refs, as commands do.
var moves = []Operation{
	{Name: "commit", Changes: []Change{{"heads/main", objects.ID{}, commitID(1)}}},
	{Name: "switch", HeadAfter: Head{Branch: "dev"}, Changes: []Change{{"heads/dev", objects.ID{}, commitID(1)}}},
	{Name: "commit", PacksAdded: manyPacks(2), Changes: []Change{{"heads/dev", commitID(1), commitID(2)}}},
}

// A crash at any instant leaves the log before or after each append, never less than what was acknowledged, and the next
// append works.
func TestCrashes(t *testing.T) {
	for _, fresh := range []bool{true, false} {
		g := newRig(t)
		before := 0
		if !fresh {
			g.start()
			before = 1
		}
		base := g.disk.Snapshot()
		g.disk.Record()
		if fresh {
			g.start()
			g.disk.Mark("appended")
		}
		for _, op := range moves {
			g.append(g.open(), op)
			g.disk.Mark("appended")
		}
		signed := g.records(g.open().Tag())
		states := 0
		opts := memfs.CrashOptions{Subsets: 2}
		if os.Getenv("EVAULT_PROVE") == "1" {
			opts.Subsets = 40
		}
		for c := range memfs.Crashes(g.disk.Ops(), base, opts) {
			states++
			g.on(c.Open()).judge(c.String(), signed, before+len(c.Marks()))
		}
		t.Logf("proof row 1: %d crash states of appends, 0 lost", states)
	}
}

// records gives the bytes of every record of a log.
func (g *rig) records(tag Tag) (out [][]byte) {
	g.t.Helper()
	for seq := uint64(0); ; seq++ {
		if _, err := g.disk.Lstat(g.recordFile(tag, seq)); errors.Is(err, os.ErrNotExist) {
			return out
		}
		out = append(out, g.read(g.recordFile(tag, seq)))
	}
}

// judge opens what a crash or fault left. signed are the records that were signed, the first least of them acknowledged.
func (g *rig) judge(when string, signed [][]byte, least int) {
	g.t.Helper()
	r, err := g.tryOpen()
	if err != nil {
		g.t.Fatalf("%s: %v", when, err)
	}
	if p := g.problems(r); len(p) != 0 {
		g.t.Fatalf("%s: %v", when, p)
	}
	got := g.records(r.Tag())
	if len(got) < least || len(got) > len(signed) {
		g.t.Fatalf("%s: %d records, acknowledged %d, signed %d", when, len(got), least, len(signed))
	}
	for i := range got {
		if !bytes.Equal(got[i], signed[i]) {
			g.t.Fatalf("%s: record %d is another one", when, i)
		}
	}
	g.append(r, Operation{Name: "after", Changes: []Change{{"heads/after", objects.ID{}, commitID(3)}}})
	if v := g.open().View(); v.Tip.Seq != uint64(len(got)) {
		g.t.Fatalf("%s: the next append is number %d", when, v.Tip.Seq)
	}
}

// Any operation of the disk may fail, in several ways, once or for good: success is never claimed for what did not happen, and
// what was reported as failed is there or not, and can be done again.
func TestFaults(t *testing.T) {
	cases := 0
	for _, fault := range []error{syscall.EIO, syscall.ENOSPC, memfs.ShortWrite{N: 3, Err: syscall.ENOSPC}, memfs.Late{Err: syscall.EIO}} {
		for _, forGood := range []bool{false, true} {
			for at := 0; ; at++ {
				g := newRig(t)
				g.start()
				if !g.withFault(fault, at, forGood) {
					break
				}
				cases++
			}
		}
	}
	t.Logf("proof row 3: %d faults, 0 silent successes", cases)
}

// withFault opens, appends and makes operation number at fail. It says whether there was such an operation.
func (g *rig) withFault(fault error, at int, forGood bool) (hit bool) {
	g.t.Helper()
	n := 0
	o := g.options()
	o.Warn = nil
	g.disk.SetFault(func(memfs.Op) error {
		n++
		if n-1 == at || forGood && n-1 > at {
			hit = true
			return fault
		}
		return nil
	})
	var rec *Record
	r, err := Open(o)
	if err == nil {
		rec, err = r.Append(context.Background(), moves[0])
	}
	g.disk.SetFault(nil)
	o.Warn = func(err error) { g.t.Errorf("cache: %v", err) }
	again, reopenErr := Open(o)
	if reopenErr != nil {
		g.t.Fatalf("%v at %d (%v): open again: %v", fault, at, err, reopenErr)
	}
	_, there := again.View().Ref("heads/main")
	if (err == nil || rec != nil) && !there {
		g.t.Fatalf("%v at %d: success was claimed for what did not happen", fault, at)
	}
	if p := g.problems(again); len(p) != 0 {
		g.t.Fatalf("%v at %d: %v", fault, at, p)
	}
	if !there {
		g.append(again, moves[0])
	}
	g.append(again, moves[1])
	return hit
}

// What a crash leaves in the outbox is published as it is, by whoever opens next, and only once.
func TestOutboxIsFinished(t *testing.T) {
	g, r := grown(t, 3)
	data := g.forge(3, r.View().Tip.Hash, nil)
	name := "evault/local/outbox/" + outboxName(r.Tag(), 3)
	g.writeFile(name, data)
	g.writeFile("evault/local/outbox/.tmp-0123", []byte("torn"))
	if v := g.open(func(o *Options) { o.ReadOnly = true }).View(); v.Tip.Seq != 2 {
		t.Error("a reader published the outbox")
	}
	if v := g.open().View(); v.Tip.Seq != 3 {
		t.Fatalf("tip %v", v.Tip)
	}
	if !bytes.Equal(g.read(g.recordFile(r.Tag(), 3)), data) {
		t.Error("other bytes were published")
	}
	g.writeFile(name, data) // the crash came between linking and unlinking
	if v := g.open().View(); v.Tip.Seq != 3 {
		t.Errorf("tip %v", v.Tip)
	}
	names, err := readNames(g.sub("evault/local"), outboxDir)
	must(t, err)
	if len(names) != 0 {
		t.Errorf("left in the outbox: %v", names)
	}
	// A gap is not papered over.
	g.writeFile("evault/local/outbox/"+outboxName(r.Tag(), 9), g.forge(9, [32]byte{1}, nil))
	_, err = g.tryOpen()
	wantErr(t, err, ErrRollback)
}
