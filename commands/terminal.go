package commands

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/term"
)

// Terminal says which of the three streams are a terminal. The zero value is a process without one.
type Terminal struct {
	In, Out, Err bool
	// Width gives the columns of the terminal; nil where it cannot be known.
	Width func() int
	// Open opens the terminal itself, wherever the streams lead; nil where there is none.
	Open func() (TerminalDevice, error)
}

// TerminalDevice is the terminal of the user who started this process.
type TerminalDevice interface {
	// ReadSecret asks and reads one line without showing it.
	ReadSecret(ctx context.Context, prompt string) ([]byte, error)
	io.Closer
}

const defaultWidth = 80

func (t Terminal) width() int {
	if t.Width == nil {
		return defaultWidth
	}
	return t.Width()
}

func systemTerminal() Terminal {
	t := Terminal{
		In:   term.IsTerminal(int(os.Stdin.Fd())),
		Out:  term.IsTerminal(int(os.Stdout.Fd())),
		Err:  term.IsTerminal(int(os.Stderr.Fd())),
		Open: openTerminal,
	}
	t.Width = func() int {
		w, _, err := term.GetSize(int(os.Stderr.Fd()))
		if err != nil {
			return defaultWidth
		}
		return w
	}
	return t
}

// device is the terminal opened for reading and for writing, which on Windows are two files.
type device struct {
	in, out *os.File
}

func (d *device) Close() error {
	err := d.in.Close()
	if d.out != d.in {
		err = errors.Join(err, d.out.Close())
	}
	return err
}

// ReadSecret leaves the terminal as it was even when the context ends while somebody types: a shell that no longer shows
// what is typed is a poor farewell.
func (d *device) ReadSecret(ctx context.Context, prompt string) ([]byte, error) {
	fd := int(d.in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(d.out, prompt); err != nil {
		return nil, err
	}
	type answer struct {
		line []byte
		err  error
	}
	typed := make(chan answer, 1)
	go func() {
		line, err := term.ReadPassword(fd)
		typed <- answer{line, err}
	}()
	select {
	case got := <-typed:
		_, err := io.WriteString(d.out, "\n")
		return got.line, errors.Join(got.err, err)
	case <-ctx.Done():
		_, err := io.WriteString(d.out, "\n")
		return nil, errors.Join(ctx.Err(), term.Restore(fd, before), err)
	}
}
