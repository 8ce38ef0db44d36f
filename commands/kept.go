package commands

import (
	"evault/refs"
	"evault/repo"
)

type keptJSON struct {
	Branch string `json:"branch"`
	Commit string `json:"commit"`
}

func keptsJSON(list []refs.Ref) []keptJSON {
	out := make([]keptJSON, len(list))
	for i, k := range list {
		out[i] = keptJSON{k.Name, idJSON(k.ID)}
	}
	return out
}

// showKept says where work is put aside, and how to get it back.
func (a *app) showKept(r *repo.StatusResult) {
	for _, k := range r.Kept {
		switch {
		case k.Name == r.Branch:
			a.printf("Work is put aside on this branch (\"evault switch %s\" brings it back)\n", quoted(k.Name))
		default:
			a.printf("Work is put aside on %s\n", quoted(k.Name))
		}
	}
}
