package keys

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/plugin"
)

const (
	// SlotLimit is the greatest length in bytes of a slot's file.
	SlotLimit = 16 << 10
	// DefaultWorkFactor is the base-2 logarithm of scrypt's N for passphrase slots: about a second and 256 MiB.
	DefaultWorkFactor = 18
	// RemoteWorkLimit is the greatest work factor accepted in a slot that came from a remote.
	RemoteWorkLimit = 20
	slotLineLimit   = 1024
	slotLinePrefix  = "evault"
)

// slotLine is what a slot holds, written as one line that a person can read:
//
//	evault vault=<64 hex> generation=<n> secret=<64 hex> [admin-seed=<64 hex>]
type slotLine struct {
	vault      VaultID
	generation uint32
	secret     [32]byte
	adminSeed  *[32]byte
}

func (l *slotLine) encode() []byte {
	b := fmt.Appendf(nil, "%s vault=%x generation=%d secret=%x", slotLinePrefix, l.vault[:], l.generation, l.secret[:])
	if l.adminSeed != nil {
		b = fmt.Appendf(b, " admin-seed=%x", l.adminSeed[:])
	}
	return append(b, '\n')
}

// errSlotLine never quotes the line, which is secret.
var errSlotLine = fmt.Errorf("%w: what the slot holds is not a line of evault's", ErrTampered)

// parseSlotLine reads exactly what encode writes. A line of more fields comes from a newer evault.
func parseSlotLine(text []byte) (*slotLine, error) {
	if len(text) > slotLineLimit {
		return nil, errSlotLine
	}
	fields := strings.Split(strings.TrimSuffix(string(text), "\n"), " ")
	if len(fields) < 4 || fields[0] != slotLinePrefix {
		return nil, errSlotLine
	}
	l := &slotLine{}
	vault, ok1 := strings.CutPrefix(fields[1], "vault=")
	generation, ok2 := strings.CutPrefix(fields[2], "generation=")
	secret, ok3 := strings.CutPrefix(fields[3], "secret=")
	n, err := strconv.ParseUint(generation, 10, 32)
	if !ok1 || !ok2 || !ok3 || err != nil ||
		decodeHex32(vault, (*[32]byte)(&l.vault)) != nil || decodeHex32(secret, &l.secret) != nil {
		return nil, errSlotLine
	}
	l.generation = uint32(n)
	if len(fields) > 4 {
		seed, ok := strings.CutPrefix(fields[4], "admin-seed=")
		if !ok || len(fields) > 5 {
			return nil, fmt.Errorf("a slot with an unknown field: %w", ErrNewer)
		}
		l.adminSeed = new([32]byte)
		if decodeHex32(seed, l.adminSeed) != nil {
			return nil, errSlotLine
		}
	}
	if !bytes.Equal(l.encode(), text) {
		return nil, errSlotLine
	}
	return l, nil
}

// slotStanza is the one recipient stanza of a slot's age header (https://c2sp.org/age).
type slotStanza struct {
	kind string   // "scrypt", "mlkem768x25519", "X25519", "ssh-ed25519", or a plugin's
	args []string // of "scrypt": salt, work factor
}

// inspectSlot reads the header of a slot's file, without any key: it must be a binary age file with exactly one stanza.
func inspectSlot(data []byte) (slotStanza, error) {
	var s slotStanza
	if len(data) > SlotLimit {
		return s, fmt.Errorf("%w: slot longer than %d bytes", ErrTampered, SlotLimit)
	}
	rest, found := bytes.CutPrefix(data, []byte("age-encryption.org/v1\n"))
	if !found {
		return s, fmt.Errorf("%w: slot is not an age file", ErrTampered)
	}
	stanzas := 0
	for {
		line, after, found := bytes.Cut(rest, []byte("\n"))
		switch {
		case !found:
			return s, fmt.Errorf("%w: slot's header is cut short", ErrTampered)
		case bytes.HasPrefix(line, []byte("---")):
			if stanzas != 1 {
				return s, fmt.Errorf("%w: slot has %d recipients", ErrTampered, stanzas)
			}
			return s, nil
		case bytes.HasPrefix(line, []byte("-> ")):
			stanzas++
			fields := strings.Split(string(line[3:]), " ")
			s = slotStanza{kind: fields[0], args: fields[1:]}
		}
		rest = after
	}
}

// work is the scrypt work factor of a passphrase stanza.
func (s slotStanza) work() (int, error) {
	if len(s.args) != 2 {
		return 0, fmt.Errorf("%w: slot's passphrase stanza is malformed", ErrTampered)
	}
	n, err := strconv.ParseUint(s.args[1], 10, 8)
	if err != nil {
		return 0, fmt.Errorf("%w: slot's work factor is no number", ErrTampered)
	}
	return int(n), nil
}

// sealSlot wraps a line to one recipient.
func sealSlot(l *slotLine, to age.Recipient) (hash [32]byte, data []byte, err error) {
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to)
	if err != nil {
		return hash, nil, fmt.Errorf("sealing a slot: %w", err)
	}
	if _, err := w.Write(l.encode()); err != nil {
		return hash, nil, fmt.Errorf("sealing a slot: %w", err)
	}
	if err := w.Close(); err != nil {
		return hash, nil, fmt.Errorf("sealing a slot: %w", err)
	}
	if _, err := inspectSlot(b.Bytes()); err != nil {
		return hash, nil, fmt.Errorf("recipient makes a slot that cannot be stored: %w", err)
	}
	return sha256.Sum256(b.Bytes()), b.Bytes(), nil
}

// errNotMine says that a slot is fine as far as can be seen, and not for the keys at hand.
var errNotMine = errors.New("slot is for another key")

// openSlot unwraps a slot's file.
func openSlot(data []byte, keys ...age.Identity) (*slotLine, error) {
	r, err := age.Decrypt(bytes.NewReader(data), keys...)
	var mismatch *age.NoIdentityMatchError
	if errors.As(err, &mismatch) {
		return nil, errNotMine
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTampered, err)
	}
	text, err := io.ReadAll(io.LimitReader(r, slotLineLimit+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTampered, err)
	}
	return parseSlotLine(text)
}

// passphraseRecipient makes the recipient of a passphrase slot.
func passphraseRecipient(pass []byte, work int) (age.Recipient, error) {
	if work == 0 {
		work = DefaultWorkFactor
	}
	if len(pass) == 0 {
		return nil, errors.New("an empty passphrase")
	}
	if work < 1 || work > RemoteWorkLimit {
		return nil, fmt.Errorf("work factor %d is not between 1 and %d", work, RemoteWorkLimit)
	}
	r, err := age.NewScryptRecipient(string(pass))
	if err != nil {
		return nil, fmt.Errorf("passphrase: %w", err)
	}
	r.SetWorkFactor(work)
	return r, nil
}

// parseRecipient understands age1pq1..., age1..., a plugin's age1name1..., and SSH public keys.
func parseRecipient(s string) (age.Recipient, SlotKind, error) {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "ssh-") {
		r, err := agessh.ParseRecipient(s)
		if err != nil {
			return nil, 0, fmt.Errorf("recipient %.40q: %w", s, err)
		}
		return r, SlotSSH, nil
	}
	if r, err := age.ParseHybridRecipient(s); err == nil {
		return r, SlotRecipient, nil
	}
	if r, err := age.ParseX25519Recipient(s); err == nil {
		return r, SlotRecipient, nil
	}
	r, err := plugin.NewRecipient(s, &plugin.ClientUI{})
	if err != nil {
		return nil, 0, fmt.Errorf("recipient %.40q is neither an age recipient nor an SSH key", s)
	}
	return r, SlotRecipient, nil
}

// slotLabel shortens a recipient for people: enough to recognise it by.
func slotLabel(recipient string) string {
	label := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return '?'
		}
		return r
	}, strings.Join(strings.Fields(recipient), " "))
	if len(label) > 64 {
		label = strings.ToValidUTF8(label[:40]+"..."+label[len(label)-16:], "?")
	}
	return label
}
