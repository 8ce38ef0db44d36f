package host

import (
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"evault/keys"
	"evault/remote"
)

// ConfigName is the usual name of a host's configuration, in the folder of the device's identity.
const ConfigName = "host.toml"

// Errors about peers in a configuration.
var (
	// ErrUnknownPeer: no peer has that name.
	ErrUnknownPeer = errors.New("no such peer")
	// ErrPeerExists: another peer has that name or that device ID.
	ErrPeerExists = errors.New("there is such a peer")
	// ErrConfig: the file does not say what a host can obey.
	ErrConfig = errors.New("not a host's configuration")
)

// Config is what host.toml says: how the host serves, when it scrubs, and who its peers are.
type Config struct {
	Serve Serving
	Scrub Scrubbing
	Peers []Peer
}

// Serving says how the host serves.
type Serving struct {
	// Listen and Root are what "evault serve" uses where its flags do not say: an address, and the root folder.
	Listen, Root string
	// ConnectionsPerAddress and ConnectionsPerPeer are how many connections may be open at once; 0: 32 and 64.
	ConnectionsPerAddress, ConnectionsPerPeer int
	// OrphanDays is after how many days packs that no record names are removed; 0: never.
	OrphanDays int
}

// Scrubbing says when the host reads its packs again and compares them with their names.
type Scrubbing struct {
	// Every is the time from the end of one scrub to the start of the next; 0: DefaultScrub; below 0: never.
	Every time.Duration
	// Rate is how many bytes a scrub reads per second; 0: DefaultScrubRate.
	Rate Size
}

// What counts where host.toml says nothing.
const (
	DefaultScrub            = 7 * 24 * time.Hour
	DefaultScrubRate   Size = 50 << 20
	DefaultPerAddress       = 32
	DefaultPerPeer          = 64
	DefaultPermissions      = remote.Read | remote.Append
	maxPeers                = 4096
	maxVaultsOfPeer         = 4096
	maxPeerName             = 64
	maxConnections          = 1 << 16
	maxDays                 = 36500
)

// Limits are what a peer may do with a vault, and how much.
type Limits struct {
	Allow remote.Permissions
	// Quota is how many bytes may lie on the disk, counted in blocks of 4 KiB; Packs is how many packs. 0: any number.
	// As limits of a peer they hold for all vaults together that the peer has made, and the one it writes to; as limits
	// of one vault, for that vault.
	Quota Size
	Packs uint64
	// RecordsPerHour is how many records the peer may add to one vault within an hour; 0: any number.
	RecordsPerHour uint64
}

// Peer is somebody who may talk to this host.
type Peer struct {
	// Name is what the host's owner calls the peer.
	Name string
	// Device is the ID of its device; zero for a peer that comes through ssh only.
	Device keys.DeviceID
	// Revoked peers are refused, and remembered so that nothing lets them in by mistake.
	Revoked bool
	Limits
	// Vaults are the only ones that the peer may touch; empty: all on this host, and new ones.
	Vaults []keys.VaultID
	// Overrides say otherwise for single vaults.
	Overrides []Override

	origin int // the number of its entry in the file it was read from, from 1; 0: new
}

// Override is what counts for one vault in place of what counts for the peer. What is nil stays as it is.
type Override struct {
	Vault          keys.VaultID
	Allow          *remote.Permissions
	Quota          *Size
	Packs          *uint64
	RecordsPerHour *uint64
}

// Limits gives what the peer may do with a vault, and says whether the quota is one of this vault alone. A peer that is
// revoked or may not touch the vault may do nothing.
func (p *Peer) limits(vault keys.VaultID) (l Limits, own bool) {
	if p.Revoked || len(p.Vaults) > 0 && !slices.Contains(p.Vaults, vault) {
		return Limits{}, false
	}
	l = p.Limits
	for i := range p.Overrides {
		if o := &p.Overrides[i]; o.Vault == vault {
			set(&l.Allow, o.Allow)
			set(&l.Quota, o.Quota)
			set(&l.Packs, o.Packs)
			set(&l.RecordsPerHour, o.RecordsPerHour)
			own = own || o.Quota != nil || o.Packs != nil
		}
	}
	return l, own
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// Peer gives the peer of a name, nil if there is none. The pointer is into c.
func (c *Config) Peer(name string) *Peer {
	for i := range c.Peers {
		if c.Peers[i].Name == name {
			return &c.Peers[i]
		}
	}
	return nil
}

// PeerByDevice gives the peer with a device ID, revoked or not, nil if there is none. The pointer is into c.
func (c *Config) PeerByDevice(id keys.DeviceID) *Peer {
	if id == (keys.DeviceID{}) { // peers without a device have it, and it is nobody's
		return nil
	}
	for i := range c.Peers {
		if c.Peers[i].Device == id {
			return &c.Peers[i]
		}
	}
	return nil
}

// Add lets a peer in. A revoked one of the same name or device is replaced; any other is ErrPeerExists.
func (c *Config) Add(p Peer) error {
	p.origin = 0
	if err := p.check(); err != nil {
		return err
	}
	for _, old := range []*Peer{c.Peer(p.Name), c.PeerByDevice(p.Device)} {
		if old != nil && !old.Revoked {
			return fmt.Errorf("%w: %s, %s", ErrPeerExists, old.Name, old.ID())
		}
	}
	c.Peers = slices.DeleteFunc(c.Peers, func(old Peer) bool {
		return old.Name == p.Name || p.Device != (keys.DeviceID{}) && old.Device == p.Device
	})
	if len(c.Peers) >= maxPeers {
		return fmt.Errorf("%w: more than %d peers", ErrConfig, maxPeers)
	}
	c.Peers = append(c.Peers, p)
	return nil
}

// Rename gives a peer another name.
func (c *Config) Rename(from, to string) error {
	p := c.Peer(from)
	switch {
	case p == nil:
		return fmt.Errorf("%w: %s", ErrUnknownPeer, from)
	case from == to:
		return nil
	case c.Peer(to) != nil:
		return fmt.Errorf("%w: %s", ErrPeerExists, to)
	}
	if err := CheckPeerName(to); err != nil {
		return err
	}
	p.Name = to
	return nil
}

// ID is the peer's device ID for people.
func (p *Peer) ID() string {
	if p.Device == (keys.DeviceID{}) {
		return "through ssh only"
	}
	return p.Device.String()
}

// CheckPeerName says whether a peer may have this name: letters, digits, ".", "_" and "-", at most 64 bytes, beginning with
// a letter or digit. It ends up in logs, on command lines and in authorized_keys.
func CheckPeerName(name string) error {
	good := name != "" && len(name) <= maxPeerName && utf8.ValidString(name)
	for i, r := range name {
		plain := unicode.IsLetter(r) || unicode.IsDigit(r)
		good = good && (plain || i > 0 && (r == '.' || r == '_' || r == '-'))
	}
	if !good {
		return fmt.Errorf("%.80q is no name for a peer: letters, digits, \".\", \"_\" and \"-\", at most %d bytes", name, maxPeerName)
	}
	return nil
}

// check refuses what would not be read back from the file.
func (p *Peer) check() error {
	if err := CheckPeerName(p.Name); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if len(p.Vaults) > maxVaultsOfPeer || len(p.Overrides) > maxVaultsOfPeer {
		return fmt.Errorf("%w: peer %s has more than %d vaults", ErrConfig, p.Name, maxVaultsOfPeer)
	}
	return nil
}

// check refuses two peers of one name or device, and numbers out of range.
func (c *Config) check() error {
	if len(c.Peers) > maxPeers {
		return fmt.Errorf("%w: more than %d peers", ErrConfig, maxPeers)
	}
	names, devices := map[string]bool{}, map[keys.DeviceID]string{}
	for i := range c.Peers {
		p := &c.Peers[i]
		if err := p.check(); err != nil {
			return err
		}
		if names[p.Name] {
			return fmt.Errorf("%w: two peers have the name %s", ErrConfig, p.Name)
		}
		names[p.Name] = true
		if p.Device == (keys.DeviceID{}) {
			continue
		}
		if other, twice := devices[p.Device]; twice {
			return fmt.Errorf("%w: %s and %s have the same device ID", ErrConfig, other, p.Name)
		}
		devices[p.Device] = p.Name
	}
	return c.Serve.check()
}

func (s *Serving) check() error {
	for _, n := range []struct {
		key        string
		value, max int
	}{
		{"serve.connections-per-address", s.ConnectionsPerAddress, maxConnections},
		{"serve.connections-per-peer", s.ConnectionsPerPeer, maxConnections},
		{"serve.orphan-days", s.OrphanDays, maxDays},
	} {
		if n.value < 0 || n.value > n.max {
			return fmt.Errorf("%w: %s must be from 0 to %d", ErrConfig, n.key, n.max)
		}
	}
	return nil
}
