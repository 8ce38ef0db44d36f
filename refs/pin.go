package refs

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"evault/internal/vfs"
)

// A pin is the newest position of a log that this user has seen, kept outside the vault, so that an older copy of the vault
// in its place is noticed. It is published only after the record is durable: a pin is never ahead of what is there.
//
//	pins/<vault ID>/<store ID>-<tag>      evault pin 1
//	                                      sequence 17
//	                                      header <SHA-256 of the header in hexadecimal>
type pins struct {
	state vfs.FS // nil: nothing is pinned
	dir   string
	store StoreID
	known map[Tag]Position
}

const (
	pinMagic = "evault pin 1"
	maxPin   = 256
	// maxPins bounds how many pins one vault may have: logs times stores.
	maxPins = 1 << 16
)

// readPins reads the pins of one store.
func readPins(state vfs.FS, vault string, store StoreID) (*pins, error) {
	p := &pins{state: state, dir: "pins/" + vault, store: store, known: make(map[Tag]Position)}
	if state == nil {
		return p, nil
	}
	names, err := readNames(state, p.dir)
	if err != nil {
		return nil, fmt.Errorf("pins: %w", err)
	}
	if len(names) > maxPins {
		return nil, fmt.Errorf("%w: %d pins", ErrLimit, len(names))
	}
	for _, n := range names {
		if err := p.read(n.Name); err != nil {
			return nil, fmt.Errorf("pin %s: %w", n.Name, err)
		}
	}
	return p, nil
}

// read reads one pin if it is of this store.
func (p *pins) read(name string) error {
	rest, ok := strings.CutPrefix(name, p.store.String()+"-")
	if !ok {
		return nil
	}
	tag, err := ParseTag(rest)
	if err != nil {
		return nil // not one of ours
	}
	data, err := readNamed(p.state, p.dir+"/"+name, maxPin)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	pos, err := decodePin(tag, data)
	if err != nil {
		return err
	}
	p.known[tag] = pos
	return nil
}

// publish makes a position the pin of its log, durably.
func (p *pins) publish(pos Position) error {
	if p.state == nil || p.known[pos.Tag] == pos {
		return nil
	}
	// A pin of this log was published before, so the folders are durable.
	if _, ok := p.known[pos.Tag]; !ok {
		if err := vfs.MkdirAllSync(p.state, p.dir, 0o700); err != nil {
			return err
		}
	}
	name := fmt.Sprintf("%s/%s-%s", p.dir, p.store, pos.Tag)
	if err := vfs.Publish(p.state, name, encodePin(pos), 0o600); err != nil {
		return err
	}
	p.known[pos.Tag] = pos
	return nil
}

func encodePin(p Position) []byte {
	return fmt.Appendf(nil, "%s\nsequence %d\nheader %x\n", pinMagic, p.Seq, p.Hash)
}

func decodePin(tag Tag, data []byte) (Position, error) {
	magic, rest, _ := strings.Cut(string(data), "\n")
	if magic != pinMagic {
		if strings.HasPrefix(magic, "evault pin ") {
			return Position{}, fmt.Errorf("%w: %.40q", ErrNewer, magic)
		}
		return Position{}, fmt.Errorf("%w: not a pin", ErrDamaged)
	}
	seqLine, rest, _ := strings.Cut(rest, "\n")
	hashLine, _, _ := strings.Cut(rest, "\n")
	pos := Position{Tag: tag}
	seq, err := strconv.ParseUint(strings.TrimPrefix(seqLine, "sequence "), 10, 64)
	if err == nil {
		pos.Seq = seq
		err = parseHex(pos.Hash[:], strings.TrimPrefix(hashLine, "header "))
	}
	if err != nil || string(encodePin(pos)) != string(data) {
		return Position{}, fmt.Errorf("%w: not a pin as it is written", ErrDamaged)
	}
	return pos, nil
}
