// Package nearest finds, among names that exist, the ones that somebody may have meant who typed another: for "did you mean".
//
// Start at [Matches]. How far two words are apart is the number of letters to insert, delete, replace or swap with their
// neighbour to make one of the other: the "optimal string alignment" form of the distance of F. Damerau, "A technique for
// computer detection and correction of spelling errors", Communications of the ACM 7 (1964).
package nearest

import (
	"cmp"
	"iter"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds, so that an answer to a slip of the finger never takes longer than a blink, whoever chose the candidates.
const (
	// MaxWord is the longest word, in bytes, for which anything is searched; a longer candidate is passed over, too.
	MaxWord = 256
	// MaxCandidates is how many candidates are looked at. The rest is left.
	MaxCandidates = 200_000
)

// Matches gives at most most of the candidates that are near word, the nearest first and equally near ones in the order of
// their bytes. A candidate is near if at most a third of the longer word's letters differ, without regard to case, or if word
// begins it, or if both are paths that end in the same name. The word itself and an empty one have nothing near them.
//
// It keeps no more than most candidates, stops after [MaxCandidates] of them, and is safe for concurrent use.
func Matches(word string, candidates iter.Seq[string], most int) []string {
	if word == "" || len(word) > MaxWord || most <= 0 {
		return nil
	}
	s := search{word: fold(word), base: baseOf(word)}
	var best []match
	seen := 0
	for c := range candidates {
		if seen++; seen > MaxCandidates {
			break
		}
		if c == word || len(c) > MaxWord {
			continue
		}
		if d, ok := s.distance(c); ok {
			best = insert(best, match{c, d}, most)
		}
	}
	out := make([]string, len(best))
	for i, m := range best {
		out[i] = m.name
	}
	return out
}

// match is a candidate and how far it is from the word.
type match struct {
	name     string
	distance int
}

func (m match) compare(o match) int {
	return cmp.Or(cmp.Compare(m.distance, o.distance), strings.Compare(m.name, o.name))
}

// insert keeps the list sorted, short, and free of doubles.
func insert(list []match, m match, most int) []match {
	at, found := slices.BinarySearchFunc(list, m, match.compare)
	if found || at >= most {
		return list
	}
	list = slices.Insert(list, at, m)
	return list[:min(len(list), most)]
}

// search is a word that candidates are compared with, and the rows of the table that each comparison fills.
type search struct {
	word []rune
	base string
	rows [3][]int
}

// distance says whether a candidate is near, and how near: a beginning and an equal last name count as one letter and two.
func (s *search) distance(candidate string) (int, bool) {
	other := fold(candidate)
	limit := max(len(s.word), len(other)) / 3
	if len(s.word) == 2 && len(other) == 2 {
		limit = 1 // "sl" for "ls"
	}
	d := s.edits(other, limit)
	near := d <= limit && d < max(len(s.word), len(other))
	if len(s.word) < len(other) && len(s.word) > 1 && slices.Equal(s.word, other[:len(s.word)]) {
		d, near = min(d, 1), true
	}
	if s.base != "" && s.base == baseOf(candidate) {
		d, near = min(d, 2), true
	}
	return d, near
}

// edits is the distance of two words; one above limit is only told to be above it.
func (s *search) edits(other []rune, limit int) int {
	n := len(other)
	if diff := len(s.word) - n; diff > limit || -diff > limit {
		return limit + 1
	}
	for i := range s.rows {
		if cap(s.rows[i]) <= n {
			s.rows[i] = make([]int, n+1, 2*(n+1))
		}
		s.rows[i] = s.rows[i][:n+1]
	}
	before, last, row := s.rows[0], s.rows[1], s.rows[2]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(s.word); i++ {
		row[0] = i
		least := i
		for j := 1; j <= n; j++ {
			row[j] = step(s.word, other, i, j, before, last, row)
			least = min(least, row[j])
		}
		if least > limit {
			return limit + 1
		}
		before, last, row = last, row, before
	}
	return last[n]
}

// step is one field of the table: the least of the ways to get there.
func step(a, b []rune, i, j int, before, last, row []int) int {
	replaced := last[j-1]
	if a[i-1] != b[j-1] {
		replaced++
	}
	d := min(last[j]+1, row[j-1]+1, replaced)
	if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
		d = min(d, before[j-2]+1)
	}
	return d
}

// fold gives the letters of a word without their case. Bytes that are no UTF-8 count as letters that are all the same.
func fold(word string) []rune {
	out := make([]rune, 0, utf8.RuneCountInString(word))
	for _, r := range strings.ToLower(word) {
		out = append(out, r)
	}
	return out
}

// baseOf gives the last name of a path, empty where the word is none.
func baseOf(word string) string {
	b := path.Base(word)
	if b == "." || b == ".." || b == "/" || len(b) < 3 {
		return ""
	}
	return b
}
