package commands

import "testing"

// A hint for a verb of git must go when evault has the verb.
func TestHabitHintsAreNotVerbs(t *testing.T) {
	for _, verb := range Tree().Commands() {
		if hint, ok := habitHints()[verb.Name()]; ok {
			t.Errorf("evault %s exists, and the hint says: %s", verb.Name(), hint)
		}
	}
}
