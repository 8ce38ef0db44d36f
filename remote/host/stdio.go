package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"evault/keys"
	"evault/remote"
	"evault/remote/api"
	"evault/remote/transport"
)

// ServeStdio answers the one peer at the other end of a pipe, whom ssh has let in, until that side closes, the context ends
// or the peer is revoked (which is remote.ErrRefused). peer.Name is what the host's owner calls it. What the configuration
// says of a peer of that name holds; allow narrows it, and is all that holds for a name that the configuration does not
// know.
func (h *Host) ServeStdio(ctx context.Context, rw io.ReadWriteCloser, peer api.Peer, allow remote.Permissions) error {
	b := &pipeBackend{host: h, name: peer.Name, allow: allow}
	if _, err := b.peer(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	served := make(chan error, 1)
	peerOf := func(*http.Request) (api.Peer, bool) { return peer, true } // Open asks again
	go func() { served <- transport.ServePipe(ctx, rw, h.handler(b, peerOf)) }()
	tick := time.NewTicker(lookTick)
	defer tick.Stop()
	for {
		select {
		case err := <-served:
			return err
		case <-tick.C:
			if _, err := b.peer(); err != nil {
				return errors.Join(err, cutOff(rw, served))
			}
		}
	}
}

// cutOff ends a conversation at once, requests that are under way included. A read of standard input cannot be ended from
// here: it is left behind, and ends with the process.
func cutOff(rw io.Closer, served <-chan error) error {
	err := rw.Close()
	select {
	case <-served: // it ended because it was cut off
	case <-time.After(cutOffTime):
	}
	return err
}

// cutOffTime is how long a conversation that was cut off may take to notice.
const cutOffTime = 500 * time.Millisecond

// pipeBackend is the host as the peer at the other end of a pipe sees it.
type pipeBackend struct {
	host  *Host
	name  string
	allow remote.Permissions
}

// peer gives what counts for the peer now.
func (b *pipeBackend) peer() (*Peer, error) {
	known := b.host.current().Peer(b.name)
	if known == nil {
		name := b.name
		if name == "" {
			name = "ssh"
		}
		return &Peer{Name: name, Limits: Limits{Allow: b.allow}}, nil
	}
	if known.Revoked {
		return nil, fmt.Errorf("%w: peer %s is revoked", remote.ErrRefused, b.name)
	}
	return known, nil
}

// Vaults lists what the peer may read.
func (b *pipeBackend) Vaults(ctx context.Context, _ api.Peer) ([]keys.VaultID, error) {
	p, err := b.peer()
	if err != nil {
		return nil, err
	}
	if !b.allow.Has(remote.Read) {
		return nil, nil
	}
	return b.host.vaultsOf(ctx, p)
}

// Open gives a vault's store as the peer may use it.
func (b *pipeBackend) Open(_ context.Context, _ api.Peer, vault keys.VaultID) (remote.Store, remote.Permissions, error) {
	p, err := b.peer()
	if err != nil {
		return nil, 0, err
	}
	return b.host.openFor(p, vault, b.allow)
}

// Pipe makes one io.ReadWriteCloser of two halves, as of standard input and output.
type Pipe struct {
	io.ReadCloser
	io.WriteCloser
}

// Close closes both halves.
func (p Pipe) Close() error { return errors.Join(p.ReadCloser.Close(), p.WriteCloser.Close()) }
