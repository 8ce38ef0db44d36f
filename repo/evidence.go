package repo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"evault/internal/vfs"
	"evault/refs"
)

// evidenceDir, in local/, keeps what a remote was caught with. Records that prove a fork are kept there byte for byte by
// package refs; beside them is a note in JSON for each problem, named by the second and a number.
const evidenceDir = "evidence"

// evidenceNote is what a person needs who asks a host's owner what happened.
type evidenceNote struct {
	Schema  string `json:"schema"`
	Time    string `json:"time"`
	Remote  string `json:"remote"`
	URL     string `json:"url"`
	Vault   string `json:"vault"`
	Store   string `json:"store"`
	Problem string `json:"problem"`
}

// maxEvidence bounds how many notes one second may add: a host that lies a lot is caught once.
const maxEvidence = 100

// evidence opens the folder.
func (c *conversation) evidence() (vfs.FS, error) {
	if err := vfs.MkdirAll(c.repo.local, evidenceDir, 0o700); err != nil {
		return nil, err
	}
	return c.repo.local.Sub(evidenceDir)
}

// keepEvidence writes a note about a problem that says that history was changed. Damage and held-back records explain
// themselves.
func (c *conversation) keepEvidence(problem error) error {
	if !isSecurity(problem) {
		return nil
	}
	folder, err := c.evidence()
	if err != nil {
		return err
	}
	now := c.repo.settings.now().UTC()
	data, err := json.MarshalIndent(evidenceNote{"evault.evidence/1", now.Format("2006-01-02T15:04:05.000Z"), c.name, c.url.String(),
		c.repo.vault.ID().String(), c.info.Store.String(), problem.Error()}, "", "  ")
	if err != nil {
		return errors.Join(err, folder.Close())
	}
	for n := range maxEvidence {
		err = vfs.PublishNew(folder, fmt.Sprintf("%s-%s-%d.json", now.Format("20060102T150405Z"), c.name, n), append(data, '\n'), 0o600)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	return errors.Join(err, folder.Close())
}

// isSecurity says that an error means that somebody may be cheating.
func isSecurity(err error) bool {
	return errors.Is(err, ErrSecurity) || errors.Is(err, refs.ErrSecurity) || errors.Is(err, ErrStoreReplaced)
}
