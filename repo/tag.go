package repo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"evault/objects"
	"evault/pack"
)

// maxTagDepth bounds tags of tags: a hostile member could make a chain without an end.
const maxTagDepth = 8

// ErrOtherTag says that a remote has another tag of the same name. It is ErrConflict.
var ErrOtherTag = fmt.Errorf("%w: another tag of that name", ErrConflict)

// loadTag reads one tag object and checks its signature by the rule for commits: a device that some accepted roster has
// listed has made it. objects.ErrNotFound also says that the object is no tag.
func (r *Repository) loadTag(ctx context.Context, id objects.ID) (*objects.Tag, error) {
	db, err := r.database()
	if err != nil {
		return nil, err
	}
	data, err := db.Get(ctx, id, objects.KindTag)
	if err != nil {
		return nil, fmt.Errorf("tag %s: %w", id.Short(), err)
	}
	t, err := objects.DecodeTag(data)
	if err != nil {
		return nil, fmt.Errorf("tag %s: %w", id.Short(), err)
	}
	if err := r.vault.VerifyTag(t.Device, t.SigningHash(), t.Signature); err != nil {
		return nil, fmt.Errorf("%w: tag %s: %w", ErrSecurity, id.Short(), err)
	}
	return t, nil
}

// followTags goes from a tag object to what is no tag object any more, a commit unless something is wrong, and tells each,
// if it is not nil, of every tag object on the way. An object that is missing is taken for a commit: whoever loads it as one
// sees that.
func (r *Repository) followTags(ctx context.Context, id objects.ID, each func(objects.ID, *objects.Tag) error) (objects.ID, error) {
	for range maxTagDepth {
		t, err := r.loadTag(ctx, id)
		if errors.Is(err, objects.ErrNotFound) {
			return id, nil
		}
		if err != nil {
			return id, err
		}
		if each != nil {
			if err := each(id, t); err != nil {
				return id, err
			}
		}
		id = t.Target
	}
	return id, fmt.Errorf("%w: tags nested deeper than %d", ErrDamaged, maxTagDepth)
}

// peel follows an ID to its commit, through tag objects whose signatures are checked. A wrong one is ErrSecurity.
func (r *Repository) peel(ctx context.Context, id objects.ID) (objects.ID, error) {
	return r.followTags(ctx, id, nil)
}

// peelRef is peel for what a ref points at. A tag object also says what it is called, under its signature. Whoever moves
// refs could put one that another member has signed under another name, so a tag of another name than its ref is
// ErrSecurity.
func (r *Repository) peelRef(ctx context.Context, full string, id objects.ID) (objects.ID, error) {
	name, ok := strings.CutPrefix(full, tagPrefix)
	if !ok {
		return r.peel(ctx, id)
	}
	outermost := true
	commit, err := r.followTags(ctx, id, func(_ objects.ID, t *objects.Tag) error {
		if outermost && t.Name != name {
			return fmt.Errorf("%w: it was signed as tag %q", ErrSecurity, t.Name)
		}
		outermost = false
		return nil
	})
	if err != nil {
		return commit, fmt.Errorf("tag %q: %w", name, err)
	}
	return commit, nil
}

// tagTargets gives the names of the tags of each commit, ascending, without prefix. Tags that cannot be followed are left
// out.
func (r *Repository) tagTargets(ctx context.Context) map[objects.ID][]string {
	at := map[objects.ID][]string{}
	for full, id := range r.refs.View().All() {
		if !isTag(full) {
			continue
		}
		if commit, err := r.peelRef(ctx, full, id); err == nil {
			at[commit] = append(at[commit], strings.TrimPrefix(full, tagPrefix))
		}
	}
	return at
}

// signTag makes this device the signer of a tag. All other fields must be set.
func (r *Repository) signTag(t *objects.Tag) (err error) {
	t.Device = r.vault.DevicePublicKey()
	t.Signature, err = r.vault.SignTag(t.SigningHash())
	return err
}

// makeTag signs a tag object and stores it: durable, in the packs given, but nothing names it before a record does.
func (r *Repository) makeTag(ctx context.Context, t *objects.Tag) (objects.ID, []pack.PackInfo, error) {
	if err := r.signTag(t); err != nil {
		return objects.ID{}, nil, err
	}
	data, err := t.Encode()
	if err != nil {
		return objects.ID{}, nil, err
	}
	db, err := r.database()
	if err != nil {
		return objects.ID{}, nil, err
	}
	s := db.NewSession(pack.SessionOptions{})
	defer s.Abort()
	id, err := s.NewFrames().Put(objects.KindTag, data)
	if err != nil {
		return id, nil, fmt.Errorf("storing the tag: %w", err)
	}
	packs, err := s.Commit(ctx)
	if err != nil {
		return id, nil, fmt.Errorf("storing the tag: %w", err)
	}
	return id, packs, nil
}
