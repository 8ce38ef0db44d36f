package hostile

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/keys"
	"evault/objects"
	"evault/refs"
	"evault/remote"
	"evault/repo"
)

// What must never leave a machine in the clear.
const (
	canaryAuthor  = "Kanarie Author"
	canaryLabel   = "-kanarie-label"
	canaryFile    = "kanarie-file"
	canaryContent = "the kanarie's content "
	canaryMessage = "kanarie message "
	canaryBranch  = "kanarie-branch"
)

// state is what the host holds at one moment, and the branches that it should lead to.
type state struct {
	name string
	disk *memfs.Memory
	tips map[string]objects.ID
}

func (s state) copy() state { return state{s.name, s.disk.Snapshot(), maps.Clone(s.tips)} }

// commitFacts are what the judge knows of a commit from when it was made.
type commitFacts struct {
	files files
	past  map[objects.ID]bool // its ancestors and itself
}

// world is the machines as they stand when the host begins to lie, and all that the host ever was.
type world struct {
	t        testing.TB
	clock    *clock
	hostKey  *keys.Identity
	vault    keys.VaultID
	url      string
	canaries []string

	states  []state // ascending in time; the last is the truth
	commits map[objects.ID]commitFacts
	logs    map[string]refs.Tag // by the machine that writes them

	alice   *machine // knows all up to "removed"; has a draft that is in no commit
	topic   *machine // alice, with a branch to push
	broken  *machine // alice, who has lost a pack, and another is damaged
	dora    *machine // a member without a vault: for clones
	bob     *machine // at the end
	carol   *machine
	mallory *machine // before she was removed

	bobBeforeFirst, bobBeforeSecond *machine

	fork1, fork2 state // bob's log is another from his first, or second, record on
	elsewhere    state // another store of the same vault, that bob has pushed to
	late         state // mallory has gone on after she was removed
	foreign      state // the store of another vault, of an outsider who knows everybody's recipients
	outsider     *machine
	before       map[*machine]picture
	beforeMu     sync.Mutex
}

func (w *world) truth() state { return w.states[len(w.states)-1] }

func (w *world) state(name string) state {
	for _, s := range w.states {
		if s.name == name {
			return s
		}
	}
	panic("no state " + name)
}

// building is a world being built.
type building struct {
	*world
	t    testing.TB
	host *liar
	tips map[string]objects.ID
}

func (b *building) reach(m *machine) {
	m.settings.Dial = oneSite(func() remote.Site { return liarSite{b.host} })
}

// commit makes a commit and remembers what it is.
func (b *building) commit(m *machine, edits map[string]string) objects.ID {
	b.t.Helper()
	var parents []objects.ID
	m.must(b.t, repo.ReadOnly, func(r *repo.Repository) error {
		if id, _, err := r.ResolveCommit(b.t.Context(), "HEAD"); err == nil {
			parents = append(parents, id)
		}
		return nil
	})
	for name, content := range edits {
		m.write(b.t, name, content)
	}
	content, err := walk(m.places.Work)
	must(b.t, err)
	id := m.commit(b.t, canaryMessage+m.name)
	facts := commitFacts{files: content, past: map[objects.ID]bool{id: true}}
	for _, p := range parents {
		maps.Copy(facts.past, b.commits[p].past)
	}
	b.commits[id] = facts
	return id
}

// push pushes a branch whose tip is id, and notes the state of the host afterwards.
func (b *building) push(m *machine, branch string, id objects.ID, name string) {
	b.t.Helper()
	before := b.host.counts()
	must(b.t, m.push(b.t.Context(), branch))
	for tag, n := range b.host.counts() {
		if before[tag] != n {
			b.logs[m.name] = tag
		}
	}
	b.tips[branch] = id
	b.states = append(b.states, state{name, b.host.disk.Snapshot(), maps.Clone(b.tips)})
}

// counts says how long each log is.
func (l *liar) counts() map[refs.Tag]int {
	heads, err := l.honest.Heads(l.t.Context())
	if errors.Is(err, remote.ErrNoStore) {
		return nil
	}
	must(l.t, err)
	out := map[refs.Tag]int{}
	for _, h := range heads {
		out[h.Tag] = int(h.Seq) + 1
	}
	return out
}

func (b *building) admit(m *machine) {
	b.t.Helper()
	q, err := repo.NewDeviceRequest(m.identity(b.t), b.vault, m.name+canaryLabel)
	must(b.t, err)
	b.alice.must(b.t, repo.Writing, func(r *repo.Repository) error {
		_, err := r.AddDevice(b.t.Context(), q, keys.RoleWriter)
		return err
	})
}

func text(who string, n int) string {
	return strings.Repeat(fmt.Sprintf("%s%s %d\n", canaryContent, who, n), 40)
}

// edits is what one commit of somebody changes.
func edits(who string, n int) map[string]string {
	return map[string]string{
		canaryFile + "-" + who + ".txt":            text(who, n),
		fmt.Sprintf("dir/%s-%d", canaryFile, n):    text(who+" in a folder", n),
		fmt.Sprintf("big-%s-%d.bin", who, n):       noise(uint64(n)*7+uint64(len(who)), 30_000),
		fmt.Sprintf("deep/a/b/c/%s-%d.md", who, n): text("deep", n),
	}
}

// noise gives bytes that do not compress.
func noise(seed uint64, n int) string {
	x := seed*2654435761 + 88172645463325252
	b := make([]byte, n)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return string(b)
}

const sideBranch = canaryBranch + "-side"
const topicBranch = canaryBranch + "-topic"
const malBranch = canaryBranch + "-mal"

// newWorld builds a world.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{}, commits: map[objects.ID]commitFacts{}, logs: map[string]refs.Tag{}, before: map[*machine]picture{}}
	var err error
	w.hostKey, err = keys.NewIdentity()
	must(t, err)
	b := &building{world: w, t: t, tips: map[string]objects.ID{}}
	w.alice = newMachine(t, w.clock, "alice")
	_, err = repo.Init(t.Context(), w.alice.places, w.alice.settings, repo.InitOptions{Label: "alice" + canaryLabel})
	must(t, err)
	w.alice.findVault()
	w.alice.must(t, repo.ReadOnly, func(r *repo.Repository) error { w.vault = r.VaultID(); return nil })
	w.url = fmt.Sprintf("evault://friend/%s#%s", w.vault, w.hostKey.DeviceID())
	b.host = newLiar(t, w.vault, memfs.New(memfs.Options{Now: w.clock.now}))
	b.reach(w.alice)
	w.alice.must(t, repo.Writing, func(r *repo.Repository) error {
		_, err := r.AddRemote(t.Context(), "friend", w.url, repo.AddRemoteOptions{})
		return err
	})
	b.history()
	w.topic = w.alice.copy(t, nil)
	w.branchOff(t, w.topic, topicBranch)
	b.commit(w.topic, edits("alice", 9))
	for _, m := range []*machine{w.alice, w.topic} {
		m.write(t, "draft.txt", "in no commit\n")
	}
	w.broken = w.alice.copy(t, nil)
	w.broken.lose(t)
	b.forks()
	b.outsiders()
	w.collectCanaries(t)
	return w
}

// lose damages a vault: of its packs the first is gone, and the last has another byte.
func (m *machine) lose(t testing.TB) {
	t.Helper()
	var all []string
	for _, two := range names(t, m.places.Vault, "store/packs") {
		for _, name := range names(t, m.places.Vault, path.Join("store/packs", two)) {
			all = append(all, path.Join("store/packs", two, name))
		}
	}
	must(t, m.places.Vault.Remove(all[0]))
	last := all[len(all)-1]
	data, err := readFile(m.places.Vault, last)
	must(t, err)
	data[len(data)/2] ^= 1
	must(t, writeFile(m.places.Vault, last, data))
}

func (w *world) branchOff(t testing.TB, m *machine, name string) {
	t.Helper()
	m.must(t, repo.Writing, func(r *repo.Repository) error {
		_, err := r.Checkout(t.Context(), repo.CheckoutOptions{Create: name})
		return err
	})
}

// history is what happened while the host was honest.
func (b *building) history() {
	t, w := b.t, b.world
	w.bob, w.carol, w.mallory, w.dora = newMachine(t, w.clock, "bob"), newMachine(t, w.clock, "carol"), newMachine(t, w.clock, "mallory"), newMachine(t, w.clock, "dora")
	for _, m := range []*machine{w.bob, w.carol, w.mallory, w.dora} {
		b.admit(m)
		b.reach(m)
	}
	b.push(w.alice, "main", b.commit(w.alice, edits("alice", 1)), "first")

	must(t, w.bob.clone(t.Context(), w.url))
	w.bobBeforeFirst = w.bob.copy(t, nil)
	b.push(w.bob, "main", b.commit(w.bob, edits("bob", 2)), "bob")

	must(t, w.carol.clone(t.Context(), w.url))
	w.branchOff(t, w.carol, sideBranch)
	b.push(w.carol, sideBranch, b.commit(w.carol, edits("carol", 3)), "carol")

	must(t, w.mallory.clone(t.Context(), w.url))
	w.branchOff(t, w.mallory, malBranch)
	b.push(w.mallory, malBranch, b.commit(w.mallory, edits("mallory", 4)), "mallory")

	must(t, w.alice.pull(t.Context()))
	w.alice.must(t, repo.Writing, func(r *repo.Repository) error {
		_, err := r.RemoveDevice(t.Context(), w.mallory.name+canaryLabel)
		return err
	})
	b.push(w.alice, "main", b.commit(w.alice, edits("alice", 5)), "removed")
	w.alice = w.alice.copy(t, nil) // as it stands now

	must(t, w.bob.pull(t.Context()))
	w.bobBeforeSecond = w.bob.copy(t, nil)
	b.push(w.bob, "main", b.commit(w.bob, edits("bob", 6)), "bob again")

	must(t, w.carol.fetch(t.Context()))
	b.push(w.carol, sideBranch, b.commit(w.carol, edits("carol", 7)), "carol again")
}

// forks lets bob, and mallory, go on from an older state elsewhere.
func (b *building) forks() {
	elsewhere := func(from string, m *machine, branch string, e map[string]string, pull bool) state {
		s := b.state(from).copy()
		host := newLiar(b.t, b.vault, s.disk)
		c := m.copy(b.t, oneSite(func() remote.Site { return liarSite{host} }))
		if pull {
			must(b.t, c.pull(b.t.Context()))
		}
		s.tips[branch] = b.commit(c, e)
		must(b.t, c.push(b.t.Context(), branch))
		return s
	}
	b.fork1 = elsewhere("first", b.bobBeforeFirst, "main", edits("bob", 12), false)
	b.fork2 = elsewhere("removed", b.bobBeforeSecond, "main", edits("bob", 16), false)
	other := newLiar(b.t, b.vault, memfs.New(memfs.Options{Now: b.clock.now}))
	c := b.bob.copy(b.t, oneSite(func() remote.Site { return liarSite{other} }))
	c.must(b.t, repo.Writing, func(r *repo.Repository) error {
		_, err := r.AddRemote(b.t.Context(), "second", fmt.Sprintf("evault://second/%s#%s", b.vault, b.hostKey.DeviceID()), repo.AddRemoteOptions{})
		if err == nil {
			_, err = r.Push(b.t.Context(), repo.PushOptions{Remote: "second", Branches: []string{"main"}})
		}
		return err
	})
	b.elsewhere = state{name: "elsewhere", disk: other.disk}
	b.late = elsewhere("mallory", b.mallory, malBranch, edits("mallory", 14), false)
}

// outsiders makes a vault of somebody who is no member, and has a host with the same store ID keep it.
func (b *building) outsiders() {
	t := b.t
	m := newMachine(t, b.clock, "outsider")
	_, err := repo.Init(t.Context(), m.places, m.settings, repo.InitOptions{Label: "outsider"})
	must(t, err)
	m.findVault()
	disk := memfs.New(memfs.Options{Now: b.clock.now})
	var vault keys.VaultID
	m.must(t, repo.Writing, func(r *repo.Repository) error {
		vault = r.VaultID()
		for _, known := range []*machine{b.alice, b.dora} {
			if err := r.AddRecipient(t.Context(), known.identity(t).Recipient()); err != nil {
				return err
			}
		}
		_, err := r.AddRemote(t.Context(), "friend", fmt.Sprintf("evault://friend/%s#%s", vault, b.hostKey.DeviceID()), repo.AddRemoteOptions{})
		return err
	})
	host := newLiar(t, vault, disk)
	_, err = host.honest.Create(t.Context())
	must(t, err)
	id, err := readFile(b.truth().disk, "id")
	must(t, err)
	must(t, writeFile(disk, "id", id))
	m.settings.Dial = oneSite(func() remote.Site { return liarSite{host} })
	tip := b.commit(m, edits("outsider", 30))
	must(t, m.push(t.Context(), "main"))
	b.foreign, b.outsider = state{"foreign", disk, map[string]objects.ID{"main": tip}}, m
}

// collectCanaries lists what must not be among the bytes that leave a machine.
func (w *world) collectCanaries(t testing.TB) {
	w.canaries = []string{canaryAuthor, canaryLabel, canaryFile, canaryContent, canaryMessage, canaryBranch, "AGE-SECRET-KEY"}
	for _, m := range []*machine{w.alice, w.dora} {
		seed := string(m.identity(t).TLSKey().Seed())
		w.canaries = append(w.canaries, seed, hex.EncodeToString([]byte(seed)))
	}
}

// graft gives base with one log as another state has it, and the packs of both. A nil log is taken away.
func graft(t testing.TB, base *memfs.Memory, from *memfs.Memory, tag refs.Tag) *memfs.Memory {
	t.Helper()
	out := base.Snapshot()
	dir := "logs/" + tag.String()
	must(t, removeAll(out, dir))
	if from == nil {
		return out
	}
	copyTree(t, out, from, dir)
	copyTree(t, out, from, "packs")
	return out
}

// cut shortens a log to its first n records.
func cut(t testing.TB, disk *memfs.Memory, tag refs.Tag, n int) {
	t.Helper()
	dir := "logs/" + tag.String()
	for i, name := range names(t, disk, dir) {
		if i >= n {
			must(t, disk.Remove(path.Join(dir, name)))
		}
	}
	if n == 0 {
		must(t, removeAll(disk, dir))
	}
}

func removeAll(fsys vfs.FS, name string) error {
	return fsys.(*memfs.Memory).RemoveAll(name)
}

func names(t testing.TB, fsys vfs.FS, dir string) (out []string) {
	t.Helper()
	infos, err := fsys.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, i := range infos {
		out = append(out, i.Name())
	}
	slices.Sort(out)
	return out
}

// copyTree copies the files of a folder that are not there yet.
func copyTree(t testing.TB, to, from vfs.FS, dir string) {
	t.Helper()
	must(t, to.MkdirAll(dir, 0o755))
	infos, err := from.ReadDir(dir)
	must(t, err)
	for _, info := range infos {
		name := path.Join(dir, info.Name())
		if info.IsDir() {
			copyTree(t, to, from, name)
			continue
		}
		if _, err := to.LstatStat(name); err == nil {
			continue
		}
		data, err := readFile(from, name)
		must(t, err)
		must(t, writeFile(to, name, data))
	}
}
