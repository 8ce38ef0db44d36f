package fastexport

import (
	"fmt"
	"io"
	"strings"
)

func (r *Reader) commit(branch string) (Command, error) {
	if branch == "" {
		return nil, r.wrong("a commit without a branch")
	}
	c := &Commit{Branch: branch}
	if err := r.head(&c.Mark, &c.Original); err != nil {
		return nil, err
	}
	if err := r.persons(c); err != nil {
		return nil, err
	}
	var err error
	if c.Message, err = r.text(); err != nil {
		return nil, err
	}
	if err := r.parents(c); err != nil {
		return nil, err
	}
	return c, r.changes(c)
}

// persons reads the lines between the marks and the message.
func (r *Reader) persons(c *Commit) error {
	hasAuthor, hasCommitter := false, false
	for {
		line, err := r.must()
		if err != nil {
			return err
		}
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "author":
			c.Author, hasAuthor = parsePerson(rest), true
		case "committer":
			c.Committer, hasCommitter = parsePerson(rest), true
		case "encoding":
			c.Encoding = rest
		case "gpgsig": // what it is about, and then the signature as data
			c.Signed = true
			_, err = r.text()
		case "data":
			r.unread()
			if !hasCommitter {
				return r.wrong("a commit without a committer")
			}
			if !hasAuthor {
				c.Author = c.Committer
			}
			return nil
		default:
			return r.wrong("%.80q in a commit", line)
		}
		if err != nil {
			return err
		}
	}
}

// parents reads the lines "from" and "merge".
func (r *Reader) parents(c *Commit) error {
	line, err := r.must()
	if err != nil {
		return err
	}
	if text, ok := strings.CutPrefix(line, "from "); ok {
		if c.From, err = r.ref(text); err != nil {
			return err
		}
		if line, err = r.must(); err != nil {
			return err
		}
	}
	for {
		text, ok := strings.CutPrefix(line, "merge ")
		if !ok {
			r.unread()
			return nil
		}
		if len(c.Merge) == MaxParents {
			return r.fail(fmt.Errorf("%w: more than %d parents", ErrLimit, MaxParents))
		}
		parent, err := r.ref(text)
		if err != nil {
			return err
		}
		c.Merge = append(c.Merge, parent)
		if line, err = r.must(); err != nil {
			return err
		}
	}
}

// changes reads what the commit does to paths, up to a line that is none of it.
func (r *Reader) changes(c *Commit) error {
	for {
		line, err := r.next()
		if err == io.EOF {
			return r.fail(ErrUnterminated)
		}
		if err != nil {
			return err
		}
		change, ok, err := r.change(line)
		if err != nil {
			return err
		}
		if !ok {
			if line != "" {
				r.unread()
			}
			return nil
		}
		if len(c.Changes) == MaxChanges {
			return r.fail(fmt.Errorf("%w: a commit with more than %d changes", ErrLimit, MaxChanges))
		}
		c.Changes = append(c.Changes, change)
	}
}

func (r *Reader) change(line string) (Change, bool, error) {
	if line == "deleteall" {
		return Change{Op: DeleteAll}, true, nil
	}
	if len(line) < 2 || line[1] != ' ' {
		return Change{}, false, nil
	}
	c, good := Change{Op: Op(line[0])}, false
	switch rest := line[2:]; c.Op {
	case Modify:
		return r.modify(rest)
	case Delete:
		c.Path, good = lastPath(rest)
	case Copy, Rename:
		c.From, c.Path, good = twoPaths(rest)
	case Note:
		return c, true, r.note(rest)
	default:
		return c, false, nil
	}
	if !good {
		return c, true, r.wrong("the path in %.200q", line)
	}
	return c, true, nil
}

// modify reads "MODE DATAREF PATH".
func (r *Reader) modify(text string) (Change, bool, error) {
	c := Change{Op: Modify}
	modeText, rest, _ := strings.Cut(text, " ")
	what, pathText, _ := strings.Cut(rest, " ")
	var ok bool
	if c.Mode, ok = mode(modeText); !ok {
		return c, true, r.wrong("%.80q is no mode", modeText)
	}
	switch {
	case what == "inline":
		return c, true, r.wrong("a content that is given inline")
	case c.Mode == ModeSubmodule && objectID(what):
		c.Object = what
	default:
		if c.Mark, ok = mark(what); !ok {
			return c, true, r.wrong("%.80q is no mark", what)
		}
	}
	if c.Path, ok = lastPath(pathText); !ok {
		return c, true, r.wrong("the path in %.200q", pathText)
	}
	return c, true, nil
}

// note reads "DATAREF COMMIT".
func (r *Reader) note(text string) error {
	what, commit, _ := strings.Cut(text, " ")
	if what == "inline" {
		return r.wrong("a note that is given inline")
	}
	if _, err := r.ref(what); err != nil {
		return err
	}
	_, err := r.ref(commit)
	return err
}
