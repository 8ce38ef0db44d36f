package commands

import (
	"fmt"
	"strings"

	"evault/repo"
)

// changeLook is how one kind of change is shown.
type changeLook struct {
	porcelain string // two letters, as git's status --porcelain
	letter    string // one letter, as git's --name-status
	word      string // for the long status
	json      string
	color     string
}

func lookOf(k repo.ChangeKind) changeLook {
	switch k {
	case repo.Added:
		return changeLook{"A ", "A", "new file", "added", green}
	case repo.Modified:
		return changeLook{" M", "M", "modified", "modified", green}
	case repo.Deleted:
		return changeLook{"D ", "D", "deleted", "deleted", green}
	case repo.TypeChanged:
		return changeLook{" T", "T", "type changed", "type-changed", green}
	case repo.Renamed:
		return changeLook{"R ", "R", "renamed", "renamed", green}
	case repo.Copied:
		return changeLook{"C ", "C", "copied", "copied", green}
	case repo.Missing:
		return changeLook{" D", "D", "missing", "missing", red}
	case repo.Untracked:
		return changeLook{"??", "?", "", "untracked", red}
	case repo.Ignored:
		return changeLook{"!!", "!", "", "ignored", red}
	}
	return changeLook{"  ", string(rune(k)), "changed", string(rune(k)), ""}
}

type changeJSON struct {
	jsonPath
	Kind    string   `json:"kind"`
	Dir     bool     `json:"dir,omitempty"`
	Details []string `json:"details,omitempty"`
	OldSize uint64   `json:"old_size,omitempty"`
	NewSize uint64   `json:"new_size,omitempty"`
}

func changesJSON(list []repo.Change) []changeJSON {
	out := make([]changeJSON, len(list))
	for i, c := range list {
		out[i] = changeJSON{pathJSON(c.Path), lookOf(c.Kind).json, c.IsDir, c.Details, c.OldSize, c.NewSize}
	}
	return out
}

// dirSlash marks folders, as git does.
func dirSlash(c repo.Change) string {
	if c.IsDir && !strings.HasSuffix(c.Path, "/") {
		return c.Path + "/"
	}
	return c.Path
}

// printChanges lists what a commit changed, with sizes.
func (a *app) printChanges(list []repo.Change) {
	for _, c := range list {
		look := lookOf(c.Kind)
		a.printf(" %s %s%s\n", a.paint(look.color, look.letter), quoted(dirSlash(c)), changeSizes(c))
	}
}

// changeSizes says how large a file was and is, and what else about it differs.
func changeSizes(c repo.Change) string {
	var notes []string
	switch {
	case c.IsDir:
	case c.Kind == repo.Added:
		notes = append(notes, size(c.NewSize))
	case c.Kind == repo.Deleted:
		notes = append(notes, size(c.OldSize))
	case c.OldSize != c.NewSize:
		notes = append(notes, size(c.OldSize)+" -> "+size(c.NewSize))
	case c.NewSize > 0:
		notes = append(notes, size(c.NewSize))
	}
	if c.Kind == repo.Modified {
		notes = append(notes, c.Details...)
	}
	if len(notes) == 0 {
		return ""
	}
	return fmt.Sprintf("  (%s)", strings.Join(notes, ", "))
}

// tally counts changes by kind: "1 added, 2 modified".
func tally(added, modified, deleted int64) string {
	var parts []string
	for _, p := range []struct {
		n    int64
		word string
	}{{added, "added"}, {modified, "modified"}, {deleted, "deleted"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.word))
		}
	}
	if len(parts) == 0 {
		return "no changes"
	}
	return strings.Join(parts, ", ")
}

// describeProblems gives each problem as a line, the path as the user would type it.
func (v *openVault) describeProblems(list []repo.Problem) []string {
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = quoted(v.show(p.Path)) + ": " + p.Err.Error()
	}
	return out
}

type problemJSON struct {
	jsonPath
	Error string `json:"error"`
}

func problemsJSON(list []repo.Problem) []problemJSON {
	out := make([]problemJSON, len(list))
	for i, p := range list {
		out[i] = problemJSON{pathJSON(p.Path), p.Err.Error()}
	}
	return out
}
