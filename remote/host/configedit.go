package host

import (
	"slices"
	"strings"
)

// edited changes the text of a configuration so that it says what c says about peers, line by line, and keeps the rest. It
// knows how people lay out such a file and not all that TOML allows; whoever calls it reads the result back.
func (c *Config) edited(old string) string {
	before, err := decodeConfig([]byte(old))
	if err != nil || old == "" {
		return c.text()
	}
	t := textLines(strings.Split(strings.TrimSuffix(old, "\n"), "\n"))
	starts := t.peers()
	if len(starts) != len(before.Peers) {
		return c.text()
	}
	for i := len(starts) - 1; i >= 0; i-- { // from the end, so that what comes before keeps its place
		now := slices.IndexFunc(c.Peers, func(p Peer) bool { return p.origin == i+1 })
		if now < 0 {
			t = slices.Delete(t, starts[i], t.blockEnd(starts[i]))
			continue
		}
		t = t.change(starts[i], &before.Peers[i], &c.Peers[now])
	}
	text := strings.TrimRight(strings.Join(t, "\n"), "\n") + "\n"
	for i := range c.Peers {
		if c.Peers[i].origin == 0 {
			text += "\n" + c.Peers[i].text()
		}
	}
	return text
}

// textLines is a file, line by line.
type textLines []string

// peers gives the lines at which entries of peers begin.
func (t textLines) peers() (starts []int) {
	for i := range t {
		if t.header(i) == "[[peers]]" {
			starts = append(starts, i)
		}
	}
	return starts
}

// header gives the header of a table without spaces and comment, if line i is one.
func (t textLines) header(i int) string {
	text, _, _ := strings.Cut(t[i], "#")
	if text = strings.Join(strings.Fields(text), ""); strings.HasPrefix(text, "[") {
		return text
	}
	return ""
}

// keysEnd gives the end of the keys of the table that begins at start, without blank lines and comments behind them.
func (t textLines) keysEnd(start int) int { return t.end(start, func(string) bool { return false }) }

// blockEnd gives the end of the peer that begins at start, with its overrides.
func (t textLines) blockEnd(start int) int {
	return t.end(start, func(header string) bool { return strings.HasPrefix(header, "[[peers.") })
}

func (t textLines) end(start int, inside func(header string) bool) int {
	end := start + 1
	for i := end; i < len(t); i++ {
		if h := t.header(i); h != "" && !inside(h) {
			break
		}
		if text := strings.TrimSpace(t[i]); text != "" && text[0] != '#' {
			end = i + 1
		}
	}
	return end
}

// change makes the entry at start say what now says, where it said what before says.
func (t textLines) change(start int, before, now *Peer) textLines {
	if !slices.EqualFunc(before.Overrides, now.Overrides, func(a, b Override) bool { return slices.Equal(a.lines(), b.lines()) }) {
		return slices.Replace(t, start, t.blockEnd(start), strings.Split(strings.TrimSuffix(now.text(), "\n"), "\n")...)
	}
	was := before.lines()
	for i, l := range now.lines() {
		if l != was[i] {
			t = t.setKey(start, l)
		}
	}
	return t
}

// setKey changes, adds or removes one key of the table that begins at start.
func (t textLines) setKey(start int, l line) textLines {
	end := t.keysEnd(start)
	for i := start + 1; i < end; i++ {
		key, _, assigns := strings.Cut(t[i], "=")
		if !assigns || strings.TrimSpace(key) != l.key {
			continue
		}
		if l.value == "" {
			return slices.Delete(t, i, i+1)
		}
		t[i] = strings.TrimSuffix(l.String(), "\n")
		return t
	}
	if l.value == "" {
		return t
	}
	return slices.Insert(t, end, strings.TrimSuffix(l.String(), "\n"))
}
