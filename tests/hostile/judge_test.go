package hostile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"unicode"

	"evault/internal/vfs/memfs"
	"evault/keys"
	"evault/objects"
	"evault/pack"
	"evault/refs"
	"evault/remote"
	"evault/repo"
)

// Classes of outcomes, with the exit codes of the command line.
const (
	ok          = "ok"          // 0
	failed      = "failed"      // 1
	conflict    = "conflict"    // 13
	unreachable = "unreachable" // 14
	damage      = "damage"      // 20
	security    = "security"    // 21
)

// classOf puts an error into a class, as the commands do.
func classOf(err error) string {
	is := func(kinds ...error) bool {
		return slices.ContainsFunc(kinds, func(k error) bool { return errors.Is(err, k) })
	}
	switch {
	case err == nil:
		return ok
	case is(context.DeadlineExceeded, context.Canceled):
		return "hung"
	case is(remote.ErrWrongPeer, repo.ErrStoreReplaced, repo.ErrSecurity, refs.ErrSecurity, keys.ErrSignature, keys.ErrUnknownDevice, keys.ErrForeign, keys.ErrRosterConflict):
		return security
	case is(repo.ErrNewer, refs.ErrNewer, keys.ErrNewer, objects.ErrNewer):
		return failed
	case is(repo.ErrDamaged, refs.ErrDamaged, pack.ErrDamaged, keys.ErrTampered, objects.ErrMalformed, objects.ErrNotFound, remote.ErrDamaged):
		return damage
	case is(remote.ErrConflict, repo.ErrConflict, refs.ErrConflict):
		return conflict
	case is(remote.ErrVersion, remote.ErrRefused, remote.ErrQuota, remote.ErrFull, remote.ErrNoStore, remote.ErrOtherVault):
		return failed
	case is(remote.ErrUnreachable):
		return unreachable
	}
	return failed
}

// picture is what a user of a machine has.
type picture struct {
	vault    bool
	branches map[string]objects.ID
	tracking map[string]objects.ID
	current  string
	changes  []string // as status shows them
	work     files
	roster   [32]byte
	verify   error // what the vault says of itself
}

func (m *machine) picture(ctx context.Context) (p picture, err error) {
	if p.work, err = walk(m.places.Work); err != nil {
		return p, err
	}
	m.findVault()
	if m.places.Vault == nil {
		return p, nil
	}
	p.vault = true
	return p, m.with(ctx, repo.ReadOnly, func(r *repo.Repository) error {
		p.branches, p.tracking, p.roster = map[string]objects.ID{}, map[string]objects.ID{}, r.RosterHash()
		list, err := r.Branches(ctx)
		if err != nil {
			return err
		}
		for _, b := range list {
			p.branches[b.Name] = b.Commit
			if b.Current {
				p.current = b.Name
			}
		}
		for _, one := range r.Remotes() {
			for _, b := range one.Branches {
				p.tracking[b.Name] = b.ID
			}
		}
		status, err := r.Status(ctx, repo.StatusOptions{Untracked: "all"})
		if err != nil {
			return err
		}
		for _, c := range status.Changes {
			p.changes = append(p.changes, fmt.Sprint(c.Kind, c.Path))
		}
		p.verify = proved(r.Verify(ctx, repo.VerifyOptions{}))
		return nil
	})
}

// beforeOf is the picture of one of the world's machines, taken once.
func (w *world) beforeOf(t testing.TB, m *machine) picture {
	t.Helper()
	w.beforeMu.Lock()
	defer w.beforeMu.Unlock()
	p, known := w.before[m]
	if !known {
		var err error
		p, err = m.copy(t, nil).picture(t.Context())
		must(t, err)
		w.before[m] = p
	}
	return p
}

// judgement is what is wrong with one case.
type judgement struct {
	w      *world
	verb   string
	before picture
	after  picture
	m      *machine
	faults []string
}

func (j *judgement) fault(format string, args ...any) {
	j.faults = append(j.faults, fmt.Sprintf(format, args...))
}

// unfinished holds that a clone that failed can go on.
func (j *judgement) unfinished() {
	if j.after.vault && len(j.after.branches) == 0 && j.m.cloned() {
		j.fault("a clone that failed and has nothing counts as complete")
	}
}

// judge compares a machine with what it was. shown are the branches that a success must have brought; nil if it failed.
func (w *world) judge(ctx context.Context, verb string, m *machine, before picture, shown map[string]objects.ID, spoiled bool) *judgement {
	j := &judgement{w: w, verb: verb, before: before, m: m}
	var err error
	if j.after, err = m.picture(ctx); err != nil && verb == vHeal && shown == nil {
		j.damaged()
		return j
	}
	if err != nil {
		j.fault("the vault cannot be opened afterwards: %v", err)
		return j
	}
	j.tracking(shown)
	j.branches(shown)
	j.work(shown)
	j.restored(ctx, shown)
	if j.after.vault {
		err := j.after.verify
		if (spoiled || verb == vHeal && shown == nil) && classOf(err) == damage {
			err = nil
		}
		if verb == vClone && shown == nil && err != nil && strings.Contains(err.Error(), "[slot ") {
			err = nil // the older roster that was shown lists a slot that is gone
		}
		if err != nil {
			j.fault("verify of the local vault: %v", err)
		}
	}
	return j
}

// damaged checks what can be seen of a vault that was damaged before and still is.
func (j *judgement) damaged() {
	if work, err := walk(j.m.places.Work); err != nil || !work.equal(j.before.work) {
		j.fault("files of the work tree were changed: %v", err)
	}
}

// isOlder says that b is a real ancestor of a.
func (w *world) isOlder(b, a objects.ID) bool { return a != b && w.commits[a].past[b] }

func (j *judgement) tracking(shown map[string]objects.ID) {
	for name, id := range j.after.tracking {
		was, had := j.before.tracking[name]
		_, honest := j.w.commits[id]
		switch {
		case !honest:
			j.fault("friend/%s is at %s, which nobody ever made", name, id.Short())
		case had && id != was && !j.w.isOlder(was, id):
			j.fault("friend/%s went from %s to %s, which is no descendant", name, was.Short(), id.Short())
		}
	}
	for name, was := range j.before.tracking {
		if _, there := j.after.tracking[name]; !there {
			j.fault("friend/%s, which was at %s, is gone", name, was.Short())
		}
	}
	if shown == nil || !slices.Contains([]string{vClone, vFetch, vPull, vResto, vVerify}, j.verb) {
		return
	}
	if !maps.Equal(j.after.tracking, shown) {
		j.fault("a success, and the remote's branches are %v instead of %v", j.after.tracking, shown)
	}
}

// branches checks that those of the user are as before, or, of the current one and by pull, where the remote's is.
func (j *judgement) branches(shown map[string]objects.ID) {
	if j.verb == vClone {
		return
	}
	want := maps.Clone(j.before.branches)
	if j.verb == vPull && j.after.branches["main"] != want["main"] {
		if now := j.after.branches["main"]; j.w.isOlder(want["main"], now) && now == j.after.tracking["main"] {
			want["main"] = now
		}
	}
	if !maps.Equal(j.after.branches, want) {
		j.fault("branches are %v and were %v", j.after.branches, j.before.branches)
	}
	if j.verb == vPull && shown != nil && j.after.branches["main"] != shown["main"] {
		j.fault("a success, and main is at %v instead of %v", j.after.branches["main"], shown["main"])
	}
	if j.after.current != j.before.current {
		j.fault("the current branch is %q and was %q", j.after.current, j.before.current)
	}
	if !slices.Equal(j.after.changes, j.before.changes) {
		j.fault("status is %q and was %q", j.after.changes, j.before.changes)
	}
}

// work checks the files of the user.
func (j *judgement) work(shown map[string]objects.ID) {
	if j.verb == vClone {
		switch {
		case shown != nil:
			all := j.tipFiles(shown)
			if !slices.ContainsFunc(all, func(f files) bool { return f.equal(j.after.work) }) {
				j.fault("a success, and the work tree holds the files of no branch")
			}
		case !j.after.work.within(append(j.tipFiles(j.after.tracking), j.tipFiles(j.after.branches)...)...):
			j.fault("the work tree holds files that are in no branch")
		}
		return
	}
	want := j.before.work
	if j.after.branches["main"] != j.before.branches["main"] {
		want = maps.Clone(j.w.commits[j.after.branches["main"]].files)
		if draft, ok := j.before.work["draft.txt"]; ok {
			want["draft.txt"] = draft
		}
	}
	if !j.after.work.equal(want) {
		j.fault("files of the work tree were changed")
	}
}

func (j *judgement) tipFiles(tips map[string]objects.ID) (all []files) {
	for _, id := range tips {
		all = append(all, j.w.commits[id].files)
	}
	return all
}

// restored checks what restore has written.
func (j *judgement) restored(_ context.Context, _ map[string]objects.ID) {
	if j.verb != vResto {
		return
	}
	out, err := j.m.walkOut()
	if err != nil {
		j.fault("reading what was restored: %v", err)
		return
	}
	if want := j.w.commits[j.after.tracking["main"]].files; !out.equal(want) {
		j.fault("restored %d files that are not those of friend/main", len(out))
	}
}

func (m *machine) walkOut() (files, error) {
	out, err := m.disk.Sub("out")
	if err != nil {
		return nil, err
	}
	return walk(out)
}

// text checks that an error can be shown on a terminal.
func (j *judgement) text(err error) {
	if err == nil {
		return
	}
	for _, r := range err.Error() {
		if r != '\n' && !unicode.IsPrint(r) {
			j.fault("the text of the error steers terminals: %.300q", err.Error())
			return
		}
	}
	if n := len(err.Error()); n > 64<<10 {
		j.fault("the text of the error has %d bytes", n)
	}
}

// sent checks that nothing secret has left the machine.
func (j *judgement) sent(c *capture) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := string(c.data)
	for _, secret := range j.w.canaries {
		if strings.Contains(all, secret) {
			j.fault("%.40q left the machine in the clear", secret)
		}
	}
}

// evidence checks that something is kept that proves what the host did: of a fork, the other record.
func (j *judgement) evidence(forked bool) {
	if !j.after.vault {
		return
	}
	kept := names(j.w.t, j.m.places.Vault, "local/evidence")
	if len(kept) == 0 {
		j.fault("no evidence was kept")
	}
	isRecord := func(name string) bool { return !strings.HasSuffix(name, ".json") }
	if forked && !slices.ContainsFunc(kept, isRecord) {
		j.fault("a log was forked, and the record that proves it was not kept: %q", kept)
	}
}

// atHost reads a host's disk and says what is wrong with it: every pack against its name, every pack that a record adds
// there, and that the branch was recorded by the right log.
func (j *judgement) atHost(t testing.TB, disk *memfs.Memory) {
	packs := map[[32]byte]bool{}
	for _, two := range names(t, disk, "packs") {
		for _, name := range names(t, disk, path.Join("packs", two)) {
			data, err := readFile(disk, path.Join("packs", two, name))
			if err != nil {
				j.fault("pack %s on the host: %v", name, err)
				continue
			}
			sum := sha256.Sum256(data)
			if hex.EncodeToString(sum[:])+".pack" != name {
				j.fault("pack %s on the host holds other bytes", name)
			}
			packs[sum] = true
		}
	}
	for _, tag := range names(t, disk, "logs") {
		for _, seq := range names(t, disk, path.Join("logs", tag)) {
			data, err := readFile(disk, path.Join("logs", tag, seq))
			if err != nil {
				j.fault("record %s of %s on the host: %v", seq, tag, err)
				continue
			}
			h, _, err := refs.DecodeHeader(data)
			if err != nil {
				j.fault("record %s of %s on the host: %v", seq, tag, err)
			}
			for _, p := range h.Added {
				if !packs[p.Name] {
					j.fault("the host lacks pack %s of record %s of %s", p, seq, tag)
				}
			}
		}
	}
}

// cloned says that nothing is left to do for a clone: what it lacks, a pull brings.
func (m *machine) cloned() bool {
	unfinished, err := repo.CloneUnfinished(m.places)
	return err == nil && !unfinished
}
