package refs

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"evault/keys"
	"evault/objects"
)

// grown is a rig whose own log has n records, the last at commit n-1.
func grown(t *testing.T, n int) (*rig, *Refs) {
	t.Helper()
	g := newRig(t)
	r := g.start()
	for i := 1; i < n; i++ {
		g.commit(r, "main", i)
	}
	return g, r
}

// Every byte of every record matters, with the cache and without it. Verify names the record; so does Open, unless the cache
// made it unnecessary to read it.
func TestEveryChangedByteIsNoticed(t *testing.T) {
	g, r := grown(t, 3)
	step := 7
	if os.Getenv("EVAULT_PROVE") == "1" {
		step = 1
	}
	changed := 0
	for seq := range uint64(3) {
		name := g.recordFile(r.Tag(), seq)
		good := g.read(name)
		for at := 0; at < len(good); at += step {
			for _, bit := range []byte{1, 0x80} {
				bad := append([]byte(nil), good...)
				bad[at] ^= bit
				g.writeFile(name, bad)
				problems := g.problems(r)
				if len(problems) == 0 {
					t.Fatalf("record %d: byte %d changed unnoticed", seq, at)
				}
				wantRecord(t, problems[0], r.Tag(), seq)
				changed++
			}
		}
		g.writeFile(name, good)
	}
	t.Logf("%d changed bytes, every one named", changed)
	if p := g.problems(r); len(p) != 0 {
		t.Fatalf("the restored log has problems: %v", p)
	}
}

// wantRecord wants a problem with one record, or with the one after it, whose hash of it no longer fits.
func wantRecord(t *testing.T, err error, tag Tag, seq uint64) {
	t.Helper()
	var re *RecordError
	if !errors.As(err, &re) || re.Tag != tag || re.Seq != seq {
		t.Fatalf("%v does not name record %d", err, seq)
	}
	if !errors.Is(err, ErrSecurity) && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNewer) && !errors.Is(err, ErrLimit) {
		t.Fatalf("%v is of no class", err)
	}
}

func TestTruncatedRecords(t *testing.T) {
	g, r := grown(t, 3)
	name := g.recordFile(r.Tag(), 1)
	good := g.read(name)
	for n := 0; n < len(good); n += 5 {
		g.writeFile(name, good[:n])
		p := g.problems(r)
		if len(p) == 0 {
			t.Fatalf("record of %d bytes cut to %d unnoticed", len(good), n)
		}
		wantRecord(t, p[0], r.Tag(), 1)
	}
	g.writeFile(name, append(good, 0))
	if p := g.problems(r); len(p) == 0 {
		t.Fatal("an appended byte unnoticed")
	}
}

func TestSwappedRemovedAndForeignRecords(t *testing.T) {
	other := newRig(t)
	foreign := other.start()
	for name, c := range map[string]struct {
		harm func(g *rig, tag Tag)
		want error
		name string
	}{
		"swapped": {func(g *rig, tag Tag) {
			a, b := g.recordFile(tag, 1), g.recordFile(tag, 2)
			x, y := g.read(a), g.read(b)
			g.writeFile(a, y)
			g.writeFile(b, x)
		}, ErrMismatch, "record 1"},
		"removed from the middle": {func(g *rig, tag Tag) { g.remove(g.recordFile(tag, 1)) }, ErrDamaged, "record 1"},
		"removed from the start":  {func(g *rig, tag Tag) { g.remove(g.recordFile(tag, 0)) }, ErrDamaged, "record 0"},
		"removed from the end":    {func(g *rig, tag Tag) { g.remove(g.recordFile(tag, 3)) }, ErrRollback, "4 records and has 3"},
		"log removed":             {func(g *rig, tag Tag) { g.remove("evault/store/logs") }, ErrRollback, "has 0"},
		"of another vault": {func(g *rig, tag Tag) {
			g.writeFile(g.recordFile(tag, 1), other.read(other.recordFile(foreign.Tag(), 0)))
		}, ErrMismatch, "record 1"},
		"empty": {func(g *rig, tag Tag) { g.writeFile(g.recordFile(tag, 2), nil) }, ErrDamaged, "record 2"},
		"too large": {func(g *rig, tag Tag) {
			g.writeFile(g.recordFile(tag, 2), make([]byte, MaxRecord+1))
		}, ErrLimit, "record 2"},
	} {
		t.Run(name, func(t *testing.T) {
			g, r := grown(t, 4)
			c.harm(g, r.Tag())
			problems := g.problems(r)
			if len(problems) == 0 {
				t.Fatal("unnoticed")
			}
			wantNamed(t, errors.Join(problems...), c.want, c.name)
			g.remove("evault/local/fold")
			_, err := g.tryOpen()
			wantNamed(t, err, c.want, c.name)
			if _, err := g.tryOpen(func(o *Options) { o.Salvage = true }); err != nil {
				t.Errorf("salvage: %v", err)
			}
		})
	}
}

func TestStrangersAreNamed(t *testing.T) {
	g, r := grown(t, 2)
	g.writeFile("evault/store/logs/readme", nil)
	g.writeFile("evault/store/logs/"+r.Tag().String()+"/5", nil)
	if p := g.problems(r); len(p) != 2 {
		t.Errorf("problems: %v", p)
	}
}

// An older .evault in the place of a newer one, in each earlier state, with its cache and without.
func TestRollbackIsNoticed(t *testing.T) {
	g := newRig(t)
	r := g.start()
	var states []*rig
	for i := range 8 {
		states = append(states, g.on(g.disk.Snapshot()))
		g.commit(r, "main", i+1)
	}
	served := 0
	for i, old := range states {
		for _, cache := range []bool{true, false} {
			s := old.on(old.disk.Snapshot())
			// The user's state is not part of what was put back.
			pin := g.read("state/pins/" + g.vault.ID().String() + "/" + g.store.String() + "-" + r.Tag().String())
			s.writeFile("state/pins/"+g.vault.ID().String()+"/"+g.store.String()+"-"+r.Tag().String(), pin)
			if !cache {
				s.remove("evault/local/fold")
			}
			for _, ro := range []bool{true, false} {
				_, err := s.tryOpen(func(o *Options) { o.ReadOnly = ro })
				var rb *RollbackError
				if !errors.As(err, &rb) || rb.Pinned != 8 || rb.Found != uint64(i+1) || rb.Tag != r.Tag() {
					t.Fatalf("state %d (cache %v): %v", i, cache, err)
				}
				wantErr(t, err, ErrSecurity)
				served++
			}
			// A user who means it goes on in a new log.
			n := s.as(99)
			if _, err := n.tryOpen(); !errors.Is(err, ErrRollback) {
				t.Fatalf("a new clone on an older store: %v", err)
			}
			r2 := n.open(func(o *Options) { o.AcceptOlder = true })
			n.commit(r2, "main", 100+i)
			if v := n.open().View(); v.Tip.Seq != 0 || v.Tip.Tag == r.Tag() {
				t.Fatalf("tip %v", v.Tip)
			}
		}
	}
	t.Logf("proof row 8: %d older states served, none accepted", served)
}

// AcceptOlder never lets a clone sign a second record for a place in its own log.
func TestOwnLogIsNeverSignedTwice(t *testing.T) {
	g, r := grown(t, 4)
	g.remove(g.recordFile(r.Tag(), 3))
	_, err := g.tryOpen(func(o *Options) { o.AcceptOlder = true })
	wantErr(t, err, ErrRollback)
}

// A copied working copy that goes on by itself is no rollback, although the original moves its pin on.
func TestCopyGoesOnBesideTheOriginal(t *testing.T) {
	g, r := grown(t, 3)
	b := g.as(5)
	b.disk = g.disk.Snapshot()
	rb := b.open()
	b.commit(rb, "main", 50)
	g.commit(r, "main", 51)
	name := "state/pins/" + g.vault.ID().String() + "/" + g.store.String() + "-" + r.Tag().String()
	b.writeFile(name, g.read(name))
	rb = b.open()
	if p := rb.Problems(); len(p) != 0 {
		t.Errorf("problems %v", p)
	}
	shared := func(o *Options) { o.Shared = true }
	if _, err := b.tryOpen(shared); !errors.Is(err, ErrRollback) {
		t.Errorf("in a shared store it is a rollback: %v", err)
	}
}

// forge appends a record that only the holder of the log's key can make, with any body.
func (g *rig) forge(seq uint64, prev [32]byte, change func(h *Header, b *Body)) []byte {
	g.t.Helper()
	key, err := g.vault.LogKey(g.store, g.clone)
	must(g.t, err)
	h := Header{Tag: TagOf(g.store, key.Public()), Key: key.Public(), Seq: seq, Previous: prev}
	b := &Body{Vault: g.vault.ID(), Store: g.store, Device: g.vault.DevicePublicKey(), Clone: g.clone, Seq: seq,
		Roster: g.vault.RosterHash(), Operation: "forged", HeadAfter: Head{Branch: "main"}}
	if change != nil {
		change(&h, b)
	}
	_, data, err := signRecord(g.vault, key, newSealers(g.vault), h, b)
	must(g.t, err)
	return data
}

func TestForkIsNoticed(t *testing.T) {
	for _, cache := range []bool{true, false} {
		g, r := grown(t, 4)
		tip := r.View().Tip
		before := g.read(g.recordFile(r.Tag(), 2))
		g.writeFile(g.recordFile(r.Tag(), 3), g.forge(3, headerHash(before), nil))
		if !cache {
			g.remove("evault/local/fold")
		}
		_, err := g.tryOpen()
		var f *ForkError
		if !errors.As(err, &f) || f.Seq != 3 || f.Known != tip.Hash || len(f.Evidence) == 0 {
			t.Fatalf("cache %v: %v", cache, err)
		}
		wantErr(t, err, ErrSecurity)
		names, err := readNames(g.sub("evault/local"), evidenceDir)
		must(t, err)
		if len(names) != 1 {
			t.Errorf("%d pieces of evidence", len(names))
		}
		s := g.open(func(o *Options) { o.Salvage = true })
		if v := s.View(); v.Tip.Seq != 2 {
			t.Errorf("the log is not frozen before the fork: %v", v.Tip)
		}
		// The owner goes on in a new log.
		n := g.as(77)
		if _, err := n.tryOpen(); !errors.Is(err, ErrFork) {
			t.Errorf("a new clone over a forked log: %v", err)
		}
		r2 := n.open(func(o *Options) { o.AcceptOlder = true })
		n.commit(r2, "main", 60)
		r2 = n.open()
		if id, _ := r2.View().Ref("heads/main"); id != commitID(60) || len(r2.Problems()) != 1 {
			t.Errorf("the new log stands at %s, problems %v", id, r2.Problems())
		}
	}
}

func TestForkSeenByAnotherLog(t *testing.T) {
	g, r := grown(t, 3)
	b := g.as(2)
	b.commit(b.open(), "main", 9)
	g.remove("state/pins")
	g.remove("evault/local/fold")
	before := g.read(g.recordFile(r.Tag(), 1))
	g.writeFile(g.recordFile(r.Tag(), 2), g.forge(2, headerHash(before), nil))
	wantErr(t, errors.Join(g.open().Problems()...), ErrFork)
	_, err := b.tryOpen()
	wantErr(t, err, ErrFork)
}

func TestForkInTheOutbox(t *testing.T) {
	g, r := grown(t, 3)
	before := g.read(g.recordFile(r.Tag(), 1))
	g.writeFile("evault/local/outbox/"+outboxName(r.Tag(), 2), g.forge(2, headerHash(before), nil))
	_, err := g.tryOpen()
	wantErr(t, err, ErrFork)
	if v := g.open().View(); v.Tip != r.View().Tip {
		t.Errorf("after a fork in the outbox the tip is %v", v.Tip)
	}
	names, err := readNames(g.sub("evault/local"), evidenceDir)
	must(t, err)
	if len(names) != 1 {
		t.Errorf("%d pieces of evidence", len(names))
	}
}

func TestHiddenRecord(t *testing.T) {
	g, r := grown(t, 3)
	b := g.as(2)
	b.commit(b.open(), "main", 9)
	g.remove("state/pins")
	g.remove(g.recordFile(r.Tag(), 2))
	_, err := b.tryOpen()
	wantNamed(t, err, ErrHidden, "record 2")
	v := b.open(func(o *Options) { o.Salvage = true }).View()
	if id, _ := v.Ref("heads/main"); id != commitID(1) {
		t.Errorf("what is left says main is %s", id)
	}
}

// Bodies that claim another place or another writer.
func TestForgedBodies(t *testing.T) {
	stranger, err := keys.NewEphemeral()
	must(t, err)
	for name, c := range map[string]struct {
		change func(h *Header, b *Body)
		want   error
	}{
		"another vault":     {func(h *Header, b *Body) { b.Vault = [32]byte{1} }, ErrMismatch},
		"another store":     {func(h *Header, b *Body) { b.Store = StoreID{1} }, ErrMismatch},
		"another number":    {func(h *Header, b *Body) { b.Seq = 7 }, ErrMismatch},
		"another clone":     {func(h *Header, b *Body) { b.Clone = CloneID{9} }, ErrMismatch},
		"another device":    {func(h *Header, b *Body) { b.Device = stranger.DevicePublicKey() }, ErrSignature},
		"unknown roster":    {func(h *Header, b *Body) { b.Roster = [32]byte{1} }, ErrUnauthorised},
		"another log's tag": {func(h *Header, b *Body) { h.Tag = Tag{1} }, ErrMismatch},
		"another past":      {func(h *Header, b *Body) { h.Previous = [32]byte{1} }, ErrChain},
		"itself seen":       {func(h *Header, b *Body) { b.Seen = []Position{{h.Tag, 0, [32]byte{}}} }, ErrMismatch},
		"hidden log":        {func(h *Header, b *Body) { b.Seen = []Position{{Tag{1}, 0, [32]byte{}}} }, ErrHidden},
	} {
		t.Run(name, func(t *testing.T) {
			g, r := grown(t, 2)
			g.writeFile(g.recordFile(r.Tag(), 2), g.forge(2, r.View().Tip.Hash, c.change))
			_, err := g.tryOpen()
			wantNamed(t, err, c.want, "record 2")
			wantErr(t, err, ErrSecurity)
		})
	}
	// A sound forgery is no forgery: the rig's own key may write.
	g, r := grown(t, 2)
	g.writeFile(g.recordFile(r.Tag(), 2), g.forge(2, r.View().Tip.Hash, nil))
	if v := g.open().View(); v.Tip.Seq != 2 {
		t.Error("a record signed as it should be was refused")
	}
}

// A record moved into another store of the same vault.
func TestRecordOfAnotherStore(t *testing.T) {
	g, r := grown(t, 2)
	o := g.options()
	o.StoreID = StoreID{5}
	o.State = nil
	_, err := Open(o)
	wantErr(t, err, ErrMismatch)
	_ = r
}

func TestStoredFoldOfAnotherVaultOrStoreIsIgnored(t *testing.T) {
	g, _ := grown(t, 3)
	other, _ := grown(t, 2)
	g.writeFile("evault/local/fold", other.read("evault/local/fold"))
	if v := g.open().View(); v.Tip.Seq != 2 {
		t.Errorf("tip %v", v.Tip)
	}
	g.writeFile("evault/local/fold", []byte("torn"))
	if v := g.open().View(); v.Tip.Seq != 2 {
		t.Errorf("tip %v", v.Tip)
	}
}

// An old cache is continued by what follows it.
func TestOldCacheIsContinued(t *testing.T) {
	g, r := grown(t, 3)
	old := g.read("evault/local/fold")
	g.commit(r, "main", 50)
	g.commit(r, "dev", 51)
	g.writeFile("evault/local/fold", old)
	v := g.open().View()
	if id, _ := v.Ref("heads/dev"); id != commitID(51) || v.Tip.Seq != 4 {
		t.Errorf("tip %v", v.Tip)
	}
}

func TestTagIsThatOfTheFormat(t *testing.T) {
	g, r := grown(t, 1)
	pub := r.key.Public()
	if r.Tag() != sha256.Sum256(fmt.Appendf(nil, "%s\x00%s%s", domainTag, g.store[:], pub[:])) {
		t.Error("the tag is not what the format says")
	}
}

// No plaintext reaches the store: neither names, nor messages, nor IDs.
func TestNothingReadableInTheStore(t *testing.T) {
	g := newRig(t)
	r := g.start()
	canary := "CANARY"
	id := objects.ID(sha256.Sum256([]byte(canary)))
	g.append(r, Operation{Name: canary, Description: canary, HeadAfter: Head{Branch: canary},
		Changes: []Change{{"heads/" + canary, objects.ID{}, id}}})
	for _, name := range []string{g.recordFile(r.Tag(), 0), g.recordFile(r.Tag(), 1), "evault/local/fold"} {
		data := string(g.read(name))
		for _, secret := range []string{canary, string(id[:16]), "main", "init", string(g.clone[:])} {
			if strings.Contains(data, secret) {
				t.Errorf("%s shows %q", name, secret)
			}
		}
	}
	// Bodies of short and long descriptions look alike.
	a := g.append(r, Operation{Name: "x", Description: "a"})
	b := g.append(r, Operation{Name: "x", Description: strings.Repeat("b", 60)})
	if a.BodySize != b.BodySize {
		t.Errorf("bodies of %d and %d bytes", a.BodySize, b.BodySize)
	}
	must(t, r.Records(context.Background(), func(*Record) bool { return true }))
}

// A sealed body opens in its own place only.
func TestSealedBodyIsTiedToItsPlace(t *testing.T) {
	g := newRig(t)
	s := newSealers(g.vault)
	sealed, err := s.seal(Tag{1}, 5, []byte("body"))
	must(t, err)
	plain, err := s.open(Tag{1}, 5, sealed)
	must(t, err)
	if string(plain) != "body" {
		t.Errorf("opened to %q", plain)
	}
	_, err = s.open(Tag{1}, 6, sealed)
	wantErr(t, err, ErrDamaged)
	_, err = s.open(Tag{2}, 5, sealed)
	wantErr(t, err, ErrDamaged)
	for at, want := range map[int]error{0: ErrNewer, 1: ErrNewer, 5: keys.ErrUnknownEpoch, 6: ErrDamaged, len(sealed) - 1: ErrDamaged} {
		bad := append([]byte(nil), sealed...)
		bad[at] ^= 0x40
		_, err := s.open(Tag{1}, 5, bad)
		wantErr(t, err, want)
	}
}

// A fold that was made under another roster is not used: that one may have accepted what this one does not.
func TestStoredFoldIsTiedToRosterAndStore(t *testing.T) {
	g, r := grown(t, 2)
	local := g.sub("evault/local")
	key := r.cacheKey()
	f, err := readCache(local, r.sealer, key)
	if err != nil || f == nil {
		t.Fatalf("the fold is not there: %v", err)
	}
	for _, other := range []cacheKey{{key.store, [32]byte{1}}, {StoreID{1}, key.roster}} {
		if f, err := readCache(local, r.sealer, other); f != nil || err != nil {
			t.Errorf("the fold of another roster or store was used: %v", err)
		}
	}
}

// One log vanishes while another appears.
func TestLogReplacedByAnother(t *testing.T) {
	g, r := grown(t, 2)
	fresh := g.as(3)
	fresh.disk = newRig(t).disk
	must(t, fresh.disk.RemoveAll("evault/store/logs"))
	third := fresh.start()
	b := g.as(2)
	b.commit(b.open(), "main", 9)
	b.open()
	g.remove("state/pins")
	g.remove("evault/store/logs/" + r.Tag().String())
	g.writeFile(g.recordFile(third.Tag(), 0), fresh.read(fresh.recordFile(third.Tag(), 0)))
	_, err := b.tryOpen()
	wantErr(t, err, ErrHidden)
}

// The newest record is replaced by another valid one, pins lost: the stored fold does not hide it.
func TestTipReplaced(t *testing.T) {
	g, r := grown(t, 3)
	g.remove("state/pins")
	before := g.read(g.recordFile(r.Tag(), 1))
	data := g.forge(2, headerHash(before), nil)
	g.writeFile(g.recordFile(r.Tag(), 2), data)
	if v := g.open().View(); v.Tip.Hash != headerHash(data) {
		t.Error("the stored fold speaks of a record that is not there")
	}
}

// The reflog follows the chain that was accepted, whatever has been put in its place since.
func TestReflogFollowsTheChain(t *testing.T) {
	g, r := grown(t, 4)
	before := g.read(g.recordFile(r.Tag(), 0))
	g.writeFile(g.recordFile(r.Tag(), 1), g.forge(1, headerHash(before), nil))
	err := r.Records(context.Background(), func(*Record) bool { return true })
	wantNamed(t, err, ErrChain, "record 1")
}
