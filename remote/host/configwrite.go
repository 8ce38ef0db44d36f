package host

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"evault/internal/vfs"
	"evault/keys"
	"evault/remote"
)

// configLockTime is how long UpdateConfig waits for somebody else who is changing the same file.
const configLockTime = 10 * time.Second

// UpdateConfig reads the configuration of that name, has edit change it, and writes it, while no other UpdateConfig does.
// An error of edit leaves the file as it is and is returned as it is.
func UpdateConfig(fsys vfs.FS, name string, edit func(*Config) error) (err error) {
	lock, err := lockWithin(fsys, name+".lock", configLockTime)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	c, err := ReadConfig(fsys, name)
	if err != nil {
		return err
	}
	if err := edit(c); err != nil {
		return err
	}
	return c.Write(fsys, name)
}

// Write stores the configuration under that name: a crash leaves the old or the new file. What the file says beside what
// has changed stays as it is, comments included, as long as the new text then reads as c; where it does not (a list written
// over several lines, say) the whole file is written anew, without comments. A configuration that could not be read back
// is ErrConfig. Of two that write at once the last wins: see UpdateConfig.
func (c *Config) Write(fsys vfs.FS, name string) error {
	old, err := readConfigFile(fsys, name)
	if err != nil {
		return err
	}
	text := []byte(c.edited(string(old)))
	if back, err := decodeConfig(text); err != nil || !back.same(c) {
		text = []byte(c.text())
		if back, err = decodeConfig(text); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if !back.same(c) {
			return fmt.Errorf("%s: %w: it would read otherwise than it was meant", name, ErrConfig)
		}
	}
	if err := vfs.Publish(fsys, name, text, 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

// same compares what two configurations say.
func (c *Config) same(d *Config) bool { return reflect.DeepEqual(c.plain(), d.plain()) }

// plain is a copy that knows no file, with one way to say "none".
func (c *Config) plain() Config {
	p := *c
	p.Peers = make([]Peer, len(c.Peers))
	copy(p.Peers, c.Peers)
	for i := range p.Peers {
		p.Peers[i].origin = 0
		p.Peers[i].Vaults = append([]keys.VaultID{}, p.Peers[i].Vaults...)
		p.Peers[i].Overrides = append([]Override{}, p.Peers[i].Overrides...)
	}
	return p
}

// text writes the whole file.
func (c *Config) text() string {
	var b strings.Builder
	b.WriteString("# Who may talk to this host, and what they may do: see docs/host/README.md.\n")
	section(&b, "[serve]", c.Serve.lines())
	section(&b, "[scrub]", c.Scrub.lines())
	for i := range c.Peers {
		b.WriteString("\n" + c.Peers[i].text())
	}
	return b.String()
}

// line is one key and its value; an empty value means that the key is left out.
type line struct{ key, value string }

func (l line) String() string { return l.key + " = " + l.value + "\n" }

func section(b *strings.Builder, header string, lines []line) {
	lines = slices.DeleteFunc(lines, func(l line) bool { return l.value == "" })
	if len(lines) == 0 {
		return
	}
	b.WriteString("\n" + header + "\n")
	for _, l := range lines {
		b.WriteString(l.String())
	}
}

func (s *Serving) lines() []line {
	return []line{
		{"listen", quote(s.Listen)},
		{"root", quote(s.Root)},
		{"connections-per-address", number(uint64(s.ConnectionsPerAddress))},
		{"connections-per-peer", number(uint64(s.ConnectionsPerPeer))},
		{"orphan-days", number(uint64(s.OrphanDays))},
	}
}

func (s *Scrubbing) lines() []line {
	every, rate := "", ""
	switch {
	case s.Every < 0:
		every = quote("never")
	case s.Every > 0:
		every = quote(s.Every.String())
	}
	if s.Rate > 0 {
		rate = quote(s.Rate.String())
	}
	return []line{{"every", every}, {"rate", rate}}
}

// lines are the keys of a peer, all that an edit may change.
func (p *Peer) lines() []line {
	device, revoked, quota, vaults := "", "", "", ""
	if p.Device != (keys.DeviceID{}) {
		device = quote(p.Device.String())
	}
	if p.Revoked {
		revoked = "true"
	}
	if p.Quota > 0 {
		quota = quote(p.Quota.String())
	}
	if len(p.Vaults) > 0 {
		vaults = list(p.Vaults, keys.VaultID.String)
	}
	return []line{
		{"name", quote(p.Name)},
		{"device", device},
		{"revoked", revoked},
		{"allow", permissionList(p.Allow)},
		{"quota", quota},
		{"packs", number(p.Packs)},
		{"records-per-hour", number(p.RecordsPerHour)},
		{"vaults", vaults},
	}
}

func (p *Peer) text() string {
	var b strings.Builder
	section(&b, "[[peers]]", p.lines())
	for i := range p.Overrides {
		section(&b, "[[peers.override]]", p.Overrides[i].lines())
	}
	return b.String()[1:]
}

func (o *Override) lines() []line {
	lines := []line{{"vault", quote(o.Vault.String())}}
	if o.Allow != nil {
		lines = append(lines, line{"allow", permissionList(*o.Allow)})
	}
	if o.Quota != nil {
		lines = append(lines, line{"quota", quote(o.Quota.String())})
	}
	if o.Packs != nil {
		lines = append(lines, line{"packs", strconv.FormatUint(*o.Packs, 10)})
	}
	if o.RecordsPerHour != nil {
		lines = append(lines, line{"records-per-hour", strconv.FormatUint(*o.RecordsPerHour, 10)})
	}
	return lines
}

func permissionList(p remote.Permissions) string {
	if p == 0 {
		return "[]"
	}
	return list(strings.Split(p.String(), ","), func(s string) string { return s })
}

func list[T any](items []T, text func(T) string) string {
	words := make([]string, len(items))
	for i, item := range items {
		words[i] = quote(text(item))
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// quote writes a TOML string. Empty texts are left out altogether.
func quote(s string) string {
	if s == "" {
		return ""
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func number(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}
