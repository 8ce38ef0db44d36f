package memfs_test

import (
	"fmt"
	"testing"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
)

// BenchmarkCrashes makes every crash state of publishing 100 files of 16 KiB.
func BenchmarkCrashes(b *testing.B) {
	m := memfs.New(memfs.Options{})
	base := m.Snapshot()
	m.Record()
	for i := range 100 {
		must(b, vfs.MkdirAllSync(m, fmt.Sprintf("packs/%02x", i%16), 0o700))
		must(b, vfs.Publish(m, fmt.Sprintf("packs/%02x/%d", i%16, i), make([]byte, 16<<10), 0o600))
	}
	states := 0
	for b.Loop() {
		for c := range memfs.Crashes(m.Ops(), base, memfs.CrashOptions{}) {
			c.Open()
			states++
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(states), "ns/state")
	b.ReportMetric(float64(states)/float64(b.N), "states")
}
