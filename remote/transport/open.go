package transport

import (
	"context"
	"fmt"
	"io"

	"evault/keys"
	"evault/remote"
)

// Options say how to reach remotes.
type Options struct {
	// Identity is this device. A host over TLS knows it by its key; other remotes do not need it.
	Identity *keys.Identity
	// SSHCommand is the program to run in place of "ssh", and what comes first among its arguments. See SplitCommand.
	SSHCommand []string
	// UploadLimit is how many bytes per second are sent, at most; 0: no limit.
	UploadLimit int64
	// Stderr gets what ssh, and the host through it, write for people, without control characters. nil: nobody.
	Stderr io.Writer
	// Terminal says that somebody is there whom ssh may ask for a password. It asks on the terminal itself.
	Terminal bool
}

// Open begins a conversation with the place at u. The context holds for all of it: when it ends, an ssh that was started is
// ended, too. A folder is looked at, ssh is started and must answer; a host over TLS is not dialed before the first request.
func Open(ctx context.Context, u remote.URL, o Options) (remote.Site, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	switch u.Scheme {
	case remote.SchemeFile:
		site, err := openFolder(u.Path)
		if err != nil {
			return nil, err
		}
		return slowed(site, o.UploadLimit), nil
	case remote.SchemeSSH:
		return openSSH(ctx, u, o)
	case remote.SchemeEvault:
		return openHost(u, o)
	}
	return nil, fmt.Errorf("%w: %q is no scheme of a remote", remote.ErrURL, u.Scheme)
}
