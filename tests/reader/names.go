package main

import (
	"regexp"
	"strings"
)

// nameAllowed says whether a tree may hold a name: section 14.
func nameAllowed(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > 255 || strings.ContainsAny(name, "/\x00") {
		return false
	}
	folded := strings.Map(func(r rune) rune {
		if ignorable(r) {
			return -1
		}
		return r
	}, name)
	if i := strings.IndexAny(folded, `:\`); i >= 0 {
		folded = folded[:i]
	}
	folded = strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, strings.TrimRight(folded, ". "))
	short := regexp.MustCompile(`^(e|ev|eva|evau|evaul|evault|ev[0-9a-f]*)~[0-9]+$`)
	return folded != ".evault" && !(len(folded) == 8 && short.MatchString(folded))
}

// ignorable lists the code points of section 14, step 1.
func ignorable(r rune) bool {
	ranges := [][2]rune{{0xAD, 0xAD}, {0x34F, 0x34F}, {0x61C, 0x61C}, {0x115F, 0x1160}, {0x17B4, 0x17B5}, {0x180B, 0x180F},
		{0x200B, 0x200F}, {0x202A, 0x202E}, {0x2060, 0x206F}, {0x3164, 0x3164}, {0xFE00, 0xFE0F}, {0xFEFF, 0xFEFF}, {0xFFA0, 0xFFA0},
		{0xFFF0, 0xFFF8}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF}}
	for _, span := range ranges {
		if span[0] <= r && r <= span[1] {
			return true
		}
	}
	return false
}
