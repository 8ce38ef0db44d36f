package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"evault/internal/vfs"
	"evault/keys"
	"evault/refs"
	"evault/remote"
)

// CloneOptions say what to clone.
type CloneOptions struct {
	URL        string
	Remote     string // what to call it; empty: origin
	Branch     string // to check out; empty: the one that was last worked on
	NoCheckout bool
	Label      string // what to call this device if it becomes a member
}

// CloneResult says what a clone has made.
type CloneResult struct {
	Vault       keys.VaultID
	Device      keys.DeviceID
	NewIdentity bool
	Admitted    bool   // this device became a member of the vault
	Branch      string // checked out; empty if there is none
	Commit      string
	Continued   bool // an interrupted clone was continued
	Fetch       *FetchResult
	Checkout    *CheckoutResult // nil without one
	Notes       []string
}

// cloningName, in local/, holds the address that a vault is being cloned from, until the clone is complete.
const cloningName = "cloning"

// Clone makes a vault in the work tree, which must be empty, out of what a remote holds. It is opened by this device's slot, if
// the address names the vault; else by the passphrase or the recovery words, and then this device becomes a member.
//
// An interrupted clone is continued by the same call.
func Clone(ctx context.Context, p Places, s Settings, o CloneOptions) (*CloneResult, error) {
	if o.Remote == "" {
		o.Remote = "origin"
	}
	u, err := remote.ParseURL(o.URL, s.Dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	if err := checkRemoteName(o.Remote); err != nil {
		return nil, err
	}
	result := &CloneResult{}
	if result.Continued, err = cloneBegun(p, u); err != nil {
		return nil, err
	}
	var site remote.Site // used to the end: with ssh, dialing takes longer than a small clone, and may ask for a password
	if !result.Continued {
		id, created, err := EnsureIdentity(p, s)
		if err != nil {
			return nil, err
		}
		result.Device, result.NewIdentity = id.DeviceID(), created
		if s.Dial == nil {
			return nil, fmt.Errorf("%w: this program has no remotes", remote.ErrUnreachable)
		}
		if site, err = s.Dial(ctx, u, DialOptions{Identity: id}); err != nil {
			return nil, placed(u, err)
		}
		defer site.Close() // once more, where the fetching has closed it
		if err := beginClone(ctx, p, s, u, o, site, id, result); err != nil {
			return nil, err
		}
	}
	if p.Vault, err = p.Work.Sub(VaultDir); err != nil {
		return nil, err
	}
	defer p.Vault.Close()
	r, err := Open(ctx, p, s, Writing)
	if err != nil {
		return nil, err
	}
	result.Vault = r.VaultID()
	err = r.finishClone(ctx, o, site, result)
	result.Notes = append(result.Notes, r.Notes()...)
	return result, errors.Join(err, r.Close())
}

// cloneBegun says whether a clone of the same address was interrupted here. Any other contents of the work tree are refused.
func cloneBegun(p Places, u remote.URL) (bool, error) {
	names, err := listNames(p.Work, ".")
	if err != nil {
		return false, err
	}
	names = slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, buildingPrefix) })
	if len(names) == 0 {
		return false, sweepBuilding(p.Work)
	}
	from, err := readFile(p.Work, VaultDir+"/"+localDir+"/"+cloningName, 64<<10)
	if errors.Is(err, fs.ErrNotExist) {
		return false, notEmpty(p, names)
	}
	if err != nil {
		return false, err
	}
	known, err := remote.ParseURL(strings.TrimSpace(string(from)), "")
	if err != nil || !samePlace(known, u) {
		return false, conflictf("%s holds an unfinished clone of %s", p.WorkPath, strings.TrimSpace(string(from)))
	}
	return true, nil
}

// notEmpty says what is in the way of a clone.
func notEmpty(p Places, names []string) error {
	if slices.Contains(names, VaultDir) {
		return conflictf("%s holds a vault already: \"evault pull\" there brings in what is new", p.WorkPath)
	}
	return conflictf("%s is not empty: name another folder behind the address", p.WorkPath)
}

// CloneUnfinished says whether a Clone into the work tree is still to be begun or continued.
func CloneUnfinished(p Places) (bool, error) {
	if _, err := p.Work.LstatStat(VaultDir); errors.Is(err, fs.ErrNotExist) {
		return true, nil
	} else if err != nil {
		return false, err
	}
	_, err := p.Work.LstatStat(VaultDir + "/" + localDir + "/" + cloningName)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// samePlace compares addresses of which one may be complete and the other not.
func samePlace(a, b remote.URL) bool {
	if a.Vault.IsZero() || b.Vault.IsZero() {
		a.Vault, b.Vault = keys.VaultID{}, keys.VaultID{}
	}
	a.Device, b.Device = keys.DeviceID{}, keys.DeviceID{}
	return a == b
}

// beginClone opens the remote's vault and makes an empty one of the same ID and keys.
func beginClone(ctx context.Context, p Places, s Settings, u remote.URL, o CloneOptions, site remote.Site, id *keys.Identity, result *CloneResult) (err error) {
	// A slot of this device, whose recipient is no secret, proves nothing about a vault whose ID the place itself supplies.
	pinned := u.Vault
	if u, err = completeURL(ctx, site, u); err != nil {
		return placed(u, err)
	}
	store := site.Store(u.Vault)
	defer store.Close()
	info, err := store.Info(ctx)
	if err != nil {
		return placed(u, err)
	}
	if !u.Vault.IsZero() && !info.Vault.IsZero() && info.Vault != u.Vault {
		return placed(u, fmt.Errorf("%w: %s", remote.ErrOtherVault, info.Vault))
	}
	files, err := readKeyFiles(ctx, store)
	if err != nil {
		return placed(u, err)
	}
	v, err := unlockClone(ctx, s, files, id, pinned)
	if err != nil {
		return err
	}
	u.Vault = v.ID()
	adopt, err := files.genuine(v)
	if err != nil {
		return err
	}
	if v.Device() == (keys.DeviceEntry{}) {
		label := o.Label
		if label == "" {
			label = s.deviceLabel()
		}
		roster, slot, err := v.AdmitDevice(label)
		if err != nil {
			return fmt.Errorf("making this device a member of the vault: %w", err)
		}
		adopt, result.Admitted = append(adopt, slot, roster), true
	}
	return buildClone(ctx, p, s, v, adopt, u, o)
}

// completeURL finds out which vault is meant by an address that does not say.
func completeURL(ctx context.Context, site remote.Site, u remote.URL) (remote.URL, error) {
	if !u.Vault.IsZero() {
		return u, nil
	}
	list, err := site.Vaults(ctx)
	switch {
	case err != nil:
		return u, err
	case len(list) == 0:
		return u, remote.ErrNoStore
	case len(list) > 1:
		var names []string
		for _, v := range list {
			names = append(names, v.String())
		}
		return u, usagef("it holds %d vaults; say which in the address: %s", len(list), strings.Join(names, ", "))
	}
	u.Vault = list[0]
	return u, nil
}

// unlockClone opens the vault whose key files were read: by this device's slot if its ID is known from elsewhere, else by the
// passphrase.
func unlockClone(ctx context.Context, s Settings, files cloneFiles, id *keys.Identity, pinned keys.VaultID) (*keys.Vault, error) {
	without := "it takes the passphrase or the recovery words (an address that names the vault would let this device try its own slot)"
	if !pinned.IsZero() {
		v, err := keys.OpenWithIdentity(files, id, pinned)
		if err == nil || !errors.Is(err, keys.ErrNoSlot) {
			return v, err
		}
		without = "this device is no member of the vault: it takes the passphrase or the recovery words"
	}
	if s.Passphrase == nil {
		return nil, &kindError{ErrNotUnlocked, without, nil}
	}
	pass, err := s.Passphrase(ctx)
	if err != nil {
		return nil, &kindError{ErrNotUnlocked, without, err}
	}
	v, err := keys.OpenWithPassphrase(files, pass, keys.RemoteWorkLimit, id)
	if errors.Is(err, keys.ErrNoSlot) {
		return nil, &kindError{ErrNoPassphraseSlot, "no passphrase and no recovery words open what is there " +
			"(the slot of a weak passphrase never leaves its machine)", nil}
	}
	if err != nil {
		return nil, err
	}
	if !pinned.IsZero() && v.ID() != pinned {
		return nil, fmt.Errorf("%w: the passphrase opens vault %s, and the address names %s", ErrSecurity, v.ID(), pinned)
	}
	return v, nil
}

// cloneFiles are the rosters, keyrings and slots of a remote, read into memory: keys.Store.
type cloneFiles map[string][]byte

// List names the files of one folder.
func (f cloneFiles) List(dir string) (names []string, err error) {
	for name := range f {
		if rest, ok := strings.CutPrefix(name, dir+"/"); ok {
			names = append(names, rest)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Read gives a file's bytes.
func (f cloneFiles) Read(name string, limit int64) ([]byte, error) {
	data, ok := f[name]
	switch {
	case !ok:
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	case int64(len(data)) > limit:
		return nil, keys.ErrTooLong
	}
	return data, nil
}

func readKeyFiles(ctx context.Context, store remote.Store) (cloneFiles, error) {
	there, err := store.Files(ctx)
	if err != nil {
		return nil, err
	}
	files, total := cloneFiles{}, 0
	for _, info := range there {
		data, err := store.File(ctx, info.Name)
		if gone(err) {
			continue // opening the vault says what is lacking
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", info.Name, err)
		}
		if total += len(data); total > maxKeyBytes {
			return nil, fmt.Errorf("%w: more than %d MiB of keys", remote.ErrAnswer, maxKeyBytes>>20)
		}
		if remote.CheckFile(info.Name, data) == nil {
			files[info.Name] = data
		}
	}
	return files, nil
}

// genuine gives the files that belong to the vault, in the order in which they are to be written.
func (f cloneFiles) genuine(v *keys.Vault) (list []keys.File, err error) {
	names, err := v.PublicFiles(f)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(names, func(a, b string) int { return rankOfFile(a) - rankOfFile(b) })
	for _, name := range names {
		if data, ok := f[name]; ok {
			list = append(list, keys.File{Name: name, Data: data})
		}
	}
	return list, nil
}

// buildClone makes the vault's folder, complete and durable, by one rename.
func buildClone(ctx context.Context, p Places, s Settings, v *keys.Vault, files []keys.File, u remote.URL, o CloneOptions) error {
	if p.State != nil {
		if _, err := p.State.LstatStat("pins/" + v.ID().String()); err == nil {
			if err := checkClonedRoster(p, v); err != nil {
				return err
			}
		}
	}
	branch := o.Branch
	if branch == "" {
		branch = "main"
	}
	return buildVault(p, func(vault vfs.FS) error {
		config := Config{Format: FormatConfig{Version: configVersion}, Remotes: map[string]RemoteConfig{o.Remote: {u.String()}}}
		if err := fillVault(vault, v.ID(), config, files, nil); err != nil {
			return err
		}
		if err := vfs.PublishNew(vault, localDir+"/"+cloningName, []byte(u.String()+"\n"), 0o600); err != nil {
			return err
		}
		return firstRecord(ctx, vault, p, s, v, refs.Operation{Name: "init", Description: "clone of a vault", HeadAfter: refs.Head{Branch: branch}})
	})
}

// checkClonedRoster refuses rosters that are older than one which this user has seen.
func checkClonedRoster(p Places, v *keys.Vault) error {
	r := &Repository{places: p, vault: v}
	return r.checkRoster(Writing)
}

// finishClone fetches and checks out. site is the place that is being cloned from; nil: it is not dialed yet.
func (r *Repository) finishClone(ctx context.Context, o CloneOptions, site remote.Site, result *CloneResult) error {
	m := r.settings.startMeter("talking to " + o.Remote)
	c, err := r.converse(ctx, o.Remote, converseOptions{site: site})
	if err != nil {
		m.close()
		return err
	}
	var fetchErr error
	result.Fetch, fetchErr = c.fetch(ctx, FetchOptions{Tags: true}, m)
	if fetchErr == nil {
		err = c.introduce(ctx)
	}
	branch := o.Branch
	if branch == "" && c.refs != nil {
		branch = c.newestBranch(ctx)
	}
	m.close()
	if err := errors.Join(err, c.close()); err != nil || !result.Fetch.finished {
		return errors.Join(fetchErr, err)
	}
	if err := r.startOn(ctx, o, branch, result); err != nil {
		return errors.Join(err, fetchErr)
	}
	if fetchErr != nil && result.Branch == "" {
		return fetchErr // what was to be checked out was held back: the same clone goes on when it is there
	}
	if err := r.local.Remove(cloningName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return errors.Join(r.local.SyncDir("."), fetchErr)
}

// introduce tells the remote of the membership of this device, if it is new and the remote takes anything: the next push
// would, too.
func (c *conversation) introduce(ctx context.Context) error {
	if !c.info.Permissions.Has(remote.Append) {
		return nil
	}
	err := c.giveFiles(ctx)
	if err != nil && !errors.Is(err, context.Canceled) {
		c.repo.notes = append(c.repo.notes, fmt.Sprintf("the remote does not know of this device yet; the next push tells it (%v)", err))
		return nil
	}
	return err
}

// newestBranch is the branch that somebody who pushed here last was on; main, or else the first, if that is unknown.
func (c *conversation) newestBranch(ctx context.Context) (branch string) {
	view := c.refs.View()
	_ = c.refs.Records(ctx, func(rec *refs.Record) bool { // without an answer there is a default
		if rec.Body != nil && rec.Body.HeadAfter.Branch != "" {
			if _, ok := view.Ref(branchPrefix + rec.Body.HeadAfter.Branch); ok {
				branch = rec.Body.HeadAfter.Branch
			}
		}
		return branch == ""
	})
	if _, ok := view.Ref(branchPrefix + "main"); branch == "" && ok {
		return "main"
	}
	if branch == "" {
		for full := range view.All() {
			if name, ok := strings.CutPrefix(full, branchPrefix); ok {
				return name
			}
		}
	}
	return branch
}

// startOn makes the first branch of a clone and checks it out.
func (r *Repository) startOn(ctx context.Context, o CloneOptions, branch string, result *CloneResult) error {
	id, ok := r.refs.View().Ref(trackingPrefix + o.Remote + "/" + branch)
	if !ok {
		if o.Branch != "" {
			return fmt.Errorf("%w: the remote has no branch %q", ErrUnknownRevision, o.Branch)
		}
		return nil // an empty vault
	}
	commit, err := r.loadCommit(ctx, id)
	if err != nil {
		return err
	}
	result.Branch, result.Commit = branch, id.String()
	was, _ := r.refs.View().Ref(branchPrefix + branch)
	d := &destination{id: id, commit: commit, op: refs.Operation{Name: "clone", Description: "branch " + branch, HeadAfter: refs.Head{Branch: branch}}}
	if was != id {
		d.op.Changes = []refs.Change{{Name: branchPrefix + branch, Old: was, New: id}}
	}
	if o.NoCheckout {
		return r.recordMove(ctx, d, false)
	}
	result.Checkout, err = r.moveTo(ctx, d, false, false)
	return err
}
