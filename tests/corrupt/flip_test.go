package corrupt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"evault/internal/vfs/memfs"
	"evault/repo"
)

// flip is one bit of one file.
type flip struct {
	file string
	bit  int64
}

func (f flip) String() string { return fmt.Sprintf("%s byte %d bit %d", f.file, f.bit/8, f.bit%8) }

func (f flip) apply(disk *memfs.Memory) error {
	data, err := readFile(disk, f.file)
	if err != nil {
		return err
	}
	h, err := disk.OpenHandle(f.file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := h.WriteAt([]byte{data[f.bit/8] ^ 1<<(f.bit%8)}, f.bit/8); err != nil {
		return err
	}
	return h.Close()
}

// TestProofBitFlips is row 4: every bit of every byte of every file of a small vault.
func TestProofBitFlips(t *testing.T) {
	s, random := newSpecimen(t), dice(t)
	names, sizes := files(t, s.disk, vaultDir)
	pins, pinSizes := files(t, s.disk, stateDir)
	names, sizes = append(names, pins...), append(sizes, pinSizes...)
	const quick, large = 20_000, 650_000
	floor := large
	var cases []flip
	if proving() {
		for i, name := range names {
			for bit := range sizes[i] * 8 {
				cases = append(cases, flip{name, bit})
			}
		}
	} else {
		floor = enough(quick)
		cases = sampleFlips(random, names, sizes, floor)
	}
	count := newTally(t)
	each(t, cases, flip.String, func(c flip) {
		disk := s.disk.Snapshot()
		if err := c.apply(disk); err != nil {
			count.fail("%s: %v", c, err)
			return
		}
		v := s.judge(disk)
		if isCache(c.file) && v.refused == nil && v.verify == nil && (proving() || (c.bit/8+c.bit)%8 == 0) {
			s.goOn(disk, v)
		}
		count.add(v.outcome())
		for _, w := range v.wrong {
			count.fail("%s: %s", c, w)
		}
		if strings.HasPrefix(c.file, storeDir) && v.outcome() == "harmless" {
			count.fail("%s: nobody noticed", c)
		}
	})
	count.report("row 4 (bit flips)", floor)
}

// isCache tells files that can be rebuilt from the store: whatever is in them, the vault goes on.
func isCache(name string) bool {
	return strings.HasPrefix(name, vaultDir+"/local/objects/") || name == vaultDir+"/local/index" || name == vaultDir+"/local/fold" || name == vaultDir+"/HEAD"
}

// goOn commits over caches that may be damaged, things that the vault holds and things that it does not, and proves that
// all is really there: an index that says that an object is known must not be believed where it is not.
func (s *specimen) goOn(disk *memfs.Memory, v *verdict) {
	work, err := disk.Sub(workDir)
	if err != nil {
		v.blame("%v", err)
		return
	}
	if err := writeFile(disk, workDir+"/big", []byte(noise(2, 3000))); err != nil { // the first commit had it
		v.blame("%v", err)
	}
	if err := writeFile(disk, workDir+"/fresh", []byte(noise(5, 600))); err != nil {
		v.blame("%v", err)
	}
	want, err := manifestOf(work)
	if err != nil {
		v.blame("%v", err)
	}
	next := &specimen{disk: disk, commits: append([]version(nil), s.commits...)}
	id, err := commitOn(disk)
	var system *fs.PathError
	var link *os.LinkError
	if errors.As(err, &system) || errors.As(err, &link) {
		return // a folder in place of the file, say: it is named, and nothing was done
	}
	if err != nil {
		v.blame("commit over damaged caches: %v", err)
		return
	}
	next.commits = append(next.commits, version{id, want})
	after := next.judge(disk)
	if after.outcome() != "harmless" {
		v.blame("after a commit over damaged caches: %s %v %v %v", after.outcome(), after.refused, after.verify, after.wrong)
	}
	if changes, err := statusOn(disk); err != nil || len(changes) > 0 {
		v.blame("status after a commit over damaged caches: %v %v", changes, err)
	}
}

func statusOn(disk *memfs.Memory) (changes []string, err error) {
	ctx := context.Background()
	p, err := places(disk)
	if err != nil {
		return nil, err
	}
	r, err := repo.Open(ctx, p, settings(), repo.ReadOnly)
	if err != nil {
		return nil, err
	}
	status, err := r.Status(ctx, repo.StatusOptions{Untracked: "all"})
	if err != nil {
		return nil, err
	}
	for _, c := range status.Changes {
		changes = append(changes, string(rune(c.Kind))+" "+c.Path)
	}
	return changes, r.Close()
}

// sampleFlips takes n distinct bits: some of every file, more of the beginnings and ends, where the structure is.
func sampleFlips(random *rand.Rand, names []string, sizes []int64, n int) []flip {
	seen := map[flip]bool{}
	var out []flip
	var all int64
	take := func(f flip) {
		if !seen[f] {
			seen[f] = true
			out = append(out, f)
		}
	}
	for i, size := range sizes {
		all += size
		bits := size * 8
		for k := range min(bits, int64(enough(400))) { // small files wholly, others at random and at both ends
			switch {
			case bits <= int64(enough(400)):
				take(flip{names[i], k})
			case k%4 < 2:
				take(flip{names[i], random.Int64N(bits)})
			case k%4 == 2:
				take(flip{names[i], random.Int64N(min(bits, 128*8))})
			default:
				take(flip{names[i], bits - 1 - random.Int64N(min(bits, 512*8))})
			}
		}
	}
	for len(out) < n {
		at := random.Int64N(all)
		for i, size := range sizes {
			if at < size {
				take(flip{names[i], at*8 + random.Int64N(8)})
				break
			}
			at -= size
		}
	}
	return out
}
