package repo

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"sort"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"evault/internal/vfs"
)

const (
	configName    = "config.toml"
	maxConfigSize = 1 << 20
	// configVersion is the layout of .evault that this program knows. It is written by Init and checked by Open.
	configVersion = 1
)

// Config is what config.toml may hold. The vault's own file is read over the user's, so the vault's wins.
type Config struct {
	Format FormatConfig `toml:"format,omitempty"`
	User   UserConfig   `toml:"user,omitempty"`
	Core   CoreConfig   `toml:"core,omitempty"`
	// Remotes are obeyed only in a vault's own file.
	Remotes map[string]RemoteConfig `toml:"remotes,omitempty"`
}

// RemoteConfig is one place that a vault is pushed to.
type RemoteConfig struct {
	URL string `toml:"url"`
}

// FormatConfig says what wrote a vault.
type FormatConfig struct {
	Version int `toml:"version,omitempty"`
}

// UserConfig says who commits.
type UserConfig struct {
	Name string `toml:"name,omitempty"`
}

// CoreConfig are the settings of this program. Editor and Pager name commands to run, so they are obeyed only in the
// user's own file: a vault that came from elsewhere must not choose what runs here.
type CoreConfig struct {
	Editor       string `toml:"editor,omitempty"`
	Pager        string `toml:"pager,omitempty"`
	ExcludesFile string `toml:"excludes-file,omitempty"`
	Workers      int    `toml:"workers,omitempty"`
}

// ConfigKey describes one key for people.
type ConfigKey struct {
	Name     string
	Meaning  string
	UserOnly bool // obeyed only in the user's file
	get      func(*Config) string
	set      func(*Config, string) error
}

// ConfigKeys lists every key that may be read and set, by name.
func ConfigKeys() []ConfigKey {
	text := func(field func(*Config) *string) (func(*Config) string, func(*Config, string) error) {
		return func(c *Config) string { return *field(c) },
			func(c *Config, v string) error { *field(c) = v; return nil }
	}
	key := func(name, meaning string, userOnly bool, field func(*Config) *string) ConfigKey {
		get, set := text(field)
		return ConfigKey{name, meaning, userOnly, get, set}
	}
	return []ConfigKey{
		key("core.editor", "the command that edits a commit's message", true, func(c *Config) *string { return &c.Core.Editor }),
		key("core.excludes-file", "a file of ignore patterns for every vault of this user", true, func(c *Config) *string { return &c.Core.ExcludesFile }),
		key("core.pager", "the command that shows long output on a terminal", true, func(c *Config) *string { return &c.Core.Pager }),
		{"core.workers", "how many files are read or written at once (0: one for each processor)", false,
			func(c *Config) string { return formatWorkers(c.Core.Workers) }, setWorkers},
		key("user.name", "the author recorded in commits", false, func(c *Config) *string { return &c.User.Name }),
	}
}

const maxWorkers = 64

func formatWorkers(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func setWorkers(c *Config, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > maxWorkers {
		return usagef("core.workers: %q is not a number from 0 to %d", value, maxWorkers)
	}
	c.Core.Workers = n
	return nil
}

func findConfigKey(name string) (ConfigKey, error) {
	for _, k := range ConfigKeys() {
		if k.Name == name {
			return k, nil
		}
	}
	near := nearName(name, func(yield func(string) bool) {
		for _, k := range ConfigKeys() {
			if !yield(k.Name) {
				return
			}
		}
	})
	return ConfigKey{}, usagef("unknown configuration key %q%s (evault config list -v shows them all)", name, near)
}

// ReadConfig reads the config.toml of one folder. A file that is not there is an empty configuration; one with a key that
// this program does not know is an error that names the key.
func ReadConfig(fsys vfs.FS) (Config, error) {
	var c Config
	if fsys == nil {
		return c, nil
	}
	data, err := readFile(fsys, configName, maxConfigSize)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("%s: %w", configName, err)
	}
	dec := toml.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return c, describeConfigError(err)
	}
	if c.Core.Workers < 0 || c.Core.Workers > maxWorkers {
		return c, fmt.Errorf("%s: core.workers must be from 0 to %d", configName, maxWorkers)
	}
	return c, nil
}

func describeConfigError(err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) {
		var names []string
		for _, e := range strict.Errors {
			names = append(names, strings.Join(e.Key(), "."))
		}
		sort.Strings(names)
		return fmt.Errorf("%s: unknown key %s", configName, strings.Join(names, ", "))
	}
	var decode *toml.DecodeError
	if errors.As(err, &decode) {
		line, column := decode.Position()
		return fmt.Errorf("%s: line %d, column %d: %s", configName, line, column, decode.Error())
	}
	return fmt.Errorf("%s: %w", configName, err)
}

// MergeConfig lays a vault's configuration over the user's.
func MergeConfig(user, vault Config) Config {
	merged := user
	merged.Format, merged.Remotes = vault.Format, vault.Remotes
	for _, k := range ConfigKeys() {
		if v := k.get(&vault); v != "" && !k.UserOnly {
			_ = k.set(&merged, v) // it was valid when it was read
		}
	}
	return merged
}

// ConfigValue is one key with its value; an empty value means that it is not set.
type ConfigValue struct {
	Key, Value string
}

// ConfigList gives every key of c that is set, by name.
func ConfigList(c Config) []ConfigValue {
	var all []ConfigValue
	for _, k := range ConfigKeys() {
		if v := k.get(&c); v != "" {
			all = append(all, ConfigValue{k.Name, v})
		}
	}
	return all
}

// ConfigGet gives the value of one key; an unknown key is ErrUsage.
func ConfigGet(c Config, name string) (string, error) {
	k, err := findConfigKey(name)
	if err != nil {
		return "", err
	}
	return k.get(&c), nil
}

// ConfigSet sets one key in the config.toml of one folder; an empty value unsets it. forUser says that the folder is the
// user's, where every key is allowed.
func ConfigSet(fsys vfs.FS, forUser bool, name, value string) error {
	k, err := findConfigKey(name)
	if err != nil {
		return err
	}
	if k.UserOnly && !forUser {
		return usagef("%s is obeyed only in the user's file: use --user", name)
	}
	c, err := ReadConfig(fsys)
	if err != nil {
		return err
	}
	if value == "" && k.Name == "core.workers" {
		value = "0"
	}
	if err := k.set(&c, value); err != nil {
		return err
	}
	return writeConfig(fsys, c)
}

func writeConfig(fsys vfs.FS, c Config) error {
	data, err := toml.Marshal(c)
	if err != nil {
		return fmt.Errorf("%s: %w", configName, err)
	}
	if err := vfs.Publish(fsys, configName, data, 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", configName, err)
	}
	return nil
}
