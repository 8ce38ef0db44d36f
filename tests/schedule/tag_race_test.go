package schedule

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"evault/repo"
)

// tag makes a signed tag on a device.
func (k *track) tag(d *device, name string, force bool) {
	k.must(d.with(context.Background(), repo.Writing, func(r *repo.Repository) error {
		_, _, err := r.CreateTag(context.Background(), repo.TagOptions{Name: name, Annotate: true, Message: "by " + d.name, Force: force})
		return err
	}))
}

// message gives the message of a tag on a device, empty if it has none, and what a fetch said of the tag.
func (k *track) fetchTag(d *device, from, name string) (message string, kind repo.UpdateKind) {
	k.must(d.with(context.Background(), repo.Writing, func(r *repo.Repository) error {
		result, err := r.Fetch(context.Background(), repo.FetchOptions{Remote: from})
		if err != nil {
			return err
		}
		for _, u := range result.Updates {
			if u.Tag == name {
				kind = u.Kind
			}
		}
		if slices.Contains(r.TagNames(), name) {
			tag, err := r.Tag(context.Background(), name)
			if err != nil {
				return err
			}
			message = tag.Message
		}
		return nil
	}))
	return message, kind
}

// TestProofTagRaces: of different tags of one name that are pushed at one instant one wins, the others are told so, everybody's
// own stays, and who had none gets the winner's.
func TestProofTagRaces(t *testing.T) {
	k := tlsTrack(t)
	racers, other := k.devices[:2], k.devices[2]
	rounds := races(40, 500)
	for round := range rounds {
		name := fmt.Sprint("v", round)
		for _, d := range racers {
			k.tag(d, name, false)
		}
		if round%4 != 0 {
			k.meeting = meet(len(racers))
		}
		told := k.run(racers, placeNames[0], func(*device) string { return name })
		winner := slices.Index(told, nil)
		if winner < 0 || !errors.Is(told[1-winner], repo.ErrOtherTag) || !errors.Is(told[1-winner], repo.ErrConflict) {
			t.Fatalf("round %d: %v", round, told)
		}
		for i, d := range racers {
			message, kind := k.fetchTag(d, placeNames[0], name)
			if message != "by "+d.name || kind == repo.UpdateRefused != (i != winner) {
				t.Fatalf("round %d: %s has the tag %q, and is told %q", round, d.name, message, kind)
			}
		}
		if message, kind := k.fetchTag(other, placeNames[0], name); message != "by "+racers[winner].name || kind != repo.UpdateNew {
			t.Fatalf("round %d: who had no tag has %q, and is told %q", round, message, kind)
		}
	}
	t.Logf("proof tag races: %d", rounds)
}

// TestDivergedTags: a disk on which two devices write at one instant may take both tags. Then who fetches takes neither, and
// to delete the tag there settles it.
func TestDivergedTags(t *testing.T) {
	k := folderTrack(t)
	racers, other := k.devices[:2], k.devices[2]
	diverged := 0
	for round := range races(25, 100) {
		name := fmt.Sprint("v", round)
		for _, d := range racers {
			k.tag(d, name, false)
		}
		k.inside = meet(len(racers))
		told := k.run(racers, "disk", func(*device) string { return name })
		if slices.Index(told, nil) < 0 {
			t.Fatalf("round %d: %v", round, told)
		}
		message, kind := k.fetchTag(other, "disk", name)
		if told[0] != nil || told[1] != nil {
			if kind != repo.UpdateNew {
				t.Fatalf("round %d: %v, %q", round, told, kind)
			}
			continue
		}
		diverged++
		if message != "" || kind != repo.UpdateDiverged {
			t.Fatalf("round %d: devices disagree, and %q is taken (%q)", round, message, kind)
		}
		k.must(racers[0].with(t.Context(), repo.Writing, func(r *repo.Repository) error {
			_, err := r.Push(t.Context(), repo.PushOptions{Remote: "disk", Branches: []string{name}, Delete: true})
			return err
		}))
		k.must(k.pushNow(racers[0], "disk", name))
		if message, kind := k.fetchTag(other, "disk", name); message != "by "+racers[0].name || kind != repo.UpdateNew {
			t.Fatalf("round %d: after it was settled: %q (%q)", round, message, kind)
		}
	}
	t.Logf("%d tags diverged", diverged)
}
