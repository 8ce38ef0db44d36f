package corrupt

import (
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"evault/internal/vfs/memfs"
)

// damage is one way in which files are not what they were. It is harmful to the store unless extra says that it only
// adds what does not belong.
type damage struct {
	what  string
	files []string // concerned
	extra bool
	do    func(*memfs.Memory) error
}

func (d damage) String() string { return d.what + " " + strings.Join(d.files, " and ") }

// inStore says that the store itself has lost something.
func (d damage) inStore() bool {
	return !d.extra && slices.ContainsFunc(d.files, func(n string) bool { return strings.HasPrefix(n, storeDir+"/") })
}

// TestProofDamage is row 6: truncation, insertion, removal, zeroed blocks, swapped, missing, empty and foreign files.
func TestProofDamage(t *testing.T) {
	s, random := newSpecimen(t), dice(t)
	names, _ := files(t, s.disk, vaultDir)
	pins, _ := files(t, s.disk, stateDir)
	names = append(names, pins...)
	names = slices.DeleteFunc(names, func(n string) bool { return n == vaultDir+"/local/lock" }) // empty, and stays so
	var cases []damage
	for _, name := range names {
		data, err := readFile(s.disk, name)
		must(t, err)
		cases = append(cases, editsOf(random, name, data)...)
	}
	cases = append(cases, pairs(t, s.disk, names)...)
	cases = append(cases, foreign(t, s.disk, names)...)
	cases = append(cases, folders()...)
	floor := enough(1500)
	if proving() {
		floor = 240_000
	} else if testing.Short() {
		random.Shuffle(len(cases), func(i, j int) { cases[i], cases[j] = cases[j], cases[i] })
		cases = cases[:floor]
	}
	count := newTally(t)
	each(t, cases, damage.String, func(c damage) {
		disk := s.disk.Snapshot()
		if err := c.do(disk); err != nil {
			count.fail("%s: %v", c, err)
			return
		}
		v := s.judge(disk)
		if v.outcome() == "harmless" && isCache(c.files[0]) && len(c.files) == 1 {
			s.goOn(disk, v)
		}
		count.add(v.outcome())
		for _, w := range v.wrong {
			count.fail("%s: %s", c, w)
		}
		if v.outcome() == "harmless" && c.inStore() {
			count.fail("%s: nobody noticed", c)
		}
	})
	count.report("row 6 (damaged files)", floor)
}

// put makes the damage that gives a file other contents.
func put(what, name string, data []byte) damage {
	return damage{what: what, files: []string{name}, do: func(disk *memfs.Memory) error { return writeFile(disk, name, data) }}
}

// some gives n of the numbers below limit, or all of them when proving, always the first and the last.
func some(random *rand.Rand, limit, n int) (at []int) {
	if limit <= 0 {
		return nil
	}
	if proving() || limit <= n {
		for i := range limit {
			at = append(at, i)
		}
		return at
	}
	at = []int{0, limit - 1}
	for len(at) < n {
		if k := random.IntN(limit); !slices.Contains(at, k) {
			at = append(at, k)
		}
	}
	return at
}

// editsOf lists the damage of one file alone.
func editsOf(random *rand.Rand, name string, data []byte) (out []damage) {
	for _, n := range some(random, len(data), 12) {
		out = append(out, put(fmt.Sprintf("cut to %d", n), name, data[:n]))
	}
	for _, n := range some(random, len(data), 8) {
		out = append(out, put(fmt.Sprintf("without byte %d", n), name, slices.Delete(slices.Clone(data), n, n+1)))
	}
	for _, n := range some(random, len(data)+1, 8) {
		out = append(out, put(fmt.Sprintf("with a byte inserted at %d", n), name, slices.Insert(slices.Clone(data), n, byte(random.Uint32()))))
	}
	for _, block := range []int{512, 4096} {
		for from := 0; from < len(data); from += block {
			zeroed := slices.Clone(data)
			clear(zeroed[from:min(from+block, len(data))])
			if !slices.Equal(zeroed, data) {
				out = append(out, put(fmt.Sprintf("zeroed %d bytes from %d", block, from), name, zeroed))
			}
		}
	}
	long := append(slices.Clone(data), make([]byte, 4096)...)
	out = append(out,
		put("twice", name, append(slices.Clone(data), data...)),
		put("with zeros behind", name, long),
		put("garbage of its length", name, []byte(noise(9, len(data)))),
		damage{what: "missing", files: []string{name}, do: func(disk *memfs.Memory) error { return disk.Remove(name) }},
		damage{what: "a folder instead", files: []string{name}, do: func(disk *memfs.Memory) error {
			if err := disk.Remove(name); err != nil {
				return err
			}
			return disk.Mkdir(name, 0o700)
		}},
		damage{what: "a dangling link instead", files: []string{name}, do: func(disk *memfs.Memory) error {
			if err := disk.Remove(name); err != nil {
				return err
			}
			return disk.Symlink("nowhere", name)
		}},
		damage{what: "a link to itself instead", files: []string{name}, do: func(disk *memfs.Memory) error {
			if err := disk.Remove(name); err != nil {
				return err
			}
			return disk.Symlink(path.Base(name), name)
		}},
		damage{what: "with a hole to 96 MiB behind", files: []string{name}, do: func(disk *memfs.Memory) error {
			f, err := disk.OpenHandle(name, 2, 0)
			if err != nil {
				return err
			}
			if err := f.Truncate(96 << 20); err != nil {
				return err
			}
			return f.Close()
		}},
	)
	return out
}

// pairs lists every two files swapped, and each put in the place of every other of its folder.
func pairs(t testing.TB, disk *memfs.Memory, names []string) (out []damage) {
	read := func(name string) []byte {
		data, err := readFile(disk, name)
		must(t, err)
		return data
	}
	for i, a := range names {
		for _, b := range names[i+1:] {
			one, two := read(a), read(b)
			if slices.Equal(one, two) {
				continue
			}
			out = append(out, damage{what: "swapped", files: []string{a, b}, do: func(disk *memfs.Memory) error {
				if err := writeFile(disk, a, two); err != nil {
					return err
				}
				return writeFile(disk, b, one)
			}})
			if sort(a) != sort(b) {
				continue
			}
			out = append(out, put("holds what "+b+" holds:", a, two), put("holds what "+a+" holds:", b, one))
		}
	}
	return out
}

// sort tells files that a careless reader could take for each other: those of one folder, and all packs.
func sort(name string) string {
	if strings.Contains(name, "/packs/") {
		return "pack"
	}
	return path.Dir(name)
}

// foreign lists files that do not belong where they are.
func foreign(t testing.TB, disk *memfs.Memory, names []string) (out []damage) {
	hash := strings.Repeat("5a", 32)
	var places []string
	for _, n := range []string{"store/packs/5a/" + hash + ".pack", "store/packs/5a/" + hash, "store/packs/5a/x.pack", "store/packs/" + hash + ".pack",
		"store/packs/zz/garbage", "store/logs/" + hash + "/0000000000000000", "store/logs/" + hash + "/0000000000000001",
		"store/logs/" + hash + "/garbage", "store/logs/garbage", "store/roster/2-" + hash, "store/roster/1-" + hash, "store/roster/0-" + hash,
		"store/roster/4294967296-" + hash, "store/roster/garbage", "store/keyring/1-" + hash, "store/keyring/2-" + hash, "store/keyring/garbage",
		"store/slots/" + hash + ".age", "store/slots/garbage", "store/incoming/garbage", "store/damaged/garbage", "store/garbage",
		"local/garbage", "local/slots/" + hash + ".age", "local/outbox/0000000000000005", "local/outbox/garbage",
		"local/objects/" + hash[:24] + ".run", "local/objects/garbage", "local/evidence/garbage", "garbage"} {
		places = append(places, vaultDir+"/"+n)
	}
	for _, n := range names { // beside every file, one more of its kind
		if strings.Contains(n, "/logs/") {
			places = append(places, path.Dir(n)+"/0000000000000005", path.Dir(n)+"/0000000000000007", path.Dir(n)+"/garbage",
				path.Dir(n)+"/ffffffffffffffff")
			break
		}
	}
	var contents []string
	contents = append(contents, "", noise(7, 300), noise(8, 20_000))
	for _, n := range names {
		if strings.Contains(n, "/0000000000000000") || strings.Contains(n, ".pack") || strings.Contains(n, "/roster/1") {
			data, err := readFile(disk, n)
			must(t, err)
			contents = append(contents, string(data))
		}
	}
	for _, place := range places {
		for i, content := range contents {
			out = append(out, damage{what: fmt.Sprintf("garbage %d as", i), files: []string{place}, extra: true, do: func(disk *memfs.Memory) error {
				if err := disk.MkdirAll(path.Dir(place), 0o700); err != nil {
					return err
				}
				return writeFile(disk, place, []byte(content))
			}})
		}
	}
	return out
}

// folders lists whole folders missing or made files.
func folders() (out []damage) {
	for _, n := range []string{"store", "local", "store/packs", "store/logs", "store/roster", "store/keyring", "store/slots", "store/incoming",
		"store/damaged", "local/objects", "local/outbox", "local/slots"} {
		name := vaultDir + "/" + n
		optional := strings.HasPrefix(n, "local/") || n == "store/incoming" || n == "store/damaged"
		out = append(out,
			damage{what: "no folder", files: []string{name}, extra: optional, do: func(disk *memfs.Memory) error { return disk.RemoveAll(name) }},
			damage{what: "a file for the folder", files: []string{name}, extra: optional, do: func(disk *memfs.Memory) error {
				if err := disk.RemoveAll(name); err != nil {
					return err
				}
				return writeFile(disk, name, []byte("garbage"))
			}})
	}
	return out
}
