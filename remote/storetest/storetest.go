// Package storetest is the conformance suite of remote.Store: what the comments of that interface promise, as tests. Every
// implementation passes it, whatever lies between the caller and the disk.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) (remote.Site, keys.VaultID) { ... an empty place ... })
//	}
//
// It also makes what tests of stores and of their users need: [Writer] builds records that every host accepts, [Pack] makes
// packs, [Source] hands them over.
package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"evault/keys"
	"evault/refs"
	"evault/remote"
)

// Open makes an empty place that this peer may write to, and says for which vault. The suite closes the site. It is called
// once for each subtest.
type Open func(t *testing.T) (remote.Site, keys.VaultID)

// Options of RunWith.
type Options struct {
	// NoLock says that nobody keeps two appends at one instant apart when they come through two stores of a site: then
	// both may succeed. Both must still be there afterwards.
	NoLock bool
}

// Run runs the suite.
func Run(t *testing.T, open func(t *testing.T) (site remote.Site, vault keys.VaultID)) {
	RunWith(t, Options{}, open)
}

// RunWith runs the suite with options.
func RunWith(t *testing.T, o Options, open Open) {
	for _, group := range []struct {
		name  string
		tests []check
	}{
		{"Create", createChecks()},
		{"Files", fileChecks()},
		{"Packs", packChecks()},
		{"PutPack", putPackChecks()},
		{"Logs", logChecks()},
		{"Append", appendChecks()},
		{"AppendRefuses", refusalChecks()},
		{"Together", togetherChecks()},
		{"Context", contextChecks()},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, c := range group.tests {
				t.Run(c.name, func(t *testing.T) { c.run(newPlace(t, o, open)) })
			}
		})
	}
}

// check is one subtest.
type check struct {
	name string
	run  func(p *place)
}

// place is what one subtest works on: an empty place.
type place struct {
	*testing.T
	o     Options
	ctx   context.Context
	site  remote.Site
	vault keys.VaultID
	store remote.Store
	seed  uint64
}

func newPlace(t *testing.T, o Options, open Open) *place {
	t.Helper()
	site, vault := open(t)
	t.Cleanup(func() {
		if err := site.Close(); err != nil {
			t.Errorf("closing the site: %v", err)
		}
	})
	return &place{T: t, o: o, ctx: t.Context(), site: site, vault: vault, store: site.Store(vault)}
}

// create makes the store and gives its ID.
func (p *place) create() refs.StoreID {
	p.Helper()
	info, err := p.store.Create(p.ctx)
	p.must(err)
	return info.Store
}

// writer makes the store if need be, and a writer for it.
func (p *place) writer() *Writer {
	p.Helper()
	return NewWriter(p, p.create())
}

func (p *place) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// want wants an error that is one of some.
func (p *place) want(err error, oneOf ...error) {
	p.Helper()
	if !slices.ContainsFunc(oneOf, func(target error) bool { return errors.Is(err, target) }) {
		p.Fatalf("got error %v, want one of %q", err, oneOf)
	}
}

// mayDelete says whether the place allows deletions.
func (p *place) mayDelete() bool {
	p.Helper()
	info, err := p.store.Info(p.ctx)
	p.must(err)
	return info.Permissions.Has(remote.Delete)
}

// tooLarge are the errors for what is over a limit: that of bytes that fit nothing, or the place's own quota.
func tooLarge() []error { return []error{remote.ErrMismatch, remote.ErrQuota} }
