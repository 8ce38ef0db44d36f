package repo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"evault/internal/fastexport"
	"evault/objects"
	"evault/refs"
)

// cutText shortens a text to at most limit bytes, not within a character, and says whether it had to.
func cutText(text string, limit int) (string, bool) {
	if len(text) <= limit {
		return text, false
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit], true
}

// importMessage makes a message such as a commit may have. It keeps all but the newlines at the end; what else it had to
// change it says.
func importMessage(text string) (message, change string) {
	text = strings.TrimRight(text, "\n")
	if strings.Contains(text, "\x00") {
		text, change = strings.ReplaceAll(text, "\x00", "\uFFFD"), "NUL in the message was replaced"
	}
	text, long := cutText(text, objects.MaxMessage)
	if long {
		change = fmt.Sprintf("the message was cut to %d bytes", len(text))
	}
	return text, change
}

// importPerson makes an author or tagger: without control characters, and not too long.
func importPerson(p *fastexport.Person) (who, change string) {
	who = p.Who()
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, who)
	if !utf8.ValidString(who) { // Map would have put U+FFFD in place of each byte that is not UTF-8
		clean = cleanBytes(who)
	}
	if clean != who {
		change = "control characters in a name were replaced"
	}
	clean, long := cutText(clean, objects.MaxAuthor)
	if long {
		change = fmt.Sprintf("a name was cut to %d bytes", len(clean))
	}
	return clean, change
}

func cleanBytes(text string) string {
	b := []byte(text)
	for i, c := range b {
		if c < ' ' || c == 0x7f {
			b[i] = '?'
		}
	}
	return string(b)
}

// importZone gives a time's zone. One that is a day or more away is of somebody's imagination; UTC stands for it.
func importZone(p *fastexport.Person) (zone int16, change string) {
	if p.Zone > objects.MaxZone || p.Zone < -objects.MaxZone {
		return 0, fmt.Sprintf("the time zone %q was taken for UTC", p.ZoneText)
	}
	if p.Odd {
		return int16(p.Zone), "a name or time is not of the usual form; what could not be read of it is empty"
	}
	return int16(p.Zone), ""
}

// importTime writes a time for a label.
func importTime(p *fastexport.Person) string {
	zone, _ := importZone(p)
	return time.Unix(p.Sec, 0).In(time.FixedZone("", int(zone)*60)).Format("2006-01-02T15:04:05-07:00")
}

// labelValue makes a text such as a label may have.
func labelValue(text string) string {
	text, _ = cutText(cleanBytes(text), objects.MaxLabelValue)
	return text
}

// importRefName gives the full name of a ref for one of git's, which has nearly the same rules. What a ref of evault must not
// be called is spelt with %XX in place of the bytes that are in the way; a name that is too long ends in a hash of all of it.
func importRefName(prefix, name string, valid func(string) error) string {
	name = prefix + name
	if valid(name) == nil {
		return name
	}
	var b strings.Builder
	for part := range strings.SplitSeq(name, "/") {
		if b.Len() > 0 {
			b.WriteByte('/')
		}
		b.WriteString(escapeRefPart(part))
	}
	escaped := b.String()
	if strings.HasPrefix(escaped, "-") {
		escaped = "%2D" + escaped[1:]
	}
	if escaped == "HEAD" {
		escaped = "%48EAD"
	}
	const room = refs.MaxRefName - len("heads/")
	if len(escaped) > room {
		sum := sha256.Sum256([]byte(name))
		cut, _ := cutText(escaped, room-17)
		escaped = strings.TrimRight(cut, "./%") + "-" + hex.EncodeToString(sum[:8])
	}
	return escaped
}

// escapeRefPart spells one component of a name as refs.ValidateRefName wants it.
func escapeRefPart(part string) string {
	var b strings.Builder
	for i := range len(part) {
		c := part[i]
		dot := c == '.' && (i == 0 || i == len(part)-1 || part[i-1] == '.' || part[i:] == ".lock")
		at := c == '@' && i+1 < len(part) && part[i+1] == '{'
		if dot || at || c <= ' ' || c == 0x7f || strings.IndexByte(`~^:?*[\`, c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
