package commands

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"evault/repo"
)

// statRow is one file of --stat.
type statRow struct {
	name           string
	binary         bool
	added, deleted uint64 // lines; of a binary file its new and its old size in bytes
}

func (l *diffLists) count(d *repo.FileDiff) {
	row := statRow{name: quoted(slashIfFolder(d))}
	if moved(d) {
		row.name = renameWords(d.OldPath, d.NewPath)
	}
	l.files++
	if c := d.Content; c != nil {
		row.binary = c.Binary
		row.added, row.deleted = uint64(c.Added), uint64(c.Deleted)
		l.added += c.Added
		l.deleted += c.Deleted
		if c.Binary {
			row.added, row.deleted = 0, 0
			if d.New != nil {
				row.added = d.New.Size
			}
			if d.Old != nil {
				row.deleted = d.Old.Size
			}
		}
	}
	if l.o.stat {
		l.rows = append(l.rows, row)
	}
}

// statWidths share the columns of the terminal out among names, numbers and graph, as git does.
type statWidths struct {
	name, number, graph int
	most                uint64 // lines of the file with the most
}

const (
	statMargin   = 6  // " " before the name, " | " behind it, " " behind the number, and one
	leastGraph   = 6  // columns
	leastName    = 10 // columns
	binaryWidth  = 14 // of "Bin  ->  bytes", without the numbers
	binaryNumber = 3  // "Bin"
)

func (l *diffLists) widths() statWidths {
	width := defaultWidth
	if l.env.Terminal.Out {
		width = l.env.Terminal.width()
	}
	if p, ok := l.w.(*prefixWriter); ok {
		width -= utf8.RuneCountInString(p.prefix)
	}
	w := statWidths{number: 1}
	binary := 0
	for _, r := range l.rows {
		w.name = max(w.name, utf8.RuneCountInString(r.name))
		if r.binary {
			w.number = max(w.number, binaryNumber)
			binary = max(binary, binaryWidth+decimals(r.added)+decimals(r.deleted))
			continue
		}
		w.most = max(w.most, r.added+r.deleted)
	}
	w.number = max(w.number, decimals(w.most))
	width = max(width, leastName+leastGraph+w.number+statMargin)
	w.graph = max(int(min(w.most, uint64(width))), binary-4)
	if w.name+w.number+statMargin+w.graph > width {
		w.graph = min(w.graph, max(width*3/8-w.number-statMargin, leastGraph))
		if left := width - w.number - statMargin - w.graph; w.name > left {
			w.name = left
		} else {
			w.graph = width - w.number - statMargin - w.name
		}
	}
	return w
}

func decimals(n uint64) int { return len(fmt.Sprint(n)) }

func (l *diffLists) printRows() error {
	w := l.widths()
	for _, r := range l.rows {
		if _, err := io.WriteString(l.w, l.row(w, r)); err != nil {
			return err
		}
	}
	return nil
}

func (l *diffLists) row(w statWidths, r statRow) string {
	name := shortened(r.name, w.name)
	head := " " + name + repeat(" ", w.name-utf8.RuneCountInString(name)) + " | "
	if r.binary {
		head += fmt.Sprintf("%*s", w.number, "Bin")
		if r.added+r.deleted > 0 {
			head += " " + l.paint(red, fmt.Sprint(r.deleted)) + " -> " + l.paint(green, fmt.Sprint(r.added)) + " bytes"
		}
		return head + "\n"
	}
	total := r.added + r.deleted
	head += fmt.Sprintf("%*d", w.number, total)
	if total == 0 {
		return head + "\n"
	}
	plus, minus := w.bars(r)
	return head + " " + l.paint(green, repeat("+", plus)) + l.paint(red, repeat("-", minus)) + "\n"
}

// bars scales the numbers of a file to the graph, neither to nothing.
func (w statWidths) bars(r statRow) (plus, minus int) {
	if uint64(w.graph) > w.most {
		return int(r.added), int(r.deleted)
	}
	scale := func(n uint64) int {
		if n == 0 {
			return 0
		}
		return 1 + int(n*uint64(w.graph-1)/w.most)
	}
	total := scale(r.added + r.deleted)
	if total < 2 && r.added > 0 && r.deleted > 0 {
		total = 2
	}
	if r.added < r.deleted {
		plus = scale(r.added)
		return plus, total - plus
	}
	minus = scale(r.deleted)
	return total - minus, minus
}

// shortened leaves out the beginning of a name that is too long, folders as a whole if possible.
func shortened(name string, width int) string {
	if utf8.RuneCountInString(name) <= width {
		return name
	}
	runes := []rune(name)
	rest := string(runes[len(runes)-max(width-3, 0):])
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		rest = rest[i:]
	}
	return "..." + rest
}
