package repo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"evault/internal/nearest"
	"evault/objects"
)

// ResolveCommit finds the commit that a revision names:
//
//	HEAD, @           where the work tree is
//	main, v1, heads/main
//	friend/main       a branch of a remote, as last seen
//	0123abcd          the beginning of an ID, 4 digits or more; of a commit that no ref leads to, 8
//	REV~2, REV^, REV^2   ancestors, as in git
//	main@{1}, @{1}    what a branch, or HEAD, was so many operations ago
//	main@{yesterday}, @{2026-11-20 08:00}, @{3 days ago}   what it was then
//
// It fails with ErrUnknownRevision.
func (r *Repository) ResolveCommit(ctx context.Context, rev string) (objects.ID, *objects.Commit, error) {
	base, steps := splitSteps(rev)
	id, err := r.resolveBase(ctx, base)
	if err != nil {
		return objects.ID{}, nil, err
	}
	c, err := r.loadCommit(ctx, id)
	if err != nil {
		return objects.ID{}, nil, err
	}
	for len(steps) > 0 {
		var step ancestorStep
		if step, steps, err = cutStep(steps); err != nil {
			return objects.ID{}, nil, fmt.Errorf("%w %q: %w", ErrUnknownRevision, rev, err)
		}
		for range step.times {
			if step.parent > len(c.Parents) {
				return objects.ID{}, nil, fmt.Errorf("%w %q: commit %s has %s", ErrUnknownRevision, rev, id.Short(), parentsInWords(len(c.Parents)))
			}
			id = c.Parents[step.parent-1]
			if c, err = r.loadCommit(ctx, id); err != nil {
				return objects.ID{}, nil, err
			}
		}
	}
	return id, c, nil
}

func parentsInWords(n int) string {
	switch n {
	case 0:
		return "no parent"
	case 1:
		return "one parent"
	}
	return fmt.Sprintf("%d parents", n)
}

// ResolveRange finds the commits that revisions begin a history at, and those that they leave out with all before them:
//
//	REV      begin at REV
//	^REV     leave out REV
//	A..B     ^A B
//	A...B    A B, without what both descend from
//
// A or B missing is HEAD. It fails with ErrUnknownRevision.
func (r *Repository) ResolveRange(ctx context.Context, revisions []string) (from, without []objects.ID, err error) {
	for _, rev := range revisions {
		a, b, dots := cutRange(rev)
		switch {
		case dots > 0:
			var x, y objects.ID
			if x, _, err = r.ResolveCommit(ctx, a); err != nil {
				return nil, nil, err
			}
			if y, _, err = r.ResolveCommit(ctx, b); err != nil {
				return nil, nil, err
			}
			if dots == 2 {
				from, without = append(from, y), append(without, x)
				continue
			}
			bases, err := r.mergeBases(ctx, x, y)
			if err != nil {
				return nil, nil, err
			}
			from, without = append(from, x, y), append(without, bases...)
		case strings.HasPrefix(rev, "^"):
			id, _, err := r.ResolveCommit(ctx, rev[1:])
			if err != nil {
				return nil, nil, err
			}
			without = append(without, id)
		default:
			id, _, err := r.ResolveCommit(ctx, rev)
			if err != nil {
				return nil, nil, err
			}
			from = append(from, id)
		}
	}
	return from, without, nil
}

// cutRange takes A..B or A...B apart and says how many dots there were; 0: it is no range. No ref has two dots in a row.
func cutRange(rev string) (a, b string, dots int) {
	if a, b, ok := strings.Cut(rev, "..."); ok {
		return a, b, 3
	}
	if a, b, ok := strings.Cut(rev, ".."); ok && !strings.Contains(rev, "/") || ok && !strings.HasPrefix(rev, "..") {
		return a, b, 2
	}
	return "", "", 0
}

// mergeBases gives the best common ancestors of two commits.
func (r *Repository) mergeBases(ctx context.Context, a, b objects.ID) ([]objects.ID, error) {
	src, err := r.commitSource(ctx)
	if err != nil {
		return nil, err
	}
	return objects.MergeBases(ctx, src, a, b)
}

// splitSteps separates a name from the ~ and ^ behind it.
func splitSteps(rev string) (base, steps string) {
	from := strings.LastIndexByte(rev, '}') + 1 // ~ and ^ inside @{...} are text
	if i := strings.IndexAny(rev[from:], "~^"); i >= 0 {
		return rev[:from+i], rev[from+i:]
	}
	return rev, ""
}

// ancestorStep goes to the given parent (1 is the first), so many times.
type ancestorStep struct {
	parent, times int
}

const maxSteps = 1 << 20

func cutStep(s string) (ancestorStep, string, error) {
	sign, rest := s[0], s[1:]
	end := strings.IndexFunc(rest, func(c rune) bool { return c < '0' || c > '9' })
	if end < 0 {
		end = len(rest)
	}
	n := 1
	if end > 0 {
		var err error
		if n, err = strconv.Atoi(rest[:end]); err != nil || n > maxSteps {
			return ancestorStep{}, "", fmt.Errorf("%q is too large", rest[:end])
		}
	}
	rest = rest[end:]
	if rest != "" && rest[0] != '~' && rest[0] != '^' {
		return ancestorStep{}, "", fmt.Errorf("%q is not understood", rest)
	}
	if sign == '~' {
		return ancestorStep{parent: 1, times: n}, rest, nil
	}
	if n == 0 { // REV^0 is REV itself
		return ancestorStep{parent: 1, times: 0}, rest, nil
	}
	return ancestorStep{parent: n, times: 1}, rest, nil
}

func (r *Repository) resolveBase(ctx context.Context, name string) (objects.ID, error) {
	if ref, when, ok := cutWhen(name); ok {
		return r.resolveThen(ctx, name, ref, when)
	}
	view := r.refs.View()
	if name == "HEAD" || name == "@" || name == "" {
		if id := r.head(); !id.IsZero() {
			return id, nil
		}
		return objects.ID{}, fmt.Errorf("%w %q: there is no commit yet", ErrUnknownRevision, "HEAD")
	}
	for _, full := range []string{name, branchPrefix + name, tagPrefix + name, trackingPrefix + name, strings.TrimPrefix(name, "refs/")} {
		if id, ok := view.Ref(full); ok {
			return r.peelRef(ctx, full, id)
		}
	}
	if id, err := r.resolvePrefix(ctx, name); err != nil || !id.IsZero() {
		return id, err
	}
	return objects.ID{}, fmt.Errorf("%w %q%s", ErrUnknownRevision, name, r.suggest(name))
}

const (
	minPrefix      = 4 // digits, as in git
	minPrefixOfAll = 8 // digits for a commit that no ref leads to
	prefixExamples = 5
)

func (r *Repository) resolvePrefix(ctx context.Context, prefix string) (objects.ID, error) {
	if len(prefix) < minPrefix || len(prefix) > 64 || strings.Trim(prefix, "0123456789abcdef") != "" {
		return objects.ID{}, nil
	}
	found, err := r.commitsBeginning(ctx, prefix)
	if err != nil {
		return objects.ID{}, err
	}
	switch len(found) {
	case 0:
		return objects.ID{}, nil
	case 1:
		return found[0], nil
	}
	candidates := make([]string, 0, prefixExamples)
	for _, id := range found[:min(len(found), prefixExamples)] {
		c, err := r.loadCommit(ctx, id)
		if err != nil {
			return objects.ID{}, err
		}
		candidates = append(candidates, fmt.Sprintf("\n  %s  %s  %.60q", id.Short(), instantOf(c.Time, c.ZoneMinutes).Format("2006-01-02"), firstLine(c.Message)))
	}
	return objects.ID{}, fmt.Errorf("%w %q: %d commits begin so:%s", ErrUnknownRevision, prefix, len(found), strings.Join(candidates, ""))
}

// commitsBeginning finds the commits whose IDs begin so: among those that refs lead to, or else among all objects.
func (r *Repository) commitsBeginning(ctx context.Context, prefix string) (found []objects.ID, err error) {
	h, err := r.history(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range h.ids {
		if strings.HasPrefix(id.String(), prefix) {
			found = append(found, id)
		}
	}
	if len(found) > 0 || len(prefix) < minPrefixOfAll {
		return found, nil
	}
	db, err := r.database()
	if err != nil {
		return nil, err
	}
	for _, id := range db.FindPrefix(prefix, 1000) {
		if _, err := db.Get(ctx, id, objects.KindCommit); err == nil {
			found = append(found, id)
		}
	}
	return found, nil
}

// suggest names the refs that look like what was typed.
func (r *Repository) suggest(name string) string {
	names := func(yield func(string) bool) {
		for full := range r.refs.View().All() {
			if !yield(strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(full, branchPrefix), tagPrefix), trackingPrefix)) {
				return
			}
		}
	}
	near := nearest.Matches(name, names, 3)
	if len(near) == 0 {
		return ""
	}
	for i := range near {
		near[i] = strconv.Quote(near[i])
	}
	return " (did you mean " + strings.Join(near, " or ") + "?)"
}

// cutWhen splits "main@{yesterday}" into "main" and "yesterday".
func cutWhen(name string) (ref, when string, ok bool) {
	ref, rest, found := strings.Cut(name, "@{")
	if !found || !strings.HasSuffix(rest, "}") {
		return "", "", false
	}
	return ref, strings.TrimSuffix(rest, "}"), true
}

// resolveThen reads the log backwards for what a ref, or HEAD, was.
func (r *Repository) resolveThen(ctx context.Context, rev, ref, when string) (objects.ID, error) {
	count, countErr := strconv.Atoi(when)
	var at time.Time
	if countErr != nil {
		var err error
		if at, err = ParseTime(when, r.settings.now()); err != nil {
			return objects.ID{}, fmt.Errorf("%w %q: %w", ErrUnknownRevision, rev, err)
		}
	}
	positions, err := r.positions(ctx, ref)
	if err != nil {
		return objects.ID{}, err
	}
	if countErr == nil {
		if count < 0 || count >= len(positions) {
			return objects.ID{}, fmt.Errorf("%w %q: the log goes back %d steps", ErrUnknownRevision, rev, max(len(positions)-1, 0))
		}
		return positions[count].id, nil
	}
	for _, p := range positions {
		if !p.at.After(at) {
			return p.id, nil
		}
	}
	return objects.ID{}, fmt.Errorf("%w %q: the log does not go back so far", ErrUnknownRevision, rev)
}

// position is where a ref was from a time on.
type position struct {
	id objects.ID
	at time.Time
}

// positions lists where a branch was, or HEAD for the empty name, newest first.
func (r *Repository) positions(ctx context.Context, ref string) ([]position, error) {
	var out []position
	full := branchPrefix + strings.TrimPrefix(ref, branchPrefix)
	err := r.Reflog(ctx, 0, func(e *ReflogEntry) error {
		if ref == "" || ref == "HEAD" {
			if !e.Commit.IsZero() {
				out = append(out, position{e.Commit, e.Time})
			}
			return nil
		}
		for _, c := range e.Changes {
			if c.Name == full && !c.New.IsZero() {
				out = append(out, position{c.New, e.Time})
			}
		}
		return nil
	})
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("%w %q", ErrUnknownRevision, ref)
	}
	return out, err
}

var errTime = errors.New("not a time that is understood (try yesterday, 3 days ago, 2026-11-20, 2026-11-20 08:30)")

// ParseTime reads a time as people write it, relative to now: RFC 3339, a date with or without a time of day in now's
// zone, "now", "today", "yesterday", and "N seconds|minutes|hours|days|weeks|months|years ago".
func ParseTime(s string, now time.Time) (time.Time, error) {
	s = strings.TrimSpace(s)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05 -0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, nil
		}
	}
	switch s {
	case "now":
		return now, nil
	case "today":
		y, m, d := now.Date()
		return time.Date(y, m, d, 0, 0, 0, 0, now.Location()), nil
	case "yesterday":
		return now.AddDate(0, 0, -1), nil
	}
	return parseAgo(strings.Fields(strings.ReplaceAll(s, ".", " ")), now)
}

const maxAgo = 1 << 20

func parseAgo(words []string, now time.Time) (time.Time, error) {
	if len(words) < 2 || len(words) > 3 || len(words) == 3 && words[2] != "ago" {
		return time.Time{}, errTime
	}
	n, err := strconv.Atoi(words[0])
	if err != nil || n < 0 || n > maxAgo {
		return time.Time{}, errTime
	}
	switch strings.TrimSuffix(words[1], "s") {
	case "second":
		return now.Add(-time.Duration(n) * time.Second), nil
	case "minute":
		return now.Add(-time.Duration(n) * time.Minute), nil
	case "hour":
		return now.Add(-time.Duration(n) * time.Hour), nil
	case "day":
		return now.AddDate(0, 0, -n), nil
	case "week":
		return now.AddDate(0, 0, -7*n), nil
	case "month":
		return now.AddDate(0, -n, 0), nil
	case "year":
		return now.AddDate(-n, 0, 0), nil
	}
	return time.Time{}, errTime
}
