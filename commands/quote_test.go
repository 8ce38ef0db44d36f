package commands

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestQuoted(t *testing.T) {
	for name, want := range map[string]string{
		"plain.txt":         "plain.txt",
		"with space":        "with space",
		"grüße 日本 \u00a0":   "grüße 日本 \u00a0",
		"tab\there":         `"tab\there"`,
		"line\nbreak\r":     `"line\nbreak\r"`,
		`say "hi"`:          `"say \"hi\""`,
		`back\slash`:        `"back\\slash"`,
		"esc\x1b[31m":       `"esc\033[31m"`,
		"del\x7f":           `"del\177"`,
		"latin\xe9":         `"latin\351"`,
		"rtl\u202etxt":      `"rtl\342\200\256txt"`,
		"c1\u009b":          `"c1\302\233"`,
		"zero\u200bwidth":   `"zero\342\200\213width"`,
		"\a\b\v\f":          `"\a\b\v\f"`,
		"replacement\ufffd": "replacement\ufffd",
		"":                  "",
	} {
		if got := quoted(name); got != want {
			t.Errorf("quoted(%q) = %s, want %s", name, got, want)
		}
	}
}

// TestQuotedIsSafeAndReversible: whatever a name holds, what is printed is one line of printable UTF-8 from which the name
// can be read back.
func TestQuotedIsSafeAndReversible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := string(rapid.SliceOf(rapid.Byte()).Draw(t, "name"))
		shown := quoted(name)
		if !utf8.ValidString(shown) || strings.ContainsAny(shown, "\n\r\t\x00\x1b\x7f") {
			t.Fatalf("%q shows as %q", name, shown)
		}
		if !strings.HasPrefix(shown, `"`) {
			if shown != name {
				t.Fatalf("%q shows as %q without quotes", name, shown)
			}
			return
		}
		back, err := strconv.Unquote(shown)
		if err != nil || back != name {
			t.Fatalf("%q shows as %s, which reads as %q (%v)", name, shown, back, err)
		}
	})
}

func TestHarmless(t *testing.T) {
	for text, want := range map[string]string{
		"two\nlines\tand a tab": "two\nlines\tand a tab",
		"clear\x1b[2Jscreen":    `clear\033[2Jscreen`,
		"back\rwards":           `back\rwards`,
		"bad \xff":              `bad \377`,
	} {
		if got := harmless(text); got != want {
			t.Errorf("harmless(%q) = %q, want %q", text, got, want)
		}
	}
}
