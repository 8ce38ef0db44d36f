package commands

import (
	"errors"

	"github.com/spf13/cobra"

	"evault/internal/vfs"
	"evault/repo"
)

func newIdentity(a *app) *cobra.Command {
	var recipient bool
	cmd := &cobra.Command{
		Use:   "identity",
		Short: "Show the ID of this device, and make its identity if there is none",
		Long: `Show the ID of this device, by which other devices and hosts know it, on the first line. Its identity, one file that
only you can read, is made if there is none. No vault is needed.`,
		Example: `  evault identity
  evault identity --recipient`,
		Args: between(0, 0, ""),
		RunE: func(*cobra.Command, []string) error { return a.runIdentity(recipient) },
	}
	cmd.Flags().BoolVar(&recipient, "recipient", false, "show on a second line the age recipient that encrypts to this device")
	return cmd
}

type identityJSON struct {
	schema
	Device    string `json:"device"`
	Recipient string `json:"recipient"`
	Created   bool   `json:"created"`
}

func (a *app) runIdentity(recipient bool) error {
	config, err := a.openConfigHome()
	if err != nil {
		return err
	}
	return errors.Join(a.showIdentity(config, recipient), config.Close())
}

func (a *app) showIdentity(config vfs.FS, recipient bool) error {
	id, created, err := repo.EnsureIdentity(repo.Places{Config: config}, a.settings())
	if err != nil {
		return err
	}
	if a.flags.json {
		return a.emit(identityJSON{schemaOf("identity"), id.DeviceID().String(), id.Recipient(), created})
	}
	a.printf("%s\n", id.DeviceID())
	if recipient {
		a.printf("%s\n", id.Recipient())
	}
	if created && !a.flags.quiet {
		a.note("made the identity of this device")
	}
	return nil
}
