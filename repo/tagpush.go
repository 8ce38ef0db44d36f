package repo

import (
	"context"
	"strings"

	"evault/objects"
)

// judgeTag says what becomes of a tag at the remote. Tags do not move: one that is there is replaced only where that was
// asked for. diverged are the different tags of that name there, if several devices have put them there apart from each
// other: to delete the tag there settles that.
func (p *pushing) judgeTag(u *RefUpdate, diverged []objects.ID) {
	switch {
	case u.New.IsZero() && u.Old.IsZero(), u.Old == u.New && len(diverged) == 0:
		u.Kind = UpdateUpToDate
	case u.New.IsZero():
		u.Kind = UpdateDeleted
	case u.Old.IsZero():
		u.Kind = UpdateNew
	case u.Old == u.New:
		u.Kind, u.Reason = UpdateRefused, "several devices have made different tags of that name there: --delete it there first"
	case p.o.Rewrite:
		u.Kind = UpdateRewritten
	default:
		u.Kind, u.Reason = UpdateRefused, "another tag of that name is there"
	}
}

// decideTags adds the annotated tags that follow the branches on their way: of commits that the remote will have, and by
// names that it does not have.
func (p *pushing) decideTags(ctx context.Context) error {
	var tips []objects.ID
	named := map[string]bool{}
	for _, u := range p.result.Updates {
		named[u.full()] = true
		if u.Tag == "" && u.Kind != UpdateRefused && !u.New.IsZero() {
			tips = append(tips, u.New)
		}
	}
	found, err := p.repo.tagsWithin(ctx, tips, func(full string, id, commit objects.ID) bool {
		_, there := p.refs.View().Ref(full)
		return !there && !named[full] && id != commit
	})
	if err != nil {
		return err
	}
	for _, full := range found {
		if err := p.decideOne(ctx, full); err != nil {
			return err
		}
	}
	return nil
}

// tagsWithin gives the full names of the tags of this vault, ascending, that want asks for and whose commits are tips or
// their ancestors. A tag that cannot be trusted or read is left out.
func (r *Repository) tagsWithin(ctx context.Context, tips []objects.ID, want func(full string, id, commit objects.ID) bool) ([]string, error) {
	var names []string
	at := map[string]objects.ID{}
	for full, id := range r.refs.View().All() {
		if !isTag(full) {
			continue
		}
		if commit, err := r.peelRef(ctx, full, id); err == nil && want(full, id, commit) {
			names, at[full] = append(names, full), commit
		}
	}
	return r.within(ctx, tips, names, at)
}

// within keeps those names whose commits are tips or ancestors of tips.
func (r *Repository) within(ctx context.Context, tips []objects.ID, names []string, at map[string]objects.ID) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	db, err := r.database()
	if err != nil {
		return nil, err
	}
	var commits []objects.ID
	for _, name := range names {
		commits = append(commits, at[name])
	}
	outside := map[objects.ID]bool{}
	err = objects.Between(ctx, db, commits, tips, func(id objects.ID, _ *objects.Commit) error {
		outside[id] = true
		return nil
	})
	var inside []string
	for _, name := range names {
		if !outside[at[name]] {
			inside = append(inside, name)
		}
	}
	return inside, err
}

// updateOf is an update of the ref with a full name.
func updateOf(full string) RefUpdate {
	if tag, ok := strings.CutPrefix(full, tagPrefix); ok {
		return RefUpdate{Tag: tag}
	}
	return RefUpdate{Branch: strings.TrimPrefix(full, branchPrefix)}
}

// full is the name of the ref at the remote.
func (u *RefUpdate) full() string {
	if u.Tag != "" {
		return tagPrefix + u.Tag
	}
	return branchPrefix + u.Branch
}
