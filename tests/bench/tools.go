//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// tool is one program with the command lines of each kind of work. In them {DATA} is the folder to keep, {REPO} the tool's
// own folder, {OUT} where a restore goes. An empty line means that the tool has no such work.
type tool struct {
	name    string
	needs   string // the program that must be installed
	env     []string
	setup   string
	commit  string
	nothing string // what to run when nothing changed
	status  string
	restore string
	verify  string
	inTree  string // a folder that the tool keeps inside the data: moved aside when the data change
}

func (t *tool) installed() bool {
	_, err := exec.LookPath(t.needs)
	return err == nil
}

// line fills in the folders.
func (t *tool) line(text, data, repo, out string) string {
	return strings.NewReplacer("{DATA}", data, "{REPO}", repo, "{OUT}", out).Replace(text)
}

func allTools(evault string) []*tool {
	return []*tool{
		{
			name: "evault", needs: evault, inTree: ".evault",
			env:     []string{"EVAULT_CONFIG_HOME={REPO}/config", "EVAULT_STATE_HOME={REPO}/state"},
			setup:   "cd {DATA} && " + evault + " init -q --no-passphrase",
			commit:  "cd {DATA} && " + evault + " commit -q -A -m bench",
			status:  "cd {DATA} && " + evault + " status --porcelain",
			restore: "cd {DATA} && " + evault + " restore -q --to {OUT}",
			verify:  "cd {DATA} && " + evault + " verify -q",
		},
		{
			name: "pipe", needs: "zstd",
			commit: "tar -C {DATA} -cf - . | zstd -q -1 -T2 | openssl enc -aes-256-ctr -pass pass:x -pbkdf2 -iter 1 > {REPO}/data",
		},
		{
			name: "restic", needs: "restic",
			env:     []string{"RESTIC_PASSWORD=x", "RESTIC_REPOSITORY={REPO}/r", "RESTIC_CACHE_DIR={REPO}/cache"},
			setup:   "restic -q init",
			commit:  "cd {DATA} && restic -q backup .",
			restore: "restic -q restore latest --target {OUT}",
			verify:  "restic -q check --read-data",
		},
		{
			name: "borg", needs: "borg",
			env:     []string{"BORG_PASSPHRASE=x", "BORG_REPO={REPO}/r", "BORG_CACHE_DIR={REPO}/cache", "BORG_CONFIG_DIR={REPO}/config"},
			setup:   "borg init -e repokey",
			commit:  "cd {DATA} && borg create ::{now:%s%f} .",
			restore: "mkdir -p {OUT} && cd {OUT} && borg extract ::$(borg list --last 1 --short)",
			verify:  "borg check --verify-data",
		},
		{
			name: "git", needs: "git", inTree: ".git",
			env:     []string{"GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=x", "GIT_AUTHOR_EMAIL=x", "GIT_COMMITTER_NAME=x", "GIT_COMMITTER_EMAIL=x"},
			setup:   "git -C {DATA} init -q",
			commit:  "cd {DATA} && git add -A -f && git -c gc.auto=0 commit -q -m bench",
			nothing: "git -C {DATA} status --porcelain",
			status:  "git -C {DATA} status --porcelain",
			restore: "mkdir -p {OUT} && git -C {DATA} checkout-index -a --prefix={OUT}/",
			verify:  "git -C {DATA} fsck --full",
		},
	}
}

// stored gives the bytes that a tool keeps.
func (t *tool) stored(data, repo string) (int64, error) {
	switch t.name {
	case "evault":
		return sizeOf(filepath.Join(data, t.inTree, "store"))
	case "git":
		return sizeOf(filepath.Join(data, t.inTree))
	case "restic", "borg":
		return sizeOf(filepath.Join(repo, "r"))
	}
	return sizeOf(repo)
}

func sizeOf(dir string) (int64, error) {
	var total int64
	err := filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
		return err
	})
	return total, err
}
