package keys

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The folders of a store that belong to this package.
const (
	rosterDir     = "roster"
	keyringDir    = "keyring"
	slotDir       = "slots"
	localSlotDir  = "local/slots"
	slotExtension = ".age"
)

// File is one small file to store: its name uses slashes and is relative to the store's folder, except that names which
// begin with local/ are relative to the folder of the working copy's own files. Files are named by their content, so
// writing one that is already there changes nothing.
type File struct {
	Name string
	Data []byte
}

// Store reads the small files of one vault. The folders asked for are roster, keyring, slots (all in the store) and
// local/slots (beside it, never replicated).
type Store interface {
	// List gives the names in a folder, without the folder's own, in any order. A folder that does not exist has none, or
	// is an error that wraps fs.ErrNotExist.
	List(dir string) ([]string, error)
	// Read gives a whole file, named with its folder, or an error when it is longer than limit bytes.
	Read(name string, limit int64) ([]byte, error)
}

// contentFile names data "<dir>/<n>-<sha256>".
func contentFile(dir string, n uint32, data []byte) File {
	return File{Name: dir + "/" + contentNameOf(n, sha256.Sum256(data)), Data: data}
}

func contentNameOf(n uint32, hash [32]byte) string { return fmt.Sprintf("%d-%x", n, hash) }

// parseContentName takes "<n>-<sha256>" apart, in the one spelling that contentFile writes.
func parseContentName(name string) (n uint32, hash [32]byte, ok bool) {
	number, digits, found := strings.Cut(name, "-")
	v, err := strconv.ParseUint(number, 10, 32)
	if !found || err != nil || strconv.FormatUint(v, 10) != number || decodeHex32(digits, &hash) != nil {
		return 0, hash, false
	}
	return uint32(v), hash, true
}

func slotName(dir string, hash [32]byte) string {
	return dir + "/" + hex.EncodeToString(hash[:]) + slotExtension
}

// parseSlotName takes "<sha256>.age" apart.
func parseSlotName(name string) (hash [32]byte, ok bool) {
	digits, found := strings.CutSuffix(name, slotExtension)
	return hash, found && decodeHex32(digits, &hash) == nil
}

// A control file (roster, keyring) is: magic, one byte of version, big-endian numbers of 4 bytes, and the sealed body. All
// before the sealed body is its additional data.

func controlHeader(magic string, version byte, numbers ...uint32) []byte {
	h := append([]byte(magic), version)
	for _, n := range numbers {
		h = binary.BigEndian.AppendUint32(h, n)
	}
	return h
}

func splitControl(data []byte, magic string, version byte, numbers int) (header, sealed []byte, err error) {
	n := len(magic) + 1 + 4*numbers
	if !bytes.HasPrefix(data, []byte(magic)) || len(data) < len(magic)+1 {
		return nil, nil, fmt.Errorf("%w: not a %q file", ErrTampered, strings.TrimSpace(magic))
	}
	if got := data[len(magic)]; got != version {
		return nil, nil, fmt.Errorf("version %d of %q: %w", got, strings.TrimSpace(magic), ErrNewer)
	}
	if len(data) < n {
		return nil, nil, fmt.Errorf("%w: cut short", ErrTampered)
	}
	return data[:n:n], data[n:], nil
}

// pad prefixes a body with its length (4 bytes) and fills it with zeros to a multiple of step, so that the length of a
// sealed file says little about what is in it.
func pad(body []byte, step int) []byte {
	n := 4 + len(body)
	b := make([]byte, (n+step-1)/step*step)
	binary.BigEndian.PutUint32(b, uint32(len(body)))
	copy(b[4:], body)
	return b
}

// openPadded opens what was sealed with its commitment after pad.
func openPadded(s *Sealer, sealed, header []byte, step int) ([]byte, error) {
	padded, err := s.OpenCommitted(nil, sealed, header)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTampered, err)
	}
	if len(padded) < 4 {
		return nil, fmt.Errorf("%w: no length", ErrTampered)
	}
	n := binary.BigEndian.Uint32(padded)
	if n > math.MaxInt32 || int(n) > len(padded)-4 || !bytes.Equal(pad(padded[4:4+n], step), padded) {
		return nil, fmt.Errorf("%w: wrong padding", ErrTampered)
	}
	return padded[4 : 4+n], nil
}
