package textdiff

import "unicode/utf8"

// Span is the bytes [From,To) of a text.
type Span struct{ From, To int }

// wordLimit is the longest text in which Words tells words apart, in bytes. What is longer differs as a whole.
const wordLimit = 1 << 20

// Words gives the parts of two texts that differ, word by word, so that they can be emphasised. A word is a run of letters and
// digits of any script, a run of space, or any other single character. The spans ascend and do not touch.
func Words(a, b []byte) (inA, inB []Span) {
	if len(a)+len(b) > wordLimit {
		return whole(a), whole(b)
	}
	wa, wb := words(a), words(b)
	atA, atB := 0, 0 // bytes before word posA, posB
	posA, posB := 0, 0
	advance := func(words [][]byte, pos, at *int, to int) int {
		for ; *pos < to; *pos++ {
			*at += len(words[*pos])
		}
		return *at
	}
	for _, c := range diff(wa, wb, nil, false) {
		from := advance(wa, &posA, &atA, c.A0)
		inA = appendSpan(inA, Span{from, advance(wa, &posA, &atA, c.A1)})
		from = advance(wb, &posB, &atB, c.B0)
		inB = appendSpan(inB, Span{from, advance(wb, &posB, &atB, c.B1)})
	}
	return inA, inB
}

func whole(text []byte) []Span { return appendSpan(nil, Span{0, len(text)}) }

func appendSpan(spans []Span, s Span) []Span {
	if s.From == s.To {
		return spans
	}
	if n := len(spans); n > 0 && spans[n-1].To == s.From {
		spans[n-1].To = s.To
		return spans
	}
	return append(spans, s)
}

// words cuts a text into words; together they are the text.
func words(text []byte) [][]byte {
	out := make([][]byte, 0, len(text)/3+1)
	for len(text) > 0 {
		end := wordEnd(text)
		out = append(out, text[:end])
		text = text[end:]
	}
	return out
}

func wordEnd(text []byte) int {
	for _, in := range []func(byte) bool{isSpace, isWord} {
		end := 0
		for end < len(text) && in(text[end]) {
			end++
		}
		if end > 0 {
			return end
		}
	}
	_, n := utf8.DecodeRune(text)
	return n
}

// isWord holds for letters, digits, underscores, and every byte of a character beyond ASCII.
func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= utf8.RuneSelf
}
