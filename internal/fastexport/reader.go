package fastexport

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Reader reads a stream command by command. It belongs to one goroutine.
type Reader struct {
	lines
	data io.LimitedReader // of the blob that was handed out
	err  error
}

// NewReader returns a Reader of a stream.
func NewReader(stream io.Reader) *Reader {
	in := bufio.NewReaderSize(stream, 64<<10)
	r := &Reader{lines: lines{in: in}}
	r.data.R = in
	return r
}

// Line gives the number of the line that was read last.
func (r *Reader) Line() int64 { return r.n }

// Next gives the next command, and io.EOF behind the last one. What of a blob's data was not read is passed over. After
// an error every call gives the same one.
func (r *Reader) Next() (Command, error) {
	if r.err != nil {
		return nil, r.err
	}
	c, err := r.next1()
	r.err = err
	return c, err
}

func (r *Reader) next1() (Command, error) {
	if err := r.passData(); err != nil {
		return nil, err
	}
	for {
		line, err := r.next()
		if err == io.EOF {
			return nil, r.fail(ErrUnterminated)
		}
		if err != nil {
			return nil, err
		}
		c, err := r.command(line)
		if c != nil || err != nil {
			return c, err
		}
	}
}

// passData reads what was left of a blob.
func (r *Reader) passData() error {
	if r.data.N == 0 {
		return nil
	}
	if _, err := io.Copy(io.Discard, &r.data); err != nil {
		return err
	}
	if r.data.N > 0 {
		return r.fail(ErrUnterminated)
	}
	return nil
}

// command reads one command; nil for a line that says nothing.
func (r *Reader) command(line string) (Command, error) {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "":
		if rest == "" {
			return nil, nil
		}
	case "blob":
		return r.blob()
	case "commit":
		return r.commit(rest)
	case "tag":
		return r.tag(rest)
	case "reset":
		return r.reset(rest)
	case "progress":
		return &Progress{rest}, nil
	case "checkpoint":
		return nil, nil
	case "feature":
		return nil, r.feature(rest)
	case "option":
		return nil, nil // of git's own programs
	case "done":
		return nil, r.end()
	}
	return nil, r.wrong("%.80q is no command", line)
}

// feature accepts what changes nothing in how the stream is to be read.
func (r *Reader) feature(name string) error {
	name, _, _ = strings.Cut(name, "=")
	switch name {
	case "done", "date-format", "force", "relative-marks", "no-relative-marks", "export-marks":
		return nil
	}
	return r.wrong("it asks for the feature %.80q", name)
}

// end checks that nothing follows the end.
func (r *Reader) end() error {
	if _, err := r.in.ReadByte(); err == nil {
		return r.wrong(`there is something behind "done"`)
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return io.EOF
}

// blob reads the head of a blob and leaves its data to the caller.
func (r *Reader) blob() (Command, error) {
	b := &Blob{}
	if err := r.head(&b.Mark, &b.Original); err != nil {
		return nil, err
	}
	size, err := r.length(MaxBlob)
	if err != nil {
		return nil, err
	}
	b.Size, r.data.N = size, size
	b.Data = &blobData{r}
	return b, nil
}

// blobData is the data of the blob that was read last. An end that comes too early is an error that says so.
type blobData struct{ r *Reader }

func (b *blobData) Read(p []byte) (int, error) {
	n, err := b.r.data.Read(p)
	if err == io.EOF && b.r.data.N > 0 {
		err = b.r.fail(ErrUnterminated)
	}
	return n, err
}

// head reads the optional lines "mark" and "original-oid".
func (r *Reader) head(m *Mark, original *string) error {
	line, err := r.must()
	if err != nil {
		return err
	}
	if text, ok := strings.CutPrefix(line, "mark "); ok {
		if *m, ok = mark(text); !ok {
			return r.wrong("%.80q is no mark", text)
		}
		if line, err = r.must(); err != nil {
			return err
		}
	}
	if text, ok := strings.CutPrefix(line, "original-oid "); ok {
		if !objectID(text) {
			return r.wrong("%.80q is no object's name", text)
		}
		*original = text
		return nil
	}
	r.unread()
	return nil
}

// must reads a line that has to be there.
func (r *Reader) must() (string, error) {
	line, err := r.next()
	if err == io.EOF {
		err = r.fail(ErrUnterminated)
	}
	return line, err
}

// length reads the line "data LENGTH".
func (r *Reader) length(limit int64) (int64, error) {
	line, err := r.must()
	if err != nil {
		return 0, err
	}
	text, ok := strings.CutPrefix(line, "data ")
	if !ok {
		return 0, r.wrong(`"data" is expected, and not %.80q`, line)
	}
	if strings.HasPrefix(text, "<<") {
		return 0, r.wrong("data without a length")
	}
	n, ok := number(text, 1<<62)
	switch {
	case !ok:
		return 0, r.wrong("%.80q is no length", text)
	case n > limit:
		return 0, r.fail(fmt.Errorf("%w: data of %d bytes", ErrLimit, n))
	}
	return n, nil
}

// text reads data that is kept: messages and signatures. Memory is taken as it arrives.
func (r *Reader) text() (string, error) {
	n, err := r.length(MaxMessage)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	got, err := io.CopyN(&b, r.in, n)
	if err == io.EOF || err == nil && got < n {
		err = r.fail(ErrUnterminated)
	}
	if err != nil {
		return "", err
	}
	return b.String(), r.optionalEnd()
}

// optionalEnd passes over the end of a line that may stand behind data.
func (r *Reader) optionalEnd() error {
	next, err := r.in.Peek(1)
	if err == io.EOF || err == nil && next[0] != '\n' {
		return nil
	}
	if err == nil {
		r.n++
		_, err = r.in.Discard(1)
	}
	return err
}

// ref reads a mark, or the name of anything.
func (r *Reader) ref(text string) (Ref, error) {
	if strings.HasPrefix(text, ":") {
		m, ok := mark(text)
		if !ok {
			return Ref{}, r.wrong("%.80q is no mark", text)
		}
		return Ref{Mark: m}, nil
	}
	if text == "" {
		return Ref{}, r.wrong("a reference without a name")
	}
	return Ref{Name: text}, nil
}

func (r *Reader) reset(name string) (Command, error) {
	c := &Reset{Branch: name}
	line, err := r.next()
	switch {
	case name == "":
		return nil, r.wrong("a ref without a name")
	case err == io.EOF:
		return nil, r.fail(ErrUnterminated)
	case err != nil:
		return nil, err
	}
	text, ok := strings.CutPrefix(line, "from ")
	if !ok {
		r.unread()
		return c, nil
	}
	c.From, err = r.ref(text)
	return c, err
}

func (r *Reader) tag(name string) (Command, error) {
	if name == "" {
		return nil, r.wrong("a tag without a name")
	}
	t := &Tag{Name: name}
	if err := r.tagHead(t); err != nil {
		return nil, err
	}
	var err error
	t.Message, err = r.text()
	return t, err
}

// tagHead reads the lines of a tag in front of its message, which git has written in different orders.
func (r *Reader) tagHead(t *Tag) error {
	for {
		line, err := r.must()
		if err != nil {
			return err
		}
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "mark", "original-oid":
			r.unread()
			err = r.head(&t.Mark, &t.Original)
		case "from":
			t.From, err = r.ref(rest)
		case "tagger":
			p := parsePerson(rest)
			t.Tagger = &p
		case "data":
			r.unread()
			if t.From.IsZero() {
				return r.wrong("a tag of nothing")
			}
			return nil
		default:
			return r.wrong("%.80q in a tag", line)
		}
		if err != nil {
			return err
		}
	}
}
