package commands

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"evault/internal/nearest"
)

// maxMeant is how many names are suggested for one that does not exist.
const maxMeant = 3

// unknownVerbError says that the program has no such verb.
type unknownVerbError struct {
	verb string
	near []string
}

func (e *unknownVerbError) Error() string {
	return fmt.Sprintf("unknown verb %q%s", e.verb, didYouMean(e.near))
}

// asUnknownVerb turns the error that cobra has no type for into one that names the nearest verbs.
func asUnknownVerb(root *cobra.Command, err error) error {
	if err == nil || !strings.HasPrefix(err.Error(), "unknown command ") {
		return err
	}
	_, rest, _ := strings.Cut(err.Error(), `"`)
	verb, _, _ := strings.Cut(rest, `"`)
	return &unknownVerbError{verb, nearest.Matches(verb, verbNames(root), maxMeant)}
}

// verbNames yields the verbs of a group as they may be typed.
func verbNames(group *cobra.Command) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, sub := range group.Commands() {
			if sub.Hidden {
				continue
			}
			for _, name := range append([]string{sub.Name()}, sub.Aliases...) {
				if !yield(name) {
					return
				}
			}
		}
	}
}

// nearFlags names the flags that somebody may have meant who typed one that a verb does not have.
func nearFlags(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || unknown.GetSpecifiedShortnames() != "" {
		return err
	}
	var names []string
	add := func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	}
	cmd.Flags().VisitAll(add)
	cmd.InheritedFlags().VisitAll(add)
	near := nearest.Matches(unknown.GetSpecifiedName(), slices.Values(names), maxMeant)
	for i := range near {
		near[i] = "--" + near[i]
	}
	if len(near) == 0 {
		return err
	}
	return fmt.Errorf("%w%s", err, didYouMean(near))
}

// didYouMean ends a sentence about a name that does not exist: "; did you mean a, b or c?". Nothing near gives nothing.
func didYouMean(near []string) string {
	if len(near) == 0 {
		return ""
	}
	var shown []string
	for _, n := range near {
		shown = append(shown, quoted(n))
	}
	last := len(shown) - 1
	text := shown[last]
	if last > 0 {
		text = strings.Join(shown[:last], ", ") + " or " + text
	}
	return "; did you mean " + text + "?"
}
