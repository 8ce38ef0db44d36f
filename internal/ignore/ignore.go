// Package ignore answers which paths of a work tree evault leaves alone, with
// exactly the meaning git gives to its .gitignore files. It does no I/O: the
// caller reads the files and walks the tree.
//
// A file of patterns becomes a [Patterns] by [Parse]. The files that apply in
// one directory form a [Stack], deepest last, and [Stack.Match] decides about
// one name in it:
//
//	stack := new(ignore.Stack).Push("", userExcludes).Push("", rootFile)
//	...
//	inDocs := stack.Push("docs", ignore.Parse(data))
//	if inDocs.Match("docs/draft.tmp", false) == ignore.Ignored { ... }
//
// The rules, as in gitignore(5): one pattern a line; blank lines and lines
// that begin with # say nothing; ! in front takes an earlier decision back; a
// slash at the end means directories only; a slash at the start or in the
// middle ties the pattern to the directory of its file, and without one it
// fits a name at any depth; * and ? stop at a slash, **/ and /** do not; [...]
// is a set of bytes; a backslash takes the next byte literally. Of several
// patterns that fit, the last one decides, and a deeper file outranks a
// shallower one. Below an ignored directory nothing can be taken back.
//
// Names and patterns are bytes, compared with case, on every system: nothing
// needs to be UTF-8. The corners follow git 2.39 as observed, among them:
//
//   - a carriage return is dropped at the end of a line, a byte order mark at
//     the start of the file, and a line ends at its first NUL;
//   - trailing spaces are dropped unless a backslash stands before them;
//   - the literal beginning of a pattern with a slash is compared before any
//     wildcard is looked at, so that in "foo**/bar" the ** counts as standing
//     at a start: it fits foo/x/bar, and foobar too;
//   - a set that is never closed, an unknown [:class:] and a backslash at the
//     very end make a pattern that fits nothing.
//
// Git's matcher can take exponential time (a*a*a*...b). This one compiles each
// pattern once and needs at most len(path) x len(pattern) steps, without
// allocating.
package ignore

// Decision is what patterns say about a path.
type Decision uint8

const (
	// Undecided means that no pattern fits: the path is not ignored.
	Undecided Decision = iota
	// Ignored means that the deciding pattern excludes the path.
	Ignored
	// Included means that the deciding pattern is negated (!pattern): the path
	// is expressly not ignored.
	Included
)

// String returns the decision as a lower-case word, for messages and tests.
func (d Decision) String() string {
	switch d {
	case Ignored:
		return "ignored"
	case Included:
		return "included"
	default:
		return "undecided"
	}
}
