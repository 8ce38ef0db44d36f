package remote

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// parseAuthority takes "user@host:port" apart. The user may hold an "@".
func parseAuthority(text string) (user, host string, port int, err error) {
	hasUser := false
	if i := strings.LastIndexByte(text, '@'); i >= 0 {
		user, text, hasUser = text[:i], text[i+1:], true
	}
	if strings.Contains(user, ":") {
		return "", "", 0, fmt.Errorf("a password has no place in an address")
	}
	if user, err = url.PathUnescape(user); err != nil {
		return "", "", 0, err
	}
	if err := checkUser(user, hasUser); err != nil {
		return "", "", 0, err
	}
	host, digits, hasPort, err := cutPort(text)
	if err != nil {
		return "", "", 0, err
	}
	if hasPort {
		port, err = strconv.Atoi(digits)
		if err != nil || port < 1 || port > 65535 || strconv.Itoa(port) != digits {
			return "", "", 0, fmt.Errorf("behind the host no port follows, which is a number from 1 to 65535")
		}
	}
	return user, host, port, nil
}

// cutPort gives the host without brackets, and what follows the colon behind it.
func cutPort(text string) (host, digits string, hasPort bool, err error) {
	if !strings.HasPrefix(text, "[") {
		host, digits, hasPort = strings.Cut(text, ":")
		if strings.Contains(digits, ":") {
			return "", "", false, fmt.Errorf("an IPv6 address needs brackets, as in [::1]")
		}
		return host, digits, hasPort, checkHost(host)
	}
	host, rest, ok := strings.Cut(text[1:], "]")
	if !ok {
		return "", "", false, fmt.Errorf(`there is a "[" without a "]"`)
	}
	if rest != "" {
		if digits, hasPort = strings.CutPrefix(rest, ":"); !hasPort {
			return "", "", false, fmt.Errorf(`%.20q follows the "]"`, rest)
		}
	}
	if before, zone, ok := strings.Cut(host, "%25"); ok { // RFC 6874
		host = before + "%" + zone
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || !ip.Is6() || !isPlain(ip.Zone(), "._-") || strings.HasPrefix(ip.Zone(), "-") {
		return "", "", false, fmt.Errorf("%.60q is no IPv6 address", host)
	}
	return ip.String(), digits, hasPort, nil
}

func checkHost(host string) error {
	switch {
	case host == "":
		return fmt.Errorf("it names no host")
	case host[0] == '-':
		return fmt.Errorf(`the host begins with "-"`)
	case len(host) > 255 || !isPlain(host, "._-"):
		return fmt.Errorf("%.60q is no name of a host", host)
	}
	return nil
}

func checkUser(user string, said bool) error {
	switch {
	case user == "" && said:
		return fmt.Errorf(`no user stands before the "@"`)
	case strings.HasPrefix(user, "-"):
		return fmt.Errorf(`the user begins with "-"`)
	case len(user) > 255 || !isPlain(user, "._-+@"):
		return fmt.Errorf("%.60q is no name of a user", user)
	}
	return nil
}

// isPlain says whether text holds ASCII letters, digits and the bytes of also only.
func isPlain(text, also string) bool {
	for _, c := range []byte(text) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && strings.IndexByte(also, c) < 0 {
			return false
		}
	}
	return true
}

// withoutPassword hides what may be a password in the text of a URL, for error messages: all between the first colon and
// the last "@" behind the scheme.
func withoutPassword(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	colon, at := strings.IndexByte(rest, ':'), strings.LastIndexByte(rest, '@')
	if !ok || colon < 0 || colon > at {
		return text
	}
	return scheme + "://" + rest[:colon+1] + "..." + rest[at:]
}
