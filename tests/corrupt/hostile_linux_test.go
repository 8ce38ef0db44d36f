package corrupt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"evault/internal/vfs"
	"evault/keys"
	"evault/objects"
	"evault/pack"
	"evault/refs"
	"evault/repo"
)

// member is somebody with valid keys who writes objects and records that no honest program would.
type member struct {
	t     testing.TB
	w     *workshop
	vault *keys.Vault
	frame *pack.Frames
	root  objects.TreeRef // set by a case
	again objects.TreeRef // a second commit's, if a case sets it
	tweak func(*objects.Commit)
}

// keyFiles lets package keys read the files of a vault.
type keyFiles struct{ store vfs.FS }

func (k keyFiles) List(dir string) (names []string, err error) {
	infos, err := k.store.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, i := range infos {
		names = append(names, i.Name())
	}
	return names, err
}

func (k keyFiles) Read(name string, limit int64) ([]byte, error) {
	f, err := k.store.OpenHandle(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, limit))
	return data, errors.Join(err, f.Close())
}

func (m *member) put(kind objects.Kind, data []byte) objects.ID {
	m.t.Helper()
	id, err := m.frame.Put(kind, data)
	must(m.t, err)
	return id
}

// leaf puts a folder of entries in one node.
func (m *member) leaf(entries ...objects.Entry) objects.TreeRef {
	m.t.Helper()
	slices.SortFunc(entries, func(a, b objects.Entry) int { return strings.Compare(a.Name, b.Name) })
	data, err := (&objects.TreeNode{Entries: entries}).Encode()
	must(m.t, err)
	ref := objects.TreeRef{ID: m.put(objects.KindTree, data), Entries: uint64(len(entries))}
	for i := range entries {
		n, b := entries[i].Totals()
		ref.Entries, ref.Bytes = ref.Entries+n, ref.Bytes+b
	}
	return ref
}

// forged puts a folder of one entry whose encoding is changed after it was made. The first place that holds the old text
// counts: a name comes before IDs, in which a short one may turn up by chance.
func (m *member) forged(e objects.Entry, old, forged string) objects.TreeRef {
	m.t.Helper()
	data, err := (&objects.TreeNode{Entries: []objects.Entry{e}}).Encode()
	must(m.t, err)
	if !bytes.Contains(data, []byte(old)) || len(old) != len(forged) {
		m.t.Fatalf("forging %q", old)
	}
	n, b := e.Totals()
	return objects.TreeRef{ID: m.put(objects.KindTree, bytes.Replace(data, []byte(old), []byte(forged), 1)), Entries: 1 + n, Bytes: b}
}

func small(name, content string) objects.Entry {
	return objects.Entry{Name: name, Type: objects.TypeFile, Mode: 0o644, Size: uint64(len(content)),
		Content: objects.Content{Kind: objects.ContentInline, Inline: []byte(content)}}
}

func linkTo(name, target string) objects.Entry {
	return objects.Entry{Name: name, Type: objects.TypeSymlink, Mode: 0o777, Target: target}
}

func folderOf(name string, ref objects.TreeRef) objects.Entry {
	return objects.Entry{Name: name, Type: objects.TypeDirectory, Mode: 0o755, Tree: ref.ID, Entries: ref.Entries, Bytes: ref.Bytes}
}

// attack is what a member did. Unless it is allowed, every way of getting its files must fail.
type attack struct {
	name    string
	allowed bool // odd and legal: it may be restored, but only below the root
	write   func(m *member)
}

func attacks(t testing.TB, outside string) (all []attack) {
	t.Helper()
	for _, name := range []string{"..", ".", "a/b", "../x", "../../x", "/abs", outside, ".evault", ".EVAULT", ".evault.", ".evault ", ".Ev\u200cAult",
		".evault::$INDEX_ALLOCATION", "nul\x00l", ".evaul\u0442/.."} {
		for _, kind := range []string{"file", "link", "folder", "deep"} {
			all = append(all, attack{name: fmt.Sprintf("%s called %q", kind, name), write: func(m *member) {
				place := strings.Repeat("Q", len(name))
				e := small(place, "hostile")
				switch kind {
				case "link":
					e = linkTo(place, outside)
				case "folder":
					e = folderOf(place, m.leaf(small("victim", "hostile")))
				}
				m.root = m.forged(e, place, name)
				if kind == "deep" {
					m.root = m.leaf(folderOf("a", m.leaf(folderOf("b", m.root))))
				}
			}})
		}
	}
	for _, target := range []string{outside, "../../outside", "..", "/", ".evault", ".evault/store", ".evault/config.toml", "a", "b"} {
		all = append(all, attack{name: "folder where a link was to " + target, allowed: true, write: func(m *member) {
			m.root = m.leaf(linkTo("d", target), small("x", "1"))
			m.again = m.leaf(folderOf("d", m.leaf(small("victim", "hostile"), small("config.toml", "hostile"))), small("x", "2"))
		}}, attack{name: "file where a link was to " + target, allowed: true, write: func(m *member) {
			m.root = m.leaf(linkTo("d", target+"/victim"), small("x", "1"))
			m.again = m.leaf(small("d", "hostile"), small("x", "2"))
		}}, attack{name: "hard link with a link to " + target, allowed: true, write: func(m *member) {
			a, b := linkTo("a", target), small("b", "hostile")
			a.LinkGroup, b.LinkGroup = 7, 7
			m.root = m.leaf(a, b)
		}})
	}
	lies := func(what string, change func(m *member, e *objects.Entry)) {
		all = append(all, attack{name: what, write: func(m *member) {
			e := folderOf("d", m.leaf(small("a", "1"), small("b", "2")))
			change(m, &e)
			m.root = m.leaf(e)
		}})
	}
	lies("too few entries", func(_ *member, e *objects.Entry) { e.Entries-- })
	lies("too many entries", func(_ *member, e *objects.Entry) { e.Entries = 1 << 30 })
	lies("too few bytes", func(_ *member, e *objects.Entry) { e.Bytes-- })
	lies("too many bytes", func(_ *member, e *objects.Entry) { e.Bytes = 1 << 50 })
	lies("a folder that is not there", func(_ *member, e *objects.Entry) { e.Tree[0] ^= 1 })
	lies("a folder that is a chunk", func(m *member, e *objects.Entry) { e.Tree = m.put(objects.KindChunk, []byte("\x01\x00\x00")) })
	lies("a folder that is a file list", func(m *member, e *objects.Entry) { e.Tree = m.put(objects.KindFileList, []byte("\x01\x00\x00")) })
	lies("a folder that is garbage", func(m *member, e *objects.Entry) { e.Tree = m.put(objects.KindTree, []byte(noise(1, 5000))) })
	content := func(what string, size uint64, of func(m *member) objects.Content) {
		all = append(all, attack{name: what, write: func(m *member) {
			m.root = m.leaf(objects.Entry{Name: "f", Type: objects.TypeFile, Mode: 0o644, Size: size, Content: of(m)})
		}})
	}
	chunk := func(kind objects.ContentKind, of objects.Kind, data string) func(m *member) objects.Content {
		return func(m *member) objects.Content { return objects.Content{Kind: kind, ID: m.put(of, []byte(data))} }
	}
	content("a chunk shorter than its file", 70_000, chunk(objects.ContentChunk, objects.KindChunk, "short"))
	content("a chunk longer than its file", 100, chunk(objects.ContentChunk, objects.KindChunk, noise(1, 5000)))
	content("a chunk that is a tree", 100, chunk(objects.ContentChunk, objects.KindTree, noise(1, 100)))
	content("a file list that is garbage", 1<<40, chunk(objects.ContentFileList, objects.KindFileList, noise(1, 3000)))
	content("a file list that is a chunk", 1<<40, chunk(objects.ContentFileList, objects.KindChunk, noise(1, 3000)))
	content("a chunk that is not there", 100, func(*member) objects.Content { return objects.Content{Kind: objects.ContentChunk, ID: objects.ID{9}} })
	all = append(all, attack{name: "ten to the twentieth entries, said to be few", write: func(m *member) {
		ref := m.leaf(small("a", "1"))
		for range 20 {
			var es []objects.Entry
			for i := range 10 {
				ref.Entries, ref.Bytes = 1, 1
				es = append(es, folderOf(fmt.Sprint(i), ref))
			}
			ref = m.leaf(es...)
		}
		ref.Entries, ref.Bytes = 100, 100
		m.root = ref
	}}, attack{name: "deeper than allowed", write: func(m *member) {
		m.root = m.leaf(small("a", "1"))
		for range objects.MaxDepth + 2 {
			m.root = m.leaf(folderOf("d", m.root))
		}
	}})
	commit := func(what string, tweak func(m *member, c *objects.Commit)) {
		all = append(all, attack{name: "commit: " + what, write: func(m *member) {
			m.root = m.leaf(small("a", "1"))
			m.tweak = func(c *objects.Commit) { tweak(m, c) }
		}})
	}
	commit("too many entries", func(_ *member, c *objects.Commit) { c.Entries = 1 << 30 })
	commit("too few bytes", func(_ *member, c *objects.Commit) { c.Bytes = 0 })
	commit("its tree is a chunk", func(m *member, c *objects.Commit) { c.Tree = m.put(objects.KindChunk, []byte("\x01\x00\x00")) })
	commit("its tree is not there", func(_ *member, c *objects.Commit) { c.Tree[3] ^= 1 })
	return all
}

// TestProofHostileMember is row 9 for whole vaults: the objects of a member who has every key, restored, checked out,
// exported, listed and verified. Nothing is written outside, every refusal is an error with a name, memory and time are
// bounded, and the vault stays usable.
func TestProofHostileMember(t *testing.T) {
	random, count := dice(t), newTally(t)
	probe := attacks(t, "/outside")
	stop := watchMemory(t)
	defer stop()
	for i := range probe {
		w := newWorkshop(t, random)
		outside := filepath.Join(w.dir, "outside")
		must(t, os.Mkdir(outside, 0o755))
		must(t, os.WriteFile(filepath.Join(outside, "victim"), []byte("precious"), 0o644))
		must(t, os.WriteFile(filepath.Join(w.work(), "mine"), []byte("mine"), 0o644))
		honest := w.commit(count)
		a := attacks(t, outside)[i]
		began := time.Now()
		w.suffer(count, a, honest)
		if took := time.Since(began); took > caseLimit {
			count.fail("%s: took %s", a.name, took)
		}
		w.remove()
	}
	count.report("row 9 (objects of a hostile member)", 700)
}

// strike writes the attack into the vault and gives its commits.
func (w *workshop) strike(a attack) (ids []string) {
	t := w.t
	t.Helper()
	identity, err := repo.LoadIdentity(w.places, w.set)
	must(t, err)
	store, err := w.places.Vault.Sub("store")
	must(t, err)
	defer store.Close()
	local, err := w.places.Vault.Sub("local")
	must(t, err)
	defer local.Close()
	text, err := os.ReadFile(filepath.Join(w.work(), repo.VaultDir, "local", "vault"))
	must(t, err)
	pinned, err := keys.ParseVaultID(strings.TrimSpace(string(text)))
	must(t, err)
	m := &member{t: t, w: w}
	m.vault, err = keys.OpenWithIdentity(keyFiles{store}, identity, pinned)
	must(t, err)
	db, err := pack.OpenDB(pack.Options{Store: store, Local: local, Vault: m.vault})
	must(t, err)
	session := db.NewSession(pack.SessionOptions{})
	m.frame = session.NewFrames()
	a.write(m)
	var commits []objects.ID
	for _, root := range []objects.TreeRef{m.root, m.again} {
		if root.ID.IsZero() {
			continue
		}
		c := &objects.Commit{Tree: root.ID, Entries: root.Entries, Bytes: root.Bytes, Generation: 1, Device: m.vault.DevicePublicKey(),
			Author: "Mallory", Message: a.name, Time: objects.Time{Sec: 1_700_000_000}}
		if m.tweak != nil {
			m.tweak(c)
		}
		c.Signature, err = m.vault.SignCommit(c.SigningHash())
		must(t, err)
		data, err := c.Encode()
		must(t, err)
		commits = append(commits, m.put(objects.KindCommit, data))
	}
	infos, err := session.Commit(t.Context())
	must(t, err)
	must(t, db.Close())
	op := refs.Operation{Name: "commit", Description: "hostile", Time: objects.Time{Sec: 1_700_000_000}}
	for _, p := range infos {
		op.PacksAdded = append(op.PacksAdded, refs.Pack{Name: p.Name, Size: uint64(p.Size)})
	}
	for i, id := range commits {
		op.Changes = append(op.Changes, refs.Change{Name: fmt.Sprintf("heads/evil%d", i), New: id})
		ids = append(ids, id.String())
	}
	storeID, err := refs.ReadStoreID(store)
	must(t, err)
	clone, _, err := refs.ReadClone(w.places.Vault)
	must(t, err)
	log, err := refs.Open(refs.Options{Store: store, Local: local, State: w.places.State, Vault: m.vault, StoreID: storeID, CloneID: clone})
	must(t, err)
	_, err = log.Append(t.Context(), op)
	must(t, err)
	return ids
}

// limited is an archive that does not fill the disk.
type limited struct{ left int }

var errEndless = errors.New("the archive is endless")

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errEndless
	}
	return len(p), nil
}

// suffer does to the hostile commits what a user may do.
func (w *workshop) suffer(count *tally, a attack, honest made) {
	t := w.t
	t.Helper()
	ids := w.strike(a)
	before := w.surroundings()
	ctx, cancel := context.WithTimeout(t.Context(), caseLimit)
	defer cancel()
	judge := func(verb string, err error) {
		count.add(verb)
		// A restore holds every folder to its totals, but the root, whose entries are the announcement.
		if err == nil && !a.allowed && !(verb == "restore" && strings.HasPrefix(a.name, "commit: too")) {
			count.fail("%s: %s succeeds", a.name, verb)
		}
		v := &verdict{}
		if !errors.Is(err, repo.ErrConflict) {
			v.named(verb, err)
		}
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errEndless) || len(v.wrong) > 0 {
			count.fail("%s: %s: %v", a.name, verb, err)
		}
		if d := manifest(before).differences(w.surroundings()); len(d) > 0 {
			count.fail("%s: %s wrote outside: %q", a.name, verb, d)
		}
	}
	do := func(mode repo.Mode, verb string, act func(r *repo.Repository) error) {
		judge(verb, w.with(mode, func(_ context.Context, r *repo.Repository) error { return act(r) }))
	}
	for _, id := range ids {
		do(repo.ReadOnly, "restore", func(r *repo.Repository) error {
			_, err := r.Restore(ctx, repo.RestoreOptions{Source: id, To: w.open("beside")})
			return err
		})
		for _, format := range []string{"tar", "zip"} {
			do(repo.ReadOnly, format, func(r *repo.Repository) error {
				return r.Export(ctx, repo.ExportOptions{Revision: id, Format: format}, &limited{64 << 20})
			})
		}
		do(repo.Writing, "checkout", func(r *repo.Repository) error {
			_, err := r.Checkout(ctx, repo.CheckoutOptions{Revision: id, Force: true})
			return err
		})
	}
	do(repo.ReadOnly, "verify", func(r *repo.Repository) error {
		found, err := r.Verify(ctx, repo.VerifyOptions{})
		if err != nil && (found == nil || len(found.Damage)+len(found.Security) == 0) {
			return fmt.Errorf("names nothing: %v", err)
		}
		return err
	})
	// The honest commit is as good as before.
	if err := w.with(repo.Writing, func(_ context.Context, r *repo.Repository) error {
		_, err := r.Checkout(ctx, repo.CheckoutOptions{Revision: "main", Force: true})
		return err
	}); err != nil {
		count.fail("%s: back to the honest commit: %v", a.name, err)
		return
	}
	must(t, os.RemoveAll(filepath.Join(w.dir, "beside")))
	w.restoreBeside(count, honest)
}

// surroundings describes all that a checkout or restore may not touch.
func (w *workshop) surroundings() map[string]string {
	state := survey(w.t, w.dir)
	for name := range state {
		first, rest, _ := strings.Cut(name, "/")
		switch {
		case first == "beside", name == "work",
			first == "work" && !strings.HasPrefix(rest, repo.VaultDir+"/"),
			strings.HasPrefix(rest, repo.VaultDir+"/local"), strings.HasPrefix(rest, repo.VaultDir+"/HEAD"),
			strings.HasPrefix(rest, repo.VaultDir+"/store/logs"), first == "state":
			delete(state, name)
		}
	}
	return state
}
