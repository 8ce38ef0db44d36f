package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"evault/internal/vfs"
	"evault/repo"
)

type initOptions struct {
	dir           string
	noPassphrase  bool
	recoveryWords bool
	label         string
	branch        string
	recipients    []string
}

func newInit(a *app) *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Make a new vault",
		Long: `Make a new vault in DIR, or here. The identity of this device, which opens the vault in daily use, is made if there is none.

A passphrase or recovery words are what opens the vault when this device is lost. The passphrase comes from
--passphrase-file, EVAULT_PASSPHRASE_FILE or EVAULT_PASSPHRASE_COMMAND, or is asked for on a terminal; without any of
these only this device opens the vault.`,
		Example: `  evault init
  evault init ~/documents --recovery-words
  evault init --no-passphrase --label nas`,
		Args: between(0, 1, "at most one folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.dir = args[0]
			}
			if o.noPassphrase && a.flags.passphraseFile != "" {
				return usagef(cmd, "--no-passphrase and --passphrase-file contradict each other")
			}
			return a.runInit(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.noPassphrase, "no-passphrase", false, "make no passphrase slot and do not ask")
	f.BoolVar(&o.recoveryWords, "recovery-words", false, "generate words that open the vault, and show them once")
	f.StringVar(&o.label, "label", "", "what to call this device (default: its host name)")
	f.StringVar(&o.branch, "branch", "main", "the first branch")
	f.StringArrayVar(&o.recipients, "recipient", nil, "an age `RECIPIENT` that opens the vault too (may be repeated)")
	return cmd
}

func (a *app) runInit(ctx context.Context, o initOptions) error {
	if named := a.getenv("EVAULT_DIR"); named != "" && o.dir == "" { // as every other verb understands it
		o.dir = strings.TrimSuffix(strings.TrimRight(named, `/\`), string(filepath.Separator)+repo.VaultDir)
	}
	root, err := a.makeWorkTree(o.dir)
	if err != nil {
		return err
	}
	places, err := a.openPlaces(root, false)
	if err != nil {
		return err
	}
	result, initErr := a.initVault(ctx, places, o)
	if err := errors.Join(initErr, closePlaces(places)); err != nil {
		return err
	}
	return a.showInit(root, o, result)
}

func (a *app) initVault(ctx context.Context, places repo.Places, o initOptions) (*repo.InitResult, error) {
	if _, err := places.Work.LstatStat(repo.VaultDir); err == nil { // before asking anything
		return nil, fmt.Errorf("%s: %w", filepath.Join(places.WorkPath, repo.VaultDir), repo.ErrExists)
	}
	pass, err := a.newPassphrase(ctx, o)
	if err != nil {
		return nil, err
	}
	if o.label == "" {
		o.label = hostName()
	}
	return repo.Init(ctx, places, a.settings(), repo.InitOptions{
		Label: o.label, Branch: o.branch, Passphrase: pass, RecoveryWords: o.recoveryWords, Recipients: o.recipients,
	})
}

// newPassphrase gets the passphrase of a new vault; nil means that it shall have none.
func (a *app) newPassphrase(ctx context.Context, o initOptions) ([]byte, error) {
	if o.noPassphrase {
		return nil, nil
	}
	pass, found, err := a.configuredPassphrase(ctx)
	if found || err != nil {
		return pass, err
	}
	if a.canAsk() {
		if pass, err = a.askTwice(ctx, "New passphrase (empty: none): "); err != nil {
			return nil, err
		}
	}
	if pass == nil && !o.recoveryWords && len(o.recipients) == 0 {
		a.note("no passphrase: only the identity of this device opens the vault, and with it the vault is lost")
		a.hint(`"evault key add --passphrase" or "evault key add --recovery-words" adds a second way in`)
	}
	return pass, nil
}

// makeWorkTree gives the absolute path of the folder, without links, and makes it where it is missing.
func (a *app) makeWorkTree(dir string) (string, error) {
	dir = a.absolute(dir)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		fsys, err := vfs.OpenOrCreate(dir)
		if err != nil {
			return "", err
		}
		if err := fsys.Close(); err != nil {
			return "", err
		}
	}
	return filepath.EvalSymlinks(dir)
}

type initJSON struct {
	schema
	Vault         string   `json:"vault"`
	WorkTree      string   `json:"work_tree"`
	Branch        string   `json:"branch"`
	Device        string   `json:"device"`
	NewIdentity   bool     `json:"new_identity"`
	RecoveryWords string   `json:"recovery_words,omitempty"`
	Notes         []string `json:"notes"`
}

func (a *app) showInit(root string, o initOptions, r *repo.InitResult) error {
	if a.flags.json {
		return a.emit(initJSON{schemaOf("init"), r.Vault.String(), root, o.branch, r.Device.String(), r.NewIdentity,
			r.RecoveryWords, nonNil(r.Notes)})
	}
	a.say("New vault in %s\n", quoted(filepath.Join(root, repo.VaultDir)))
	if a.flags.verbose {
		a.printf("vault:  %s\nbranch: %s\n", r.Vault, o.branch)
	}
	if r.NewIdentity {
		a.say("New identity of this device: %s\n", r.Device)
	}
	a.showRecoveryWords(r.RecoveryWords)
	for _, n := range r.Notes {
		a.note("%s", n)
	}
	return nil
}

// showRecoveryWords prints them even with --quiet: there is no second time.
func (a *app) showRecoveryWords(words string) {
	if words == "" {
		return
	}
	a.printf("\nRecovery words. Write them down now: they are shown this once and stored nowhere.\n"+
		"Whoever has them can read everything in the vault.\n\n    %s\n\n", words)
}
