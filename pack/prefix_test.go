package pack

import (
	"slices"
	"strings"
	"testing"

	"evault/objects"
)

func TestFindPrefix(t *testing.T) {
	p := memoryPlace(t)
	db := p.open(t)
	all := things(p.vault, 80, 400, 120)
	put(t, db, all[:300])
	put(t, db, all[300:])
	for _, prefix := range []string{"", "a", "7", "3f", "00", all[0].id.String()[:9], all[399].id.String(), "zz", "A", strings.Repeat("0", 65)} {
		var want []objects.ID
		for _, o := range all {
			if strings.HasPrefix(o.id.String(), prefix) {
				want = append(want, o.id)
			}
		}
		slices.SortFunc(want, objects.ID.Compare)
		want = slices.Compact(want) // short things are sometimes equal
		if got := db.FindPrefix(prefix, 1000); !slices.Equal(got, want) {
			t.Errorf("%q: %d found, want %d", prefix, len(got), len(want))
		}
		if got := db.FindPrefix(prefix, 2); !slices.Equal(got, want[:min(2, len(want))]) {
			t.Errorf("%q with a limit: %v", prefix, got)
		}
	}
}
