package ignore

import "strings"

// class is a set of bytes.
type class [4]uint64

func (c *class) has(b byte) bool { return c[b>>6]>>(b&63)&1 != 0 }

func (c *class) add(b byte) { c[b>>6] |= 1 << (b & 63) }

// addRange adds lo to hi, both included; nothing if they are in the wrong order.
func (c *class) addRange(lo, hi byte) {
	for b := int(lo); b <= int(hi); b++ {
		c.add(byte(b))
	}
}

func (c *class) negate() {
	for i := range c {
		c[i] = ^c[i]
	}
}

// classParser reads the inside of [...].
type classParser struct {
	text string
	set  class
	// from is the byte a following dash would start a range at; valid only if
	// ranged.
	from   byte
	ranged bool
}

// parseClass reads a set whose opening bracket has been taken away. It returns
// the text behind its closing bracket. The fault says why a pattern with it can
// fit nothing.
//
// Oddities kept from git: a bracket that comes first is a member, also behind
// the negation; [a-\z] escapes the end of a range; [[:x] without the closing
// colon is an ordinary set; neither a range nor a named class can start a range.
func parseClass(text string) (set *class, rest string, fault string) {
	p := classParser{text: text}
	negated := text != "" && (text[0] == '!' || text[0] == '^')
	if negated {
		p.text = text[1:]
	}
	for first := true; ; first = false {
		if p.text == "" {
			return nil, "", "unclosed character set"
		}
		if p.text[0] == ']' && !first {
			break
		}
		if fault := p.member(); fault != "" {
			return nil, "", fault
		}
	}
	if negated {
		p.set.negate()
	}
	return &p.set, p.text[1:], ""
}

// member reads one byte, range or named class.
func (p *classParser) member() (fault string) {
	switch b := p.text[0]; {
	case b == '-' && p.ranged && len(p.text) > 1 && p.text[1] != ']':
		p.text = p.text[1:]
		to, ok := p.byte()
		p.set.addRange(p.from, to)
		p.ranged = false
		if !ok {
			return "unclosed character set"
		}
	case strings.HasPrefix(p.text, "[:"):
		return p.named()
	default:
		b, ok := p.byte()
		if !ok {
			return "unclosed character set"
		}
		p.set.add(b)
		p.from, p.ranged = b, true
	}
	return ""
}

// byte takes one byte, which may be escaped.
func (p *classParser) byte() (b byte, ok bool) {
	if p.text[0] == '\\' {
		p.text = p.text[1:]
		if p.text == "" {
			return 0, false
		}
	}
	b = p.text[0]
	p.text = p.text[1:]
	return b, true
}

// named reads a class like [:alpha:], at whose opening bracket the text is.
func (p *classParser) named() (fault string) {
	name, rest, closed := strings.Cut(p.text[2:], "]")
	if !closed {
		return "unclosed character set"
	}
	name, ok := strings.CutSuffix(name, ":")
	if !ok {
		p.text = p.text[1:]
		p.set.add('[')
		p.from, p.ranged = '[', true
		return ""
	}
	p.text = rest
	p.ranged = false
	return p.addNamed(name)
}

// addNamed adds a class of ASCII by its POSIX name. As in git, a vertical tab
// and a form feed are no space.
func (p *classParser) addNamed(name string) (fault string) {
	ranges := ""
	switch name {
	case "alnum":
		ranges = "09AZaz"
	case "alpha":
		ranges = "AZaz"
	case "blank":
		ranges = "  \t\t"
	case "cntrl":
		ranges = "\x00\x1f\x7f\x7f"
	case "digit":
		ranges = "09"
	case "graph":
		ranges = "!~"
	case "lower":
		ranges = "az"
	case "print":
		ranges = " ~"
	case "punct":
		ranges = "!/:@[`{~"
	case "space":
		ranges = "  \t\n\r\r"
	case "upper":
		ranges = "AZ"
	case "xdigit":
		ranges = "09AFaf"
	default:
		return "unknown character class"
	}
	for i := 0; i < len(ranges); i += 2 {
		p.set.addRange(ranges[i], ranges[i+1])
	}
	return ""
}
