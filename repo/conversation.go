package repo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"evault/internal/vfs"
	"evault/keys"
	"evault/objects"
	"evault/refs"
	"evault/remote"
)

// mirrorsDir, in local/, holds a copy of the logs of every remote store, in a folder named by the store's ID: what was last
// seen there. A record gets into it only after it was checked, and leaves it never.
const mirrorsDir = "remotes"

// conversation is one remote, while a verb talks to it. The calling sequence:
//
//	c, err := r.converse(ctx, name, ...)   dial; is it the right vault, the right store?
//	c.takeFiles(ctx)                       rosters, keyrings and slots that are new there
//	c.takeRecords(ctx)                     records that are new there, into the mirror
//	c.open(...)                            what the logs there amount to
//	... packs, c.refs.Append ...
//	c.close()
//
// What is found wrong and does not stop the work is in problems.
type conversation struct {
	repo    *Repository
	name    string // of the remote, for messages and pins
	url     remote.URL
	site    remote.Site
	store   remote.Store
	info    remote.Info
	created bool // the store was made just now
	mirror  vfs.FS
	lock    io.Closer // of the mirror: two verbs at once would sign for one log
	heads   []refs.Position
	added   int // records that were new
	given   int // rosters, keyrings and slots that were sent
	refs    *refs.Refs

	problems []error
	identity *keys.Identity // of this device, where somebody else has dialed
	healing  bool           // what is wrong there is about to be mended: no evidence is kept
}

type converseOptions struct {
	create bool        // make the store if there is none
	limit  int64       // bytes a second of uploads
	site   remote.Site // dialed already; it is closed with the conversation, if one comes about; nil: dial
}

// converse begins a conversation with a remote.
func (r *Repository) converse(ctx context.Context, name string, o converseOptions) (*conversation, error) {
	known, err := r.findRemote(name)
	if err != nil {
		return nil, err
	}
	u, err := remote.ParseURL(known.URL, r.settings.Dir)
	if err != nil {
		return nil, fmt.Errorf("remote %s: %w", name, err)
	}
	c := &conversation{repo: r, name: name, url: u}
	if err := c.begin(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, placed(u, err)), c.close())
	}
	return c, nil
}

// placed puts the address in front of an error that does not say where it happened: without the IDs in it, which are long.
func placed(u remote.URL, err error) error {
	u.Vault, u.Device = keys.VaultID{}, keys.DeviceID{}
	text := err.Error()
	if strings.Contains(text, u.Scheme+"://") || u.Scheme == remote.SchemeFile && strings.Contains(text, u.Path) {
		return err
	}
	return fmt.Errorf("%s: %w", u, err)
}

func (c *conversation) begin(ctx context.Context, o converseOptions) (err error) {
	if c.site = o.site; c.site == nil {
		if c.site, err = c.repo.dial(ctx, c.url, o.limit); err != nil {
			return err
		}
	}
	c.store = c.site.Store(c.repo.vault.ID())
	c.info, err = c.store.Info(ctx)
	if errors.Is(err, remote.ErrNoStore) && c.knownVault() {
		err = c.noStore(ctx, o.create)
	}
	if err != nil {
		return err
	}
	if !c.knownVault() {
		return fmt.Errorf("%w: %s", remote.ErrOtherVault, c.info.Vault)
	}
	if err := c.checkStore(); err != nil {
		return err
	}
	return c.openMirror()
}

func (c *conversation) knownVault() bool {
	return c.info.Vault.IsZero() || c.info.Vault == c.repo.vault.ID()
}

// noStore is for a place where nothing of this vault is: a new one, or one that was emptied.
func (c *conversation) noStore(ctx context.Context, create bool) (err error) {
	pinned, err := c.repo.pinnedStore(c.name, c.url)
	switch {
	case err != nil:
		return err
	case pinned != (refs.StoreID{}) && c.url.Scheme == "file":
		return fmt.Errorf("%w: the store that was there is gone (is the disk mounted?)", remote.ErrUnreachable)
	case pinned != (refs.StoreID{}):
		return &kindError{ErrStoreReplaced, "the store that this vault was pushed to is gone from there", nil}
	case !create:
		return remote.ErrNoStore
	}
	c.info, err = c.store.Create(ctx)
	c.created = err == nil
	return err
}

// checkStore compares the store with the one that was seen at this address before.
func (c *conversation) checkStore() error {
	pinned, err := c.repo.pinnedStore(c.name, c.url)
	if err != nil {
		return err
	}
	if c.info.Store == (refs.StoreID{}) {
		return fmt.Errorf("%w: a store without an ID", remote.ErrAnswer)
	}
	if own, err := refs.ReadStoreID(c.repo.store); err == nil && own == c.info.Store {
		return conflictf("that is the store of this very vault, or a copy of it: it cannot be its remote")
	}
	switch pinned {
	case c.info.Store:
		return nil
	case refs.StoreID{}:
		return c.repo.pinStore(c.name, c.url, c.info.Store)
	}
	return &kindError{ErrStoreReplaced, fmt.Sprintf("another store is in the place of the one that this vault was pushed to: %s instead of %s",
		c.info.Store, pinned), nil}
}

// openMirror opens and locks the folder of the mirror.
func (c *conversation) openMirror() (err error) {
	dir := localDir + "/" + mirrorsDir + "/" + c.info.Store.String()
	if err := vfs.MkdirAllSync(c.repo.places.Vault, dir, 0o700); err != nil {
		return err
	}
	if c.mirror, err = c.repo.places.Vault.Sub(dir); err != nil {
		return err
	}
	c.lock, err = c.mirror.Lock("lock")
	if errors.Is(err, vfs.ErrLocked) {
		return &kindError{ErrLocked, "another evault is talking to this remote", nil}
	}
	return err
}

// dial begins a conversation with an address as this device.
func (r *Repository) dial(ctx context.Context, u remote.URL, limit int64) (remote.Site, error) {
	if r.settings.Dial == nil {
		return nil, fmt.Errorf("%w: this program has no remotes", remote.ErrUnreachable)
	}
	id, err := LoadIdentity(r.places, r.settings)
	if err != nil {
		return nil, err
	}
	return r.settings.Dial(ctx, u, DialOptions{Identity: id, UploadLimit: limit})
}

// suspect notes a sign that the remote lies, or is damaged, and keeps what proves it.
func (c *conversation) suspect(problems ...error) {
	for _, p := range problems {
		c.problems = append(c.problems, p)
		if c.healing {
			continue
		}
		if err := c.keepEvidence(p); err != nil {
			c.repo.notes = append(c.repo.notes, fmt.Sprintf("evidence could not be kept: %v", err))
		}
	}
}

// options are how the logs of the remote are opened through their mirror.
func (c *conversation) options(has func(refs.Pack) bool) (refs.Options, error) {
	r := c.repo
	clone, _, err := refs.ReadClone(r.places.Vault)
	return refs.Options{
		Store: c.mirror, Local: c.mirror, State: r.places.State, Vault: r.vault,
		StoreID: c.info.Store, CloneID: clone, Shared: true,
		HasPack: has, Send: c.send, Descends: r.descendsIfKnown,
	}, err
}

// takeRecords brings the mirror up to date.
func (c *conversation) takeRecords(ctx context.Context) error {
	o, err := c.options(nil)
	if err != nil {
		return err
	}
	evidence, err := c.evidence()
	if err != nil {
		return err
	}
	defer evidence.Close()
	o.Evidence = evidence
	for {
		found, err := refs.Mirror(ctx, o, c.store)
		if found != nil {
			c.heads, c.added = found.Heads, c.added+found.New
			c.suspect(found.Problems...)
		}
		if errors.Is(err, refs.ErrLimit) && found != nil && found.New > 0 { // a part of very long logs
			continue
		}
		if err != nil {
			return fmt.Errorf("reading the logs of %s: %w", c.name, err)
		}
		return nil
	}
}

// open gives what the logs of the remote amount to, as far as they can be trusted. has says which packs are at hand: records
// that add others are held back; nil asks for none.
func (c *conversation) open(has func(refs.Pack) bool) error {
	o, err := c.options(has)
	if err != nil {
		return err
	}
	evidence, err := c.evidence()
	if err != nil {
		return err
	}
	defer evidence.Close()
	o.Evidence = evidence
	c.refs, err = refs.Open(o)
	if err != nil {
		if isSecurity(err) || isDamage(err) { // and not that this machine's own disk has failed
			c.suspect(err)
		}
		return fmt.Errorf("the logs of %s: %w", c.name, err)
	}
	c.suspect(c.refs.Problems()...)
	return nil
}

// send is how refs writes to the remote: a compare-and-swap on the heads that were read there last.
func (c *conversation) send(ctx context.Context, records [][]byte) error {
	if err := c.store.Append(ctx, records, c.heads); err != nil {
		return err
	}
	last := records[len(records)-1]
	h, body, err := refs.DecodeHeader(last)
	if err != nil {
		return err
	}
	at := refs.Position{Tag: h.Tag, Seq: h.Seq, Hash: sha256.Sum256(last[:len(last)-len(body)])}
	for i := range c.heads {
		if c.heads[i].Tag == at.Tag {
			c.heads[i] = at
			return nil
		}
	}
	c.heads = append(c.heads, at)
	slices.SortFunc(c.heads, func(a, b refs.Position) int { return bytes.Compare(a.Tag[:], b.Tag[:]) })
	return nil
}

// descendsIfKnown is descends for commits of which some may not have been fetched yet: those descend from nothing.
func (r *Repository) descendsIfKnown(newer, older objects.ID) (bool, error) {
	ok, err := r.descends(newer, older)
	if errors.Is(err, objects.ErrNotFound) {
		return false, nil
	}
	return ok, err
}

func (c *conversation) close() error {
	var errs []error
	if c.store != nil {
		errs = append(errs, c.store.Close())
	}
	if c.site != nil {
		errs = append(errs, c.site.Close())
	}
	if c.lock != nil {
		errs = append(errs, c.lock.Close())
	}
	if c.mirror != nil {
		errs = append(errs, c.mirror.Close())
	}
	return errors.Join(errs...)
}
