package commands

import (
	"testing"
	"time"
)

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1<<20 - 1: "1.0 MiB", 1 << 20: "1.0 MiB",
		5 << 30: "5.0 GiB", 1 << 50: "1.0 PiB", 1<<63 - 1: "8.0 EiB",
	} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	for _, c := range []struct {
		n          int
		noun, want string
	}{{0, "file", "0 files"}, {1, "file", "1 file"}, {2, "entry", "2 entries"}, {1, "entry", "1 entry"}} {
		if got := count(c.n, c.noun); got != c.want {
			t.Errorf("count(%d, %s) = %s, want %s", c.n, c.noun, got, c.want)
		}
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.0 s", 440 * time.Millisecond: "0.4 s", 59*time.Second + 400*time.Millisecond: "59.4 s",
		59*time.Second + 700*time.Millisecond: "1:00", 65 * time.Second: "1:05", 2*time.Hour + 3*time.Minute + 4*time.Second: "2:03:04",
	} {
		if got := duration(d); got != want {
			t.Errorf("duration(%v) = %s, want %s", d, got, want)
		}
	}
}

func TestPercentage(t *testing.T) {
	for text, want := range map[string]float64{"5%": 5, "5": 5, "0.5%": 0.5, "100%": 100} {
		if got, err := percentage(text); err != nil || got != want {
			t.Errorf("percentage(%q) = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "%", "0", "0%", "-1", "101", "NaN", "Inf", "5%%", "five"} {
		if got, err := percentage(text); err == nil {
			t.Errorf("percentage(%q) = %v", text, got)
		}
	}
}
