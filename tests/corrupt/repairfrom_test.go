package corrupt

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"evault/internal/vfs/memfs"
	"evault/objects"
	"evault/remote"
	"evault/remote/folder"
	"evault/repo"
)

// replicaDir is the folder that holds the other copy, and replicaURL its address.
const (
	replicaDir = "usb"
	replicaURL = "file:///usb"
)

// withReplica are settings with which a disk's folder can be a remote.
func withReplica(disk *memfs.Memory) repo.Settings {
	s := settings()
	s.Dir = "/"
	s.Dial = func(context.Context, remote.URL, repo.DialOptions) (remote.Site, error) {
		sub, err := disk.Sub(replicaDir)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", remote.ErrUnreachable, err)
		}
		return folder.OpenSite(sub, replicaURL)
	}
	return s
}

// onDisk opens the vault of a disk, calls do and closes it.
func onDisk(disk *memfs.Memory, mode repo.Mode, do func(context.Context, *repo.Repository) error) error {
	ctx := context.Background()
	p, err := places(disk)
	if err != nil {
		return err
	}
	r, err := repo.Open(ctx, p, withReplica(disk), mode)
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, r), r.Close())
}

// newReplicated is newSpecimen with both branches pushed to a folder, in two goes.
func newReplicated(t testing.TB) *specimen {
	t.Helper()
	s := newSpecimen(t)
	must(t, s.disk.MkdirAll(replicaDir, 0o755))
	must(t, onDisk(s.disk, repo.Writing, func(ctx context.Context, r *repo.Repository) error {
		_, err := r.AddRemote(ctx, "usb", replicaURL, repo.AddRemoteOptions{})
		return err
	}))
	for _, o := range []repo.PushOptions{{Remote: "usb", Branches: []string{"main"}}, {Remote: "usb", All: true}} {
		must(t, onDisk(s.disk, repo.Writing, func(ctx context.Context, r *repo.Repository) error {
			_, err := r.Push(ctx, o)
			return err
		}))
	}
	return s
}

// branchesOn gives where the branches of a disk's vault are, and HEAD.
func branchesOn(disk *memfs.Memory) (at map[string]objects.ID, err error) {
	at = map[string]objects.ID{}
	return at, onDisk(disk, repo.ReadOnly, func(ctx context.Context, r *repo.Repository) error {
		list, err := r.Branches(ctx)
		for _, b := range list {
			at[b.Name] = b.Commit
			if b.Current {
				at["HEAD"] = b.Commit
			}
		}
		return err
	})
}

// healFrom repairs a disk's vault from the folder.
func healFrom(disk *memfs.Memory, from string) (*repo.RepairFromResult, error) {
	p, err := places(disk)
	if err != nil {
		return nil, err
	}
	return repo.RepairFrom(context.Background(), p, withReplica(disk), repo.RepairFromOptions{From: from})
}

// replicaDamage lists ways to damage the files of one side: n flips, and every file removed, cut, emptied and swapped.
func replicaDamage(t testing.TB, random *rand.Rand, disk *memfs.Memory, below string, n int) (cases []damage) {
	t.Helper()
	names, sizes := files(t, disk, below)
	keep := names[:0:0]
	var keepSizes []int64
	for i, name := range names {
		if sizes[i] > 0 { // locks are empty, and stay so
			keep, keepSizes = append(keep, name), append(keepSizes, sizes[i])
		}
	}
	names, sizes = keep, keepSizes
	for _, f := range someFlips(random, names, sizes, n) {
		cases = append(cases, damage{what: fmt.Sprintf("bit %d of byte %d flipped in", f.bit%8, f.bit/8), files: []string{f.file}, do: f.apply})
	}
	for i, name := range names {
		data, err := readFile(disk, name)
		must(t, err)
		cases = append(cases, put("cut in half", name, data[:len(data)/2]), put("emptied", name, nil),
			damage{what: "removed", files: []string{name}, do: func(m *memfs.Memory) error { return m.Remove(name) }})
		other := names[(i+1+random.IntN(len(names)-1))%len(names)]
		swapped, err := readFile(disk, other)
		must(t, err)
		cases = append(cases, damage{what: "swapped", files: []string{name, other}, do: func(m *memfs.Memory) error {
			return errors.Join(writeFile(m, name, swapped), writeFile(m, other, data))
		}})
	}
	return cases
}

// someFlips takes n bits, as many of each file as of any other, or with n < 0 all bits.
func someFlips(random *rand.Rand, names []string, sizes []int64, n int) (out []flip) {
	if n < 0 {
		for i, name := range names {
			for bit := range sizes[i] * 8 {
				out = append(out, flip{name, bit})
			}
		}
		return out
	}
	seen := map[flip]bool{}
	for i := 0; len(out) < n; i++ {
		k := i % len(names)
		f := flip{names[k], random.Int64N(sizes[k] * 8)}
		if !seen[f] {
			seen[f] = true
			out = append(out, f)
		}
	}
	return out
}

// TestProofRepairFrom is row 5: whatever single file of a vault is damaged, lost, or mistaken for another, a replica heals all of
// it: verify is clean, and all files of all commits are as they were.
func TestProofRepairFrom(t *testing.T) {
	s, random := newReplicated(t), dice(t)
	flips, floor := enough(500), enough(500)
	if proving() {
		flips, floor = 20_000, 20_000
	}
	want, err := branchesOn(s.disk)
	must(t, err)
	cases := replicaDamage(t, random, s.disk, vaultDir, flips)
	count := newTally(t)
	each(t, cases, damage.String, func(c damage) {
		disk := s.disk.Snapshot()
		if err := c.do(disk); err != nil {
			count.fail("%s: %v", c, err)
			return
		}
		from := "usb"
		if slices.Contains(c.files, vaultDir+"/config.toml") {
			from = replicaURL
		}
		count.add(s.heals(disk, from, want, count, c))
	})
	count.report("row 5 (repair from a replica)", floor)
}

// TestProofRepairThere is the other side of row 5: whatever file of the replica is damaged, lost, or mistaken for another, the
// vault heals it, and the replica alone gives everything back.
func TestProofRepairThere(t *testing.T) {
	s, random := newReplicated(t), dice(t)
	flips, floor := enough(500), enough(500)
	if proving() {
		flips, floor = 20_000, 20_000
	}
	want, err := branchesOn(s.disk)
	must(t, err)
	cases := replicaDamage(t, random, s.disk, replicaDir, flips)
	count := newTally(t)
	each(t, cases, damage.String, func(c damage) {
		disk := s.disk.Snapshot()
		if err := c.do(disk); err != nil {
			count.fail("%s: %v", c, err)
			return
		}
		outcome := s.heals(disk, "usb", want, count, c)
		err := onDisk(disk, repo.ReadOnly, func(ctx context.Context, r *repo.Repository) error {
			_, err := r.VerifyRemote(ctx, repo.VerifyRemoteOptions{Remote: "usb", Sample: 100})
			return err
		})
		if err != nil {
			count.fail("%s: the replica after the repair: %v", c, err)
		}
		if !s.sameReplica(t, disk) {
			count.fail("%s: the replica does not hold what it held", c)
		}
		count.add(outcome)
	})
	count.report("row 5 (repair of a replica)", floor)
}

// sameReplica compares the files of the replica with those before the damage. More may be there than were.
func (s *specimen) sameReplica(t testing.TB, disk *memfs.Memory) bool {
	names, _ := files(t, s.disk, replicaDir)
	for _, name := range names {
		was, err := readFile(s.disk, name)
		must(t, err)
		is, err := readFile(disk, name)
		if err != nil || string(was) != string(is) {
			t.Logf("%s: %v", name, err)
			return false
		}
	}
	return true
}

// heals repairs, judges, and repairs again. It gives the outcome in a word.
func (s *specimen) heals(disk *memfs.Memory, from string, want map[string]objects.ID, count *tally, c damage) string {
	result, err := healFrom(disk, from)
	if err != nil {
		count.fail("%s: repair: %v, after %q, lost %v and there %v", c, err, result.Actions, result.Lost, result.RemoteLost)
		return "unrepaired"
	}
	v := s.judge(disk)
	if v.outcome() != "harmless" || len(v.errors) > 0 {
		count.fail("%s: after the repair: %s %v %v %v %v (%q)", c, v.outcome(), v.refused, v.verify, v.errors, v.wrong, result.Actions)
		return "unrepaired"
	}
	got, err := branchesOn(disk)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		count.fail("%s: branches are at %v and were at %v: %v (%q)", c, got, want, err, result.Actions)
		return "unrepaired"
	}
	if changes, err := statusOn(disk); err != nil || len(changes) > 0 {
		count.fail("%s: status after the repair: %q %v", c, changes, err)
	}
	if proving() || len(fmt.Sprint(c))%4 == 0 { // a repair of what is whole does nothing
		again, err := healFrom(disk, from)
		if err != nil || len(again.Actions) > 0 {
			count.fail("%s: a second repair: %q, %v", c, again.Actions, err)
		}
	}
	if len(result.Actions) == 0 {
		return "nothing to repair"
	}
	return strings.Fields(result.Actions[0])[0] + " first"
}

// TestRepairFromInterrupted breaks repairs off at any operation that writes: the next one finishes the work.
func TestRepairFromInterrupted(t *testing.T) {
	s, random := newReplicated(t), dice(t)
	want, err := branchesOn(s.disk)
	must(t, err)
	var cases []damage
	for _, part := range []string{"/store/packs/", "/store/logs/", "/store/keyring/", "/store/roster/", "/store/id", "/local/vault", "/local/remotes/"} {
		names, _ := files(t, s.disk, vaultDir)
		names = slices.DeleteFunc(names, func(n string) bool { return !strings.Contains(n, part) || strings.HasSuffix(n, "/lock") })
		name := names[random.IntN(len(names))]
		cases = append(cases, damage{what: "removed", files: []string{name}, do: func(m *memfs.Memory) error { return m.Remove(name) }})
	}
	cases = append(cases, damage{what: "removed", files: []string{"all packs and logs"}, do: func(m *memfs.Memory) error {
		return errors.Join(m.RemoveAll(storeDir+"/packs"), m.RemoveAll(storeDir+"/logs"))
	}}, damage{what: "removed", files: []string{"all packs and logs of the replica"}, do: func(m *memfs.Memory) error {
		return errors.Join(m.RemoveAll(replicaDir+"/packs"), m.RemoveAll(replicaDir+"/logs"))
	}})
	count, tries := newTally(t), 6
	if proving() {
		tries = 200
	}
	errCut := errors.New("cut")
	each(t, cases, damage.String, func(c damage) {
		var ops atomic.Int64 // of a repair that nothing breaks off
		for try := -1; try < tries; try++ {
			disk := s.disk.Snapshot()
			if err := c.do(disk); err != nil {
				count.fail("%s: %v", c, err)
				return
			}
			var left atomic.Int64
			left.Store(ops.Load() * int64(2*try+1) / int64(2*tries))
			disk.SetFault(func(memfs.Op) error {
				if try < 0 {
					ops.Add(1)
				} else if left.Add(-1) < 0 {
					return errCut
				}
				return nil
			})
			_, err := healFrom(disk, "usb")
			disk.SetFault(nil)
			if err == nil {
				count.add("came through")
				continue
			}
			count.add("cut, then " + s.heals(disk, "usb", want, count, c))
		}
	})
	count.report("interrupted repairs", len(cases)*(tries+1))
}

// TestRepairFromKeepsUnpushedWork damages each record of the local log in turn, after work that the replica has not seen: only
// what the damaged record itself says may be lost, and never a commit that a later record names.
func TestRepairFromKeepsUnpushedWork(t *testing.T) {
	s := newReplicated(t)
	s.write(t, "unpushed", "nobody else has this")
	s.commit(t, "fourth")
	s.write(t, "unpushed", "nor this")
	s.commit(t, "fifth")
	want, err := branchesOn(s.disk)
	must(t, err)
	names, sizes := files(t, s.disk, storeDir+"/logs")
	for i, name := range names {
		disk := s.disk.Snapshot()
		must(t, flip{name, sizes[i] * 4}.apply(disk))
		result, err := healFrom(disk, "usb")
		must(t, err)
		got, err := branchesOn(disk)
		must(t, err)
		last := i == len(names)-1
		if !last && fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("record %d: branches are at %v and were at %v: %q", i, got, want, result.Actions)
		}
		if last && !slices.ContainsFunc(result.Actions, func(a string) bool { return strings.Contains(a, s.commits[4].id.String()) }) {
			t.Errorf("the last record: the commit that is in no branch any more is not named: %q", result.Actions)
		}
		if last && got["side"] != s.commits[3].id {
			t.Errorf("the last record: side is at %s, and the commit before is %s", got["side"], s.commits[3].id)
		}
		if !slices.ContainsFunc(result.Actions, func(a string) bool { return strings.Contains(a, "1 records are lost") }) {
			t.Errorf("record %d: it is not said that a record is lost: %q", i, result.Actions)
		}
		// What is committed next is on top of it.
		must(t, writeFile(disk, workDir+"/after", []byte("after")))
		if _, err := commitOn(disk); err != nil {
			t.Errorf("record %d: a commit after: %v", i, err)
		}
		if v := s.judge(disk); !last && v.outcome() != "harmless" && v.verify != nil {
			t.Errorf("record %d: after a commit: %v %v", i, v.verify, v.wrong)
		}
		if err := onDisk(disk, repo.Writing, func(ctx context.Context, r *repo.Repository) error {
			_, err := r.Push(ctx, repo.PushOptions{Remote: "usb", All: true})
			return err
		}); err != nil {
			t.Errorf("record %d: a push after: %v", i, err)
		}
	}
}

// A note of an interrupted clone stays if it can be read, and is out of the way if not.
func TestRepairFromUnfinishedClone(t *testing.T) {
	for text, stays := range map[string]bool{replicaURL + "\n": true, "file://\x00": false} {
		disk := newReplicated(t).disk
		note := vaultDir + "/local/cloning"
		must(t, writeFile(disk, note, []byte(text)))
		if _, err := healFrom(disk, "usb"); err != nil {
			t.Fatal(err)
		}
		if _, err := readFile(disk, note); (err == nil) != stays {
			t.Errorf("%q: %v", text, err)
		}
	}
}
