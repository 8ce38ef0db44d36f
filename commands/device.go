package commands

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"evault/keys"
	"evault/repo"
)

func newDevice(a *app) *cobra.Command {
	return group("device", "List, add and remove the devices that are members of the vault",
		`A vault has members: devices, each with one of three roles. A reader reads; what it pushes, every other member refuses. A
writer commits and pushes, too. An admin changes the members, too. Changes are made here and travel with the next push.

A new device joins alone by "evault clone" with the passphrase or recovery words, as an admin. Or an admin lets it in:

  new device$ evault identity --request VAULT-ID > request     (device list -v shows the vault's ID)
  this device$ evault device add request
  this device$ evault push`,
		`  evault device list
  evault device add request --role admin
  evault device remove "old laptop"`,
		newDeviceList(a), newDeviceAdd(a), newDeviceRemove(a), newDeviceRename(a), newDeviceRole(a), newDeviceReconcile(a))
}

type deviceJSON struct {
	schema
	Vault     string `json:"vault"`
	Label     string `json:"label"`
	Role      string `json:"role"`
	State     string `json:"state"`
	Device    string `json:"device"`
	Key       string `json:"key"`
	This      bool   `json:"this"`
	Added     string `json:"added,omitempty"`
	Removed   string `json:"removed,omitempty"`
	RemovedBy string `json:"removed_by,omitempty"`
}

func (a *app) deviceDocument(v *openVault, d repo.DeviceInfo) deviceJSON {
	out := deviceJSON{
		schema: schemaOf("device"), Vault: v.VaultID().String(), Label: d.Label, Role: d.Role.String(), State: string(d.State),
		Device: d.Device.String(), Key: hex.EncodeToString(d.Key[:]), This: d.This, RemovedBy: d.RemovedBy,
		Added: timeJSON(d.Added.In(a.env.Now().Location())),
	}
	if !d.Removed.IsZero() {
		out.Removed = timeJSON(d.Removed.In(a.env.Now().Location()))
	}
	return out
}

func newDeviceList(a *app) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the devices of the vault",
		Long: `List the devices of the vault: how each begins its ID, its role and its name. --all also lists those that were removed;
-v shows whole IDs, times, and before all the ID of the vault.`,
		Example: `  evault device list
  evault device list --all -v`,
		Args: between(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runDeviceList(cmd.Context(), all) },
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "also list former devices")
	return cmd
}

func (a *app) runDeviceList(ctx context.Context, all bool) error {
	return a.withVault(ctx, repo.ReadOnly, func(v *openVault) error {
		if a.flags.verbose && !a.flags.json {
			a.printf("vault %s\n", v.VaultID())
		}
		for _, d := range v.Devices() {
			if d.State != repo.DeviceMember && !all {
				continue
			}
			if a.flags.json {
				if err := a.emit(a.deviceDocument(v, d)); err != nil {
					return err
				}
				continue
			}
			a.printDevice(d)
		}
		if v.MembersConflict() {
			a.note("two admins have changed the members apart from each other; what either removed is removed, and nothing more can be changed until \"evault device reconcile\"")
		}
		return nil
	})
}

// shortDevice is the first group of a device ID: enough to name the device to "device remove".
func shortDevice(id keys.DeviceID) string {
	group, _, _ := strings.Cut(id.String(), "-")
	return group
}

func (a *app) printDevice(d repo.DeviceInfo) {
	id := shortDevice(d.Device)
	if a.flags.verbose {
		id = d.Device.String()
	}
	line := fmt.Sprintf("%s  %-6s  %s", id, d.Role, quoted(d.Label))
	if d.This {
		line += "  (this device)"
	}
	switch d.State {
	case repo.DeviceRemoved:
		line += "  (removed " + a.day(d.Removed) + byWhom(d.RemovedBy) + ")"
	case repo.DeviceLeftOut:
		line += "  (only another admin's list has it)"
	default:
		if a.flags.verbose {
			line += "  (since " + a.day(d.Added) + ")"
		}
	}
	a.printf("%s\n", line)
}

func (a *app) day(t time.Time) string { return t.In(a.env.Now().Location()).Format(time.DateOnly) }

func byWhom(label string) string {
	if label == "" {
		return ""
	}
	return " by " + quoted(label)
}

type deviceAddOptions struct {
	role, device string
	yes          bool
}

func newDeviceAdd(a *app) *cobra.Command {
	var o deviceAddOptions
	cmd := &cobra.Command{
		Use:   "add FILE|-|REQUEST",
		Short: "Make a device a member, by the request that it wrote",
		Long: `Make a device a member, by the request that "evault identity --request" wrote on it: a file, stdin, or the line itself. The
request is signed by the device whose ID is shown; compare that with what "evault identity" shows on the device, or give
what you expect with --device. The push that follows carries the membership.

Its role is writer unless --role says otherwise. Make it an admin if it is to let other devices in; a device that could
fall into wrong hands is better a writer, because an admin can remove you.`,
		Example: `  evault device add request
  evault device add request --role admin --device ABCDEFG-...`,
		Args: between(1, 1, "a file with a request, or - for stdin"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runDeviceAdd(cmd, args[0], o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.role, "role", "", "reader, writer or admin (`ROLE`; a new device becomes a writer)")
	f.StringVar(&o.device, "device", "", "add it only if this is its `ID`")
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	return cmd
}

func parseRole(cmd *cobra.Command, text string) (keys.Role, error) {
	for _, role := range []keys.Role{keys.RoleReader, keys.RoleWriter, keys.RoleAdmin} {
		if text == role.String() {
			return role, nil
		}
	}
	return 0, usagef(cmd, "a role is reader, writer or admin, not %q", text)
}

func (a *app) runDeviceAdd(cmd *cobra.Command, from string, o deviceAddOptions) (err error) {
	var role keys.Role
	if o.role != "" {
		if role, err = parseRole(cmd, o.role); err != nil {
			return err
		}
	}
	request, err := a.readDeviceRequest(from)
	if err != nil {
		return err
	}
	if err := a.checkRequester(cmd, request, o, from == "-"); err != nil {
		return err
	}
	return a.withVault(cmd.Context(), repo.Writing, func(v *openVault) error {
		d, err := v.AddDevice(cmd.Context(), request, role)
		if err != nil {
			return err
		}
		if a.flags.json {
			return a.emit(a.deviceDocument(v, *d))
		}
		a.say("%s is now a member, as %s: device %s\n", quoted(d.Label), d.Role, d.Device)
		a.sayPush()
		return nil
	})
}

func (a *app) sayPush() { a.say("The next push tells the remotes.\n") }

// checkRequester makes sure, as far as it can, that the request comes from the device that is meant.
func (a *app) checkRequester(cmd *cobra.Command, q repo.DeviceRequest, o deviceAddOptions, fromStdin bool) error {
	if o.device != "" {
		want, err := keys.ParseDeviceID(o.device)
		if err != nil {
			return usagef(cmd, "--device: %w", err)
		}
		if q.Device != want {
			return fmt.Errorf("%w: it is of device %s, and %s was expected", repo.ErrRequestChanged, q.Device, want)
		}
		return nil
	}
	if o.yes || fromStdin || !a.canConfirm() {
		return nil
	}
	return a.confirm(cmd.Context(), fmt.Sprintf("%s asks to join. Does \"evault identity\" show this on it?\n  %s\n", quoted(q.Label), q.Device))
}

// readDeviceRequest reads a request from stdin, from a file, or takes the line itself.
func (a *app) readDeviceRequest(from string) (q repo.DeviceRequest, err error) {
	text := from
	switch {
	case from == "-":
		text, err = readLimited(a.env.Stdin, repo.MaxDeviceRequest)
	case !strings.HasPrefix(from, repo.DeviceRequestPrefix):
		text, err = a.readRequestFile(from)
	}
	if err != nil {
		return q, err
	}
	if q, err = repo.ParseDeviceRequest(text); err != nil && from != text {
		return q, fmt.Errorf("%s: %w", quoted(from), err)
	}
	return q, err
}

func (a *app) readRequestFile(name string) (text string, err error) {
	f, err := os.Open(a.absolute(name))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return readLimited(io.Reader(f), repo.MaxDeviceRequest)
}
