package repo

import (
	"time"

	"evault/objects"
)

// stamp splits an instant into what the format stores: the time, and the zone in minutes east of UTC.
func stamp(t time.Time) (objects.Time, int16) {
	_, offset := t.Zone()
	return objects.Time{Sec: t.Unix(), Nsec: uint32(t.Nanosecond())}, int16(offset / 60)
}
