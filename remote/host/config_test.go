package host

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/keys"
	"evault/remote"
)

func TestConfigOfEverything(t *testing.T) {
	v := keys.VaultID{7}
	text := `[serve]
listen = ":4722"
root = "/srv/evault"
connections-per-address = 8
connections-per-peer = 16
orphan-days = 30
[scrub]
every = "24h"
rate = "10MB"
[[peers]]
name = "ada"
device = "` + adaID + `"
quota = "50GiB"
packs = 1000
records-per-hour = 60
vaults = ["` + v.String() + `"]
[[peers.override]]
vault = "` + v.String() + `"
allow = ["read", "delete"]
quota = "none"
packs = 0
records-per-hour = 5
[[peers]]
name = "bob"
revoked = true
allow = []
`
	c, err := ReadConfig(configFS(t, text), ConfigName)
	if err != nil {
		t.Fatal(err)
	}
	want := Serving{":4722", "/srv/evault", 8, 16, 30}
	if c.Serve != want || c.Scrub != (Scrubbing{24 * time.Hour, 10_000_000}) || len(c.Peers) != 2 {
		t.Errorf("%+v", c)
	}
	ada := c.Peer("ada")
	if ada.Allow != DefaultPermissions || ada.Quota != 50<<30 || ada.Packs != 1000 || ada.RecordsPerHour != 60 {
		t.Errorf("%+v", ada)
	}
	got, own := ada.limits(v)
	if !own || !reflect.DeepEqual(got, Limits{remote.Read | remote.Delete, 0, 0, 5}) {
		t.Errorf("override: %+v", got)
	}
	if got, _ := ada.limits(keys.VaultID{8}); got.Allow != 0 {
		t.Errorf("another vault: %+v", got)
	}
	if bob := c.Peer("bob"); !bob.Revoked || bob.Allow != 0 {
		t.Errorf("%+v", bob)
	}
	if c.PeerByDevice(keys.DeviceID{}) != nil {
		t.Error("a peer without a device is found by none")
	}
}

func TestConfigErrors(t *testing.T) {
	peer := "[[peers]]\nname = \"ada\"\n"
	for text, want := range map[string]string{
		"color = 1":                                "unknown key color",
		"[serve]\nlisten = \":1\"\nport = 2":       "unknown key serve.port",
		peer + "permission = \"read\"":             "unknown key peers.permission",
		peer + "[[peers.override]]\nquotas = 1":    "unknown key peers.override.quotas",
		peer + "quota = 5":                         "line 3",
		peer + "quota = \"5 bananas\"":             "5 bananas",
		peer + "quota = \"-5GiB\"":                 "-5GiB",
		peer + "packs = -1":                        "line 3",
		peer + "allow = [\"write\"]":               "write",
		peer + "allow = \"read\"":                  "line 3",
		peer + "device = \"ABC\"":                  "device",
		peer + "vaults = [\"12\"]":                 "vaults",
		peer + "[[peers.override]]\nquota = \"1\"": "override: vault",
		peer + peer:                                "two peers have the name ada",
		"[[peers]]\nallow = []":                    "no name for a peer",
		"[[peers]]\nname = \"../ada\"":             "no name for a peer",
		"[[peers]]\nname = \"-ada\"":               "no name for a peer",
		"[[peers]]\nname = \"a b\"":                "no name for a peer",
		"[[peers]]\nname = \"a\\nb\"":              "no name for a peer",
		"[scrub]\nevery = \"weekly\"":              "scrub.every",
		"[scrub]\nevery = \"-5h\"":                 "scrub.every",
		"[scrub]\nrate = \"fast\"":                 "scrub.rate",
		"[serve]\norphan-days = -3":                "serve.orphan-days",
		"[serve]\nconnections-per-peer = 9999999":  "serve.connections-per-peer",
		"[[peers]\n":                               "line 1",
		"\xff\xfe":                                 "line 1",
		"[[peers]]\nname=\"a\"\ndevice=\"" + adaID + "\"\n[[peers]]\nname=\"b\"\ndevice=\"" + adaID + "\"": "a and b have the same device ID",
	} {
		_, err := ReadConfig(configFS(t, text), ConfigName)
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), ConfigName) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
	big := strings.Repeat("#", maxConfigSize+1)
	_, err := ReadConfig(configFS(t, big), ConfigName)
	wantError(t, err, ErrConfig)
}

func TestNoConfigIsAnEmptyOne(t *testing.T) {
	c, err := ReadConfig(memfs.New(memfs.Options{}), ConfigName)
	if err != nil || len(c.Peers) != 0 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestAddAndRename(t *testing.T) {
	c := &Config{}
	wantError(t, c.Add(Peer{Name: "ada", Device: keys.DeviceID{1}}), nil)
	wantError(t, c.Add(Peer{Name: "ada", Device: keys.DeviceID{2}}), ErrPeerExists)
	wantError(t, c.Add(Peer{Name: "bob", Device: keys.DeviceID{1}}), ErrPeerExists)
	wantError(t, c.Add(Peer{Name: "bob"}), nil)
	wantError(t, c.Add(Peer{Name: "eve"}), nil) // two without a device
	wantError(t, c.Rename("nobody", "x"), ErrUnknownPeer)
	wantError(t, c.Rename("ada", "bob"), ErrPeerExists)
	wantError(t, c.Rename("ada", "ada"), nil)
	wantError(t, c.Rename("bob", "robert"), nil)
	if c.Rename("ada", "a b") == nil || c.Add(Peer{Name: ""}) == nil {
		t.Error("a bad name")
	}
}

// TestConfigsReadAsTheyWereWritten: whatever a configuration says, writing it over any other loses nothing.
func TestConfigsReadAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fsys := memfs.New(memfs.Options{})
		for range 2 {
			c := drawConfig(t)
			if old, err := ReadConfig(fsys, ConfigName); err == nil && rapid.Bool().Draw(t, "edit") {
				for i := range min(len(c.Peers), len(old.Peers)) {
					c.Peers[i].origin = old.Peers[i].origin
				}
			}
			if err := c.Write(fsys, ConfigName); err != nil {
				t.Fatal(err)
			}
			back, err := ReadConfig(fsys, ConfigName)
			if err != nil {
				t.Fatal(err)
			}
			if !back.same(c) {
				t.Fatalf("wrote %+v\nread %+v", c, back)
			}
		}
	})
}

func drawConfig(t *rapid.T) *Config {
	small := rapid.IntRange(0, 3)
	c := &Config{
		Serve: Serving{rapid.String().Filter(printable).Draw(t, "listen"), rapid.String().Filter(printable).Draw(t, "root"),
			small.Draw(t, "address"), small.Draw(t, "peer"), small.Draw(t, "days")},
		Scrub: Scrubbing{time.Duration(rapid.SampledFrom([]int64{-1, 0, 1, 3600e9}).Draw(t, "every")), drawSize(t)},
	}
	for i := range small.Draw(t, "peers") {
		p := Peer{Name: string(rune('a' + i)), Revoked: rapid.Bool().Draw(t, "revoked"), Limits: Limits{
			remote.Permissions(rapid.IntRange(0, 7).Draw(t, "allow")), drawSize(t),
			uint64(small.Draw(t, "packs")), uint64(small.Draw(t, "records"))}}
		if rapid.Bool().Draw(t, "device") {
			p.Device = keys.DeviceID{byte(i + 1)}
		}
		for n := range small.Draw(t, "vaults") {
			p.Vaults = append(p.Vaults, keys.VaultID{byte(n + 1)})
		}
		for n := range small.Draw(t, "overrides") {
			o := Override{Vault: keys.VaultID{byte(n + 1)}}
			if rapid.Bool().Draw(t, "has") {
				allow, quota, packs, records := p.Allow, drawSize(t), p.Packs, p.RecordsPerHour
				o.Allow, o.Quota, o.Packs, o.RecordsPerHour = &allow, &quota, &packs, &records
			}
			p.Overrides = append(p.Overrides, o)
		}
		c.Peers = append(c.Peers, p)
	}
	return c
}

func printable(s string) bool { return strings.ToValidUTF8(s, "") == s }

func drawSize(t *rapid.T) Size { return Size(rapid.Uint64().Draw(t, "size")) }

func TestUpdatesAtOnceAllCount(t *testing.T) {
	dir := t.TempDir()
	var work sync.WaitGroup
	for n := range 16 {
		work.Go(func() {
			fsys, err := vfs.Open(dir)
			if err != nil {
				t.Error(err)
				return
			}
			defer fsys.Close()
			err = UpdateConfig(fsys, ConfigName, func(c *Config) error { return c.Add(Peer{Name: string(rune('a' + n))}) })
			if err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	c, err := ReadConfig(openDir(t, dir), ConfigName)
	if err != nil || len(c.Peers) != 16 {
		t.Errorf("%d peers, %v", len(c.Peers), err)
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "none": 0, "1": 1, "50GiB": 50 << 30, "50 gib": 50 << 30, "1.5K": 1536, "200MB": 200_000_000, "3T": 3 << 40,
		"2kB": 2000, "1 B": 1, "0.5GiB": 1 << 29, "16383PiB": 16383 << 50, "18446744073709551615": math.MaxUint64,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "GiB", "-1", "+1", "1e3", "0x10", "1..5", "1 GiB more", "16384PiB", "99999999999999999999", "1_000", "NaN", "Inf"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := drawSize(t)
		if back, err := ParseSize(s.String()); err != nil || back != s {
			t.Fatalf("%d is %s, which is %d, %v", s, s, back, err)
		}
	})
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(commented))
	f.Add([]byte("[[peers]]\nname = 'x'\nallow = [\n'read' ] # c\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := decodeConfig(data)
		if err != nil {
			if !errors.Is(err, ErrConfig) {
				t.Errorf("%v is no ErrConfig", err)
			}
			return
		}
		fsys := memfs.New(memfs.Options{})
		if err := vfs.Publish(fsys, ConfigName, data, 0o600); err != nil {
			t.Fatal(err)
		}
		for i := range c.Peers {
			c.Peers[i].Revoked = !c.Peers[i].Revoked
		}
		if err := c.Write(fsys, ConfigName); err != nil {
			t.Fatalf("cannot write what was read: %v", err)
		}
		if back, err := ReadConfig(fsys, ConfigName); err != nil || !back.same(c) {
			t.Errorf("wrote %+v, read %+v, %v", c, back, err)
		}
	})
}
