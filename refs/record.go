package refs

import (
	"encoding/hex"
	"fmt"

	"evault/objects"
)

// StoreID names a store: 16 random bytes minted by whoever creates it, kept in store/id in hexadecimal.
type StoreID [16]byte

// String is the ID in lower-case hexadecimal, 32 characters.
func (id StoreID) String() string { return hex.EncodeToString(id[:]) }

// CloneID names a working copy: 16 random bytes, kept in local/clone.
type CloneID [16]byte

// String is the ID in lower-case hexadecimal, 32 characters.
func (id CloneID) String() string { return hex.EncodeToString(id[:]) }

// Tag names a log: SHA-256 of "evault log tag v1", NUL, the store ID and the log's public key.
type Tag [32]byte

// String is the tag in lower-case hexadecimal, 64 characters, as it names the log's folder.
func (t Tag) String() string { return hex.EncodeToString(t[:]) }

// ParseTag reads what String writes, and nothing else.
func ParseTag(s string) (Tag, error) {
	var t Tag
	if err := parseHex(t[:], s); err != nil {
		return Tag{}, fmt.Errorf("log tag %.70q: %w", s, err)
	}
	return t, nil
}

// Position is a place in a log together with what stands there.
type Position struct {
	Tag  Tag
	Seq  uint64
	Hash [32]byte // SHA-256 of the record's header
}

// String is tag (shortened) and sequence, for messages.
func (p Position) String() string { return recordName(p.Tag, p.Seq) }

// recordName is how messages name a record.
func recordName(t Tag, seq uint64) string {
	return fmt.Sprintf("record %d of log %s", seq, hex.EncodeToString(t[:8]))
}

// Head is what the working copy stands on: a branch, or a commit (detached). The zero Head is neither: nothing was
// recorded yet.
type Head struct {
	Branch string     // without "heads/": "main"; empty when detached
	Commit objects.ID // when detached, zero otherwise
}

// IsZero says that there is no head.
func (h Head) IsZero() bool { return h == Head{} }

// Detached says that the head is a commit and not a branch.
func (h Head) Detached() bool { return h.Branch == "" && !h.Commit.IsZero() }

// String is the branch's name, or the commit in hexadecimal, or "none".
func (h Head) String() string {
	switch {
	case h.Branch != "":
		return h.Branch
	case h.Detached():
		return h.Commit.String()
	}
	return "none"
}

// Change is the move of one ref. A zero ID means that the ref is absent: zero Old creates it, zero New deletes it.
type Change struct {
	Name     string // in full: "heads/main", "tags/v1"
	Old, New objects.ID
}

// Pack names a pack and its size in bytes.
type Pack struct {
	Name [32]byte // SHA-256 of its bytes
	Size uint64
}

// String is the pack's name in lower-case hexadecimal.
func (p Pack) String() string { return hex.EncodeToString(p.Name[:]) }

// Operation is what Append records.
type Operation struct {
	// Name is one word: "init", "commit", "amend", "switch", "checkout", "branch", "undo", ...; at most MaxOperation
	// bytes.
	Name string
	// Description is the line that the reflog shows: valid UTF-8 without control characters, at most MaxDescription
	// bytes. OneLine makes one from any text.
	Description string
	Time        objects.Time
	Zone        int16 // minutes east of UTC
	// HeadAfter is where the working copy stands afterwards; zero means: where it stood before.
	HeadAfter Head
	// Changes may come in any order, with each ref at most once.
	Changes []Change
	// PacksAdded are those that the operation wrote, in any order. They must be durable before Append.
	PacksAdded []Pack
	// PacksCondemned are packs of this store that nothing refers to any more.
	PacksCondemned []Pack
	// PacksNeeded are the packs that the operation's commits need beyond what their parents need, in any order.
	PacksNeeded []Pack
	// Checkpoint asks for a record that holds the full table of refs and live packs instead of changes.
	Checkpoint bool
	// LivePacks are the packs of a checkpoint's table.
	LivePacks []Pack
}

// Header is the part of a record that a host sees and checks.
type Header struct {
	Tag       Tag
	Key       [32]byte // the log's Ed25519 public key
	Seq       uint64   // 0 for the first record
	Previous  [32]byte // SHA-256 of the header before, zeros for the first
	Added     []Pack   // strictly ascending by name
	Condemned []Pack   // strictly ascending by name
	BodySize  uint64   // bytes
	BodyHash  [32]byte // SHA-256 of the sealed body
	Signature [64]byte // by Key, over everything above
}

// Body is the sealed part of a record.
type Body struct {
	Vault       [32]byte
	Store       StoreID
	Device      [32]byte // the device's Ed25519 public key in this vault
	Clone       CloneID
	Seq         uint64   // as in the header
	Roster      [32]byte // hash of the roster that the writer went by
	Operation   string
	Description string
	Time        objects.Time
	Zone        int16 // minutes east of UTC
	HeadBefore  Head
	HeadAfter   Head
	Changes     []Change   // strictly ascending by name
	Needed      []Pack     // strictly ascending by name
	Seen        []Position // strictly ascending by tag
	Checkpoint  *Checkpoint
	Signature   [64]byte // by Device, over the log's key and everything above
}

// Checkpoint is the full state that a record's past amounts to. Bodies of the records in its past may be dropped.
type Checkpoint struct {
	Refs []TableRef // strictly ascending by name, then origin
	Live []Pack     // strictly ascending by name
}

// TableRef is one ref of a checkpoint with the record that set it: so a record that was written beside the checkpoint
// still supersedes exactly what it has seen. A diverged ref has several.
type TableRef struct {
	Name   string
	ID     objects.ID // never zero
	Origin Tag
	Seq    uint64
}

// Record is one entry of a log.
type Record struct {
	Header
	// Body is nil when it was dropped behind a checkpoint.
	Body *Body
	// Hash is the SHA-256 of the encoded header: what the next record, pins and `seen` name.
	Hash [32]byte
}

// Position is where the record stands.
func (r *Record) Position() Position { return Position{r.Tag, r.Seq, r.Hash} }
