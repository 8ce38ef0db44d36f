package commands

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"evault/objects"
	"evault/repo"
)

type blameOptions struct {
	lines, since           string
	ignoreSpace, porcelain bool
}

func newBlame(a *app) *cobra.Command {
	var o blameOptions
	cmd := &cobra.Command{
		Use:   "blame [REV] [--] FILE",
		Short: "Show for each line of a file which commit brought it",
		Long: `Show for each line of a file which commit brought it, who made that, and when. Without REV it is the file as it is on disk; lines
that are in no commit yet are shown as such. A file that was renamed is followed under its earlier names. "^" before an ID
says that the search ended there: at a first commit, or one older than --since.`,
		Example: `  evault blame notes.txt
  evault blame -L 1,+5 HEAD notes.txt
  evault blame -w --since "1 year ago" notes.txt`,
		Args: between(1, 2, "[REV] and FILE"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runBlame(cmd, o, args) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.lines, "lines", "L", "", "only lines `FROM,TO`, counted from 1; also FROM, and FROM,+COUNT")
	f.BoolVarP(&o.ignoreSpace, "ignore-space", "w", false, "changes of space alone do not count")
	f.StringVar(&o.since, "since", "", "do not go back behind commits older than `TIME`")
	f.BoolVar(&o.porcelain, "porcelain", false, "for scripts: what git blame --porcelain prints")
	return cmd
}

func (a *app) runBlame(cmd *cobra.Command, o blameOptions, args []string) error {
	ctx := cmd.Context()
	request, err := a.blameRequest(cmd, o)
	if err != nil {
		return err
	}
	if dash := cmd.ArgsLenAtDash(); len(args) == 2 && dash != 1 && dash != -1 {
		return usagef(cmd, "one FILE is wanted")
	}
	file := args[len(args)-1]
	if len(args) == 2 {
		request.Revision = args[0]
	}
	return a.withVault(ctx, repo.ReadOnly, func(v *openVault) error {
		if request.Path, err = v.arg(file); err != nil {
			return err
		}
		return a.blame(ctx, v, o, request)
	})
}

func (a *app) blame(ctx context.Context, v *openVault, o blameOptions, request repo.BlameOptions) error {
	lines, err := v.Blame(ctx, request)
	if err != nil {
		return err
	}
	switch {
	case a.flags.json:
		return a.emit(blameToJSON(request.Path, lines))
	case o.porcelain:
		a.printBlamePorcelain(lines)
		return nil
	}
	a.page(ctx)
	a.printBlame(request.Path, lines)
	return nil
}

func (a *app) blameRequest(cmd *cobra.Command, o blameOptions) (r repo.BlameOptions, err error) {
	r.IgnoreSpace = o.ignoreSpace
	if o.since != "" {
		if r.Since, err = repo.ParseTime(o.since, a.env.Now()); err != nil {
			return r, usagef(cmd, "--since %q: %w", o.since, err)
		}
	}
	if o.lines != "" {
		var ok bool
		if r.From, r.To, ok = cutLines(o.lines); !ok {
			return r, usagef(cmd, "-L %q is not FROM,TO or FROM,+COUNT", o.lines)
		}
	}
	return r, nil
}

// cutLines reads "3,7", "3,+5", "3" or ",7".
func cutLines(s string) (from, to int, ok bool) {
	first, second, _ := strings.Cut(s, ",")
	from = 1
	var err error
	if first != "" {
		if from, err = strconv.Atoi(first); err != nil || from < 1 {
			return 0, 0, false
		}
	}
	if second == "" {
		return from, 0, first != ""
	}
	count, relative := strings.CutPrefix(second, "+")
	if to, err = strconv.Atoi(count); err != nil || to < 1 || to > 1<<40 {
		return 0, 0, false
	}
	if relative {
		to += from - 1
	}
	return from, to, from <= to
}

// notCommitted is what stands for the author of lines that are in no commit.
const notCommitted = "Not Committed Yet"

// blameHead is what is printed of a line before its text, in columns.
type blameHead struct{ id, path, author, time string }

func (a *app) blameHead(l *repo.BlameLine) blameHead {
	if l.Commit == nil {
		return blameHead{strings.Repeat("0", len(objects.ID{}.Short())), quoted(l.Path), notCommitted, a.env.Now().Format(blameTime)}
	}
	id := l.ID.Short()
	if l.Boundary {
		id = "^" + id[:len(id)-1]
	}
	name, _ := splitAuthor(l.Commit.Author)
	return blameHead{id, quoted(l.Path), harmless(name), instant(l.Commit.Time, l.Commit.ZoneMinutes).Format(blameTime)}
}

const blameTime = "2006-01-02 15:04:05 -0700"

// printBlame prints as git does: ID, path if the file was ever called otherwise, author, time, number, text.
func (a *app) printBlame(asked string, lines []repo.BlameLine) {
	heads := make([]blameHead, len(lines))
	pathWidth, authorWidth, numberWidth := 0, 0, 1
	renamed := false
	for i := range lines {
		h := a.blameHead(&lines[i])
		heads[i] = h
		renamed = renamed || lines[i].Path != asked
		pathWidth = max(pathWidth, utf8.RuneCountInString(h.path))
		authorWidth = max(authorWidth, utf8.RuneCountInString(h.author))
		numberWidth = max(numberWidth, len(strconv.Itoa(lines[i].Number)))
	}
	for i, h := range heads {
		a.printf("%s ", a.paint(yellow, h.id))
		if renamed {
			a.printf("%-*s ", pathWidth, h.path)
		}
		text := bytes.TrimSuffix(lines[i].Text, []byte{'\n'})
		a.printf("(%-*s %s %*d) %s\n", authorWidth, h.author, h.time, numberWidth, lines[i].Number, a.blameText(text))
	}
}

// blameText is a line as it is, made harmless on a terminal.
func (a *app) blameText(text []byte) string {
	if a.env.Terminal.Out {
		return harmless(string(text))
	}
	return string(text)
}

// printBlamePorcelain prints what scripts for git read: a line with ID, number there, number here, and at the first of a group how
// many follow; what is to say about the commit, the first time; then a tab and the line.
func (a *app) printBlamePorcelain(lines []repo.BlameLine) {
	told := map[objects.ID]string{} // the path that was told last
	for i := range lines {
		l := &lines[i]
		a.printf("%s %d %d", l.ID, l.Original, l.Number)
		if i == 0 || !follows(&lines[i-1], l) {
			n := 1
			for i+n < len(lines) && follows(&lines[i+n-1], &lines[i+n]) {
				n++
			}
			a.printf(" %d", n)
		}
		a.printf("\n")
		last, known := told[l.ID]
		if !known {
			a.printBlameCommit(l)
		}
		if !known || last != l.Path {
			told[l.ID] = l.Path
			a.printf("filename %s\n", quoted(l.Path))
		}
		a.printf("\t%s\n", bytes.TrimSuffix(l.Text, []byte{'\n'}))
	}
}

// follows says that two lines are neighbours also where they come from.
func follows(l, next *repo.BlameLine) bool {
	return next.ID == l.ID && next.Path == l.Path && next.Original == l.Original+1
}

func (a *app) printBlameCommit(l *repo.BlameLine) {
	name, mail, at, subject := notCommitted, "not.committed.yet", a.env.Now(), fmt.Sprintf("Version of %s on disk", quoted(l.Path))
	if l.Commit != nil {
		name, mail = splitAuthor(l.Commit.Author)
		at = instant(l.Commit.Time, l.Commit.ZoneMinutes)
		subject, _, _ = strings.Cut(strings.TrimSpace(l.Commit.Message), "\n")
	}
	a.printf("author %s\nauthor-mail <%s>\nauthor-time %d\nauthor-tz %s\nsummary %s\n", harmless(name), harmless(mail), at.Unix(), at.Format("-0700"), harmless(subject))
	if l.Boundary {
		a.printf("boundary\n")
	}
}

type blameJSON struct {
	schema
	jsonPath
	Lines []blameLineJSON `json:"lines"`
}

type blameLineJSON struct {
	Line     int      `json:"line"`
	Commit   string   `json:"commit,omitempty"`
	Author   string   `json:"author,omitempty"`
	Time     string   `json:"time,omitempty"`
	Original int      `json:"original_line"`
	From     jsonPath `json:"original"`
	Boundary bool     `json:"boundary"`
	Text     string   `json:"text"`
	Bytes    []byte   `json:"text_base64,omitempty"`
}

func blameToJSON(asked string, lines []repo.BlameLine) blameJSON {
	out := blameJSON{schema: schemaOf("blame"), jsonPath: pathJSON(asked), Lines: make([]blameLineJSON, len(lines))}
	for i, l := range lines {
		j := blameLineJSON{Line: l.Number, Original: l.Original, From: pathJSON(l.Path), Boundary: l.Boundary, Text: string(l.Text)}
		if !utf8.Valid(l.Text) {
			j.Bytes = l.Text
		}
		if l.Commit != nil {
			j.Commit, j.Author = l.ID.String(), l.Commit.Author
			j.Time = timeJSON(instant(l.Commit.Time, l.Commit.ZoneMinutes))
		}
		out.Lines[i] = j
	}
	return out
}
