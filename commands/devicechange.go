package commands

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"evault/repo"
)

// whatRemovalLeaves says in plain words what "device remove" cannot do.
const whatRemovalLeaves = `What it has read it has, with the keys it knew: nothing can take that back. What it pushed so far stays valid; what it pushes
from now on, every member refuses that has heard of the removal. A host knows no members: its owner closes the door with
"evault peer revoke", or you do on a host of yours. If somebody else holds the device, also change the passphrase and the
recovery words that were used on it ("evault key").`

func newDeviceRemove(a *app) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "remove DEVICE",
		Short: "Take a device out of the vault",
		Long: `Take a device, given by its name or the beginning of its ID, out of the vault, for good: to come back it needs a new
identity.

` + whatRemovalLeaves + `

Fetch from all remotes first: what the device pushed and no other device has fetched does not count any more. Removing it
again after a fetch adds remotes that were not known here.`,
		Example: `  evault device remove "old laptop"
  evault device remove ABCDEFG --yes`,
		Args: between(1, 1, "a device"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runDeviceRemove(cmd, args[0], yes) },
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

type deviceRemoveJSON struct {
	deviceJSON
	Logs  int      `json:"logs"`
	Notes []string `json:"notes"`
}

func (a *app) runDeviceRemove(cmd *cobra.Command, which string, yes bool) error {
	ctx := cmd.Context()
	if !yes {
		var err error
		if which, err = a.confirmRemoval(cmd, which); err != nil {
			return err
		}
	}
	return a.withVault(ctx, repo.Writing, func(v *openVault) error {
		result, err := v.RemoveDevice(ctx, which)
		if err != nil {
			return err
		}
		d := result.Device
		if a.flags.json {
			document := deviceRemoveJSON{a.deviceDocument(v, d), result.Cutoffs, nonNil(result.Notes)}
			document.schema = schemaOf("device-remove")
			return a.emit(document)
		}
		a.say("%s is no member any more (device %s)\n", quoted(d.Label), shortDevice(d.Device))
		a.sayPush()
		for _, n := range result.Notes {
			a.note("%s", n)
		}
		return nil
	})
}

// confirmRemoval asks about the device that is meant, without the vault's lock, and gives its ID.
func (a *app) confirmRemoval(cmd *cobra.Command, which string) (id string, err error) {
	if !a.canConfirm() {
		return "", usagef(cmd, "to remove a device without a terminal to ask on takes --yes")
	}
	var d repo.DeviceInfo
	err = a.withVault(cmd.Context(), repo.ReadOnly, func(v *openVault) error {
		d, err = v.FindDevice(which)
		return err
	})
	if err != nil {
		return "", err
	}
	a.complain(whatRemovalLeaves)
	return d.Device.String(), a.confirm(cmd.Context(), fmt.Sprintf("Remove %s (%s, %s) from this vault?", quoted(d.Label), d.Role, shortDevice(d.Device)))
}

func newDeviceRename(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "rename DEVICE NAME",
		Short:   "Give a device another name",
		Long:    `Give a device, given by its name or the beginning of its ID, another name. Every member sees it; hosts do not.`,
		Example: `  evault device rename localhost "kitchen laptop"`,
		Args:    between(2, 2, "a device and a name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeDevice(cmd, func(v *openVault) (*repo.DeviceInfo, error) {
				return v.RenameDevice(cmd.Context(), args[0], args[1])
			})
		},
	}
}

func newDeviceRole(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "role DEVICE ROLE",
		Short: "Make a device a reader, a writer or an admin",
		Long: `Make a device, given by its name or the beginning of its ID, a reader, a writer or an admin. The last admin stays one.

Taking a right away binds an honest device only: a dishonest one can go on under its earlier role. A device in wrong hands is
to be removed.`,
		Example: `  evault device role "kitchen laptop" admin`,
		Args:    between(2, 2, "a device and a role"),
		RunE: func(cmd *cobra.Command, args []string) error {
			role, err := parseRole(cmd, args[1])
			if err != nil {
				return err
			}
			return a.changeDevice(cmd, func(v *openVault) (*repo.DeviceInfo, error) {
				return v.SetDeviceRole(cmd.Context(), args[0], role)
			})
		},
	}
}

func (a *app) changeDevice(cmd *cobra.Command, change func(*openVault) (*repo.DeviceInfo, error)) error {
	return a.withVault(cmd.Context(), repo.Writing, func(v *openVault) error {
		d, err := change(v)
		if err != nil {
			return err
		}
		if a.flags.json {
			return a.emit(a.deviceDocument(v, *d))
		}
		a.say("%s  %s  %s\n", shortDevice(d.Device), d.Role, quoted(d.Label))
		a.sayPush()
		return nil
	})
}

func newDeviceReconcile(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "reconcile",
		Short: "Settle what two admins changed apart from each other",
		Long: `Settle what two admins changed apart from each other, on an admin device. The members as this device has them stay, less
everything that either admin removed; devices that only the other one added are shown, and have to be added again.`,
		Example: `  evault device reconcile`,
		Args:    between(0, 0, ""),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.runDeviceReconcile(cmd) },
	}
}

type deviceReconcileJSON struct {
	schema
	LeftOut []deviceJSON `json:"left_out"`
}

func (a *app) runDeviceReconcile(cmd *cobra.Command) error {
	return a.withVault(cmd.Context(), repo.Writing, func(v *openVault) error {
		left, err := v.ReconcileMembers(cmd.Context())
		if err != nil {
			return err
		}
		if a.flags.json {
			document := deviceReconcileJSON{schemaOf("device-reconcile"), []deviceJSON{}}
			for _, d := range left {
				document.LeftOut = append(document.LeftOut, a.deviceDocument(v, d))
			}
			return a.emit(document)
		}
		a.say("The members are settled.\n")
		a.sayPush()
		var names []string
		for _, d := range left {
			names = append(names, quoted(d.Label))
		}
		if len(names) > 0 {
			a.note("only the other admin had added these, and they are no members now: %s", strings.Join(names, ", "))
		}
		return nil
	})
}
