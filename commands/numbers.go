package commands

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"evault/objects"
)

// size gives a number of bytes for people, in powers of 1024.
func size[N int64 | uint64](n N) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n)/1024, 0
	for v >= 1023.95 && unit < len(sizeUnits)-1 {
		v /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f %ciB", v, sizeUnits[unit])
}

const sizeUnits = "KMGTPE"

// count gives a number with its noun: "1 file", "2 files", "3 entries".
func count[N int | int64 | uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// duration gives a time span for people: "0.4 s", "1:05", "2:03:04".
func duration(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case d < time.Minute && s < 60:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case s < 3600:
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// instant gives a stored time, with the zone it was stored with.
func instant(t objects.Time, zoneMinutes int16) time.Time {
	return time.Unix(t.Sec, int64(t.Nsec)).In(time.FixedZone("", int(zoneMinutes)*60))
}

// Layouts of time: as git shows it, short, and for JSON.
const (
	longTime  = "Mon Jan 2 15:04:05 2006 -0700"
	shortTime = "2006-01-02 15:04"
)

// local gives a time in the zone of this machine.
func (a *app) local(t time.Time) time.Time { return t.In(a.env.Now().Location()) }

// percentage reads "5%", "5" or "0.5%".
func percentage(s string) (float64, error) {
	p, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
	if err != nil || !(p > 0 && p <= 100) {
		return 0, fmt.Errorf("%q is no percentage from 0 to 100", s)
	}
	return p, nil
}
