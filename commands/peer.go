package commands

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"evault/internal/nearest"
	"evault/internal/vfs"
	"evault/keys"
	"evault/remote"
	"evault/remote/host"
)

func newPeer(a *app) *cobra.Command {
	var config string
	cmd := group("peer", "Say who may talk to the host on this machine",
		`Say who may talk to the host on this machine ("evault serve"), what they may do, and how much. Peers are devices, known
by the ID that "evault identity" shows there. They are kept in host.toml in the configuration folder, which can also be
edited by hand. A host that is running obeys a change within two seconds. No vault is needed.`,
		`  evault peer add ada JZQWKZ-... --quota 50GiB
  evault peer list
  evault peer revoke ada`,
		newPeerAdd(a, &config), newPeerList(a, &config), newPeerAllow(a, &config), newPeerQuota(a, &config),
		newPeerRevoke(a, &config), newPeerRename(a, &config))
	cmd.PersistentFlags().StringVar(&config, "config", "", "the host's configuration is `FILE`")
	return cmd
}

type peerAddOptions struct {
	allow, quota string
	vaults       []string
}

func newPeerAdd(a *app, config *string) *cobra.Command {
	var o peerAddOptions
	cmd := &cobra.Command{
		Use:   "add NAME ID",
		Short: "Let a device in",
		Long: `Let a device in. ID is what "evault identity" shows on it. By default it may read and append: it can fetch and push, and
can neither overwrite nor remove anything that is here. With --vault it can reach these vaults alone; without, every vault
on this host, of which it can read nothing without the vault's own keys.`,
		Example: `  evault peer add ada JZQWKZ-... --quota 50GiB
  evault peer add mirror JZQWKZ-... --allow read`,
		Args: between(2, 2, "a name and a device ID"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runPeerAdd(cmd, *config, o, args[0], args[1]) },
	}
	f := cmd.Flags()
	f.StringVar(&o.allow, "allow", host.DefaultPermissions.String(), "what it may do: `WHAT` of read, append, delete")
	f.StringVar(&o.quota, "quota", "none", "how much room it may take, as 50GiB (`SIZE`)")
	f.StringArrayVar(&o.vaults, "vault", nil, "it may reach only the vault `ID` (may be repeated)")
	return cmd
}

func newPeerList(a *app, config *string) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the peers of this host",
		Example: `  evault peer list --json`,
		Args:    between(0, 0, ""),
		RunE:    func(*cobra.Command, []string) error { return a.runPeerList(*config) },
	}
}

func newPeerAllow(a *app, config *string) *cobra.Command {
	return &cobra.Command{
		Use:   "allow NAME WHAT",
		Short: "Change what a peer may do",
		Long: `Change what a peer may do: "read", "append" (make stores, add packs and records), "delete" (remove packs and slots), several
with commas between them, or "none".`,
		Example: `  evault peer allow ada read,append
  evault peer allow ada read`,
		Args: between(2, 2, "a peer and what it may do"),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := remote.ParsePermissions(args[1])
			if err != nil {
				return usagef(cmd, "%w", err)
			}
			return a.changePeer(*config, args[0], func(peer *host.Peer) { peer.Allow = p })
		},
	}
}

func newPeerQuota(a *app, config *string) *cobra.Command {
	return &cobra.Command{
		Use:   "quota NAME SIZE",
		Short: "Change how much room a peer may take",
		Long: `Change how much room a peer may take with all vaults that it has made on this host, as 50GiB or 200MB; "none" takes the
limit off. What is there stays.`,
		Example: `  evault peer quota ada 50GiB`,
		Args:    between(2, 2, "a peer and a size"),
		RunE: func(cmd *cobra.Command, args []string) error {
			size, err := host.ParseSize(args[1])
			if err != nil {
				return usagef(cmd, "%w", err)
			}
			return a.changePeer(*config, args[0], func(peer *host.Peer) { peer.Quota = size })
		},
	}
}

func newPeerRevoke(a *app, config *string) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke NAME",
		Short: "Let a device in no more, and end its connections",
		Long: `Let a device in no more. Its connections to a host that is running end within two seconds. What it has stored stays, and it
stays a member of its vaults: "evault device remove" ends that. It is remembered as revoked until it is added again.`,
		Example: `  evault peer revoke ada`,
		Args:    between(1, 1, "a peer"),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.updatePeers(*config, func(c *host.Config) (*host.Peer, error) {
				p := c.Peer(args[0])
				if p == nil {
					return nil, unknownPeer(c, args[0])
				}
				p.Revoked = true
				return p, nil
			})
		},
	}
}

func newPeerRename(a *app, config *string) *cobra.Command {
	return &cobra.Command{
		Use:     "rename OLD NEW",
		Short:   "Give a peer another name",
		Example: `  evault peer rename ada ada-laptop`,
		Args:    between(2, 2, "the old name and the new one"),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.updatePeers(*config, func(c *host.Config) (*host.Peer, error) {
				err := c.Rename(args[0], args[1])
				return c.Peer(args[1]), err
			})
		},
	}
}

func (a *app) runPeerAdd(cmd *cobra.Command, config string, o peerAddOptions, name, id string) error {
	p, err := o.peer(name, id)
	if err != nil {
		return usagef(cmd, "%w", err)
	}
	return a.updatePeers(config, func(c *host.Config) (*host.Peer, error) {
		if err := c.Add(p); err != nil {
			return nil, err
		}
		return c.Peer(name), nil
	})
}

func (o *peerAddOptions) peer(name, id string) (p host.Peer, err error) {
	p.Name = name
	if err := host.CheckPeerName(name); err != nil {
		return p, err
	}
	if p.Device, err = keys.ParseDeviceID(id); err != nil {
		return p, err
	}
	if p.Allow, err = remote.ParsePermissions(o.allow); err != nil {
		return p, err
	}
	if p.Quota, err = host.ParseSize(o.quota); err != nil {
		return p, err
	}
	for _, text := range o.vaults {
		v, err := keys.ParseVaultID(text)
		if err != nil {
			return p, fmt.Errorf("--vault: %w", err)
		}
		p.Vaults = append(p.Vaults, v)
	}
	return p, nil
}

// unknownPeer names the peers that may have been meant.
func unknownPeer(c *host.Config, name string) error {
	near := nearest.Matches(name, func(yield func(string) bool) {
		for _, p := range c.Peers {
			if !yield(p.Name) {
				return
			}
		}
	}, maxMeant)
	return fmt.Errorf("%w: %s%s", host.ErrUnknownPeer, quoted(name), didYouMean(near))
}

// changePeer changes one peer that is let in.
func (a *app) changePeer(config, name string, change func(*host.Peer)) error {
	return a.updatePeers(config, func(c *host.Config) (*host.Peer, error) {
		p := c.Peer(name)
		switch {
		case p == nil:
			return nil, unknownPeer(c, name)
		case p.Revoked:
			return nil, fmt.Errorf("peer %s is revoked; \"evault peer add\" lets it in again", name)
		}
		change(p)
		return p, nil
	})
}

// updatePeers changes the host's configuration and shows the peer that was changed.
func (a *app) updatePeers(config string, change func(*host.Config) (*host.Peer, error)) error {
	return a.withHostConfig(config, func(fsys vfs.FS, name string) error {
		var changed *host.Peer
		err := host.UpdateConfig(fsys, name, func(c *host.Config) (err error) {
			changed, err = change(c)
			return err
		})
		if err != nil {
			return err
		}
		return a.showPeer(changed)
	})
}

// withHostConfig opens the folder of the host's configuration: that of the file named, or the user's.
func (a *app) withHostConfig(file string, use func(fsys vfs.FS, name string) error) (err error) {
	var fsys vfs.FS
	name := host.ConfigName
	if file == "" {
		fsys, err = a.openConfigHome()
	} else {
		path := a.absolute(file)
		name = filepath.Base(path)
		fsys, err = vfs.Open(filepath.Dir(path))
	}
	if err != nil {
		return err
	}
	return errors.Join(use(fsys, name), fsys.Close())
}

func (a *app) runPeerList(config string) error {
	return a.withHostConfig(config, func(fsys vfs.FS, name string) error {
		c, err := host.ReadConfig(fsys, name)
		if err != nil {
			return err
		}
		for i := range c.Peers {
			if err := a.printPeer(&c.Peers[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

type peerJSON struct {
	schema
	Name           string   `json:"name"`
	Device         string   `json:"device,omitempty"`
	Revoked        bool     `json:"revoked"`
	Allow          []string `json:"allow"`
	Quota          uint64   `json:"quota,omitempty"`
	Packs          uint64   `json:"packs,omitempty"`
	RecordsPerHour uint64   `json:"records_per_hour,omitempty"`
	Vaults         []string `json:"vaults,omitempty"`
}

// showPeer reports a change: in JSON always, else if it was not asked to be quiet.
func (a *app) showPeer(p *host.Peer) error {
	if a.flags.quiet && !a.flags.json {
		return nil
	}
	return a.printPeer(p)
}

// printPeer prints a peer on a line.
func (a *app) printPeer(p *host.Peer) error {
	if a.flags.json {
		return a.emit(peerDocument(p))
	}
	state := p.Allow.String()
	if p.Revoked {
		state = "revoked"
	}
	a.printf("%s  %s  %s", p.Name, p.ID(), state)
	if p.Quota > 0 {
		a.printf("  quota %s", p.Quota)
	}
	if n := len(p.Vaults); n > 0 {
		a.printf("  only %s", count(n, "vault"))
	}
	a.printf("\n")
	return nil
}

func peerDocument(p *host.Peer) peerJSON {
	d := peerJSON{schema: schemaOf("peer"), Name: p.Name, Revoked: p.Revoked, Allow: []string{}, Quota: uint64(p.Quota),
		Packs: p.Packs, RecordsPerHour: p.RecordsPerHour}
	if p.Device != (keys.DeviceID{}) {
		d.Device = p.Device.String()
	}
	if p.Allow != 0 {
		d.Allow = strings.Split(p.Allow.String(), ",")
	}
	for _, v := range p.Vaults {
		d.Vaults = append(d.Vaults, v.String())
	}
	return d
}
