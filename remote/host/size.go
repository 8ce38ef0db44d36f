package host

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// Size is a number of bytes as people write it: "50GiB", "1.5 TiB", "200 MB", "4096". Zero, written "none", means that
// there is no limit.
type Size uint64

// sizeUnits are what may follow the number, in any case. A letter alone is a power of 1024, as everywhere in evault.
func sizeUnits() []struct {
	name  string
	bytes uint64
} {
	return []struct {
		name  string
		bytes uint64
	}{
		{"PiB", 1 << 50}, {"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
		{"PB", 1e15}, {"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3},
		{"P", 1 << 50}, {"T", 1 << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"B", 1}, {"", 1},
	}
}

// ParseSize reads a size. A fraction of a byte is rounded down.
func ParseSize(text string) (Size, error) {
	text = strings.TrimSpace(text)
	if strings.EqualFold(text, "none") {
		return 0, nil
	}
	end := strings.LastIndexAny(text, "0123456789") + 1
	number, unit := text[:end], strings.TrimSpace(text[end:])
	for _, u := range sizeUnits() {
		if strings.EqualFold(unit, u.name) {
			if n, ok := multiply(number, u.bytes); ok {
				return Size(n), nil
			}
			break
		}
	}
	return 0, fmt.Errorf("%.40q is no size (as 50GiB, 200MB or none)", text)
}

// multiply gives a decimal number times a unit, exactly for whole numbers.
func multiply(number string, unit uint64) (uint64, bool) {
	if n, err := strconv.ParseUint(number, 10, 64); err == nil {
		high, low := bits.Mul64(n, unit)
		return low, high == 0
	}
	if strings.Trim(number, "0123456789.") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || f*float64(unit) >= math.MaxUint64 {
		return 0, false
	}
	return uint64(f * float64(unit)), true
}

// String writes the size with the largest power of 1024 that divides it, so that ParseSize gives the same size again.
func (s Size) String() string {
	if s == 0 {
		return "none"
	}
	for _, u := range sizeUnits()[:5] {
		if uint64(s)%u.bytes == 0 {
			return strconv.FormatUint(uint64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatUint(uint64(s), 10)
}

// about gives a size for a message: at most one decimal.
func about(n uint64) string {
	for _, u := range sizeUnits()[:5] {
		if n >= u.bytes {
			return strconv.FormatFloat(float64(n)/float64(u.bytes), 'f', 1, 64) + " " + u.name
		}
	}
	return strconv.FormatUint(n, 10) + " B"
}
