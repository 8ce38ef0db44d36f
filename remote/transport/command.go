package transport

import (
	"errors"
	"strings"
)

// SplitCommand splits the text of EVAULT_SSH_COMMAND into a program and its arguments, as a POSIX shell splits words
// (POSIX.1-2017, Shell Command Language, 2.2 and 2.6.5): at spaces, tabs and newlines; single quotes keep everything, double
// quotes everything but a backslash before one of $ ` " \ and newline, and a backslash outside of quotes keeps the next
// character. Nothing else of a shell is there: no variables, no patterns, no "~". An empty text gives no words. On
// Windows, too, a path with backslashes has to be in quotes.
func SplitCommand(text string) ([]string, error) {
	if strings.IndexByte(text, 0) >= 0 {
		return nil, errors.New("there is a NUL")
	}
	var (
		words  []string
		word   strings.Builder
		inWord bool
	)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case ' ', '\t', '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
			continue
		case '\'':
			end := strings.IndexByte(text[i+1:], '\'')
			if end < 0 {
				return nil, errors.New("a single quote is not closed")
			}
			word.WriteString(text[i+1 : i+1+end])
			i += 1 + end
		case '"':
			end, err := doubleQuoted(text[i+1:], &word)
			if err != nil {
				return nil, err
			}
			i += 1 + end
		case '\\':
			if i++; i == len(text) {
				return nil, errors.New("nothing follows the backslash at the end")
			}
			if text[i] == '\n' { // a line that goes on
				continue
			}
			word.WriteByte(text[i])
		default:
			word.WriteByte(c)
		}
		inWord = true
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// doubleQuoted appends what stands before the closing quote and says where that is.
func doubleQuoted(text string, word *strings.Builder) (end int, err error) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return i, nil
		case c == '\\' && i+1 < len(text) && strings.IndexByte("$`\"\\\n", text[i+1]) >= 0:
			if i++; text[i] != '\n' {
				word.WriteByte(text[i])
			}
		default:
			word.WriteByte(c)
		}
	}
	return 0, errors.New("a double quote is not closed")
}

// shellQuote makes one word of text for a POSIX shell on the other machine.
func shellQuote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// remotePath writes a path of a remote.URL for the shell on the other machine. Only a "~" at its start is left to the shell.
func remotePath(path string) string {
	if path == "~" {
		return "~"
	}
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		return "~/" + shellQuote(rest)
	}
	return shellQuote(path)
}
