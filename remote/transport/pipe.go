package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
)

// ServePipe serves HTTP/2 to the one client at the other end of rw, which begins without negotiation (RFC 9113, section
// 3.3). It returns nil when the other side closes, and when no handler runs any more.
func ServePipe(ctx context.Context, rw io.ReadWriteCloser, h http.Handler) error {
	return errors.ErrUnsupported
}
