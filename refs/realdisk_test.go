package refs

import (
	"testing"

	"evault/internal/vfs"
	"evault/keys"
	"evault/objects"
)

// The same on a real disk, where store/ and local/ are two roots.
func TestOnARealDisk(t *testing.T) {
	dir := t.TempDir()
	sub := func(name string) vfs.FS {
		f, err := vfs.OpenOrCreate(dir + "/" + name)
		must(t, err)
		t.Cleanup(func() { must(t, f.Close()) })
		return f
	}
	v, err := keys.NewEphemeral()
	must(t, err)
	root := sub("evault")
	o := Options{Store: sub("evault/store"), Local: sub("evault/local"), State: sub("state"), Vault: v,
		Warn: func(err error) { t.Error(err) }}
	o.StoreID, err = CreateStoreID(o.Store)
	must(t, err)
	o.CloneID, _, err = EnsureClone(root)
	must(t, err)
	for i := range 5 {
		r, err := Open(o)
		must(t, err)
		old, _ := r.View().Ref("heads/main")
		_, err = r.Append(t.Context(), Operation{Name: "commit", HeadAfter: Head{Branch: "main"},
			Time: objects.Time{Sec: int64(i)}, Changes: []Change{{"heads/main", old, commitID(i)}}})
		must(t, err)
		must(t, r.SyncHead(root))
	}
	r, err := Open(o)
	must(t, err)
	if id, _ := r.View().Ref("heads/main"); id != commitID(4) || r.View().Tip.Seq != 4 {
		t.Errorf("main is %s at %v", id, r.View().Tip)
	}
	must(t, r.Verify(t.Context(), nil, func(err error) { t.Error(err) }))
	if again, minted, err := EnsureClone(root); err != nil || minted || again != o.CloneID {
		t.Errorf("clone %v minted %v: %v", again, minted, err)
	}
	names, err := readNames(o.Local, outboxDir)
	must(t, err)
	if len(names) != 0 {
		t.Errorf("left in the outbox: %v", names)
	}
}
