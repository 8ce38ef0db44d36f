package schedule

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain lets garbage lie longer: each of the many worlds is small and soon gone.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
