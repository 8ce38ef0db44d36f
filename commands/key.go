package commands

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"evault/internal/vfs"
	"evault/keys"
	"evault/repo"
)

func newKey(a *app) *cobra.Command {
	return group("key", "List, add and remove what opens the vault",
		`List, add and remove the key slots of the vault. Each slot is a standard age file that opens it: by this device's identity,
by a passphrase, by recovery words, or by somebody's age recipient or SSH key.`,
		`  evault key list
  evault key add --recovery-words
  evault key remove 1a2b3c4d --yes`,
		newKeyList(a), newKeyAdd(a), newKeyRemove(a), newKeyExport(a))
}

func newKeyList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the key slots",
		Example: `  evault key list --json`,
		Args:    between(0, 0, ""),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.runKeyList(cmd.Context()) },
	}
}

type slotJSON struct {
	schema
	ID      string `json:"id"`
	Kind    string `json:"kind"`
	Stanza  string `json:"stanza,omitempty"` // how age says it opens
	Label   string `json:"label,omitempty"`
	Local   bool   `json:"local"`
	Present bool   `json:"present"`
	Listed  bool   `json:"listed"`
}

func (a *app) runKeyList(ctx context.Context) error {
	return a.withVault(ctx, repo.ReadOnly, func(v *openVault) error {
		slots, err := v.Slots(ctx)
		if err != nil {
			return err
		}
		for _, s := range slots {
			if a.flags.json {
				if err := a.emit(slotJSON{schemaOf("key"), hex.EncodeToString(s.Hash[:]), slotKind(s), s.Stanza, s.Label,
					s.Local, s.Present, s.Listed}); err != nil {
					return err
				}
				continue
			}
			a.printf("%s  %-10s  %s%s\n", hex.EncodeToString(s.Hash[:6]), slotKind(s), quoted(s.Label), slotRemarks(s))
		}
		return nil
	})
}

// slotKind names a slot; the kind of one that no roster lists is known to nobody.
func slotKind(s keys.SlotInfo) string {
	if !s.Listed {
		return "unknown"
	}
	return s.Kind.String()
}

func slotRemarks(s keys.SlotInfo) string {
	switch {
	case !s.Listed:
		return "  (on no list of the members: left by a crash, or put there by somebody else)"
	case !s.Present:
		return "  (its file is missing or damaged)"
	case s.Local:
		return "  (stays on this machine)"
	}
	return ""
}

type keyAddOptions struct {
	passphrase, recoveryWords bool
	recipient                 string
}

func newKeyAdd(a *app) *cobra.Command {
	var o keyAddOptions
	cmd := &cobra.Command{
		Use:   "add",
		Short: "Add a key slot",
		Long: `Add a key slot: a passphrase (from --passphrase-file, EVAULT_PASSPHRASE_FILE, EVAULT_PASSPHRASE_COMMAND, or asked for on a
terminal), recovery words, which are generated and shown once, or an age recipient or SSH public key.`,
		Example: `  evault key add --passphrase
  evault key add --recovery-words
  evault key add --recipient age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p`,
		Args: between(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			chosen := 0
			for _, on := range []bool{o.passphrase, o.recoveryWords, o.recipient != ""} {
				if on {
					chosen++
				}
			}
			if chosen != 1 {
				return usagef(cmd, "key add needs one of --passphrase, --recovery-words, --recipient")
			}
			return a.runKeyAdd(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.passphrase, "passphrase", false, "a passphrase")
	f.BoolVar(&o.recoveryWords, "recovery-words", false, "words that are generated and shown once")
	f.StringVar(&o.recipient, "recipient", "", "an age recipient or SSH public key (`RECIPIENT`)")
	return cmd
}

type keyAddJSON struct {
	schema
	Kind          string   `json:"kind"`
	RecoveryWords string   `json:"recovery_words,omitempty"`
	Notes         []string `json:"notes"`
}

func (a *app) runKeyAdd(ctx context.Context, o keyAddOptions) error {
	var pass []byte
	if o.passphrase {
		var err error
		if pass, err = a.passphraseToAdd(ctx); err != nil {
			return err
		}
	}
	return a.withVault(ctx, repo.Writing, func(v *openVault) error {
		result, err := addSlot(ctx, v, o, pass)
		if err != nil {
			return err
		}
		if a.flags.json {
			result.schema, result.Notes = schemaOf("key-add"), nonNil(result.Notes)
			return a.emit(result)
		}
		a.showRecoveryWords(result.RecoveryWords)
		for _, n := range result.Notes {
			a.note("%s", n)
		}
		return nil
	})
}

func (a *app) passphraseToAdd(ctx context.Context) ([]byte, error) {
	pass, found, err := a.configuredPassphrase(ctx)
	if found || err != nil {
		return pass, err
	}
	pass, err = a.askTwice(ctx, "New passphrase: ")
	if err == nil && pass == nil {
		err = errors.New("an empty passphrase opens nothing")
	}
	return pass, err
}

func addSlot(ctx context.Context, v *openVault, o keyAddOptions, pass []byte) (r keyAddJSON, err error) {
	switch {
	case o.passphrase:
		r.Kind = keys.SlotPassphrase.String()
		r.Notes, err = v.AddPassphrase(ctx, pass)
	case o.recoveryWords:
		r.Kind = keys.SlotRecovery.String()
		r.RecoveryWords, err = v.AddRecoveryWords(ctx)
	default:
		r.Kind = keys.SlotRecipient.String()
		err = v.AddRecipient(ctx, o.recipient)
	}
	return r, err
}

func newKeyRemove(a *app) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "remove ID",
		Short: "Remove a key slot",
		Long: `Remove the key slot whose ID begins with ID. Whoever has opened it before may have kept the vault's secret: removing a slot
takes away a way in, it does not change the locks.`,
		Example: `  evault key remove 1a2b3c4d --yes`,
		Args:    between(1, 1, "the ID of one slot"),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.runKeyRemove(cmd, args[0], yes) },
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

type keyRemoveJSON struct {
	schema
	ID    string   `json:"id"`
	Notes []string `json:"notes"`
}

func (a *app) runKeyRemove(cmd *cobra.Command, prefix string, yes bool) error {
	ctx := cmd.Context()
	if !yes {
		if err := a.confirmSlotRemoval(cmd, prefix); err != nil {
			return err
		}
	}
	return a.withVault(ctx, repo.Writing, func(v *openVault) error {
		notes, err := v.RemoveSlot(ctx, prefix)
		if err != nil {
			return err
		}
		if a.flags.json {
			return a.emit(keyRemoveJSON{schemaOf("key-remove"), prefix, nonNil(notes)})
		}
		for _, n := range notes {
			a.note("%s", n)
		}
		return nil
	})
}

// confirmSlotRemoval asks about the slot that is meant, without the vault's lock.
func (a *app) confirmSlotRemoval(cmd *cobra.Command, prefix string) error {
	if !a.canConfirm() {
		return usagef(cmd, "to remove a key slot without a terminal to ask on takes --yes")
	}
	var slot keys.SlotInfo
	err := a.withVault(cmd.Context(), repo.ReadOnly, func(v *openVault) (err error) {
		slot, err = v.FindSlot(cmd.Context(), prefix)
		return err
	})
	if err != nil {
		return err
	}
	what := slot.Kind.String()
	if slot.Label != "" {
		what += " " + quoted(slot.Label)
	}
	return a.confirm(cmd.Context(), fmt.Sprintf("Remove the slot %x (%s)? What it opens the vault with will open it no more.", slot.Hash[:4], what))
}

func newKeyExport(a *app) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "export ID",
		Short: "Write a key slot, a standard age file",
		Long: `Write the key slot whose ID begins with ID: a standard age file. "age -d" opens it with the passphrase, words or identity
it was made for; what it holds is the secret of the vault.`,
		Example: `  evault key export 1a2b3c4d -o slot.age`,
		Args:    between(1, 1, "the ID of one slot"),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.runKeyExport(cmd, args[0], output) },
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "write to `FILE` (- is stdout)")
	return cmd
}

func (a *app) runKeyExport(cmd *cobra.Command, prefix, output string) error {
	if output == "-" {
		output = ""
	}
	if output == "" && a.env.Terminal.Out {
		return usagef(cmd, "a slot is not written to a terminal; give -o FILE or redirect stdout")
	}
	return a.withVault(cmd.Context(), repo.ReadOnly, func(v *openVault) error {
		data, err := v.ExportSlot(cmd.Context(), prefix)
		if err != nil {
			return err
		}
		if output == "" {
			_, err := a.out.Write(data)
			return err
		}
		return a.publish(output, data, 0o600)
	})
}

// publish writes a file that the user has named, whole or not at all.
func (a *app) publish(name string, data []byte, mode os.FileMode) error {
	file := a.absolute(name)
	dir, err := vfs.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	return errors.Join(vfs.Publish(dir, filepath.Base(file), data, mode), dir.Close())
}
