// Package objects is the vocabulary of a vault: what is stored, how it is
// spelled in bytes, and how one object leads to the next. It does no I/O.
//
// There are five kinds of object, and each is known by its ID, a keyed hash of
// its kind and its bytes:
//
//	commit ──> tree ──> tree            a directory in a directory
//	   │         ├────> chunk           a file of one chunk
//	   │         └────> file list ──> file list ──> chunk
//	   └─────> commit                   its parents
//	tag ─────> commit
//
// A chunk is a piece of a file, cut where the content says so (Chunker). A file
// list joins the chunks of a large file (FileListBuilder, Extents). A tree is a
// directory (TreeBuilder, ReadDir); its lines are entries (Entry). A commit is a
// signed snapshot of the root tree with its parents (Commit); a tag is a signed
// name for a commit (Tag).
//
// Objects are read through a Source and written through a Sink; both are small
// interfaces that package pack fulfils, and that a test fulfils with a map.
//
// The law of every decoder here: every length is checked against a limit before
// memory is taken, names are validated where they are decoded, integers are in
// their shortest form, what decodes encodes to the same bytes again, and bytes
// left over are an error. A version, type or flag that is not known is ErrNewer,
// so that an old program never calls a new vault damaged.
package objects

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
)

// Limits of the format. They are checked on encoding as well as on decoding, so
// that nothing is written that could not be read again.
const (
	// MaxChunk is the largest length of a chunk in bytes.
	MaxChunk = 1 << 20
	// MaxMetadata is the largest length in bytes of any object that is not a chunk.
	MaxMetadata = 4 << 20
	// MaxName is the largest length of a file name in bytes.
	MaxName = 255
	// MaxPath is the largest length of a path inside a tree, and of the target of a
	// symbolic link, in bytes.
	MaxPath = 32 << 10
	// MaxTreeEntries is the largest number of entries, or of children, in one tree node.
	MaxTreeEntries = 65536
	// MaxTreeLevel is the level of the highest node a directory may have; leaves are level 0.
	MaxTreeLevel = 5
	// MaxDepth is the deepest nesting of directories.
	MaxDepth = 512
	// MaxTotalEntries bounds the recursive number of entries that a tree may claim.
	MaxTotalEntries = 1 << 48
	// MaxTotalBytes bounds the recursive number of file bytes that a tree may claim.
	MaxTotalBytes = 1 << 62
	// MaxOwnerName is the largest length of the name of a user or group in bytes.
	MaxOwnerName = 255
	// MaxInline is the largest length in bytes of a content kept inside its entry.
	MaxInline = 64
	// MaxXattrs is the largest number of extended attributes of one entry.
	MaxXattrs = 1024
	// MaxXattrBytes bounds the names and values of one entry's extended attributes together.
	MaxXattrBytes = 256 << 10
	// MaxFileSize is the largest size of a file in bytes.
	MaxFileSize = 1 << 50
	// MaxListElements is the largest number of elements, or of children, in one file list node.
	MaxListElements = 8192
	// MaxListLevel is the level of the highest node of a file list; leaves are level 0,
	// so that lists are nested to depth 4.
	MaxListLevel = 3
	// MaxParents is the largest number of parents of a commit.
	MaxParents = 16
	// MaxMessage is the largest length in bytes of the message of a commit or tag.
	MaxMessage = 64 << 10
	// MaxAuthor is the largest length in bytes of an author or tagger.
	MaxAuthor = 1024
	// MaxZone is the greatest distance from UTC in minutes: less than a day.
	MaxZone = 24*60 - 1
	// MaxTagName is the largest length in bytes of a tag's name.
	MaxTagName = 255
	// MaxLabels is the largest number of labels of a commit.
	MaxLabels = 256
	// MaxLabelKey is the largest length of a label's key in bytes.
	MaxLabelKey = 255
	// MaxLabelValue is the largest length of a label's value in bytes.
	MaxLabelValue = 4096
)

// ID names an object: HMAC-SHA-256, under the vault's ID key, of the object's
// kind and plaintext. It is the integrity check and the type check at once. The
// zero ID names nothing.
type ID [32]byte

// String returns the ID as 64 lower-case hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Short returns the first 12 hexadecimal digits, for people to read.
func (id ID) Short() string { return hex.EncodeToString(id[:6]) }

// IsZero reports whether id is the zero ID, which names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// Compare orders IDs by their bytes: -1, 0 or +1.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// ParseID reads what String wrote: exactly 64 lower-case hexadecimal digits.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 2*len(id) {
		return ID{}, fmt.Errorf("object id %.80q: want 64 hexadecimal digits", s)
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil || id.String() != s {
		return ID{}, fmt.Errorf("object id %q: want lower-case hexadecimal digits", s)
	}
	return id, nil
}

// Kind says what an object is. It is hashed into the ID, so that bytes of one
// kind can never be served as another.
type Kind uint8

// The kinds of object. Their numbers are part of the format.
const (
	KindChunk    Kind = 1
	KindFileList Kind = 2
	KindTree     Kind = 3
	KindCommit   Kind = 4
	KindTag      Kind = 5
)

// String returns the kind's name in words, for messages.
func (k Kind) String() string {
	switch k {
	case KindChunk:
		return "chunk"
	case KindFileList:
		return "file list"
	case KindTree:
		return "tree"
	case KindCommit:
		return "commit"
	case KindTag:
		return "tag"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Valid reports whether k is one of the kinds of this version of the format.
func (k Kind) Valid() bool { return k >= KindChunk && k <= KindTag }

// MaxSize returns the largest length in bytes of an object of this kind.
func (k Kind) MaxSize() int {
	if k == KindChunk {
		return MaxChunk
	}
	return MaxMetadata
}

// Errors that callers tell apart. They come wrapped with the name of the thing.
var (
	// ErrNotFound is what a Source returns for an object that it does not hold.
	ErrNotFound = errors.New("object not found")
	// ErrMalformed means that bytes are not a valid object of this format: whoever
	// wrote and signed them did not follow it.
	ErrMalformed = errors.New("malformed object")
	// ErrNewer means that an object is of a version, type or kind that this program
	// does not know. It is no damage.
	ErrNewer = errors.New("a newer evault is needed")
	// ErrLimit means that something is larger than the format allows.
	ErrLimit = errors.New("limit of the format exceeded")
	// ErrNoPath means that a tree has no entry of that path.
	ErrNoPath = errors.New("no such path in the tree")
)

// Source gives verified objects by ID: the implementation recomputes the ID from
// kind and bytes at every call. The slice must not be modified; it stays valid.
// An object that is not there is ErrNotFound, wrapped with the ID. A Source is
// safe for concurrent use.
type Source interface {
	Get(ctx context.Context, id ID, kind Kind) ([]byte, error)
}

// ChunkSource lends an object for the time of the call of use; afterwards the
// buffer is reused, so use must neither keep nor modify data. Otherwise it is as
// Source; an error of use is returned as it is.
type ChunkSource interface {
	View(ctx context.Context, id ID, kind Kind, use func(data []byte) error) error
}

// Sink stores an object and returns its ID, which it computes. data may be reused
// after the return.
type Sink interface {
	Put(kind Kind, data []byte) (ID, error)
}
