package api

import (
	"context"
	"net/http"
	"time"

	"evault/keys"
	"evault/remote"
)

// ClientOptions say where a host is and how to talk to it.
type ClientOptions struct {
	// HTTP carries the requests. Redirects, cookies and an overall timeout set on it are not used. Its transport should
	// set ExpectContinueTimeout to a few seconds, so that a pack that is not wanted is not sent.
	HTTP *http.Client
	// Base is what comes before "/v1": "http://evault".
	Base string
	// Name is what messages call the host.
	Name string
	// Upload slows down what is sent; nil does not.
	Upload  *Limiter
	Retries Retries
	Limits  Limits
	// Close, if not nil, ends what carries the requests when the site is closed.
	Close func() error
}

// Retries say how often a request is sent again after a connection broke or the host was busy. The zero value of a field
// means its default.
type Retries struct {
	// Tries is how often a request is sent at most. 3.
	Tries int
	// First is the pause before the second try; each further one is twice as long. A quarter of a second.
	First time.Duration
	// Most is the longest pause, also of those that a host asks for. 10 seconds.
	Most time.Duration
}

// NewSite gives a host as a place that holds vaults. It does not touch the network.
func NewSite(o ClientOptions) remote.Site { return &site{o: o} }

// site is a host.
type site struct{ o ClientOptions }

func (s *site) Vaults(ctx context.Context) ([]keys.VaultID, error) { return nil, remote.ErrHost }

func (s *site) Store(vault keys.VaultID) remote.Store { return nil }

func (s *site) Close() error { return nil }
