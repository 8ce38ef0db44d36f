package keys

import (
	"encoding/hex"
	"testing"

	"filippo.io/age"
)

// counting is 32 bytes: first, first+1, ...
func counting(first byte) (b [32]byte) {
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

// Known answers of everything that is derived, as docs lists them: a change here is a change of the format.
func TestDerivationVectors(t *testing.T) {
	key, vault := counting(0), VaultID(counting(0x40))
	v := &Vault{id: vault, ring: &keyring{objectIDKey: key, epochs: []numberedKey{{1, key}}}}
	sealer := func(s *Sealer, err error) *Sealer {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	pack := sealer(v.PackSealer(1, counting(0x80)))
	logs, local := sealer(v.LogSealer(1)), sealer(v.LocalSealer("stat index"))
	var nonce [NonceSize]byte
	copy(nonce[:], "ABCDEFGHIJKLMNOPQRSTUVWX")
	sealed := func(s *Sealer) []byte { return s.aead.Seal(nil, nonce[:], []byte("text"), []byte("aad")) }
	commitment := func(s *Sealer) []byte {
		c := make([]byte, CommitmentSize)
		s.commitment(c, nonce[:])
		return c
	}
	mask := pack.Mask(&nonce)
	id, err := ageIdentity("AGE-SECRET-KEY-PQ-1QQQSYQCYQ5RQWZQFPG9SCRGWPUGPZYSNZS23V9CCRYDPK8QARC0S5DYVQQ")
	if err != nil {
		t.Fatal(err)
	}
	device, err := id.deviceKeys(vault)
	if err != nil {
		t.Fatal(err)
	}
	founder, err := founderKey(id, counting(0xc0))
	if err != nil {
		t.Fatal(err)
	}
	v.identity, v.ownKeys, v.device = id, device, device
	logKey, err := v.LogKey([16]byte{1}, [16]byte{2})
	if err != nil {
		t.Fatal(err)
	}
	admin, err := recoveryAdminKey(&key)
	if err != nil {
		t.Fatal(err)
	}
	commit, err := v.SignCommit(key)
	if err != nil {
		t.Fatal(err)
	}
	committed, err := commitTo(CommitEpochKey, 1, &key)
	if err != nil {
		t.Fatal(err)
	}
	devicePub, logPub, founderPub, adminPub := device.public, logKey.Public(), publicKey(founder), publicKey(admin)
	objectID := v.ObjectID(1, []byte("text"))
	for _, c := range []struct {
		name, want string
		got        []byte
	}{
		{"object ID", "06bc2accd4253c19d64879d16b4061bf7fd9a7a4c2583526a9714131a9bbc221", objectID[:]},
		{"pack sealed", "f235313e8fbc4e9799dcb55a04788653f36db503", sealed(pack)},
		{"pack commitment", "4946db2bccfe498617cd3d6414eb4273db717e0fdfb45e47b2b0a4e30e008c8a", commitment(pack)},
		{"pack mask", "1a5ed6a2", []byte{byte(mask >> 24), byte(mask >> 16), byte(mask >> 8), byte(mask)}},
		{"log body sealed", "41e92a6c2d95491c8f05dc25d60ab1aa0d4ed1cc", sealed(logs)},
		{"local sealed", "43474299e3da1007621ab8cc8753096ee60aafea", sealed(local)},
		{"key commitment", "b1774cecb7c41a780a54667b18c4eac35c85aa439221b2ba9393b37e97ad37ff", committed[:]},
		{"device seed", "f35928eccb30e8bafb81162f5a96ebccb9dda9e3a6d123db7779b5722c8e2d68", id.seed[:]},
		{"device TLS key", "c86eea6bf7126347029df78740bb4c31783f393ee533a3cbd827e589b07fffd1", id.tls[32:]},
		{"device signing key", "913aa5250e94bf2b7f6dc8dc5cbf938c450bca6921893e6a70c2fe6595e115c2", devicePub[:]},
		{"founder key", "e35cd0693c843fe3e56aa2f7a2aa949534429f6cd63e49178ceaaee126332fc1", founderPub[:]},
		{"recovery admin key", "78c10bbabf2557d58f3ccceca68d6eb020cd2d3703ca146e2e246a9d198b723a", adminPub[:]},
		{"log key", "a2eb3c201c38e864f5dddb1740796009d13dc51154331a289b6c63e5e5bddadd", logPub[:]},
		{"commit signature", "48c199b3c4c43a47bee61e29ee578edd84a0448bae0767bc8ee67faee414c0cc968a1f5cfbf70ccc799496ff04b955c9bfc2d2cba3a122ad53f0a8c2173cc40d", commit[:]},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("%s is %s, want %s", c.name, got, c.want)
		}
	}
	const wantID = "HC5IO2A-VZLQG4A-X4XCLVC-G2YJG44-URFKFQP-NEMTIQH-ZPZRC6S-RTQMG5K"
	if got := id.DeviceID().String(); got != wantID {
		t.Errorf("device ID is %s, want %s", got, wantID)
	}
}

func ageIdentity(s string) (*Identity, error) {
	key, err := age.ParseHybridIdentity(s)
	if err != nil {
		return nil, err
	}
	return identityOf(key)
}
