package remote

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"evault/keys"
)

// String writes the address so that ParseURL reads the same from it. A folder is its path where nothing else has to be
// said.
func (u URL) String() string {
	switch u.Scheme {
	case SchemeFile:
		if u.Vault.IsZero() && utf8.ValidString(u.Path) {
			return u.Path
		}
		path := filepath.ToSlash(u.Path)
		if !strings.HasPrefix(path, "/") {
			path = "/" + path
		}
		return "file://" + escapePath(path) + u.vaultFragment()
	case SchemeSSH:
		path := u.Path
		if strings.HasPrefix(path, "~") {
			path = "/" + path
		}
		return "ssh://" + u.authority() + escapePath(path) + u.vaultFragment()
	}
	text := "evault://" + u.authority()
	if !u.Vault.IsZero() {
		text += "/" + u.Vault.String()
	}
	if u.Device != (keys.DeviceID{}) {
		text += "#" + u.Device.String()
	}
	return text
}

func (u URL) vaultFragment() string {
	if u.Vault.IsZero() {
		return ""
	}
	return "#" + u.Vault.String()
}

// authority is user@host:port, each where there is one.
func (u URL) authority() string {
	text := u.Host
	if strings.Contains(text, ":") {
		text = "[" + strings.Replace(text, "%", "%25", 1) + "]"
	}
	if u.User != "" {
		text = u.User + "@" + text
	}
	if u.Port != 0 {
		text += ":" + strconv.Itoa(u.Port)
	}
	return text
}

// Address is host:port for dialing, with brackets around IPv6.
func (u URL) Address() string { return net.JoinHostPort(u.Host, strconv.Itoa(u.Port)) }

// escapePath percent-encodes what may not stand in the path of a URL, byte by byte.
func escapePath(path string) string {
	var b strings.Builder
	for _, c := range []byte(path) {
		if c < utf8.RuneSelf && isPlain(string(rune(c)), "/-._~:@!$&'()*+,;=") {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}
