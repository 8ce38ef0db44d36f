package commands

import (
	"fmt"
	"io"
	"strings"

	"evault/repo"
)

// diffLists prints the formats that have one line a file.
type diffLists struct {
	*app
	w       io.Writer
	o       *patchOptions
	rows    []statRow
	added   int
	deleted int
	files   int
}

func (l *diffLists) file(d *repo.FileDiff) error {
	if l.o.stat || l.o.shortStat {
		l.count(d)
	}
	var line string
	switch {
	case l.o.numStat:
		line = l.numbers(d)
	case l.o.nameStatus:
		line = l.status(d)
	case l.o.nameOnly:
		line = l.name(slashIfFolder(d)) + l.end()
	}
	_, err := io.WriteString(l.w, line)
	return err
}

func (l *diffLists) end() string {
	if l.o.nul {
		return "\x00"
	}
	return "\n"
}

func (l *diffLists) name(p string) string {
	if l.o.nul {
		return p
	}
	return quoted(p)
}

// slashIfFolder is the path of a difference, with a slash behind that of a folder.
func slashIfFolder(d *repo.FileDiff) string {
	if d.IsDir() {
		return d.Path() + "/"
	}
	return d.Path()
}

func moved(d *repo.FileDiff) bool { return d.Kind == repo.Renamed || d.Kind == repo.Copied }

// status is a line of --name-status: a letter, of renames and copies the similarity, and the paths.
func (l *diffLists) status(d *repo.FileDiff) string {
	sep := "\t"
	if l.o.nul {
		sep = "\x00"
	}
	if moved(d) {
		return fmt.Sprintf("%c%03d%s%s%s%s%s", d.Kind, d.Similarity, sep, l.name(d.OldPath), sep, l.name(d.NewPath), l.end())
	}
	return fmt.Sprintf("%c%s%s%s", d.Kind, sep, l.name(slashIfFolder(d)), l.end())
}

// numbers is a line of --numstat.
func (l *diffLists) numbers(d *repo.FileDiff) string {
	counts := "0\t0"
	if c := d.Content; c != nil {
		if counts = fmt.Sprintf("%d\t%d", c.Added, c.Deleted); c.Binary {
			counts = "-\t-"
		}
	}
	switch {
	case moved(d) && l.o.nul:
		return fmt.Sprintf("%s\t\x00%s\x00%s\x00", counts, d.OldPath, d.NewPath)
	case moved(d):
		return fmt.Sprintf("%s\t%s\n", counts, renameWords(d.OldPath, d.NewPath))
	}
	return fmt.Sprintf("%s\t%s%s", counts, l.name(slashIfFolder(d)), l.end())
}

func (l *diffLists) finish() error {
	if l.files == 0 {
		return nil
	}
	if l.o.stat {
		if err := l.printRows(); err != nil {
			return err
		}
	}
	_, err := io.WriteString(l.w, l.summary())
	return err
}

// summary is the last line of --stat.
func (l *diffLists) summary() string {
	line := fmt.Sprintf(" %s changed", count(l.files, "file"))
	if l.added > 0 || l.deleted == 0 {
		line += fmt.Sprintf(", %s(+)", count(l.added, "insertion"))
	}
	if l.deleted > 0 || l.added == 0 {
		line += fmt.Sprintf(", %s(-)", count(l.deleted, "deletion"))
	}
	return line + "\n"
}

// renameWords says which way a file went, what both paths have in common only once: "docs/{old => new}/page.md".
func renameWords(from, to string) string {
	if needsQuotes(from) || needsQuotes(to) {
		return quoted(from) + " => " + quoted(to)
	}
	head := 0
	for i := 0; i < min(len(from), len(to)) && from[i] == to[i]; i++ {
		if from[i] == '/' {
			head = i + 1
		}
	}
	a, b := from[head:], to[head:]
	tail := 0
	least := 0
	if head > 0 {
		least = -1 // the slash before may be the one behind, too: "a/b/c" and "a/c"
	}
	for i := 1; len(a)-i >= least && len(b)-i >= least && at(from, len(from)-i) == at(to, len(to)-i); i++ {
		if at(from, len(from)-i) == '/' {
			tail = i
		}
	}
	if head == 0 && tail == 0 {
		return from + " => " + to
	}
	return from[:head] + "{" + middle(from, head, tail) + " => " + middle(to, head, tail) + "}" + from[len(from)-tail:]
}

func at(s string, i int) byte {
	if i < 0 {
		return 0
	}
	return s[i]
}

func middle(s string, head, tail int) string {
	return s[min(head, len(s)):max(len(s)-tail, min(head, len(s)))]
}

func repeat(s string, n int) string { return strings.Repeat(s, max(n, 0)) }
