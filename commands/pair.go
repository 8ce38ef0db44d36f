package commands

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"evault/keys"
	"evault/remote/host"
	"evault/remote/pairing"
)

type pairOptions struct {
	listen, config, allow, quota, serveAddress string // of a listener
	name, role, codeFile                       string
	device, digits, noQR                       bool

	changed func(flag string) bool // was it given?
}

func newPair(a *app) *cobra.Command {
	var o pairOptions
	cmd := &cobra.Command{
		Use:   "pair [ADDRESS [CODE]]",
		Short: "Let two devices trust each other by a short code",
		Long: `Let two devices trust each other. One listens and shows a code; on the other, that code is typed. What the network in
between does cannot change who is let in: both sides prove that they know the code before anything else is said.

Without an address this device listens, for five minutes, for one other device; three wrong codes end it.

  evault pair            on a host ("evault serve"): lets the other device in as a peer, which may read and append
                         unless --allow says otherwise. No vault is needed.
  evault pair --device   in a vault: makes the other device a member of it. Only an admin device can do that.

With an address, or with what the QR code says, this device joins. In a vault it then knows the host as a remote;
elsewhere it shows the address for "evault remote add" or "evault clone".`,
		Example: `  evault pair --quota 50GiB
  evault pair 192.168.1.20:4723
  evault pair 192.168.1.20:4723 7KQ4-9XWM --name friend
  evault pair --device --role admin`,
		Args: between(0, 2, "an address and a code"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.changed = cmd.Flags().Changed
			return a.runPair(cmd, o, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", fmt.Sprintf(":%d", pairing.DefaultPort), "wait at `ADDRESS`")
	f.StringVar(&o.allow, "allow", host.DefaultPermissions.String(), "what the other device may do here: `WHAT` of read, append, delete")
	f.StringVar(&o.quota, "quota", "none", "how much room it may take here, as 50GiB (`SIZE`)")
	f.StringVar(&o.serveAddress, "serve-address", "", "where the other device finds this host (`HOST[:PORT]`; default: where it found this one)")
	f.StringVar(&o.config, "config", "", "the host's configuration is `FILE`")
	f.BoolVar(&o.device, "device", false, "make the other device a member of this vault")
	f.StringVar(&o.role, "role", "writer", "with --device: `ROLE` is reader, writer or admin")
	f.StringVar(&o.name, "name", "", "what to call the other side here (`NAME`; default: what it calls itself)")
	f.BoolVar(&o.digits, "digits", false, "show a code of six digits")
	f.BoolVar(&o.noQR, "no-qr", false, "show no QR code")
	f.StringVar(&o.codeFile, "code-file", "", "read the code from the first line of `FILE` (- is standard input)")
	return cmd
}

func (a *app) runPair(cmd *cobra.Command, o pairOptions, args []string) error {
	if err := o.check(cmd, args); err != nil {
		return err
	}
	switch {
	case len(args) > 0:
		return a.pairJoin(cmd, o, args)
	case o.device:
		return a.pairDevice(cmd, o)
	}
	return a.pairHost(cmd, o)
}

// check refuses flags that belong to another of the three ways.
func (o *pairOptions) check(cmd *cobra.Command, args []string) error {
	ofListener := []string{"listen", "digits", "no-qr"}
	ofHost := []string{"allow", "quota", "serve-address", "config"}
	var bad []string
	switch {
	case len(args) > 0:
		bad = slices.Concat(ofListener, ofHost, []string{"device", "role"})
	case o.device:
		bad = append(ofHost, "code-file")
	default:
		bad = []string{"role", "code-file"}
	}
	for _, name := range bad {
		if o.changed(name) {
			return usagef(cmd, "--%s says nothing here", name)
		}
	}
	return nil
}

// pairJSON is one line of what pair prints for scripts. Event says which fields there are.
type pairJSON struct {
	schema
	Event string `json:"event"`
	// code
	Code      string   `json:"code,omitempty"`
	URI       string   `json:"uri,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
	Expires   string   `json:"expires,omitempty"`
	// wrong-code
	From string `json:"from,omitempty"`
	Left *int   `json:"left,omitempty"`
	// paired
	Purpose string   `json:"purpose,omitempty"`
	Device  string   `json:"device,omitempty"` // code: this one; paired: the other
	Label   string   `json:"label,omitempty"`
	Name    string   `json:"name,omitempty"` // of the peer, or of the remote
	Allow   []string `json:"allow,omitempty"`
	Quota   uint64   `json:"quota,omitempty"`
	Vault   string   `json:"vault,omitempty"`
	Role    string   `json:"role,omitempty"`
	URLs    []string `json:"urls,omitempty"`
	Receipt *bool    `json:"receipt,omitempty"` // the other side has confirmed
}

func pairEvent(event string) pairJSON { return pairJSON{schema: schemaOf("pair"), Event: event} }

// emitNow is emit for those who wait for the line.
func (a *app) emitNow(document any) error {
	return errors.Join(a.emit(document), a.out.Flush())
}

// listenPair waits with a code for the other side. Offer says what for.
func (a *app) listenPair(ctx context.Context, o pairOptions, id *keys.Identity, offer pairing.ServeOptions) (*pairing.Result, error) {
	format := pairing.Letters
	if o.digits {
		format = pairing.Digits
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	inv, err := pairing.NewInvitation(format)
	if err == nil {
		err = a.showCode(o, inv, listener.Addr(), id.DeviceID())
	}
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	offer.Identity, offer.Label, offer.Wrong = id, pairLabel(), a.wrongCode
	return pairing.Serve(ctx, listener, inv, offer)
}

// pairLabel is what this device calls itself towards the other.
func pairLabel() string {
	label := strings.ToValidUTF8(harmless(hostName()), "?")
	if label == "" || len(label) > 255 {
		return "device"
	}
	return label
}

// showCode shows the code, and what to do with it.
func (a *app) showCode(o pairOptions, inv *pairing.Invitation, at net.Addr, device keys.DeviceID) error {
	addresses := reachableAddresses(at)
	uri, err := inv.URI(addresses, device)
	if err != nil {
		return err
	}
	if a.flags.json {
		e := pairEvent("code")
		e.Code, e.URI, e.Addresses, e.Device = inv.Code().String(), uri, addresses, device.String()
		e.Expires = timeJSON(inv.Expires())
		return a.emitNow(e)
	}
	if a.env.Terminal.Out && !o.noQR {
		a.printf("%s\n", qrCode(uri))
	}
	a.printf("The code is %s. It lasts five minutes and serves once.\nOn the other device run:\n", inv.Code())
	for _, address := range addresses {
		if strings.HasPrefix(address, "[") {
			address = "'" + address + "'" // or a shell looks for files
		}
		a.printf("  evault pair %s %s\n", address, inv.Code())
	}
	return a.out.Flush()
}

// wrongCode tells that somebody has guessed.
func (a *app) wrongCode(from net.Addr, left int) {
	if a.flags.json {
		e := pairEvent("wrong-code")
		e.From, e.Left = from.String(), &left
		if err := a.emitNow(e); err == nil {
			return
		}
	}
	a.note("somebody at %s has tried a wrong code; %s left", from, count(left, "try"))
}

// reachableAddresses are "host:port" under which others may reach a listener, the most likely ones first.
func reachableAddresses(at net.Addr) []string {
	tcp, ok := at.(*net.TCPAddr)
	if !ok {
		return nil
	}
	if !tcp.IP.IsUnspecified() {
		return []string{tcp.String()}
	}
	var v4, v6 []string
	found, err := net.InterfaceAddrs()
	if err != nil {
		found = nil // the user knows the address better than we do
	}
	for _, f := range found {
		network, ok := f.(*net.IPNet)
		if !ok || !network.IP.IsGlobalUnicast() {
			continue
		}
		one := (&net.TCPAddr{IP: network.IP, Port: tcp.Port}).String()
		if network.IP.To4() != nil {
			v4 = append(v4, one)
		} else {
			v6 = append(v6, one)
		}
	}
	all := append(v4, v6...)
	if len(all) == 0 {
		all = []string{(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: tcp.Port}).String()}
	}
	return all[:min(len(all), pairing.MaxAddresses)]
}

// withoutReceipt says what an unconfirmed pairing means. Other errors it leaves as they are.
func (a *app) withoutReceipt(err error) (receipt bool, other error) {
	if errors.Is(err, pairing.ErrNoReceipt) {
		a.note("the other device did not say that it has heard of this; if it shows an error there, what is below holds all the same")
		return false, nil
	}
	return err == nil, err
}
