package worktree

import (
	"os/user"
	"strconv"
	"sync"

	"evault/objects"
)

// ownership is a user's and a group's number.
type ownership struct{ uid, gid uint32 }

// ownerIDs finds the numbers of recorded owners on this system: by name, as tar and rsync do, since numbers differ
// between systems; by the recorded number where the name is empty or unknown. Each name is looked up once.
// It is safe for concurrent use.
type ownerIDs struct {
	numeric bool

	mu     sync.Mutex
	users  map[string]foundID
	groups map[string]foundID
}

type foundID struct {
	id uint32
	ok bool
}

func (o *ownerIDs) of(e *objects.Entry) ownership {
	own := ownership{e.UID, e.GID}
	if o.numeric {
		return own
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.users == nil {
		o.users, o.groups = make(map[string]foundID), make(map[string]foundID)
	}
	if f := find(o.users, e.User, userID); f.ok {
		own.uid = f.id
	}
	if f := find(o.groups, e.Group, groupID); f.ok {
		own.gid = f.id
	}
	return own
}

func find(known map[string]foundID, name string, look func(string) (string, error)) foundID {
	if name == "" {
		return foundID{}
	}
	f, ok := known[name]
	if ok {
		return f
	}
	text, err := look(name)
	if err == nil {
		id, err := strconv.ParseUint(text, 10, 32)
		f = foundID{uint32(id), err == nil}
	}
	known[name] = f
	return f
}

func userID(name string) (string, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return "", err
	}
	return u.Uid, nil
}

func groupID(name string) (string, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return "", err
	}
	return g.Gid, nil
}
