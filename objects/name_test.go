package objects

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

var goodNames = []string{
	"a", "...", "....", ".e", ".evaul", ".evaultx", ".evaultignore", "evault", "Evault", "evault.exe", ".git", ".evault-tmp-1a2b",
	".evault2", "..evault", " .evault", "x.evault", ".evault.bak", "CON", "a:b", "a\\b", "new\nline", "\xff", "é", "\u200b",
	"e~1", "evault~", "evault~x", "evaultt~1", "ev~1", "elephant~1", "EVAULTED", "ev12345~1", "evault~12", "env~1",
	strings.Repeat("x", 255), "tab\t", "-rf", "*", "~", "\u0435vault", ".\u0435vault", // Cyrillic e
}

var badNames = []string{
	"", ".", "..", "/", "a/b", "../x", "/etc", "a\x00b", "\x00", strings.Repeat("x", 256),
	".evault", ".EVAULT", ".Evault", ".eVaUlT", ".evault.", ".evault..", ".evault ", ".evault . .", ".evault::$INDEX_ALLOCATION",
	".evault:x", ".EVAULT:$I30:$INDEX_ALLOCATION", ".evault .:x", ".evault\\config.toml", ".evault" + strings.Repeat(" ", 200), ".evault" + strings.Repeat(". ", 100) + ":s",
	"EVAULT~1", "evault~1", "Evault~9", "EVAUL~10", "EVAU~100", "EV1A2B~1", "ev00ff~3", "EVAULT~1 ", "EVAULT~1.", "EVAULT~1::$DATA",
	".ev\u200cault", "\u200d.evault", ".evault\ufeff", "\ufeff.EVAULT", ".e\u00advault", ".evault\ufe0f", "\U000e0001.evault", ".evau\u2060lt.", "\u200cEVAULT~1",
}

func TestValidateName(t *testing.T) {
	for _, name := range goodNames {
		if err := ValidateName(name); err != nil {
			t.Errorf("%q refused: %v", name, err)
		}
	}
	for _, name := range badNames {
		err := ValidateName(name)
		if _, ok := errors.AsType[*NameError](err); !ok {
			t.Errorf("%q: error %v", name, err)
		}
	}
	t.Logf("proof row 9: %d names refused", len(badNames))
}

func TestNameErrorIsHarmlessOnATerminal(t *testing.T) {
	err := ValidateName("\x1b[2J/" + strings.Repeat("x", 1<<20))
	if s := err.Error(); strings.Contains(s, "\x1b") || len(s) > 2000 {
		t.Errorf("%.3000q", s)
	}
}

func TestValidateNameOnWindows(t *testing.T) {
	for _, name := range []string{"a", "a b", "con1", "COM", "COM10", "lpt", "nulx", "aux_", "x.con", ".a", "é", "com", "CONSOLE"} {
		if err := ValidateNameOnWindows(name); err != nil {
			t.Errorf("%q refused: %v", name, err)
		}
	}
	for _, name := range append([]string{
		"con", "CON", "nul.txt", "Aux.tar.gz", "PRN ", "com1", "COM0", "lpt9.x", "COM¹", "lpt³.a", "conin$", "CONOUT$", "con .txt",
		"a.", "a ", "a<b", "a>b", "a:b", `a"b`, `a\b`, "a|b", "a?", "a*", "a\nb", "\x1f", "\xff", "a\x7f",
	}, badNames...) {
		if _, ok := errors.AsType[*NameError](ValidateNameOnWindows(name)); !ok {
			t.Errorf("%q allowed", name)
		}
	}
}

func TestFoldName(t *testing.T) {
	same := [][]string{
		{"abc", "ABC", "aBc"}, {"é", "e\u0301", "É", "E\u0301"}, {"ß", "ss", "SS", "ẞ"}, {"K", "k", "\u212a"}, {"ſ", "s", "S"},
		{"σ", "ς", "Σ"}, {"한", "\u1112\u1161\u11ab"}, {"가", "\u1100\u1161"}, {"a\u200b", "a"}, {"ﬁ", "fi", "FI"},
		{"a\u0301\u0327", "a\u0327\u0301"}, {"Å", "\u212b", "a\u030a"}, {"ǆ", "Ǆ", "ǅ"}, {"ΐ", "\u1fd3"},
	}
	for _, group := range same {
		for _, name := range group[1:] {
			if FoldName(name) != FoldName(group[0]) {
				t.Errorf("%+q and %+q do not fold together: %+q, %+q", group[0], name, FoldName(group[0]), FoldName(name))
			}
		}
	}
	different := []string{"a", "b", "ä", "a1", "\xff", "\xfe", "é", "e", "\ufffd", "ı", "i", "0", "", "한", "하"}
	for i, a := range different {
		for _, b := range different[:i] {
			if FoldName(a) == FoldName(b) {
				t.Errorf("%+q and %+q fold together", a, b)
			}
		}
	}
}

// The slow rule, written differently: strip, cut, trim, match.
var vaultPattern = regexp.MustCompile(`^(?i)(\.evault|(evault~[0-9]|evaul~[0-9]{2}|evau~[0-9]{3}|eva~[0-9]{4}|ev~[0-9]{5}|e~[0-9]{6}|~[0-9]{7})|ev[0-9a-f]{0,4}~[0-9]+)$`)

func slowValid(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > 255 || strings.ContainsAny(name, "/\x00") {
		return false
	}
	stripped := strings.Map(func(r rune) rune {
		if isIgnorable(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, "\ufffd"))
	if i := strings.IndexAny(stripped, ":\\"); i >= 0 {
		stripped = stripped[:i]
	}
	stripped = strings.TrimRight(stripped, ". ")
	for _, r := range stripped {
		if r >= utf8.RuneSelf {
			return true
		}
	}
	return !(vaultPattern.MatchString(stripped) && (stripped[0] == '.' || len(stripped) == 8 && stripped[0] != '~'))
}

func FuzzValidateName(f *testing.F) {
	for _, name := range append(goodNames, badNames...) {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if got, want := ValidateName(name) == nil, slowValid(name); got != want {
			t.Fatalf("%+q: valid is %v, want %v", name, got, want)
		}
		if ValidateNameOnWindows(name) == nil && ValidateName(name) != nil {
			t.Fatalf("%+q is valid on Windows only", name)
		}
		if k := FoldName(name); FoldName(k) != k {
			t.Fatalf("%+q folds to %+q and that to %+q", name, k, FoldName(k))
		}
		if up := strings.ToUpper(name); utf8.ValidString(name) && isASCII(name) && FoldName(up) != FoldName(name) {
			t.Fatalf("%q and %q do not fold together", name, up)
		}
	})
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}
