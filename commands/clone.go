package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"evault/internal/vfs"
	"evault/remote"
	"evault/repo"
)

type cloneOptions struct {
	repo.CloneOptions
	dir  string
	bare bool
}

func newClone(a *app) *cobra.Command {
	var o cloneOptions
	cmd := &cobra.Command{
		Use:   "clone URL [DIR]",
		Short: "Get a vault back from a remote, or onto a new device",
		Long: `Make a vault in DIR from what a remote holds, and check out the branch that was last worked on. "evault remote --help" shows
the addresses; "evault remote list" on another device prints them complete.

The vault is opened by this device's slot, if an admin device has admitted it and the address names the vault; else by the
passphrase or the recovery words, and then this device becomes a member of its own. An interrupted clone is continued by
the same command.

--bare makes no work tree: DIR becomes another place to push to and clone from, with all branches, as a USB disk is.`,
		Example: `  evault clone /mnt/usb/vault
  evault clone user@nas:backup photos
  evault clone evault://friend.example/#ABCDEFG-... documents
  evault clone --bare friend:vault /mnt/usb/vault`,
		Args: between(1, 2, "an address and a folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.URL = args[0]
			if len(args) > 1 {
				o.dir = args[1]
			}
			if o.bare {
				if o.Branch != "" || len(args) < 2 {
					return usagef(cmd, "--bare takes every branch, and needs a folder")
				}
				return a.runCloneBare(cmd.Context(), o)
			}
			return a.runClone(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.Remote, "origin", "o", "origin", "what to call the remote (`NAME`)")
	f.StringVarP(&o.Branch, "branch", "b", "", "check out this `BRANCH`")
	f.BoolVar(&o.NoCheckout, "no-checkout", false, "fetch only, write no files")
	f.BoolVar(&o.bare, "bare", false, "make a place to push to, without a work tree")
	f.StringVar(&o.Label, "label", "", "what to call this device in the vault (default: its host name)")
	return cmd
}

type cloneJSON struct {
	schema
	Vault       string     `json:"vault"`
	WorkTree    string     `json:"work_tree"`
	Device      string     `json:"device,omitempty"`
	NewIdentity bool       `json:"new_identity"`
	Admitted    bool       `json:"admitted"`
	Continued   bool       `json:"continued"`
	Branch      string     `json:"branch,omitempty"`
	Commit      string     `json:"commit,omitempty"`
	Fetch       *fetchJSON `json:"fetch,omitempty"`
	Written     int64      `json:"written"`
	Notes       []string   `json:"notes"`
	Error       string     `json:"error,omitempty"`
}

func (a *app) runClone(ctx context.Context, o cloneOptions) (failed error) {
	if o.dir == "" {
		u, err := remote.ParseURL(o.URL, a.dir)
		if err != nil {
			return err
		}
		if o.dir = folderName(u); o.dir == "" {
			return fmt.Errorf("%w: say into which folder: the address has no name that could be it", repo.ErrUsage)
		}
	}
	_, statErr := os.Lstat(a.absolute(o.dir))
	root, err := a.makeWorkTree(o.dir)
	if err != nil {
		return err
	}
	defer func() {
		if failed != nil && errors.Is(statErr, fs.ErrNotExist) {
			removeEmpty(root)
		}
	}()
	places, err := a.openPlaces(root, false)
	if err != nil {
		return err
	}
	if !a.flags.json {
		a.say("Cloning into %s\n", quoted(root))
		if err := a.out.Flush(); err != nil {
			return err
		}
	}
	r, err := repo.Clone(ctx, places, a.settings(), o.CloneOptions)
	if err := errors.Join(err, closePlaces(places)); r == nil {
		return err
	}
	a.screen.clear()
	return errors.Join(err, a.showClone(root, r, err))
}

// removeEmpty takes back a folder that was made for nothing. One that holds something by now stays.
func removeEmpty(dir string) {
	parent, err := vfs.Open(filepath.Dir(dir))
	if err != nil {
		return
	}
	_ = parent.Remove(filepath.Base(dir)) // the failure that matters is being reported
	_ = parent.Close()
}

// folderName is what git would call the folder: the last name of the address.
func folderName(u remote.URL) string {
	name := path.Base(strings.TrimRight(strings.ReplaceAll(u.Path, `\`, "/"), "/"))
	if name == "." || name == "/" || name == "~" {
		return ""
	}
	return name
}

func (a *app) showClone(root string, r *repo.CloneResult, failed error) error {
	if a.flags.json {
		out := cloneJSON{schema: schemaOf("clone"), Error: errorText(failed), Vault: r.Vault.String(), WorkTree: root, NewIdentity: r.NewIdentity, Admitted: r.Admitted,
			Continued: r.Continued, Branch: r.Branch, Commit: r.Commit, Notes: nonNil(r.Notes)}
		if !r.Continued {
			out.Device = r.Device.String()
		}
		if r.Fetch != nil {
			doc := fetchDocument(r.Fetch, nil)
			out.Fetch = &doc
		}
		if r.Checkout != nil {
			out.Written = r.Checkout.Written
		}
		return a.emit(out)
	}
	if r.Fetch != nil {
		a.showFetch(r.Fetch, false)
	}
	if r.Admitted {
		a.say("This device is now a member of the vault\n")
	}
	if r.Checkout != nil {
		a.say("On branch %s: %s written\n", r.Branch, count(r.Checkout.Written, "file"))
		for _, p := range r.Checkout.Problems {
			a.note("%s", p)
		}
	} else if r.Branch == "" && r.Fetch != nil && failed == nil {
		a.note("the remote has no branch yet")
	}
	for _, n := range r.Notes {
		a.note("%s", n)
	}
	return nil
}
