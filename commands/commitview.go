package commands

import (
	"strings"

	"evault/objects"
	"evault/repo"
)

// commitJSON is a commit in JSON.
type commitJSON struct {
	ID         string            `json:"id"`
	Parents    []string          `json:"parents"`
	Author     string            `json:"author"`
	Time       string            `json:"time"`
	Message    string            `json:"message"`
	Labels     map[string]string `json:"labels,omitempty"`
	Generation uint64            `json:"generation"`
	Device     string            `json:"device"`
	Entries    uint64            `json:"entries"`
	Bytes      uint64            `json:"bytes"`
	Refs       []string          `json:"refs"`
	Changes    []changeJSON      `json:"changes,omitempty"`
}

func entryToJSON(e *repo.LogEntry) commitJSON {
	c := e.Commit
	out := commitJSON{
		ID: e.ID.String(), Parents: []string{}, Author: c.Author, Time: timeJSON(instant(c.Time, c.ZoneMinutes)),
		Message: c.Message, Generation: c.Generation, Device: objects.ID(c.Device).String(),
		Entries: c.Entries, Bytes: c.Bytes, Refs: nonNil(e.Refs), Changes: changesJSON(e.Changes),
	}
	for _, p := range c.Parents {
		out.Parents = append(out.Parents, p.String())
	}
	for _, l := range c.Labels {
		if out.Labels == nil {
			out.Labels = map[string]string{}
		}
		out.Labels[l.Key] = l.Value
	}
	return out
}

// commitHead gives the lines above the message, as git log shows them.
func (a *app) commitHead(e *repo.LogEntry, date string) []string {
	c := e.Commit
	lines := []string{a.paint(yellow, "commit "+e.ID.String()) + a.refNames(e.Refs)}
	if len(c.Parents) > 1 {
		var short []string
		for _, p := range c.Parents {
			short = append(short, p.Short())
		}
		lines = append(lines, "Merge:  "+strings.Join(short, " "))
	}
	if c.Author != "" {
		lines = append(lines, "Author: "+harmless(c.Author))
	}
	lines = append(lines, "Date:   "+a.dated(instant(c.Time, c.ZoneMinutes), date))
	for _, l := range c.Labels {
		lines = append(lines, "Label:  "+harmless(l.Key+"="+l.Value))
	}
	return lines
}

// commitLines gives a whole commit: head, blank line, indented message.
func (a *app) commitLines(e *repo.LogEntry) []string { return a.commitLinesDated(e, "") }

// commitLinesDated is commitLines with the time in a style of --date.
func (a *app) commitLinesDated(e *repo.LogEntry, date string) []string {
	lines := append(a.commitHead(e, date), "")
	for line := range strings.SplitSeq(strings.TrimRight(e.Commit.Message, "\n"), "\n") {
		lines = append(lines, strings.TrimRight("    "+harmless(line), " "))
	}
	return lines
}

// commitLine gives a commit on one line.
func (a *app) commitLine(e *repo.LogEntry) string {
	subject, _, _ := strings.Cut(strings.TrimSpace(e.Commit.Message), "\n")
	return a.paint(yellow, e.ID.Short()) + a.refNames(e.Refs) + " " + harmless(subject)
}

func (a *app) refNames(refs []string) string {
	if len(refs) == 0 {
		return ""
	}
	var shown []string
	for _, r := range refs {
		shown = append(shown, a.paint(refColor(r), quoted(r)))
	}
	return " (" + strings.Join(shown, ", ") + ")"
}

func refColor(ref string) string {
	switch {
	case strings.HasPrefix(ref, "HEAD"):
		return cyan
	case strings.HasPrefix(ref, "tag: "):
		return yellow
	}
	return green
}
