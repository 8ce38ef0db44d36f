package remote

import (
	"context"
	"io"

	"evault/keys"
	"evault/pack"
	"evault/refs"
)

// Store is one vault's store in some place. Its layout is that of .evault/store, whatever the place:
//
//	id  roster/<n>-<sha256>  keyring/<n>-<sha256>  slots/<sha256>.age  packs/ab/<sha256>.pack  logs/<tag>/<sequence>
//
// All methods are safe for concurrent use, Close excepted. Every method ends when its context does. Errors are those of
// this package (see errors.go), told apart with errors.Is. Where there is no store, every method but Info and Create gives
// ErrNoStore; what is over a limit is ErrMismatch or ErrQuota. An error that may have come after the deed (a connection
// lost while the answer was on its way) leaves it open whether the deed was done, and every method may be repeated: what
// is there already is accepted again.
type Store interface {
	// Info says what the place is and allows. It is the first call of a conversation. ErrNoStore: the place is fine and
	// holds no store of this vault; the Info is valid apart from Store.
	Info(ctx context.Context) (Info, error)

	// Create makes an empty store and mints its ID. If there is one, it is left as it is.
	Create(ctx context.Context) (Info, error)

	// Files lists the rosters, keyrings and slots, ascending by name. There are at most MaxFiles.
	Files(ctx context.Context) ([]FileInfo, error)

	// File reads one of them, at most MaxFile bytes, and does not promise that they fit their name. ErrNotFound.
	File(ctx context.Context, name string) ([]byte, error)

	// PutFile stores one, durably. ErrMismatch: the name is not one of a roster, keyring or slot (see CheckFileName), or
	// its hash is not that of the data.
	PutFile(ctx context.Context, name string, data []byte) error

	// DeleteFile removes a slot, and nothing else. It is no error if it is not there.
	DeleteFile(ctx context.Context, name string) error

	// Packs lists the packs that are there and readable, ascending by name, whether a record names them or not.
	Packs(ctx context.Context) ([]refs.Pack, error)

	// Pack reads length bytes of a pack from offset on; length -1 means to its end. The caller closes. What is read may
	// be anything: the caller checks it against the name. ErrNotFound. ErrMismatch: the range is not within the pack.
	Pack(ctx context.Context, name pack.Name, offset, length int64) (io.ReadCloser, error)

	// PutPack stores a pack of p.Size bytes, durably. open gives its bytes and may be called more than once. The place
	// hashes what arrives: ErrMismatch if it does not fit the name, and nothing is left of it. A pack that is there is not
	// sent again. ErrQuota, ErrFull.
	PutPack(ctx context.Context, p refs.Pack, open func() (io.ReadCloser, error)) error

	// CheckPack has the place read a pack and compare it with its name. ErrDamaged: it does not fit, and was taken out of
	// sight, so that it can be sent again. ErrNotFound.
	CheckPack(ctx context.Context, name pack.Name) error

	// DeletePack removes a pack. It is no error if it is not there.
	DeletePack(ctx context.Context, name pack.Name) error

	// Heads gives the newest position of every log, ascending by tag, at most refs.MaxLogs of them.
	Heads(ctx context.Context) ([]refs.Position, error)

	// Records gives the records of a log from a sequence on, in order, each the bytes of header and body, at most
	// refs.MaxRecord. data is valid during the call. A log that is not there has no records. An error of each ends the
	// reading and is returned as it is.
	Records(ctx context.Context, tag refs.Tag, from uint64, each func(data []byte) error) error

	// Append adds records, at most MaxAppend, which continue one log, all of them or none, if the heads of all logs are
	// exactly those that the caller names; durably, and before others see them. Records that are there already are
	// passed over: if all are, nothing else is compared. ErrConflict: the heads are others, because somebody else was
	// faster. MissingPacksError: packs that the records add are not there. ErrMismatch: a record that does not fit its
	// log, the store, its signature or its predecessor.
	//
	// In a folder that two devices write at the same instant, both may succeed; package refs shows that as a divergence,
	// and nothing is lost.
	Append(ctx context.Context, records [][]byte, heads []refs.Position) error

	// Close ends the conversation.
	Close() error
}

// Mender is what a Store may be besides: one whose own small files can be written anew by somebody who knows what they held.
type Mender interface {
	// Mend makes the store say that it is this store of this vault, if its logs bear that out; else it is ErrMismatch.
	Mend(ctx context.Context, vault keys.VaultID, store refs.StoreID) error
}

// Limits of what a store holds and of what one call carries, checked on both sides before memory is taken.
const (
	// MaxFiles is how many rosters, keyrings and slots a store may hold together.
	MaxFiles = 8192
	// MaxFile is the greatest size in bytes of one of them.
	MaxFile = 2 << 20
	// MaxPacks is how many packs a store may hold.
	MaxPacks = 1 << 22
	// MaxAppend is how many records one call of Append may carry.
	MaxAppend = 64
	// MaxAppendBytes is their greatest length in bytes, together.
	MaxAppendBytes = 16 << 20
)

// Info is what a place says about itself.
type Info struct {
	Vault       keys.VaultID // zero in a folder that does not say
	Store       refs.StoreID // zero where there is no store yet
	Permissions Permissions
	// Quota in bytes for this vault, and how many of them are used; 0 and 0 where there is no limit.
	Quota, Used uint64
	// Software is what answered, for messages: "evault 1.2".
	Software string
}

// Permissions are what a peer may do.
type Permissions uint8

// The permissions. Append includes making a store and adding packs, files and records; it never overwrites or removes.
const (
	Read   Permissions = 1 << iota // "read"
	Append                         // "append"
	Delete                         // "delete": removing packs and slots
)

// FileInfo names a roster, keyring or slot: "roster/1-<hash>", "slots/<hash>.age".
type FileInfo struct {
	Name string
	Size int64
}

// Site is a place that may hold the stores of several vaults: a host. A folder is a site of at most one.
type Site interface {
	// Vaults lists the vaults that this peer may read, ascending. It is how a new device that knows only an address finds
	// what there is.
	Vaults(ctx context.Context) ([]keys.VaultID, error)
	// Store gives the store of a vault, whether there is one yet or not. The zero ID means the only one that there is, for
	// a folder. It does not touch the network. Closing the site closes its stores.
	Store(vault keys.VaultID) Store
	Close() error
}
