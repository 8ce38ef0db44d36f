package hostile

import (
	"io"
	"log"
	"os"
	"runtime/debug"
	"testing"
)

// TestMain keeps http.Transport from printing what hosts send unasked. A verb that hangs shows all goroutines.
func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	debug.SetTraceback("all")
	debug.SetMemoryLimit(memoryLimit / 2) // so that what is measured is in use
	os.Exit(m.Run())
}
