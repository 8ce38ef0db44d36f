package commands

import (
	"context"

	"github.com/spf13/cobra"

	"evault/repo"
)

func newRemote(a *app) *cobra.Command {
	list := newRemoteList(a)
	cmd := group("remote", "List, add, remove and rename remotes",
		`A remote is a place that holds a copy of the vault and can read none of it: a folder on a USB disk, a machine reached over
SSH, a friend's host reached over TLS. Without a verb the remotes are listed. Addresses are

  /mnt/usb/vault, file:///mnt/usb/vault            a folder
  user@nas:backup, ssh://user@nas:22/srv/backup    a folder on a machine with evault, over SSH
  evault://friend.example:4722/#DEVICE-ID          a host that runs "evault serve"; "evault identity" there shows its ID`,
		`  evault remote add usb /mnt/usb/vault
  evault remote add friend evault://friend.example/#ABCDEFG-...
  evault remote list`,
		list, newRemoteAdd(a), newRemoteRemove(a), newRemoteRename(a), newRemoteSetURL(a))
	without := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return list.RunE(cmd, args)
		}
		return without(cmd, args)
	}
	return cmd
}

type remoteJSON struct {
	schema
	Name     string            `json:"name"`
	URL      string            `json:"url"`
	Branches map[string]string `json:"branches"`
	Action   string            `json:"action,omitempty"` // "removed", "renamed"
	OldName  string            `json:"old_name,omitempty"`
}

func remoteDocument(one repo.Remote) remoteJSON {
	out := remoteJSON{schema: schemaOf("remote"), Name: one.Name, URL: one.URL, Branches: map[string]string{}}
	for _, b := range one.Branches {
		out.Branches[b.Name] = b.ID.String()
	}
	return out
}

func newRemoteList(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the remotes, with addresses as clone takes them",
		Example: `  evault remote list
  evault remote list --json`,
		Args: between(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withVault(cmd.Context(), repo.ReadOnly, func(v *openVault) error {
				for _, one := range v.Remotes() {
					if a.flags.json {
						if err := a.emit(remoteDocument(one)); err != nil {
							return err
						}
						continue
					}
					a.printf("%s\t%s\n", one.Name, harmless(one.URL))
				}
				return nil
			})
		},
	}
}

func newRemoteAdd(a *app) *cobra.Command {
	var o repo.AddRemoteOptions
	cmd := &cobra.Command{
		Use: "add NAME URL", Short: "Make a place known under a name",
		Long: `Make a place known under a name. Nothing is sent: "evault push NAME" does that, and makes the store there if there is none.

evault remembers which store it has seen under a name and address, and stops (exit code 21) when another one is in its place.
--new-store forgets that: for another disk under the old path, or a friend who began anew.`,
		Example: `  evault remote add usb /mnt/usb/vault
  evault remote add nas nas:backup/photos
  evault remote add friend evault://friend.example/#ABCDEFG-...`,
		Args: between(2, 2, "a name and an address"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withVault(cmd.Context(), repo.Writing, func(v *openVault) error {
				said := len(v.Notes())
				one, err := v.AddRemote(cmd.Context(), args[0], args[1], o)
				if err != nil {
					return err
				}
				for _, n := range v.Notes()[said:] {
					a.note("%s", n)
				}
				return a.remoteDone(one)
			})
		},
	}
	cmd.Flags().BoolVar(&o.NewStore, "new-store", false, "expect another store than the one seen there before")
	return cmd
}

func newRemoteRemove(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Aliases: []string{"rm"}, Short: "Forget a remote; what is stored there stays",
		Example: `  evault remote remove usb`,
		Args:    between(1, 1, "a remote"), ValidArgsFunction: a.completeRemotes(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeRemote(cmd.Context(), args[0], "removed", "", func(v *openVault) error { return v.RemoveRemote(cmd.Context(), args[0]) })
		},
	}
}

func newRemoteRename(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "rename OLD NEW", Short: "Give a remote another name",
		Example: `  evault remote rename origin friend`,
		Args:    between(2, 2, "an old and a new name"), ValidArgsFunction: a.completeRemotes(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeRemote(cmd.Context(), args[0], "renamed", args[1], func(v *openVault) error {
				return v.RenameRemote(cmd.Context(), args[0], args[1])
			})
		},
	}
}

func newRemoteSetURL(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "set-url NAME URL", Short: "Change the address of a remote",
		Example: `  evault remote set-url usb /media/disk/vault`,
		Args:    between(2, 2, "a remote and an address"), ValidArgsFunction: a.completeRemotes(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withVault(cmd.Context(), repo.Writing, func(v *openVault) error {
				one, err := v.SetRemoteURL(cmd.Context(), args[0], args[1])
				if err != nil {
					return err
				}
				return a.remoteDone(one)
			})
		},
	}
}

// remoteDone reports one remote; like git it is silent about what was asked for.
func (a *app) remoteDone(one repo.Remote) error {
	if a.flags.json {
		return a.emit(remoteDocument(one))
	}
	if a.flags.verbose {
		a.printf("%s\t%s\n", one.Name, harmless(one.URL))
	}
	return nil
}

// changeRemote removes or renames a remote.
func (a *app) changeRemote(ctx context.Context, name, action, newName string, change func(*openVault) error) error {
	return a.withVault(ctx, repo.Writing, func(v *openVault) error {
		var was repo.Remote
		for _, one := range v.Remotes() {
			if one.Name == name {
				was = one
			}
		}
		if err := change(v); err != nil || !a.flags.json {
			return err
		}
		out := remoteDocument(was)
		out.Action = action
		if newName != "" {
			out.Name, out.OldName = newName, name
		}
		return a.emit(out)
	})
}
