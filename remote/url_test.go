package remote

import (
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"evault/keys"
)

const vaultText = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

func someVault(t testing.TB) keys.VaultID {
	t.Helper()
	id, err := keys.ParseVaultID(vaultText)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func onlyPOSIX(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the paths of this test are not those of Windows")
	}
}

func TestParseURL(t *testing.T) {
	onlyPOSIX(t)
	v, d := someVault(t), keys.DeviceID{1, 2, 3}
	for _, c := range []struct {
		text, written string // written: what String gives, if it is not text
		want          URL
	}{
		{"/mnt/usb", "", URL{Scheme: "file", Path: "/mnt/usb"}},
		{"/mnt/usb/", "/mnt/usb", URL{Scheme: "file", Path: "/mnt/usb"}},
		{"/mnt/my disk #1/%41", "", URL{Scheme: "file", Path: "/mnt/my disk #1/%41"}},
		{"./rel", "/home/me/rel", URL{Scheme: "file", Path: "/home/me/rel"}},
		{"rel/dir", "/home/me/rel/dir", URL{Scheme: "file", Path: "/home/me/rel/dir"}},
		{"../other", "/home/other", URL{Scheme: "file", Path: "/home/other"}},
		{".", "/home/me", URL{Scheme: "file", Path: "/home/me"}},
		{"./a:b", "/home/me/a:b", URL{Scheme: "file", Path: "/home/me/a:b"}},
		{"dir/a:b", "/home/me/dir/a:b", URL{Scheme: "file", Path: "/home/me/dir/a:b"}},
		{"/a://b", "/a:/b", URL{Scheme: "file", Path: "/a:/b"}},
		{"/Grüße", "", URL{Scheme: "file", Path: "/Grüße"}},
		{"/mnt/\xff", "file:///mnt/%FF", URL{Scheme: "file", Path: "/mnt/\xff"}},
		{"file:///mnt/usb", "/mnt/usb", URL{Scheme: "file", Path: "/mnt/usb"}},
		{"FILE://localhost/mnt/usb", "/mnt/usb", URL{Scheme: "file", Path: "/mnt/usb"}},
		{"file:///my%20disk%23#" + vaultText, "", URL{Scheme: "file", Path: "/my disk#", Vault: v}},
		{"file:///my disk#" + vaultText, "file:///my%20disk#" + vaultText, URL{Scheme: "file", Path: "/my disk", Vault: v}},
		{"ssh://nas/srv/evault", "", URL{Scheme: "ssh", Host: "nas", Path: "/srv/evault"}},
		{"ssh://me@nas.local:2222/srv/my%20vaults#" + vaultText, "",
			URL{Scheme: "ssh", User: "me", Host: "nas.local", Port: 2222, Path: "/srv/my vaults", Vault: v}},
		{"ssh://nas/~/backups", "", URL{Scheme: "ssh", Host: "nas", Path: "~/backups"}},
		{"ssh://nas/~/", "ssh://nas/~", URL{Scheme: "ssh", Host: "nas", Path: "~"}},
		{"ssh://nas/", "", URL{Scheme: "ssh", Host: "nas", Path: "/"}},
		{"ssh://me@[::1]:22/a", "", URL{Scheme: "ssh", User: "me", Host: "::1", Port: 22, Path: "/a"}},
		{"ssh://me@corp@nas/a", "", URL{Scheme: "ssh", User: "me@corp", Host: "nas", Path: "/a"}},
		{"me@nas:backups/it's", "ssh://me@nas/~/backups/it's", URL{Scheme: "ssh", User: "me", Host: "nas", Path: "~/backups/it's"}},
		{"nas:/srv/a#b c", "ssh://nas/srv/a%23b%20c", URL{Scheme: "ssh", Host: "nas", Path: "/srv/a#b c"}},
		{"nas:~/a", "ssh://nas/~/a", URL{Scheme: "ssh", Host: "nas", Path: "~/a"}},
		{"nas:a:b", "ssh://nas/~/a:b", URL{Scheme: "ssh", Host: "nas", Path: "~/a:b"}},
		{"[fe80::1%eth0]:/a", "ssh://[fe80::1%25eth0]/a", URL{Scheme: "ssh", Host: "fe80::1%eth0", Path: "/a"}},
		{"me@[::1]:a", "ssh://me@[::1]/~/a", URL{Scheme: "ssh", User: "me", Host: "::1", Path: "~/a"}},
		{"evault://friend", "evault://friend:4722", URL{Scheme: "evault", Host: "friend", Port: 4722}},
		{"evault://friend/", "evault://friend:4722", URL{Scheme: "evault", Host: "friend", Port: 4722}},
		{"evault://10.0.0.1:99/" + vaultText + "#" + d.String(), "",
			URL{Scheme: "evault", Host: "10.0.0.1", Port: 99, Vault: v, Device: d}},
		{"evault://[2001:DB8::0]:99#" + strings.ToLower(strings.ReplaceAll(d.String(), "-", "")), "evault://[2001:db8::]:99#" + d.String(),
			URL{Scheme: "evault", Host: "2001:db8::", Port: 99, Device: d}},
	} {
		got, err := ParseURL(c.text, "/home/me")
		if err != nil {
			t.Error(err)
			continue
		}
		if got != c.want {
			t.Errorf("%q gives %+v", c.text, got)
		}
		if c.written == "" {
			c.written = c.text
		}
		if got.String() != c.written {
			t.Errorf("%q is written %q", c.text, got)
		}
		if again, err := ParseURL(got.String(), "/elsewhere"); err != nil || again != got {
			t.Errorf("%q is read again as %+v, %v", got, again, err)
		}
	}
}

func TestParseURLRefuses(t *testing.T) {
	onlyPOSIX(t)
	for _, c := range []struct{ text, says string }{
		{"", "empty"},
		{"-oProxyCommand=evil", `begins with "-"`},
		{"-x:path", `begins with "-"`},
		{"ssh://-oProxyCommand=evil/path", `host begins with "-"`},
		{"ssh://me@-host/path", `host begins with "-"`},
		{"ssh://-me@host/path", `user begins with "-"`},
		{"ssh://%2dme@host/path", `user begins with "-"`},
		{"me@-host:path", `host begins with "-"`},
		{"host:-path", `path begins with "-"`},
		{"evault://-host", `host begins with "-"`},
		{"ssh:///path", "no host"},
		{"ssh://me@/path", "no host"},
		{"ssh://@host/path", "no user"},
		{":path", "no host"},
		{"@host:path", "no user"},
		{"evault://", "no host"},
		{"evault://:99", "no host"},
		{"ssh://host", "no folder"},
		{"host:", "no folder"},
		{"file://", "no folder"},
		{"file://server/share", "three slashes"},
		{"file:/mnt", `write "//"`},
		{"ssh:host", `write "//"`},
		{"ssh://me:secret@host/path", "password"},
		{"ssh://me:secret@host:22/p@th", "password"},
		{"ssh://me:se/cret@host:22/path", "port"},
		{"evault://me:secret@host", "password"},
		{"evault://me@host", "devices, not users"},
		{"https://host/path", "https:// is not supported"},
		{"git+ssh://host/path", "git+ssh:// is not supported"},
		{"ssh://host:0/path", "port"},
		{"ssh://host:65536/path", "port"},
		{"ssh://host:022/path", "port"},
		{"ssh://host:/path", "port"},
		{"ssh://host:+22/path", "port"},
		{"ssh://::1/path", "brackets"},
		{"ssh://[::1/path", `without a "]"`},
		{"ssh://[::1]x/path", `follows the "]"`},
		{"ssh://[nas]/path", "no IPv6 address"},
		{"ssh://[::1%25a b]/path", "no IPv6 address"},
		{"ssh://ho st/path", "no name of a host"},
		{"ssh://ho%73t/path", "no name of a host"},
		{"ssh://hóst/path", "no name of a host"},
		{"ssh://h;ost/path", "no name of a host"},
		{"$(reboot):path", "no name of a host"},
		{"me;x@host:path", "no name of a user"},
		{"ssh://me%20x@host/path", "no name of a user"},
		{"ssh://host/~bob/x", "only"},
		{"host:~bob/x", "only"},
		{"host:/~bob/x", "only"},
		{"ssh://host/path?x=1", `"?"`},
		{"ssh://host/path#", `"#"`},
		{"ssh://host/path#abc", "no vault ID"},
		{"ssh://host/path#" + strings.Repeat("0", 64), "no vault ID"},
		{"file:///path#" + vaultText + "0", "no vault ID"},
		{"evault://host/path", "no vault ID"},
		{"evault://host/" + vaultText + "/", "no vault ID"},
		{"evault://host#" + vaultText, "not a device ID"},
		{"evault://host#" + keys.DeviceID{}.String(), "not a device ID"},
		{"ssh://host/a%0ab", "control character U+000A"},
		{"ssh://host/a%00b", "control character U+0000"},
		{"ssh://host/a%zz", "escape"},
		{"/a\nb", "control character U+000A"},
		{"/a\x1b[2Jb", "control character U+001B"},
		{"/a\u0085b", "control character U+0085"},
		{"host:a\tb", "control character U+0009"},
		{"/" + strings.Repeat("a", MaxURL), "longer than"},
		{"host:" + strings.Repeat(" ", MaxURL/2), "longer than"},
	} {
		u, err := ParseURL(c.text, "/home/me")
		if !errors.Is(err, ErrURL) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.80q gives %+v, %v", c.text, u, err)
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "cret@")) {
			t.Errorf("the password is repeated in %v", err)
		}
		if u != (URL{}) {
			t.Errorf("%.80q gives %+v beside the error", c.text, u)
		}
	}
	if _, err := ParseURL("rel", "also/rel"); !errors.Is(err, ErrURL) {
		t.Errorf("a relative folder to begin at gives %v", err)
	}
}

// TestURLOnWindows runs there only: what is a path differs.
func TestURLOnWindows(t *testing.T) {
	if runtime.GOOS != "windows" {
		t.Skip("drive letters exist on Windows only")
	}
	v := someVault(t)
	for text, want := range map[string]URL{
		`C:\dir`:                     {Scheme: "file", Path: `C:\dir`},
		`C:/dir`:                     {Scheme: "file", Path: `C:\dir`},
		`rel`:                        {Scheme: "file", Path: `D:\me\rel`},
		`\\server\share\x`:           {Scheme: "file", Path: `\\server\share\x`},
		`file:///C:/a%20b`:           {Scheme: "file", Path: `C:\a b`},
		`file:///C:/a#` + vaultText:  {Scheme: "file", Path: `C:\a`, Vault: v},
		`nas:dir`:                    {Scheme: "ssh", Host: "nas", Path: "~/dir"},
		`ssh://nas/dir#` + vaultText: {Scheme: "ssh", Host: "nas", Path: "/dir", Vault: v},
	} {
		got, err := ParseURL(text, `D:\me`)
		if err != nil || got != want {
			t.Errorf("%q gives %+v, %v", text, got, err)
		}
		if again, err := ParseURL(got.String(), `D:\me`); err != nil || again != got {
			t.Errorf("%q is read again as %+v, %v", got, again, err)
		}
	}
}

// drawURL makes any valid URL.
func drawURL(t *rapid.T) URL {
	id := rapid.SliceOfN(rapid.Byte(), 32, 32)
	u := URL{Scheme: rapid.SampledFrom([]string{SchemeFile, SchemeSSH, SchemeEvault}).Draw(t, "scheme")}
	if rapid.Bool().Draw(t, "with vault") {
		u.Vault = keys.VaultID(id.Draw(t, "vault"))
	}
	path := rapid.StringMatching(`(/[^/~\x00-\x1f\x7f-\x{9f}][^\x00-\x1f\x7f-\x{9f}]{0,20}){1,3}`)
	if u.Scheme == SchemeFile {
		u.Path = filepath.Clean(path.Draw(t, "path"))
		return u
	}
	u.Host = rapid.OneOf(rapid.StringMatching(`[A-Za-z0-9._][A-Za-z0-9._-]{0,20}`),
		rapid.SampledFrom([]string{"::1", "fe80::1%eth0", "fe80::1%25", "2001:db8::7", "::ffff:1.2.3.4"})).Draw(t, "host")
	u.Port = rapid.IntRange(0, 65535).Draw(t, "port")
	if u.Scheme == SchemeSSH {
		u.User = rapid.StringMatching(`([A-Za-z0-9._+@][A-Za-z0-9._+@-]{0,9})?`).Draw(t, "user")
		u.Path = rapid.SampledFrom([]string{"", "~"}).Draw(t, "home") + path.Draw(t, "path")
		return u
	}
	u.Port = max(u.Port, 1)
	if rapid.Bool().Draw(t, "with device") {
		u.Device = keys.DeviceID(id.Draw(t, "device"))
	}
	return u
}

func TestURLRoundTrip(t *testing.T) {
	onlyPOSIX(t)
	rapid.Check(t, func(t *rapid.T) {
		u := drawURL(t)
		text := u.String()
		again, err := ParseURL(text, "/elsewhere")
		if err != nil || again != u {
			t.Fatalf("%+v is written %q and read as %+v, %v", u, text, again, err)
		}
	})
}

// FuzzParseURL: whatever is accepted is written so that it is read again, and holds nothing that ssh takes for an option.
func FuzzParseURL(f *testing.F) {
	for _, text := range []string{"/a", "nas:a", "ssh://me@nas:1/~/a#" + vaultText, "evault://[::1]:5/" + vaultText, "file:///%20", "a@[::1]:b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := ParseURL(text, "/home/me")
		if err != nil {
			if !errors.Is(err, ErrURL) {
				t.Fatal(err)
			}
			return
		}
		for _, part := range []string{u.User, u.Host, u.Path} {
			if strings.HasPrefix(part, "-") || strings.ContainsAny(part, "\x00\n\r\x1b") {
				t.Fatalf("%q gives %+v", text, u)
			}
		}
		if again, err := ParseURL(u.String(), "/elsewhere"); err != nil || again != u {
			t.Fatalf("%q: %+v is written %q and read as %+v, %v", text, u, u, again, err)
		}
	})
}
