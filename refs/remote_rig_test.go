package refs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/keys"
	"evault/objects"
)

var (
	errAway = errors.New("not reachable")
	errRace = errors.New("another device was faster")
)

// host is a remote store's logs in memory. It checks that records continue their logs, and besides, as no host could, that no
// place of a log is ever given two.
type host struct {
	t        testing.TB
	id       StoreID
	logs     map[Tag][][]byte
	signed   map[place][32]byte // every record that was ever sent here
	requests int
}

func newHost(t testing.TB, id byte) *host {
	return &host{t: t, id: StoreID{id}, logs: make(map[Tag][][]byte), signed: make(map[place][32]byte)}
}

func (h *host) Heads(context.Context) (out []Position, err error) {
	h.requests++
	for tag, log := range h.logs {
		if len(log) > 0 {
			out = append(out, Position{tag, uint64(len(log) - 1), headerHash(log[len(log)-1])})
		}
	}
	slices.SortFunc(out, func(a, b Position) int { return compareTags(a.Tag, b.Tag) })
	return out, nil
}

func (h *host) Records(_ context.Context, tag Tag, from uint64, each func([]byte) error) error {
	h.requests++
	for seq := from; seq < uint64(len(h.logs[tag])); seq++ {
		if err := each(h.logs[tag][seq]); err != nil {
			return err
		}
	}
	return nil
}

// add is Append of remote.Store.
func (h *host) add(records [][]byte, heads []Position) error {
	h.t.Helper()
	present, last := 0, place{}
	for i, data := range records {
		hd, _, err := DecodeHeader(data)
		must(h.t, err)
		hash := headerHash(data)
		p := place{hd.Tag, hd.Seq}
		if i > 0 && p != (place{last.tag, last.seq + 1}) {
			h.t.Fatalf("records do not follow each other: %v after %v", p, last)
		}
		last = p
		if before, ok := h.signed[p]; ok && before != hash {
			h.t.Fatalf("two records were signed for %s", recordName(p.tag, p.seq))
		}
		h.signed[p] = hash
		if hd.Seq < uint64(len(h.logs[hd.Tag])) && bytes.Equal(h.logs[hd.Tag][hd.Seq], data) {
			present++
		}
	}
	if present == len(records) {
		return nil
	}
	if now, _ := h.Heads(context.Background()); !slices.Equal(now, heads) {
		return errRace
	}
	for _, data := range records[present:] {
		hd, _, _ := DecodeHeader(data)
		log := h.logs[hd.Tag]
		if hd.Seq != uint64(len(log)) || len(log) > 0 && headerHash(log[len(log)-1]) != hd.Previous {
			h.t.Fatalf("%s does not continue its log", recordName(hd.Tag, hd.Seq))
		}
		h.logs[hd.Tag] = append(log, bytes.Clone(data))
	}
	return nil
}

// copy is the host as it is now, for serving it later.
func (h *host) copy() *host {
	c := newHost(h.t, h.id[0])
	for tag, log := range h.logs {
		c.logs[tag] = slices.Clone(log)
	}
	maps.Copy(c.signed, h.signed)
	return c
}

// device is one working copy of a vault that talks to hosts.
type device struct {
	t     testing.TB
	disk  *memfs.Memory
	vault *keys.Vault
	clone CloneID
	heads map[StoreID][]Position // as the last Mirror found them
	send  func(h *host, records [][]byte, heads []Position) error
}

func newDevice(t testing.TB, v *keys.Vault, clone byte) *device {
	t.Helper()
	d := &device{t: t, disk: memfs.New(memfs.Options{}), vault: v, clone: CloneID{clone}, heads: make(map[StoreID][]Position)}
	must(t, vfs.MkdirAllSync(d.disk, "state", 0o700))
	return d
}

// fleet is a vault with several writers.
func fleet(t testing.TB, n int) []*device {
	t.Helper()
	vaults := openFleet(t, n)
	var out []*device
	for i, v := range vaults {
		out = append(out, newDevice(t, v, byte(i+1)))
	}
	return out
}

func openFleet(t testing.TB, n int) (vaults []*keys.Vault) {
	t.Helper()
	first, err := keys.NewIdentity()
	must(t, err)
	made, err := keys.NewVault(keys.NewVaultOptions{Identity: first, Label: "first", Passphrase: []byte("correct horse battery staple on the roof"), WorkFactor: 4})
	must(t, err)
	f, ids := make(files), []*keys.Identity{first}
	f.add(made.Files...)
	f.add(made.LocalOnly...)
	for i := 1; i < n; i++ {
		id, err := keys.NewIdentity()
		must(t, err)
		pub, err := id.SigningKey(made.Vault.ID())
		must(t, err)
		c, err := made.Vault.AdmitOther(keys.DeviceEntry{Key: pub, Device: id.DeviceID(), Role: keys.RoleWriter, Label: fmt.Sprint("device ", i), Recipient: id.Recipient()})
		must(t, err)
		f.add(c.Add...)
		ids = append(ids, id)
		made.Vault, err = keys.OpenWithIdentity(f, first, made.Vault.ID())
		must(t, err)
	}
	for _, id := range ids {
		v, err := keys.OpenWithIdentity(f, id, made.Vault.ID())
		must(t, err)
		vaults = append(vaults, v)
	}
	return vaults
}

func (d *device) options(h *host) Options {
	d.t.Helper()
	dir := "remotes/" + h.id.String()
	if _, err := d.disk.Lstat(dir); err != nil {
		must(d.t, vfs.MkdirAllSync(d.disk, dir, 0o700))
	}
	mirror, err := d.disk.Sub(dir)
	must(d.t, err)
	state, err := d.disk.Sub("state")
	must(d.t, err)
	return Options{Store: mirror, Local: mirror, State: state, Vault: d.vault, StoreID: h.id, CloneID: d.clone, Shared: true,
		Send: func(_ context.Context, records [][]byte) error {
			send := d.send
			if send == nil {
				send = (*host).add
			}
			err := send(h, records, d.heads[h.id])
			if err == nil {
				d.advance(h, records[len(records)-1])
			}
			return err
		}}
}

// advance moves the own log's head on in what the device knows of the host's heads, and no other.
func (d *device) advance(h *host, data []byte) {
	d.t.Helper()
	hd, _, err := DecodeHeader(data)
	must(d.t, err)
	heads := slices.DeleteFunc(slices.Clone(d.heads[h.id]), func(p Position) bool { return p.Tag == hd.Tag })
	heads = append(heads, Position{hd.Tag, hd.Seq, headerHash(data)})
	slices.SortFunc(heads, func(a, b Position) int { return compareTags(a.Tag, b.Tag) })
	d.heads[h.id] = heads
}

// mirror brings the mirror up to date and wants no problems.
func (d *device) mirror(h *host) *MirrorResult {
	d.t.Helper()
	m := d.tryMirror(h, h)
	if len(m.Problems) > 0 {
		d.t.Fatalf("false alarm: %v", m.Problems)
	}
	return m
}

// tryMirror brings the mirror of a host up to date with what some source says.
func (d *device) tryMirror(h *host, src LogSource) *MirrorResult {
	d.t.Helper()
	m, err := Mirror(context.Background(), d.options(h), src)
	must(d.t, err)
	d.heads[h.id] = m.Heads
	return m
}

func (d *device) open(h *host) *Refs {
	d.t.Helper()
	r, err := Open(d.options(h))
	must(d.t, err)
	if p := r.Problems(); len(p) > 0 {
		d.t.Fatalf("false alarm: %v", p)
	}
	return r
}

// sync is Mirror and Open, as every command begins.
func (d *device) sync(h *host) *Refs {
	d.t.Helper()
	d.mirror(h)
	return d.open(h)
}

// move is the operation that moves a branch to a commit.
func move(r *Refs, branch string, n int) Operation {
	old, _ := r.View().Ref("heads/" + branch)
	return Operation{Name: "push", Time: objects.Time{Sec: int64(1700000000 + n)}, Changes: []Change{{"heads/" + branch, old, commitID(n)}}}
}

// push moves a branch at a host.
func (d *device) push(h *host, branch string, n int) *Refs {
	d.t.Helper()
	r := d.sync(h)
	_, err := r.Append(context.Background(), move(r, branch, n))
	must(d.t, err)
	return r
}

func wantRef(t testing.TB, r *Refs, branch string, n int) {
	t.Helper()
	id, ok := r.View().Ref("heads/" + branch)
	if n == 0 && ok || n != 0 && id != commitID(n) {
		t.Fatalf("%s is at %q, want number %d", branch, id[:], n)
	}
}
