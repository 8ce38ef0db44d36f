package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"filippo.io/age"
)

// vault is an opened vault: sections 4 to 6.
type vault struct {
	dir     string // .evault
	id      [32]byte
	idKey   [32]byte
	epochs  map[uint64][32]byte
	rosters map[[32]byte]*roster // accepted
	newest  *roster
	known   map[[32]byte]bool // signing keys of all devices that any accepted roster lists

	packs   []string
	packed  map[string]uint64 // sizes by name
	objects map[[32]byte]place
	recent  map[frameKey]*frame
}

// slotLine is what a slot says.
type slotLine struct {
	vault, secret [32]byte
	generation    uint64
}

// line is what may stand in a slot; further fields are a newer version's.
func slotPattern() *regexp.Regexp {
	return regexp.MustCompile(`^evault vault=([0-9a-f]{64}) generation=(0|[1-9][0-9]*) secret=([0-9a-f]{64})( admin-seed=[0-9a-f]{64})?\n$`)
}

// named reads the files of a folder whose name matches and whose hash, its last group, is that of their bytes.
func named(dir, pattern string, limit int64, use func(match []string, data []byte) error) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	expression := regexp.MustCompile("^" + pattern + "$")
	for _, e := range entries {
		match := expression.FindStringSubmatch(e.Name())
		if match == nil {
			continue
		}
		name := filepath.Join(dir, e.Name())
		if info, err := os.Stat(name); err != nil || info.Size() > limit {
			return fmt.Errorf("%s: too long, or %w", name, err)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != match[len(match)-1] {
			return fmt.Errorf("%s: its hash is not its name", name)
		}
		if err := use(match, data); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

const hash64 = `([0-9a-f]{64})`

// openSlots opens every slot that these keys open, the highest generation first. Without a known vault ID only scrypt
// slots count, which is the caller's care.
func openSlots(dir string, keys []age.Identity) (lines []slotLine, err error) {
	for _, folder := range []string{"store/slots", "local/slots"} {
		err := named(filepath.Join(dir, folder), hash64+`\.age`, 16<<10, func(_ []string, data []byte) error {
			if header, _, _ := bytes.Cut(data, []byte("\n---")); bytes.Count(header, []byte("\n-> ")) != 1 {
				return errors.New("not exactly one recipient stanza")
			}
			r, err := age.Decrypt(bytes.NewReader(data), keys...)
			var mismatch *age.NoIdentityMatchError
			if errors.As(err, &mismatch) {
				return nil
			}
			if err != nil {
				return err
			}
			text, err := io.ReadAll(io.LimitReader(r, 1025))
			if err != nil {
				return err
			}
			m := slotPattern().FindStringSubmatch(string(text))
			if m == nil {
				return fmt.Errorf("not a slot's line, or %w", errNewer)
			}
			var l slotLine
			fill(&l.vault, m[1])
			fill(&l.secret, m[3])
			l.generation, err = strconv.ParseUint(m[2], 10, 32)
			lines = append(lines, l)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(lines, func(a, b slotLine) int { return int(int64(b.generation) - int64(a.generation)) })
	return lines, nil
}

// fill reads 64 hexadecimal digits that a pattern has matched.
func fill(out *[32]byte, digits string) {
	raw, err := hex.DecodeString(digits)
	if err != nil {
		panic(err)
	}
	copy(out[:], raw)
}

// control opens the sealed part of a keyring or roster.
func control(data []byte, magic string, numbers []uint64, step int, secret, id [32]byte, label string) ([]byte, error) {
	header := append([]byte(magic), 1)
	for _, n := range numbers {
		header = binary.BigEndian.AppendUint32(header, uint32(n))
	}
	sealed, ok := bytes.CutPrefix(data, header)
	if !ok {
		return nil, fmt.Errorf("header is not that of its name, or %w", errNewer)
	}
	s, err := newSealer(secret, id, label, nil)
	if err != nil {
		return nil, err
	}
	padded, err := s.openCommitted(sealed, header)
	if err != nil {
		return nil, err
	}
	d := decoder{rest: padded}
	plain := d.take(d.number(4))
	rest := len(d.rest)
	if d.err != nil || rest >= step || len(padded)%step != 0 || len(bytes.Trim(d.rest, "\x00")) > 0 {
		return nil, errors.New("wrong padding")
	}
	return plain, nil
}

// openVault opens keyring and rosters by the line of a slot.
func openVault(dir string, l slotLine) (*vault, error) {
	v := &vault{dir: dir, id: l.vault}
	var past map[uint64][32]byte
	var chunker [32]byte
	found := errors.New("no keyring of its generation")
	err := named(filepath.Join(dir, "store/keyring"), `([0-9]+)-`+hash64, 1<<20, func(m []string, data []byte) error {
		if m[1] != strconv.FormatUint(l.generation, 10) {
			return nil
		}
		plain, err := control(data, "evault keyring\n", []uint64{l.generation}, 512, l.secret, v.id, "evault keyring v1")
		if err != nil {
			return err
		}
		d := decoder{rest: plain}
		if id := d.hash(); id != v.id {
			return errors.New("of another vault")
		}
		d.hash()
		v.idKey, chunker = d.hash(), d.hash()
		v.epochs, past = d.numberedKeys(), d.numberedKeys()
		found = d.end()
		return found
	})
	if err := errors.Join(err, found); err != nil {
		return nil, err
	}
	past[l.generation] = l.secret
	if err := v.openRosters(past); err != nil {
		return nil, err
	}
	return v, v.checkCommitments(past, chunker)
}

func (d *decoder) numberedKeys() map[uint64][32]byte {
	keys := map[uint64][32]byte{}
	last := uint64(0)
	for i := range d.count(4096, 33) {
		n := d.uvarint(1<<32 - 1)
		if i > 0 && n <= last {
			d.fail("keys out of order")
		}
		keys[n], last = d.hash(), n
	}
	return keys
}

// checkCommitments holds every key against what the rosters say.
func (v *vault) checkCommitments(secrets map[uint64][32]byte, chunker [32]byte) error {
	check := func(kind byte, number uint64, key [32]byte) error {
		context := binary.BigEndian.AppendUint32([]byte{kind}, uint32(number))
		sum, err := derive(key[:], nil, "evault key commitment v1", context, 32)
		if err != nil {
			return err
		}
		for _, r := range v.rosters {
			if slices.Contains(r.commitments, commitment{kind, number, [32]byte(sum)}) {
				return nil
			}
		}
		return fmt.Errorf("key %d of kind %d is not one that a roster commits to", number, kind)
	}
	errs := []error{check(1, 0, v.idKey), check(2, 0, chunker)}
	for n, k := range v.epochs {
		errs = append(errs, check(3, n, k))
	}
	for n, k := range secrets {
		errs = append(errs, check(4, n, k))
	}
	return errors.Join(errs...)
}
