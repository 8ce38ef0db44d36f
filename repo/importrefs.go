package repo

import (
	"fmt"
	"strings"

	"evault/internal/fastexport"
	"evault/objects"
	"evault/refs"
)

// ImportedRef is a branch or tag of the repository, and what became of it.
type ImportedRef struct {
	Git    string // its full name in git
	Ref    string // and in the vault: "heads/main", "tags/v1"
	Old    objects.ID
	New    objects.ID
	Commit objects.ID // New, or what the tag names
	Kind   UpdateKind // UpdateNew, UpdateForward, UpdateUpToDate, UpdateRefused
}

// refMaker turns refs of git into changes of refs here.
type refMaker struct {
	*commitMaker
	tags    map[gitID]*fastexport.Tag
	byMark  map[fastexport.Mark]*fastexport.Tag
	ids     map[objects.ID]*imported
	refs    []ImportedRef
	skipped []SkippedRef
}

func newRefMaker(m *commitMaker, tags []*fastexport.Tag) *refMaker {
	r := &refMaker{commitMaker: m, tags: map[gitID]*fastexport.Tag{}, byMark: map[fastexport.Mark]*fastexport.Tag{}, ids: map[objects.ID]*imported{}}
	for _, t := range tags {
		if id, ok := parseGitID(t.Original); ok {
			r.tags[id] = t
		}
		if t.Mark != 0 {
			r.byMark[t.Mark] = t
		}
	}
	for _, c := range m.byID {
		r.ids[c.id] = c
	}
	return r
}

// run decides about every ref.
func (r *refMaker) run() error {
	for _, ref := range r.history.refs {
		out := ImportedRef{Git: ref.full}
		why, err := r.target(ref, &out)
		if err != nil {
			return fmt.Errorf("%s: %w", ref.full, err)
		}
		if why != "" {
			r.skipped = append(r.skipped, SkippedRef{ref.full, why})
			continue
		}
		r.judge(&out)
		r.refs = append(r.refs, out)
	}
	return nil
}

// target finds or makes what the ref is to point at; why says why it is left out.
func (r *refMaker) target(ref gitRef, out *ImportedRef) (why string, err error) {
	if name, ok := strings.CutPrefix(ref.full, gitHeads); ok {
		out.Ref = branchPrefix + importRefName(r.o.Prefix, name, refs.ValidateBranchName)
	} else {
		out.Ref = tagPrefix + importRefName(r.o.Prefix, strings.TrimPrefix(ref.full, gitTags), refs.ValidateTagName)
	}
	switch ref.kind {
	case "commit":
		c := r.byID[ref.id]
		if c == nil {
			return "", fmt.Errorf("%w: it was moved while it was being read; run the import again", ErrIncomplete)
		}
		out.New, out.Commit = c.id, c.id
		return "", nil
	case "tag":
		return r.tag(ref, out)
	}
	return "it names a " + ref.kind + ", and not a commit", nil
}

// tag makes the object of an annotated tag. Tags of tags name the commit at their end.
func (r *refMaker) tag(ref gitRef, out *ImportedRef) (why string, err error) {
	t := r.tags[ref.id]
	if t == nil {
		return "it names no commit", nil
	}
	from := t.From.Mark
	for range maxTagDepth {
		next, ok := r.byMark[from]
		if !ok {
			break
		}
		from = next.From.Mark
	}
	c := r.commitMaker.byMark[from]
	if c == nil {
		return "it names no commit", nil
	}
	out.Commit = c.id
	out.New, err = r.putTag(t, strings.TrimPrefix(out.Ref, tagPrefix), c.id, ref.full)
	return "", err
}

func (r *refMaker) putTag(t *fastexport.Tag, name string, commit objects.ID, full string) (objects.ID, error) {
	tag := &objects.Tag{Target: commit, Name: name}
	note := func(what string) {
		if what != "" {
			r.report.change(full, what)
		}
	}
	if t.Tagger != nil {
		var who, zone string
		tag.Tagger, who = importPerson(t.Tagger)
		tag.ZoneMinutes, zone = importZone(t.Tagger)
		tag.Time.Sec = t.Tagger.Sec
		note(who)
		note(zone)
	}
	text, signed := cutSignature(t.Message)
	if signed {
		r.report.signed++
	}
	var changed string
	tag.Message, changed = importMessage(text)
	note(changed)
	if err := r.repo.signTag(tag); err != nil {
		return objects.ID{}, err
	}
	data, err := tag.Encode()
	if err != nil {
		return objects.ID{}, err
	}
	return r.sink.Put(objects.KindTag, data)
}

// cutSignature takes the signature off the message of a tag: it covers git's bytes, and could not be checked here.
func cutSignature(message string) (text string, signed bool) {
	for _, kind := range []string{"PGP SIGNATURE", "PGP MESSAGE", "SSH SIGNATURE", "SIGNED MESSAGE"} {
		line := "-----BEGIN " + kind + "-----"
		if strings.HasPrefix(message, line) {
			return "", true
		}
		if at := strings.LastIndex(message, "\n"+line); at >= 0 {
			return message[:at+1], true
		}
	}
	return message, false
}

// judge compares with the ref of that name which is here.
func (r *refMaker) judge(out *ImportedRef) {
	old, exists := r.repo.refs.View().Ref(out.Ref)
	out.Old = old
	switch {
	case !exists:
		out.Kind = UpdateNew
	case old == out.New:
		out.Kind = UpdateUpToDate
	case !isTag(out.Ref) && r.descends(out.New, old):
		out.Kind = UpdateForward
	default:
		out.Kind = UpdateRefused
	}
}

// descends says whether one commit comes after another. Only an imported one can come before an imported one.
func (r *refMaker) descends(newer, older objects.ID) bool {
	target := r.ids[older]
	if target == nil {
		return false
	}
	seen := map[*imported]bool{}
	next := []*imported{r.ids[newer]}
	for len(next) > 0 {
		c := next[len(next)-1]
		next = next[:len(next)-1]
		if c == target {
			return true
		}
		for _, p := range c.parents {
			if !seen[p] && p.generation >= target.generation {
				seen[p] = true
				next = append(next, p)
			}
		}
	}
	return false
}

// twice names two refs of git that would be one here, if there are such.
func (r *refMaker) twice() error {
	names := map[string]string{}
	for _, ref := range r.refs {
		if other, ok := names[ref.Ref]; ok {
			return conflictf("%s and %s would both be called %s here", other, ref.Git, ref.Ref)
		}
		names[ref.Ref] = ref.Git
	}
	return nil
}
