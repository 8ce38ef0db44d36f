package commands

import (
	"errors"

	"github.com/spf13/cobra"

	"evault/internal/vfs"
	"evault/keys"
	"evault/remote"
	"evault/repo"
)

type identityOptions struct {
	recipient      bool
	request, label string
}

func newIdentity(a *app) *cobra.Command {
	var o identityOptions
	cmd := &cobra.Command{
		Use:   "identity",
		Short: "Show the ID of this device, and make its identity if there is none",
		Long: `Show the ID of this device, by which other devices and hosts know it, on the first line. Its identity, one file that
only you can read, is made if there is none. No vault is needed.

--request prints one line instead, which holds no secret: what an admin of a vault gives to "evault device add" to make this
device a member. VAULT is the vault's ID, or an address with it, as "evault remote list" shows.`,
		Example: `  evault identity
  evault identity --recipient
  evault identity --request 5a3d1073f353d4d0c160dcaaf849485ac14f420fc394b2a7f0869d98c53cfdce > request`,
		Args: between(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runIdentity(cmd, o) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.recipient, "recipient", false, "show on a second line the age recipient that encrypts to this device")
	f.StringVar(&o.request, "request", "", "print the request to become a member of `VAULT`")
	f.StringVar(&o.label, "label", "", "how this device calls itself in the request (`NAME`; else the name of the machine)")
	return cmd
}

type identityJSON struct {
	schema
	Device    string `json:"device"`
	Recipient string `json:"recipient"`
	Created   bool   `json:"created"`
	Request   string `json:"request,omitempty"`
}

func (a *app) runIdentity(cmd *cobra.Command, o identityOptions) error {
	var vault keys.VaultID
	if o.request != "" {
		var err error
		if vault, err = a.vaultOf(cmd, o.request); err != nil {
			return err
		}
	} else if o.label != "" {
		return usagef(cmd, "--label is for --request")
	}
	config, err := a.openConfigHome()
	if err != nil {
		return err
	}
	return errors.Join(a.showIdentity(config, o, vault), config.Close())
}

// vaultOf takes a vault's ID, or an address with one.
func (a *app) vaultOf(cmd *cobra.Command, text string) (keys.VaultID, error) {
	if id, err := keys.ParseVaultID(text); err == nil {
		return id, nil
	}
	if u, err := remote.ParseURL(text, a.dir); err == nil && !u.Vault.IsZero() {
		return u.Vault, nil
	}
	return keys.VaultID{}, usagef(cmd, "--request: %q is neither a vault's ID (64 digits) nor an address with one", text)
}

func (a *app) showIdentity(config vfs.FS, o identityOptions, vault keys.VaultID) error {
	id, created, err := repo.EnsureIdentity(repo.Places{Config: config}, a.settings())
	if err != nil {
		return err
	}
	document := identityJSON{schemaOf("identity"), id.DeviceID().String(), id.Recipient(), created, ""}
	if !vault.IsZero() {
		label := o.label
		if label == "" {
			label = hostName()
		}
		request, err := repo.NewDeviceRequest(id, vault, label)
		if err != nil {
			return err
		}
		document.Request = request.Encode()
	}
	switch {
	case a.flags.json:
		return a.emit(document)
	case document.Request != "":
		a.printf("%s\n", document.Request)
	default:
		a.printf("%s\n", id.DeviceID())
	}
	if o.recipient {
		a.printf("%s\n", id.Recipient())
	}
	if created && !a.flags.quiet {
		a.note("made the identity of this device")
	}
	return nil
}
