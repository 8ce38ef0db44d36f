//go:build !windows

package commands

import "os"

func openTerminal() (TerminalDevice, error) {
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &device{f, f}, nil
}
