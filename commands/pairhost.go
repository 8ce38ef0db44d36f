package commands

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"evault/internal/vfs"
	"evault/keys"
	"evault/remote"
	"evault/remote/host"
	"evault/remote/pairing"
)

// pairHost lets the other device in as a peer of the host on this machine.
func (a *app) pairHost(cmd *cobra.Command, o pairOptions) error {
	limits, err := o.limits(cmd)
	if err != nil {
		return err
	}
	id, err := a.hostIdentity()
	if err != nil {
		return err
	}
	return a.withHostConfig(o.config, func(fsys vfs.FS, name string) error {
		config, err := host.ReadConfig(fsys, name) // what is wrong with it shows before somebody types a code
		if err != nil {
			return err
		}
		grant, err := o.grant(cmd, config, limits)
		if err != nil {
			return err
		}
		var peer host.Peer
		admit := func(_ context.Context, p pairing.Peer, _ net.Addr) (pairing.HostGrant, error) {
			err := host.UpdateConfig(fsys, name, func(c *host.Config) (err error) {
				peer, err = o.addPeer(c, p, limits)
				return err
			})
			grant.Permissions, grant.Quota = peer.Allow, uint64(peer.Quota)
			return grant, err
		}
		result, err := a.listenPair(cmd.Context(), o, id, pairing.ServeOptions{Host: &pairing.HostSide{Admit: admit}})
		receipt, err := a.withoutReceipt(err)
		if err != nil {
			return err
		}
		return a.showPairedPeer(&peer, result, receipt)
	})
}

func (o *pairOptions) limits(cmd *cobra.Command) (l host.Limits, err error) {
	if l.Allow, err = remote.ParsePermissions(o.allow); err != nil {
		return l, usagef(cmd, "--allow: %w", err)
	}
	if l.Quota, err = host.ParseSize(o.quota); err != nil {
		return l, usagef(cmd, "--quota: %w", err)
	}
	if o.name != "" {
		if err := host.CheckPeerName(o.name); err != nil {
			return l, usagef(cmd, "--name: %w", err)
		}
	}
	return l, nil
}

// grant is what the other side will be told, apart from what it may do.
func (o *pairOptions) grant(cmd *cobra.Command, c *host.Config, l host.Limits) (g pairing.HostGrant, err error) {
	g.Port = remote.DefaultPort
	if _, port, err := net.SplitHostPort(c.Serve.Listen); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil && n > 0 {
			g.Port = uint16(n)
		}
	}
	if o.serveAddress == "" {
		return g, nil
	}
	address := o.serveAddress
	if pairing.CheckAddress(address) != nil {
		address = net.JoinHostPort(strings.Trim(address, "[]"), strconv.Itoa(int(g.Port)))
	}
	if err := pairing.CheckAddress(address); err != nil {
		return g, usagef(cmd, "--serve-address: %w", err)
	}
	g.Addresses = []string{address}
	return g, nil
}

// addPeer lets a device in. One that is known keeps its name, and what it may do unless that was said anew.
func (o *pairOptions) addPeer(c *host.Config, p pairing.Peer, l host.Limits) (host.Peer, error) {
	if known := c.PeerByDevice(p.Device); known != nil && !known.Revoked {
		if o.changed("allow") {
			known.Allow = l.Allow
		}
		if o.changed("quota") {
			known.Quota = l.Quota
		}
		return *known, nil
	}
	name := o.name
	if name == "" {
		name = freeName(plainName(p.Label, "peer"), func(n string) bool { old := c.Peer(n); return old == nil || old.Device == p.Device })
	}
	peer := host.Peer{Name: name, Device: p.Device, Limits: l}
	return peer, c.Add(peer)
}

// plainName makes a name of what a device calls itself: letters, digits, ".", "_" and "-", beginning with a letter or digit.
func plainName(label, otherwise string) string {
	plain := strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r)) {
			return r
		}
		return '-'
	}, label)
	plain = strings.Trim(plain[:min(len(plain), 48)], "._-")
	if plain == "" {
		return otherwise
	}
	return plain
}

// freeName gives the name, or with a number behind it if it is taken.
func freeName(name string, free func(string) bool) string {
	for n := 2; ; n++ {
		if try := name; n == 2 && free(try) {
			return try
		}
		if try := fmt.Sprintf("%s-%d", name, n); free(try) {
			return try
		}
	}
}

func (a *app) showPairedPeer(p *host.Peer, r *pairing.Result, receipt bool) error {
	if a.flags.json {
		e := pairEvent("paired")
		e.Purpose, e.Device, e.Label, e.Name, e.Receipt = r.Purpose.String(), p.Device.String(), r.Peer.Label, p.Name, &receipt
		e.Allow, e.Quota = permissionWords(p.Allow), uint64(p.Quota)
		return a.emit(e)
	}
	quota := ""
	if p.Quota > 0 {
		quota = fmt.Sprintf(", up to %s", p.Quota)
	}
	a.say("Paired with %s, device %s: peer %s may %s%s.\n", quoted(r.Peer.Label), p.Device, p.Name, p.Allow, quota)
	a.say("\"evault peer list\" shows it, \"evault peer revoke %s\" ends it. \"evault serve\" must be running for it to find anything.\n", p.Name)
	return nil
}

func permissionWords(p remote.Permissions) []string {
	if p == 0 {
		return nil
	}
	return strings.Split(p.String(), ",")
}

// remoteOf is the address of a host for "evault remote add".
func remoteOf(address string, device keys.DeviceID) (string, error) {
	h, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", err
	}
	u := remote.URL{Scheme: remote.SchemeEvault, Host: h, Port: int(n), Device: device}
	if _, err := remote.ParseURL(u.String(), ""); err != nil { // the other side named it
		return "", errors.Join(pairing.ErrMessage, err)
	}
	return u.String(), nil
}
