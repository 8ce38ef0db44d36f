package transport

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"evault/keys"
	"evault/remote"
	"evault/remote/folder"
	"evault/remote/storetest"
)

func folderAt(path ...string) remote.URL {
	return remote.URL{Scheme: remote.SchemeFile, Path: filepath.Join(path...)}
}

func mkdir(t testing.TB, path ...string) string {
	t.Helper()
	dir := filepath.Join(path...)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func link(t testing.TB, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Skipf("links cannot be made here: %v", err)
	}
}

// TestFolderIsMadeByCreate: looking at a folder that is not there makes nothing, and says that there is no store.
func TestFolderIsMadeByCreate(t *testing.T) {
	u := folderAt(t.TempDir(), "a b")
	site, err := Open(t.Context(), u, Options{})
	if err != nil {
		t.Fatal(err)
	}
	store := site.Store(testVault)
	p, data := storetest.Pack(1, 1000)
	found, err := store.Info(t.Context())
	wantError(t, err, remote.ErrNoStore, u.Path)
	if found.Vault != testVault || !found.Permissions.Has(remote.Append) {
		t.Errorf("the info is %+v", found)
	}
	_, err = store.Heads(t.Context())
	wantError(t, err, remote.ErrNoStore)
	wantError(t, store.PutPack(t.Context(), p, storetest.Source(data)), remote.ErrNoStore)
	if vaults, err := site.Vaults(t.Context()); err != nil || len(vaults) != 0 {
		t.Errorf("vaults %v, %v", vaults, err)
	}
	if _, err := os.Lstat(u.Path); !os.IsNotExist(err) {
		t.Fatalf("somebody has made the folder: %v", err)
	}
	made, err := store.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.PutPack(t.Context(), p, storetest.Source(data)); err != nil {
		t.Error(err)
	}
	if vaults, err := site.Vaults(t.Context()); err != nil || len(vaults) != 1 || vaults[0] != testVault {
		t.Errorf("vaults %v, %v", vaults, err)
	}
	if err := site.Close(); err != nil {
		t.Error(err)
	}
	if _, err := store.Heads(t.Context()); err == nil {
		t.Error("a closed place answers")
	}
	if again, err := info(t.Context(), u, Options{}); err != nil || again.Store != made.Store {
		t.Errorf("opened again there is %v, %v", again, err)
	}
}

// TestFolderAppears: somebody else makes the folder between two looks.
func TestFolderAppears(t *testing.T) {
	u := folderAt(t.TempDir(), "later")
	first, err := Open(t.Context(), u, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer closeQuietly(first)
	_, err = first.Store(testVault).Info(t.Context())
	wantError(t, err, remote.ErrNoStore)
	other, err := Open(t.Context(), u, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer closeQuietly(other)
	made, err := other.Store(testVault).Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range []func() (remote.Info, error){
		func() (remote.Info, error) { return first.Store(testVault).Info(t.Context()) },
		func() (remote.Info, error) { return first.Store(testVault).Create(t.Context()) },
	} {
		if found, err := call(); err != nil || found.Store != made.Store {
			t.Errorf("found %v, %v", found, err)
		}
	}
}

// TestFolderNotMounted: without the folder above, a disk is away, and nothing is made in the place where it will be.
func TestFolderNotMounted(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(t.Context(), folderAt(dir, "usb", "vault"), Options{})
	wantError(t, err, remote.ErrUnreachable, "mounted", filepath.Join(dir, "usb", "vault"))
	link(t, filepath.Join(dir, "usb", "vault"), filepath.Join(dir, "link"))
	_, err = Open(t.Context(), folderAt(dir, "link"), Options{})
	wantError(t, err, remote.ErrUnreachable, "mounted")

	mount := mkdir(t, dir, "disk")
	site, err := Open(t.Context(), folderAt(mount, "vault"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer closeQuietly(site)
	if err := os.Remove(mount); err != nil {
		t.Fatal(err)
	}
	_, err = site.Store(testVault).Create(t.Context())
	wantError(t, err, remote.ErrUnreachable)
	if names, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(names) != 1 {
		t.Errorf("there are %q, %v", names, err)
	}
}

// TestWorkingCopyIsNoRemote: neither somebody's files nor any part of their vault is written to as if it were a remote,
// whatever the name by which it is reached.
func TestWorkingCopyIsNoRemote(t *testing.T) {
	work := mkdir(t, t.TempDir(), "project")
	store := mkdir(t, work, ".evault", "store")
	mkdir(t, work, ".evault", "local")
	moved := mkdir(t, t.TempDir(), "renamed", "store")
	mkdir(t, filepath.Dir(moved), "local")
	for path, is := range map[string]error{
		work:                               folder.ErrWorkingCopy,
		filepath.Join(work, ".evault"):     errInVault,
		store:                              errInVault,
		filepath.Join(store, "packs"):      errInVault, // not there
		filepath.Join(work, ".evault/new"): errInVault,
		moved:                              errInVault,
	} {
		_, err := Open(t.Context(), folderAt(path), Options{})
		wantError(t, err, is, path)
		wantError(t, err, remote.ErrRefused)
	}
	for i, target := range []string{work, store} {
		name := filepath.Join(t.TempDir(), "link")
		link(t, target, name)
		_, err := Open(t.Context(), folderAt(name), Options{})
		wantError(t, err, []error{folder.ErrWorkingCopy, errInVault}[i])
		_, err = Open(t.Context(), folderAt(name, "new"), Options{})
		if i == 1 {
			wantError(t, err, errInVault)
		}
	}
}

func TestNoFolder(t *testing.T) {
	name := file(t, filepath.Join(t.TempDir(), "file"), "text", 0o600)
	_, err := Open(t.Context(), folderAt(name), Options{})
	wantError(t, err, remote.ErrURL, name, "no folder")
	_, err = Open(t.Context(), folderAt(name, "below"), Options{})
	wantError(t, err, remote.ErrURL, name)
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		return // nothing is forbidden there, or to root
	}
	closed := mkdir(t, t.TempDir(), "closed")
	if err := os.Chmod(closed, 0); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), folderAt(closed, "a"), Options{})
	wantError(t, err, remote.ErrRefused, closed)
}

// TestOtherVaultInFolder: the place holds a store, and not this vault's.
func TestOtherVaultInFolder(t *testing.T) {
	u := folderAt(t.TempDir())
	site, err := Open(t.Context(), u, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer closeQuietly(site)
	if _, err := site.Store(keys.VaultID{9}).Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = info(t.Context(), u, Options{})
	wantError(t, err, remote.ErrOtherVault, u.Path)
}
