package remote

import (
	"fmt"
	"strings"
)

// permissionNames are the words for them, in the order in which they are written.
func permissionNames() []struct {
	p    Permissions
	name string
} {
	return []struct {
		p    Permissions
		name string
	}{{Read, "read"}, {Append, "append"}, {Delete, "delete"}}
}

// Has says whether all of want are allowed.
func (p Permissions) Has(want Permissions) bool { return p&want == want }

// String lists the words, "read,append"; "none" for none.
func (p Permissions) String() string {
	var words []string
	for _, n := range permissionNames() {
		if p.Has(n.p) {
			words = append(words, n.name)
		}
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ",")
}

// ParsePermissions reads a list of words as String writes it, in any order; spaces around the commas are allowed.
func ParsePermissions(text string) (p Permissions, err error) {
	if strings.TrimSpace(text) == "none" {
		return 0, nil
	}
next:
	for _, word := range strings.Split(text, ",") {
		word = strings.TrimSpace(word)
		for _, n := range permissionNames() {
			if word == n.name {
				p |= n.p
				continue next
			}
		}
		return 0, fmt.Errorf("%q is none of the permissions read, append and delete", word)
	}
	return p, nil
}
