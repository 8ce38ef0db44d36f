package objects

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

// FoldName returns a key that is the same for two names that some filesystem in use
// takes for one: those that differ in case (NTFS, APFS, FAT), in composed or
// decomposed accents (APFS, HFS+), or in code points that are ignored. Names with
// different keys can stand side by side everywhere; of names with one key only the
// first may be written on such a filesystem. The key errs on the side of caution
// ("ß" and "ss" have one) and is good for nothing but comparison. Bytes that are not
// UTF-8 stay as they are. The most of the work is Unicode's canonical caseless
// matching (The Unicode Standard, section 3.13).
func FoldName(name string) string {
	if isLowerASCII(name) {
		return name
	}
	out := make([]byte, 0, len(name)+8)
	var marks []rune // a run of combining marks, whose order may differ
	flush := func() {
		slices.Sort(marks)
		for _, m := range marks {
			out = utf8.AppendRune(out, m)
		}
		marks = marks[:0]
	}
	var runes []rune
	for len(name) > 0 {
		r, size := utf8.DecodeRuneInString(name)
		if r == utf8.RuneError && size == 1 {
			flush()
			out = append(out, name[0])
			name = name[1:]
			continue
		}
		name = name[size:]
		runes = appendFolded(runes[:0], r)
		for _, f := range runes {
			if unicode.Is(unicode.M, f) {
				marks = append(marks, f)
				continue
			}
			flush()
			out = utf8.AppendRune(out, f)
		}
	}
	flush()
	return string(out)
}

func isLowerASCII(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

// appendFolded appends what r decomposes and folds to.
func appendFolded(dst []rune, r rune) []rune {
	if isIgnorable(r) {
		return dst
	}
	if isHangul(r) {
		return appendHangul(dst, r)
	}
	i, found := slices.BinarySearchFunc(foldTable[:], r, func(f folding, r rune) int { return int(f.from - r) })
	if found {
		for _, t := range foldTable[i].to {
			dst = append(dst, simpleFold(t))
		}
		return dst
	}
	return append(dst, simpleFold(r))
}

// simpleFold returns one of the code points that differ from r in case only, the
// same for all of them: the lower-case letter for ASCII, otherwise the least.
func simpleFold(r rune) rune {
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	if 'A' <= least && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}

// isHangul reports whether r is a Hangul syllable, which decomposes by arithmetic
// (The Unicode Standard, section 3.12).
func isHangul(r rune) bool { return 0xAC00 <= r && r <= 0xD7A3 }

func appendHangul(dst []rune, r rune) []rune {
	s := r - 0xAC00
	dst = append(dst, 0x1100+s/588, 0x1161+s%588/28)
	if t := s % 28; t != 0 {
		dst = append(dst, 0x11A7+t)
	}
	return dst
}
