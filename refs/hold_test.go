package refs

import (
	"context"
	"errors"
	"slices"
	"testing"

	"evault/keys"
)

// openWith opens a host's mirror and asks for packs.
func (d *device) openWith(h *host, has func(Pack) bool) *Refs {
	d.t.Helper()
	o := d.options(h)
	o.HasPack = has
	r, err := Open(o)
	must(d.t, err)
	return r
}

// A record whose packs are missing is held back with all that depends on it, and accepted once they are there.
func TestMissingPacksHoldBack(t *testing.T) {
	all, h := fleet(t, 3), newHost(t, 1)
	packs := manyPacks(6)
	all[1].push(h, "main", 1)
	r := all[1].sync(h)
	op := move(r, "main", 2)
	op.PacksAdded = packs[:4]
	_, err := r.Append(context.Background(), op)
	must(t, err)
	all[2].push(h, "dev", 3) // has seen it
	d := all[0]
	d.mirror(h)
	gone := map[Pack]bool{packs[1]: true, packs[2]: true}
	asked := map[Pack]int{}
	has := func(p Pack) bool { asked[p]++; return !gone[p] }
	for range 2 { // no stored fold hides it
		r = d.openWith(h, has)
		wantRef(t, r, "main", 1)
		wantRef(t, r, "dev", 0)
		var re *RecordError
		var missing *MissingPacksError
		err := errors.Join(r.Problems()...)
		wantNamed(t, err, ErrDamaged, "2 of 4 packs are missing", "record 1")
		if !errors.As(err, &re) || !errors.As(err, &missing) || !slices.Equal(missing.Missing, packs[1:3]) {
			t.Errorf("problems %v", err)
		}
		wantErr(t, err, ErrHeldBack)
	}
	for p, n := range asked {
		if n > 2 {
			t.Errorf("%s was asked for %d times in 2 openings", p, n)
		}
	}
	clear(gone)
	for range 2 {
		r = d.openWith(h, has)
		wantRef(t, r, "main", 2)
		wantRef(t, r, "dev", 3)
		if len(r.Problems()) != 0 {
			t.Errorf("problems %v", r.Problems())
		}
	}
	// Who does not ask sees all, and a fold that was made so is not used by who asks.
	gone[packs[0]] = true
	r = d.open(h)
	wantRef(t, r, "main", 2)
	all[1].push(h, "main", 4)
	wantRef(t, d.sync(h), "main", 4)
	wantRef(t, d.openWith(h, has), "main", 1)
}

// A pack that was condemned is not asked for, unless the record that condemned it is itself held back.
func TestCondemnedPacksAreNotMissing(t *testing.T) {
	all, h := fleet(t, 3), newHost(t, 1)
	packs := manyPacks(4)
	r := all[1].sync(h)
	op := move(r, "main", 1)
	op.PacksAdded = packs[:2]
	_, err := r.Append(context.Background(), op)
	must(t, err)
	r = all[2].sync(h)
	op = move(r, "main", 2)
	op.PacksAdded, op.PacksCondemned = packs[2:3], packs[:2]
	_, err = r.Append(context.Background(), op)
	must(t, err)
	d := all[0]
	d.mirror(h)
	r = d.openWith(h, func(p Pack) bool { return p == packs[2] })
	wantRef(t, r, "main", 2)
	if len(r.Problems()) != 0 {
		t.Errorf("problems %v", r.Problems())
	}
	d = newDevice(t, all[0].vault, 1)
	d.mirror(h)
	r = d.openWith(h, func(p Pack) bool { return false })
	wantRef(t, r, "main", 0)
	if n := len(r.Problems()); n != 2 {
		t.Errorf("%d problems: %v", n, r.Problems())
	}
}

// Packs reads headers, and is not fooled by ones that were not accepted.
func TestPacksFromHeaders(t *testing.T) {
	g := newRig(t)
	r := g.start()
	packs := manyPacks(5)
	g.append(r, Operation{Name: "x", PacksAdded: packs[:4]})
	g.append(r, Operation{Name: "x", PacksAdded: packs[4:], PacksCondemned: packs[1:2]})
	want := append(slices.Clone(packs[:1]), packs[2:]...)
	for _, r := range []*Refs{r, g.open()} {
		got, err := r.Packs(context.Background())
		must(t, err)
		if !slices.Equal(got, want) {
			t.Errorf("packs %v", got)
		}
	}
	before := headerHash(g.read(g.recordFile(r.Tag(), 0)))
	g.writeFile(g.recordFile(r.Tag(), 1), g.forge(1, before, func(h *Header, _ *Body) { h.Added = packs[:1] }))
	got, err := r.Packs(context.Background())
	must(t, err)
	if slices.Contains(got, packs[4]) {
		t.Error("packs of a record behind one that was replaced")
	}
}

// A log of which no record has a body speaks for nobody: anybody can sign its headers.
func TestLogWithoutBodiesCountsForNothing(t *testing.T) {
	g, r := grown(t, 2)
	g.append(r, Operation{Name: "x", PacksAdded: manyPacks(1)})
	v, err := keys.NewEphemeral()
	must(t, err)
	key, err := v.LogKey(g.store, CloneID{1})
	must(t, err)
	hd := Header{Tag: TagOf(g.store, key.Public()), Key: key.Public(), Condemned: manyPacks(1), BodySize: 1}
	hd.sign(key)
	g.writeFile(g.recordFile(hd.Tag, 0), hd.Append(nil))
	r = g.open()
	wantNamed(t, errors.Join(r.Problems()...), ErrUnauthorised, "record 0")
	packs, err := r.Packs(context.Background())
	must(t, err)
	if len(packs) != 1 {
		t.Errorf("packs %v", packs)
	}
}

// club is a family whose members can be told apart, with what is needed to open the vault anew.
type club struct {
	t     *testing.T
	files files
	ids   []*keys.Identity
	id    keys.VaultID
}

func newClub(t *testing.T, n int) *club {
	t.Helper()
	g, f, first := family(t)
	c := &club{t: t, files: f, ids: []*keys.Identity{first}, id: g.vault.ID()}
	for range n - 1 {
		id, err := keys.NewIdentity()
		must(t, err)
		pub, err := id.SigningKey(c.id)
		must(t, err)
		change, err := c.open(0).AdmitOther(keys.DeviceEntry{Key: pub, Device: id.DeviceID(), Role: keys.RoleAdmin, Label: "member", Recipient: id.Recipient()})
		must(t, err)
		f.add(change.Add...)
		c.ids = append(c.ids, id)
	}
	return c
}

func (c *club) open(i int) *keys.Vault {
	c.t.Helper()
	v, err := keys.OpenWithIdentity(c.files, c.ids[i], c.id)
	must(c.t, err)
	return v
}

func (c *club) key(i int) [32]byte {
	c.t.Helper()
	k, err := c.ids[i].SigningKey(c.id)
	must(c.t, err)
	return k
}

func cutoffsOf(list []Position) (out []keys.Cutoff) {
	for _, p := range list {
		out = append(out, keys.Cutoff{Log: p.Tag, Sequence: p.Seq, Header: p.Hash})
	}
	return out
}

// A removed device's earlier records stay valid: in a store whose logs the removal lists, and in one that it does not list as
// far as another device has seen them. Its later ones are refused everywhere.
func TestRemovedDevice(t *testing.T) {
	c := newClub(t, 3)
	listed, far := newHost(t, 1), newHost(t, 2)
	admin, lost, reader := newDevice(t, c.open(0), 1), newDevice(t, c.open(1), 2), newDevice(t, c.open(2), 3)
	for _, h := range []*host{listed, far} {
		lost.push(h, "main", 1)
		lost.push(h, "main", 2)
		admin.push(h, "dev", 3)  // has seen two of them
		lost.push(h, "topic", 4) // that nobody has seen
		reader.mirror(h)
		reader.heads = map[StoreID][]Position{}
	}
	tips := admin.sync(listed).LogsOf(c.key(1))
	if len(tips) != 1 || tips[0].Seq != 2 || tips[0].Tag != lost.tag(listed) {
		t.Fatalf("logs of the device: %v", tips)
	}
	if n := len(admin.open(listed).LogsOf(c.key(2))); n != 0 {
		t.Errorf("%d logs of a device that has written nothing", n)
	}
	change, err := admin.vault.RevokeDevice(c.key(1), cutoffsOf(tips))
	must(t, err)
	c.files.add(change.Add...)
	// The device goes on, as it was.
	for _, h := range []*host{listed, far} {
		lost.push(h, "main", 66)
	}
	for _, fresh := range []bool{true, false} {
		d := reader
		if fresh {
			d = newDevice(t, c.open(2), 9)
		}
		d.vault = c.open(2)
		for h, topic := range map[*host]int{listed: 4, far: 0} {
			d.mirror(h)
			for range 2 {
				r, err := Open(d.options(h))
				must(t, err)
				wantRef(t, r, "main", 2)
				wantRef(t, r, "dev", 3)
				wantRef(t, r, "topic", topic)
				wantErr(t, errors.Join(r.Problems()...), ErrUnauthorised)
			}
		}
	}
	// Who still has his rights goes on beside it.
	reader.vault = c.open(2)
	for _, h := range []*host{listed, far} {
		reader.mirror(h)
		r, err := Open(reader.options(h))
		must(t, err)
		_, err = r.Append(context.Background(), move(r, "main", 7))
		must(t, err)
		wantRef(t, r, "main", 7)
	}
}

// Two admins remove two devices without knowing of each other: both removals hold, and of two cut-offs the earlier.
func TestRemovalsOfBothSidesOfAConflict(t *testing.T) {
	c := newClub(t, 4)
	h := newHost(t, 1)
	one, two := newDevice(t, c.open(0), 1), newDevice(t, c.open(1), 2)
	a, b := newDevice(t, c.open(2), 3), newDevice(t, c.open(3), 4)
	a.push(h, "a", 1)
	early := cutoffsOf(one.sync(h).LogsOf(c.key(2)))
	a.push(h, "a", 2)
	b.push(h, "b", 3)
	late := cutoffsOf(one.sync(h).LogsOf(c.key(2)))
	x, err := one.vault.RevokeDevice(c.key(2), late)
	must(t, err)
	y, err := two.vault.RevokeDevice(c.key(2), early)
	must(t, err)
	c.files.add(x.Add...)
	c.files.add(y.Add...)
	v := c.open(0)
	if n := len(v.RosterHeads()); n != 2 {
		t.Fatalf("%d heads", n)
	}
	d := newDevice(t, v, 9)
	d.mirror(h)
	r, err := Open(d.options(h))
	must(t, err)
	wantRef(t, r, "a", 1)
	wantErr(t, errors.Join(r.Problems()...), ErrUnauthorised)
}
