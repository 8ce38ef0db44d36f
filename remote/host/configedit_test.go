package host

import (
	"strings"
	"testing"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/keys"
	"evault/remote"
)

var commented = `# my host
[serve]
listen = "127.0.0.1:4722" # only here

# friends
[[peers]] # the first
name = "ada"
device = "` + adaID + `"
allow = ["read", "append"]
# she has a lot of photographs
quota = "50GiB"

  [[peers.override]]
  vault = "0101010101010101010101010101010101010101010101010101010101010101"
  quota = "1GiB"

# family
[[peers]]
name = "bob"
packs = 10
`

var adaID = keys.DeviceID{1}.String()

func configFS(t *testing.T, text string) vfs.FS {
	t.Helper()
	fsys := memfs.New(memfs.Options{})
	if text != "" {
		if err := vfs.Publish(fsys, ConfigName, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return fsys
}

func edit(t *testing.T, fsys vfs.FS, change func(*Config) error) string {
	t.Helper()
	if err := UpdateConfig(fsys, ConfigName, change); err != nil {
		t.Fatal(err)
	}
	data, err := readConfigFile(fsys, ConfigName)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestEditsKeepWhatTheUserWrote(t *testing.T) {
	for name, c := range map[string]struct {
		edit     func(*Config) error
		from, to string // what alone differs
	}{
		"quota":  {func(c *Config) error { c.Peer("ada").Quota = 1 << 40; return nil }, `"50GiB"`, `"1TiB"`},
		"rename": {func(c *Config) error { return c.Rename("bob", "robert") }, `"bob"`, `"robert"`},
		"revoke": {func(c *Config) error { c.Peer("bob").Revoked = true; return nil }, "packs = 10\n", "packs = 10\nrevoked = true\n"},
		"no quota": {func(c *Config) error { c.Peer("ada").Quota = 0; return nil },
			"quota = \"50GiB\"\n", ""},
		"allow":            {func(c *Config) error { c.Peer("ada").Allow = remote.Read; return nil }, `["read", "append"]`, `["read"]`},
		"allow by default": {func(c *Config) error { c.Peer("bob").Allow = 0; return nil }, "packs = 10\n", "packs = 10\nallow = []\n"},
		"add": {func(c *Config) error { return c.Add(Peer{Name: "eve", Limits: Limits{Allow: remote.Read}}) },
			"packs = 10\n", "packs = 10\n\n[[peers]]\nname = \"eve\"\nallow = [\"read\"]\n"},
		"nothing": {func(c *Config) error { return nil }, "", ""},
		"override": {func(c *Config) error { c.Peer("ada").Overrides = nil; return nil },
			commented[strings.Index(commented, "[[peers]] #"):strings.Index(commented, "\n# family")],
			"[[peers]]\nname = \"ada\"\ndevice = \"" + adaID + "\"\nallow = [\"read\", \"append\"]\nquota = \"50GiB\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got := edit(t, configFS(t, commented), c.edit)
			if want := strings.Replace(commented, c.from, c.to, 1); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestEditsOfOddFiles: what the editor of lines does not understand is written anew, and never wrongly.
func TestEditsOfOddFiles(t *testing.T) {
	for name, text := range map[string]string{
		"list over lines": "[[peers]]\nname = \"ada\"\nallow = [\n  \"read\",\n  \"append\",\n]\n",
		"inline":          "peers = [{name = \"ada\"}]\n",
		"quoted key":      "[[peers]]\n\"name\" = \"ada\"\n\"allow\" = [\"read\"]\n",
		"header in text":  "[serve]\nroot = '''\n[[peers]]\n'''\n[[peers]]\nname = \"ada\"\n",
		"CRLF":            "[[peers]]\r\nname = \"ada\"\r\nallow = [\"read\"]\r\n",
		"no newline":      "[[peers]]\nname = \"ada\"",
	} {
		t.Run(name, func(t *testing.T) {
			fsys := configFS(t, text)
			edit(t, fsys, func(c *Config) error {
				c.Peer("ada").Allow = remote.Delete
				c.Peer("ada").Revoked = true
				return c.Add(Peer{Name: "bob"})
			})
			c, err := ReadConfig(fsys, ConfigName)
			if err != nil {
				t.Fatal(err)
			}
			if a := c.Peer("ada"); a == nil || a.Allow != remote.Delete || !a.Revoked || c.Peer("bob") == nil || len(c.Peers) != 2 {
				t.Errorf("%+v", c.Peers)
			}
		})
	}
}

func TestARevokedPeerIsReplaced(t *testing.T) {
	fsys := configFS(t, commented)
	text := edit(t, fsys, func(c *Config) error { c.Peer("ada").Revoked = true; return nil })
	if !strings.Contains(text, "revoked = true") {
		t.Fatal(text)
	}
	text = edit(t, fsys, func(c *Config) error { return c.Add(Peer{Name: "ada2", Device: keys.DeviceID{1}}) })
	if strings.Contains(text, "revoked") || strings.Contains(text, `"ada"`) || strings.Count(text, adaID) != 1 || !strings.Contains(text, "# my host") {
		t.Error(text)
	}
}
