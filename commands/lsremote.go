package commands

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"evault/repo"
)

func newLsRemote(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "ls-remote [REMOTE | URL]",
		Short: "Show the branches and tags of a remote, or the vaults at an address",
		Long: `Show where the branches of a remote are now, and behind them its tags as tags/NAME, without fetching what they need. Of a signed
tag the ID is that of the tag object. With an address instead of a name, show the IDs of the vaults that this device may read
there: that needs no vault.`,
		Example: `  evault ls-remote friend
  evault ls-remote evault://friend.example/#ABCDEFG-...`,
		Args:              between(0, 1, "at most one remote or address"),
		ValidArgsFunction: a.completeRemotes(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && strings.ContainsAny(args[0], ":/.\\") {
				return a.listVaults(cmd.Context(), args[0])
			}
			err := a.listRemote(cmd.Context(), args)
			if errors.Is(err, repo.ErrNoVault) && len(args) == 1 { // then it can only be a folder
				return a.listVaults(cmd.Context(), args[0])
			}
			return err
		},
	}
}

type lsRemoteJSON struct {
	schema
	Branch string `json:"branch,omitempty"`
	Commit string `json:"commit,omitempty"`
	Tag    string `json:"tag,omitempty"`
	ID     string `json:"id,omitempty"`
	Vault  string `json:"vault,omitempty"`
}

func (a *app) listRemote(ctx context.Context, args []string) error {
	return a.withVault(ctx, repo.Writing, func(v *openVault) error {
		return a.eachRemote(v, false, args, func(name string) error {
			r, err := v.ListRemote(ctx, name)
			if r == nil {
				return err
			}
			a.screen.clear()
			a.showProblems(r.Remote, r.Problems)
			for _, b := range r.Branches {
				if !a.flags.json {
					a.printf("%s\t%s\n", b.ID, harmless(b.Name))
					continue
				}
				if jsonErr := a.emit(lsRemoteJSON{schema: schemaOf("ls-remote"), Branch: b.Name, Commit: b.ID.String()}); jsonErr != nil {
					return errors.Join(err, jsonErr)
				}
			}
			return errors.Join(err, a.listRemoteTags(r))
		})
	})
}

func (a *app) listRemoteTags(r *repo.RemoteListing) error {
	for _, t := range r.Tags {
		if !a.flags.json {
			a.printf("%s\ttags/%s\n", t.ID, harmless(t.Name))
			continue
		}
		if err := a.emit(lsRemoteJSON{schema: schemaOf("ls-remote"), Tag: t.Name, ID: t.ID.String()}); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) listVaults(ctx context.Context, address string) error {
	config, err := a.openConfigHome()
	if err != nil {
		return err
	}
	list, err := repo.ListVaults(ctx, repo.Places{Config: config}, a.settings(), address)
	if err := errors.Join(err, config.Close()); err != nil {
		return err
	}
	if len(list) == 0 {
		a.note("%s holds no vault that this device may read", quoted(address))
	}
	for _, v := range list {
		if !a.flags.json {
			a.printf("%s\n", v)
			continue
		}
		if err := a.emit(lsRemoteJSON{schema: schemaOf("ls-remote"), Vault: v.String()}); err != nil {
			return err
		}
	}
	return nil
}
