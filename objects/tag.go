package objects

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"evault/internal/wire"
)

const (
	tagVersion = 1
	tagDomain  = "evault tag object v1\x00"
)

// Tag is a signed name for a commit.
//
// Layout: version u8 = 1, target ID, device (32 bytes), name, tagger, time (i64,
// u32), zone i16, message, signature (64 bytes). Texts have their length before
// them, as uvarint.
type Tag struct {
	Target      ID       // a commit
	Device      [32]byte // Ed25519 public key of the device that signs
	Name        string   // 1 to MaxTagName bytes, no control characters; package refs has more rules
	Tagger      string   // up to MaxAuthor bytes, no control characters
	Time        Time
	ZoneMinutes int16  // the tagger's offset from UTC in minutes, positive to the east, below a day
	Message     string // up to MaxMessage bytes, no NUL
	Signature   [64]byte
}

// SigningHash returns what the device signs: SHA-256 of a domain and of the
// encoding without the signature.
func (t *Tag) SigningHash() [32]byte {
	return sha256.Sum256(t.appendUnsigned([]byte(tagDomain)))
}

// Encode returns the tag's bytes, or an error that says which rule it breaks.
func (t *Tag) Encode() ([]byte, error) {
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("tag: %w", err)
	}
	return append(t.appendUnsigned(nil), t.Signature[:]...), nil
}

func (t *Tag) appendUnsigned(dst []byte) []byte {
	dst = append(dst, tagVersion)
	dst = append(dst, t.Target[:]...)
	dst = append(dst, t.Device[:]...)
	dst = wire.AppendText(dst, t.Name)
	dst = wire.AppendText(dst, t.Tagger)
	dst = wire.AppendTime(dst, t.Time.Sec, t.Time.Nsec)
	dst = binary.BigEndian.AppendUint16(dst, uint16(t.ZoneMinutes))
	return wire.AppendText(dst, t.Message)
}

// DecodeTag decodes what Encode wrote, and nothing else.
func DecodeTag(data []byte) (*Tag, error) {
	d := newDecoder(data)
	if v := d.Uint8("tag"); d.Err() == nil && v != tagVersion {
		return nil, newer("tag of version %d", v)
	}
	t := new(Tag)
	t.Target = d.id("target")
	d.Fill(t.Device[:], "device")
	t.Name = d.text("", MaxTagName, "name")
	t.Tagger = d.text("", MaxAuthor, "tagger")
	t.Time = d.time("time")
	t.ZoneMinutes = int16(d.Uint16("zone"))
	t.Message = d.text("", MaxMessage, "message")
	d.Fill(t.Signature[:], "signature")
	if err := d.End("tag"); err != nil {
		return nil, fmt.Errorf("tag: %w", err)
	}
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("tag: %w: %w", ErrMalformed, err)
	}
	return t, nil
}

func (t *Tag) check() error {
	if t.Name == "" || len(t.Name) > MaxTagName || hasControl(t.Name) {
		return malformed("name %.300q", t.Name)
	}
	return checkSigned(t.Tagger, t.Message, t.Time, t.ZoneMinutes)
}
