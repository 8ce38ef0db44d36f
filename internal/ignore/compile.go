package ignore

import "strings"

// compiler turns the text of a pattern into a pathGlob.
type compiler struct {
	text   string
	groups [][]segment // the last one is being filled
	runs   [][]unit    // of the current segment; the last one is being filled
}

// compile translates a pattern whose literal beginning has been taken away. The
// fault says why it can fit nothing. A pattern without a slash, which is
// compared with single names, needs no other treatment: in one element ** and *
// fit the same.
func compile(text string) (g pathGlob, fault string) {
	c := compiler{text: text, groups: make([][]segment, 1), runs: make([][]unit, 1)}
	for c.text != "" {
		if fault := c.next(); fault != "" {
			return pathGlob{}, fault
		}
	}
	if c.runs != nil {
		c.endSegment()
	}
	return newPathGlob(c.groups), ""
}

// next translates what the text begins with and takes it away.
func (c *compiler) next() (fault string) {
	switch c.text[0] {
	case '*':
		c.stars()
		return ""
	case '?':
		c.text = c.text[1:]
		c.add(unit{any: true})
		return ""
	case '[':
		set, rest, fault := parseClass(c.text[1:])
		c.text = rest
		c.add(unit{set: set})
		return fault
	case '\\':
		if len(c.text) == 1 {
			return "backslash at the end"
		}
		c.text = c.text[1:]
	}
	c.literal()
	return ""
}

// literal translates the first byte as itself.
func (c *compiler) literal() {
	b := c.text[0]
	c.text = c.text[1:]
	if b == '/' {
		c.endSegment()
		return
	}
	c.add(unit{b: b})
}

// stars translates a run of stars. Two or more are a ** where they fill a path
// element, and as good as one elsewhere.
func (c *compiler) stars() {
	rest := strings.TrimLeft(c.text, "*")
	run := len(c.text) - len(rest)
	c.text = rest
	if run > 1 && c.atStart() && c.deep() {
		return
	}
	c.runs = append(c.runs, nil)
}

// deep translates a ** that stands at the start of an element, if nothing of
// the element follows it. "**/" fits any number of elements, none included. At
// the end, and before an escaped slash, it fits at least one.
func (c *compiler) deep() bool {
	rest, plain := strings.CutPrefix(c.text, "/")
	if !plain {
		var escaped bool
		if rest, escaped = strings.CutPrefix(c.text, `\/`); !escaped && c.text != "" {
			return false
		}
	}
	c.groups = append(c.groups, nil)
	if !plain {
		c.runs = [][]unit{nil, nil} // *
		c.endSegment()
	}
	if c.text == "" {
		c.runs = nil
	}
	c.text = rest
	return true
}

// atStart reports whether the current segment is still empty.
func (c *compiler) atStart() bool { return len(c.runs) == 1 && len(c.runs[0]) == 0 }

func (c *compiler) add(u unit) {
	last := len(c.runs) - 1
	c.runs[last] = append(c.runs[last], u)
}

// endSegment closes the current segment and begins the next.
func (c *compiler) endSegment() {
	last := len(c.groups) - 1
	c.groups[last] = append(c.groups[last], newSegment(c.runs))
	c.runs = make([][]unit, 1)
}
