package repo

import (
	"context"
	"fmt"
	"strings"

	"evault/objects"
	"evault/refs"
)

// TagOptions say what to tag and how.
type TagOptions struct {
	Name     string
	Revision string // empty: HEAD
	Annotate bool   // make a signed tag object, with Message; else the ref leads straight to the commit
	Message  string // of an annotated tag; if it is empty MessageFunc is asked
	// MessageFunc is asked for the message when all else is in order. Nil: an empty message is an error.
	MessageFunc func() (string, error)
	Force       bool // replace a tag of that name
}

// CreateTag names a commit for good. The order of writes of an annotated tag is a commit's: the pack with the tag object,
// then the record in the log, which is the commit point. It gives the tag, and what a tag of the same name held before. To
// repeat a call that was interrupted at its end is no error, here and in DeleteTag: the opening of the vault has completed it.
func (r *Repository) CreateTag(ctx context.Context, o TagOptions) (tag *TagInfo, replaced objects.ID, err error) {
	if err := refs.ValidateTagName(o.Name); err != nil {
		return nil, replaced, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	replaced, exists := r.refs.View().Ref(tagPrefix + o.Name)
	commit, _, err := r.ResolveCommit(ctx, o.Revision)
	if err != nil {
		return nil, replaced, err
	}
	op := refs.Operation{Name: "tag", Description: "create " + o.Name}
	if exists && !o.Force {
		if done := r.tagInfo(ctx, o.Name, replaced); done.Commit == commit && (done.Tag != nil) == o.Annotate {
			if finished, err := r.recordedAlready(ctx, op); finished || err != nil {
				return &done, objects.ID{}, err
			}
		}
		return nil, replaced, conflictf("tag %q exists already (-f replaces it)", o.Name)
	}
	if exists {
		op.Description = "replace " + o.Name
	}
	id := commit
	if o.Annotate {
		if id, err = r.annotate(ctx, o, commit, &op); err != nil {
			return nil, replaced, err
		}
	}
	if id != replaced {
		op.Changes = []refs.Change{{Name: tagPrefix + o.Name, Old: replaced, New: id}}
		if err := r.record(ctx, op); err != nil {
			return nil, replaced, err
		}
	}
	r.noteSameName(o.Name)
	info := r.tagInfo(ctx, o.Name, id)
	return &info, replaced, nil
}

// annotate stores the tag object and notes its packs in the operation.
func (r *Repository) annotate(ctx context.Context, o TagOptions, commit objects.ID, op *refs.Operation) (objects.ID, error) {
	if o.Message == "" && o.MessageFunc != nil {
		var err error
		if o.Message, err = o.MessageFunc(); err != nil {
			return objects.ID{}, err
		}
	}
	if strings.TrimSpace(o.Message) == "" {
		return objects.ID{}, usagef("an annotated tag needs a message")
	}
	t := &objects.Tag{Target: commit, Name: o.Name, Tagger: r.tagger(), Message: o.Message}
	t.Time, t.ZoneMinutes = stamp(r.settings.now())
	id, packs, err := r.makeTag(ctx, t)
	if err != nil {
		return id, err
	}
	for _, p := range packs {
		op.PacksAdded = append(op.PacksAdded, refs.Pack{Name: p.Name, Size: uint64(p.Size)})
	}
	op.PacksNeeded = op.PacksAdded
	return id, nil
}

// tagger is whom a tag names, as a commit names its author.
func (r *Repository) tagger() string {
	if r.config.User.Name != "" {
		return r.config.User.Name
	}
	return r.settings.Author
}

// noteSameName says so if a branch is called as a tag that was just made: revisions find the branch first.
func (r *Repository) noteSameName(name string) {
	if _, ok := r.refs.View().Ref(branchPrefix + name); ok {
		r.notes = append(r.notes, fmt.Sprintf("there is a branch %s, too: as a revision that name means the branch, and %s%s the tag", name, tagPrefix, name))
	}
}

// DeleteTag removes a tag and gives what it held. The tag object stays in the vault, so that undo can bring the tag back.
func (r *Repository) DeleteTag(ctx context.Context, name string) (objects.ID, error) {
	id, ok := r.refs.View().Ref(tagPrefix + name)
	op := refs.Operation{Name: "tag", Description: "delete " + name, Changes: []refs.Change{{Name: tagPrefix + name, Old: id}}}
	if ok {
		return id, r.record(ctx, op)
	}
	if finished, err := r.recordedAlready(ctx, op); finished || err != nil {
		return id, err
	}
	return id, r.noTag(name)
}
