package commands

import (
	"fmt"

	"evault/repo"
)

type conflictJSON struct {
	jsonPath
	Kind string    `json:"kind"`
	Code string    `json:"code"`
	Kept *jsonPath `json:"kept,omitempty"`
}

func conflictsJSON(list []repo.Conflict) []conflictJSON {
	out := make([]conflictJSON, len(list))
	for i, c := range list {
		out[i] = conflictJSON{jsonPath: pathJSON(c.Path), Kind: c.Kind, Code: c.Code()}
		if c.Kept != "" {
			kept := pathJSON(c.Kept)
			out[i].Kept = &kept
		}
	}
	return out
}

// showConflicts prints a line for each conflict, as git does.
func (a *app) showConflicts(v *openVault, list []repo.Conflict) {
	for _, c := range list {
		a.say("%s %s%s\n", a.paint(red, "CONFLICT ("+c.Kind+"):"), quoted(v.show(c.Path)), conflictMeans(v, &c))
	}
}

// conflictMeans says what the work tree holds.
func conflictMeans(v *openVault, c *repo.Conflict) string {
	if c.Kept != "" {
		return fmt.Sprintf(": this side's version; the other one is %s", quoted(v.show(c.Kept)))
	}
	switch c.Kind {
	case repo.ConflictModifyDelete:
		if c.Ours == nil {
			return ": removed here and changed there; what was changed is kept"
		}
		return ": changed here and removed there; what was changed is kept"
	case repo.ConflictRenameDelete:
		return ": renamed on one side and removed on the other; it is kept"
	case repo.ConflictRenameRename:
		if c.Written == nil {
			return ": renamed differently on both sides"
		}
		return ": renamed differently on both sides; both names are kept"
	case repo.ConflictFileFolder:
		return ": a folder has its name on the other side"
	case repo.ConflictMetadata:
		return ": both sides changed its mode or attributes; this side's are kept"
	case repo.ConflictLinks:
		return ": was linked to a file that holds something else now"
	}
	return ""
}

// codeWords says in words what the two letters of a conflict mean.
func codeWords(code string) string {
	switch code {
	case "AA":
		return "both added"
	case "UD":
		return "deleted by them"
	case "DU":
		return "deleted by us"
	case "AU":
		return "added by us"
	case "UA":
		return "added by them"
	case "DD":
		return "both deleted"
	}
	return "both modified"
}

// pendingHint says how to go on with an operation in progress.
func pendingHint(operation string, interrupted bool) string {
	if interrupted {
		return fmt.Sprintf("run the same command again to finish it, or take it back: \"evault %s --abort\"", operation)
	}
	return fmt.Sprintf("\"evault %s --continue\" concludes it, \"evault %s --abort\" takes it back", operation, operation)
}

func unresolvedHint(operation string) string {
	return fmt.Sprintf("edit them, then \"evault add PATH\", or \"evault rm PATH\", and \"evault %s --continue\"; \"evault %s --abort\" takes it back", operation, operation)
}
