// Package fastexport reads the stream that "git fast-export" writes and "git fast-import" reads: the whole history of a
// repository as one text, described in git-fast-import(1).
//
//	r := fastexport.NewReader(stream)
//	for {
//		c, err := r.Next()
//		if err == io.EOF { ... the stream has ended as it should }
//		switch c := c.(type) {
//		case *fastexport.Blob:   read c.Data before the next call of Next
//		case *fastexport.Commit: ...
//
// The stream comes from outside and may be anything. Every line and every length is checked before memory is taken for it;
// contents of files are handed out as they are read, and never kept. A stream that does not end with "done" is
// [ErrUnterminated]: whoever wrote it died, and what was read is only a part.
//
// What a writer may leave to the reader's program is not known here and refused by name: contents given inline, names of
// objects in place of marks where a file is changed (folders of other repositories, "M 160000", excepted), and commands that
// ask for an answer.
package fastexport

import (
	"errors"
	"fmt"
	"io"
)

// Limits of what is kept in memory at a time.
const (
	// MaxLine is the greatest length in bytes of a line.
	MaxLine = 256 << 10
	// MaxMessage is the greatest length in bytes of the message of a commit or tag, or of a signature.
	MaxMessage = 16 << 20
	// MaxPath is the greatest length in bytes of a path.
	MaxPath = 64 << 10
	// MaxChanges is the greatest number of changes in one commit.
	MaxChanges = 1 << 22
	// MaxParents is the greatest number of parents of a commit.
	MaxParents = 1 << 10
	// MaxBlob is the greatest length in bytes of a content.
	MaxBlob = 1 << 50
	// maxMark keeps marks from being more than a table can have.
	maxMark = 1 << 40
)

var (
	// ErrSyntax says that a line is not what the format has in its place.
	ErrSyntax = errors.New("not a stream of git fast-export")
	// ErrLimit says that something in the stream is longer than is taken.
	ErrLimit = errors.New("limit exceeded")
	// ErrUnterminated says that the stream broke off: there was no "done".
	ErrUnterminated = errors.New("the stream of git fast-export broke off before its end")
)

// Error says where in a stream something is wrong. It wraps ErrSyntax, ErrLimit or ErrUnterminated.
type Error struct {
	Line int64 // counted from 1; the bytes of contents are not lines
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap gives what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// Command is one of *Blob, *Commit, *Tag, *Reset and *Progress.
type Command interface{ command() }

// Mark is a number by which the stream names what it has said before; 0 is none.
type Mark int64

// Blob is the content of a file.
type Blob struct {
	Mark     Mark
	Original string // the object's ID in hexadecimal digits, if the stream tells
	Size     int64  // bytes
	Data     io.Reader
}

// Ref names a commit: by a mark, or by anything else that git takes, which is kept as it is.
type Ref struct {
	Mark Mark
	Name string // where there is no mark
}

// String gives the reference as the stream has it.
func (r Ref) String() string {
	if r.Mark != 0 {
		return fmt.Sprintf(":%d", r.Mark)
	}
	return r.Name
}

// IsZero reports whether there is no reference.
func (r Ref) IsZero() bool { return r.Mark == 0 && r.Name == "" }

// Commit is one commit: what differs from its first parent.
type Commit struct {
	Branch    string // a ref's full name
	Mark      Mark
	Original  string
	Author    Person // the committer, where the stream has no author
	Committer Person
	Encoding  string // of the message, where it is not UTF-8
	Message   string
	Signed    bool // it carried a signature, which covers git's own bytes
	From      Ref
	Merge     []Ref
	Changes   []Change
}

// Tag is an annotated tag.
type Tag struct {
	Name     string // without "refs/tags/"
	Mark     Mark
	Original string
	From     Ref
	Tagger   *Person // nil: old tags have none
	Message  string  // with the signature, if the stream has it verbatim
}

// Reset begins a ref anew, at From or at nothing.
type Reset struct {
	Branch string
	From   Ref
}

// Progress is a line for people.
type Progress struct{ Text string }

func (*Blob) command()     {}
func (*Commit) command()   {}
func (*Tag) command()      {}
func (*Reset) command()    {}
func (*Progress) command() {}

// Op says what a change does.
type Op byte

// The kinds of change, by the letters of the stream.
const (
	Modify    Op = 'M'
	Delete    Op = 'D'
	Copy      Op = 'C'
	Rename    Op = 'R'
	DeleteAll Op = 'X' // "deleteall"
	Note      Op = 'N' // a note on a commit, which is no file
)

// Mode says what a changed path is.
type Mode uint32

// The modes that git has.
const (
	ModeFile       Mode = 0o100644
	ModeExecutable Mode = 0o100755
	ModeSymlink    Mode = 0o120000
	ModeSubmodule  Mode = 0o160000
)

// Change is what a commit does to one path. Paths are bytes, with slashes between names, and need not be UTF-8; whether
// their names are such that a tree may hold them is for the caller to say.
type Change struct {
	Op     Op
	Mode   Mode   // of Modify
	Mark   Mark   // of Modify: the blob
	Object string // of Modify: an object's ID, for submodules
	From   string // of Copy and Rename
	Path   string
}
