package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"evault/keys"
	"evault/remote"
	"evault/remote/pairing"
	"evault/repo"
)

// pairJoin pairs with the device that shows a code.
func (a *app) pairJoin(cmd *cobra.Command, o pairOptions, args []string) error {
	target, err := a.pairTarget(cmd, o, args)
	if err != nil {
		return err
	}
	inVault, err := a.inVault()
	if err != nil {
		return err
	}
	id, err := a.hostIdentity()
	if err != nil {
		return err
	}
	result, err := pairing.Join(cmd.Context(), target, pairing.JoinOptions{Identity: id, Label: pairLabel()})
	switch {
	case err != nil:
		return err
	case result.Purpose == pairing.ForDevice:
		return a.showJoinedVault(result, id.DeviceID())
	}
	return a.joinedHost(cmd.Context(), o, result, inVault)
}

// pairTarget takes what the arguments say, and asks for the code if they do not.
func (a *app) pairTarget(cmd *cobra.Command, o pairOptions, args []string) (t pairing.Target, err error) {
	if strings.HasPrefix(args[0], pairing.Scheme) {
		if len(args) > 1 || o.codeFile != "" {
			return t, usagef(cmd, "what the QR code says needs no other code")
		}
		return pairing.ParseTarget(args[0])
	}
	if _, err := pairing.NewTarget(args[0], ""); err != nil { // before anything is asked
		return t, err
	}
	text, err := a.pairCode(cmd, o, args[1:])
	if err != nil {
		return t, err
	}
	code, err := pairing.ParseCode(text)
	if err != nil {
		return t, err
	}
	return pairing.NewTarget(args[0], code)
}

func (a *app) pairCode(cmd *cobra.Command, o pairOptions, args []string) (string, error) {
	switch {
	case len(args) > 0 && o.codeFile != "":
		return "", usagef(cmd, "the code is given twice")
	case len(args) > 0:
		return args[0], nil
	case o.codeFile == "-":
		line, err := firstLine(a.env.Stdin)
		return string(line), err
	case o.codeFile != "":
		return a.codeFromFile(o.codeFile)
	case !a.canAsk():
		return "", errPairCode
	}
	code, err := a.ask(cmd.Context(), "Code that the other device shows: ")
	return string(code), err
}

func (a *app) codeFromFile(name string) (string, error) {
	f, err := os.Open(a.absolute(name))
	if err != nil {
		return "", fmt.Errorf("--code-file: %w", err)
	}
	line, err := firstLine(io.Reader(f))
	if err := errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("--code-file %s: %w", quoted(name), err)
	}
	return string(line), nil
}

// inVault says whether the working directory is in a vault.
func (a *app) inVault() (bool, error) {
	_, err := a.findVault()
	if errors.Is(err, repo.ErrNoVault) && a.getenv("EVAULT_DIR") == "" {
		return false, nil
	}
	return err == nil, err
}

// joinedHost makes a host that has let us in a remote of this vault, or shows its address.
func (a *app) joinedHost(ctx context.Context, o pairOptions, r *pairing.Result, inVault bool) error {
	var urls []string
	for _, address := range r.Host.Addresses {
		u, err := remoteOf(address, r.Peer.Device)
		if err != nil {
			return err
		}
		urls = append(urls, u)
	}
	if !inVault {
		return a.showJoinedHost(r, urls, repo.Remote{})
	}
	var added repo.Remote
	err := a.withVault(ctx, repo.Writing, func(v *openVault) (err error) {
		added, err = a.addPairedRemote(ctx, v, o, r, urls[0])
		return err
	})
	if err != nil { // the pairing is done all the same, and cannot be repeated with this code
		return errors.Join(err, a.showJoinedHost(r, urls, repo.Remote{}))
	}
	return a.showJoinedHost(r, urls, added)
}

// addPairedRemote adds the host, unless this vault has it under some name already.
func (a *app) addPairedRemote(ctx context.Context, v *openVault, o pairOptions, r *pairing.Result, address string) (repo.Remote, error) {
	taken := map[string]bool{}
	for _, one := range v.Remotes() {
		taken[one.Name] = true
		if u, err := remote.ParseURL(one.URL, a.dir); err == nil && u.Device == r.Peer.Device && (o.name == "" || o.name == one.Name) {
			return one, nil
		}
	}
	name := o.name
	if name == "" {
		name = freeName(plainName(r.Peer.Label, "host"), func(n string) bool { return !taken[n] })
	}
	return v.AddRemote(ctx, name, address, repo.AddRemoteOptions{})
}

func (a *app) showJoinedHost(r *pairing.Result, urls []string, added repo.Remote) error {
	if added.Name != "" {
		urls[0] = added.URL
	}
	if a.flags.json {
		e := pairEvent("paired")
		e.Purpose, e.Device, e.Label, e.Name = r.Purpose.String(), r.Peer.Device.String(), r.Peer.Label, added.Name
		e.Allow, e.Quota, e.URLs = permissionWords(r.Host.Permissions), r.Host.Quota, urls
		return a.emit(e)
	}
	quota := ""
	if r.Host.Quota > 0 {
		quota = ", up to " + size(r.Host.Quota)
	}
	a.say("Paired with host %s, device %s. This device may %s there%s.\n", quoted(r.Peer.Label), r.Peer.Device, r.Host.Permissions, quota)
	if added.Name != "" {
		a.say("It is remote %s of this vault: \"evault push %s\" sends what is here.\n", added.Name, added.Name)
	} else {
		a.say("In a vault:\n  evault remote add %s '%s'\n", plainName(r.Peer.Label, "host"), urls[0])
	}
	return nil
}

// showJoinedVault shows how to get at the vault of which this device has become a member.
func (a *app) showJoinedVault(r *pairing.Result, own keys.DeviceID) error {
	if a.flags.json {
		e := pairEvent("paired")
		e.Purpose, e.Device, e.Label = r.Purpose.String(), r.Peer.Device.String(), r.Peer.Label
		e.Vault, e.Role, e.URLs = r.Device.Vault.String(), r.Device.Role.String(), r.Device.URLs
		return a.emit(e)
	}
	a.say("Paired with %s, device %s: this device is now a member of vault %s (%s).\n", quoted(r.Peer.Label), r.Peer.Device, r.Device.Vault, r.Device.Role)
	if len(r.Device.URLs) == 0 {
		a.say("The vault has no remote yet from which it could be cloned.\n")
		return nil
	}
	a.say("When the other device has pushed:\n")
	for _, u := range r.Device.URLs {
		a.say("  evault clone '%s'\n", strings.ReplaceAll(harmless(u), "'", `'\''`))
	}
	a.peerHint(r.Device.URLs, own)
	return nil
}
