package refs

// vector says how many records of each log are in some record's past: element i counts those of the log with index i, from
// the first on. Missing elements are zero. A vector is never changed once it is shared. (Mattern, "Virtual Time and Global
// States of Distributed Systems", 1989.)
type vector []uint64

// at gives element i.
func (v vector) at(i int) uint64 {
	if i < len(v) {
		return v[i]
	}
	return 0
}

// covers says that every element of o is within v.
func (v vector) covers(o vector) bool {
	for i, n := range o {
		if n > v.at(i) {
			return false
		}
	}
	return true
}

// join is the least vector that covers both. It returns v itself when v covers o.
func (v vector) join(o vector) vector {
	if v.covers(o) {
		return v
	}
	out := make(vector, max(len(v), len(o)))
	copy(out, v)
	for i, n := range o {
		out[i] = max(out[i], n)
	}
	return out
}

// with is v with element i raised to n. It returns v itself when that changes nothing.
func (v vector) with(i int, n uint64) vector {
	if v.at(i) >= n {
		return v
	}
	out := make(vector, max(len(v), i+1))
	copy(out, v)
	out[i] = n
	return out
}
