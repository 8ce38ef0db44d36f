package repo

import (
	"context"
	"path"
	"slices"
	"strings"

	"evault/objects"
)

// renameFile is one file of a comparison that may have been renamed.
type renameFile struct {
	path  string
	entry *objects.Entry
	// load gives the content of a file that is not in the store; nil: contentOf does.
	load func(ctx context.Context, limit int) ([]byte, error)
}

// rename says that the content of one path is, more or less, what another path held before.
type rename struct {
	from, to   string
	similarity int // in percent; 100: the same content
	copied     bool
}

// renameOptions choose what counts as a rename.
type renameOptions struct {
	threshold int  // least similarity in percent; 0: 50
	limit     int  // with more than limit times limit pairs to compare only exact renames are found; 0: 1000
	copies    bool // a source may be used again, and those that stay count too
}

const (
	defaultThreshold   = 50
	defaultRenameLimit = 1000
	exact              = 100
)

// findRenames matches added files with those that are gone, by the steps and limits that git's documentation describes under
// "diffcore-rename": the same content, then a base name that is unique on both sides and a content that is fairly similar, then
// any content that is similar enough, the most similar first. Empty files are never matched. Kept are files that were and
// are there; with o.copies they are sources of copies. The result is ascending by to, and the same however the work is
// shared out.
func (r *Repository) findRenames(ctx context.Context, src objects.Source, gone, added, kept []renameFile, o renameOptions) ([]rename, error) {
	if len(added) == 0 || len(gone) == 0 && (!o.copies || len(kept) == 0) {
		return nil, nil
	}
	if o.threshold == 0 {
		o.threshold = defaultThreshold
	}
	if o.limit == 0 {
		o.limit = defaultRenameLimit
	}
	m := newRenameMatch(src, gone, added, kept, o)
	m.exact()
	if o.threshold < exact {
		if err := m.similar(ctx); err != nil {
			return nil, err
		}
	}
	return m.result(), nil
}

// renameMatch is one search for renames.
type renameMatch struct {
	src     objects.Source
	o       renameOptions
	sources []renameSource
	targets []renameTarget
}

type renameSource struct {
	renameFile
	stays bool // the path is still there: only copies can come from it
	used  int
}

type renameTarget struct {
	renameFile
	from       int // index of its source, -1 for none
	similarity int
}

func newRenameMatch(src objects.Source, gone, added, kept []renameFile, o renameOptions) *renameMatch {
	m := &renameMatch{src: src, o: o}
	for _, f := range gone {
		if renamable(f.entry) {
			m.sources = append(m.sources, renameSource{renameFile: f})
		}
	}
	if o.copies {
		for _, f := range kept {
			if renamable(f.entry) {
				m.sources = append(m.sources, renameSource{renameFile: f, stays: true})
			}
		}
	}
	for _, f := range added {
		if renamable(f.entry) {
			m.targets = append(m.targets, renameTarget{renameFile: f, from: -1})
		}
	}
	slices.SortStableFunc(m.sources, func(a, b renameSource) int { return strings.Compare(a.path, b.path) })
	slices.SortStableFunc(m.targets, func(a, b renameTarget) int { return strings.Compare(a.path, b.path) })
	return m
}

// renamable says that a content tells something about where a file came from.
func renamable(e *objects.Entry) bool {
	return e != nil && (e.Type == objects.TypeFile && e.Size > 0 || e.Type == objects.TypeSymlink)
}

// contentKey is equal for equal contents, and only for them.
type contentKey struct {
	kind objects.EntryType
	id   objects.ID
	text string
}

func keyOfContent(e *objects.Entry) contentKey {
	return contentKey{e.Type, e.Content.ID, string(e.Content.Inline) + e.Target}
}

// exact matches equal contents; of several sources, one that is not used yet and one of the same base name is better.
func (m *renameMatch) exact() {
	byContent := map[contentKey][]int{}
	for i := range m.sources {
		k := keyOfContent(m.sources[i].entry)
		byContent[k] = append(byContent[k], i)
	}
	for t := range m.targets {
		if s := m.bestExact(&m.targets[t], byContent[keyOfContent(m.targets[t].entry)]); s >= 0 {
			m.match(s, t, exact)
		}
	}
}

// maxExactTried bounds the search among very many equal files.
const maxExactTried = 1000

func (m *renameMatch) bestExact(t *renameTarget, candidates []int) int {
	best, bestScore := -1, -1
	for n, s := range candidates {
		source := &m.sources[s]
		score := 0
		if source.used == 0 && !source.stays {
			score++
		} else if !m.o.copies {
			continue
		}
		if path.Base(source.path) == path.Base(t.path) {
			score++
		}
		if score > bestScore {
			best, bestScore = s, score
		}
		if score == 2 || n >= maxExactTried && best >= 0 {
			break
		}
	}
	return best
}

func (m *renameMatch) match(source, target, similarity int) {
	m.sources[source].used++
	m.targets[target].from, m.targets[target].similarity = source, similarity
}

// result lists what was matched. Of several targets of a file that is gone the last is where it went, and the others are
// copies, so that a patch can be applied in order.
func (m *renameMatch) result() []rename {
	var out []rename
	for _, t := range m.targets {
		if t.from < 0 {
			continue
		}
		s := &m.sources[t.from]
		s.used--
		copied := s.stays || s.used > 0
		if copied && s.entry.Type == objects.TypeSymlink { // is as short to say anew, and patch copies no links
			continue
		}
		out = append(out, rename{from: s.path, to: t.path, similarity: t.similarity, copied: copied})
	}
	return out
}
