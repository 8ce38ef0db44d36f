package repo

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"evault/internal/vfs"
	"evault/refs"
)

// The newest roster that this user has seen is pinned beside the logs, outside the vault:
//
//	pins/<vault ID>/roster      evault roster pin 1
//	                            <hash of the roster in hexadecimal>
//
// So a roster that was taken away, to bring back a slot or a device that was removed, is noticed. The pin is written after
// the roster is durable: it is never ahead of what is there.
const (
	rosterPinMagic = "evault roster pin 1"
	maxRosterPin   = 256
)

func (r *Repository) rosterPinName() string { return "pins/" + r.vault.ID().String() + "/roster" }

// checkRoster compares the vault's rosters with the pin.
func (r *Repository) checkRoster(mode Mode) error {
	pinned, err := r.readRosterPin()
	if err != nil {
		return err
	}
	if pinned == ([32]byte{}) {
		return nil
	}
	if _, ok := r.vault.RosterByHash(pinned); ok {
		if len(r.vault.RosterHeads()) > 1 {
			return r.vault.PreferRoster(pinned)
		}
		return nil
	}
	err = &kindError{refs.ErrRollback, fmt.Sprintf("roster %s, which was seen earlier, is gone: who may open the vault was put back to an older state",
		hex.EncodeToString(pinned[:8])), nil}
	switch mode {
	case Accepting:
		return nil
	case Checking:
		r.suspicions = append(r.suspicions, err)
		return nil
	}
	return err
}

func (r *Repository) readRosterPin() (hash [32]byte, err error) {
	data, err := readFile(r.places.State, r.rosterPinName(), maxRosterPin)
	if errors.Is(err, fs.ErrNotExist) {
		return hash, nil
	}
	if err != nil {
		return hash, fmt.Errorf("pin of the roster: %w", err)
	}
	text, ok := strings.CutPrefix(string(data), rosterPinMagic+"\n")
	sum, decodeErr := hex.DecodeString(strings.TrimSuffix(text, "\n"))
	if !ok || decodeErr != nil || len(sum) != len(hash) {
		return hash, fmt.Errorf("%w: the pin of the roster (%s in the user's state folder) cannot be read", ErrDamaged, r.rosterPinName())
	}
	return [32]byte(sum), nil
}

// pinRoster remembers the newest roster. It must be durable.
func (r *Repository) pinRoster() error {
	hash := r.vault.RosterHash()
	if pinned, err := r.readRosterPin(); err == nil && pinned == hash {
		return nil
	}
	name := r.rosterPinName()
	if err := vfs.MkdirAllSync(r.places.State, name[:strings.LastIndexByte(name, '/')], 0o700); err != nil {
		return fmt.Errorf("pin of the roster: %w", err)
	}
	text := rosterPinMagic + "\n" + hex.EncodeToString(hash[:]) + "\n"
	if err := vfs.Publish(r.places.State, name, []byte(text), 0o600); err != nil {
		return fmt.Errorf("pin of the roster: %w", err)
	}
	return nil
}
