package folder

import (
	"encoding/hex"
	"errors"
	"testing"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/remote"
)

// FuzzNames: a name that is read is the one that would be written.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"", "0000000000000000", "ffffffffffffffff", "000000000000000A", "+000000000000001", "00", "ab", "AB", "0x",
		"_1", hex.EncodeToString(make([]byte, 32)) + ".pack"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if seq, ok := parseSeqName(s); ok && seqName(seq) != s {
			t.Errorf("sequence %q is read as %d", s, seq)
		}
		if parsePackDir(s) && len(s) != 2 {
			t.Errorf("folder %q", s)
		}
		if len(s) < 2 {
			return
		}
		if name, ok := parsePackFile(s[:2], s); ok && (packFile(name) != s || packDir(name) != s[:2] || !parsePackDir(s[:2])) {
			t.Errorf("pack %q is read as %v", s, name)
		}
	})
}

// FuzzIdentity: whatever the files `id` and `vault` hold, they are read as they are written or refused.
func FuzzIdentity(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef\n"), []byte(testVault.String()+"\n"))
	f.Add([]byte("0123456789ABCDEF0123456789abcdef\n"), []byte(""))
	f.Add([]byte("\n"), []byte("\n"))
	f.Fuzz(func(t *testing.T, id, vault []byte) {
		disk := memfs.New(memfs.Options{})
		must(t, vfs.Publish(disk, idName, id, 0o600))
		must(t, vfs.Publish(disk, vaultName, vault, 0o600))
		s, err := Open(disk, Options{})
		must(t, err)
		info, err := s.Info(t.Context())
		switch {
		case errors.Is(err, remote.ErrDamaged):
		case err != nil:
			t.Fatal(err)
		case info.Store.String()+"\n" != string(id) || info.Vault.String()+"\n" != string(vault):
			t.Errorf("%q and %q are read as %+v", id, vault, info)
		}
	})
}
