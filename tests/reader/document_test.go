package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// corpus gives every file of the frozen vault, and all that opens in it: keyring, rosters, bodies of records, trailers,
// indexes, frames before and after decompression, objects.
func corpus(t *testing.T, s *subject) [][]byte {
	t.Helper()
	o := &options{identity: s.identity, vaultID: s.id, vault: s.vault}
	v, err := unlock(o)
	must(t, err)
	must(t, v.openPacks())
	keys, err := o.keys()
	must(t, err)
	lines, err := openSlots(s.vault, keys)
	must(t, err)
	c := [][]byte{fmt.Appendf(nil, "evault vault=%x generation=%d secret=%x\n", lines[0].vault, lines[0].generation, lines[0].secret)}
	must(t, filepath.WalkDir(s.vault, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		c = append(c, data)
		base := filepath.Base(name)
		switch filepath.Base(filepath.Dir(name)) {
		case "keyring":
			c = append(c, opened(t)(control(data, "evault keyring\n", []uint64{1}, 512, lines[0].secret, v.id, "evault keyring v1")))
		case "roster":
			n := uint64(base[0] - '0')
			c = append(c, opened(t)(control(data, "evault roster\n", []uint64{1, n}, 4096, lines[0].secret, v.id, "evault roster v1")))
		}
		if strings.Contains(name, "/logs/") {
			c = append(c, openedBody(t, v, name, data))
		}
		if filepath.Ext(name) == ".pack" {
			c = append(c, openedPack(t, v, data)...)
		}
		return err
	}))
	return c
}

func opened(t *testing.T) func([]byte, error) []byte {
	return func(plain []byte, err error) []byte {
		t.Helper()
		must(t, err)
		return plain
	}
}

func openedBody(t *testing.T, v *vault, name string, data []byte) []byte {
	t.Helper()
	tag, err := hex.DecodeString(filepath.Base(filepath.Dir(name)))
	must(t, err)
	s, err := newSealer(v.epochs[1], v.id, "evault log body v1", nil)
	must(t, err)
	for at := range len(data) { // where the body begins is for another test
		if !bytes.HasPrefix(data[at:], []byte{1, 0, 0, 0, 0, 1}) {
			continue
		}
		sequence, err := hex.DecodeString(filepath.Base(name))
		must(t, err)
		if plain, err := s.openCommitted(data[at+6:], slices.Concat(tag, sequence, data[at:at+6])); err == nil {
			return plain
		}
	}
	t.Fatalf("%s does not open", name)
	return nil
}

func openedPack(t *testing.T, v *vault, data []byte) (all [][]byte) {
	t.Helper()
	s, err := v.packSealer(data)
	must(t, err)
	trailer := opened(t)(s.openCommitted(data[len(data)-89:], binary.BigEndian.AppendUint64([]byte("trailer"), uint64(len(data)))))
	at := binary.BigEndian.Uint64(trailer)
	index := data[at : at+uint64(binary.BigEndian.Uint32(trailer[8:]))]
	all = append(all, trailer, opened(t)(s.openCommitted(index, binary.BigEndian.AppendUint64([]byte("index"), at))))
	for offset := uint64(64); offset+46 <= at; {
		nonce := data[offset : offset+24]
		length := uint64(binary.BigEndian.Uint32(data[offset+24:]) ^ s.frameMask(nonce))
		if offset+28+length > at {
			break // padding
		}
		var plain []byte
		for _, class := range []byte{1, 2} {
			additional := binary.BigEndian.AppendUint64(append([]byte("frame"), class), offset)
			if p, err := s.open(nonce, data[offset+28:offset+28+length], additional); err == nil {
				plain = p
			}
		}
		if plain == nil {
			break
		}
		d := decoder{rest: plain}
		raw := d.rest
		if compression, size := d.u8(), d.uvarint(1<<30); compression == 1 {
			raw = opened(t)(unzstd(d.rest, size))
		}
		all = append(all, plain, raw)
		offset += 28 + length
	}
	return all
}

// TestDocumentsExample: every byte that the example of docs/format.md shows is in the frozen vault, and so is every name of
// a file and every length that it gives.
func TestDocumentsExample(t *testing.T) {
	onLinux(t)
	text, err := os.ReadFile("../../docs/format.md")
	must(t, err)
	_, example, ok1 := strings.Cut(string(text), "\n## 1. ")
	example, _, ok2 := strings.Cut(example, "\n## 2. ")
	if !ok1 || !ok2 {
		t.Fatal("the document has no example")
	}
	s := frozen(t)
	all := corpus(t, s)
	shown := 0
	check := func(run []byte) {
		if len(run) > 0 && !slices.ContainsFunc(all, func(b []byte) bool { return bytes.Contains(b, run) }) {
			t.Errorf("not in the vault: %x", run)
		}
		shown += len(run)
	}
	var run []byte
	line := regexp.MustCompile(`^((?:[0-9a-f]{2} )*[0-9a-f]{2})(?:  .*)?$`)
	for _, l := range strings.Split(example, "\n") {
		m := line.FindStringSubmatch(l)
		if m == nil {
			check(run)
			run = nil
			continue
		}
		part, err := hex.DecodeString(strings.ReplaceAll(m[1], " ", ""))
		must(t, err)
		run = append(run, part...)
	}
	check(run)
	if shown < 2000 {
		t.Errorf("%d bytes shown only", shown)
	}
	for _, digits := range regexp.MustCompile(`\b[0-9a-f]{64}\b`).FindAllString(example, -1) {
		raw, err := hex.DecodeString(digits)
		must(t, err)
		if !slices.ContainsFunc(all, func(b []byte) bool { return bytes.Contains(b, raw) || bytes.Contains(b, []byte(digits)) }) {
			t.Errorf("not in the vault: %s", digits)
		}
	}
	s.checkNames(example)
	t.Logf("%d bytes of the example are those of the frozen vault", shown)
}

// checkNames checks the directory listing: names that end in dots stand for one file each.
func (s *subject) checkNames(example string) {
	s.t.Helper()
	rows := regexp.MustCompile(`(?m)^\.evault/(store/\S+?)(?: +(\d+) bytes)?(?:: .*| {2,}.*)?$`).FindAllStringSubmatch(example, -1)
	if len(rows) < 15 {
		s.t.Errorf("%d files listed only", len(rows))
	}
	for _, row := range rows {
		pattern := strings.ReplaceAll(row[1], "...", "*")
		found, err := filepath.Glob(filepath.Join(s.vault, pattern))
		must(s.t, err)
		if len(found) != 1 {
			s.t.Errorf("%s is %d files", row[1], len(found))
			continue
		}
		info, err := os.Stat(found[0])
		must(s.t, err)
		if row[2] != "" && fmt.Sprint(info.Size()) != row[2] {
			s.t.Errorf("%s has %d bytes, not %s", row[1], info.Size(), row[2])
		}
	}
}
