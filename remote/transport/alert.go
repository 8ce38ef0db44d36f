package transport

import (
	"crypto/tls"
	"errors"
	"net"
)

// alertOf gives the alert by which the other side has ended a connection. Package tls has no exported type for one that was
// received, but writes it as it writes a tls.AlertError.
func alertOf(err error) (tls.AlertError, bool) {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return 0, false
	}
	for code := 1; code < 256; code++ {
		if alert := tls.AlertError(code); alert.Error() == op.Err.Error() {
			return alert, true
		}
	}
	return 0, false
}

// isRefusal knows the alerts of RFC 8446, section 6.2, that are about the client's certificate: bad_certificate,
// unsupported_certificate, certificate_revoked, certificate_expired, certificate_unknown, unknown_ca, access_denied and
// certificate_required.
func isRefusal(alert tls.AlertError) bool {
	return alert >= 42 && alert <= 46 || alert == 48 || alert == 49 || alert == 116
}

// isMismatch knows those by which a server says that it speaks TLS otherwise: handshake_failure, protocol_version,
// insufficient_security, missing_extension, unsupported_extension, unrecognized_name and no_application_protocol.
func isMismatch(alert tls.AlertError) bool {
	return alert == 40 || alert == 70 || alert == 71 || alert == 109 || alert == 110 || alert == 112 || alert == 120
}
