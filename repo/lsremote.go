package repo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"evault/keys"
	"evault/refs"
	"evault/remote"
)

// RemoteListing is what a remote holds now, as far as its records say.
type RemoteListing struct {
	Remote   string
	URL      string
	Branches []refs.Ref // without prefix, ascending
	Tags     []refs.Ref // without prefix, ascending: tag objects, or commits
	Problems []error    // as FetchResult.Problems
}

// ListRemote reads keys and logs of a remote and says where its branches and tags are. It fetches no packs and moves nothing here.
func (r *Repository) ListRemote(ctx context.Context, name string) (*RemoteListing, error) {
	if name == "" {
		var err error
		if name, err = r.defaultRemote(); err != nil {
			return nil, err
		}
	}
	c, err := r.converse(ctx, name, converseOptions{})
	if err != nil {
		return nil, err
	}
	if err := c.learn(ctx); err != nil {
		return nil, errors.Join(err, c.close())
	}
	out := &RemoteListing{Remote: name, URL: c.url.String(), Problems: unique(c.problems)}
	for full, id := range c.refs.View().All() {
		if branch, ok := strings.CutPrefix(full, branchPrefix); ok {
			out.Branches = append(out.Branches, refs.Ref{Name: branch, ID: id})
		}
		if tag, ok := strings.CutPrefix(full, tagPrefix); ok {
			out.Tags = append(out.Tags, refs.Ref{Name: tag, ID: id})
		}
	}
	return out, errors.Join(verdict(out.Problems), c.close())
}

// ListVaults asks a place which vaults it lets this device read. It needs no vault.
func ListVaults(ctx context.Context, p Places, s Settings, address string) ([]keys.VaultID, error) {
	u, err := remote.ParseURL(address, s.Dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	id, _, err := EnsureIdentity(p, s)
	if err != nil {
		return nil, err
	}
	if s.Dial == nil {
		return nil, fmt.Errorf("%w: this program has no remotes", remote.ErrUnreachable)
	}
	site, err := s.Dial(ctx, u, DialOptions{Identity: id})
	if err != nil {
		return nil, placed(u, err)
	}
	list, err := site.Vaults(ctx)
	return list, errors.Join(err, site.Close())
}
