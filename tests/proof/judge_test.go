package proof

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/objects"
	"evault/repo"
)

// tree is what a folder holds, by path: the judge's own knowledge, gained by reading the folder and by no code under test.
type tree map[string]file

// file is one name. The time of a folder is left out: it is no part of what a commit promises.
type file struct {
	typ   vfs.Type
	perm  uint32
	mtime vfs.Time
	data  string // content or target
}

// walk reads a folder, but not the vault in it nor temporary files.
func walk(t testing.TB, fsys vfs.FS) tree {
	t.Helper()
	found := tree{}
	if err := found.read(fsys, "."); err != nil {
		t.Fatal(err)
	}
	return found
}

func (tr tree) read(fsys vfs.FS, dir string) error {
	infos, err := fsys.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, info := range infos {
		name := path.Join(dir, info.Name())
		if name == repo.VaultDir || isTemporary(info.Name()) {
			continue
		}
		st, err := fsys.LstatStat(name)
		if err != nil {
			return err
		}
		f := file{typ: st.Type, perm: st.Perm, mtime: st.Mtime}
		switch st.Type {
		case vfs.Directory:
			f.mtime = vfs.Time{}
			err = tr.read(fsys, name)
		case vfs.Symlink:
			f.data, err = fsys.Readlink(name)
		default:
			f.data, err = content(fsys, name)
		}
		if err != nil {
			return err
		}
		tr[name] = f
	}
	return nil
}

func content(fsys vfs.FS, name string) (string, error) {
	f, err := fsys.OpenHandle(name, os.O_RDONLY, 0)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(f)
	return string(data), errors.Join(err, f.Close())
}

func isTemporary(name string) bool {
	return strings.HasPrefix(name, ".tmp-") || strings.HasPrefix(name, ".evault-tmp-")
}

// differing lists the paths at which two trees differ.
func differing(a, b tree) (paths []string) {
	for p, f := range a {
		if g, ok := b[p]; !ok || f != g {
			paths = append(paths, p)
		}
	}
	for p := range b {
		if _, ok := a[p]; !ok {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	return paths
}

// state is what a vault says of itself, in words that two runs of the same verb have in common: branches by the messages
// of their history, HEAD, key slots and settings.
type state struct {
	text string
	ids  []objects.ID // of all commits that branches and HEAD lead to
}

// absent is the state of a folder without a vault.
const absent = "no vault"

// look asks an open vault for its state.
func look(ctx context.Context, w *world, r *repo.Repository) (s state, err error) {
	var b strings.Builder
	status, err := r.Status(ctx, repo.StatusOptions{})
	if err != nil {
		return s, err
	}
	fmt.Fprintf(&b, "on %q detached %v", status.Branch, status.Detached)
	if !status.Head.IsZero() {
		if err := s.history(ctx, r, &b, "HEAD"); err != nil {
			return s, err
		}
	}
	branches, err := r.Branches(ctx)
	if err != nil {
		return s, err
	}
	for _, branch := range branches {
		fmt.Fprintf(&b, "\nbranch %s", branch.Name)
		if err := s.history(ctx, r, &b, branch.Commit.String()); err != nil {
			return s, err
		}
	}
	tags, err := r.Tags(ctx, repo.TagListOptions{})
	if err != nil {
		return s, err
	}
	for _, tag := range tags {
		fmt.Fprintf(&b, "\ntag %s, signed: %v, %q, %v", tag.Name, tag.Tag != nil, tag.Message, tag.Err)
		if err := s.history(ctx, r, &b, tag.Commit.String()); err != nil {
			return s, err
		}
	}
	slots, err := r.Slots(ctx)
	if err != nil {
		return s, err
	}
	listed := 0
	for _, slot := range slots {
		if slot.Listed {
			listed++
		}
	}
	config, err := repo.ReadConfig(w.places.Vault)
	fmt.Fprintf(&b, "\n%d slots, %d workers", listed, config.Core.Workers)
	s.text = b.String()
	return s, err
}

func (s *state) history(ctx context.Context, r *repo.Repository, b *strings.Builder, rev string) error {
	return r.Log(ctx, repo.LogOptions{Revisions: []string{rev}}, func(e *repo.LogEntry) error {
		fmt.Fprintf(b, " <- %s", strings.TrimSpace(e.Commit.Message))
		if !slices.Contains(s.ids, e.ID) {
			s.ids = append(s.ids, e.ID)
		}
		return nil
	})
}

// lookAt opens a vault for reading and asks for its state; a folder without a vault is absent.
func lookAt(ctx context.Context, w *world) (s state, err error) {
	if w.places.Vault == nil {
		return state{text: absent}, nil
	}
	err = w.with(ctx, repo.ReadOnly, func(r *repo.Repository) (err error) {
		s, err = look(ctx, w, r)
		return err
	})
	return s, err
}

// isWhole fails unless Verify finds nothing and every commit of the past comes back as it was.
func isWhole(ctx context.Context, t testing.TB, r *repo.Repository, p past) error {
	if found, err := r.Verify(ctx, repo.VerifyOptions{}); err != nil {
		return fmt.Errorf("verify: %w: %+v", err, found)
	}
	for id, want := range p {
		got, err := restored(ctx, t, r, id)
		if err != nil {
			return err
		}
		if diff := differing(want, got); len(diff) > 0 {
			return fmt.Errorf("commit %s does not come back as it was: %q", id.Short(), diff)
		}
	}
	return nil
}

// restored brings a commit back on an empty disk.
func restored(ctx context.Context, t testing.TB, r *repo.Repository, id objects.ID) (tree, error) {
	out := memfs.New(memfs.Options{})
	if _, err := r.Restore(ctx, repo.RestoreOptions{Source: id.String(), To: out}); err != nil {
		return nil, fmt.Errorf("restoring %s: %w", id.Short(), err)
	}
	return walk(t, out), nil
}

// and gives the past with what one more commit must give back.
func (p past) and(id objects.ID, want tree) past {
	more := maps.Clone(p)
	more[id] = want
	return more
}

// goesOn fails unless the commands that come next work: a status, a commit of a new file and its restoration.
func goesOn(ctx context.Context, t testing.TB, w *world) error {
	if w.places.Vault == nil {
		if err := w.init(ctx); err != nil {
			return fmt.Errorf("the next init: %w", err)
		}
	}
	w.write(t, "next.txt", "written after it\n")
	w.clock.pass(2 * time.Hour) // younger temporary files may belong to a command that is under way
	want := walk(t, w.places.Work)
	err := w.with(ctx, repo.Writing, func(r *repo.Repository) error {
		if _, err := r.Status(ctx, repo.StatusOptions{}); err != nil {
			return fmt.Errorf("status: %w", err)
		}
		result, err := r.Commit(ctx, repo.CommitOptions{Message: "next", All: true})
		if err != nil {
			return fmt.Errorf("commit: %w", err)
		}
		return isWhole(ctx, t, r, w.past.and(result.ID, want))
	})
	if err != nil {
		return fmt.Errorf("the next command: %w", err)
	}
	if left := leftovers(t, w.disk); len(left) > 0 {
		return fmt.Errorf("temporary files are left: %q", left)
	}
	return nil
}

// leftovers lists the temporary files on a disk, those of the work tree left out: a restore sweeps each folder that it
// goes into.
func leftovers(t testing.TB, disk *memfs.Memory) (found []string) {
	t.Helper()
	var below func(dir string)
	below = func(dir string) {
		infos, err := disk.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, info := range infos {
			name := path.Join(dir, info.Name())
			if inWork := strings.HasPrefix(name, "work/") && !strings.HasPrefix(name, "work/"+repo.VaultDir); isTemporary(info.Name()) && !inWork {
				found = append(found, name)
			}
			if info.IsDir() {
				below(name)
			}
		}
	}
	below(".")
	return found
}

// calm is a test whose failures end a judgement and not the goroutine, which has more to judge.
type calm struct{ testing.TB }

type failure string

func (c calm) Fatal(args ...any)                 { panic(failure(fmt.Sprint(args...))) }
func (c calm) Fatalf(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }

// verdict turns a calm failure into an error.
func verdict(err *error) {
	switch v := recover().(type) {
	case nil:
	case failure:
		*err = errors.New(string(v))
	default:
		*err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
	}
}

// watch ends everything, with a list of all goroutines, if what follows takes minutes: it hangs.
func watch(what string) *time.Timer {
	return time.AfterFunc(3*time.Minute, func() { panic("hangs: " + what) })
}
