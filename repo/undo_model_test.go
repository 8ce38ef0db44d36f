//go:build unix

package repo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"evault/objects"
	"evault/refs"
)

// TestUndoModel does random operations, takes all of them back and does all of them again. Going back, branches and HEAD
// are after each undo what they were before its operation; going forward, what they were after it; and in the end the work
// tree is what it was, unless something had to be overwritten by force. No operation, undo or redo without force loses an uncommitted file: it is on disk as before, or in
// the work that is put aside.
//
// EVAULT_PROVE=1 runs hundreds; EVAULT_SEED=n repeats one run.
func TestUndoModel(t *testing.T) {
	runs := 10
	if os.Getenv("EVAULT_PROVE") != "" {
		runs = 600
	}
	first := uint64(time.Now().UnixNano() % 1e9)
	if s := os.Getenv("EVAULT_SEED"); s != "" {
		runs = 1
		if _, err := fmt.Sscan(s, &first); err != nil {
			t.Fatal(err)
		}
	}
	for seed := first; seed < first+uint64(runs); seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			m := &undoModel{t: t, g: newRig(t), rnd: rand.New(rand.NewPCG(seed, 7))}
			m.run()
			if t.Failed() {
				t.Logf("EVAULT_SEED=%d\n%s", seed, strings.Join(m.log, "\n"))
			}
		})
	}
}

// undoState is what an undo must bring back.
type undoState struct {
	refs map[string]objects.ID
	head refs.Head
	disk nodes
}

type undoModel struct {
	t      *testing.T
	g      *rig
	rnd    *rand.Rand
	r      *Repository
	states []undoState
	count  int
	forced bool // an undo or redo was refused, and done by force
	log    []string
}

func (m *undoModel) note(format string, args ...any) {
	m.log = append(m.log, fmt.Sprintf(format, args...))
}

func (m *undoModel) run() {
	m.g.write("a", "1")
	m.g.write("d/b", "1")
	m.g.with(Writing, func(ctx context.Context, r *Repository) {
		m.r = r
		m.states = []undoState{m.state(ctx)}
		m.op(ctx, "commit -A", func() error { return m.commit(ctx, CommitOptions{All: true}) })
		for range 25 {
			if m.step(ctx); m.t.Failed() {
				return
			}
		}
		m.op(ctx, "commit", func() error { return m.commit(ctx, CommitOptions{All: true}) })
		last := len(m.states) - 1
		m.turnAll(ctx, false)
		m.turnAll(ctx, true)
		if lacks := lacksFiles(m.state(ctx).disk, m.states[last].disk); !m.t.Failed() && !m.forced && len(lacks) > 0 {
			m.t.Errorf("all done again, and the work tree holds %q", lacks)
		}
	})
}

func (m *undoModel) state(context.Context) undoState {
	s := undoState{refs: map[string]objects.ID{}, head: m.r.refs.View().Head, disk: readNodes(m.t, m.g.path("."))}
	for name, id := range m.r.refs.View().All() {
		s.refs[name] = id
	}
	return s
}

// lacksFiles lists what one tree holds and another does not hold like that. A file that was only deleted on disk is no work,
// and may come back with any move that touches it.
func lacksFiles(now, want nodes) (out []string) {
	for p, x := range want {
		if !x.isDir() && now[p].data != x.data {
			out = append(out, fmt.Sprintf("%s: %q, not %q", p, now[p].data, x.data))
		}
	}
	return out
}

// op does one operation and keeps the state after it, if it was recorded. No uncommitted file may be lost.
func (m *undoModel) op(ctx context.Context, name string, do func() error) {
	tip := m.r.refs.View().Tip.Seq
	dirty := m.dirty(ctx)
	err := do()
	m.note("%s: %v", name, err)
	var refused *DirtyError
	switch {
	case err == nil:
	case errors.As(err, &refused), errors.Is(err, ErrConflict), errors.Is(err, ErrUsage):
		if m.r.refs.View().Tip.Seq != tip && !strings.HasPrefix(name, "keep") {
			m.t.Errorf("%s was refused, and recorded something: %v", name, err)
		}
	default:
		m.t.Errorf("%s: %v", name, err)
	}
	m.nothingLost(ctx, name, dirty)
	if m.r.refs.View().Tip.Seq != tip {
		m.states = append(m.states, m.state(ctx))
	}
}

// dirty gives the uncommitted files and what is in them.
func (m *undoModel) dirty(ctx context.Context) map[string]string {
	s, err := m.r.Status(ctx, StatusOptions{Untracked: "all"})
	if err != nil {
		m.t.Fatal(err)
	}
	out := map[string]string{}
	for _, c := range s.Changes {
		if data, err := os.ReadFile(m.g.path(c.Path)); err == nil {
			out[c.Path] = string(data)
		}
	}
	return out
}

func (m *undoModel) nothingLost(ctx context.Context, name string, dirty map[string]string) {
	for p, want := range dirty {
		if data, err := os.ReadFile(m.g.path(p)); err == nil && string(data) == want || m.isStored(ctx, p, want) {
			continue
		}
		m.t.Errorf("%s lost %s, which held %q", name, p, want)
	}
}

// isStored looks for a file in what is put aside, and in what refs and HEAD are at.
func (m *undoModel) isStored(ctx context.Context, p, want string) bool {
	at := []objects.ID{m.r.head()}
	for _, id := range m.r.refs.View().All() {
		at = append(at, id)
	}
	for _, id := range at {
		if id.IsZero() {
			continue
		}
		_, c, err := m.r.ResolveCommit(ctx, id.String())
		if err != nil {
			m.t.Fatal(err)
		}
		e, err := objects.Lookup(ctx, m.r.db, c.Tree, p)
		if err == nil && e.Type == objects.TypeFile && string(e.Content.Inline) == want {
			return true
		}
	}
	return false
}

func (m *undoModel) commit(ctx context.Context, o CommitOptions) error {
	m.count++
	o.Message = fmt.Sprintf("c%d", m.count)
	result, err := m.r.Commit(ctx, o)
	if err == nil {
		m.note("  %s", result.ID.Short())
	}
	return err
}

func (m *undoModel) edit() {
	p := []string{"a", "b", "d/b", "d/c", "e/f"}[m.rnd.IntN(5)]
	if m.rnd.IntN(6) == 0 {
		m.g.remove(p)
		m.note("remove %s", p)
		return
	}
	m.count++
	m.g.write(p, fmt.Sprint("text ", m.count))
	m.note("write %s: text %d", p, m.count)
}

func (m *undoModel) branch() string { return []string{"main", "x", "y", "z"}[m.rnd.IntN(4)] }

func (m *undoModel) revision() string {
	return []string{"HEAD", "HEAD~1", "main", "x", "y"}[m.rnd.IntN(5)]
}

// step is a random operation.
func (m *undoModel) step(ctx context.Context) {
	for range m.rnd.IntN(3) {
		m.edit()
	}
	b, rev := m.branch(), m.revision()
	unknown := func(err error) error { // no such branch or ancestor: no operation
		if errors.Is(err, ErrUnknownRevision) {
			return nil
		}
		return err
	}
	checkout := func(o CheckoutOptions) func() error {
		return func() error { _, err := m.r.Checkout(ctx, o); return unknown(err) }
	}
	switch n := m.rnd.IntN(29); {
	case n < 5:
		m.op(ctx, "commit -A", func() error { return m.commit(ctx, CommitOptions{All: true}) })
	case n < 6:
		m.op(ctx, "commit", func() error { return m.commit(ctx, CommitOptions{}) })
	case n < 7:
		m.op(ctx, "amend", func() error { return m.commit(ctx, CommitOptions{Amend: true, All: true}) })
	case n < 9:
		m.op(ctx, "branch "+b+" "+rev, func() error { _, err := m.r.CreateBranch(ctx, b, rev, m.rnd.IntN(2) == 0); return unknown(err) })
	case n < 10:
		m.op(ctx, "branch -D "+b, func() error { _, err := m.r.DeleteBranch(ctx, b, true); return unknown(err) })
	case n < 11:
		m.op(ctx, "branch -m "+b, func() error { return unknown(m.r.RenameBranch(ctx, b, m.branch(), true)) })
	case n < 13:
		m.op(ctx, "switch "+b, checkout(CheckoutOptions{Revision: b, Branch: true, BringBack: true}))
	case n < 14:
		m.op(ctx, "switch -c "+b, checkout(CheckoutOptions{Create: b, Revision: rev, Branch: true, BringBack: true}))
	case n < 16:
		m.op(ctx, "keep "+b, checkout(CheckoutOptions{Revision: b, Branch: true, Keep: true}))
	case n < 17:
		m.op(ctx, "keep", checkout(CheckoutOptions{Branch: true, Keep: true}))
	case n < 18:
		m.op(ctx, "checkout "+rev, checkout(CheckoutOptions{Revision: rev, Detach: true}))
	case n < 20:
		m.op(ctx, "reset "+rev, func() error { _, err := m.r.Reset(ctx, ResetOptions{Revision: rev}); return unknown(err) })
	case n < 22:
		m.op(ctx, "tag", func() error {
			_, _, err := m.r.CreateTag(ctx, TagOptions{Name: "t" + b, Revision: rev, Force: m.rnd.IntN(2) == 0})
			return unknown(err)
		})
	case n < 23:
		m.op(ctx, "tag -d", func() error { _, err := m.r.DeleteTag(ctx, "t"+b); return unknown(err) })
	case n < 25:
		m.op(ctx, "merge "+b, func() error {
			_, err := m.r.Merge(ctx, MergeOptions{Revision: b, Favour: FavourTheirs})
			return unknown(err)
		})
	case n < 27:
		pick := map[bool]func(context.Context, PickOptions, func(*Picked) error) error{true: m.r.Revert, false: m.r.CherryPick}[n < 26]
		m.op(ctx, fmt.Sprint("pick ", n, " ", rev), func() error {
			return unknown(pick(ctx, PickOptions{Revisions: []string{rev}, Favour: FavourTheirs, Mainline: m.rnd.IntN(2)}, func(*Picked) error { return nil }))
		})
	default:
		m.op(ctx, "reset --hard "+rev, func() error { _, err := m.r.Reset(ctx, ResetOptions{Revision: rev, Hard: true}); return unknown(err) })
	}
}

// turnAll takes everything back, or does everything again.
func (m *undoModel) turnAll(ctx context.Context, again bool) {
	verb, act, end := "undo", m.r.Undo, ErrNothingToUndo
	at := len(m.states) - 1
	if again {
		verb, act, end, at = "redo", m.r.Redo, ErrNothingToRedo, 0
	}
	for !m.t.Failed() {
		dirty := m.dirty(ctx)
		result, err := act(ctx, UndoOptions{})
		var refused *DirtyError
		if errors.As(err, &refused) {
			m.note("%s is refused: %q", verb, refused.Paths)
			m.nothingLost(ctx, verb, dirty)
			m.forced = true
			result, err = act(ctx, UndoOptions{Force: true})
		} else if err == nil {
			m.nothingLost(ctx, verb, dirty)
		}
		if errors.Is(err, end) {
			break
		}
		if err != nil {
			m.t.Errorf("%s: %v", verb, err)
			return
		}
		m.note("%s %s %s", verb, result.Undone.Operation, result.Undone.Description)
		if again {
			at++
		} else {
			at--
		}
		m.compare(ctx, verb, at)
	}
	want := 0
	if again {
		want = len(m.states) - 1
	}
	if at != want && !m.t.Failed() {
		m.t.Errorf("%s ended at state %d, not %d", verb, at, want)
	}
}

func (m *undoModel) compare(ctx context.Context, verb string, at int) {
	if at < 0 || at >= len(m.states) {
		m.t.Errorf("%s goes beyond the first or last operation", verb)
		return
	}
	now, want := m.state(ctx), m.states[at]
	if !maps.Equal(now.refs, want.refs) || now.head != want.head {
		m.t.Errorf("%s leads to %v at %v, not to %v at %v", verb, now.refs, now.head, want.refs, want.head)
	}
}

// TestUndoNeverRepeats: what is redone can be undone again, and a new operation in between ends what can be redone.
func TestUndoNeverRepeats(t *testing.T) {
	g := started(t)
	g.with(Writing, func(ctx context.Context, r *Repository) {
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		create := func(name string) { _, err := r.CreateBranch(ctx, name, "", false); must(err) }
		undo := func() { _, err := r.Undo(ctx, UndoOptions{}); must(err) }
		redo := func() { _, err := r.Redo(ctx, UndoOptions{}); must(err) }
		names := func() (out []string) {
			all, err := r.Branches(ctx)
			must(err)
			for _, b := range all {
				out = append(out, b.Name)
			}
			return out
		}
		want := func(list ...string) {
			t.Helper()
			if got := names(); !slices.Equal(got, list) {
				t.Fatalf("branches are %q, not %q", got, list)
			}
		}
		create("x")
		create("y")
		create("z")
		undo()
		undo()
		want("main", "x")
		redo()
		want("main", "x", "y")
		undo()
		redo()
		redo()
		want("main", "x", "y", "z")
		undo()
		create("w")
		want("main", "w", "x", "y")
		if _, err := r.Redo(ctx, UndoOptions{}); !errors.Is(err, ErrNothingToRedo) {
			t.Fatalf("redo after another operation: %v", err)
		}
		undo() // w
		want("main", "x", "y")
		redo() // w, not z
		want("main", "w", "x", "y")
		undo()
		undo()
		undo()
		want("main")
		redo()
		redo()
		redo()
		want("main", "w", "x", "y")
	})
}
