// Package remote is about places that hold a copy of a vault and are not trusted with it: a folder on a USB disk, a friend's
// machine reached over SSH, a host reached over TLS.
//
// All of them satisfy one interface, [Store]. What a store holds is ciphertext, public keys and signed records, named by
// hashes; it can check nearly everything that it is given and read none of it. Whoever uses a store trusts none of its
// answers: names are hashes of contents, records are signed and chained, and what must be there is known from them.
//
// The subpackages, in the order in which they are best read:
//
//	remote/folder      a store in a folder: the USB disk, the mounted share, and what a host keeps
//	remote/api         the protocol: the same interface spoken in HTTP, client and handler (docs/protocol.md)
//	remote/host        the keyless host: who may do what, quotas, scrubbing, serving
//	remote/transport   ways to a host: TLS with pinned keys, the system's ssh
//	remote/pairing     how two devices learn to trust each other with a short code
//	remote/storetest   the conformance suite that every store passes
//
// Calling sequence of a client:
//
//	u, err := remote.ParseURL(text)        where it is
//	s, err := transport.Open(ctx, u, ...)  one conversation
//	info, err := s.Info(ctx)               is it the vault and the store that were expected?
//	s.Heads, s.Records                     what happened there: checked record by record by package refs
//	s.Pack / s.PutPack                     packs, each checked against its name
//	s.Append(ctx, records, heads)          the commit point: compare-and-swap on the heads of all logs
package remote
