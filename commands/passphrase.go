package commands

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxPassphrase is the longest passphrase that is read, in bytes.
const maxPassphrase = 4096

// errNoTerminal says that there is nobody to ask.
var errNoTerminal = errors.New("there is no terminal to ask for a passphrase on")

// passphrase is repo.Settings.Passphrase: a configured source, or else the user.
func (a *app) passphrase(ctx context.Context) ([]byte, error) {
	pass, found, err := a.configuredPassphrase(ctx)
	if found || err != nil {
		return pass, err
	}
	return a.ask(ctx, "Passphrase of the vault: ")
}

// configuredPassphrase looks for a passphrase where scripts put it: --passphrase-file, then EVAULT_PASSPHRASE_FILE, then
// EVAULT_PASSPHRASE_COMMAND.
func (a *app) configuredPassphrase(ctx context.Context) (pass []byte, found bool, err error) {
	file := a.flags.passphraseFile
	if file == "" {
		file = a.getenv("EVAULT_PASSPHRASE_FILE")
	}
	if file != "" {
		pass, err = a.passphraseFromFile(file)
		return pass, true, err
	}
	if command := a.getenv("EVAULT_PASSPHRASE_COMMAND"); command != "" {
		pass, err = a.passphraseFromCommand(ctx, command)
		return pass, true, err
	}
	return nil, false, nil
}

func (a *app) passphraseFromFile(name string) ([]byte, error) {
	f, err := os.Open(a.absolute(name))
	if err != nil {
		return nil, fmt.Errorf("passphrase file: %w", err)
	}
	defer f.Close()
	line, err := firstLine(f)
	if err != nil {
		return nil, fmt.Errorf("passphrase file %s: %w", quoted(name), err)
	}
	return line, nil
}

func (a *app) passphraseFromCommand(ctx context.Context, command string) ([]byte, error) {
	cmd := shell(ctx, command)
	cmd.Stderr = a.env.Stderr
	cmd.Dir = a.dir
	output, err := cmd.Output()
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("EVAULT_PASSPHRASE_COMMAND: %w", err)
	}
	line, err := firstLine(bytes.NewReader(output))
	if err != nil {
		return nil, fmt.Errorf("EVAULT_PASSPHRASE_COMMAND: %w", err)
	}
	return line, nil
}

// firstLine reads up to the end of the first line, which does not belong to the passphrase.
func firstLine(r io.Reader) ([]byte, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxPassphrase+2)).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	switch {
	case len(line) == 0:
		return nil, errors.New("its first line is empty")
	case len(line) > maxPassphrase:
		return nil, fmt.Errorf("its first line is longer than %d bytes", maxPassphrase)
	}
	return line, nil
}

// canAsk reports whether somebody sits at a terminal: it takes more than the device, because a program started from a
// terminal with all streams redirected must not stop to ask.
func (a *app) canAsk() bool {
	t := a.env.Terminal
	return t.Open != nil && (t.In || t.Err)
}

// ask asks for a secret on the terminal, never on stdin.
func (a *app) ask(ctx context.Context, prompt string) ([]byte, error) {
	if !a.canAsk() {
		return nil, errNoTerminal
	}
	a.screen.clear()
	tty, err := a.env.Terminal.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoTerminal, err)
	}
	secret, err := tty.ReadSecret(ctx, prompt)
	if err := errors.Join(err, tty.Close()); err != nil {
		return nil, err
	}
	if len(secret) > maxPassphrase {
		return nil, fmt.Errorf("a passphrase has at most %d bytes", maxPassphrase)
	}
	return secret, nil
}

// askTwice asks for a new passphrase until both answers agree; an empty answer is given back as nil.
func (a *app) askTwice(ctx context.Context, prompt string) ([]byte, error) {
	for {
		first, err := a.ask(ctx, prompt)
		if err != nil || len(first) == 0 {
			return nil, err
		}
		second, err := a.ask(ctx, strings.Repeat(" ", max(len(prompt)-len("Again: "), 0))+"Again: ")
		if err != nil {
			return nil, err
		}
		if bytes.Equal(first, second) {
			return first, nil
		}
		a.note("the two differ; once more")
	}
}
