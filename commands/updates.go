package commands

import (
	"errors"
	"fmt"

	"evault/objects"
	"evault/repo"
)

// updateJSON is one branch or tag of a remote in JSON.
type updateJSON struct {
	Branch string `json:"branch,omitempty"`
	Tag    string `json:"tag,omitempty"`
	Old    string `json:"old,omitempty"`
	New    string `json:"new,omitempty"`
	Kind   string `json:"kind"`
	Reason string `json:"reason,omitempty"`
}

func updatesJSON(list []repo.RefUpdate) []updateJSON {
	out := make([]updateJSON, len(list))
	for i, u := range list {
		out[i] = updateJSON{u.Branch, u.Tag, idJSON(u.Old), idJSON(u.New), string(u.Kind), u.Reason}
	}
	return out
}

func textsOf(list []error) []string {
	out := make([]string, len(list))
	for i, err := range list {
		out[i] = harmless(err.Error())
	}
	return out
}

// showUpdates prints what became of branches, aligned: "  1a2b3c4d..5e6f7a8b  main -> friend/main".
func (a *app) showUpdates(list []repo.RefUpdate, from, to func(branch string) string) {
	for _, u := range list {
		if u.Kind == repo.UpdateUpToDate && !a.flags.verbose {
			continue
		}
		mark, what, color := updateLook(u)
		line := fmt.Sprintf(" %s %-18s  %s -> %s", mark, what, from(u.Branch), to(u.Branch))
		if u.Tag != "" {
			line = fmt.Sprintf(" %s %-18s  %s -> %s", mark, what, u.Tag, u.Tag)
		}
		if u.Reason != "" {
			line += " (" + u.Reason + ")"
		}
		a.say("%s\n", a.paint(color, harmless(line)))
	}
}

// updateLook is how an update is shown, in the signs of git: "*" new, "+" rewritten, "-" deleted, "!" refused.
func updateLook(u repo.RefUpdate) (mark, what, color string) {
	span := shortOrNone(u.Old) + ".." + shortOrNone(u.New)
	switch u.Kind {
	case repo.UpdateNew:
		if u.Tag != "" {
			return "*", "[new tag]", green
		}
		return "*", "[new branch]", green
	case repo.UpdateDeleted:
		return "-", "[deleted]", yellow
	case repo.UpdateRewritten:
		return "+", span, yellow
	case repo.UpdateDiverged:
		return "+", "[diverged]", yellow
	case repo.UpdateRefused:
		return "!", "[refused]", red
	case repo.UpdateUnreachable:
		return "!", "[held back]", red
	case repo.UpdateUpToDate:
		return "=", "[up to date]", ""
	}
	return " ", span, ""
}

func shortOrNone(id objects.ID) string {
	if id.IsZero() {
		return "none"
	}
	return id.Short()
}

// showProblems prints what a remote was caught with.
func (a *app) showProblems(remote string, list []error) {
	for _, err := range list {
		a.note("%s: %s", remote, err)
	}
}

// worse joins the errors of several remotes so that the gravest decides the exit code: see exitKinds.
func worse(all []error) error { return errors.Join(all...) }
