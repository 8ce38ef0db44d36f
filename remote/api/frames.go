package api

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"evault/internal/wire"
	"evault/refs"
)

// Records travel as a stream, since a log may be long: each behind its length, and a length of zero at the end, so that
// a stream that was cut off is never taken for a short log.

// appendFrame appends a record behind its length.
func appendFrame(dst, record []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(record))), record...)
}

// frameReader reads a stream of records.
type frameReader struct {
	r   *bufio.Reader
	buf []byte
}

// next gives the next record, valid until it is called again; io.EOF after the last. Memory grows with what has arrived
// and not with what a length promises. io.ErrUnexpectedEOF: the stream was cut off.
func (f *frameReader) next() ([]byte, error) {
	n, err := f.length()
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, f.end()
	}
	f.buf = f.buf[:0]
	for len(f.buf) < n {
		have := len(f.buf)
		step := min(n-have, max(64<<10, have))
		f.buf = append(f.buf, make([]byte, step)...)
		if _, err := io.ReadFull(f.r, f.buf[have:]); err != nil {
			return nil, cutOff(err)
		}
	}
	return f.buf, nil
}

// length reads the length of a record, in its shortest form.
func (f *frameReader) length() (int, error) {
	var number []byte
	for {
		b, err := f.r.ReadByte()
		if err != nil {
			return 0, cutOff(err)
		}
		number = append(number, b)
		if b < 0x80 || len(number) == binary.MaxVarintLen64 {
			break
		}
	}
	d := wire.NewDecoder(number, nil)
	n := d.Uvarint(refs.MaxRecord, "length of a record")
	if err := d.End("length of a record"); err != nil {
		return 0, formError{err}
	}
	return int(n), nil
}

func (f *frameReader) end() error {
	switch _, err := f.r.ReadByte(); err {
	case nil:
		return formError{errLeft}
	default:
		return err
	}
}

// cutOff says that the end of the stream is not the end of the records.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// formError tells what is wrong with the bytes from what is wrong with the connection that brought them.
type formError struct{ err error }

func (e formError) Error() string { return e.err.Error() }

func (e formError) Unwrap() error { return e.err }
