package repo

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"evault/objects"
)

// TagInfo is one tag of the vault.
type TagInfo struct {
	Name    string
	ID      objects.ID   // what the ref holds: a tag object, or the commit itself
	Commit  objects.ID   // what is tagged; zero if that cannot be found out
	Tag     *objects.Tag // nil of a lightweight tag, which nobody has signed
	Subject string       // first line of the tag's message; of a lightweight one, of the commit's
	Message string       // whole, of the same
	Time    time.Time    // when the tag was made; of a lightweight one, the commit; in the zone of whoever did
	Signer  *DeviceInfo  // of the tag object; nil of a lightweight tag
	Err     error        // why the tag cannot be trusted or read; the fields above are then set as far as they are known
	commit  *objects.Commit
}

// TagListOptions choose the tags that Tags lists.
type TagListOptions struct {
	Patterns []string // only names that match one; "*" matches anything, slashes too; none: all
	ByTime   bool     // oldest first; else by name
	Reverse  bool
}

// Tags lists tags. One that cannot be trusted is listed with the reason.
func (r *Repository) Tags(ctx context.Context, o TagListOptions) ([]TagInfo, error) {
	for _, p := range o.Patterns {
		if _, err := matchTag(p, ""); err != nil {
			return nil, usagef("pattern %q: %v", p, err)
		}
	}
	var list []TagInfo
	for full, id := range r.refs.View().All() {
		name, ok := strings.CutPrefix(full, tagPrefix)
		if !ok || !matchesAny(o.Patterns, name) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		list = append(list, r.tagInfo(ctx, name, id))
	}
	if o.ByTime {
		slices.SortStableFunc(list, func(a, b TagInfo) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Name, b.Name)) })
	}
	if o.Reverse {
		slices.Reverse(list)
	}
	return list, nil
}

// TagNames gives the names of all tags, ascending, without looking at what they point at.
func (r *Repository) TagNames() []string {
	var names []string
	for full := range r.refs.View().All() {
		if name, ok := strings.CutPrefix(full, tagPrefix); ok {
			names = append(names, name)
		}
	}
	return names
}

// Tag describes one tag; with a wrong signature, or one that fits another name, the error is ErrSecurity.
func (r *Repository) Tag(ctx context.Context, name string) (*TagInfo, error) {
	short := strings.TrimPrefix(name, tagPrefix)
	id, ok := r.refs.View().Ref(tagPrefix + short)
	if !ok {
		return nil, r.noTag(short)
	}
	t := r.tagInfo(ctx, short, id)
	return &t, t.Err
}

func (r *Repository) noTag(name string) error {
	return fmt.Errorf("%w: no tag %q%s", ErrUnknownRevision, name, r.suggest(name))
}

// tagInfo reads what a tag's ref points at.
func (r *Repository) tagInfo(ctx context.Context, name string, id objects.ID) TagInfo {
	info := TagInfo{Name: name, ID: id}
	commit, err := r.followTags(ctx, id, func(_ objects.ID, t *objects.Tag) error {
		if info.Tag == nil {
			info.describe(t)
			info.Signer = r.signer(t.Device)
		}
		return nil
	})
	if err == nil {
		_, err = r.peelRef(ctx, tagPrefix+name, id)
	}
	if err == nil {
		info.commit, err = r.loadCommit(ctx, commit)
	}
	if err != nil {
		info.Err = fmt.Errorf("tag %q: %w", name, err)
		if strings.HasPrefix(err.Error(), "tag ") {
			info.Err = err
		}
		return info
	}
	info.Commit = commit
	if info.Tag == nil {
		info.Message, info.Subject = info.commit.Message, firstLine(info.commit.Message)
		info.Time = instantOf(info.commit.Time, info.commit.ZoneMinutes)
	}
	return info
}

func (t *TagInfo) describe(tag *objects.Tag) {
	t.Tag, t.Message, t.Subject = tag, tag.Message, firstLine(tag.Message)
	t.Time = instantOf(tag.Time, tag.ZoneMinutes)
}

// instantOf is a recorded time in the zone where it was recorded.
func instantOf(t objects.Time, zoneMinutes int16) time.Time {
	return time.Unix(t.Sec, int64(t.Nsec)).In(time.FixedZone("", int(zoneMinutes)*60))
}

// signer says which device a signing key belongs to, be it a member still or not. Nil: none that was ever listed.
func (r *Repository) signer(key [32]byte) *DeviceInfo {
	list := r.Devices()
	i := slices.IndexFunc(list, func(d DeviceInfo) bool { return d.Key == key })
	if i < 0 {
		return nil
	}
	return &list[i]
}

func matchesAny(patterns []string, name string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := matchTag(p, name)
		return ok && err == nil
	})
}

// matchTag matches as git does for tags: "*" and "?" match slashes too. No name holds the byte 1.
func matchTag(pattern, name string) (bool, error) {
	return path.Match(strings.ReplaceAll(pattern, "/", "\x01"), strings.ReplaceAll(name, "/", "\x01"))
}
