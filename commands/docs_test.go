package commands

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// eachVerb calls fn for every verb that a user sees.
func eachVerb(cmd *cobra.Command, fn func(*cobra.Command)) {
	for _, sub := range cmd.Commands() {
		if sub.Name() == "help" {
			continue
		}
		fn(sub)
		eachVerb(sub, fn)
	}
}

// TestExamplesParse proves that every line of every example is a command line that its verb accepts.
func TestExamplesParse(t *testing.T) {
	examples := 0
	eachVerb(Tree(), func(verb *cobra.Command) {
		if verb.Short == "" || verb.Example == "" {
			t.Errorf("%s: no short text or no example", verb.CommandPath())
		}
		for line := range strings.SplitSeq(strings.TrimSpace(verb.Example), "\n") {
			examples++
			checkExample(t, verb, strings.TrimSpace(line))
		}
	})
	if examples < 60 {
		t.Errorf("%d examples, and there were 60", examples)
	}
}

func checkExample(t *testing.T, verb *cobra.Command, line string) {
	words := shellWords(line)
	if len(words) < 2 || words[0] != "evault" {
		t.Errorf("%s: example %q does not begin with evault", verb.CommandPath(), line)
		return
	}
	root := Tree() // flags keep what they were set to
	found, rest, err := root.Find(words[1:])
	if err != nil || found.CommandPath() != verb.CommandPath() && found.Parent().CommandPath() != verb.CommandPath() {
		t.Errorf("%s: example %q runs %v (%v)", verb.CommandPath(), line, found.CommandPath(), err)
		return
	}
	if err := found.ParseFlags(rest); err != nil {
		t.Errorf("%s: example %q: %v", verb.CommandPath(), line, err)
		return
	}
	if err := found.ValidateArgs(found.Flags().Args()); err != nil {
		t.Errorf("%s: example %q: %v", verb.CommandPath(), line, err)
	}
}

// shellWords splits a line up to the first pipe or redirection, and takes off double quotes.
func shellWords(line string) []string {
	var words []string
	for _, w := range regexp.MustCompile(`"[^"]*"|\S+`).FindAllString(line, -1) {
		if w == ">" || w == "|" {
			break
		}
		words = append(words, strings.Trim(w, `"`))
	}
	return words
}

// TestEverySchemaIsDocumented compares the schemas in the source with docs/json.md.
func TestEverySchemaIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range sources {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`schemaOf\("([a-z-]+)"\)`).FindAllSubmatch(text, -1) {
			found++
			if want := "`evault." + string(m[1]) + "/1`"; !strings.Contains(string(doc), want) {
				t.Errorf("%s prints %s, and docs/json.md does not have it", name, want)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d schemas found", found)
	}
}

// TestHelpFitsATerminal keeps the lines of help short enough to read.
func TestHelpFitsATerminal(t *testing.T) {
	eachVerb(Tree(), func(verb *cobra.Command) {
		for line := range strings.SplitSeq(verb.Long, "\n") {
			if len(line) > 130 {
				t.Errorf("%s: a line of %d characters: %s", verb.CommandPath(), len(line), line)
			}
		}
		if len(verb.Short) > 80 || strings.HasSuffix(verb.Short, ".") {
			t.Errorf("%s: short text too long, or with a full stop: %s", verb.CommandPath(), verb.Short)
		}
	})
}
