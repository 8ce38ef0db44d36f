package host

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"evault/internal/vfs"
	"evault/keys"
	"evault/remote"
)

const (
	accountsDir = "accounts"
	madeSuffix  = ".made"
	rateSuffix  = ".rate"
	maxRateFile = 1 << 10
)

// account is a peer's folder below accounts, where the host keeps what it has to know about the peer from one process to
// the next:
//
//	<vault>.made    empty: the peer made this vault, so it counts for the peer's quota
//	<vault>.rate    how many records the peer has lately added to the vault
//
// The name of the folder is the peer's device ID, or a hash of the name of a peer that has none, so that renaming a peer
// changes nothing. Files are written under the vault's lock.
type account struct {
	root vfs.FS
	dir  string
}

func accountOf(root vfs.FS, p *Peer) account {
	id := [32]byte(p.Device)
	if p.Device == (keys.DeviceID{}) {
		id = sha256.Sum256([]byte("evault peer through ssh\x00" + p.Name))
	}
	return account{root, path.Join(accountsDir, hex.EncodeToString(id[:]))}
}

// made lists the vaults that the peer has made.
func (a account) made() ([]keys.VaultID, error) {
	names, err := namesIn(a.root, a.dir)
	if err != nil {
		return nil, err
	}
	var list []keys.VaultID
	for _, n := range names {
		digits, ok := strings.CutSuffix(n.Name, madeSuffix)
		if v, err := keys.ParseVaultID(digits); ok && err == nil {
			list = append(list, v)
		}
	}
	return list, nil
}

// noteMade says that the peer makes a vault. It comes before the vault, so that none is forgotten.
func (a account) noteMade(v keys.VaultID) error { return a.write(v.String()+madeSuffix, nil) }

func (a account) write(name string, data []byte) error {
	if err := vfs.MkdirAllSync(a.root, a.dir, 0o700); err != nil {
		return err
	}
	return vfs.Publish(a.root, path.Join(a.dir, name), data, 0o600)
}

// rate is how many records a peer has added to a vault in the hour of that number (since 1970), and in the one before. Both
// together tell, closely enough, how many there were in the last sixty minutes.
type rate struct {
	Hour    int64  `json:"hour"`
	Records uint64 `json:"records"`
	Before  uint64 `json:"before"`
}

// rate reads the count for a vault as of now. One that cannot be read counts from the start: it is no vault's only copy.
func (a account) rate(v keys.VaultID, now time.Time) (rate, error) {
	hour := now.Unix() / 3600
	f, err := a.root.OpenHandle(path.Join(a.dir, v.String()+rateSuffix), 0, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return rate{Hour: hour}, nil
	}
	if err != nil {
		return rate{}, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxRateFile))
	if err := errors.Join(err, f.Close()); err != nil {
		return rate{}, err
	}
	var r rate
	if json.Unmarshal(data, &r) != nil {
		return rate{Hour: hour}, nil
	}
	return r.at(hour), nil
}

func (a account) writeRate(v keys.VaultID, r rate) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return a.write(v.String()+rateSuffix, data)
}

// at moves the count on to an hour. A clock that was set back begins anew.
func (r rate) at(hour int64) rate {
	switch hour {
	case r.Hour:
		return r
	case r.Hour + 1:
		return rate{Hour: hour, Before: r.Records}
	}
	return rate{Hour: hour}
}

// allow says whether n more records are within the limit now; remote.ErrQuota and when to ask again if not.
func (r rate) allow(n, limit uint64, now time.Time) error {
	const hour = 3600
	past := now.Unix() % hour
	recent := func(before, records uint64, past int64) uint64 { return records + before*uint64(hour-past)/hour }
	if recent(r.Before, r.Records, past)+n <= limit {
		return nil
	}
	err := &tooManyRecords{limit: limit, after: time.Minute}
	for at := past + 60; n <= limit && at < 2*hour; at += 60 {
		now := recent(r.Before, r.Records, at)
		if at >= hour {
			now = recent(r.Records, 0, at-hour)
		}
		if now+n <= limit {
			err.after = time.Duration(at-past) * time.Second
			break
		}
	}
	return err
}

// tooManyRecords says that a peer has to wait. It is remote.ErrQuota.
type tooManyRecords struct {
	limit uint64
	after time.Duration
}

func (e *tooManyRecords) Error() string {
	return fmt.Sprintf("%v: %d records an hour, try again in %v", remote.ErrQuota, e.limit, e.after)
}

// Unwrap makes the error remote.ErrQuota.
func (e *tooManyRecords) Unwrap() error { return remote.ErrQuota }

// RetryAfter says when there will be room.
func (e *tooManyRecords) RetryAfter() time.Duration { return e.after }
