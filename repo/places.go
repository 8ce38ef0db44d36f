package repo

import (
	"context"
	"time"

	"evault/internal/vfs"
	"evault/keys"
	"evault/remote"
)

// VaultDir is the name of the folder, inside the work tree, that holds a vault.
const VaultDir = ".evault"

// Places are the folders that a repository lives in. They are seams: on a real machine each is opened with vfs.Open, in a
// test they may all be parts of one memory filesystem.
type Places struct {
	// Work is the work tree: the folder that holds .evault.
	Work vfs.FS
	// WorkPath is how people know the work tree; it appears in messages only.
	WorkPath string
	// Vault is the folder .evault itself. It is nil before Init.
	Vault vfs.FS
	// Config holds the device identity and the user's config.toml.
	Config vfs.FS
	// State holds the pins: what this user last saw of every log. It lives outside the vault, so that copying back an old
	// .evault is noticed.
	State vfs.FS
}

// Settings are what every verb needs beside its own options.
type Settings struct {
	// Passphrase asks the user (or a file, or a command) for the passphrase; it is called only when no slot of this device
	// opens the vault. Nil means that there is nobody to ask.
	Passphrase func(ctx context.Context) ([]byte, error)
	// Wait is how long to wait for another process's lock before ErrLocked; zero fails at once.
	Wait time.Duration
	// Author is recorded in commits; empty means the name of the operating system's user.
	Author string
	// Label is what to call this device when it becomes a member of a vault; empty: "device".
	Label string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Progress, if not nil, is called about ten times a second while a long verb runs, never from two goroutines at once.
	Progress func(Progress)
	// Superuser says that this process may give files to any owner and make devices.
	Superuser bool
	// ExcludesFile holds the ignore patterns that the user keeps for every vault (core.excludes-file); nil: none.
	ExcludesFile []byte
	// Dial begins a conversation with a place. Nil means that there are no remotes: for tests.
	Dial Dialer
	// Dir is the absolute path of the working directory: relative addresses of remotes begin there.
	Dir string
	// UserID is the numeric ID of the user who runs this process; -1 where the system has none. A vault that belongs to
	// somebody else is refused.
	UserID int
}

// Dialer begins a conversation with the place at an address, as this device.
type Dialer func(ctx context.Context, at remote.URL, o DialOptions) (remote.Site, error)

// DialOptions are what a conversation depends on besides the address.
type DialOptions struct {
	Identity    *keys.Identity
	UploadLimit int64 // bytes a second; 0: none
}

func (s Settings) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func (s Settings) deviceLabel() string {
	if s.Label == "" {
		return "device"
	}
	return s.Label
}
