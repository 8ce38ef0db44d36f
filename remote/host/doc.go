// Package host is the keyless host: a machine that keeps stores of other people's vaults, checks all that can be checked of
// them without a key, and gives them back to the peers that may have them.
//
// On disk a host is one folder, its root:
//
//	vaults/<vault ID, 64 hex digits>/   one store each, as package remote/folder lays it out
//	accounts/<device ID in hex>/        which vaults a peer has made, and how many records it has lately added to each
//	locks/<first byte of a vault ID>    held while records are added, stores are made and packs are removed
//	scrub, scrub.lock                   how far the scrub has come
//
// Who may do what stands in host.toml ([Config]), which is read again when it changes, so that "evault peer revoke" acts on
// a running host. Several processes may serve one root: "evault serve --listen" and any number of "evault serve --stdio".
//
// Calling sequence:
//
//	h, err := host.Open(host.Options{Root: ..., Config: ...})
//	go h.Maintain(ctx)                      reads host.toml again, scrubs, sweeps
//	err = h.Serve(ctx, listener, key)       TLS for peers by their device IDs
//	err = h.ServeStdio(ctx, pipe, peer, p)  one conversation for a peer that ssh has let in
//	err = h.Close()
//
// In between stands package remote/api: it turns requests into calls of [Host.Open] and of the stores that it gives. Those
// enforce permissions, quotas and the lock; the store below them is plain.
package host
