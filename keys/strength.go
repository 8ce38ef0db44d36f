package keys

import (
	"math"
	"strings"
	"unicode"
)

// MinPublishedBits is the strength in bits below which a passphrase's slot is never sent to a remote.
const MinPublishedBits = 64

// EstimateBits is a floor for the strength of a passphrase in bits: how much it is worth against somebody who guesses
// words, names, repeats, rows of keys and years before he guesses letters. Recovery words count in full. It cannot know
// that a phrase is a quotation, and it thinks less of random lower-case letters than they deserve.
//
// The text is cut into runs of letters, digits and other characters. A run of letters is worth the least of 4.7 bits a
// letter (random letters) and 11 bits for every 7 letters or part of them (a word out of 2,048); a run of digits 3.3 bits a
// digit, a year 7; another character 4. A run that came before, a character that repeats or continues the last one's
// sequence, and a row of keys are worth 1 bit each; a capital within a run adds 1 or 2 bits in all.
func EstimateBits(pass []byte) float64 {
	if _, ok, _ := NormalizeRecoveryWords(pass); ok {
		return 8 * recoveryBytes
	}
	text := string(pass)
	if commonPassword(strings.ToLower(text)) {
		return 8
	}
	bits, seen := 0.0, map[string]bool{}
	for _, run := range splitRuns(text) {
		folded := strings.ToLower(run)
		if seen[folded] && folded != " " {
			bits++
			continue
		}
		if folded == " " && seen[folded] {
			continue // the second blank between words tells nothing new
		}
		seen[folded] = true
		bits += runBits(run)
	}
	return bits
}

// charClass tells letters, digits and the rest apart.
func charClass(r rune) int {
	switch {
	case unicode.IsLetter(r):
		return 1
	case unicode.IsDigit(r):
		return 2
	case unicode.IsSpace(r):
		return 3
	}
	return 4
}

func splitRuns(text string) []string {
	var runs []string
	start, last := 0, 0
	for i, r := range text {
		if c := charClass(r); i > 0 && c != last {
			runs = append(runs, text[start:i])
			start, last = i, c
		} else {
			last = c
		}
	}
	if start < len(text) {
		runs = append(runs, text[start:])
	}
	return runs
}

// runBits estimates one run of characters of one class.
func runBits(run string) float64 {
	letters := []rune(strings.ToLower(run))
	fresh := freshCharacters(letters)
	predictable := float64(len(letters) - fresh)
	switch charClass(letters[0]) {
	case 1:
		words := math.Ceil(float64(fresh) / 7)
		return math.Min(4.7*float64(fresh), 11*words) + predictable*0.5 + capitalBits(run)
	case 2:
		if len(letters) == 4 && (strings.HasPrefix(run, "19") || strings.HasPrefix(run, "20")) {
			return 7
		}
		return 3.3*float64(fresh) + predictable*0.5
	}
	return 4*float64(fresh) + predictable*0.5
}

// freshCharacters counts those that neither repeat the one before nor go on with its sequence: abc, 321, qwe.
func freshCharacters(letters []rune) int {
	n := 0
	for i, r := range letters {
		if i == 0 || !follows(letters[i-1], r) {
			n++
		}
	}
	return n
}

const keyboardRows = "qwertyuiop asdfghjkl zxcvbnm qwertz azerty 1234567890 "

func follows(a, b rune) bool {
	if d := a - b; d >= -1 && d <= 1 {
		return true
	}
	pair, back := string([]rune{a, b}), string([]rune{b, a})
	return a != ' ' && b != ' ' && (strings.Contains(keyboardRows, pair) || strings.Contains(keyboardRows, back))
}

// capitalBits is what capitals add to a word: a bit at its beginning or throughout, two elsewhere.
func capitalBits(run string) float64 {
	upper := 0
	for _, r := range run {
		if unicode.IsUpper(r) {
			upper++
		}
	}
	first := unicode.IsUpper([]rune(run)[0])
	switch {
	case upper == 0:
		return 0
	case upper == 1 && first, upper == len([]rune(run)):
		return 1
	}
	return 2
}

// commonPassword knows the ones that every guesser tries first, whatever their length.
func commonPassword(folded string) bool {
	folded = strings.TrimRight(folded, "0123456789!?.")
	for word := range strings.FieldsSeq("password passwort passwd letmein welcome admin iloveyou monkey dragon master qwerty " +
		"qwertyuiop football baseball superman batman trustno correcthorsebatterystaple evault secret changeme test") {
		if folded == word {
			return true
		}
	}
	return folded == "correct horse battery staple"
}
