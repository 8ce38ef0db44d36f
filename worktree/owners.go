package worktree

import (
	"os/user"
	"strconv"
	"sync"

	"evault/objects"
)

// Owners turns user and group numbers into names, asking the system once for each. The zero Owners is ready for use,
// and safe for concurrent use. A number without a name gives "".
type Owners struct {
	users, groups sync.Map // uint32 -> string
}

// User gives the name of a user, "" if it has none.
func (o *Owners) User(uid uint32) string {
	return cachedName(&o.users, uid, func(id string) (string, error) {
		u, err := user.LookupId(id)
		if err != nil {
			return "", err
		}
		return u.Username, nil
	})
}

// Group gives the name of a group, "" if it has none.
func (o *Owners) Group(gid uint32) string {
	return cachedName(&o.groups, gid, func(id string) (string, error) {
		g, err := user.LookupGroupId(id)
		if err != nil {
			return "", err
		}
		return g.Name, nil
	})
}

// cachedName asks lookup once per number. A number that has no name, or whose name cannot be had, is kept without one:
// the number is what counts.
func cachedName(names *sync.Map, id uint32, lookup func(string) (string, error)) string {
	if name, ok := names.Load(id); ok {
		return name.(string)
	}
	name, err := lookup(strconv.FormatUint(uint64(id), 10))
	if err != nil || len(name) > objects.MaxOwnerName {
		name = ""
	}
	names.Store(id, name)
	return name
}
