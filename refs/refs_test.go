package refs

import (
	"context"
	"strings"
	"syscall"
	"testing"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/objects"
)

func TestAppendAndReopen(t *testing.T) {
	g := newRig(t)
	r := g.start()
	if v := r.View(); v.Head.Branch != "main" || v.Len() != 0 || !v.HasTip {
		t.Fatalf("after init: %+v", v)
	}
	if _, ok := r.View().HeadCommit(); ok {
		t.Fatal("a commit before the first one")
	}
	g.commit(r, "main", 1)
	g.commit(r, "main", 2)
	g.append(r, Operation{Name: "tag", Changes: []Change{{"tags/v1", objects.ID{}, commitID(1)}}})
	g.append(r, Operation{Name: "checkout", HeadAfter: Head{Commit: commitID(1)}})
	for _, kind := range []string{"from the cache", "without cache", "read only"} {
		if kind == "without cache" {
			g.remove("evault/local/fold")
		}
		v := g.open(func(o *Options) { o.ReadOnly = kind == "read only" }).View()
		if main, _ := v.Ref("heads/main"); main != commitID(2) {
			t.Errorf("%s: main is %s", kind, main)
		}
		if v.Tip.Seq != 4 || v.Head != (Head{Commit: commitID(1)}) || v.Len() != 2 {
			t.Errorf("%s: %+v", kind, v)
		}
		var names []string
		for n := range v.All() {
			names = append(names, n)
		}
		if len(names) != 2 || names[0] != "heads/main" || names[1] != "tags/v1" {
			t.Errorf("%s: names %v", kind, names)
		}
	}
	if p := g.problems(g.open()); len(p) > 0 {
		t.Errorf("a sound log has problems: %v", p)
	}
}

func TestAppendRefuses(t *testing.T) {
	g := newRig(t)
	r := g.start()
	g.commit(r, "main", 1)
	pack := Pack{Name: [32]byte{1}, Size: 5}
	for name, c := range map[string]struct {
		op   Operation
		want error
	}{
		"stale old value":       {Operation{Name: "x", Changes: []Change{{"heads/main", commitID(9), commitID(2)}}}, ErrConflict},
		"create what exists":    {Operation{Name: "x", Changes: []Change{{"heads/main", objects.ID{}, commitID(2)}}}, ErrConflict},
		"delete what is absent": {Operation{Name: "x", Changes: []Change{{"heads/no", commitID(1), objects.ID{}}}}, ErrConflict},
		"no change":             {Operation{Name: "x", Changes: []Change{{"heads/main", commitID(1), commitID(1)}}}, ErrInvalid},
		"twice":                 {Operation{Name: "x", Changes: []Change{{"heads/a", objects.ID{}, commitID(1)}, {"heads/a", objects.ID{}, commitID(2)}}}, ErrInvalid},
		"bad ref":               {Operation{Name: "x", Changes: []Change{{"heads/../a", objects.ID{}, commitID(2)}}}, ErrName},
		"bad branch":            {Operation{Name: "x", HeadAfter: Head{Branch: "a..b"}}, ErrName},
		"no name":               {Operation{}, ErrInvalid},
		"two lines":             {Operation{Name: "x", Description: "a\nb"}, ErrInvalid},
		"pack twice":            {Operation{Name: "x", PacksAdded: []Pack{pack, pack}}, ErrInvalid},
		"huge pack":             {Operation{Name: "x", PacksAdded: []Pack{{Size: MaxPackSize + 1}}}, ErrLimit},
		"too many needed":       {Operation{Name: "x", PacksNeeded: manyPacks(40000)}, ErrLimit},
		"branch and commit":     {Operation{Name: "x", HeadAfter: Head{Branch: "a", Commit: commitID(1)}}, ErrInvalid},
		"changing checkpoint":   {Operation{Name: "x", Checkpoint: true, Changes: []Change{{"heads/a", objects.ID{}, commitID(2)}}}, ErrInvalid},
	} {
		rec, err := r.Append(context.Background(), c.op)
		if rec != nil {
			t.Errorf("%s: recorded", name)
		}
		wantErr(t, err, c.want)
	}
	// None of these did anything, or stopped the next.
	if rec := g.commit(r, "main", 2); rec.Seq != 2 {
		t.Errorf("record %d after refusals", rec.Seq)
	}
	ro := g.open(func(o *Options) { o.ReadOnly = true })
	_, err := ro.Append(context.Background(), Operation{Name: "x"})
	wantErr(t, err, ErrReadOnly)
}

func manyPacks(n int) []Pack {
	list := make([]Pack, n)
	for i := range list {
		list[i] = Pack{Name: [32]byte{byte(i >> 16), byte(i >> 8), byte(i)}, Size: 1 << 20}
	}
	return list
}

func TestManyPacksTakeSeveralRecords(t *testing.T) {
	g := newRig(t)
	r := g.start()
	packs := manyPacks(2*packsPerRecord + 10)
	rec := g.append(r, Operation{Name: "commit", PacksAdded: packs, Changes: []Change{{"heads/main", objects.ID{}, commitID(1)}}})
	if rec.Seq != 3 || len(rec.Added) != 10 {
		t.Errorf("record %d adds %d packs", rec.Seq, len(rec.Added))
	}
	got, err := r.Packs(context.Background())
	must(t, err)
	if len(got) != len(packs) {
		t.Errorf("%d packs of %d", len(got), len(packs))
	}
}

func TestWriterWithoutTheLockIsNoticed(t *testing.T) {
	g := newRig(t)
	g.start()
	a, b := g.open(), g.open()
	g.commit(a, "main", 1)
	_, err := b.Append(context.Background(), Operation{Name: "x"})
	wantErr(t, err, ErrConflict)
	_, err = b.Append(context.Background(), Operation{Name: "x"})
	wantErr(t, err, ErrBroken)
	if v := g.open().View(); v.Tip.Seq != 1 {
		t.Errorf("tip %d", v.Tip.Seq)
	}
}

// What is in local/ can be lost, all but the clone's ID, and everything goes on.
func TestLocalFolderLost(t *testing.T) {
	g, _ := grown(t, 3)
	g.remove("evault/local/outbox")
	g.remove("evault/local/fold")
	r := g.open()
	g.commit(r, "main", 9)
	g.remove("state/pins")
	r = g.open()
	g.commit(r, "main", 10)
	if v := g.open().View(); v.Tip.Seq != 4 {
		t.Errorf("tip %v", v.Tip)
	}
}

func TestReflogNewestFirst(t *testing.T) {
	g := newRig(t)
	a := g.start()
	g.commit(a, "main", 1)
	b := g.as(2).open()
	g.append(b, Operation{Name: "beside", Time: objects.Time{Sec: 1}}) // its clock is wrong; it has seen a's
	var got []string
	must(t, g.open().Records(context.Background(), func(r *Record) bool {
		got = append(got, r.Body.Operation)
		return true
	}))
	want := []string{"beside", "commit", "init"}
	if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("reflog %v, want %v", got, want)
	}
	n := 0
	must(t, g.open().Records(context.Background(), func(*Record) bool { n++; return false }))
	if n != 1 {
		t.Errorf("%d records after stopping at the first", n)
	}
}

func TestMissingPacksAreNamed(t *testing.T) {
	g := newRig(t)
	r := g.start()
	p := manyPacks(5)
	g.append(r, Operation{Name: "a", PacksAdded: p})
	g.append(r, Operation{Name: "b", PacksCondemned: p[:1]})
	var found []error
	must(t, r.Verify(context.Background(), func(q Pack) bool { return q.Name == p[2].Name }, func(e error) { found = append(found, e) }))
	if len(found) != 1 {
		t.Fatalf("problems %v", found)
	}
	wantNamed(t, found[0], ErrDamaged, "3 of 4", p[1].String())
}

func TestNewCloneContinuesFromItsPredecessor(t *testing.T) {
	g := newRig(t)
	r := g.start()
	g.commit(r, "main", 1)
	g.append(r, Operation{Name: "switch", HeadAfter: Head{Branch: "dev"}})
	n := g.as(7)
	r2 := n.open()
	v := r2.View()
	if v.Head.Branch != "dev" || v.HasTip {
		t.Fatalf("head %v, tip %v", v.Head, v.HasTip)
	}
	rec := n.commit(r2, "main", 2)
	if rec.Seq != 0 || len(rec.Body.Seen) != 1 || rec.Body.Seen[0] != r.View().Tip {
		t.Fatalf("seen %v", rec.Body.Seen)
	}
	if id, _ := g.open().View().Ref("heads/main"); id != commitID(2) {
		t.Error("the first clone does not see the second one's commit")
	}
}

func TestDivergence(t *testing.T) {
	g := newRig(t)
	a := g.start()
	g.commit(a, "main", 1)
	b := g.as(2).open()
	g.commit(a, "main", 2)
	g.as(2).commit(b, "main", 3) // has seen number 1 only
	descends := func(newer, older objects.ID) (bool, error) {
		return newer == commitID(3) && older == commitID(2), nil
	}
	v := g.open().View()
	if len(v.Diverged) != 1 || v.Diverged[0].Name != "heads/main" || len(v.Diverged[0].IDs) != 2 {
		t.Fatalf("diverged %v", v.Diverged)
	}
	if id, _ := v.Ref("heads/main"); id != commitID(2) {
		t.Error("a diverged ref is not this clone's own")
	}
	v = g.open(func(o *Options) { o.Descends = descends }).View()
	if id, _ := v.Ref("heads/main"); id != commitID(3) || len(v.Diverged) != 0 {
		t.Error("the descendant does not win")
	}
	r := g.open()
	g.append(r, Operation{Name: "merge", Changes: []Change{{"heads/main", commitID(2), commitID(4)}}})
	if v := g.as(2).open().View(); len(v.Diverged) != 0 {
		t.Error("a merge that has seen both does not resolve")
	}
}

func TestCheckpointAndDroppedBodies(t *testing.T) {
	g := newRig(t)
	r := g.start()
	for i := range 5 {
		g.commit(r, "main", i+1)
	}
	g.append(r, Operation{Name: "branch", Changes: []Change{{"heads/dev", objects.ID{}, commitID(3)}}})
	g.append(r, Operation{Name: "checkpoint", Checkpoint: true, LivePacks: manyPacks(3)})
	g.commit(r, "dev", 9)
	for seq := range uint64(7) {
		name := g.recordFile(r.Tag(), seq)
		data := g.read(name)
		_, body, err := DecodeHeader(data)
		must(t, err)
		g.writeFile(name, data[:len(data)-len(body)])
	}
	g.remove("evault/local/fold")
	r = g.open()
	main, _ := r.View().Ref("heads/main")
	dev, _ := r.View().Ref("heads/dev")
	if main != commitID(5) || dev != commitID(9) || r.View().Len() != 2 {
		t.Fatalf("main %s, dev %s", main, dev)
	}
	if p := g.problems(r); len(p) != 0 {
		t.Fatalf("problems: %v", p)
	}
	g.commit(r, "main", 10)
	n := 0
	must(t, r.Records(context.Background(), func(*Record) bool { n++; return true }))
	if n != 3 {
		t.Errorf("%d records have bodies", n)
	}
	// A body that no checkpoint stands for must not be dropped.
	name := g.recordFile(r.Tag(), 8)
	data := g.read(name)
	_, body, err := DecodeHeader(data)
	must(t, err)
	g.writeFile(name, data[:len(data)-len(body)])
	g.remove("evault/local/fold")
	_, err = g.tryOpen()
	wantNamed(t, err, ErrDamaged, "record 8")
}

// The number of fsyncs does not grow with the log.
func TestFsyncsPerAppend(t *testing.T) {
	g := newRig(t)
	r := g.start()
	for i := range 30 {
		g.disk.Record()
		g.commit(r, "main", i+1)
		if i%10 == 9 {
			r = g.open()
		}
		syncs := 0
		for _, op := range g.disk.Ops() {
			if op.Kind == memfs.Sync || op.Kind == memfs.SyncDir {
				syncs++
			}
		}
		if syncs != 5 {
			t.Fatalf("append %d took %d fsyncs, want 5", i, syncs)
		}
	}
}

func TestHeadFile(t *testing.T) {
	g := newRig(t)
	r := g.start()
	root := g.sub("evault")
	for _, c := range []struct {
		head Head
		text string
	}{
		{Head{Branch: "main"}, "ref: heads/main\n"},
		{Head{Branch: "a/b"}, "ref: heads/a/b\n"},
		{Head{Commit: commitID(1)}, commitID(1).String() + "\n"},
	} {
		g.append(r, Operation{Name: "switch", HeadAfter: c.head})
		must(t, r.SyncHead(root))
		if got := string(g.read("evault/HEAD")); got != c.text {
			t.Errorf("HEAD is %q, want %q", got, c.text)
		}
		h, err := ReadHeadFile(root)
		must(t, err)
		if h != c.head {
			t.Errorf("read %v, want %v", h, c.head)
		}
		g.disk.Record()
		must(t, r.SyncHead(root))
		for _, op := range g.disk.Ops() {
			if op.Kind.Mutates() {
				t.Errorf("an up-to-date HEAD was written: %v", op)
			}
		}
	}
	g.writeFile("evault/HEAD", []byte("garbage"))
	must(t, r.SyncHead(root))
	if _, err := ReadHeadFile(root); err != nil {
		t.Error(err)
	}
}

func TestClone(t *testing.T) {
	g := newRig(t)
	root := g.sub("evault")
	id, minted, err := EnsureClone(root)
	must(t, err)
	if minted || id != g.clone {
		t.Error("the same folder got another clone ID")
	}
	// A copy: the same file in another folder.
	must(t, vfs.MkdirAllSync(g.disk, "copy/local", 0o700))
	g.writeFile("copy/local/clone", g.read("evault/local/clone"))
	if _, current, err := ReadClone(g.sub("copy")); err != nil || current {
		t.Errorf("a copy counts as current: %v", err)
	}
	id, minted, err = EnsureClone(g.sub("copy"))
	must(t, err)
	if !minted || id == g.clone {
		t.Error("a copy kept its clone ID")
	}
	g.writeFile("copy/local/clone", []byte("rubbish"))
	if _, minted, err := EnsureClone(g.sub("copy")); err != nil || !minted {
		t.Errorf("a damaged clone file: %v", err)
	}
	g.writeFile("copy/local/clone", []byte("evault clone 2\n"))
	_, _, err = EnsureClone(g.sub("copy"))
	wantErr(t, err, ErrNewer)
}

func TestStoreID(t *testing.T) {
	g := newRig(t)
	store := g.sub("evault/store")
	id, err := ReadStoreID(store)
	must(t, err)
	if id != g.store {
		t.Error("another store ID")
	}
	if _, err := CreateStoreID(store); err == nil {
		t.Error("a store ID was replaced")
	}
	g.writeFile("evault/store/id", []byte(id.String()))
	_, err = ReadStoreID(store)
	wantErr(t, err, ErrDamaged)
}

func TestUndo(t *testing.T) {
	g := newRig(t)
	r := g.start()
	first := g.commit(r, "main", 1)
	second := g.commit(r, "main", 2)
	if _, err := Inverse(first, r.View()); err == nil {
		t.Error("took back a commit that another one follows")
	} else {
		wantErr(t, err, ErrConflict)
	}
	op, err := Inverse(second, r.View())
	must(t, err)
	undo := g.append(r, op)
	if id, _ := r.View().Ref("heads/main"); id != commitID(1) {
		t.Error("undo did not move main back")
	}
	op, err = Inverse(undo, r.View())
	must(t, err)
	g.append(r, op)
	if id, _ := r.View().Ref("heads/main"); id != commitID(2) {
		t.Error("undo of undo did not move main forward")
	}
	sw := g.append(r, Operation{Name: "switch", HeadAfter: Head{Branch: "dev"}})
	op, err = Inverse(sw, r.View())
	must(t, err)
	if op.HeadAfter.Branch != "main" || len(op.Changes) != 0 {
		t.Errorf("undo of a switch is %+v", op)
	}
	g.append(r, Operation{Name: "switch", HeadAfter: Head{Branch: "other"}})
	_, err = Inverse(sw, r.View())
	wantErr(t, err, ErrConflict)
	_, err = Inverse(&Record{Body: &Body{Operation: "init", HeadAfter: Head{Branch: "main"}}}, r.View())
	wantErr(t, err, ErrNoInverse)
}

// local/ may be on another filesystem than store/: then a record is copied instead of renamed.
func TestLocalOnAnotherFilesystem(t *testing.T) {
	g := newRig(t)
	refused := 0
	g.disk.SetFault(func(op memfs.Op) error {
		if op.Kind == memfs.Rename && strings.Contains(op.Name, outboxDir+"/") && strings.Contains(op.NewName, logsDir+"/") {
			refused++
			return syscall.EXDEV
		}
		return nil
	})
	r := g.open()
	g.commit(r, "main", 1)
	g.commit(r, "main", 2)
	if v := g.open().View(); v.Tip.Seq != 1 || refused != 2 {
		t.Errorf("tip %v, %d renames refused", v.Tip, refused)
	}
	names, err := readNames(g.sub("evault/local"), outboxDir)
	must(t, err)
	if len(names) != 0 {
		t.Errorf("left in the outbox: %v", names)
	}
}
