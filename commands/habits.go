package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"evault/refs"
	"evault/repo"
)

// What git's users type from habit, and evault says differently.

// habitHints gives, for verbs of git that evault does not have, what to use instead.
func habitHints() map[string]string {
	return map[string]string{
		"fsck":         "\"evault verify\" proves that everything is there and right",
		"gc":           "nothing needs collecting: packs are written once, and every version is kept",
		"ls-files":     "\"evault ls -R\" lists what the last commit holds",
		"ls-tree":      "\"evault ls -l REV:PATH\" lists a folder of a commit",
		"rebase":       "history is not rewritten; \"evault commit --amend\" replaces the last commit",
		"rev-parse":    "\"evault show --json REV\" gives the full ID",
		"stash":        "\"evault switch --keep\" puts aside what is in no commit, \"evault switch BRANCH\" brings it back",
		"unstage":      "there is no staging area; \"evault rm --cached PATH\" takes back an add",
		"update-index": "there is no staging area",
		"worktree":     "\"evault restore --source REV --to DIR .\" writes a commit into another folder",
	}
}

// flagHints gives, for flags of git that a verb here does not have, what to use instead: by "verb flag".
func flagHints() map[string]string {
	const (
		stage    = "there is no staging area: \"evault diff\" compares the work tree with the last commit"
		upstream = "not needed: a branch goes to the one of the same name, and \"evault status\" compares them"
		force    = "\"evault push --rewrite\" moves a branch there even to commits that do not descend from where it is"
		merges   = "not needed: a pull moves forward where it can, else it merges; history is never rewritten"
		pruned   = "not needed: a fetch forgets the branches that are gone there"
	)
	return map[string]string{
		"diff cached": stage, "diff staged": stage, "diff a": "not needed: every file is taken for text unless it holds a NUL",
		"push u": upstream, "push set-upstream": upstream,
		"push f": force, "push force": force, "push force-with-lease": force,
		"push mirror": "\"evault push --all --tags\" pushes every branch and tag",
		"fetch all":   "\"evault fetch --all-remotes\"", "fetch p": pruned, "fetch prune": pruned,
		"pull r": merges, "pull rebase": merges, "pull no-rebase": merges, "pull ff": merges,
		"pull all":    "\"evault fetch --all-remotes\", then \"evault pull REMOTE\"",
		"clone depth": "a clone takes the whole history", "clone mirror": "\"evault clone --bare\" takes every branch",
		"clone n":  "\"evault clone --no-checkout\"",
		"branch u": upstream, "branch set-upstream-to": upstream,
	}
}

// habitError is a verb that a group does not have, as it was said: "remote get-url".
type habitError struct {
	said string
	error
}

// groupHints gives, for what git says behind "remote" and evault does not, what to use instead.
func groupHints() map[string]string {
	return map[string]string{
		"bisect replay": "\"evault bisect log\" prints the commands that say it again: give them to a shell",
		"bisect terms":  "the terms are good and bad",
		"bisect old":    "\"evault bisect good\"", "bisect new": "\"evault bisect bad\"",
		"bisect visualize": "\"evault bisect status\"",
		"remote get-url":   "\"evault remote list\" shows the addresses",
		"remote show":      "\"evault remote list\" shows the addresses, \"evault ls-remote NAME\" the branches there",
		"remote update":    "\"evault fetch --all-remotes\"",
		"remote prune":     "not needed: a fetch forgets the branches that are gone there",
	}
}

// shortForms are git's ways to write a number behind a letter that cobra does not understand: of verbs that have flag, and not
// the flag unless, what matches is replaced.
func shortForms() []shortForm {
	return []shortForm{
		{regexp.MustCompile(`^-n([0-9]+)$`), "lines", "", "--lines=$1"},                 // tag -n3
		{regexp.MustCompile(`^-([0-9]+)$`), "number", "lines", "-n$1"},                  // log -3
		{regexp.MustCompile(`^-M([0-9]+%?)$`), "find-renames", "", "--find-renames=$1"}, // diff -M90%
	}
}

type shortForm struct {
	matches      *regexp.Regexp
	flag, unless string
	replacement  string
}

// withCounts replaces shortForms, up to "--".
func withCounts(root *cobra.Command, args []string) []string {
	cmd, _, err := root.Find(args)
	if err != nil {
		return args
	}
	out := append([]string(nil), args...)
	for _, form := range shortForms() {
		if cmd.Flags().Lookup(form.flag) == nil || form.unless != "" && cmd.Flags().Lookup(form.unless) != nil {
			continue
		}
		for i, arg := range out {
			if arg == "--" {
				break
			}
			out[i] = form.matches.ReplaceAllString(arg, form.replacement)
		}
	}
	return out
}

// before resolves "-", where HEAD was before the last switch or checkout that moved it to another branch or commit.
func (v *openVault) before(ctx context.Context, o repo.CheckoutOptions) (repo.CheckoutOptions, error) {
	if o.Revision != "-" {
		return o, nil
	}
	var was refs.Head
	found := errors.New("found")
	err := v.Reflog(ctx, 0, func(e *repo.ReflogEntry) error {
		if (strings.HasPrefix(e.Operation, "switch") || e.Operation == "checkout") && e.Before != e.After {
			was = e.Before
			return found
		}
		return nil
	})
	switch {
	case errors.Is(err, found):
	case err != nil:
		return o, err
	default:
		return o, fmt.Errorf("%w \"-\": HEAD has not been anywhere else", repo.ErrUnknownRevision)
	}
	if o.Revision = was.String(); was.Detached() {
		o.Branch = false
	}
	return o, nil
}

// pathNotRevision explains an unknown revision that is the name of a file.
func (v *openVault) pathNotRevision(err error, name string) error {
	if name == "" || !errors.Is(err, repo.ErrUnknownRevision) {
		return err
	}
	p, argErr := v.arg(name)
	if argErr != nil {
		return err
	}
	if _, statErr := os.Lstat(filepath.Join(v.root, filepath.FromSlash(p))); statErr != nil {
		return err
	}
	return fmt.Errorf("%w (to bring back the file: \"evault restore %s\")", err, quoted(name))
}

// fromHere explains a path that is not in a commit, and would be if it counted from the working directory.
func (v *openVault) fromHere(ctx context.Context, err error, rev, p string) error {
	if v.below == "" || !errors.Is(err, repo.ErrPathNotFound) {
		return err
	}
	if _, hereErr := v.ResolvePath(ctx, rev, path.Join(v.below, p)); hereErr != nil {
		return err
	}
	return fmt.Errorf("%w (a path behind a colon counts from the root; from here it is %s)", err, quoted(rev+":./"+p))
}
