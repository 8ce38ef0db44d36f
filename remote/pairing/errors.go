package pairing

import "errors"

// Errors that callers tell apart with errors.Is. Beside them stand those of package remote: ErrUnreachable (nobody answers,
// or the conversation broke off), ErrNotEvault (something else answers), ErrWrongPeer (the other side is not the device of
// the scanned code, or could not prove that it knows the code).
var (
	// ErrWrongCode: the other side has another code, or somebody sits in between.
	ErrWrongCode = errors.New("wrong pairing code")
	// ErrExpired: the code's five minutes are over.
	ErrExpired = errors.New("the pairing code has expired")
	// ErrUsed: the code has served already.
	ErrUsed = errors.New("the pairing code has been used already")
	// ErrTooManyTries: three wrong codes were tried, and nobody can use this one any more.
	ErrTooManyTries = errors.New("too many wrong pairing codes were tried")
	// ErrDeclined: the code was right, and the listening side could not do, or did not want, what the pairing is for.
	ErrDeclined = errors.New("the other side declined the pairing")
	// ErrNoReceipt: the listening side has done what the pairing is for, and does not know whether the other side heard of it.
	ErrNoReceipt = errors.New("the other side did not confirm the pairing")
	// ErrCode: a text that cannot be a pairing code, because of its length or a character.
	ErrCode = errors.New("not a pairing code")
	// ErrTarget: a text that is neither an address nor what a pairing's QR code says.
	ErrTarget = errors.New("not an address to pair with")
	// ErrMessage: a message that no honest side sends.
	ErrMessage = errors.New("malformed pairing message")
)
