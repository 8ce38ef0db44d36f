package storetest

import (
	"sync"

	"evault/keys"
	"evault/pack"
	"evault/refs"
	"evault/remote"
)

func createChecks() []check {
	return []check{
		{"nothing before", nothingBefore},
		{"every call before is ErrNoStore", noStoreBefore},
		{"gives an ID", createGivesID},
		{"twice", createTwice},
		{"at once", createAtOnce},
		{"another vault", anotherVault},
		{"keeps what is there", createKeeps},
	}
}

func nothingBefore(p *place) {
	info, err := p.store.Info(p.ctx)
	p.want(err, remote.ErrNoStore)
	if info.Store != (refs.StoreID{}) {
		p.Errorf("a store ID without a store: %v", info.Store)
	}
	if !info.Permissions.Has(remote.Read | remote.Append) {
		p.Errorf("permissions %v, want at least read and append", info.Permissions)
	}
	if !info.Vault.IsZero() && info.Vault != p.vault {
		p.Errorf("vault %v, want %v", info.Vault, p.vault)
	}
	vaults, err := p.site.Vaults(p.ctx)
	p.must(err)
	if len(vaults) != 0 {
		p.Errorf("the place holds %v", vaults)
	}
}

func noStoreBefore(p *place) {
	packInfo, data := Pack(1, 100)
	name, file := slotFile(1)
	w := NewWriter(p, refs.StoreID{1})
	var errs []error
	add := func(err error) { errs = append(errs, err) }
	_, err := p.store.Files(p.ctx)
	add(err)
	_, err = p.store.File(p.ctx, name)
	add(err)
	add(p.store.PutFile(p.ctx, name, file))
	_, err = p.store.Packs(p.ctx)
	add(err)
	_, err = p.store.Pack(p.ctx, packInfo.Name, 0, -1)
	add(err)
	add(p.store.PutPack(p.ctx, packInfo, Source(data)))
	add(p.store.CheckPack(p.ctx, packInfo.Name))
	_, err = p.store.Heads(p.ctx)
	add(err)
	add(p.store.Records(p.ctx, w.Tag(), 0, func([]byte) error { return nil }))
	add(p.store.Append(p.ctx, w.Records(1), nil))
	for i, err := range errs {
		p.Logf("call %d", i)
		p.want(err, remote.ErrNoStore)
	}
	nothingBefore(p)
}

func createGivesID(p *place) {
	info, err := p.store.Create(p.ctx)
	p.must(err)
	if info.Store == (refs.StoreID{}) || info.Vault != p.vault {
		p.Errorf("info %+v", info)
	}
	again, err := p.store.Info(p.ctx)
	p.must(err)
	if again.Store != info.Store || again.Vault != info.Vault || again.Permissions != info.Permissions {
		p.Errorf("Create says %+v, Info %+v", info, again)
	}
	if again.Software == "" {
		p.Error("it does not say what answers")
	}
	vaults, err := p.site.Vaults(p.ctx)
	p.must(err)
	if len(vaults) != 1 || vaults[0] != p.vault {
		p.Errorf("the place holds %v, want %v", vaults, p.vault)
	}
	if again.Used > again.Quota {
		p.Errorf("%d bytes of %d are used", again.Used, again.Quota)
	}
	p.isEmpty()
}

// isEmpty wants nothing in the store.
func (p *place) isEmpty() {
	p.Helper()
	files, err := p.store.Files(p.ctx)
	p.must(err)
	packs, err := p.store.Packs(p.ctx)
	p.must(err)
	heads, err := p.store.Heads(p.ctx)
	p.must(err)
	if len(files)+len(packs)+len(heads) != 0 {
		p.Errorf("%d files, %d packs, %d logs in an empty store", len(files), len(packs), len(heads))
	}
}

func createTwice(p *place) {
	id := p.create()
	if again := p.create(); again != id {
		p.Errorf("the second Create gives %v, the first %v", again, id)
	}
	other, err := p.site.Store(p.vault).Create(p.ctx)
	p.must(err)
	if other.Store != id {
		p.Errorf("another conversation's Create gives %v, the first %v", other.Store, id)
	}
}

func createAtOnce(p *place) {
	const n = 6
	ids, errs := make([]refs.StoreID, n), make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			info, err := p.site.Store(p.vault).Create(p.ctx)
			ids[i], errs[i] = info.Store, err
		})
	}
	all.Wait()
	for i := range n {
		p.must(errs[i])
		if ids[i] != ids[0] || ids[i] == (refs.StoreID{}) {
			p.Errorf("IDs differ: %v", ids)
		}
	}
}

func anotherVault(p *place) {
	id := p.create()
	other := p.site.Store(keys.VaultID{1, 2, 3})
	_, err := other.Info(p.ctx)
	p.want(err, remote.ErrNoStore, remote.ErrOtherVault, remote.ErrRefused)
	if _, err := other.Packs(p.ctx); err == nil {
		p.Error("packs of a vault that is not there")
	}
	info, err := p.store.Info(p.ctx)
	p.must(err)
	if info.Store != id {
		p.Errorf("store %v, was %v", info.Store, id)
	}
}

func createKeeps(p *place) {
	w := p.writer()
	info, data := Pack(1, 5000)
	p.must(p.store.PutPack(p.ctx, info, Source(data)))
	p.must(p.store.Append(p.ctx, [][]byte{w.Record([]refs.Pack{info})}, nil))
	p.create()
	p.hasPack(info, data)
	p.hasHeads(w.Heads()...)
	p.must(p.store.CheckPack(p.ctx, pack.Name(info.Name)))
}
