package commands

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestEveryVerbHasItsCompletion: the table speaks of every verb that there is, and of none that there is not; a flag whose
// value is a fixed word, a revision, a remote or a file has one, too.
func TestEveryVerbHasItsCompletion(t *testing.T) {
	a := testApp(discard{}, discard{})
	table := a.verbCompletions()
	eachVerb(Tree(), func(verb *cobra.Command) {
		name := strings.TrimPrefix(verb.CommandPath(), "evault ")
		if _, ok := table[name]; !ok && (len(verb.Commands()) == 0 || strings.Contains(verb.Use, " ")) {
			t.Errorf("nothing says what completes the arguments of %s", name)
		}
		delete(table, name)
		flags := a.flagCompletions()
		verb.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
			value, _ := pflag.UnquoteUsage(f)
			if _, ok := flags[f.Name]; !ok && flags[name+" "+f.Name] == nil && (value == "FILE" || value == "DIR" || value == "REV") && f.NoOptDefVal == "" {
				t.Errorf("nothing completes %s --%s %s", name, f.Name, value)
			}
		})
	})
	for name := range table {
		if habitHints()[name] == "" { // else a verb that is awaited
			t.Errorf("completion of %s, which is no verb", name)
		}
	}
}

func TestCompletableWords(t *testing.T) {
	for word, want := range map[string]bool{
		"main": true, "with blank": true, `quo"te`: true, "ö": true, "main\tthe first branch": true,
		"": false, "two\nlines": false, "esc\x1b[2J": false, "\x00": false, "bad\xff": false, "\tonly a description": false,
	} {
		if got := completable(word); got != want {
			t.Errorf("%q: %v", word, got)
		}
	}
}
