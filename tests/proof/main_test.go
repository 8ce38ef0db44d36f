package proof

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain lets garbage lie longer: each of the many worlds is small and soon gone. A verb that hangs shows all goroutines.
func TestMain(m *testing.M) {
	debug.SetTraceback("all")
	debug.SetGCPercent(200)
	os.Exit(m.Run())
}
