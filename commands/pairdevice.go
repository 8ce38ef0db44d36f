package commands

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"evault/keys"
	"evault/remote"
	"evault/remote/pairing"
	"evault/repo"
)

// pairDevice makes the other device a member of the vault of the working directory. The vault is locked only while that is
// done, and not while somebody looks for the other keyboard.
func (a *app) pairDevice(cmd *cobra.Command, o pairOptions) error {
	role, err := o.deviceRole(cmd)
	if err != nil {
		return err
	}
	id, err := a.hostIdentity()
	if err != nil {
		return err
	}
	side := &pairing.DeviceSide{Role: role}
	err = a.withVault(cmd.Context(), repo.ReadOnly, func(v *openVault) error {
		side.Vault = v.VaultID()
		return mayAdmit(v)
	})
	if err != nil {
		return err
	}
	side.Admit = func(ctx context.Context, e keys.DeviceEntry) (pairing.DeviceGrant, error) {
		return a.admitDevice(ctx, o, side.Vault, e)
	}
	result, err := a.listenPair(cmd.Context(), o, id, pairing.ServeOptions{Device: side})
	receipt, err := a.withoutReceipt(err)
	if err != nil {
		return err
	}
	return a.showPairedDevice(o, result, receipt)
}

func (o *pairOptions) deviceRole(cmd *cobra.Command) (keys.Role, error) {
	for _, r := range []keys.Role{keys.RoleReader, keys.RoleWriter, keys.RoleAdmin} {
		if o.role == r.String() {
			return r, nil
		}
	}
	return 0, usagef(cmd, "--role is reader, writer or admin, not %q", o.role)
}

// mayAdmit says before a code is shown what would otherwise come after it was typed.
func mayAdmit(v *openVault) error {
	for _, d := range v.Devices() {
		if d.This && d.State == repo.DeviceMember && d.Role == keys.RoleAdmin {
			return nil
		}
	}
	return keys.ErrNotAdmin
}

// admitDevice writes the roster and the slot of the new device.
func (a *app) admitDevice(ctx context.Context, o pairOptions, vault keys.VaultID, e keys.DeviceEntry) (g pairing.DeviceGrant, err error) {
	err = a.withVault(ctx, repo.Writing, func(v *openVault) error {
		if v.VaultID() != vault {
			return fmt.Errorf("the vault here is another than before: %w", repo.ErrConflict)
		}
		for _, one := range v.Remotes() {
			g.URLs = append(g.URLs, one.URL)
		}
		_, err := v.AddDevice(ctx, repo.DeviceRequest{
			Vault: vault, Device: e.Device, Key: e.Key, Recipient: e.Recipient, Label: o.deviceLabel(e.Label),
		}, e.Role)
		g.Roster = v.RosterHash()
		return err
	})
	return g, err
}

func (o *pairOptions) deviceLabel(own string) string {
	switch {
	case o.name != "":
		return o.name
	case own == "":
		return "device"
	}
	return own
}

func (a *app) showPairedDevice(o pairOptions, r *pairing.Result, receipt bool) error {
	label := o.deviceLabel(r.Peer.Label)
	if a.flags.json {
		e := pairEvent("paired")
		e.Purpose, e.Device, e.Label, e.Name, e.Receipt = r.Purpose.String(), r.Peer.Device.String(), r.Peer.Label, label, &receipt
		e.Vault, e.Role, e.URLs = r.Device.Vault.String(), r.Device.Role.String(), r.Device.URLs
		return a.emit(e)
	}
	a.say("Paired: device %s, %s, is now a member of this vault (%s).\n", quoted(label), r.Peer.Device, r.Device.Role)
	if len(r.Device.URLs) == 0 {
		a.say("The vault has no remote yet from which it could be cloned: \"evault remote add\", then \"evault push\".\n")
		return nil
	}
	a.say("Run \"evault push --all-remotes\" now, so that the remotes learn of it.\n")
	a.peerHint(r.Device.URLs, r.Peer.Device)
	return nil
}

// peerHint reminds of hosts that have to let a new device in themselves: they do not know who is a member.
func (a *app) peerHint(urls []string, device keys.DeviceID) {
	for _, text := range urls {
		if u, err := remote.ParseURL(text, a.dir); err == nil && u.Scheme == remote.SchemeEvault {
			a.say("The host at %s has to let it in, too: \"evault pair\" or \"evault peer add NAME %s\" there.\n", harmless(u.Address()), device)
		}
	}
}

// errPairCode says that there is nobody to ask for the code.
var errPairCode = errors.New("there is no terminal to ask for the code on: give it after the address, or with --code-file")
