package textdiff

import "bytes"

// write puts the merged text together: ours, but for the regions.
func (m *merger) write() (merged []byte, conflicts int) {
	w := &mergeWriter{merger: m}
	w.buf.Grow(textSize(m.ours) + textSize(m.theirs)/8)
	at := 0
	for _, r := range m.regions {
		if r.who == alike {
			continue
		}
		w.lines(m.ours[at:r.ours0])
		if r.who == conflict {
			r.who = m.favoured()
		}
		switch r.who {
		case conflict:
			conflicts++
			w.conflict(r)
		case oursOnly:
			w.lines(m.ours[r.ours0:r.ours1])
		default:
			w.lines(m.theirs[r.theirs0:r.theirs1])
		}
		at = r.ours1
	}
	w.lines(m.ours[at:])
	return w.buf.Bytes(), conflicts
}

func textSize(lines [][]byte) (n int) {
	for _, line := range lines {
		n += len(line)
	}
	return n
}

func (m *merger) favoured() who {
	switch m.Favour {
	case FavourOurs:
		return oursOnly
	case FavourTheirs:
		return theirsOnly
	}
	return conflict
}

type mergeWriter struct {
	*merger
	buf bytes.Buffer
}

func (w *mergeWriter) lines(lines [][]byte) {
	for _, line := range lines {
		w.buf.Write(line)
	}
}

func (w *mergeWriter) conflict(r region) {
	end := "\n"
	if w.endsInCR(r) {
		end = "\r\n"
	}
	w.marker('<', w.Ours, end)
	w.closed(w.ours[r.ours0:r.ours1], end)
	if w.Style == StyleDiff3 {
		w.marker('|', w.Base, end)
		w.closed(w.base[r.base0:r.base1], end)
	}
	w.marker('=', "", end)
	w.closed(w.theirs[r.theirs0:r.theirs1], end)
	w.marker('>', w.Theirs, end)
}

func (w *mergeWriter) marker(sign byte, label, end string) {
	for range w.MarkerSize {
		w.buf.WriteByte(sign)
	}
	if label != "" {
		w.buf.WriteString(" " + label)
	}
	w.buf.WriteString(end)
}

// closed writes lines of which the last shall have an end, because a marker follows.
func (w *mergeWriter) closed(lines [][]byte, end string) {
	w.lines(lines)
	if n := len(lines); n > 0 && !bytes.HasSuffix(lines[n-1], []byte{'\n'}) {
		w.buf.WriteString(end)
	}
}

// ending is how a line ends.
type ending uint8

const (
	unknown ending = iota
	lf
	crlf
)

// endsInCR says whether the markers of a conflict should: if the lines before it, on both sides, end so, or if they cannot say,
// the first of the base.
func (w *mergeWriter) endsInCR(r region) bool {
	e := endingNear(w.ours, max(r.ours0-1, 0))
	if e != lf {
		e = endingNear(w.theirs, max(r.theirs0-1, 0))
	}
	if e != lf {
		e = endingNear(w.base, 0)
	}
	return e == crlf
}

// endingNear is how line i ends, or, if it is the last and has no end, the line before it.
func endingNear(lines [][]byte, i int) ending {
	if len(lines) == 0 {
		return unknown
	}
	if i == len(lines)-1 && !bytes.HasSuffix(lines[i], []byte{'\n'}) {
		if i == 0 {
			return unknown
		}
		i--
	}
	if bytes.HasSuffix(lines[i], []byte("\r\n")) {
		return crlf
	}
	return lf
}
