package corrupt

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"evault/internal/vfs/memfs"
	"evault/repo"
)

// TestProofRepair damages packs at every kind of place and proves that repair saves all that is sound, that verify then
// names what is lost down to the path, that a second repair changes nothing, and that committing the files again heals.
func TestProofRepair(t *testing.T) {
	s, random := newSpecimen(t), dice(t)
	names, sizes := files(t, s.disk, storeDir+"/packs")
	var cases []damage
	for i, name := range names {
		data, err := readFile(s.disk, name)
		must(t, err)
		cases = append(cases, packDamage(random, name, data, int(sizes[i]))...)
	}
	cases = append(cases, caches(t, s.disk)...)
	floor := 280
	if proving() {
		floor = 3000
	}
	count := newTally(t)
	each(t, cases, damage.String, func(c damage) {
		disk := s.disk.Snapshot()
		if err := c.do(disk); err != nil {
			count.fail("%s: %v", c, err)
			return
		}
		outcome, err := s.repairAndHeal(disk, c)
		count.add(outcome)
		if err != nil {
			count.fail("%s: %v", c, err)
		}
	})
	count.report("repair", floor)
}

// packDamage lists damage by place: header, frames, padding, index, trailer.
func packDamage(random *rand.Rand, name string, data []byte, size int) (out []damage) {
	trailer := len(data) - 200
	per := 20
	if proving() {
		per = 150
	}
	for _, region := range []struct {
		what     string
		from, to int
		sound    bool // no frame is touched
	}{{"header", 0, 64, true}, {"first frame", 64, 300, false}, {"anywhere", 64, size, false}, {"end", trailer, size, true}} {
		for range per {
			at, n := region.from+random.IntN(region.to-region.from), 1+random.IntN(64)
			bad := slices.Clone(data)
			for i := at; i < min(at+n, region.to); i++ {
				bad[i] ^= byte(1 + random.IntN(255))
			}
			d := put(fmt.Sprintf("%s damaged at %d", region.what, at), name, bad)
			d.extra = region.sound
			out = append(out, d)
		}
	}
	for _, n := range []int{0, 1, 63, 64, 200, 1000, size / 2, size - 512, size - 1} {
		out = append(out, put(fmt.Sprintf("cut to %d", n), name, data[:n]))
	}
	long := append(slices.Clone(data), 0)
	out = append(out, put("one byte longer", name, long),
		put("garbage", name, []byte(noise(3, size))),
		damage{what: "missing", files: []string{name}, do: func(disk *memfs.Memory) error { return disk.Remove(name) }})
	return out
}

// caches lists damage of what can be rebuilt.
func caches(t testing.TB, disk *memfs.Memory) (out []damage) {
	names, _ := files(t, disk, vaultDir)
	for _, name := range names {
		if !isCache(name) {
			continue
		}
		data, err := readFile(disk, name)
		must(t, err)
		for _, d := range []damage{put("garbage", name, []byte(noise(4, len(data)))), put("cut", name, data[:len(data)/2]), put("empty", name, nil)} {
			d.extra = true
			out = append(out, d)
		}
	}
	return out
}

// repairOn repairs and gives what is lost.
func repairOn(disk *memfs.Memory) (*repo.RepairResult, error) {
	p, err := places(disk)
	if err != nil {
		return nil, err
	}
	r, err := repo.Open(context.Background(), p, settings(), repo.Writing)
	if err != nil {
		return nil, err
	}
	result, err := r.Repair(context.Background(), repo.RepairOptions{})
	return result, errors.Join(err, r.Close())
}

// repairAndHeal is one case. It gives the outcome in a word.
func (s *specimen) repairAndHeal(disk *memfs.Memory, c damage) (string, error) {
	result, err := repairOn(disk)
	if err != nil && !errors.Is(err, repo.ErrDamaged) {
		return "refused", fmt.Errorf("repair: %w", err)
	}
	lost := result.Lost
	if c.extra && len(lost) > 0 {
		return "lost", fmt.Errorf("no frame was touched, and repair lost %v after %q", lost, result.Actions)
	}
	paths, err := s.lostPaths(disk, lost)
	if err != nil {
		return "wrong", err
	}
	again, err := repairOn(disk)
	if err != nil && !errors.Is(err, repo.ErrDamaged) || !sameDamage(lost, again.Lost) || len(again.Salvaged) > 0 {
		return "wrong", fmt.Errorf("a second repair: %v, salvaged %v, lost %v instead of %v", err, again.Salvaged, again.Lost, lost)
	}
	outcome := "whole"
	if len(lost) > 0 {
		outcome = "named as lost"
		if len(paths) == 0 && !strings.Contains(fmt.Sprint(lost), "commit") {
			return "wrong", fmt.Errorf("lost objects without a name: %v", lost)
		}
	}
	healed, err := s.heal(disk, lost)
	if !healed && err == nil {
		outcome += ", no commit"
	}
	return outcome, err
}

func sameDamage(a, b []repo.Damage) bool {
	return fmt.Sprint(a) == fmt.Sprint(b)
}

// lostPaths proves that every commit restores, except for what is named: each file either is right or is missing and named
// by verify, in the restore's problems, or with its folder or commit.
func (s *specimen) lostPaths(disk *memfs.Memory, lost []repo.Damage) (paths []string, err error) {
	v := s.judge(disk)
	if v.refused != nil {
		return nil, fmt.Errorf("does not open after repair: %w", v.refused)
	}
	if len(v.wrong) > 0 {
		return nil, fmt.Errorf("%q", v.wrong)
	}
	if (v.verify != nil) != (len(lost) > 0) {
		return nil, fmt.Errorf("verify says %v, and repair says that this is lost: %v", v.verify, lost)
	}
	if len(lost) == 0 {
		if len(v.errors) > 0 {
			return nil, v.errors[0]
		}
		return nil, nil
	}
	for _, d := range lost {
		if d.Path != "" {
			paths = append(paths, d.Path)
		}
	}
	return paths, s.restSound(disk, lost)
}

// restSound restores each commit path by path: whatever is in the manifest and not named as lost, nor below or sharing
// what is, must come back.
func (s *specimen) restSound(disk *memfs.Memory, lost []repo.Damage) error {
	lostCommits, lostChunks := map[string]bool{}, map[string]bool{}
	for _, d := range lost {
		switch {
		case d.Kind == "object" && d.Path == "":
			lostCommits[d.Commit] = true // the commit itself or its root
		case d.Path != "":
			lostChunks[d.Path] = true
		}
	}
	ctx := context.Background()
	p, err := places(disk)
	if err != nil {
		return err
	}
	r, err := repo.Open(ctx, p, settings(), repo.ReadOnly)
	if err != nil {
		return err
	}
	defer r.Close()
	for _, c := range s.commits {
		if lostCommits[c.id.String()] {
			continue
		}
		to := memfs.New(memfs.Options{})
		result, err := r.Restore(ctx, repo.RestoreOptions{Source: c.id.String(), To: to})
		if err == nil {
			continue // judged already
		}
		if result == nil {
			if len(lostCommits) > 0 {
				continue // its ancestors or root may be shared with a commit that is named
			}
			return fmt.Errorf("commit %s: %w, and only %v is named", c.id.Short(), err, lost)
		}
		got, err := manifestOf(to)
		if err != nil {
			return err
		}
		for name := range c.manifest {
			if got[name] == c.manifest[name] || namedLost(name, lostChunks) || len(lostCommits) > 0 {
				continue
			}
			if isFile(c.manifest[name]) && got[name] == "" {
				return fmt.Errorf("commit %s: %q is lost and was not named: %v", c.id.Short(), name, lost)
			}
		}
	}
	return nil
}

func namedLost(name string, lost map[string]bool) bool {
	for at := name; at != ""; {
		if lost[at] {
			return true
		}
		i := strings.LastIndexByte(at, '/')
		at = at[:max(i, 0)]
	}
	return false
}

// heal commits the files of the last version again and proves that the new commit is whole, whatever older ones lost.
func (s *specimen) heal(disk *memfs.Memory, lost []repo.Damage) (healed bool, err error) {
	if err := writeFile(disk, workDir+"/after", []byte("a new file after the repair")); err != nil {
		return false, err
	}
	work, err := disk.Sub(workDir)
	if err != nil {
		return false, err
	}
	want, err := manifestOf(work)
	if err != nil {
		return false, err
	}
	id, err := commitOn(disk)
	if err != nil {
		if len(lost) > 0 { // HEAD's own commit is lost: that is said, and there is a way out
			v := &verdict{}
			v.named("commit", err)
			if len(v.wrong) > 0 {
				return false, fmt.Errorf("%q", v.wrong)
			}
			return false, s.wayOut(disk)
		}
		return false, fmt.Errorf("commit after repair: %w", err)
	}
	fresh := &specimen{disk: disk, commits: []version{{id, want}}}
	v := fresh.judge(disk)
	if len(lost) == 0 && v.outcome() != "harmless" {
		return false, fmt.Errorf("after repair and commit: %s %v %v", v.outcome(), v.verify, v.wrong)
	}
	if len(v.errors) > 0 {
		return false, fmt.Errorf("the commit after the repair does not restore although its files were there: %w", v.errors[0])
	}
	return true, nil
}

// wayOut checks out, by force, some commit that is whole, and goes on from there.
func (s *specimen) wayOut(disk *memfs.Memory) error {
	ctx := context.Background()
	p, err := places(disk)
	if err != nil {
		return err
	}
	for i := len(s.commits) - 1; i >= 0; i-- {
		r, err := repo.Open(ctx, p, settings(), repo.Writing)
		if err != nil {
			return err
		}
		_, restoreErr := r.Restore(ctx, repo.RestoreOptions{Source: s.commits[i].id.String(), To: memfs.New(memfs.Options{})})
		_, err = r.Checkout(ctx, repo.CheckoutOptions{Revision: s.commits[i].id.String(), Force: true})
		if closeErr := r.Close(); closeErr != nil {
			return closeErr
		}
		if restoreErr != nil {
			continue
		}
		if err != nil {
			return fmt.Errorf("no way out of a lost HEAD: %w", err)
		}
		_, err = commitOn(disk)
		return err
	}
	return nil // nothing is whole any more
}
