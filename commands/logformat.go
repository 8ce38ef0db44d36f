package commands

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"evault/repo"
)

// dateStyles are the values of --date, which mean what they mean in git.
func dateStyles() []string {
	return []string{"", "default", "iso", "iso-strict", "short", "unix", "relative"}
}

func knownDateStyle(style string) bool { return slices.Contains(dateStyles(), style) }

// dated is the time of a commit in one of the styles.
func (a *app) dated(t time.Time, style string) string {
	switch style {
	case "iso":
		return a.local(t).Format("2006-01-02 15:04:05 -0700")
	case "iso-strict":
		return a.local(t).Format(time.RFC3339)
	case "short":
		return a.local(t).Format("2006-01-02")
	case "unix":
		return strconv.FormatInt(t.Unix(), 10)
	case "relative":
		return relativeTime(a.env.Now(), t)
	}
	return a.local(t).Format(longTime)
}

// relativeTime says how long ago something was, in the largest unit of which there are two.
func relativeTime(now, t time.Time) string {
	ago := now.Sub(t)
	if ago < 0 {
		return "in the future"
	}
	const day = 24 * time.Hour
	for _, u := range []struct {
		length time.Duration
		name   string
	}{{365 * day, "years"}, {30 * day, "months"}, {7 * day, "weeks"}, {day, "days"}, {time.Hour, "hours"}, {time.Minute, "minutes"}} {
		if ago >= 2*u.length {
			return fmt.Sprintf("%d %s ago", ago/u.length, u.name)
		}
	}
	return count(int64(ago/time.Second), "second") + " ago"
}

// namedFormat takes the formats that git has names for: one line, or the long one.
func namedFormat(format string, oneline bool) (string, bool) {
	switch format {
	case "oneline":
		return "", true
	case "short", "medium", "full", "fuller":
		return "", oneline
	}
	return format, oneline
}

// formatCommit fills in the placeholders of --format. They are those of git that mean something here; any other stays as it
// is.
func (a *app) formatCommit(format, date string, e *repo.LogEntry) string {
	for _, named := range []string{"format:", "tformat:"} {
		format = strings.TrimPrefix(format, named)
	}
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		text, length := a.placeholder(format[i+1:], date, e)
		if length == 0 {
			b.WriteByte('%')
			continue
		}
		b.WriteString(text)
		i += length
	}
	return b.String()
}

// placeholder gives the text for the placeholder that s begins with, and its length; 0 if there is none.
func (a *app) placeholder(s, date string, e *repo.LogEntry) (string, int) {
	c := e.Commit
	name, mail := splitAuthor(c.Author)
	at := instant(c.Time, c.ZoneMinutes)
	subject, body, _ := strings.Cut(strings.TrimSpace(c.Message), "\n")
	parents := func(short bool) string {
		var ids []string
		for _, p := range c.Parents {
			if short {
				ids = append(ids, p.Short())
			} else {
				ids = append(ids, p.String())
			}
		}
		return strings.Join(ids, " ")
	}
	for _, p := range []struct {
		name string
		text func() string
	}{
		{"an", func() string { return harmless(name) }}, {"ae", func() string { return harmless(mail) }},
		{"ad", func() string { return a.dated(at, date) }}, {"at", func() string { return a.dated(at, "unix") }},
		{"ar", func() string { return a.dated(at, "relative") }}, {"ai", func() string { return a.dated(at, "iso") }},
		{"aI", func() string { return a.dated(at, "iso-strict") }}, {"as", func() string { return a.dated(at, "short") }},
		{"H", e.ID.String}, {"h", e.ID.Short}, {"T", c.Tree.String}, {"t", c.Tree.Short},
		{"P", func() string { return parents(false) }}, {"p", func() string { return parents(true) }},
		{"s", func() string { return harmless(subject) }}, {"b", func() string { return harmlessLines(strings.TrimLeft(body, "\n")) }},
		{"B", func() string { return harmlessLines(c.Message) }},
		{"d", func() string { return a.refNames(e.Refs) }}, {"D", func() string { return strings.Join(quotedAll(e.Refs), ", ") }},
		{"n", func() string { return "\n" }}, {"x00", func() string { return "\x00" }}, {"%", func() string { return "%" }},
	} {
		if strings.HasPrefix(s, p.name) {
			return p.text(), len(p.name)
		}
	}
	return "", 0
}

// splitAuthor takes "Name <mail>" apart; without a mail all of it is the name.
func splitAuthor(author string) (name, mail string) {
	name, rest, ok := strings.Cut(author, " <")
	if !ok {
		return author, ""
	}
	return name, strings.TrimSuffix(rest, ">")
}

func harmlessLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = harmless(lines[i])
	}
	return strings.Join(lines, "\n")
}

func quotedAll(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = quoted(n)
	}
	return out
}
