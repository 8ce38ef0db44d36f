package corrupt

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"evault/internal/vfs/memfs"
	"evault/objects"
	"evault/repo"
)

// TestProofCanary writes words that occur nowhere else into every place where a user may write words, and looks for them,
// for every object ID and for the common encodings of both, in everything that was written outside the work tree: the
// store, every temporary file on its way, and the pins.
func TestProofCanary(t *testing.T) {
	words := map[string]string{}
	word := func(of string) string {
		words[of] = "canary-" + of + "-" + hex.EncodeToString([]byte(noise(byte(len(words)+100), 9)))
		return words[of]
	}
	s := &specimen{disk: newDisk(t)}
	s.disk.Record()
	s.write(t, word("file-name")+"/"+word("deep-name"), word("small-content"))
	s.write(t, "large", strings.Repeat(word("large-content")+"\n", 60_000))
	s.write(t, "medium", strings.Repeat(word("medium-content")+"\n", 50))
	must(t, s.disk.Symlink(word("link-target"), workDir+"/link"))
	work, err := s.disk.OpenDir(workDir)
	must(t, err)
	must(t, work.SetXattr("medium", "user."+word("xattr-name"), []byte(word("xattr-value"))))
	must(t, work.Close())
	branch := word("branch")
	var ids []objects.ID
	s.with(t, repo.Writing, func(ctx context.Context, r *repo.Repository) error {
		_, err := r.Commit(ctx, repo.CommitOptions{Message: word("message"), Author: word("author"), All: true,
			Labels: []objects.Label{{Key: word("label-key"), Value: word("label-value")}}})
		if err != nil {
			return err
		}
		_, err = r.Checkout(ctx, repo.CheckoutOptions{Create: branch})
		return err
	})
	s.write(t, "large", strings.Repeat(words["large-content"]+"\n", 60_001))
	s.with(t, repo.Writing, func(ctx context.Context, r *repo.Repository) error {
		c, err := r.Commit(ctx, repo.CommitOptions{Message: words["message"], All: true})
		if err != nil {
			return err
		}
		ids = append(ids, c.ID, c.Commit.Tree)
		ids = append(ids, c.Commit.Parents...)
		return r.List(ctx, repo.ListOptions{Recursive: true}, func(_ string, e *objects.Entry) error {
			ids = append(ids, e.Tree, e.Content.ID)
			return nil
		})
	})
	ids = slices.DeleteFunc(ids, func(id objects.ID) bool { return id.IsZero() })
	needles := map[string][]byte{}
	for of, w := range words {
		addForms(needles, of, []byte(w))
	}
	for i, id := range ids {
		addForms(needles, fmt.Sprintf("object ID %d", i), id[:])
	}
	if len(words) < 13 || len(ids) < 6 {
		t.Fatalf("%d words and %d IDs", len(words), len(ids))
	}
	count := newTally(t)
	for what, data := range written(t, s.disk) {
		// The object index and HEAD stay on this machine by design: the one holds IDs, the other the branch. Names of files in
		// store/ are scanned with their contents.
		local := strings.Contains(what, repo.VaultDir+"/local/objects/")
		head := !strings.Contains(what, "/store") && !strings.Contains(what, "/local") && !strings.Contains(what, stateDir)
		for of, needle := range needles {
			if local && strings.HasPrefix(of, "object ID") || head && strings.HasPrefix(of, "branch") {
				continue
			}
			count.add("searches")
			if bytes.Contains(data, needle) {
				count.fail("%s is in %s", of, what)
			}
		}
	}
	count.report("canary scan", 5000)
}

// addForms adds the ways in which a careless program writes something.
func addForms(needles map[string][]byte, of string, w []byte) {
	needles[of] = w
	needles[of+" in hex"] = []byte(hex.EncodeToString(w))
	needles[of+" in upper hex"] = []byte(strings.ToUpper(hex.EncodeToString(w)))
	needles[of+" in base32"] = []byte(strings.TrimRight(base32.StdEncoding.EncodeToString(w[:len(w)/5*5]), "="))
	for shift := range 3 { // where the word may begin within a group of three
		part := w[shift : shift+(len(w)-shift)/3*3]
		needles[fmt.Sprintf("%s in base64 from %d", of, shift)] = []byte(base64.RawStdEncoding.EncodeToString(part))
		needles[fmt.Sprintf("%s in base64 for URLs from %d", of, shift)] = []byte(base64.RawURLEncoding.EncodeToString(part))
	}
	back := slices.Clone(w)
	slices.Reverse(back)
	needles[of+" backwards"] = back
	var wide []byte
	for _, u := range utf16.Encode([]rune(string(w))) {
		wide = binary.LittleEndian.AppendUint16(wide, u)
	}
	needles[of+" in UTF-16"] = wide
	if len(w) == 32 { // half an ID tells as much
		needles[of+", half"] = w[:16]
		needles[of+", half in hex"] = []byte(hex.EncodeToString(w[:16]))
	}
}

// written gives all bytes that were ever written outside the work tree, and the names of files, by file.
func written(t testing.TB, disk *memfs.Memory) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, op := range disk.Ops() {
		if strings.HasPrefix(op.Name, workDir) && !strings.HasPrefix(op.Name, vaultDir) {
			continue
		}
		all["the writes of "+op.Name] = append(all["the writes of "+op.Name], op.Data...)
		all["the names in store"] = append(all["the names in store"], op.Name+"\n"+op.NewName+"\n"...)
	}
	for _, root := range []string{vaultDir, stateDir} {
		names, _ := files(t, disk, root)
		for _, name := range names {
			data, err := readFile(disk, name)
			must(t, err)
			all[name] = append([]byte(name), data...)
		}
	}
	return all
}

// TestProofPacksLookRandom: beyond its header a pack is as even as noise, does not compress, and is as long as a Padmé
// step; whatever was committed.
func TestProofPacksLookRandom(t *testing.T) {
	s, random := &specimen{disk: newDisk(t)}, dice(t)
	commits := 40
	if proving() {
		commits = 400
	}
	for i := range commits {
		n := random.IntN(30_000)
		if i%8 == 0 {
			n = random.IntN(3 << 20)
		}
		content := strings.Repeat("x", n)
		if i%2 == 0 {
			content = noise(byte(i), n)
		}
		s.write(t, fmt.Sprintf("file%d", i), content)
		_, err := commitOn(s.disk)
		must(t, err)
	}
	count := newTally(t)
	names, sizes := files(t, s.disk, storeDir+"/packs")
	for i, name := range names {
		data, err := readFile(s.disk, name)
		must(t, err)
		count.add("packs")
		if !padded(sizes[i]) {
			count.fail("%s has %d bytes, which is no step", name, sizes[i])
		}
		body := data[64:]
		if z := unevenness(body); z > 7 {
			count.fail("%s is uneven: %.1f standard deviations", name, z)
		}
		if n := squeezed(t, body); n < len(body) {
			count.fail("%s compresses from %d to %d bytes", name, len(body), n)
		}
	}
	count.report("packs look random", commits)
}

// padded tells whether a length is one that Padmé gives (Nikitin et al. 2019, section 4): with E = floor(log2 n) and
// S = floor(log2 E) + 1, the lowest E - S bits are zero. 16 KiB is the least.
func padded(n int64) bool {
	e := bits.Len64(uint64(n)) - 1
	s := bits.Len64(uint64(e))
	return n >= 16<<10 && n%(1<<(e-s)) == 0
}

// unevenness is how far the counts of the 256 bytes are from even, in standard deviations of chi squared.
func unevenness(data []byte) float64 {
	var counts [256]float64
	for _, b := range data {
		counts[b]++
	}
	want, chi := float64(len(data))/256, 0.0
	for _, c := range counts {
		chi += (c - want) * (c - want) / want
	}
	return math.Abs(chi-255) / math.Sqrt(2*255)
}

func squeezed(t testing.TB, data []byte) int {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	must(t, err)
	_, err = w.Write(data)
	must(t, err)
	must(t, w.Close())
	return out.Len()
}
