package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"evault/remote"
)

// The protocol's version, as it stands in the header of every request and answer.
const (
	versionHeader = "Evault-Protocol"
	version       = "1"
)

// pieceSize is how many bytes of a pack are read from the disk at a time. Every pack on its way out holds as many: with four of
// each peer under way, more would make the memory of a host, and 256 KiB are not measurably faster.
const pieceSize = 64 << 10

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
	o.Limits = o.Limits.orDefault()
	h := &handler{o: o}
	h.pieces.New = func() any { return new([pieceSize]byte) }
	return h
}

type handler struct {
	o      HandlerOptions
	pieces sync.Pool // of *[pieceSize]byte
}

// exchange is one request and its answer.
type exchange struct {
	h     *handler
	r     *http.Request
	w     *answer
	body  *body
	peer  Peer
	route route
	target
	store remote.Store
	perms remote.Permissions
}

// ServeHTTP answers one request.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(versionHeader, version)
	if r.URL.Path == "/healthz" {
		health(w, r)
		return
	}
	started := time.Now()
	e := &exchange{h: h, r: r, w: newAnswer(w, h.o.Limits), body: newBody(w, r, h.o.Limits)}
	err := e.run(r.Context())
	whole := e.finish(err)
	e.log(started, err)
	if !whole {
		panic(http.ErrAbortHandler) // so that what was cut off does not look like an end
	}
}

// health answers whoever watches over the host.
func health(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, "ok\n") // whoever asked may be gone, which is no affair of the host's
}

// run finds out who asks for what, and serves it if that peer may have it.
func (e *exchange) run(ctx context.Context) (err error) {
	known := false
	if e.peer, known = e.h.o.PeerOf(e.r); !known {
		return fmt.Errorf("%w: this host does not know the device or user that asks", remote.ErrRefused)
	}
	if err := checkVersion(e.r.Header); err != nil {
		return err
	}
	if e.route, e.target, err = find(e.r.Method, e.r.URL.EscapedPath()); err != nil {
		return err
	}
	if e.r.URL.RawQuery != "" && e.route.name != "records" {
		return &statusError{http.StatusBadRequest, "this request takes no query"}
	}
	if e.vault.IsZero() {
		return e.route.serve(e)
	}
	if e.store, e.perms, err = e.h.o.Backend.Open(ctx, e.peer, e.vault); err != nil {
		return err
	}
	err = e.permitted()
	if err == nil {
		err = e.route.serve(e)
	}
	if closing := e.store.Close(); err == nil && closing != nil {
		return closing
	}
	return err
}

// permitted checks that the peer may do what it asks.
func (e *exchange) permitted() error {
	if e.perms == 0 || !e.perms.Has(e.route.need) {
		return fmt.Errorf("%w: this needs the permission %v, and %q has %v", remote.ErrRefused, max(e.route.need, remote.Read),
			e.peer.Name, e.perms)
	}
	return nil
}

// checkVersion refuses requests of other versions, and those that are none of evault's.
func checkVersion(header http.Header) error {
	switch got := header.Values(versionHeader); {
	case len(got) == 0:
		return fmt.Errorf("%w: the header %s is missing", remote.ErrVersion, versionHeader)
	case len(got) > 1 || got[0] != version:
		return fmt.Errorf("%w: this host speaks %s", remote.ErrVersion, version)
	}
	return nil
}

// finish tells an error, and says whether the answer is whole. It is not if an error came when part of it had been sent.
func (e *exchange) finish(err error) bool {
	e.body.finish()
	if err == nil {
		return e.w.begun() || e.w.none(http.StatusNoContent) == nil
	}
	if e.w.begun() {
		return false
	}
	status, p, again := problemOf(err)
	if again > 0 {
		e.w.Header().Set("Retry-After", strconv.Itoa(int((again+time.Second-1)/time.Second)))
	}
	if method := (*methodError)(nil); errors.As(err, &method) {
		e.w.Header().Set("Allow", strings.Join(method.allow, ", "))
	}
	return e.w.json(status, p) == nil
}

// log tells of the exchange.
func (e *exchange) log(started time.Time, err error) {
	level := slog.LevelInfo
	attrs := []slog.Attr{slog.String("peer", e.peer.Name), slog.String("method", e.r.Method),
		slog.String("route", e.route.name), slog.Int("status", e.w.status), slog.Int64("received", e.body.total),
		slog.Int64("sent", e.w.total), slog.Duration("duration", time.Since(started))}
	if !e.vault.IsZero() {
		attrs = append(attrs, slog.String("vault", e.vault.String()))
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", clean(err.Error(), maxText)))
		if e.w.status >= http.StatusInternalServerError {
			level = slog.LevelWarn
		}
	}
	e.h.o.Log.LogAttrs(e.r.Context(), level, "request", attrs...)
}

// json answers with a document.
func (w *answer) json(status int, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.whole(status, "application/json", append(data, '\n'))
}

// whole answers with bytes that are all there.
func (w *answer) whole(status int, kind string, data []byte) error {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	_, err := w.Write(data)
	return err
}

// none answers with a status alone.
func (w *answer) none(status int) error {
	if status != http.StatusNoContent {
		w.Header().Set("Content-Length", "0")
	}
	w.WriteHeader(status)
	return nil
}
