package remote

import (
	"errors"
	"fmt"

	"evault/keys"
	"evault/refs"
)

// Errors that callers tell apart with errors.Is. The text of what wraps them names the place and the thing.
var (
	// ErrUnreachable: no conversation came about, or it ended half way: the host is away, the cable is out, the peer
	// stalled. Trying again later is all that helps.
	ErrUnreachable = errors.New("remote not reachable")
	// ErrNoProgram: what this machine needs for the conversation is not installed. Unlike ErrUnreachable it does not pass.
	ErrNoProgram = errors.New("a program is missing")
	// ErrRefused: the place knows this device and does not allow that, or does not know it.
	ErrRefused = errors.New("refused by the remote")
	// ErrNotFound: there is no such pack, file or log.
	ErrNotFound = errors.New("not on the remote")
	// ErrNoStore: the place holds no store of this vault.
	ErrNoStore = errors.New("the remote holds nothing of this vault")
	// ErrOtherVault: the place holds another vault.
	ErrOtherVault = errors.New("the remote holds another vault")
	// ErrConflict: another device has written to the store since its heads were read.
	ErrConflict = errors.New("another device was faster")
	// ErrMismatch: bytes that do not fit the name, log or signature under which they were sent.
	ErrMismatch = errors.New("does not fit its name")
	// ErrDamaged: what the place holds is not what its name says.
	ErrDamaged = errors.New("damaged on the remote")
	// ErrQuota: the place gives this vault no more room, or no more requests for now.
	ErrQuota = errors.New("over the quota that the remote allows")
	// ErrFull: the disk of the place is full.
	ErrFull = errors.New("no space left on the remote")
	// ErrNotEvault: something answers, and it is no evault host.
	ErrNotEvault = errors.New("the other side does not speak evault's protocol")
	// ErrVersion: it is an evault host, with another version of the protocol.
	ErrVersion = errors.New("the other side speaks another version of the protocol")
	// ErrAnswer: an answer that no honest host of this version gives: too long, out of order, malformed.
	ErrAnswer = errors.New("malformed answer")
	// ErrWrongPeer: the key of the other side is not the pinned one. See WrongPeerError.
	ErrWrongPeer = errors.New("the other side is not the device that was expected")
	// ErrURL: a text that names no remote.
	ErrURL = errors.New("not the address of a remote")
	// ErrHost: the place says that it failed, for a reason of its own.
	ErrHost = errors.New("the remote failed")
)

// WrongPeerError says whose key the other side has shown. It is ErrWrongPeer.
type WrongPeerError struct {
	Address         string
	Expected, Found keys.DeviceID
}

func (e *WrongPeerError) Error() string {
	return fmt.Sprintf("%s: %v: expected %s, found %s", e.Address, ErrWrongPeer, e.Expected, e.Found)
}

// Unwrap makes the error ErrWrongPeer.
func (e *WrongPeerError) Unwrap() error { return ErrWrongPeer }

// MissingPacksError names packs that a record adds and that the place does not hold, ascending. It is ErrNotFound.
type MissingPacksError struct{ Packs []refs.Pack }

func (e *MissingPacksError) Error() string {
	if len(e.Packs) == 0 {
		return ErrNotFound.Error()
	}
	return fmt.Sprintf("%d packs are missing on the remote, the first is %s", len(e.Packs), e.Packs[0])
}

// Unwrap makes the error ErrNotFound.
func (e *MissingPacksError) Unwrap() error { return ErrNotFound }
