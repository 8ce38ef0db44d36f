package keys_test

import (
	"errors"
	"testing"

	"evault/keys"
)

func TestSignaturesAreForOnePurpose(t *testing.T) {
	v := ephemeral(t)
	pub, hash := v.DevicePublicKey(), [32]byte{1, 2, 3}
	commit, err := v.SignCommit(hash)
	if err != nil {
		t.Fatal(err)
	}
	record, err := v.SignRecord(hash[:])
	if err != nil {
		t.Fatal(err)
	}
	if err := v.VerifyCommit(pub, hash, commit); err != nil {
		t.Error(err)
	}
	if err := keys.VerifyRecord(pub, hash[:], record); err != nil {
		t.Error(err)
	}
	if err := v.VerifyCommit(pub, hash, record); !errors.Is(err, keys.ErrSignature) {
		t.Errorf("a record's signature on a commit: %v", err)
	}
	if err := keys.VerifyRecord(pub, hash[:], commit); !errors.Is(err, keys.ErrSignature) {
		t.Errorf("a commit's signature on a record: %v", err)
	}
	if err := v.VerifyCommit(pub, [32]byte{}, commit); !errors.Is(err, keys.ErrSignature) {
		t.Errorf("another hash: %v", err)
	}
	if err := v.VerifyCommit([32]byte{1}, hash, commit); !errors.Is(err, keys.ErrUnknownDevice) {
		t.Errorf("unknown key: %v", err)
	}
}

func TestLogKeys(t *testing.T) {
	v, other := ephemeral(t), ephemeral(t)
	key := func(v *keys.Vault, store, clone byte) *keys.LogKey {
		k, err := v.LogKey([16]byte{store}, [16]byte{clone})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	a := key(v, 1, 1)
	if a.Public() != key(v, 1, 1).Public() {
		t.Error("one log has two keys")
	}
	for _, b := range []*keys.LogKey{key(v, 2, 1), key(v, 1, 2), key(other, 1, 1)} {
		if a.Public() == b.Public() {
			t.Error("two logs have one key")
		}
	}
	sig := a.Sign("header", []byte("message"))
	if err := keys.VerifyLogSignature(a.Public(), "header", []byte("message"), sig); err != nil {
		t.Error(err)
	}
	for _, err := range []error{
		keys.VerifyLogSignature(a.Public(), "other", []byte("message"), sig),
		keys.VerifyLogSignature(a.Public(), "header", []byte("massage"), sig),
		keys.VerifyLogSignature(key(v, 2, 1).Public(), "header", []byte("message"), sig),
		keys.VerifyLogSignature([32]byte{}, "header", []byte("message"), sig),
	} {
		if !errors.Is(err, keys.ErrSignature) {
			t.Errorf("accepted: %v", err)
		}
	}
}

// One device is another key in every vault, and none of them is its TLS key.
func TestVaultsCannotBeLinkedByKeys(t *testing.T) {
	id := newIdentity(t)
	a, _ := newVault(t, keys.NewVaultOptions{Identity: id})
	b, _ := newVault(t, keys.NewVaultOptions{Identity: id})
	tls := [32]byte(id.TLSKey()[32:])
	if ka, kb := a.Vault.DevicePublicKey(), b.Vault.DevicePublicKey(); ka == kb || ka == tls || kb == tls {
		t.Error("keys repeat")
	}
	if k, err := id.SigningKey(a.Vault.ID()); err != nil || k != a.Vault.DevicePublicKey() {
		t.Errorf("signing key %x, %v", k, err)
	}
	if _, ok := a.Vault.KnowsDevice(b.Vault.DevicePublicKey()); ok {
		t.Error("another vault's key is known")
	}
}
