package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"filippo.io/age"

	"evault/internal/vfs"
	"evault/repo"
	"evault/tests/golden"
)

// subject is a vault that the reader is to read, with what its commits must give back.
type subject struct {
	t                     *testing.T
	vault                 string // .evault
	id                    string
	identity              string // file
	passphrase, words     string // files
	other                 []string
	commits               []golden.Commit
	packs, slots, restore int
}

func onLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the trees hold names, fifos and attributes that only Linux can be relied on to take")
	}
}

func frozen(t *testing.T) *subject {
	t.Helper()
	dir, work := "../golden/v1", t.TempDir()
	must(t, golden.Unpack(dir, work))
	s := &subject{t: t, vault: filepath.Join(work, ".evault")}
	var err error
	s.id, err = golden.Secret(s.vault, "local/vault")
	must(t, err)
	s.commits, err = golden.Commits(dir)
	must(t, err)
	in := func(name string) string { return filepath.Join(dir, name) }
	s.identity, s.passphrase, s.words = in("identity"), in("passphrase"), in("recovery-words")
	s.other = []string{in("identity-second"), in("recipient.key")}
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fresh makes a vault with more in it than the frozen one: packs of one class, a folder of many nodes, a file of many chunks.
func fresh(t *testing.T) *subject {
	t.Helper()
	home := t.TempDir()
	work := filepath.Join(home, "work")
	open := func(name string) vfs.FS {
		fsys, err := vfs.OpenOrCreate(filepath.Join(home, name))
		must(t, err)
		t.Cleanup(func() { must(t, fsys.Close()) })
		return fsys
	}
	places := repo.Places{WorkPath: work, Work: open("work"), Config: open("config"), State: open("state")}
	settings := repo.Settings{Author: "Tester", Label: "here", UserID: -1}
	pass := "seven quiet herons wait by the frozen canal at dawn"
	made, err := repo.Init(t.Context(), places, settings, repo.InitOptions{Label: "here", Branch: "trunk",
		Passphrase: []byte(pass), RecoveryWords: true, WorkFactor: 2})
	must(t, err)
	places.Vault, err = places.Work.Sub(repo.VaultDir)
	must(t, err)
	t.Cleanup(func() { must(t, places.Vault.Close()) })
	s := &subject{t: t, vault: filepath.Join(work, ".evault"), id: made.Vault.String(), identity: filepath.Join(home, "config", "identity"),
		passphrase: filepath.Join(home, "pass"), words: filepath.Join(home, "words")}
	must(t, os.WriteFile(s.passphrase, []byte(pass), 0o600))
	must(t, os.WriteFile(s.words, []byte(made.RecoveryWords), 0o600))
	grow(t, work)
	s.commit(places, settings, "first")
	must(t, os.RemoveAll(filepath.Join(work, "many/0777")))
	must(t, os.WriteFile(filepath.Join(work, "noise"), append([]byte("in front"), noise(3<<20)...), 0o640))
	s.commit(places, settings, "second")
	return s
}

// noise is n bytes that do not compress.
func noise(n int) []byte {
	out := make([]byte, 0, n+32)
	for i := 0; len(out) < n; i++ {
		sum := sha256.Sum256(fmt.Append(nil, i))
		out = append(out, sum[:]...)
	}
	return out[:n]
}

func grow(t *testing.T, work string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Join(work, "many"), 0o755))
	must(t, os.MkdirAll(filepath.Join(work, "a/b/c"), 0o700))
	for i := range 2500 {
		must(t, os.WriteFile(filepath.Join(work, "many", fmt.Sprintf("%04d", i)), fmt.Appendf(nil, "%d", i*i), 0o644))
	}
	must(t, os.WriteFile(filepath.Join(work, "noise"), noise(3<<20), 0o644))
	must(t, os.WriteFile(filepath.Join(work, "text"), bytes.Repeat([]byte("all work and no play\n"), 150_000), 0o644))
	must(t, os.Link(filepath.Join(work, "text"), filepath.Join(work, "a/b/c/text")))
	must(t, os.Symlink("c", filepath.Join(work, "a/b/link")))
	f, err := os.Create(filepath.Join(work, "a/sparse"))
	must(t, err)
	_, err = f.WriteAt([]byte("end"), 40<<20)
	must(t, errors.Join(err, f.Close()))
}

func (s *subject) commit(p repo.Places, settings repo.Settings, message string) {
	s.t.Helper()
	r, err := repo.Open(s.t.Context(), p, settings, repo.Writing)
	must(s.t, err)
	result, err := r.Commit(s.t.Context(), repo.CommitOptions{Message: message, All: true})
	must(s.t, errors.Join(err, r.Close()))
	lines, err := golden.Listing(p.WorkPath)
	must(s.t, err)
	for i := range s.commits {
		s.commits[i].Branch = "-"
	}
	s.commits = append(s.commits, golden.Commit{ID: result.ID.String(), Branch: "trunk", Subject: message, Lines: lines})
}

// read runs the reader and compares what it restores with want.
func (s *subject) read(want golden.Commit, args ...string) {
	s.t.Helper()
	out := filepath.Join(s.t.TempDir(), "out")
	var printed strings.Builder
	if err := run(append(args, s.vault, out), &printed); err != nil {
		s.t.Fatalf("%q: %v\n%s", args, err, &printed)
	}
	got, err := golden.Listing(out)
	must(s.t, err)
	for _, d := range golden.Differences(withoutLinkTimes(want.Lines), withoutLinkTimes(got)) {
		s.t.Errorf("%q: %s", args, d)
	}
	if strings.Contains(printed.String(), "left out") {
		s.t.Error(printed.String())
	}
	s.restore++
}

// withoutLinkTimes leaves out the times of symbolic links, which the standard library cannot set.
func withoutLinkTimes(lines []string) []string {
	out := append([]string(nil), lines...)
	for i := range out {
		if strings.HasPrefix(out[i], "l\t") {
			golden.SetColumn(&out[i], golden.ColumnTime, "-")
		}
	}
	return out
}

// readAll reads every commit, and uses every way in.
func (s *subject) readAll() {
	s.t.Helper()
	for _, c := range s.commits {
		s.read(c, "-identity", s.identity, "-vault-id", s.id, "-commit", c.ID)
		if c.Branch == "-" {
			continue
		}
		for _, secret := range []string{s.passphrase, s.words} {
			s.read(c, "-passphrase-file", secret, "-branch", c.Branch)
		}
		for _, other := range s.other {
			s.read(c, "-identity", other, "-vault-id", s.id, "-branch", c.Branch)
		}
	}
}

// checkPacks does what sha256sum does, over every pack.
func (s *subject) checkPacks() {
	s.t.Helper()
	must(s.t, filepath.WalkDir(filepath.Join(s.vault, "store/packs"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if want := fmt.Sprintf("%x.pack", sha256.Sum256(data)); d.Name() != want {
			s.t.Errorf("%s has the hash %s", name, want)
		}
		s.packs++
		return err
	}))
}

// checkSlots opens every slot with age: the command where it takes a key, the library where it asks for a passphrase.
func (s *subject) checkSlots(program string) {
	s.t.Helper()
	slots, err := filepath.Glob(filepath.Join(s.vault, "store/slots/*.age"))
	must(s.t, err)
	for _, slot := range slots {
		data, err := os.ReadFile(slot)
		must(s.t, err)
		var text []byte
		if bytes.Contains(data, []byte("\n-> scrypt ")) {
			text = s.byPassphrase(data)
		} else {
			for _, key := range append([]string{s.identity}, s.other...) {
				if out, err := exec.CommandContext(s.t.Context(), program, "-d", "-i", key, slot).Output(); err == nil {
					text = out
				}
			}
		}
		if !slotPattern().Match(text) || !strings.Contains(string(text), s.id) {
			s.t.Errorf("age makes %q of %s", text, slot)
		}
		s.slots++
	}
}

func (s *subject) byPassphrase(data []byte) []byte {
	s.t.Helper()
	for _, name := range []string{s.passphrase, s.words} {
		pass, err := os.ReadFile(name)
		must(s.t, err)
		key, err := age.NewScryptIdentity(strings.TrimSpace(string(pass)))
		must(s.t, err)
		if r, err := age.Decrypt(bytes.NewReader(data), key); err == nil {
			text, err := io.ReadAll(r)
			must(s.t, err)
			return text
		}
	}
	return nil
}

// ageProgram builds the age command that the module's tools name.
func ageProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "age")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "filippo.io/age/cmd/age").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// TestProofStockTools: sha256sum checks every pack, age opens every slot, and the reader, written from the document alone,
// restores every commit.
func TestProofStockTools(t *testing.T) {
	onLinux(t)
	program := ageProgram(t)
	vaults, packs, slots, restored := 0, 0, 0, 0
	prove := func(s *subject) {
		s.checkPacks()
		s.checkSlots(program)
		s.readAll()
		vaults, packs, slots, restored = vaults+1, packs+s.packs, slots+s.slots, restored+s.restore
	}
	prove(frozen(t))
	made := 1
	if os.Getenv("EVAULT_PROVE") == "1" {
		made = 20
	}
	for range made {
		prove(fresh(t))
	}
	if vaults < 2 || packs < 5 || slots < 8 || restored < 12 {
		t.Errorf("too little was done: %d vaults, %d packs, %d slots, %d restores", vaults, packs, slots, restored)
	}
	t.Logf("proof row 15: %d vaults: %d packs checked by SHA-256, %d slots opened by age, %d restores by the independent reader, 0 differences",
		vaults, packs, slots, restored)
}

// TestRefusesChanges: one changed byte anywhere that the reader looks, and it restores nothing.
func TestRefusesChanges(t *testing.T) {
	onLinux(t)
	s := frozen(t)
	var files []string
	must(t, filepath.WalkDir(filepath.Join(s.vault, "store"), func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, name)
		}
		return err
	}))
	cases := 0
	for _, name := range files {
		data, err := os.ReadFile(name)
		must(t, err)
		for _, at := range []int{0, len(data) / 3, len(data) / 2, len(data) - 1} {
			changed := bytes.Clone(data)
			changed[at] ^= 4
			must(t, os.WriteFile(name, changed, 0o600))
			out := filepath.Join(t.TempDir(), "out")
			err := run([]string{"-identity", s.identity, "-vault-id", s.id, s.vault, out}, io.Discard)
			if err == nil {
				t.Errorf("byte %d of %s changed, and the reader restores", at, name)
			}
			if _, statErr := os.Stat(out); statErr == nil {
				t.Errorf("byte %d of %s changed, and the reader writes", at, name)
			}
			cases++
		}
		must(t, os.WriteFile(name, data, 0o600))
	}
	if cases < 80 {
		t.Errorf("%d cases only", cases)
	}
	t.Logf("%d changed bytes, all refused", cases)
}

// TestRefusesStrangers: the wrong vault ID and the wrong passphrase open nothing.
func TestRefusesStrangers(t *testing.T) {
	onLinux(t)
	s := frozen(t)
	out := filepath.Join(t.TempDir(), "out")
	wrong := filepath.Join(t.TempDir(), "pass")
	must(t, os.WriteFile(wrong, []byte("not it"), 0o600))
	for _, args := range [][]string{
		{"-identity", s.identity, "-vault-id", strings.Repeat("0", 64), s.vault, out},
		{"-identity", s.identity, s.vault, out},
		{"-passphrase-file", wrong, s.vault, out},
		{"-passphrase-file", s.passphrase, "-branch", "nowhere", s.vault, out},
		{"-passphrase-file", s.passphrase, "-commit", strings.Repeat("0", 64), s.vault, out},
	} {
		if err := run(args, io.Discard); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}

// TestImportsNothingOfOurs: the reader owes nothing to the code that it checks.
func TestImportsNothingOfOurs(t *testing.T) {
	out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "go", "list", "-deps", ".").Output()
	must(t, err)
	for _, p := range strings.Fields(string(out)) {
		if strings.HasPrefix(p, "evault/") && p != "evault/tests/reader" {
			t.Errorf("imports %s", p)
		}
		if first, _, _ := strings.Cut(p, "/"); strings.Contains(first, ".") &&
			!regexp.MustCompile(`^(filippo\.io/|github\.com/klauspost/compress(/|$)|golang\.org/x/)`).MatchString(p) {
			t.Errorf("imports %s", p)
		}
	}
}
