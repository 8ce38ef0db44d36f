package storetest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"evault/remote"
)

// slotFile, rosterFile and keyringFile give a name and contents that fit it.
func slotFile(n int) (string, []byte) {
	data := fmt.Appendf(nil, "slot %d", n)
	return fmt.Sprintf("slots/%x.age", sha256.Sum256(data)), data
}

func rosterFile(n int) (string, []byte) {
	data := fmt.Appendf(nil, "roster %d", n)
	return fmt.Sprintf("roster/%d-%x", n, sha256.Sum256(data)), data
}

func keyringFile(n int) (string, []byte) {
	data := fmt.Appendf(nil, "keyring %d", n)
	return fmt.Sprintf("keyring/%d-%x", n, sha256.Sum256(data)), data
}

func fileChecks() []check {
	return []check{
		{"put, list, read", filesPutListRead},
		{"put twice", filesPutTwice},
		{"not there", filesNotThere},
		{"names that are none", filesBadNames},
		{"contents that do not fit", filesBadContents},
		{"the largest", filesLargest},
		{"delete a slot", filesDeleteSlot},
		{"delete nothing else", filesDeleteOnlySlots},
	}
}

func filesPutListRead(p *place) {
	p.create()
	var want []remote.FileInfo
	contents := make(map[string][]byte)
	for n := range 12 {
		for _, file := range []func(int) (string, []byte){slotFile, rosterFile, keyringFile} {
			name, data := file(n)
			p.must(p.store.PutFile(p.ctx, name, data))
			contents[name] = data
			want = append(want, remote.FileInfo{Name: name, Size: int64(len(data))})
		}
	}
	slices.SortFunc(want, func(a, b remote.FileInfo) int { return strings.Compare(a.Name, b.Name) })
	got, err := p.store.Files(p.ctx)
	p.must(err)
	if !slices.Equal(got, want) {
		p.Errorf("listed %v, want %v", got, want)
	}
	for name, data := range contents {
		p.hasFile(name, data)
	}
}

func (p *place) hasFile(name string, want []byte) {
	p.Helper()
	got, err := p.store.File(p.ctx, name)
	p.must(err)
	if !bytes.Equal(got, want) {
		p.Errorf("%s holds %.40q, want %.40q", name, got, want)
	}
}

func filesPutTwice(p *place) {
	p.create()
	name, data := rosterFile(3)
	p.must(p.store.PutFile(p.ctx, name, data))
	p.must(p.store.PutFile(p.ctx, name, data))
	p.hasFile(name, data)
}

func filesNotThere(p *place) {
	p.create()
	for _, file := range []func(int) (string, []byte){slotFile, rosterFile, keyringFile} {
		name, _ := file(1)
		_, err := p.store.File(p.ctx, name)
		p.want(err, remote.ErrNotFound)
	}
}

func filesBadNames(p *place) {
	p.create()
	data := []byte("data")
	hash := fmt.Sprintf("%x", sha256.Sum256(data))
	for _, name := range []string{"", ".", "..", "/", "id", "vault", hash, "slots/" + hash, "slots/" + strings.ToUpper(hash) + ".age",
		"slots/" + hash[1:] + ".age", "slots/0" + hash + ".age", "slots/../slots/" + hash + ".age", "slots//" + hash + ".age",
		"/slots/" + hash + ".age", "roster/01-" + hash, "roster/-1-" + hash, "roster/+1-" + hash, "roster/4294967296-" + hash,
		"roster/" + hash, "roster/1-" + hash + ".age", "keyring/x-" + hash, "logs/1-" + hash, "packs/ab/" + hash + ".pack",
		"slots/" + hash + ".age/", "slots/" + hash + ".age\x00", "../roster/1-" + hash} {
		p.want(p.store.PutFile(p.ctx, name, data), remote.ErrMismatch)
		_, err := p.store.File(p.ctx, name)
		p.want(err, remote.ErrMismatch, remote.ErrNotFound)
		p.want(p.store.DeleteFile(p.ctx, name), remote.ErrMismatch, remote.ErrRefused)
	}
	p.isEmpty()
}

func filesBadContents(p *place) {
	p.create()
	for _, file := range []func(int) (string, []byte){slotFile, rosterFile, keyringFile} {
		name, data := file(1)
		for _, wrong := range [][]byte{nil, data[1:], append(slices.Clone(data), 0), []byte("other")} {
			p.want(p.store.PutFile(p.ctx, name, wrong), remote.ErrMismatch)
		}
	}
	p.isEmpty()
}

func filesLargest(p *place) {
	p.create()
	data := bytes.Repeat([]byte("x"), remote.MaxFile)
	name := fmt.Sprintf("roster/4294967295-%x", sha256.Sum256(data))
	p.must(p.store.PutFile(p.ctx, name, data))
	p.hasFile(name, data)
	larger := append(data, 'x')
	name = fmt.Sprintf("roster/0-%x", sha256.Sum256(larger))
	p.want(p.store.PutFile(p.ctx, name, larger), tooLarge()...)
	_, err := p.store.File(p.ctx, name)
	p.want(err, remote.ErrNotFound)
}

func filesDeleteSlot(p *place) {
	p.create()
	name, data := slotFile(1)
	p.must(p.store.PutFile(p.ctx, name, data))
	other, otherData := slotFile(2)
	p.must(p.store.PutFile(p.ctx, other, otherData))
	if !p.mayDelete() {
		p.want(p.store.DeleteFile(p.ctx, name), remote.ErrRefused)
		p.hasFile(name, data)
		return
	}
	for range 2 { // the second time it is not there
		p.must(p.store.DeleteFile(p.ctx, name))
		_, err := p.store.File(p.ctx, name)
		p.want(err, remote.ErrNotFound)
	}
	p.hasFile(other, otherData)
}

func filesDeleteOnlySlots(p *place) {
	p.create()
	for _, file := range []func(int) (string, []byte){rosterFile, keyringFile} {
		name, data := file(1)
		p.must(p.store.PutFile(p.ctx, name, data))
		p.want(p.store.DeleteFile(p.ctx, name), remote.ErrRefused, remote.ErrMismatch)
		p.hasFile(name, data)
	}
}
