package transport

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"evault/internal/vfs"
	"evault/remote"
	"evault/remote/folder"
)

// vaultDir is the folder in a working copy that holds its vault.
const vaultDir = ".evault"

// openFolder gives a folder as a place. One that is not there is made when a store is, if the folder above it is there;
// until then it holds nothing. What is somebody's working copy, or part of one, is refused.
func openFolder(path string) (remote.Site, error) {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return openMissing(path)
	}
	if err == nil {
		err = checkFolder(real)
	}
	if err != nil {
		return nil, folderError(path, err)
	}
	fsys, err := vfs.Open(real)
	if err != nil {
		return nil, folderError(path, err)
	}
	site, err := folder.OpenSite(fsys, path)
	if err != nil {
		return nil, errors.Join(folderError(path, err), fsys.Close())
	}
	return site, nil
}

// openMissing gives the place where a folder can be made.
func openMissing(path string) (remote.Site, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("%s: %w: it is a link to a folder that is not there (is its disk mounted?)", path, remote.ErrUnreachable)
	}
	parent, name := filepath.Split(path)
	real, err := filepath.EvalSymlinks(filepath.Clean(parent))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w: the folder above it is not there (is its disk mounted?)", path, remote.ErrUnreachable)
	}
	if err == nil {
		err = errors.Join(checkIsFolder(real), checkOutside(filepath.Join(real, name)))
	}
	if err != nil {
		return nil, folderError(path, err)
	}
	return &laterSite{parent: real, base: name, name: path}, nil
}

// checkFolder refuses what cannot be a remote. real is a path without links.
func checkFolder(real string) error {
	if err := checkIsFolder(real); err != nil {
		return err
	}
	if err := checkOutside(real); err != nil {
		return err
	}
	if exists(filepath.Join(real, vaultDir)) {
		return folder.ErrWorkingCopy
	}
	if parent := filepath.Dir(real); filepath.Base(real) == "store" && exists(filepath.Join(parent, "local")) {
		return errInVault
	}
	return nil
}

var errInVault = fmt.Errorf("%w: it is part of a working copy's own vault", remote.ErrRefused)

// checkOutside refuses what lies in a working copy's vault.
func checkOutside(real string) error {
	for _, part := range strings.Split(filepath.ToSlash(real), "/") {
		if part == vaultDir {
			return errInVault
		}
	}
	return nil
}

func checkIsFolder(real string) error {
	info, err := os.Stat(real)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%w: %s is no folder", remote.ErrURL, real)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// folderError makes an error of package remote of one that opening a folder met.
func folderError(path string, err error) error {
	switch {
	case errors.Is(err, remote.ErrURL), errors.Is(err, remote.ErrRefused):
		return fmt.Errorf("%s: %w", path, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: %w: %w", path, remote.ErrRefused, err)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%s: %w: %w", path, remote.ErrURL, err)
	}
	return fmt.Errorf("%s: %w: %w", path, remote.ErrUnreachable, err)
}
