package commands

import (
	"context"
	"fmt"

	"evault/remote"
	"evault/remote/host"
	"evault/remote/transport"
	"evault/repo"
)

// dial begins a conversation with a remote: repo.Settings.Dial.
func (a *app) dial(ctx context.Context, at remote.URL, o repo.DialOptions) (remote.Site, error) {
	ssh, err := transport.SplitCommand(a.getenv("EVAULT_SSH_COMMAND"))
	if err != nil {
		return nil, fmt.Errorf("EVAULT_SSH_COMMAND: %w", err)
	}
	return transport.Open(ctx, at, transport.Options{
		Identity: o.Identity, SSHCommand: ssh, UploadLimit: o.UploadLimit, Stderr: a.env.Stderr, Terminal: a.canAsk(),
	})
}

// parseRate reads a number of bytes a second: "2M", "500K", "1MiB/s".
func parseRate(text string) (int64, error) {
	for _, suffix := range []string{"/s", "ps"} {
		if n := len(text) - len(suffix); n > 0 && text[n:] == suffix {
			text = text[:n]
		}
	}
	rate, err := host.ParseSize(text)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is no rate (as 500K or 2M, in bytes a second)", text)
	case rate > 1<<50:
		return 0, fmt.Errorf("%q is more than any line carries", text)
	}
	return int64(rate), nil
}
