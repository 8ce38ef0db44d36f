package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"evault/objects"
	"evault/refs"
)

// tagUpdates compares the tags of the remote with those here. A tag that is here already stays what it is, whatever the
// remote has by that name; one that is gone there stays here. Those that are new are taken if they lead to what branches lead
// to, or all of them where that was asked for: signatures checked, and nothing missing that they need.
func (c *conversation) tagUpdates(ctx context.Context, o FetchOptions, branches []RefUpdate) ([]RefUpdate, error) {
	ours, theirs := c.repo.refs.View(), c.refs.View()
	var list, fresh []RefUpdate
	for full, id := range theirs.All() {
		if !isTag(full) {
			continue
		}
		u := updateOf(full)
		u.New = id
		here, exists := ours.Ref(full)
		switch diverged := divergedIDs(theirs, full); {
		case len(diverged) > 0 && (!exists || !slices.Contains(diverged, here)):
			u.Kind, u.Reason = UpdateDiverged, "several devices have made different tags of that name there, so none is taken"
			list = append(list, u)
		case exists && here == id || len(diverged) > 0:
		case exists:
			u.Old, u.Kind, u.Reason = here, UpdateRefused, "another tag of that name is here, and stays"
			list = append(list, u)
		default:
			u.Kind = UpdateNew
			fresh = append(fresh, u)
		}
	}
	if !o.DryRun {
		var err error
		if fresh, err = c.soundTags(ctx, o, fresh, branches); err != nil {
			return nil, err
		}
	}
	list = append(list, fresh...)
	slices.SortFunc(list, func(a, b RefUpdate) int { return strings.Compare(a.Tag, b.Tag) })
	return list, nil
}

// soundTags keeps the new tags that are wanted, and marks those of them with which something is wrong.
func (c *conversation) soundTags(ctx context.Context, o FetchOptions, fresh, branches []RefUpdate) ([]RefUpdate, error) {
	var known []objects.ID // checked before, or just now
	for full, id := range c.repo.refs.View().All() {
		if !isTag(full) {
			known = append(known, id)
		}
	}
	for _, u := range branches {
		if u.Kind != UpdateUnreachable && !u.New.IsZero() {
			known = append(known, u.New)
		}
	}
	commits, names := map[string]objects.ID{}, []string{}
	for i := range fresh {
		u := &fresh[i]
		commit, err := c.tagCommit(ctx, u)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == nil {
			commits[u.Tag], names = commit, append(names, u.Tag)
			continue
		}
		c.holdBack(u, err)
	}
	if !o.Tags {
		var err error
		if names, err = c.repo.within(ctx, known, names, commits); err != nil {
			return nil, err
		}
		fresh = slices.DeleteFunc(fresh, func(u RefUpdate) bool { return u.Kind == UpdateNew && !slices.Contains(names, u.Tag) })
	}
	return fresh, c.connectTags(ctx, fresh, commits, known)
}

// tagCommit follows a remote's tag to its commit, which is here and as its signature says.
func (c *conversation) tagCommit(ctx context.Context, u *RefUpdate) (objects.ID, error) {
	if err := refs.ValidateTagName(u.Tag); err != nil {
		return objects.ID{}, fmt.Errorf("%w: %w", ErrSecurity, err)
	}
	commit, err := c.repo.peelRef(ctx, u.full(), u.New)
	if err != nil {
		return commit, err
	}
	_, err = c.repo.loadCommit(ctx, commit)
	return commit, err
}

// connectTags makes sure that all that new tags need is here: of all at once, and of each by itself if that fails.
func (c *conversation) connectTags(ctx context.Context, fresh []RefUpdate, commits map[string]objects.ID, known []objects.ID) error {
	var tips []objects.ID
	for _, u := range fresh {
		if u.Kind == UpdateNew {
			tips = append(tips, commits[u.Tag])
		}
	}
	if len(tips) == 0 || c.repo.connected(ctx, tips, known) == nil {
		return ctx.Err()
	}
	for i := range fresh {
		u := &fresh[i]
		if u.Kind != UpdateNew {
			continue
		}
		if err := c.repo.connected(ctx, []objects.ID{commits[u.Tag]}, known); err != nil {
			if ctx.Err() != nil || !isDamage(err) && !isSecurity(err) {
				return errors.Join(ctx.Err(), err)
			}
			c.holdBack(u, err)
		}
	}
	return nil
}

// holdBack leaves a tag out of what is taken, and says why.
func (c *conversation) holdBack(u *RefUpdate, err error) {
	u.Kind, u.Reason = UpdateUnreachable, err.Error()
	c.suspect(fmt.Errorf("tag %s of %s: %w", u.Tag, c.name, err))
}

// keptTags is the error of a fetch that was asked for all tags and could not take some, because others are here by their names.
func keptTags(o FetchOptions, result *FetchResult) error {
	var names []string
	for _, u := range result.Updates {
		if u.Tag != "" && (u.Kind == UpdateRefused || u.Kind == UpdateDiverged) {
			names = append(names, u.Tag)
		}
	}
	if !o.Tags || len(names) == 0 {
		return nil
	}
	return &kindError{ErrOtherTag, result.Remote + " has other tags of these names: " + strings.Join(names, ", "), nil}
}
