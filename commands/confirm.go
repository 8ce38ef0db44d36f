package commands

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// errNotConfirmed says that the user thought better of it.
var errNotConfirmed = errors.New("not confirmed; nothing was changed")

// maxAnswer is the longest line that is read as an answer, in bytes.
const maxAnswer = 256

// canConfirm says whether somebody sits there who sees a question and can answer it on stdin.
func (a *app) canConfirm() bool { return a.env.Terminal.In && a.env.Terminal.Err }

// confirm asks a question to which only "y" or "yes" is a yes.
func (a *app) confirm(ctx context.Context, question string) error {
	a.screen.clear()
	if _, err := a.screen.write(a.env.Stderr, []byte(harmless(question)+" [y/N] ")); err != nil {
		return err
	}
	type answer struct {
		line string
		err  error
	}
	typed := make(chan answer, 1)
	go func() {
		line, err := bufio.NewReader(io.LimitReader(a.env.Stdin, maxAnswer)).ReadString('\n')
		typed <- answer{line, err}
	}()
	select {
	case got := <-typed:
		if got.err != nil && !errors.Is(got.err, io.EOF) {
			return fmt.Errorf("reading the answer: %w", got.err)
		}
		switch strings.ToLower(strings.TrimSpace(got.line)) {
		case "y", "yes":
			return nil
		}
		return errNotConfirmed
	case <-ctx.Done():
		return ctx.Err()
	}
}
