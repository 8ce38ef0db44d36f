package api

import (
	"context"
	"errors"
	"time"

	"evault/keys"
	"evault/pack"
	"evault/remote"
)

// Peer is who is asking, as the transport has authenticated it.
type Peer struct {
	// Name is what the host's owner calls the peer, for logs.
	Name string
	// Device is the peer's device; zero over ssh, which has authenticated a user instead.
	Device keys.DeviceID
}

// Backend is what a handler serves. Its methods are called by many requests at once.
type Backend interface {
	// Vaults lists the vaults that the peer may read, ascending.
	Vaults(ctx context.Context, peer Peer) ([]keys.VaultID, error)

	// Open gives the store of a vault, whether there is one yet or not, as this peer may use it, and what the peer may do
	// with it. The handler checks the permissions; quotas and locks are the store's own affair. The handler closes the
	// store. remote.ErrRefused: this peer may do nothing with this vault.
	//
	// A store that is a [Sizer], too, answers for one pack without listing all. An error of the store that is a
	// remote.ErrQuota and has a method RetryAfter() time.Duration is answered as "too many requests".
	Open(ctx context.Context, peer Peer, vault keys.VaultID) (remote.Store, remote.Permissions, error)
}

// Sizer is what a store of a Backend should be as well: it knows the size of one pack without listing all of them.
type Sizer interface {
	// PackSize gives the size of a pack in bytes. remote.ErrNotFound.
	PackSize(ctx context.Context, name pack.Name) (int64, error)
}

// ErrBusy is what a Backend or its store returns when it cannot get to the request now and the client should ask again
// soon. Nothing was done. A client that has tried often enough makes remote.ErrUnreachable of it.
var ErrBusy = errors.New("the host is busy")

// Sizes and times for the http.Server and http.Transport that carry the protocol.
const (
	// MaxHeader is how many bytes of header either side accepts.
	MaxHeader = 16 << 10
	// HeaderTime is how long a request's header may take to arrive.
	HeaderTime = 10 * time.Second
	// IdleTime is how long a connection is kept without a request.
	IdleTime = time.Minute
)

// Limits say when one side gives up on the other. The zero value of a field means its default.
type Limits struct {
	// StallRate and StallTime: a transfer that moves less than StallRate bytes per second over StallTime is ended.
	// 1024 and 30 seconds.
	StallRate int64
	StallTime time.Duration
	// Answer is how long a client waits for an answer to begin once the host has all of the request: the host may be
	// writing to a slow disk. One minute.
	Answer time.Duration
}

// orDefault fills in what is zero.
func (l Limits) orDefault() Limits {
	if l.StallRate <= 0 {
		l.StallRate = 1024
	}
	if l.StallTime <= 0 {
		l.StallTime = 30 * time.Second
	}
	if l.Answer <= 0 {
		l.Answer = time.Minute
	}
	return l
}
