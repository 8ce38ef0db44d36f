package refs

import "evault/keys"

// revocationsFor gives the revocations that count for a store. In its own working copy a device believes what it wrote itself,
// even after it was expelled: nobody else can have written that, and what it had committed would be out of its reach. In a
// store that others write to, it is like all others.
func revocationsFor(o *Options) revocations {
	own := o.Vault.OwnPublicKey()
	if o.Shared || own == ([32]byte{}) {
		return o.Vault
	}
	return exceptOwn{o.Vault, own}
}

// exceptOwn are revocations of all devices but one.
type exceptOwn struct {
	revocations
	own [32]byte
}

// Revocation is that of another device.
func (e exceptOwn) Revocation(key [32]byte) (keys.Revocation, bool) {
	if key == e.own {
		return keys.Revocation{}, false
	}
	return e.revocations.Revocation(key)
}
