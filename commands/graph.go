package commands

import (
	"slices"
	"strings"

	"evault/objects"
)

// graph draws the lines of descent to the left of a history that is shown newest first, each commit before its parents.
// Column i waits for the commit columns[i].
type graph struct {
	columns []objects.ID
}

// next takes the next commit. It gives the prefix of its first line, that of its further lines, and lines to draw after it
// where lines of descent fork or join.
func (g *graph) next(id objects.ID, parents []objects.ID) (first, rest string, after []string) {
	at := slices.Index(g.columns, id)
	if at < 0 {
		at = len(g.columns)
		g.columns = append(g.columns, id)
	}
	first = g.bars(func(i int) string {
		if i == at {
			return "*"
		}
		return "|"
	})
	after = append(after, g.place(at, parents)...)
	after = append(after, g.join()...)
	if len(after) > 0 { // the further lines are drawn before the lines of descent change
		rest = strings.Repeat("| ", strings.Count(first, "*")+strings.Count(first, "|"))
	} else {
		rest = g.bars(func(int) string { return "|" })
	}
	return first, rest, after
}

// place puts a commit's parents where the commit was: the first in its column, the others to the right of it.
func (g *graph) place(at int, parents []objects.ID) []string {
	if len(parents) == 0 {
		last := at == len(g.columns)-1
		g.columns = slices.Delete(g.columns, at, at+1)
		if last {
			return nil
		}
		return []string{strings.Repeat("| ", at) + strings.Repeat(" /", len(g.columns)-at)}
	}
	g.columns[at] = parents[0]
	var lines []string
	for i, p := range parents[1:] {
		lines = append(lines, strings.Repeat("| ", at+i)+`|\ `+strings.Repeat(`\ `, len(g.columns)-at-1-i))
		g.columns = slices.Insert(g.columns, at+1+i, p)
	}
	return lines
}

// join lets columns that wait for the same commit become one.
func (g *graph) join() []string {
	var lines []string
	for i := 0; i < len(g.columns); i++ {
		j := slices.Index(g.columns[:i], g.columns[i])
		if j < 0 {
			continue
		}
		g.columns = slices.Delete(g.columns, i, i+1)
		gap := strings.Repeat("|_", max(i-j-1, 0))
		lines = append(lines, strings.Repeat("| ", j)+"|"+strings.ReplaceAll(gap, "|_", "_|")+"/"+strings.Repeat(" /", len(g.columns)-i))
		i--
	}
	return lines
}

func (g *graph) bars(mark func(i int) string) string {
	var b strings.Builder
	for i := range g.columns {
		b.WriteString(mark(i) + " ")
	}
	return b.String()
}
