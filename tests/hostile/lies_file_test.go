package hostile

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"evault/internal/vfs/memfs"
	"evault/keys"
	"evault/refs"
	"evault/remote"
)

// cloning is the table of a lie that only a new device notices.
func cloning(classes ...string) map[string][]string {
	return map[string][]string{"": {ok}, vClone: classes, vRemote: {damage}}
}

// eachFile is a lie about the bytes of all rosters, keyrings and slots.
func eachFile(change func(data []byte) []byte) func(c *hostileCase) lies {
	return func(c *hostileCase) lies {
		return lies{file: func(ctx context.Context, name string) ([]byte, error) {
			data, err := c.l.honest.File(ctx, name)
			return change(slices.Clone(data)), err
		}}
	}
}

// listed is a lie about the list of rosters, keyrings and slots.
func listed(change func(list []remote.FileInfo) []remote.FileInfo) func(c *hostileCase) lies {
	return func(c *hostileCase) lies {
		return lies{files: func(ctx context.Context) ([]remote.FileInfo, error) {
			list, err := c.l.honest.Files(ctx)
			return change(list), err
		}}
	}
}

// hiding serves the truth without some of the rosters, keyrings and slots.
func hiding(hidden func(c *hostileCase, name string) bool) func(c *hostileCase) lies {
	return func(c *hostileCase) lies {
		gone := map[string]bool{}
		list, err := c.l.honest.Files(c.t.Context())
		must(c.t, err)
		for _, f := range list {
			gone[f.Name] = hidden(c, f.Name)
		}
		return lies{
			files: func(ctx context.Context) ([]remote.FileInfo, error) {
				list, err := c.l.honest.Files(ctx)
				return slices.DeleteFunc(list, func(f remote.FileInfo) bool { return gone[f.Name] }), err
			},
			file: func(ctx context.Context, name string) ([]byte, error) {
				if gone[name] {
					return nil, remote.ErrNotFound
				}
				return c.l.honest.File(ctx, name)
			},
			putFile: func(ctx context.Context, name string, data []byte) error {
				delete(gone, name) // sent again, it is shown
				return c.l.honest.PutFile(ctx, name, data)
			},
		}
	}
}

func inFolder(dir string) func(*hostileCase, string) bool {
	return func(_ *hostileCase, name string) bool { return path.Dir(name) == dir }
}

// planted serves the truth with files of an outsider, which are made as they should be, for another vault.
func planted(dirs ...string) func(c *hostileCase) lies {
	return served(func(c *hostileCase) *memfs.Memory {
		disk := c.w.truth().disk.Snapshot()
		for _, dir := range dirs {
			copyTree(c.t, disk, c.w.foreign.disk, dir)
		}
		return disk
	})
}

// lastRoster is the newest roster on the host.
func lastRoster(c *hostileCase) string {
	list := names(c.t, c.l.disk, "roster")
	slices.SortFunc(list, func(a, b string) int { return rosterNumber(a) - rosterNumber(b) })
	return "roster/" + list[len(list)-1]
}

func rosterNumber(name string) (n int) {
	_, _ = fmt.Sscanf(name, "%d-", &n) // of other names 0
	return n
}

func fileLies() []behaviour {
	return []behaviour{
		{name: "key files changed", what: "flips a bit of every roster, keyring and slot", must: cloning(damage, failed, security), lie: eachFile(func(data []byte) []byte {
			if len(data) > 0 {
				data[len(data)/2] ^= 8
			}
			return data
		})},
		{name: "key files empty", what: "gives nothing of every roster, keyring and slot", must: cloning(damage, failed, security), lie: eachFile(func([]byte) []byte { return nil })},
		{name: "key files longer", what: "appends to every roster, keyring and slot", must: cloning(damage, failed, security), lie: eachFile(func(data []byte) []byte { return append(data, "\n"...) })},
		{name: "key files enormous", what: "gives 8 MiB for every roster, keyring and slot", must: map[string][]string{"": {ok}, vClone: {damage, failed, security}, vRemote: {damage, failed}},
			lie: eachFile(func([]byte) []byte { return make([]byte, 8<<20) })},
		{name: "key files withheld", what: "lists rosters, keyrings and slots and has none", must: cloning(damage, failed, security), lie: func(*hostileCase) lies {
			return lies{file: func(context.Context, string) ([]byte, error) { return nil, remote.ErrNotFound }}
		}},
		{name: "key files damaged", what: "says that all rosters, keyrings and slots are damaged", must: cloning(damage, failed, security), lie: func(*hostileCase) lies {
			return lies{file: func(context.Context, string) ([]byte, error) { return nil, remote.ErrDamaged }}
		}},
		{name: "no key files", what: "hides all rosters, keyrings and slots", must: cloning(damage, failed, security), lie: hiding(func(*hostileCase, string) bool { return true })},
		{name: "no slots", what: "hides all slots", must: cloning(damage, failed, security), lie: hiding(inFolder("slots"))},
		{name: "no keyring", what: "hides all keyrings", must: cloning(damage, failed, security), lie: hiding(inFolder("keyring"))},
		{name: "no rosters", what: "hides all rosters", must: cloning(damage, failed, security), lie: hiding(inFolder("roster"))},
		{name: "newest roster hidden", what: "hides that mallory was removed; records written since name the roster that did it",
			must: map[string][]string{"": {ok}, vClone: {security, damage}, vRemote: {damage}},
			lie:  hiding(func(c *hostileCase, name string) bool { return name == lastRoster(c) })},
		{name: "removal hidden, and a late record", what: "hides that mallory was removed and shows what she wrote since",
			must: map[string][]string{"": {security}, vClone: {security, damage}}, after: everywhere(ok, security),
			lie: func(c *hostileCase) lies {
				l := hiding(func(c *hostileCase, name string) bool { return name == lastRoster(c) })(c)
				l.base = storeOn(c.t, c.w.vault, graft(c.t, c.w.truth().disk, c.w.late.disk, c.w.logs["mallory"]))
				return l
			}},
		{name: "roster planted", what: "adds the rosters of an outsider's vault", must: everywhere(security), after: map[string][]string{vPush: {ok, security}}, lie: planted("roster")},
		{name: "slots planted", what: "adds slots of an outsider's vault that the client's key opens", must: everywhere(ok, security), after: map[string][]string{vPush: {ok, security}}, lie: planted("slots"), deaf: true},
		{name: "keyring planted", what: "adds the keyring of an outsider's vault", must: everywhere(ok, security), after: map[string][]string{vPush: {ok, security}}, lie: planted("keyring"), deaf: true},
		{name: "all planted", what: "adds rosters, keyring and slots of an outsider's vault, and its log", must: everywhere(security), after: map[string][]string{vPush: {ok, security}},
			lie: planted("roster", "keyring", "slots", "logs")},
		{name: "contents of another name", what: "gives every key file under the name of another", must: cloning(damage, failed, security), lie: func(c *hostileCase) lies {
			list, err := c.l.honest.Files(c.t.Context())
			must(c.t, err)
			return lies{file: func(ctx context.Context, name string) ([]byte, error) {
				i := slices.IndexFunc(list, func(f remote.FileInfo) bool { return f.Name == name })
				return c.l.honest.File(ctx, list[(i+1)%len(list)].Name)
			}}
		}},
		{name: "names of files that lead out", what: "lists key files whose names are paths to elsewhere", must: map[string][]string{"": {security, failed}, vClone: {ok, security, failed}},
			lie: listed(func(list []remote.FileInfo) []remote.FileInfo {
				return append(list, remote.FileInfo{Name: "roster/../../../../etc/passwd", Size: 9}, remote.FileInfo{Name: "slots/\x1b[2J.age", Size: 9})
			})},
		{name: "files of no size", what: "lists key files with negative and enormous sizes", must: everywhere(ok, failed), lie: listed(func(list []remote.FileInfo) []remote.FileInfo {
			for i := range list {
				list[i].Size = []int64{-1, 1 << 60}[i%2]
			}
			return list
		})},
		{name: "files without end", what: "lists 20,000 slots that are not there", must: map[string][]string{"": {ok, damage, failed}, vRemote: {ok, damage, failed}},
			lie: listed(func(list []remote.FileInfo) []remote.FileInfo {
				for i := range 20_000 {
					list = append(list, remote.FileInfo{Name: fmt.Sprintf("slots/%064x.age", i), Size: 100})
				}
				slices.SortFunc(list, func(a, b remote.FileInfo) int { return strings.Compare(a.Name, b.Name) })
				return list
			})},
	}
}

// infoLies are about the beginning of the conversation.
func infoLies() []behaviour {
	info := func(change func(i *remote.Info)) func(c *hostileCase) lies {
		return func(c *hostileCase) lies {
			return lies{info: func(ctx context.Context) (remote.Info, error) {
				i, err := c.l.honest.Info(ctx)
				change(&i)
				return i, err
			}}
		}
	}
	says := func(err error) func(c *hostileCase) lies {
		return func(*hostileCase) lies {
			return lies{info: func(context.Context) (remote.Info, error) { return remote.Info{}, err }}
		}
	}
	return []behaviour{
		{name: "another vault", what: "says that it holds another vault", must: everywhere(failed), lie: info(func(i *remote.Info) { i.Vault[3] ^= 1 })},
		{name: "another store", what: "says that it is another store than before", must: everywhere(security), after: map[string][]string{vClone: {ok, security}},
			lie: info(func(i *remote.Info) { i.Store[3] ^= 1 })},
		{name: "store of zeros", what: "gives no store ID", must: map[string][]string{"": {failed, security}}, lie: info(func(i *remote.Info) { i.Store = refs.StoreID{} })},
		{name: "store vanished", what: "says that there is nothing of this vault any more", must: map[string][]string{"": {security}, vClone: {failed}}, lie: says(remote.ErrNoStore)},
		{name: "store vanished, and a new one", what: "holds an empty store in the place of the one that was there", must: map[string][]string{"": {security}, vClone: {ok}},
			shows: func(*world) state { return state{} }, after: map[string][]string{vClone: {security}},
			lie: served(func(c *hostileCase) *memfs.Memory {
				disk := memfs.New(memfs.Options{Now: c.w.clock.now})
				s := storeOn(c.t, c.w.vault, disk)
				_, err := s.Create(c.t.Context())
				must(c.t, err)
				for _, dir := range []string{"roster", "keyring", "slots"} {
					copyTree(c.t, disk, c.w.truth().disk, dir)
				}
				return disk
			})},
		{name: "permissions of zero", what: "says that nothing is allowed, and allows it", must: everywhere(ok), lie: info(func(i *remote.Info) { i.Permissions = 0 })},
		{name: "permissions unknown", what: "says that unknown things are allowed", must: everywhere(ok, failed), lie: info(func(i *remote.Info) { i.Permissions = 255 })},
		{name: "quota exceeded", what: "says that more is used than there is, and takes it", must: everywhere(ok, failed), lie: info(func(i *remote.Info) { i.Quota, i.Used = 1, 1<<63 })},
		{name: "software that steers", what: "calls itself a terminal's control sequence", must: everywhere(ok, failed), lie: info(func(i *remote.Info) { i.Software = "\x1b]0;gotcha\x07\x1b[2J" })},
		{name: "refused", what: "says that this device is refused", must: everywhere(failed), lie: says(remote.ErrRefused)},
		{name: "failed with a text that steers", what: "fails with a text full of control characters", must: everywhere(failed), carriers: []string{"pipe2"},
			lie: says(fmt.Errorf("%w: \x1b[2J\x1b]0;gotcha\x07\u202e\u200b%s", remote.ErrRefused, strings.Repeat("x", 100_000)))},
		{name: "not reachable", what: "is not there", must: everywhere(unreachable), lie: says(remote.ErrUnreachable)},
		{name: "fails strangely", what: "fails with an error that means nothing", must: everywhere(failed), carriers: []string{"pipe2"}, lie: says(errors.New("\x00"))},
		{name: "another vault's store", what: "serves the store of an outsider's vault, with the same store ID, as this one", must: map[string][]string{"": {security}, vClone: {security, failed}},
			evidence: true, after: scarred(),
			lie: func(c *hostileCase) lies {
				foreign := storeOn(c.t, keys.VaultID{}, c.w.foreign.disk.Snapshot())
				return lies{base: foreign, info: c.l.honest.Info}
			}},
		{name: "key of another host", what: "answers with another key than the pinned one", must: everywhere(security), carriers: []string{"tls", "only"}, lie: func(c *hostileCase) lies {
			return lies{peer: c.w.bob.identity(c.t)}
		}},
	}
}
