package repo

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"evault/keys"
)

// Slots lists the key slots of the vault.
func (r *Repository) Slots(context.Context) ([]keys.SlotInfo, error) {
	return r.vault.Slots(keyStore{r.store, r.local})
}

// AddPassphrase adds a slot that a passphrase opens. The notes say, for one that is too weak to be published, that its
// slot stays on this machine.
func (r *Repository) AddPassphrase(_ context.Context, passphrase []byte) (notes []string, err error) {
	change, err := r.vault.AddPassphraseSlot(passphrase, 0)
	if err != nil {
		return nil, err
	}
	return change.Notes, r.applyKeys(change)
}

// AddRecoveryWords adds a slot that generated words open. They are kept nowhere: the caller shows them once.
func (r *Repository) AddRecoveryWords(context.Context) (words string, err error) {
	words, change, err := r.vault.AddRecoveryWordsSlot()
	if err != nil {
		return "", err
	}
	return words, r.applyKeys(change)
}

// AddRecipient adds a slot for an age recipient or an SSH public key.
func (r *Repository) AddRecipient(_ context.Context, recipient string) error {
	change, err := r.vault.AddRecipientSlot(recipient)
	if err != nil {
		return err
	}
	return r.applyKeys(change)
}

// RemoveSlot removes the slot whose hash begins with prefix. The notes say what its holder may have kept.
func (r *Repository) RemoveSlot(ctx context.Context, prefix string) (notes []string, err error) {
	slot, err := r.findSlot(ctx, prefix)
	if err != nil {
		return nil, err
	}
	change, err := r.vault.RemoveSlot(slot.Hash)
	if err != nil {
		return nil, err
	}
	return change.Notes, r.applyKeys(change)
}

// ExportSlot gives the bytes of one slot, a standard age file.
func (r *Repository) ExportSlot(ctx context.Context, prefix string) ([]byte, error) {
	slot, err := r.findSlot(ctx, prefix)
	if err != nil {
		return nil, err
	}
	return keyStore{r.store, r.local}.Read(slot.Name, maxSlotSize)
}

const (
	maxSlotSize   = 16 << 10
	minSlotPrefix = 4
)

// FindSlot gives the slot whose ID begins with prefix, at least four digits. An ID that none or several begin with is ErrUsage
// or keys.ErrNoSlot, with the candidates.
func (r *Repository) FindSlot(ctx context.Context, prefix string) (keys.SlotInfo, error) {
	return r.findSlot(ctx, prefix)
}

func (r *Repository) findSlot(ctx context.Context, prefix string) (keys.SlotInfo, error) {
	if len(prefix) < minSlotPrefix {
		return keys.SlotInfo{}, usagef("%q: give at least %d digits of the slot's ID (evault key list shows them)", prefix, minSlotPrefix)
	}
	all, err := r.Slots(ctx)
	if err != nil {
		return keys.SlotInfo{}, err
	}
	var found []keys.SlotInfo
	for _, s := range all {
		if strings.HasPrefix(hex.EncodeToString(s.Hash[:]), prefix) {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return keys.SlotInfo{}, fmt.Errorf("%w %q (evault key list shows them)", errNoSuchSlot, prefix)
	case 1:
		return found[0], nil
	}
	return keys.SlotInfo{}, usagef("%q begins %d slots: give more digits", prefix, len(found))
}

var errNoSuchSlot = errors.New("no key slot begins with")

// applyKeys stores a change of slots: what is new first, then what is dropped goes.
func (r *Repository) applyKeys(c keys.ChangeSet) error {
	if err := writeKeyFiles(r.places.Vault, c.LocalOnly, c.Add); err != nil {
		return fmt.Errorf("storing the change of keys: %w", err)
	}
	for _, name := range c.Remove {
		fsys, name := keyStore{r.store, r.local}.place(name)
		if err := fsys.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing a key slot: %w", err)
		}
	}
	return r.pinRoster()
}
