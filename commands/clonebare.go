package commands

import (
	"context"
	"errors"
	"path/filepath"

	"evault/internal/vfs"
	"evault/repo"
)

// runCloneBare makes a folder into another store of the vault: a clone without files beside it, a push of all branches and tags from
// there, and the clone goes. Interrupted, the same command continues with what is there.
func (a *app) runCloneBare(ctx context.Context, o cloneOptions) error {
	target := a.absolute(o.dir)
	parent, err := vfs.Open(filepath.Dir(target))
	if err != nil {
		return err
	}
	defer parent.Close()
	name := "." + filepath.Base(target) + ".evault-clone"
	root, err := a.makeWorkTree(filepath.Join(filepath.Dir(target), name))
	if err != nil {
		return err
	}
	o.NoCheckout = true
	result, err := a.cloneAside(ctx, root, o, target)
	if err != nil {
		return err
	}
	if err := parent.RemoveAll(name); err != nil {
		return err
	}
	if a.flags.json {
		return a.emit(pushDocument(result, false, 0, nil))
	}
	a.showPush(result, false)
	return nil
}

// cloneAside clones into root and pushes all branches and tags to the folder target.
func (a *app) cloneAside(ctx context.Context, root string, o cloneOptions, target string) (result *repo.PushResult, err error) {
	places, err := a.openPlaces(root, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closePlaces(places)) }()
	if unfinished, err := repo.CloneUnfinished(places); err != nil {
		return nil, err
	} else if unfinished {
		if _, err := repo.Clone(ctx, places, a.settings(), o.CloneOptions); err != nil {
			return nil, err
		}
	}
	if places.Vault, err = places.Work.Sub(repo.VaultDir); err != nil {
		return nil, err
	}
	r, err := repo.Open(ctx, places, a.settings(), repo.Writing)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if _, err := r.BranchFromRemote(ctx, o.Remote); err != nil {
		return nil, err
	}
	if _, err := r.AddRemote(ctx, bareRemote, target, repo.AddRemoteOptions{}); err != nil && !errors.Is(err, repo.ErrConflict) {
		return nil, err
	}
	return r.Push(ctx, repo.PushOptions{Remote: bareRemote, All: true, Tags: true})
}

// bareRemote is what the clone beside calls the folder.
const bareRemote = "bare"
