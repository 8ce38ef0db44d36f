package pack

import "math/bits"

// padme rounds a length up so that only the upper bits of it vary: at most 12 % more, and O(log log n) bits told
// (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", PETS 2019).
// Lengths below MinPack become MinPack.
func padme(n int64) int64 {
	if n <= MinPack {
		return MinPack
	}
	e := bits.Len64(uint64(n)) - 1
	s := bits.Len64(uint64(e))
	mask := int64(1)<<(e-s) - 1
	return (n + mask) &^ mask
}
