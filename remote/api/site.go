package api

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"evault/keys"
	"evault/remote"
)

// ClientOptions say where a host is and how to talk to it.
type ClientOptions struct {
	// HTTP carries the requests; redirects, cookies and an overall timeout set on it are not used. Its transport should
	// set ExpectContinueTimeout to a few seconds, so that a pack that is not wanted is not sent, and
	// MaxResponseHeaderBytes to MaxHeader. nil is a plain transport without a proxy.
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
	// Tries is how often a request is sent at most without anything coming of it. 3.
	Tries int
	// First is the pause before the second try; each further one is twice as long, and each is drawn from half of that up
	// to all of it. A quarter of a second.
	First time.Duration
	// Most is the longest pause, also of those that a host asks for. 10 seconds.
	Most time.Duration
}

// orDefault fills in what is zero.
func (r Retries) orDefault() Retries {
	if r.Tries <= 0 {
		r.Tries = 3
	}
	if r.First <= 0 {
		r.First = 250 * time.Millisecond
	}
	if r.Most <= 0 {
		r.Most = 10 * time.Second
	}
	return r
}

// NewSite gives a host as a place that holds vaults. It does not touch the network. Its stores are Sizers.
func NewSite(o ClientOptions) remote.Site {
	o.Limits, o.Retries = o.Limits.orDefault(), o.Retries.orDefault()
	if o.Name == "" {
		o.Name = o.Base
	}
	client := http.Client{}
	if o.HTTP != nil {
		client.Transport = o.HTTP.Transport
	} else {
		client.Transport = &http.Transport{MaxResponseHeaderBytes: MaxHeader, ExpectContinueTimeout: 5 * time.Second,
			ReadBufferSize: 64 << 10, WriteBufferSize: 64 << 10}
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s := &site{o: o, http: &client}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	return s
}

// errClosed: the caller has ended the conversation.
var errClosed = fmt.Errorf("%w: the conversation was ended", remote.ErrUnreachable)

// site is a host.
type site struct {
	o        ClientOptions
	http     *http.Client
	ctx      context.Context // ends when the site is closed
	cancel   context.CancelCauseFunc
	answered atomic.Bool // an evault host has answered before
}

// Vaults lists the vaults that the host lets this device read.
func (s *site) Vaults(ctx context.Context) ([]keys.VaultID, error) {
	return getList(ctx, s, prefix+"vaults", vaultList())
}

// Store gives the store of a vault.
func (s *site) Store(vault keys.VaultID) remote.Store { return &store{site: s, vault: vault} }

// Close ends the conversation and every request that is under way.
func (s *site) Close() error {
	s.cancel(errClosed)
	s.http.CloseIdleConnections()
	if s.o.Close != nil {
		return s.o.Close()
	}
	return nil
}

// malformed says that an answer is none that an honest host gives.
func (s *site) malformed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w: %w", s.o.Name, remote.ErrAnswer, err)
}
