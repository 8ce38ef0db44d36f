package remote

import (
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"unicode"

	"evault/keys"
)

// DefaultPort is the TCP port of an evault:// host that names none.
const DefaultPort = 4722

// MaxURL is the greatest length in bytes of the text of a remote's address, and of what String writes.
const MaxURL = 4096

// The schemes of remotes.
const (
	SchemeFile   = "file"
	SchemeSSH    = "ssh"
	SchemeEvault = "evault"
)

// URL says where a remote is. ParseURL makes valid ones.
type URL struct {
	// Scheme is SchemeFile, SchemeSSH or SchemeEvault.
	Scheme string
	// User is the login name for ssh; empty: ssh's own choice. Host is a name, an alias of ssh's configuration, or an IP
	// address without brackets. Both are empty for a folder.
	User, Host string
	// Port is 0 where ssh decides, and for a folder.
	Port int
	// Path is, for a folder, an absolute path of this system; for ssh, an absolute path there, or "~" or "~/...", below
	// the user's home; for evault://, empty.
	Path string
	// Vault is the vault that is meant, zero if the address does not say.
	Vault keys.VaultID
	// Device is the host's device ID, zero if the address does not say. Only for evault://.
	Device keys.DeviceID
}

// ParseURL reads the address of a remote. Relative paths are below dir, an absolute path. The error is ErrURL and says what
// is wrong. The forms, tried in this order:
//
//	evault://host[:port][/vault][#device]     a host over TLS; the port is 4722 if none is named
//	ssh://[user@]host[:port]/path[#vault]     a host over ssh; /~/path is below the home there
//	file:///path[#vault]                      a folder
//	[user@]host:path                          ssh, as scp writes it: a relative path is below the home there
//	path                                      a folder; one with a colon before its first slash needs "./" in front
//
// In the first three, bytes of a path may be percent-encoded (RFC 3986); spaces need not be. In the last two every character
// stands for itself. On Windows C:\dir and C:/dir are folders.
func ParseURL(text, dir string) (URL, error) {
	u, err := parseURL(text, dir)
	if err == nil && len(u.String()) > MaxURL {
		err = fmt.Errorf("written out it is longer than %d bytes", MaxURL)
	}
	if err != nil {
		return URL{}, fmt.Errorf("%w: %.200q: %w", ErrURL, withoutPassword(text), err)
	}
	return u, nil
}

func parseURL(text, dir string) (URL, error) {
	switch {
	case text == "":
		return URL{}, fmt.Errorf("it is empty")
	case len(text) > MaxURL:
		return URL{}, fmt.Errorf("it is longer than %d bytes", MaxURL)
	case text[0] == '-':
		return URL{}, fmt.Errorf(`it begins with "-"; for a folder of that name write "./" in front`)
	}
	if err := checkControls(text); err != nil {
		return URL{}, err
	}
	if scheme, rest, ok := strings.Cut(text, "://"); ok && isScheme(scheme) {
		return parseSchemed(strings.ToLower(scheme), rest)
	}
	if filepath.VolumeName(text) != "" {
		return folderURL(text, dir)
	}
	if host, path, ok := cutSCP(text); ok {
		return parseSCP(host, path)
	}
	return folderURL(text, dir)
}

// parseSchemed reads what follows scheme and "://".
func parseSchemed(scheme, rest string) (URL, error) {
	if scheme != SchemeFile && scheme != SchemeSSH && scheme != SchemeEvault {
		return URL{}, fmt.Errorf("%s:// is not supported; there are file://, ssh:// and evault://", scheme)
	}
	rest, fragment, hasFragment := strings.Cut(rest, "#")
	if hasFragment && fragment == "" {
		return URL{}, fmt.Errorf(`nothing follows the "#"`)
	}
	if strings.Contains(rest, "?") {
		return URL{}, fmt.Errorf(`there is no use for a "?"; in a path write %%3F`)
	}
	authority, path := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	path, err := url.PathUnescape(path)
	if err != nil {
		return URL{}, err
	}
	if err := checkControls(path); err != nil {
		return URL{}, err
	}
	switch scheme {
	case SchemeFile:
		return parseFile(authority, path, fragment)
	case SchemeSSH:
		return parseSSH(authority, path, fragment)
	}
	return parseEvault(authority, path, fragment)
}

func parseFile(authority, path, fragment string) (u URL, err error) {
	if authority != "" && !strings.EqualFold(authority, "localhost") {
		return URL{}, fmt.Errorf("a folder needs three slashes, file:///path; %.100q would be a machine", authority)
	}
	if path == "" {
		return URL{}, fmt.Errorf("it names no folder")
	}
	if runtime.GOOS == "windows" && len(path) > 2 && path[2] == ':' { // file:///C:/dir
		path = path[1:]
	}
	if !filepath.IsAbs(path) {
		return URL{}, fmt.Errorf("%.200q is not the path of a folder", path)
	}
	u = URL{Scheme: SchemeFile, Path: filepath.Clean(path)}
	u.Vault, err = parseVault(fragment)
	return u, err
}

func parseSSH(authority, path, fragment string) (u URL, err error) {
	u = URL{Scheme: SchemeSSH}
	if u.User, u.Host, u.Port, err = parseAuthority(authority); err != nil {
		return URL{}, err
	}
	if path == "" {
		return URL{}, fmt.Errorf("it names no folder on %s", u.Host)
	}
	if strings.HasPrefix(path, "/~") {
		path = path[1:]
	}
	if u.Path, err = cleanRemotePath(path); err != nil {
		return URL{}, err
	}
	u.Vault, err = parseVault(fragment)
	return u, err
}

func parseEvault(authority, path, fragment string) (u URL, err error) {
	u = URL{Scheme: SchemeEvault}
	if u.User, u.Host, u.Port, err = parseAuthority(authority); err != nil {
		return URL{}, err
	}
	if u.User != "" {
		return URL{}, fmt.Errorf("an evault:// host knows devices, not users: leave out %q", u.User+"@")
	}
	if u.Port == 0 {
		u.Port = DefaultPort
	}
	if u.Vault, err = parseVault(strings.TrimPrefix(path, "/")); err != nil {
		return URL{}, err
	}
	if fragment == "" {
		return u, nil
	}
	if u.Device, err = keys.ParseDeviceID(fragment); err != nil {
		return URL{}, fmt.Errorf(`after the "#": %w`, err)
	}
	if u.Device == (keys.DeviceID{}) {
		return URL{}, fmt.Errorf(`after the "#": %w`, keys.ErrDeviceID)
	}
	return u, nil
}

// parseSCP reads "user@host" and "path".
func parseSCP(authority, path string) (u URL, err error) {
	switch strings.ToLower(authority) {
	case SchemeFile, SchemeSSH, SchemeEvault:
		return URL{}, fmt.Errorf(`write "//" behind %q`, authority+":")
	}
	u = URL{Scheme: SchemeSSH}
	if u.User, u.Host, _, err = parseAuthority(authority); err != nil {
		return URL{}, err
	}
	switch {
	case path == "":
		return URL{}, fmt.Errorf("it names no folder on %s", u.Host)
	case path[0] == '-':
		return URL{}, fmt.Errorf(`the path begins with "-"; write "./" in front`)
	case path[0] != '/' && path[0] != '~':
		path = "~/" + path
	}
	u.Path, err = cleanRemotePath(path)
	return u, err
}

// cutSCP cuts at the colon of "host:path" and "[::1]:path". There is none if a slash comes first.
func cutSCP(text string) (host, path string, ok bool) {
	from := 0
	if i := strings.IndexByte(text, '['); i == 0 || i > 0 && text[i-1] == '@' {
		if end := strings.Index(text, "]:"); end > i && !strings.Contains(text[:i], "/") {
			from = end
		}
	}
	i := strings.IndexByte(text[from:], ':')
	if i < 0 || strings.Contains(text[:from+i], "/") {
		return "", "", false
	}
	return text[:from+i], text[from+i+1:], true
}

func folderURL(path, dir string) (URL, error) {
	if !filepath.IsAbs(path) {
		if !filepath.IsAbs(dir) {
			return URL{}, fmt.Errorf("a relative path, and %.200q to begin at is relative, too", dir)
		}
		path = filepath.Join(dir, path)
	}
	return URL{Scheme: SchemeFile, Path: filepath.Clean(path)}, nil
}

// cleanRemotePath checks an absolute path, or one that begins with ~, on another machine. It is otherwise left as it is:
// what ".." means there is known only there.
func cleanRemotePath(path string) (string, error) {
	if path == "~/" {
		return "~", nil
	}
	if path != "~" && !strings.HasPrefix(path, "~/") && (path[0] != '/' || strings.HasPrefix(path, "/~")) {
		return "", fmt.Errorf(`of paths that begin with "~" only "~/..." is understood`)
	}
	return path, nil
}

func parseVault(text string) (keys.VaultID, error) {
	if text == "" {
		return keys.VaultID{}, nil
	}
	id, err := keys.ParseVaultID(text)
	if err != nil || id.IsZero() {
		return keys.VaultID{}, fmt.Errorf("%.100q is no vault ID, which has 64 digits of 0-9 and a-f", text)
	}
	return id, nil
}

// isScheme follows RFC 3986, section 3.1.
func isScheme(text string) bool {
	return text != "" && unicode.IsLetter(rune(text[0])) && isPlain(text, "+-.")
}

func checkControls(text string) error {
	for _, r := range text {
		if unicode.IsControl(r) {
			return fmt.Errorf("it holds the control character %U", r)
		}
	}
	return nil
}
