package folder

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/keys"
	"evault/refs"
	"evault/remote"
)

func wantErr(t testing.TB, err, want error, names ...string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
	for _, n := range names {
		if !strings.Contains(err.Error(), n) {
			t.Errorf("error %q does not name %q", err, n)
		}
	}
}

// writeFile puts a file on a disk, with the folders above it.
func writeFile(t testing.TB, disk vfs.FS, name string, data []byte) {
	t.Helper()
	if i := strings.LastIndex(name, "/"); i >= 0 {
		must(t, vfs.MkdirAllSync(disk, name[:i], 0o700))
	}
	must(t, vfs.Publish(disk, name, data, 0o600))
}

// made is a disk with a store.
func made(t testing.TB) (*memfs.Memory, *Store, refs.StoreID) {
	t.Helper()
	disk := memfs.New(memfs.Options{})
	s := storeOn(t, disk)
	info, err := s.Create(t.Context())
	must(t, err)
	return disk, s, info.Store
}

func names(t testing.TB, disk vfs.FS, dir string) (out []string) {
	t.Helper()
	infos, err := disk.ReadDir(dir)
	must(t, err)
	for _, fi := range infos {
		out = append(out, fi.Name())
	}
	return out
}

func TestWorkingCopyIsRefused(t *testing.T) {
	disk := memfs.New(memfs.Options{})
	must(t, disk.Mkdir(".evault", 0o700))
	s := storeOn(t, disk)
	_, err := s.Info(t.Context())
	wantErr(t, err, ErrWorkingCopy, "the folder")
	_, err = s.Create(t.Context())
	wantErr(t, err, ErrWorkingCopy, "the folder")
	wantErr(t, err, remote.ErrRefused)
	if got := names(t, disk, "."); len(got) != 1 {
		t.Errorf("the folder holds %v", got)
	}
}

func TestForeignFolderIsRefused(t *testing.T) {
	for _, name := range []string{"photo.jpg", ".hidden", "store", "vaults", "logs2", "packs.zip"} {
		disk := memfs.New(memfs.Options{})
		writeFile(t, disk, name, []byte("mine"))
		s := storeOn(t, disk)
		_, err := s.Info(t.Context())
		wantErr(t, err, remote.ErrNoStore)
		_, err = s.Create(t.Context())
		wantErr(t, err, ErrForeign, "the folder", name)
		wantErr(t, err, remote.ErrRefused)
		if got := names(t, disk, "."); len(got) != 1 {
			t.Errorf("the folder holds %v", got)
		}
	}
}

// Once there is a store, what else somebody puts beside it is none of its business.
func TestFilesBesideAStore(t *testing.T) {
	disk, _, id := made(t)
	writeFile(t, disk, "README.txt", []byte("a backup"))
	info, err := storeOn(t, disk).Create(t.Context())
	must(t, err)
	if info.Store != id {
		t.Error("another store")
	}
}

func TestRootOfADisk(t *testing.T) {
	disk := memfs.New(memfs.Options{})
	for _, name := range systemNames() {
		must(t, disk.Mkdir(name, 0o700))
	}
	_, err := storeOn(t, disk).Create(t.Context())
	must(t, err)
}

func TestLayoutOfANewStore(t *testing.T) {
	disk, _, id := made(t)
	want := "id incoming keyring logs packs roster slots vault"
	if got := strings.Join(names(t, disk, "."), " "); got != want {
		t.Errorf("the folder holds %q, want %q", got, want)
	}
	if got, err := refs.ReadStoreID(disk); err != nil || got != id {
		t.Errorf("package refs reads the ID %v, %v; want %v", got, err, id)
	}
	if got := string(contents(t, disk, "vault")); got != testVault.String()+"\n" {
		t.Errorf("the file vault holds %q", got)
	}
}

func contents(t testing.TB, disk *memfs.Memory, name string) []byte {
	t.Helper()
	dir, base := ".", name
	if i := strings.LastIndex(name, "/"); i >= 0 {
		dir, base = name[:i], name[i+1:]
	}
	d, err := disk.OpenDir(dir)
	must(t, err)
	data, err := readRegular(d, base, 1<<30, nil)
	must(t, err)
	return data
}

func TestOtherVault(t *testing.T) {
	disk, _, _ := made(t)
	other, err := Open(disk, Options{Vault: keys.VaultID{9}, Name: "the folder"})
	must(t, err)
	for _, f := range []func() error{
		func() error { _, err := other.Info(t.Context()); return err },
		func() error { _, err := other.Create(t.Context()); return err },
		func() error { _, err := other.Heads(t.Context()); return err },
	} {
		wantErr(t, f(), remote.ErrOtherVault, "the folder", testVault.String())
	}
}

// A folder that was begun for one vault is not taken for another.
func TestBegunForOtherVault(t *testing.T) {
	disk := memfs.New(memfs.Options{})
	writeFile(t, disk, vaultName, []byte(keys.VaultID{9}.String()+"\n"))
	_, err := storeOn(t, disk).Create(t.Context())
	wantErr(t, err, remote.ErrOtherVault)
}

func TestUnsaidVault(t *testing.T) {
	unsaid := func(disk vfs.FS) *Store {
		s, err := Open(disk, Options{Name: "the folder"})
		must(t, err)
		return s
	}
	empty := memfs.New(memfs.Options{})
	_, err := unsaid(empty).Create(t.Context())
	wantErr(t, err, ErrWhose)
	_, err = unsaid(empty).Info(t.Context())
	wantErr(t, err, remote.ErrNoStore)

	disk, _, id := made(t)
	info, err := unsaid(disk).Info(t.Context())
	must(t, err)
	if info.Vault != testVault || info.Store != id {
		t.Errorf("info %+v", info)
	}

	begun := memfs.New(memfs.Options{})
	writeFile(t, begun, vaultName, []byte(testVault.String()+"\n"))
	info, err = unsaid(begun).Info(t.Context())
	wantErr(t, err, remote.ErrNoStore)
	if info.Vault != testVault {
		t.Errorf("the folder says that it is for %v, want %v", info.Vault, testVault)
	}
	_, err = unsaid(begun).Create(t.Context())
	must(t, err)
}

// A copy of .evault/store has no file `vault`: it is a store, and does not say whose.
func TestCopiedStore(t *testing.T) {
	disk, _, id := made(t)
	must(t, disk.Remove(vaultName))
	info, err := storeOn(t, disk).Create(t.Context())
	must(t, err)
	if !info.Vault.IsZero() || info.Store != id {
		t.Errorf("info %+v", info)
	}
	vaults, err := openSite(t, disk).Vaults(t.Context())
	must(t, err)
	if len(vaults) != 1 || !vaults[0].IsZero() {
		t.Errorf("vaults %v, want one that is not said", vaults)
	}
}

func TestIdentityAsItIsWritten(t *testing.T) {
	good := strings.Repeat("ab", 16)
	for _, text := range []string{"", "\n", good, good + "\n\n", good + "\r\n", strings.ToUpper(good) + "\n", good[1:] + "\n",
		" " + good + "\n", good + "ab\n", strings.Repeat("x", 32) + "\n", strings.Repeat("a", 10_000)} {
		disk, _, _ := made(t)
		must(t, vfs.Publish(disk, idName, []byte(text), 0o600))
		_, err := storeOn(t, disk).Info(t.Context())
		wantErr(t, err, remote.ErrDamaged, "the folder")
		_, err = storeOn(t, disk).Create(t.Context())
		wantErr(t, err, remote.ErrDamaged)
	}
	for _, text := range []string{"", testVault.String(), strings.ToUpper(testVault.String()) + "\n", "x\n", strings.Repeat("a", 10_000)} {
		disk, _, _ := made(t)
		must(t, vfs.Publish(disk, vaultName, []byte(text), 0o600))
		_, err := storeOn(t, disk).Info(t.Context())
		wantErr(t, err, remote.ErrDamaged, "the folder")
	}
}

func TestPermissionsOfInfo(t *testing.T) {
	for _, p := range []remote.Permissions{remote.Read, remote.Read | remote.Append} {
		disk, _, _ := made(t)
		s, err := Open(disk, Options{Permissions: p})
		must(t, err)
		info, err := s.Info(t.Context())
		must(t, err)
		if info.Permissions != p {
			t.Errorf("permissions %v, want %v", info.Permissions, p)
		}
	}
	_, s, _ := made(t)
	info, err := s.Info(t.Context())
	must(t, err)
	if !info.Permissions.Has(remote.Read | remote.Append | remote.Delete) {
		t.Errorf("permissions %v, want all", info.Permissions)
	}
}

func TestClose(t *testing.T) {
	fsys := realFolder(t)
	site := openSite(t, fsys)
	first, second := site.Store(testVault), site.Store(testVault)
	_, err := first.Create(t.Context())
	must(t, err)
	must(t, first.Close())
	_, err = first.Info(t.Context())
	wantErr(t, err, fs.ErrClosed)
	_, err = second.Info(t.Context())
	must(t, err)
	must(t, site.Close())
	must(t, site.Close())
	_, err = second.Info(t.Context())
	wantErr(t, err, fs.ErrClosed)
	_, err = site.Vaults(t.Context())
	wantErr(t, err, fs.ErrClosed)
	_, err = site.Store(testVault).Info(t.Context())
	wantErr(t, err, fs.ErrClosed)
	if _, err := fsys.Stat("."); err == nil {
		t.Error("the folder is still open")
	}

	own := realFolder(t)
	s, err := Open(own, Options{Vault: testVault})
	must(t, err)
	must(t, s.Close())
	must(t, s.Close())
	if _, err := own.Stat("."); err == nil {
		t.Error("the folder is still open")
	}
	if err := s.Append(context.Background(), nil, nil); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("error %v", err)
	}
}
