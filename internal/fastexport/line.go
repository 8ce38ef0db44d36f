package fastexport

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// lines reads a stream line by line and counts. A line can be put back once.
type lines struct {
	in   *bufio.Reader
	n    int64 // of the line read last
	line string
	back bool // line is to be read once more
	long []byte
}

// next gives a line without its end. At the end of the stream the error is io.EOF.
func (l *lines) next() (string, error) {
	if l.back {
		l.back = false
		return l.line, nil
	}
	part, err := l.in.ReadSlice('\n')
	l.n++
	if errors.Is(err, bufio.ErrBufferFull) {
		part, err = l.longLine(part)
	}
	switch {
	case err == io.EOF && len(part) == 0:
		return "", io.EOF
	case err == io.EOF:
		return "", l.fail(ErrUnterminated)
	case err != nil:
		return "", err
	}
	l.line = string(part[:len(part)-1])
	return l.line, nil
}

// longLine gathers a line that is longer than the buffer.
func (l *lines) longLine(part []byte) ([]byte, error) {
	l.long = append(l.long[:0], part...)
	for {
		part, err := l.in.ReadSlice('\n')
		if len(l.long)+len(part) > MaxLine {
			return nil, l.fail(fmt.Errorf("%w: a line of more than %d bytes", ErrLimit, MaxLine))
		}
		l.long = append(l.long, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return l.long, err
		}
	}
}

// unread gives the line back that was read last.
func (l *lines) unread() { l.back = true }

// fail says on which line something is wrong.
func (l *lines) fail(err error) error { return &Error{l.n, err} }

// wrong is an error of syntax.
func (l *lines) wrong(format string, args ...any) error {
	return l.fail(fmt.Errorf("%w: %s", ErrSyntax, fmt.Sprintf(format, args...)))
}
