package pairing

import (
	"crypto/rand"
	"sync"
	"time"

	"evault/keys"
)

const (
	// Lifetime is how long a code can be used.
	Lifetime = 5 * time.Minute
	// Tries is how many wrong codes end it.
	Tries = 3

	secretSize = 16
)

// Invitation is a code that has been shown, and what became of it. It is safe for concurrent use.
type Invitation struct {
	code   Code
	secret [secretSize]byte
	made   time.Time

	mu    sync.Mutex
	wrong int
	used  bool
}

// NewInvitation draws a code and, for the QR code, a secret of 128 bits. From now on its time runs.
func NewInvitation(f Format) (*Invitation, error) {
	code, err := newCode(f)
	if err != nil {
		return nil, err
	}
	i := &Invitation{code: code, made: time.Now()}
	rand.Read(i.secret[:]) // never fails
	return i, nil
}

// Code is what to show, and what the other side types.
func (i *Invitation) Code() Code { return i.code }

// URI is what the QR code says: where the listener can be reached, at most MaxAddresses of "host:port", whose key to expect
// there, and the secret in place of the code. The error is ErrTarget.
func (i *Invitation) URI(addresses []string, device keys.DeviceID) (string, error) {
	t := Target{addresses: addresses, device: device, kind: bySecret, proof: i.secret[:]}
	return t.uri()
}

// Expires is when the code ends.
func (i *Invitation) Expires() time.Time { return i.made.Add(Lifetime) }

// state gives nil while the code can be used, or ErrUsed, ErrTooManyTries or ErrExpired.
func (i *Invitation) state() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.stateLocked()
}

func (i *Invitation) stateLocked() error {
	now := time.Now()
	switch {
	case i.used:
		return ErrUsed
	case i.wrong >= Tries:
		return ErrTooManyTries
	// The second clock goes on while a machine sleeps, the first when somebody sets the second back.
	case now.Sub(i.made) >= Lifetime, now.Round(0).Sub(i.made.Round(0)) >= Lifetime:
		return ErrExpired
	}
	return nil
}

// try spends a guess: right is asked only if the code can still be used. It gives nil once in the life of a code, and
// otherwise ErrWrongCode or what state gives. left is how many wrong guesses remain.
func (i *Invitation) try(right func() bool) (left int, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.stateLocked(); err != nil {
		return Tries - i.wrong, err
	}
	if right() {
		i.used = true
		return Tries - i.wrong, nil
	}
	i.wrong++
	return Tries - i.wrong, ErrWrongCode
}

// proofOf gives what a joiner who uses a code of this kind has to know.
func (i *Invitation) proofOf(kind byte) ([]byte, bool) {
	switch kind {
	case byCode:
		return []byte(i.code), true
	case bySecret:
		return i.secret[:], true
	}
	return nil, false
}
