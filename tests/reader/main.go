// Command reader is a second implementation of evault's format, for reading only, written from docs/format.md and from
// nothing else: it imports no package of evault, only the standard library, age, and a zstd decompressor. That it
// restores what evault wrote shows that the document says all there is to know.
//
//	go run ./tests/reader -identity FILE -vault-id HEX .evault OUT
//	go run ./tests/reader -passphrase-file FILE .evault OUT
//
// It opens a slot, keyring and rosters, verifies every pack (name, commitments, tags, every object's ID), every log
// (chain, both signatures of every record, who was allowed to write, what it has seen) and every commit's signature, and
// restores the tip of a branch, or a commit, to a folder that it makes.
//
// It is stricter than evault: where that passes over a bad file as long as good ones are left, this stops and names it.
// It knows no pins, so it cannot tell an old copy of a vault from the newest. Owners, devices, set-ID bits and times of
// symbolic links are left out.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "reader:", err)
		os.Exit(1)
	}
}

type options struct {
	identity, passphrase, vaultID, branch, commit string
	vault, out                                    string
}

func parse(args []string) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("reader", flag.ContinueOnError)
	flags.StringVar(&o.identity, "identity", "", "identity file of a device, or any file of age keys")
	flags.StringVar(&o.passphrase, "passphrase-file", "", "file that holds a passphrase or recovery words")
	flags.StringVar(&o.vaultID, "vault-id", "", "64 hexadecimal digits; needed with -identity")
	flags.StringVar(&o.branch, "branch", "main", "branch whose tip to restore")
	flags.StringVar(&o.commit, "commit", "", "commit to restore: 64 hexadecimal digits")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() != 2 || (o.identity == "") == (o.passphrase == "") || o.identity != "" && len(o.vaultID) != 64 {
		return nil, errors.New("usage: reader (-identity FILE -vault-id HEX | -passphrase-file FILE) [-branch NAME | -commit HEX] .evault OUT")
	}
	o.vault, o.out = flags.Arg(0), flags.Arg(1)
	return o, nil
}

func run(args []string, out io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	v, err := unlock(o)
	if err != nil {
		return err
	}
	if err := v.openPacks(); err != nil {
		return err
	}
	logs, err := v.readLogs()
	if err != nil {
		return err
	}
	f, err := v.foldLogs(logs)
	if err != nil {
		return err
	}
	if missing := v.missing(f); len(missing) > 0 {
		return fmt.Errorf("packs are missing: %s", strings.Join(missing, " "))
	}
	commits, err := v.checkCommits(f)
	if err != nil {
		return err
	}
	records := 0
	for _, log := range logs {
		records += len(log)
	}
	fmt.Fprintf(out, "vault %x: %d rosters, %d packs, %d objects, %d logs, %d records, %d commits, all verified\n",
		v.id, len(v.rosters), len(v.packs), len(v.objects), len(logs), records, commits)
	id, err := v.choose(o, f)
	if err != nil {
		return err
	}
	r, err := v.restore(id, o.out)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "commit %x: %d files, folders and links restored to %s\n", id, r.files, o.out)
	for _, name := range r.left {
		fmt.Fprintf(out, "left out: %q\n", name)
	}
	return nil
}

// unlock opens the vault by the first slot that will do.
func unlock(o *options) (*vault, error) {
	keys, err := o.keys()
	if err != nil {
		return nil, err
	}
	lines, err := openSlots(o.vault, keys)
	if err != nil {
		return nil, err
	}
	failure := errors.New("no slot for these keys")
	for _, l := range lines {
		if o.vaultID != "" && fmt.Sprintf("%x", l.vault) != o.vaultID {
			failure = errors.New("a slot names another vault")
			continue
		}
		v, err := openVault(o.vault, l)
		if err == nil {
			return v, nil
		}
		failure = err
	}
	return nil, failure
}

func (o *options) keys() ([]age.Identity, error) {
	if o.identity != "" {
		f, err := os.Open(o.identity)
		if err != nil {
			return nil, err
		}
		keys, err := age.ParseIdentities(f)
		return keys, errors.Join(err, f.Close())
	}
	text, err := os.ReadFile(o.passphrase)
	if err != nil {
		return nil, err
	}
	key, err := age.NewScryptIdentity(strings.TrimRight(string(text), "\r\n"))
	if err != nil {
		return nil, err
	}
	key.SetMaxWorkFactor(22)
	return []age.Identity{key}, nil
}

// choose gives the commit to restore.
func (v *vault) choose(o *options, f *fold) (id [32]byte, err error) {
	if o.commit == "" {
		return v.resolve(f, "heads/"+o.branch)
	}
	if len(o.commit) != 64 || strings.Trim(o.commit, "0123456789abcdef") != "" {
		return id, fmt.Errorf("%q is no commit", o.commit)
	}
	fill(&id, o.commit)
	return id, nil
}
