package repo

import "fmt"

// SkippedPath is a path that an import left out.
type SkippedPath struct {
	Path   string
	Reason string
	Commit string // the first one that has it, by its ID in git
	Count  int64  // how often a commit changed it
}

// SkippedRef is a ref that an import left out.
type SkippedRef struct {
	Ref    string // as git names it in full
	Reason string
}

// ChangedCommit is something that an import could not take over as it is.
type ChangedCommit struct {
	Commit string // its ID in git
	Change string
}

// importReport gathers what is not as it was in git: nothing of that is silent, and nothing of it without a bound.
type importReport struct {
	skipped      []SkippedPath
	skippedCount int64 // all of them, those that are not listed included
	at           map[string]int
	changed      []ChangedCommit
	changedCount int64
	signed       int64 // signatures of git that were left out
}

func newImportReport() *importReport { return &importReport{at: map[string]int{}} }

func (r *importReport) skip(path, why, commit string) {
	r.skippedCount++
	if i, ok := r.at[path]; ok {
		r.skipped[i].Count++
		return
	}
	if len(r.skipped) < maxListed {
		r.at[path] = len(r.skipped)
		r.skipped = append(r.skipped, SkippedPath{path, why, commit, 1})
	}
}

func (r *importReport) change(commit, what string) {
	r.changedCount++
	if len(r.changed) < maxListed {
		r.changed = append(r.changed, ChangedCommit{commit, what})
	}
}

// notes are sentences about a whole repository.
func (h *gitHistory) notes(o *ImportOptions) (list []string) {
	if h.shallow {
		list = append(list, "the repository is a shallow clone: what came before its oldest commits is not there, and so not here")
	}
	if h.others > 0 {
		list = append(list, fmt.Sprintf("%d of its refs are neither branches nor tags (remotes, notes, stash) and were left out; "+
			"\"git clone --mirror\" makes a repository in which branches of remotes are its own", h.others))
	}
	if h.head == "" && len(o.Branches) == 0 {
		list = append(list, "its HEAD is detached: commits that are in no branch and no tag were left out")
	}
	return list
}
