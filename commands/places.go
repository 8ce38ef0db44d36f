package commands

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"evault/internal/vfs"
	"evault/repo"
)

// findVault gives the folder that holds .evault: EVAULT_DIR if it is set, else the working directory or the nearest folder
// above it. It fails with repo.ErrNoVault.
func (a *app) findVault() (string, error) {
	if named := a.getenv("EVAULT_DIR"); named != "" {
		return a.namedVault(named)
	}
	start, err := a.realDir()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		found, err := holdsVault(dir)
		if found || err != nil {
			return dir, err
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%w: neither %s nor a folder above it holds %s", repo.ErrNoVault, quoted(start), repo.VaultDir)
		}
	}
}

// namedVault accepts the work tree or the .evault in it.
func (a *app) namedVault(named string) (string, error) {
	dir, err := filepath.EvalSymlinks(a.absolute(named))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("EVAULT_DIR: %w", err)
	}
	if err == nil && filepath.Base(dir) == repo.VaultDir {
		dir = filepath.Dir(dir)
	}
	found := false
	if err == nil {
		if found, err = holdsVault(dir); err != nil {
			return "", err
		}
	}
	if !found {
		return "", fmt.Errorf("%w: EVAULT_DIR is %s, which holds no %s", repo.ErrNoVault, quoted(named), repo.VaultDir)
	}
	return dir, nil
}

// holdsVault reports whether a folder holds .evault. Something else of that name is an error and not passed over: a command
// must not work on another vault, further up, because this one is out of place.
func holdsVault(dir string) (bool, error) {
	name := filepath.Join(dir, repo.VaultDir)
	st, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case !st.IsDir():
		return false, fmt.Errorf("%s is not a folder (a link to one is not followed)", quoted(name))
	}
	return true, nil
}

// realDir is the working directory without links.
func (a *app) realDir() (string, error) {
	if a.dir == "" {
		return "", errors.New("the working directory is gone")
	}
	dir, err := filepath.EvalSymlinks(a.dir)
	if err != nil {
		return "", fmt.Errorf("working directory: %w", err)
	}
	return dir, nil
}

// openPlaces opens the folders that a vault lives in; withVault says whether .evault must be there already.
func (a *app) openPlaces(root string, withVault bool) (p repo.Places, err error) {
	p.WorkPath = root
	defer func() {
		if err != nil {
			err = errors.Join(err, closePlaces(p))
			p = repo.Places{}
		}
	}()
	if p.Work, err = vfs.Open(root); err != nil {
		return p, err
	}
	if withVault {
		if p.Vault, err = p.Work.Sub(repo.VaultDir); err != nil {
			return p, err
		}
	}
	if p.Config, err = a.openConfigHome(); err != nil {
		return p, err
	}
	home, err := a.stateHome()
	if err != nil {
		return p, err
	}
	if p.State, err = vfs.OpenOrCreate(home); err != nil {
		err = fmt.Errorf("the user's state folder %s (EVAULT_STATE_HOME can name another): %w", quoted(home), err)
	}
	return p, err
}

func closePlaces(p repo.Places) error {
	var errs []error
	for _, place := range []vfs.FS{p.State, p.Config, p.Vault, p.Work} {
		if place != nil {
			errs = append(errs, place.Close())
		}
	}
	return errors.Join(errs...)
}

// openConfigHome opens the folder of the device identity and the user's config.toml, and makes it where it is missing.
func (a *app) openConfigHome() (vfs.FS, error) {
	home, err := a.configHome()
	if err != nil {
		return nil, err
	}
	config, err := vfs.OpenOrCreate(home)
	if err != nil {
		return nil, fmt.Errorf("the user's configuration folder %s (EVAULT_CONFIG_HOME can name another): %w", quoted(home), err)
	}
	return config, nil
}

func (a *app) configHome() (string, error) {
	if v := a.getenv("EVAULT_CONFIG_HOME"); v != "" {
		return a.absolute(v), nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("the user's configuration folder: %w (EVAULT_CONFIG_HOME can name it)", err)
	}
	return filepath.Join(dir, "evault"), nil
}

// stateHome is where this user's memory of every vault is kept: outside the vaults, so that an older copy of one is noticed.
func (a *app) stateHome() (string, error) {
	if v := a.getenv("EVAULT_STATE_HOME"); v != "" {
		return a.absolute(v), nil
	}
	if v := a.getenv("XDG_STATE_HOME"); filepath.IsAbs(v) {
		return filepath.Join(v, "evault"), nil
	}
	if runtime.GOOS == "windows" {
		dir, err := os.UserCacheDir() // LocalAppData
		if err != nil {
			return "", fmt.Errorf("the user's state folder: %w (EVAULT_STATE_HOME can name it)", err)
		}
		return filepath.Join(dir, "evault", "state"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("the user's state folder: %w (EVAULT_STATE_HOME can name it)", err)
	}
	return filepath.Join(home, ".local", "state", "evault"), nil
}
