package objects

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// NameError says why a name may not stand in a tree.
type NameError struct {
	Name   string
	Reason string
}

// Error quotes the name, so that it can do nothing to a terminal.
func (e *NameError) Error() string {
	return fmt.Sprintf("name %.300q: %s", e.Name, e.Reason)
}

// ValidateName reports whether a tree may hold the name, on any system: not
// empty, not "." or "..", no slash, no NUL, at most MaxName bytes, and no spelling
// of ".evault" that some filesystem takes for ".evault" itself. Anything else is
// allowed; a name is bytes and need not be UTF-8. The error is a *NameError.
//
// A filesystem may take for ".evault": another case; trailing dots and spaces, and
// what follows a colon (NTFS streams, as in ".evault::$INDEX_ALLOCATION"); code
// points that HFS+ and case-folding ext4 ignore; and the short names that FAT and
// NTFS give it ("EVAULT~1"). This is what git learned about ".git" in
// CVE-2014-9390, CVE-2019-1352 and CVE-2019-1353.
func ValidateName(name string) error {
	switch {
	case name == "":
		return &NameError{name, "is empty"}
	case len(name) > MaxName:
		return &NameError{name, "is longer than 255 bytes"}
	case name == "." || name == "..":
		return &NameError{name, "is no name"}
	case strings.IndexByte(name, '/') >= 0:
		return &NameError{name, "has a slash in it"}
	case strings.IndexByte(name, 0) >= 0:
		return &NameError{name, "has a NUL in it"}
	}
	// A spelling of ".evault" begins with a dot, with the e of a short name, or with
	// a code point to ignore. All other names are done here.
	if c := name[0]; c != '.' && c|0x20 != 'e' && c < utf8.RuneSelf {
		return nil
	}
	if isVaultSpelling(name) {
		return &NameError{name, "is .evault to some filesystem"}
	}
	return nil
}

// isVaultSpelling reports whether some filesystem takes name for ".evault".
func isVaultSpelling(name string) bool {
	var buf [16]byte // longer than any spelling that is left after folding
	n := 0
	for _, r := range name {
		if isIgnorable(r) {
			continue
		}
		if r == ':' || r == '\\' { // a stream, or a path on Windows
			break
		}
		if r >= utf8.RuneSelf {
			return false // no other code point folds to a letter of "evault"
		}
		if n == len(buf) {
			// Too long, unless the rest is dots and spaces: those fall away.
			if r != '.' && r != ' ' {
				return false
			}
			continue
		}
		buf[n] = lower(byte(r))
		n++
	}
	folded := strings.TrimRight(string(buf[:n]), ". ")
	return folded == ".evault" || isShortVaultName(folded)
}

// isShortVaultName reports whether s, in lower case, is a short (8.3) name that
// FAT or NTFS may give to ".evault": a beginning of "evault", or "ev" and digits of
// a hash, then a tilde and a number, eight bytes in all ("evault~1", "evaul~10",
// "ev1b2c~1"). Which hash depends on the system, so all of them are meant.
func isShortVaultName(s string) bool {
	stem, number, ok := strings.Cut(s, "~")
	if !ok || len(s) != 8 || stem == "" || number == "" {
		return false
	}
	for _, c := range []byte(number) {
		if c < '0' || c > '9' {
			return false
		}
	}
	if strings.HasPrefix("evault", stem) {
		return true
	}
	if !strings.HasPrefix(stem, "ev") {
		return false
	}
	for _, c := range []byte(stem[2:]) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// isIgnorable reports whether a filesystem that folds names may drop r: Unicode's
// Default_Ignorable_Code_Point, which ext4 drops, and which includes HFS+'s list
// (Apple Technical Note 1150).
func isIgnorable(r rune) bool {
	switch {
	case r < 0xAD:
		return false
	case r == 0xAD, r == 0x34F, r == 0x61C, r == 0x3164, r == 0xFEFF, r == 0xFFA0:
		return true
	case 0x115F <= r && r <= 0x1160, 0x17B4 <= r && r <= 0x17B5, 0x180B <= r && r <= 0x180F:
		return true
	case 0x200B <= r && r <= 0x200F, 0x202A <= r && r <= 0x202E, 0x2060 <= r && r <= 0x206F:
		return true
	case 0xFE00 <= r && r <= 0xFE0F, 0xFFF0 <= r && r <= 0xFFF8:
		return true
	case 0x1BCA0 <= r && r <= 0x1BCA3, 0x1D173 <= r && r <= 0x1D17A, 0xE0000 <= r && r <= 0xE0FFF:
		return true
	}
	return false
}
