package host

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"evault/internal/vfs"
	"evault/keys"
	"evault/remote"
	"evault/remote/api"
)

// Options say what a host is made of.
type Options struct {
	// Root is the host's folder. What is missing in it is made when it is needed.
	Root vfs.FS
	// Config is the folder that holds the configuration, and ConfigName its name there; "" means the usual one. It is read
	// again when it changes. A nil Config is a host without peers, for conversations through ssh.
	Config     vfs.FS
	ConfigName string
	// Log is told what happens; nil: nobody is.
	Log *slog.Logger
	// Now is the clock; nil: the system's.
	Now func() time.Time
	// Software is what the host calls itself to clients: "evault 1.2".
	Software string
}

// Host keeps stores of vaults for its peers. It is an api.Backend, and safe for concurrent use.
type Host struct {
	o      Options
	locks  *vaultLocks
	config atomic.Pointer[Config]
	loaded sync.Mutex // held while the configuration is read
	seen   fileStamp
	looked time.Time

	shelf *shelf
	usage *usage
	conns *connections
}

// Open opens a host. It reads the configuration and fails if there is one that cannot be obeyed; it locks nothing.
func Open(o Options) (*Host, error) {
	if o.ConfigName == "" {
		o.ConfigName = ConfigName
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	h := &Host{o: o, locks: newVaultLocks(o.Root), shelf: newShelf(o.Root), usage: newUsage(o.Root, o.Now), conns: newConnections()}
	if err := h.Reload(); err != nil {
		return nil, err
	}
	return h, nil
}

// Close releases what the host has open. Conversations must have ended.
func (h *Host) Close() error { return h.shelf.close() }

// PeerByDevice says who the holder of a device is; false: nobody who may talk to this host.
func (h *Host) PeerByDevice(id keys.DeviceID) (api.Peer, bool) {
	p := h.current().PeerByDevice(id)
	if p == nil || p.Revoked { // perhaps let in this very moment
		h.look(0)
		p = h.config.Load().PeerByDevice(id)
	}
	if p == nil || p.Revoked {
		return api.Peer{}, false
	}
	return api.Peer{Name: p.Name, Device: p.Device}, true
}

// Vaults lists the vaults on this host that the peer may read, ascending.
func (h *Host) Vaults(ctx context.Context, peer api.Peer) ([]keys.VaultID, error) {
	p, err := h.peer(peer)
	if err != nil {
		return nil, err
	}
	return h.vaultsOf(ctx, p)
}

// Open gives the store of a vault as the peer may use it, whether there is one yet or not, and what the peer may do.
func (h *Host) Open(ctx context.Context, peer api.Peer, vault keys.VaultID) (remote.Store, remote.Permissions, error) {
	p, err := h.peer(peer)
	if err != nil {
		return nil, 0, err
	}
	return h.openFor(p, vault, remote.Read|remote.Append|remote.Delete)
}

// peer finds a peer in the configuration.
func (h *Host) peer(peer api.Peer) (*Peer, error) {
	c := h.current()
	p := c.PeerByDevice(peer.Device)
	if peer.Device == (keys.DeviceID{}) {
		p = c.Peer(peer.Name)
	}
	if p == nil || p.Revoked {
		return nil, fmt.Errorf("%w: this device is no peer of the host", remote.ErrRefused)
	}
	return p, nil
}

// vaultsOf lists the vaults that p may read.
func (h *Host) vaultsOf(ctx context.Context, p *Peer) ([]keys.VaultID, error) {
	all, err := h.shelf.vaults(ctx)
	if err != nil {
		return nil, err
	}
	var readable []keys.VaultID
	for _, v := range all {
		if l, _ := p.limits(v); l.Allow.Has(remote.Read) {
			readable = append(readable, v)
		}
	}
	return readable, nil
}

// openFor gives the store of a vault under the limits of p, which at most may do what is in allow.
func (h *Host) openFor(p *Peer, vault keys.VaultID, allow remote.Permissions) (remote.Store, remote.Permissions, error) {
	limits, own := p.limits(vault)
	limits.Allow &= allow
	if limits.Allow == 0 {
		return nil, 0, fmt.Errorf("%w: peer %s may do nothing with this vault", remote.ErrRefused, p.Name)
	}
	return &store{host: h, peer: p, limits: limits, own: own, vault: vault, shelved: h.shelf.take(vault)}, limits.Allow, nil
}

// current gives the configuration that counts now.
func (h *Host) current() *Config {
	h.look(lookEvery)
	return h.config.Load()
}
