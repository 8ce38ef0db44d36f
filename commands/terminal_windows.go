package commands

import (
	"errors"
	"os"
)

func openTerminal() (TerminalDevice, error) {
	in, err := os.OpenFile("CONIN$", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	out, err := os.OpenFile("CONOUT$", os.O_WRONLY, 0)
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return &device{in, out}, nil
}
