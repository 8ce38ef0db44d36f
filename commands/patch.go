package commands

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"evault/internal/textdiff"
	"evault/objects"
	"evault/repo"
)

// patchPrinter prints differences in git's extended unified format, which patch -p1 and git apply take. What that format has
// no words for (owners, attributes, more of a mode than whether a file is executable, what is no file) is said in lines that
// begin with "# ", before the file that they are about; both programs pass over them.
//
// There are no "index" lines but for links: they would hold IDs that mean something in this vault only.
type patchPrinter struct {
	*app
	w     io.Writer
	o     *patchOptions
	blank bool // a blank line is to come first
	err   error
}

// put writes a line; the first error is kept.
func (p *patchPrinter) put(color, line string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, p.paint(color, line)+"\n")
	}
}

func (p *patchPrinter) file(d *repo.FileDiff) error {
	if p.blank {
		p.put("", "")
		p.blank = false
	}
	for _, line := range metadataLines(d) {
		p.put(cyan, "# "+line)
	}
	if d.Kind == repo.TypeChanged {
		p.typeChange(d)
	} else if isPatchable(d.Old) || isPatchable(d.New) {
		p.section(d)
	}
	return p.err
}

// isPatchable says that the patch format has a notion of an entry.
func isPatchable(e *objects.Entry) bool {
	return e != nil && (e.Type == objects.TypeFile || e.Type == objects.TypeSymlink)
}

// typeChange shows one file that goes and one that comes.
func (p *patchPrinter) typeChange(d *repo.FileDiff) {
	gone, come := *d, *d
	gone.Kind, gone.New, come.Kind, come.Old = repo.Deleted, nil, repo.Added, nil
	if c := d.Content; c != nil {
		was, is := *c, *c
		was.New, is.Old = nil, nil
		was.Hunks, is.Hunks = wholeHunk(len(c.Old), 0), wholeHunk(0, len(c.New))
		gone.Content, come.Content = &was, &is
	}
	if isPatchable(d.Old) {
		p.section(&gone)
	}
	if isPatchable(d.New) {
		p.section(&come)
	}
}

func wholeHunk(a, b int) []textdiff.Hunk {
	if a == 0 && b == 0 {
		return nil
	}
	return []textdiff.Hunk{{A1: a, B1: b, Changes: []textdiff.Change{{A1: a, B1: b}}}}
}

// section prints the header and the hunks of one file, unless nothing of it can be said in this format.
func (p *patchPrinter) section(d *repo.FileDiff) {
	extended := extendedHeader(d)
	c := d.Content
	if c == nil {
		c = &repo.ContentDiff{}
	}
	if len(extended) == 0 && !c.Binary && len(c.Hunks) == 0 {
		return
	}
	p.put(bold, "diff --git "+gitName("a/"+d.OldPath, len(c.Hunks) == 0)+" "+gitName("b/"+d.NewPath, len(c.Hunks) == 0))
	for _, line := range extended {
		p.put(bold, line)
	}
	from, to := "a/"+d.OldPath, "b/"+d.NewPath
	if d.Old == nil {
		from = ""
	}
	if d.New == nil {
		to = ""
	}
	switch {
	case c.Binary:
		p.put("", "Binary files "+fileName(from)+" and "+fileName(to)+" differ")
		p.put("", "# "+binaryWords(d))
	case len(c.Hunks) > 0:
		p.put(bold, "--- "+fileName(from)+tabAfter(from))
		p.put(bold, "+++ "+fileName(to)+tabAfter(to))
		p.hunks(c)
	}
}

// gitName is a name in the first line of a section. Where it is the only line with the names, patch must be able to tell
// where a name with spaces in it ends.
func gitName(name string, alone bool) string {
	if alone && strings.Contains(name, " ") && !needsQuotes(name) {
		return `"` + name + `"`
	}
	return quoted(name)
}

func fileName(name string) string {
	if name == "" {
		return "/dev/null"
	}
	return quoted(name)
}

// tabAfter ends a name with spaces in it, so that patch does not take what is behind the first for a date.
func tabAfter(name string) string {
	if strings.Contains(name, " ") {
		return "\t"
	}
	return ""
}

func extendedHeader(d *repo.FileDiff) []string {
	var lines []string
	switch {
	case d.Old == nil:
		return []string{"new file mode " + gitMode(d.New)}
	case d.New == nil:
		return []string{"deleted file mode " + gitMode(d.Old)}
	case gitMode(d.Old) != gitMode(d.New):
		lines = append(lines, "old mode "+gitMode(d.Old), "new mode "+gitMode(d.New))
	}
	verb := map[repo.ChangeKind]string{repo.Renamed: "rename", repo.Copied: "copy"}[d.Kind]
	if verb != "" {
		lines = append(lines, fmt.Sprintf("similarity index %d%%", d.Similarity), verb+" from "+quoted(d.OldPath), verb+" to "+quoted(d.NewPath))
	}
	if d.Kind != repo.TypeChanged && d.Old.Type == objects.TypeSymlink && (d.Old.Target != d.New.Target || verb != "") {
		lines = append(lines, "index "+blobName(d.Old.Target)+".."+blobName(d.New.Target)+" 120000")
	}
	return lines
}

// gitMode is the mode of a file or link as git knows it: whether the owner may execute it.
func gitMode(e *objects.Entry) string {
	switch {
	case e.Type == objects.TypeSymlink:
		return "120000"
	case e.Mode&0o100 != 0:
		return "100755"
	}
	return "100644"
}

// blobName is the short name that git has for a content. Only in an "index" line can be said that what changes is a link, and
// it must hold such names.
func blobName(content string) string {
	sum := sha1.Sum([]byte(fmt.Sprintf("blob %d\x00%s", len(content), content)))
	return hex.EncodeToString(sum[:])[:7]
}

// binaryWords says how much of a file that is no text has changed.
func binaryWords(d *repo.FileDiff) string {
	c := d.Content
	switch {
	case d.Old == nil:
		return "new: " + size(d.New.Size)
	case d.New == nil:
		return "was " + size(d.Old.Size)
	}
	changed := 100 * (1 - float64(c.Shared)/float64(max(c.Total, 1)))
	return fmt.Sprintf("%s -> %s, %.3g%% in other chunks", size(d.Old.Size), size(d.New.Size), changed)
}

// metadataLines say what the patch format does not.
func metadataLines(d *repo.FileDiff) []string {
	name := quoted(d.NewPath)
	if d.IsDir() {
		name = quoted(d.NewPath + "/")
	}
	switch {
	case d.Old == nil && !isPatchable(d.New):
		return []string{"new " + kindWord(d.New) + " " + name}
	case d.New == nil && !isPatchable(d.Old):
		return []string{"deleted " + kindWord(d.Old) + " " + name}
	case d.Old == nil || d.New == nil:
		return nil
	case d.Kind == repo.TypeChanged:
		return []string{name + ": " + kindWord(d.Old) + " -> " + kindWord(d.New)}
	}
	var notes []string
	for _, detail := range d.Details {
		if words := detailWords(detail, d.Old, d.New); words != "" {
			notes = append(notes, words)
		}
	}
	if len(notes) == 0 {
		return nil
	}
	return []string{name + ": " + strings.Join(notes, ", ")}
}

func kindWord(e *objects.Entry) string {
	if e.IsDir() {
		return "folder"
	}
	return e.Type.String()
}

func detailWords(detail string, was, is *objects.Entry) string {
	switch detail {
	case repo.DetailMode:
		if was.Mode^is.Mode == 0o111 && was.Type == objects.TypeFile && was.Mode&0o111|is.Mode&0o111 == 0o111 {
			return "" // the lines of the patch say all of it
		}
		return fmt.Sprintf("mode %04o -> %04o", was.Mode, is.Mode)
	case repo.DetailOwner:
		return "owner " + ownerWords(was) + " -> " + ownerWords(is)
	case repo.DetailTimes:
		return "time " + instant(was.Mtime, 0).UTC().Format(fineTime) + " -> " + instant(is.Mtime, 0).UTC().Format(fineTime)
	case repo.DetailXattrs:
		return "attributes" + attributeWords(was.Xattrs, is.Xattrs)
	case repo.DetailLinks:
		if is.LinkGroup != 0 {
			return "now a hard link"
		}
		return "no hard link any more"
	case repo.DetailContent:
		if was.Type != objects.TypeFile && was.Type != objects.TypeSymlink {
			return fmt.Sprintf("device %d,%d -> %d,%d", was.Major, was.Minor, is.Major, is.Minor)
		}
	}
	return ""
}

const fineTime = "2006-01-02 15:04:05.999999999Z"

func ownerWords(e *objects.Entry) string {
	name := func(name string, id uint32) string {
		if name == "" {
			return fmt.Sprint(id)
		}
		return quoted(name)
	}
	return name(e.User, e.UID) + ":" + name(e.Group, e.GID)
}

// attributeWords names the attributes that were added, removed or changed.
func attributeWords(was, is []objects.Xattr) string {
	old := map[string]string{}
	for _, x := range was {
		old[x.Name] = string(x.Value)
	}
	var words strings.Builder
	for _, x := range is {
		value, had := old[x.Name]
		delete(old, x.Name)
		switch {
		case !had:
			words.WriteString(" +" + quoted(x.Name))
		case value != string(x.Value):
			words.WriteString(" " + quoted(x.Name))
		}
	}
	for _, x := range was {
		if _, gone := old[x.Name]; gone {
			words.WriteString(" -" + quoted(x.Name))
		}
	}
	return words.String()
}
