package commands

import (
	"fmt"
	"strings"

	"evault/repo"
)

type trackingJSON struct {
	Remote string `json:"remote"`
	Branch string `json:"branch"`
	Ahead  int    `json:"ahead"`
	Behind int    `json:"behind"`
}

func trackingsJSON(list []repo.TrackingStatus) []trackingJSON {
	out := make([]trackingJSON, len(list))
	for i, t := range list {
		out[i] = trackingJSON(t)
	}
	return out
}

// showTracking says how the branch stands against each remote, with the next command to type.
func (a *app) showTracking(list []repo.TrackingStatus) {
	for _, t := range list {
		name := t.Remote + "/" + t.Branch
		switch {
		case t.Ahead > 0 && t.Behind > 0:
			a.printf("%s has diverged: %s here, %s there (\"evault pull %s\" merges them)\n", name, count(t.Ahead, "commit"), count(t.Behind, "commit"), t.Remote)
		case t.Ahead > 0:
			a.printf("Ahead of %s by %s (\"evault push %s\" sends them)\n", name, count(t.Ahead, "commit"), t.Remote)
		case t.Behind > 0:
			a.printf("Behind %s by %s (\"evault pull %s\" brings them in)\n", name, count(t.Behind, "commit"), t.Remote)
		default:
			a.printf("Up to date with %s\n", name)
		}
	}
}

// shortTracking is the same behind the branch of a short status: "...friend/main [ahead 1, behind 2]".
func shortTracking(list []repo.TrackingStatus) string {
	var b strings.Builder
	for _, t := range list {
		fmt.Fprintf(&b, "...%s/%s", t.Remote, t.Branch)
		var parts []string
		if t.Ahead > 0 {
			parts = append(parts, fmt.Sprintf("ahead %d", t.Ahead))
		}
		if t.Behind > 0 {
			parts = append(parts, fmt.Sprintf("behind %d", t.Behind))
		}
		if len(parts) > 0 {
			fmt.Fprintf(&b, " [%s]", strings.Join(parts, ", "))
		}
	}
	return b.String()
}
