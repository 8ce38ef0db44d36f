package commands

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"evault/remote/host"
)

// serveHealth answers whoever watches over the host, on a port of its own: peers' connections need a certificate. Without
// an address it does nothing. stop ends it.
func serveHealth(address string, h *host.Host) (stop func() error, err error) {
	if address == "" {
		return func() error { return nil }, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--health: %w", err)
	}
	server := &http.Server{Handler: healthHandler(h), ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 8 << 10}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	return func() error {
		err := server.Close()
		if end := <-served; !errors.Is(end, http.ErrServerClosed) {
			err = errors.Join(err, end)
		}
		return err
	}, nil
}

func healthHandler(h *host.Host) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if err := h.Healthy(); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, "the host's folder cannot be used") // the reason is in the log, and not for everybody
			return
		}
		fmt.Fprintln(w, "ok")
	})
	return mux
}
