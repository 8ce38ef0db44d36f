package golden

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"

	"evault/repo"
)

// current is the folder of the format that this program writes.
const current = "v1"

// passphraseText is strong enough to be sent to a remote, so that its slot lies in the store.
const passphraseText = "golden vault: seven quiet herons wait by the frozen canal"

// TestGoldenWrite makes the frozen vault of a new format, if EVAULT_GOLDEN_WRITE=1. One that is there is never replaced.
func TestGoldenWrite(t *testing.T) {
	if os.Getenv("EVAULT_GOLDEN_WRITE") != "1" {
		t.Skip("a frozen vault is made once for each format, with EVAULT_GOLDEN_WRITE=1")
	}
	if _, err := os.Stat(current); err == nil {
		t.Fatalf("%s is there already, and a frozen vault is never made anew", current)
	}
	m := newMaker(t)
	first := m.commit(m.first, "first", m.growTree)
	second := m.commit(m.first, "second", m.changeTree)
	m.branches(m.first)
	side := m.commit(m.second, "side", m.bigFolder)
	m.save([]Commit{{first, "-", "first", nil}, {second, "main", "second", nil}, {side, "side", "side", nil}})
}

// maker makes a golden vault.
type maker struct {
	t             *testing.T
	out           string // becomes the folder current
	first, second *copied
	words         string
	recipient     *age.X25519Identity
	random        *rand.Rand
	clock         int64
}

func newMaker(t *testing.T) *maker {
	t.Helper()
	m := &maker{t: t, out: t.TempDir(), random: rand.New(rand.NewPCG(1, 1)), clock: 1_800_000_000}
	home := t.TempDir()
	user := func(name string) *copied {
		c := &copied{t: t, work: filepath.Join(home, "work")}
		c.places = repo.Places{WorkPath: "work", Work: c.open(c.work), Config: c.open(filepath.Join(home, name)), State: c.open(filepath.Join(home, name+"-state"))}
		c.settings = repo.Settings{Author: "Ada Example <ada@example.org>", Label: name, UserID: -1, Now: m.now}
		return c
	}
	m.first, m.second = user("identity"), user("identity-second")
	var err error
	m.recipient, err = age.GenerateX25519Identity()
	m.first.must(err)
	made, err := repo.Init(t.Context(), m.first.places, m.first.settings, repo.InitOptions{Label: "first device",
		Passphrase: []byte(passphraseText), RecoveryWords: true, WorkFactor: 6, Recipients: []string{m.recipient.Recipient().String()}})
	m.first.must(err)
	if len(made.Notes) > 0 {
		t.Fatal(made.Notes)
	}
	m.words = made.RecoveryWords
	for _, c := range []*copied{m.first, m.second} {
		c.places.Vault, err = c.places.Work.Sub(repo.VaultDir)
		c.must(err)
	}
	m.second.settings.Author = "Ben Example"
	m.second.settings.Label = "second device"
	m.second.settings.Passphrase = func(context.Context) ([]byte, error) { return []byte(m.words), nil }
	return m
}

// now is a minute later at every look, some time in 2027.
func (m *maker) now() time.Time {
	m.clock += 60
	return time.Unix(m.clock, 123456789).In(time.FixedZone("", 90*60))
}

func (m *maker) path(name string) string { return filepath.Join(m.first.work, name) }

func (m *maker) write(name string, data []byte) {
	m.t.Helper()
	m.first.must(os.MkdirAll(filepath.Dir(m.path(name)), 0o755))
	m.first.must(os.WriteFile(m.path(name), data, 0o644))
}

// growTree makes the first tree: one of everything.
func (m *maker) growTree() {
	must := m.first.must
	m.write("README", []byte("What this folder holds does not matter. That it comes back does.\n"))
	m.write("empty", nil)
	m.write("inline", []byte("short enough to lie in its entry\n"))
	m.write("docs/one-chunk.txt", bytes.Repeat([]byte("The quick brown fox jumps over the lazy dog.\n"), 200))
	m.write("data/many-chunks", m.blocks(400))
	m.write("names/with space", []byte("space"))
	m.write("names/line\nbreak", []byte("newline"))
	m.write("names/\xff\xfe not UTF-8", []byte("bytes"))
	m.write("names/-dash", []byte("dash"))
	m.write("names/.hidden", []byte("hidden"))
	m.write("names/u\u0308 decomposed", []byte("two code points"))
	m.write("names/\u00fc composed", []byte("one code point"))
	m.write("names/CON.txt", []byte("a device elsewhere"))
	m.write("names/trailing dot.", []byte("dropped elsewhere"))
	m.write("names/"+strings.Repeat("n", 255), []byte("255 bytes"))
	m.write("links/a", []byte("three names, one file: more than sixty-four bytes, so that it is a chunk.\n"))
	must(os.Link(m.path("links/a"), m.path("links/b")))
	must(os.Link(m.path("links/a"), m.path("docs/c")))
	must(os.Symlink("links/a", m.path("symlink")))
	must(os.Symlink("/nowhere/\xf0 at all", m.path("links/dangling")))
	must(os.MkdirAll(m.path("empty-folder"), 0o750))
	must(syscall.Mkfifo(m.path("fifo"), 0o640))
	m.sparse("data/sparse")
	m.write("attributes", []byte("has extended attributes\n"))
	must(setXattr(m.path("attributes"), "user.comment", "frozen"))
	must(setXattr(m.path("attributes"), "user.bytes", "\x00\x01\xff"))
	m.write("modes/private", []byte("0600"))
	must(os.Chmod(m.path("modes/private"), 0o600))
	m.write("modes/program", []byte("#!/bin/sh\n"))
	must(os.Chmod(m.path("modes/program"), 0o755))
	m.write("modes/read-only", []byte("0444"))
	must(os.Chmod(m.path("modes/read-only"), 0o444))
	must(os.Chtimes(m.path("modes/private"), time.Time{}, time.Unix(-86400, 0)))
	must(os.Chtimes(m.path("modes/program"), time.Time{}, time.Unix(4102444800, 999999999)))
}

// blocks is a file of n blocks of 2 KiB, each one of twelve: much to cut, little to store.
func (m *maker) blocks(n int) []byte {
	blocks := make([][]byte, 12)
	for i := range blocks {
		blocks[i] = make([]byte, 2048)
		for j := range blocks[i] {
			blocks[i][j] = byte(m.random.Uint32())
		}
	}
	var out []byte
	for range n {
		out = append(out, blocks[m.random.IntN(len(blocks))]...)
	}
	return out
}

// sparse makes a file with a hole at its beginning, one in its middle and one at its end.
func (m *maker) sparse(name string) {
	m.t.Helper()
	f, err := os.Create(m.path(name))
	m.first.must(err)
	for _, at := range []int64{1 << 20, 5 << 20} {
		_, err = f.WriteAt([]byte(fmt.Sprintf("data at %d\n", at)), at)
		m.first.must(err)
	}
	m.first.must(f.Truncate(9 << 20))
	m.first.must(f.Close())
}

// changeTree makes the second tree of the first.
func (m *maker) changeTree() {
	must := m.first.must
	m.write("inline", []byte("changed\n"))
	many, err := os.ReadFile(m.path("data/many-chunks"))
	must(err)
	m.write("data/many-chunks", append([]byte("something new in front\n"), many...))
	must(os.Remove(m.path("names/-dash")))
	must(os.Rename(m.path("docs/one-chunk.txt"), m.path("docs/renamed.txt")))
	must(os.Remove(m.path("symlink")))
	m.write("symlink/is a folder now", []byte("and this is in it"))
	must(os.Chmod(m.path("README"), 0o600))
}

// bigFolder makes the tree of the side branch: a folder that is split into several nodes.
func (m *maker) bigFolder() {
	for i := range 264 {
		name := fmt.Sprintf("big/%04d", i)
		if i == 258 {
			name = splitter(258)
		}
		m.write(name, nil)
	}
	m.write("zero", make([]byte, 200_000))
}

// splitter is a name with this number after which a node ends: see docs/format.md.
func splitter(n int) string {
	for i := 0; ; i++ {
		name := fmt.Sprintf("%04d-%d", n, i)
		h := uint64(14695981039346656037)
		for j := range len(name) {
			h = (h ^ uint64(name[j])) * 1099511628211
		}
		h = (h ^ h>>33) * 0xff51afd7ed558ccd
		h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
		h ^= h >> 33
		if h&1023 == 0 {
			return "big/" + name
		}
	}
}

// commit changes the work tree and commits it all as one of the users; a commit "side" begins the branch of that name.
func (m *maker) commit(c *copied, subject string, change func()) string {
	m.t.Helper()
	change()
	m.calm()
	var id string
	c.with(repo.Writing, func(r *repo.Repository) {
		if subject == "side" {
			_, err := r.Checkout(m.t.Context(), repo.CheckoutOptions{Create: "side"})
			c.must(err)
		}
		o := repo.CommitOptions{Message: subject, All: true}
		if subject == "second" {
			o.Message += "\n\nA message may go on.\n"
		}
		result, err := r.Commit(m.t.Context(), o)
		c.must(err)
		if len(result.Problems) > 0 {
			m.t.Fatal(result.Problems)
		}
		id = result.ID.String()
	})
	lines := m.list()
	data := []byte(strings.Join(lines, "\n") + "\n")
	c.must(os.WriteFile(filepath.Join(m.out, subject+".list"), data, 0o644))
	if got, err := Listing(c.work); err != nil || len(Differences(lines, got)) > 0 {
		m.t.Fatalf("find and this program disagree: %v %q", err, Differences(lines, got))
	}
	return id
}

// calm gives every folder a time that does not depend on today.
func (m *maker) calm() {
	m.t.Helper()
	at := m.now()
	m.first.must(filepath.WalkDir(m.first.work, func(name string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == ".evault" {
			return filepath.SkipDir
		}
		if err == nil && d.IsDir() {
			err = os.Chtimes(name, time.Time{}, at)
		}
		return err
	}))
}

// branches makes records of several kinds.
func (m *maker) branches(c *copied) {
	c.with(repo.Writing, func(r *repo.Repository) {
		for _, name := range []string{"old", "topic/one"} {
			_, err := r.CreateBranch(m.t.Context(), name, "HEAD~1", false)
			c.must(err)
		}
		_, err := r.DeleteBranch(m.t.Context(), "old", true)
		c.must(err)
		for _, detach := range []bool{true, false} {
			_, err := r.Checkout(m.t.Context(), repo.CheckoutOptions{Revision: "main", Detach: detach})
			c.must(err)
		}
	})
}

// list makes the listing of the work tree with find, sha256sum and getfattr.
func (m *maker) list() []string {
	m.t.Helper()
	find := m.run("find", ".", "-mindepth", "1", "(", "-path", "./.evault", "-prune", ")", "-o", "-printf", `%y\t%m\t%s\t%T@\t%i\t%n\0%P\0%l\0`)
	fields := strings.Split(strings.TrimSuffix(find, "\x00"), "\x00")
	type found struct{ meta, name, target string }
	var all []found
	for i := 0; i+2 < len(fields); i += 3 {
		all = append(all, found{fields[i], fields[i+1], fields[i+2]})
	}
	slices.SortFunc(all, func(a, b found) int { return strings.Compare(a.name, b.name) })
	firstOf := map[string]string{}
	var lines []string
	for _, f := range all {
		p := strings.Split(f.meta, "\t") // type, mode, size, time, inode, names
		size, links, attrs, content := "-", "-", "-", "-"
		seconds, nanos, _ := strings.Cut(p[3], ".")
		if strings.HasPrefix(seconds, "-") && strings.Trim(nanos, "0") != "" {
			m.t.Fatalf("%s: what find says of a time before 1970 with a fraction is not clear", f.name)
		}
		switch p[0] {
		case "f":
			size = p[2]
			content, _, _ = strings.Cut(strings.TrimPrefix(m.run("sha256sum", "--", f.name), `\`), " ")
			if p[5] != "1" {
				if firstOf[p[4]] == "" {
					firstOf[p[4]] = f.name
				}
				links = strconv.Quote(firstOf[p[4]])
			}
			attrs = m.attributes(f.name)
		case "l":
			content = strconv.Quote(f.target)
		}
		lines = append(lines, strings.Join([]string{p[0], p[1], size, seconds + "." + nanos[:9], links, attrs, content, strconv.Quote(f.name)}, "\t"))
	}
	return lines
}

func (m *maker) attributes(name string) string {
	var all []string
	for _, line := range strings.Split(m.run("getfattr", "--dump", "--encoding=hex", "--", name), "\n") {
		if strings.HasPrefix(line, "user.") {
			all = append(all, strings.Replace(line, "=0x", "=", 1))
		}
	}
	if len(all) == 0 {
		return "-"
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}

func (m *maker) run(name string, args ...string) string {
	m.t.Helper()
	cmd := exec.CommandContext(m.t.Context(), name, args...)
	cmd.Dir, cmd.Stderr = m.first.work, os.Stderr
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	m.first.must(err)
	return string(out)
}

// caches are what may be deleted from a vault at any time: see docs/format.md.
func caches(name string) bool {
	return slices.Contains([]string{".evault/local/fold", ".evault/local/index", ".evault/local/objects", ".evault/local/lock",
		".evault/local/outbox", ".evault/local/slots"}, name)
}

// save moves everything to its place.
func (m *maker) save(commits []Commit) {
	must := m.first.must
	put := func(name string, data []byte) { must(os.WriteFile(filepath.Join(m.out, name), data, 0o644)) }
	tar, err := Pack(m.first.work, caches)
	must(err)
	put("vault.tar", tar)
	for _, name := range []string{"identity", "identity-second"} {
		data, err := os.ReadFile(filepath.Join(filepath.Dir(m.first.work), name, "identity"))
		must(err)
		put(name, data)
	}
	put("recipient.key", []byte(m.recipient.String()+"\n"))
	put("passphrase", []byte(passphraseText+"\n"))
	put("recovery-words", []byte(m.words+"\n"))
	var list strings.Builder
	for _, c := range commits {
		fmt.Fprintf(&list, "%s %s %s\n", c.ID, c.Branch, c.Subject)
	}
	put("commits", []byte(list.String()))
	must(os.CopyFS(current, os.DirFS(m.out)))
	m.t.Logf("%s written: %d bytes of vault; write its README.md by hand", current, len(tar))
}
