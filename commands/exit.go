package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"evault/keys"
	"evault/objects"
	"evault/pack"
	"evault/refs"
	"evault/remote"
	"evault/remote/folder"
	"evault/remote/pairing"
	"evault/repo"
)

// The exit codes. They are promised to scripts and never change their meaning.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNoVault     = 10
	exitLocked      = 11
	exitNotUnlocked = 12
	exitConflict    = 13
	exitUnreachable = 14
	exitDamaged     = 20
	exitSecurity    = 21
	exitInterrupted = 130
)

// reported is an error about which everything has been printed; only its exit code is left.
type reported int

func (r reported) Error() string { return fmt.Sprintf("exit code %d", int(r)) }

// exitKinds gives each kind of error its code. The first that fits counts, so what matters most comes first.
func exitKinds() []exitKind {
	return []exitKind{
		{context.Canceled, exitInterrupted, ""},
		{remote.ErrWrongPeer, exitSecurity, hintWrongPeer},
		{repo.ErrStoreReplaced, exitSecurity, hintReplaced},
		{repo.ErrRequestChanged, exitSecurity, "copy the whole line again; if it is whole, somebody has put something of their own in its place: carry it another way"},
		{refs.ErrRollback, exitSecurity, hintRollback},
		{repo.ErrSecurity, exitSecurity, hintSecurity},
		{refs.ErrSecurity, exitSecurity, hintSecurity},
		{keys.ErrSignature, exitSecurity, hintSecurity},
		{keys.ErrUnknownDevice, exitSecurity, hintSecurity},
		{keys.ErrForeign, exitSecurity, hintSecurity},
		{keys.ErrRosterConflict, exitSecurity, "\"evault device list --all\" shows the members; \"evault device reconcile\" on an admin device settles it"},
		{repo.ErrNewer, exitFailed, hintNewer},
		{refs.ErrNewer, exitFailed, hintNewer},
		{keys.ErrNewer, exitFailed, hintNewer},
		{objects.ErrNewer, exitFailed, hintNewer},
		{repo.ErrDamaged, exitDamaged, hintDamaged},
		{refs.ErrDamaged, exitDamaged, hintDamaged},
		{pack.ErrDamaged, exitDamaged, hintDamaged},
		{keys.ErrTampered, exitDamaged, hintDamaged},
		{objects.ErrMalformed, exitDamaged, hintDamaged},
		{objects.ErrNotFound, exitDamaged, hintDamaged},
		{repo.ErrNoVault, exitNoVault, "\"evault init\" makes a vault here; -C DIR or EVAULT_DIR names another folder"},
		{repo.ErrLocked, exitLocked, "it may be a backup that is running; --wait 30s waits for it"},
		{keys.ErrWrongPassphrase, exitNotUnlocked, ""},
		{keys.ErrRecoveryWords, exitNotUnlocked, "the words are checked before they are tried: one of them is misspelt, missing or out of place"},
		{repo.ErrNoPassphraseSlot, exitNotUnlocked, "on a device that has the vault, \"evault key add --recovery-words\" and \"evault push\"; or let this one in there: \"evault device add\""},
		{repo.ErrNotUnlocked, exitNotUnlocked, hintPassphrase},
		{errNoTerminal, exitNotUnlocked, hintPassphrase},
		{keys.ErrNoSlot, exitNotUnlocked, "\"evault key list\" shows what opens this vault"},
		{keys.ErrNotAdmin, exitFailed, "\"evault device list\" shows who is an admin: do it on one of these"},
		{keys.ErrLastAdmin, exitFailed, "make another device an admin first: \"evault device role\""},
		{keys.ErrRevoked, exitFailed, "to come back it needs a new identity: move the identity file away, and join anew"},
		{repo.ErrDeviceRequest, exitFailed, "a request is one line, which \"evault identity --request VAULT\" prints on the new device"},
		{keys.ErrNoDevice, exitNotUnlocked, "this device is no member of the vault"},
		{repo.ErrFetchFirst, exitConflict, "\"evault pull\" brings in what other devices did; then push again"},
		{repo.ErrOtherTag, exitConflict, "tags are not replaced by themselves: choose another name, or \"evault push --rewrite REMOTE TAG\" to replace the one there, \"evault tag -d TAG\" to take the one there"},
		{remote.ErrConflict, exitConflict, "other devices are pushing at this moment; push again"},
		{repo.ErrConflict, exitConflict, ""},
		{refs.ErrConflict, exitConflict, ""},
		{repo.ErrUsage, exitUsage, ""},
		{remote.ErrURL, exitUsage, "\"evault remote --help\" shows the forms of addresses"},
		{remote.ErrDamaged, exitDamaged, "\"evault repair --from REMOTE\" sends it again from here"},
		{remote.ErrVersion, exitFailed, "install the same evault on both sides"},
		{folder.ErrWorkingCopy, exitFailed, "each remote needs a folder of its own: an empty one, or one that is still to be made"},
		{folder.ErrForeign, exitFailed, ""},
		{syscall.EROFS, exitFailed, "what is there can be read, and nothing was changed: make it writable and run the command again"},
		{fs.ErrPermission, exitFailed, ""},
		{remote.ErrRefused, exitFailed, "the owner of the host decides with \"evault peer\"; \"evault identity\" shows who this device is"},
		{remote.ErrQuota, exitFailed, "the owner of the host can give more: \"evault peer quota\""},
		{remote.ErrFull, exitFailed, "make room there, or have its owner do that; nothing that was there is lost, and the next push goes on"},
		{remote.ErrNoStore, exitFailed, "\"evault push\" makes it"},
		{remote.ErrOtherVault, exitFailed, "each vault needs a place of its own: \"evault remote set-url\""},
		{refs.ErrIncomplete, exitUnreachable, "\"evault fetch\" completes what was interrupted"},
		{remote.ErrUnreachable, exitUnreachable, "nothing is lost: run the command again when it is there"},
		{pairing.ErrWrongCode, exitFailed, "compare it with what the other device shows; if it was right, somebody may be in between: pair on another network"},
		{pairing.ErrExpired, exitFailed, hintNewCode},
		{pairing.ErrUsed, exitFailed, hintNewCode},
		{pairing.ErrTooManyTries, exitFailed, hintNewCode},
		{pairing.ErrDeclined, exitFailed, "the other device shows why"},
		{pairing.ErrCode, exitUsage, "the other device shows the code"},
		{pairing.ErrTarget, exitUsage, "an address is as 192.168.1.20:4723; what a QR code says begins with evault-pair:"},
		{errPairCode, exitUsage, ""},
		{repo.ErrUnknownRevision, exitFailed, "\"evault log\" and \"evault branch\" show what there is"},
		{repo.ErrUnsafeIdentity, exitFailed, "the identity file must be yours, a regular file, with mode 0600; if somebody may have read it, make a new one"},
		{repo.ErrForeignOwner, exitFailed, "a vault of another user is not opened, because that user could have prepared it; change its owner or work as that user"},
		{syscall.ENOSPC, exitFailed, "make some room and run the command again: nothing that was there is lost"},
	}
}

const (
	hintSecurity   = "history is not what was seen before. Change nothing; compare with another copy or another device before trusting it"
	hintNewCode    = "run \"evault pair\" again on the device that shows the code: there will be a new one"
	hintWrongPeer  = "somebody may be in between, or the host has a new identity: ask its owner for \"evault identity\" before you change the address"
	hintReplaced   = "if another disk is in its place, or the friend began anew: \"evault remote add --new-store NAME URL\" with the same name and address; if not, somebody hides what was there"
	hintRollback   = "if you have put back an older copy yourself, or this folder is a copy and work went on in another one, \"evault repair --accept-older\" takes it; if not, somebody hides what came after"
	hintDamaged    = "\"evault verify\" names everything that is damaged, \"evault repair\" restores what can be restored, and \"evault repair --from REMOTE\" brings back what is gone"
	hintPassphrase = "give --passphrase-file or set EVAULT_PASSPHRASE_FILE or EVAULT_PASSPHRASE_COMMAND, or run evault on a terminal"
	hintDirty      = "commit or restore these first; --force overwrites them"
	hintNewer      = "install a newer evault; this one changes nothing here"
)

// exitKind is one kind of error with its code and a hint for people.
type exitKind struct {
	err  error
	code int
	hint string
}

// classify gives an error's exit code and hint.
func classify(err error) (code int, hint string) {
	var usage *usageError
	var verb *unknownVerbError
	var done reported
	var dirty *repo.DirtyError
	var conflict *repo.MergeConflictError
	var waiting *repo.InProgressError
	var unresolved *repo.UnresolvedError
	switch {
	case err == nil:
		return exitDone, ""
	case errors.As(err, &done):
		return int(done), ""
	case errors.As(err, &usage):
		return exitUsage, usageHint(usage)
	case errors.As(err, &verb):
		return exitUsage, unknownVerbHint(verb.verb)
	case errors.As(err, &dirty):
		return exitConflict, hintDirty
	case errors.As(err, &conflict):
		return exitConflict, unresolvedHint(conflict.Operation)
	case errors.As(err, &unresolved):
		return exitConflict, unresolvedHint(unresolved.Operation)
	case errors.As(err, &waiting):
		return exitConflict, pendingHint(waiting.Operation, waiting.Writing)
	}
	for _, k := range exitKinds() {
		if errors.Is(err, k.err) {
			return k.code, k.hint
		}
	}
	return exitFailed, ""
}

// unknownVerbHint says what to use instead of a verb that git has, as far as there is something.
func unknownVerbHint(verb string) string {
	if hint, ok := habitHints()[verb]; ok {
		return hint
	}
	return "see \"evault --help\""
}

// usageHint says what to use instead of a flag that git has, or where to read.
func usageHint(err *usageError) string {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		if hint, ok := flagHints()[strings.TrimPrefix(err.command, "evault ")+" "+unknown.GetSpecifiedName()]; ok {
			return hint
		}
	}
	var habit habitError
	if errors.As(err, &habit) {
		if hint, ok := groupHints()[habit.said]; ok {
			return hint
		}
	}
	return "see \"" + err.command + " --help\""
}

// report prints an error, if there is one, and gives the exit code. It is the only place that prints errors.
func (a *app) report(err error) int {
	if err == nil || brokenPipe(err) { // the reader of our output has seen enough
		return exitDone
	}
	code, hint := classify(err)
	var done reported
	if errors.As(err, &done) {
		return code
	}
	a.screen.clear()
	if code == exitInterrupted {
		a.complain("evault: interrupted")
		return code
	}
	a.complain("evault: " + sentence(err))
	switch {
	case hint == hintDamaged:
		hint = a.damageHint()
	case hint == hintDirty && (a.verb == "pull" || a.verb == "merge"): // they have no --force
		hint = "commit or restore these first; then " + a.verb + " again"
	}
	if hint != "" {
		a.hint(hint)
	}
	return code
}

// damageHint does not send somebody to the verb that has just been run.
func (a *app) damageHint() string {
	switch a.verb {
	case "verify":
		if a.verifying != "" {
			return "\"evault repair --from " + a.verifying + "\" sends it again from here"
		}
		return "\"evault repair\" restores what can be restored without another copy, \"evault repair --from REMOTE\" with one"
	case "repair":
		return "what is lost here may be in another copy of the vault: \"evault repair --from REMOTE\" brings it back; or copy that one's .evault/store/packs into this one"
	}
	return hintDamaged
}

// sentence is an error's text for people.
func sentence(err error) string {
	text := strings.TrimRight(err.Error(), "\n")
	if text == repo.ErrSecurity.Error() { // a word is no sentence
		return "there are signs that somebody has changed history, as named"
	}
	return strings.TrimPrefix(text, repo.ErrUsage.Error()+": ") // the code says so
}

// Windows calls a pipe without a reader by these numbers.
const (
	windowsBrokenPipe = syscall.Errno(109)
	windowsNoData     = syscall.Errno(232)
)

func brokenPipe(err error) bool {
	if errors.Is(err, syscall.EPIPE) {
		return true
	}
	return runtime.GOOS == "windows" && (errors.Is(err, windowsBrokenPipe) || errors.Is(err, windowsNoData))
}
