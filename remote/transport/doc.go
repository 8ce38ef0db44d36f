// Package transport is how a conversation with a remote comes about.
//
// [Open] takes an address apart and gives the place that it names:
//
//	file       a folder, which package folder serves directly
//	evault://  TCP and TLS 1.3, both sides known by the hash of their Ed25519 key; HTTP/1.1 on a few connections
//	ssh://     the system's ssh, which runs "evault serve --stdio" there; HTTP/2 over its standard input and output
//
// The host's side is here, too: [ServerTLS] and [PeerDevice] for a listener, [ServePipe] for --stdio. What is said over either
// is the business of package api.
//
// Whatever goes wrong on the way ends as one of the errors of package remote: ErrUnreachable when a conversation did not come
// about, broke off or stalled; ErrRefused, with this device's ID to send to the host's owner; WrongPeerError; ErrNotEvault.
//
// Where to read first: open.go, then tls.go and ssh.go.
package transport
