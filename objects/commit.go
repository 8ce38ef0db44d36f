package objects

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"evault/internal/wire"
)

const (
	commitVersion = 1
	// commitDomain keeps a signature under a commit from being one under anything else.
	commitDomain = "evault commit object v1\x00"
)

// Label is a key and value that a user hangs on a commit.
type Label struct {
	Key   string // 1 to MaxLabelKey bytes, no "=", no control characters
	Value string // up to MaxLabelValue bytes, no NUL
}

// Commit is the manifest of one version: the full snapshot of the root tree, its
// parents, and who made it when and why, signed by the device that made it.
//
// Layout: version u8 = 1, number of parents uvarint, their IDs, tree ID, entries
// uvarint, bytes uvarint, generation uvarint, device (32 bytes), author, time (i64,
// u32), zone i16, message, number of labels uvarint, key and value of each, signature
// (64 bytes). Texts have their length before them, as uvarint.
type Commit struct {
	Parents     []ID     // none for a first commit, several for a merge; the order matters, none twice
	Tree        ID       // root of the root directory's tree
	Entries     uint64   // all entries of the tree, at any depth
	Bytes       uint64   // sum of the sizes of all files of the tree
	Generation  uint64   // 1 + the greatest of the parents' (a Lamport clock); 1 for a first commit
	Device      [32]byte // Ed25519 public key of the device that signs
	Author      string   // up to MaxAuthor bytes, no control characters
	Time        Time
	ZoneMinutes int16   // the author's offset from UTC in minutes, positive to the east, below a day
	Message     string  // up to MaxMessage bytes, no NUL
	Labels      []Label // strictly ascending by key
	Signature   [64]byte
}

// Root returns the commit's tree with its totals.
func (c *Commit) Root() TreeRef { return TreeRef{c.Tree, c.Entries, c.Bytes} }

// NextGeneration returns the generation of a commit with these parents.
func NextGeneration(parents ...*Commit) uint64 {
	var most uint64
	for _, p := range parents {
		most = max(most, p.Generation)
	}
	return most + 1
}

// SigningHash returns what the device signs: SHA-256 of a domain and of the
// encoding without the signature.
func (c *Commit) SigningHash() [32]byte {
	return sha256.Sum256(c.appendUnsigned([]byte(commitDomain)))
}

// Encode returns the commit's bytes, or an error that says which rule it breaks.
// Whether the signature is right is for package keys to say.
func (c *Commit) Encode() ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return append(c.appendUnsigned(nil), c.Signature[:]...), nil
}

func (c *Commit) appendUnsigned(dst []byte) []byte {
	dst = append(dst, commitVersion)
	dst = binary.AppendUvarint(dst, uint64(len(c.Parents)))
	for _, p := range c.Parents {
		dst = append(dst, p[:]...)
	}
	dst = append(dst, c.Tree[:]...)
	dst = binary.AppendUvarint(dst, c.Entries)
	dst = binary.AppendUvarint(dst, c.Bytes)
	dst = binary.AppendUvarint(dst, c.Generation)
	dst = append(dst, c.Device[:]...)
	dst = wire.AppendText(dst, c.Author)
	dst = wire.AppendTime(dst, c.Time.Sec, c.Time.Nsec)
	dst = binary.BigEndian.AppendUint16(dst, uint16(c.ZoneMinutes))
	dst = wire.AppendText(dst, c.Message)
	dst = binary.AppendUvarint(dst, uint64(len(c.Labels)))
	for _, l := range c.Labels {
		dst = wire.AppendText(dst, l.Key)
		dst = wire.AppendText(dst, l.Value)
	}
	return dst
}

// DecodeCommit decodes what Encode wrote, and nothing else.
func DecodeCommit(data []byte) (*Commit, error) {
	d := newDecoder(data)
	if v := d.Uint8("commit"); d.Err() == nil && v != commitVersion {
		return nil, newer("commit of version %d", v)
	}
	c := new(Commit)
	c.Parents = d.ids(MaxParents, "parents")
	c.Tree = d.id("tree")
	c.Entries = d.Uvarint(MaxTotalEntries, "total of entries")
	c.Bytes = d.Uvarint(MaxTotalBytes, "total of bytes")
	c.Generation = d.Uvarint(maxGeneration, "generation")
	d.Fill(c.Device[:], "device")
	c.Author = d.text("", MaxAuthor, "author")
	c.Time = d.time("time")
	c.ZoneMinutes = int16(d.Uint16("zone"))
	c.Message = d.text("", MaxMessage, "message")
	c.Labels = d.labels()
	d.Fill(c.Signature[:], "signature")
	if err := d.End("commit"); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("commit: %w: %w", ErrMalformed, err)
	}
	return c, nil
}

// maxGeneration keeps 1 + a generation from wrapping.
const maxGeneration = 1 << 62

// ids takes a count of at most limit and that many IDs.
func (d *decoder) ids(limit uint64, what string) []ID {
	n := d.Uvarint(limit, what)
	if n == 0 {
		return nil
	}
	ids := make([]ID, n)
	for i := range ids {
		ids[i] = d.id(what)
	}
	return ids
}

func (d *decoder) labels() []Label {
	n := d.Uvarint(MaxLabels, "labels")
	var labels []Label
	for range n {
		if d.Err() != nil {
			return nil
		}
		key := d.text("", MaxLabelKey, "key of a label")
		labels = append(labels, Label{key, d.text("", MaxLabelValue, "value of a label")})
	}
	return labels
}

// check holds the rules of a commit, for encoding and decoding.
func (c *Commit) check() error {
	switch {
	case len(c.Parents) > MaxParents:
		return tooLarge("number of parents", uint64(len(c.Parents)), MaxParents)
	case hasTwice(c.Parents):
		return malformed("the same parent twice")
	case c.Entries > MaxTotalEntries:
		return tooLarge("total of entries", c.Entries, MaxTotalEntries)
	case c.Bytes > MaxTotalBytes:
		return tooLarge("total of bytes", c.Bytes, MaxTotalBytes)
	case c.Generation == 0 || c.Generation > maxGeneration:
		return malformed("generation %d", c.Generation)
	case (len(c.Parents) == 0) != (c.Generation == 1):
		return malformed("generation %d with %d parents", c.Generation, len(c.Parents))
	}
	if err := checkSigned(c.Author, c.Message, c.Time, c.ZoneMinutes); err != nil {
		return err
	}
	return checkLabels(c.Labels)
}

func hasTwice(ids []ID) bool {
	for i := range ids {
		if slices.Contains(ids[:i], ids[i]) {
			return true
		}
	}
	return false
}

// checkSigned checks what commits and tags have in common.
func checkSigned(who, message string, t Time, zone int16) error {
	switch {
	case len(who) > MaxAuthor:
		return tooLarge("author", uint64(len(who)), MaxAuthor)
	case hasControl(who):
		return malformed("control character in the author %q", who)
	case t.Nsec >= 1e9:
		return malformed("%d nanoseconds", t.Nsec)
	case zone < -MaxZone || zone > MaxZone:
		return malformed("zone of %d minutes", zone)
	case len(message) > MaxMessage:
		return tooLarge("message", uint64(len(message)), MaxMessage)
	case hasNUL(message):
		return malformed("NUL in the message")
	}
	return nil
}

func checkLabels(labels []Label) error {
	if len(labels) > MaxLabels {
		return tooLarge("number of labels", uint64(len(labels)), MaxLabels)
	}
	for i, l := range labels {
		switch {
		case !validLabelKey(l.Key):
			return malformed("key of a label %.300q", l.Key)
		case i > 0 && labels[i-1].Key >= l.Key:
			return malformed("label %q out of order", l.Key)
		case len(l.Value) > MaxLabelValue:
			return tooLarge("value of a label", uint64(len(l.Value)), MaxLabelValue)
		case hasNUL(l.Value):
			return malformed("NUL in the value of label %q", l.Key)
		}
	}
	return nil
}
