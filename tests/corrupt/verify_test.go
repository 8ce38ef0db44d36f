package corrupt

import (
	"context"
	"errors"
	"strings"
	"testing"

	"evault/repo"
)

// A damaged record must not keep Verify from naming what else is damaged.
func TestVerifyGoesOnPastADamagedRecord(t *testing.T) {
	for _, spoil := range []string{"flipped", "missing", "huge"} {
		t.Run(spoil, func(t *testing.T) {
			s := newSpecimen(t)
			names, sizes := files(t, s.disk, storeDir)
			for i, name := range names {
				switch {
				case strings.HasSuffix(name, "/0000000000000000") && spoil == "flipped":
					must(t, flip{name, (sizes[i] - 1) * 8}.apply(s.disk))
				case strings.HasSuffix(name, "/0000000000000000") && spoil == "missing":
					must(t, s.disk.Remove(name))
				case strings.HasSuffix(name, "/0000000000000000"):
					must(t, writeFile(s.disk, name, make([]byte, 2<<20)))
				case strings.HasSuffix(name, ".pack"):
					must(t, flip{name, 100 * 8}.apply(s.disk))
				}
			}
			p, err := places(s.disk)
			must(t, err)
			r, err := repo.Open(t.Context(), p, settings(), repo.ReadOnly)
			must(t, err)
			found, err := r.Verify(context.Background(), repo.VerifyOptions{})
			if !errors.Is(err, repo.ErrDamaged) && !errors.Is(err, repo.ErrSecurity) || found == nil {
				t.Fatalf("%+v, %v", found, err)
			}
			packs, records, paths := 0, len(found.Security), 0
			for _, d := range found.Damage {
				switch {
				case d.Kind == "record":
					records++
				case d.Kind == "pack":
					packs++
				}
				if d.Commit != "" {
					paths++
				}
			}
			if packs < 3 || records == 0 || paths == 0 {
				t.Errorf("%d packs, %d records, %d objects by commit are named: %+v", packs, records, paths, found)
			}
		})
	}
}
