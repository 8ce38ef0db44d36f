package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"evault/repo"
)

// openVault is an open repository and how its paths relate to the working directory.
type openVault struct {
	*repo.Repository
	*tree
	places repo.Places
}

// withVault opens the vault of the working directory, runs use, and closes everything.
func (a *app) withVault(ctx context.Context, mode repo.Mode, use func(*openVault) error) (err error) {
	root, err := a.findVault()
	if err != nil {
		return err
	}
	dir, err := a.realDir()
	if err != nil {
		return err
	}
	places, err := a.openPlaces(root, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closePlaces(places)) }()
	settings := a.settings()
	if settings.ExcludesFile, err = a.excludesFile(places); err != nil {
		return err
	}
	r, err := repo.Open(ctx, places, settings, mode)
	if err != nil {
		return err
	}
	defer func() {
		a.screen.clear()
		err = errors.Join(err, r.Close())
	}()
	for _, n := range r.Notes() {
		a.note("%s", n)
	}
	return use(&openVault{r, newTree(root, dir), places})
}

// settings is what repo needs to know about this process and its user.
func (a *app) settings() repo.Settings {
	return repo.Settings{
		Passphrase: a.passphrase,
		Wait:       a.flags.wait,
		Author:     userName(),
		Label:      hostName(),
		Now:        a.env.Now,
		Progress:   a.progress(),
		Dial:       a.dial,
		Dir:        a.dir,
		Superuser:  os.Geteuid() == 0,
		UserID:     os.Geteuid(), // -1 on Windows
	}
}

// userName is the name that the operating system has for the user: the full name where there is one.
func userName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	if full, _, _ := strings.Cut(u.Name, ","); full != "" { // the rest is office and telephone
		return full
	}
	return u.Username
}

// hostName is what to call this machine.
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "device"
	}
	return name
}

// maxExcludes is the greatest size of the user's file of ignore patterns, in bytes.
const maxExcludes = 1 << 20

// excludesFile reads what core.excludes-file names; "~/" begins a path in the user's home.
func (a *app) excludesFile(places repo.Places) ([]byte, error) {
	c, err := repo.ReadConfig(places.Config)
	if err != nil {
		return nil, fmt.Errorf("the user's configuration folder %s: %w", quoted(places.Config.Root()), err)
	}
	if c.Core.ExcludesFile == "" {
		return nil, nil
	}
	name := c.Core.ExcludesFile
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, fmt.Errorf("core.excludes-file: %w", err)
		}
		name = filepath.Join(home, rest)
	}
	f, err := os.Open(a.absolute(name))
	if err != nil {
		return nil, fmt.Errorf("core.excludes-file: %w", err)
	}
	defer f.Close()
	text, err := readLimited(f, maxExcludes)
	if err != nil {
		return nil, fmt.Errorf("core.excludes-file: %w", err)
	}
	return []byte(text), nil
}
