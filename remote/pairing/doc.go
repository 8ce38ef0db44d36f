// Package pairing lets two devices that have never met trust each other, because a person carries a short code from one to
// the other. One side listens and shows the code; the other joins and is told it. Afterwards each knows the other's device ID
// for certain, and what the pairing was for has been done: a friend's host admits a peer, or an admin device admits one more
// device of its owner.
//
// The channel is TLS 1.3 in which both sides show their self-signed device certificates and nobody checks them. That keeps
// listeners out, and proves that each side holds the key that it shows; whose key that is shows CPace (package
// internal/cpace), whose run is bound to this very channel: the session ID is the channel's exporter value (RFC 9266 has the
// idea; the label is ours), and the party identities are both public keys with the role of each. Somebody who terminates TLS
// both ways has two channels and two exporter values, so that not even the right code passes through.
//
//	joiner                                          listener
//	  |------------------- TLS 1.3 ----------------------|   both certificates, ALPN "evault-pairing/1"
//	  | hello     version, code or secret, share    ---->|
//	  |<----                             share     share |   or refusal: expired, used, too many tries
//	  | proof     tag                               ---->|   a guess: the listener counts it
//	  |<----                               tag     proof |   or refusal: wrong code
//	  |  - - - - - - both sides have proved it - - - - - |
//	  |<----                    label, purpose     offer |
//	  | request   label (and keys)                  ---->|   now the listener admits the joiner
//	  |<----                what was granted       grant |   or refusal: declined
//	  | done                                        ---->|
//
// The listener proves itself last, so whoever wants to test a guess has to send a proof, and three wrong ones are the end of
// the code. It lives five minutes and serves once. A joiner proves itself first to whoever answers, and so gives a man in the
// middle one guess for each time that it is started.
//
// Calling sequence of the listener:
//
//	inv, err := pairing.NewInvitation(pairing.Letters)
//	show inv.Code() and inv.URI(addresses, device)
//	result, err := pairing.Serve(ctx, listener, inv, options)
//
// and of the joiner:
//
//	t, err := pairing.ParseTarget("evault-pair:...")     or pairing.NewTarget(address, code)
//	result, err := pairing.Join(ctx, t, options)
package pairing
