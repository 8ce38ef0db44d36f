package host

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sort"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"evault/internal/vfs"
	"evault/keys"
	"evault/remote"
)

const maxConfigSize = 4 << 20

// fileConfig, and what it consists of, is host.toml word by word.
type fileConfig struct {
	Serve struct {
		Listen                string `toml:"listen"`
		Root                  string `toml:"root"`
		ConnectionsPerAddress int    `toml:"connections-per-address"`
		ConnectionsPerPeer    int    `toml:"connections-per-peer"`
		OrphanDays            int    `toml:"orphan-days"`
	} `toml:"serve"`
	Scrub struct {
		Every string `toml:"every"`
		Rate  string `toml:"rate"`
	} `toml:"scrub"`
	Peers []filePeer `toml:"peers"`
}

type filePeer struct {
	Name    string   `toml:"name"`
	Device  string   `toml:"device"`
	Revoked bool     `toml:"revoked"`
	Vaults  []string `toml:"vaults"`

	Allow          *[]string `toml:"allow"`
	Quota          *string   `toml:"quota"`
	Packs          *uint64   `toml:"packs"`
	RecordsPerHour *uint64   `toml:"records-per-hour"`

	Override []fileOverride `toml:"override"`
}

type fileOverride struct {
	Vault          string    `toml:"vault"`
	Allow          *[]string `toml:"allow"`
	Quota          *string   `toml:"quota"`
	Packs          *uint64   `toml:"packs"`
	RecordsPerHour *uint64   `toml:"records-per-hour"`
}

// ReadConfig reads the configuration of that name, which is ConfigName unless somebody chose another. A file that is not
// there is an empty configuration. A key that this program does not know, or a value that it cannot obey, is ErrConfig with
// the name of the key or the peer: a host must not run with less protection than its owner has written down.
func ReadConfig(fsys vfs.FS, name string) (*Config, error) {
	data, err := readConfigFile(fsys, name)
	if err != nil {
		return nil, err
	}
	return decodeNamed(name, data)
}

func readConfigFile(fsys vfs.FS, name string) ([]byte, error) {
	f, err := fsys.OpenHandle(name, 0, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxConfigSize+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(data) > maxConfigSize {
		return nil, fmt.Errorf("%s: %w: larger than %d bytes", name, ErrConfig, maxConfigSize)
	}
	return data, nil
}

func decodeNamed(name string, data []byte) (*Config, error) {
	c, err := decodeConfig(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

func decodeConfig(data []byte) (*Config, error) {
	var file fileConfig
	dec := toml.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&file); err != nil {
		return nil, describeTOML(err)
	}
	c := &Config{Serve: Serving(file.Serve)}
	if err := c.Scrub.read(file.Scrub.Every, file.Scrub.Rate); err != nil {
		return nil, err
	}
	for i := range file.Peers {
		p, err := file.Peers[i].peer()
		if err != nil {
			return nil, fmt.Errorf("%w: peer %d (%.80q): %w", ErrConfig, i+1, file.Peers[i].Name, err)
		}
		p.origin = i + 1
		c.Peers = append(c.Peers, p)
	}
	return c, c.check()
}

// describeTOML names the keys that are not known, or the place that is no TOML.
func describeTOML(err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) {
		var names []string
		for _, e := range strict.Errors {
			names = append(names, strings.Join(e.Key(), "."))
		}
		sort.Strings(names)
		return fmt.Errorf("%w: unknown key %s", ErrConfig, strings.Join(names, ", "))
	}
	var decode *toml.DecodeError
	if errors.As(err, &decode) {
		line, column := decode.Position()
		return fmt.Errorf("%w: line %d, column %d: %s", ErrConfig, line, column, decode.Error())
	}
	return fmt.Errorf("%w: %w", ErrConfig, err)
}

func (s *Scrubbing) read(every, rate string) (err error) {
	switch every {
	case "":
	case "never":
		s.Every = -1
	default:
		if s.Every, err = time.ParseDuration(every); err != nil || s.Every <= 0 {
			return fmt.Errorf("%w: scrub.every: %.40q is neither a time as 168h nor never", ErrConfig, every)
		}
	}
	if rate != "" {
		if s.Rate, err = ParseSize(rate); err != nil {
			return fmt.Errorf("%w: scrub.rate: %w", ErrConfig, err)
		}
	}
	return nil
}

func (f *filePeer) peer() (p Peer, err error) {
	p = Peer{Name: f.Name, Revoked: f.Revoked, Limits: Limits{Allow: DefaultPermissions}}
	if f.Device != "" {
		if p.Device, err = keys.ParseDeviceID(f.Device); err != nil {
			return p, fmt.Errorf("device: %w", err)
		}
	}
	for _, text := range f.Vaults {
		v, err := keys.ParseVaultID(text)
		if err != nil {
			return p, fmt.Errorf("vaults: %w", err)
		}
		p.Vaults = append(p.Vaults, v)
	}
	own, err := readLimits(f.Allow, f.Quota, f.Packs, f.RecordsPerHour)
	if err != nil {
		return p, err
	}
	set(&p.Allow, own.Allow)
	set(&p.Quota, own.Quota)
	set(&p.Packs, own.Packs)
	set(&p.RecordsPerHour, own.RecordsPerHour)
	for _, fo := range f.Override {
		o, err := readLimits(fo.Allow, fo.Quota, fo.Packs, fo.RecordsPerHour)
		if err != nil {
			return p, fmt.Errorf("override: %w", err)
		}
		if o.Vault, err = keys.ParseVaultID(fo.Vault); err != nil {
			return p, fmt.Errorf("override: vault: %w", err)
		}
		p.Overrides = append(p.Overrides, o)
	}
	return p, nil
}

func readLimits(allow *[]string, quota *string, packs, records *uint64) (o Override, err error) {
	if allow != nil {
		var p remote.Permissions
		if len(*allow) > 0 {
			if p, err = remote.ParsePermissions(strings.Join(*allow, ",")); err != nil {
				return o, fmt.Errorf("allow: %w", err)
			}
		}
		o.Allow = &p
	}
	if quota != nil {
		size, err := ParseSize(*quota)
		if err != nil {
			return o, fmt.Errorf("quota: %w", err)
		}
		o.Quota = &size
	}
	o.Packs, o.RecordsPerHour = packs, records
	return o, nil
}
