package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"evault/keys"
	"evault/objects"
	"evault/pack"
	"evault/refs"
	"evault/remote"
)

// RepairFromOptions say how to repair with the help of a remote.
type RepairFromOptions struct {
	// From is the name of a remote, or an address: that is needed where config.toml cannot be read any more.
	From        string
	DryRun      bool  // only say what would be done
	UploadLimit int64 // bytes a second; 0: none
}

// RepairFromResult says what was repaired on both sides, and what is lost.
type RepairFromResult struct {
	RepairResult
	Remote     string
	URL        string
	Received   int      // packs that came from the remote
	Sent       int      // packs that were sent there
	Mended     int      // log records that were sent there
	RemoteLost []string // what is wrong with the remote still, in words
}

// RepairFrom heals a vault from a remote, and the remote from here. In this order, because each step needs those before it:
//
//	config.toml, the vault's ID       held against the address, the slots and the pins
//	rosters, keyrings, slots          from both sides; names are hashes, and only what the rosters bear out counts
//	copies of remotes' logs           what is damaged is cut off, and fetched again
//	the remote's files and logs       sent again where they are damaged or gone there
//	packs                             received where they are damaged or gone here; what nobody has is salvaged
//	the store's ID, the local logs    what verifies is kept; one record in a new log says what counts from now on
//	the remote's packs                sent again where they are damaged or gone there
//
// What is damaged goes to .evault/store/damaged; nothing is thrown away but caches. Then the vault is verified. What stays lost is
// in the result, and the error is ErrDamaged. It works on vaults that Open refuses. An interrupted repair is finished by
// the same call.
//
// Signs that somebody changed history (a fork, a roster that is gone) are not repaired: ErrSecurity.
func RepairFrom(ctx context.Context, p Places, s Settings, o RepairFromOptions) (*RepairFromResult, error) {
	r := &Repository{places: p, settings: s}
	m := s.startMeter("repairing")
	defer m.close()
	f := &healing{repo: r, o: o, meter: m, result: &RepairFromResult{}}
	err := f.run(ctx)
	if f.talk != nil {
		err = errors.Join(err, f.talk.close())
	}
	f.result.Notes = r.notes
	return f.result, errors.Join(err, r.Close())
}

// healing is one run of RepairFrom.
type healing struct {
	repo   *Repository
	o      RepairFromOptions
	meter  *meter
	result *RepairFromResult

	own       Config // config.toml, as far as it can be read
	badConfig error  // why config.toml must be written anew; nil if it need not
	name      string
	url       remote.URL
	talk      *conversation
	storeID   refs.StoreID // of the local store
	there     cloneFiles   // rosters, keyrings and slots of the remote that fit their names
	caught    bool         // the remote's logs show that somebody changed history
	view      *refs.View   // of the remote; nil if its logs say nothing
	live      []refs.Pack  // what the records of the remote name
	copies    map[[32]byte]uint64
	packs     *repairing
	salvaged  *refs.Salvaged
	commits   map[objects.ID]*objects.Commit // in sound packs
}

func (f *healing) did(format string, args ...any) {
	if f.o.DryRun {
		format = "would have " + format
	}
	f.result.Actions = append(f.result.Actions, fmt.Sprintf(format, args...))
}

func (f *healing) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{f.begin, f.openKeys, f.mirrors, f.converse, f.openStore} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if f.o.DryRun {
		return f.plan(ctx)
	}
	for _, step := range []func(context.Context) error{f.learn, f.takePacks, f.logs, f.finish, f.healPacksThere, f.verify} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	switch {
	case f.caught:
		return &kindError{ErrSecurity, "the logs of the remote are not what was seen there, as named: that is no damage, and is not repaired", nil}
	case len(f.result.RemoteLost) > 0:
		return ErrDamaged
	}
	return nil
}

// finish records what was done, and writes again what hangs on it.
func (f *healing) finish(ctx context.Context) error {
	r := f.repo
	if err := f.packs.statIndex(ctx); err != nil {
		return err
	}
	if f.badConfig != nil {
		if err := f.writeConfig(); err != nil {
			return err
		}
	}
	// A clone that was interrupted has all that it was to get now.
	if text, err := readFile(r.local, cloningName, 64<<10); err == nil {
		if _, err := remote.ParseURL(strings.TrimSpace(string(text)), ""); err != nil {
			if err := moveAside(r, localDir+"/"+cloningName); err != nil {
				return err
			}
			f.did("removed the damaged note of an interrupted clone")
		}
	}
	return nil
}

// verify proves the outcome, with nothing in memory of what was there before.
func (f *healing) verify(ctx context.Context) error {
	r := f.repo
	if r.db != nil {
		db := r.db
		r.db = nil
		if err := db.Close(); err != nil {
			return err
		}
	}
	vault, err := keys.OpenWithIdentity(keyStore{r.store, r.local}, f.talk.identity, r.vault.ID())
	if err == nil { // or it was opened by a passphrase
		r.vault = vault
	}
	if err := r.openRefs(Writing); err != nil {
		return err
	}
	found, err := r.Verify(ctx, VerifyOptions{})
	if found != nil {
		f.result.Lost = found.Damage
		for _, s := range found.Security {
			f.result.Lost = append(f.result.Lost, Damage{Kind: "security", Detail: s})
		}
	}
	return err
}

// plan says what would be done about packs and logs.
func (f *healing) plan(ctx context.Context) error {
	if f.badConfig != nil {
		f.did("written %s anew: %v", configName, f.badConfig)
	}
	db, err := f.repo.database()
	if err != nil {
		return err
	}
	if err := f.listThere(ctx); err != nil {
		return err
	}
	infos, err := db.Packs()
	if err != nil {
		return err
	}
	here := map[[32]byte]bool{}
	for _, p := range infos {
		here[p.Name] = true
		if err := db.VerifyPack(ctx, p.Name, nil); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if _, ok := f.copies[p.Name]; ok {
				f.did("received pack %s, which is damaged here", p.Name)
			} else {
				f.did("saved what is sound in pack %s, which the remote does not have", p.Name)
			}
		}
	}
	for name := range f.copies {
		if !here[name] {
			f.did("received pack %s, which is not here", pack.Name(name))
		}
	}
	slices.Sort(f.result.Actions)
	o, err := f.logOptions()
	if err != nil {
		return err
	}
	s, err := refs.Salvage(ctx, o)
	if err != nil {
		return err
	}
	for _, p := range s.Problems {
		f.did("set aside what is wrong with the local logs: %v", p)
	}
	return nil
}

// better says which commit a branch is to be at that may have lost its newest records: the remote's if it comes after.
func (f *healing) better(here, there objects.ID) (objects.ID, error) {
	if here.IsZero() || here == there {
		return there, nil
	}
	forward, err := f.repo.descendsIfKnown(there, here)
	if err != nil && !isDamage(err) {
		return here, err
	}
	if forward {
		return there, nil
	}
	return here, nil
}
