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
	"github.com/spf13/pflag"

	"evault/refs"
	"evault/repo"
)

// What git's users type from habit, and evault says differently.

// habitHints gives, for verbs of git that evault does not have, what to use instead.
func habitHints() map[string]string {
	return map[string]string{
		"annotate":     "\"evault blame FILE\"",
		"archive":      "\"evault export REV\" writes a tar or zip archive",
		"cat-file":     "\"evault cat REV:PATH\" writes a file, \"evault show REV\" a commit",
		"cherry":       "\"evault log A..B\" lists what B has and A has not",
		"clean":        "evault deletes nothing that it does not track: \"evault status\" lists what that is",
		"describe":     "\"evault tag -l\" lists the tags, \"evault show -s REV\" says what points at a commit",
		"for-each-ref": "\"evault branch -v\" and \"evault tag\" list them; --json for scripts",
		"format-patch": "\"evault show REV\" and \"evault diff A B\" print what \"patch -p1\" and \"git apply\" take",
		"fsck":         "\"evault verify\" proves that everything is there and right",
		"gc":           "nothing needs collecting: packs are written once, and every version is kept",
		"grep":         "grep searches the files on disk; \"evault find NAME\" finds names in all versions, \"evault log -p\" shows what changed",
		"ls-files":     "\"evault ls -R\" lists what the last commit holds",
		"ls-tree":      "\"evault ls -l REV:PATH\" lists a folder of a commit",
		"merge-base":   "\"evault diff A...B\" compares with it, \"evault log A..B\" begins behind it",
		"prune":        "nothing needs collecting: packs are written once, and every version is kept",
		"rebase":       "history is not rewritten; \"evault commit --amend\" replaces the last commit",
		"repack":       "nothing needs collecting: packs are written once, and every version is kept",
		"rev-list":     "\"evault log --format=%H\" lists the IDs of commits",
		"rev-parse":    "\"evault show --json REV\" gives the full ID",
		"shortlog":     "\"evault log --format=%an | sort | uniq -c\" counts the commits of each author",
		"show-ref":     "\"evault branch -v\" and \"evault tag\" list them; --json for scripts",
		"stash":        "\"evault switch --keep\" puts aside what is in no commit, \"evault switch BRANCH\" brings it back",
		"unstage":      "there is no staging area; \"evault rm --cached PATH\" takes back an add",
		"update-index": "there is no staging area",
		"whatchanged":  "\"evault log --name-status\"",
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
		parts    = "there is no staging area: \"evault commit PATH\" takes some files only"
		signed   = "not needed: every commit is signed by its device; --author names somebody else"
		content  = "contents are not searched: \"evault log -p -- PATH\" shows what changed, \"evault blame FILE\" where a line comes from"
		strategy = "--ours, --theirs and --newest decide what conflicts"
		oneSide  = "\"evault restore --source REV PATH\" takes the file of the other branch, --source HEAD the one here; then \"evault add PATH\""
		unstage  = "there is no staging area: \"evault restore PATH\" brings back a file, \"evault rm --cached PATH\" takes back an add"
		words    = "--words marks what differs within lines"
		tagged   = "\"evault log --oneline --all\" shows what points at each commit"
	)
	return map[string]string{
		"diff cached": stage, "diff staged": stage, "diff a": "not needed: every file is taken for text unless it holds a NUL",
		"add p": parts, "add patch": parts, "add i": parts, "add interactive": parts,
		"add u":    "not needed: \"evault commit\" takes all tracked files; \"evault add -A\" also notes what is gone",
		"commit p": parts, "commit patch": parts, "commit i": parts, "commit include": parts, "commit only": "\"evault commit PATH\"",
		"commit s": signed, "commit signoff": signed, "commit S": signed, "commit gpg-sign": signed,
		"commit fixup": "\"evault commit --amend\" replaces the last commit; history before it is not rewritten", "commit no-verify": "there are no hooks",
		"diff word-diff": words, "diff color-words": words, "show word-diff": words, "log word-diff": words,
		"diff diff-filter": "\"evault diff --name-status\" puts A, M, D or R before each path", "diff raw": "\"evault diff --name-status\", or --json",
		"diff summary": "\"evault diff --name-status\", or --json", "diff check": "not there; \"evault commit\" warns of conflict markers",
		"diff no-index": "\"diff -u A B\" compares files that no vault knows",
		"log S":         content, "log G": content, "log L": content, "log c": "a merge is compared with its first parent",
		"log m": "not needed: a merge is compared with its first parent", "log left-right": "\"evault log A..B\", then \"evault log B..A\"",
		"log abbrev-commit": "\"evault log --oneline\", or %h in --format",
		"merge squash":      "\"evault cherry-pick --no-commit\" takes one commit; \"evault merge --no-commit\" lets you look before it is committed",
		"merge X":           strategy, "merge s": strategy, "merge strategy": strategy, "merge strategy-option": strategy,
		"merge quit":      "\"evault merge --abort\" takes it back, \"evault merge --continue\" concludes it",
		"checkout theirs": oneSide, "checkout ours": oneSide, "restore theirs": oneSide, "restore ours": oneSide,
		"checkout B":     "\"evault switch --force-create NAME\"",
		"checkout p":     parts,
		"restore staged": unstage, "restore S": unstage, "restore W": "this is what it does", "restore worktree": "this is what it does",
		"reset keep":   "\"evault reset --hard REV\" keeps what is in no commit, unless --force is given: then it says what is lost",
		"reset merge":  "\"evault merge --abort\" takes a merge back",
		"reset p":      parts,
		"tag contains": tagged, "tag points-at": tagged, "tag merged": tagged,
		"branch c": "\"evault branch NEW OLD\"", "branch copy": "\"evault branch NEW OLD\"",
		"branch t": upstream, "branch track": upstream, "branch unset-upstream": upstream,
		"branch format": "\"evault branch --json\" is for scripts",
		"blame p":       "\"evault blame --porcelain\"", "blame line-porcelain": "\"evault blame --porcelain\", or --json",
		"blame M": "lines are followed through renames of files, not from one file to another",
		"push u":  upstream, "push set-upstream": upstream,
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

const copiesHint = "\"--find-copies\"; -C names the folder to work in"

// groupHints gives, for what git says behind "remote" and evault does not, what to use instead; also for flags of git that
// mean something else here.
func groupHints() map[string]string {
	return map[string]string{
		"bisect replay": "\"evault bisect log\" prints the commands that say it again: give them to a shell",
		"bisect terms":  "the terms are good and bad",
		"bisect old":    "\"evault bisect good\"", "bisect new": "\"evault bisect bad\"",
		"bisect visualize": "\"evault bisect status\"",
		"switch -C":        "\"evault switch --force-create NAME\"; -C names the folder to work in",
		"diff -C":          copiesHint, "log -C": copiesHint, "show -C": copiesHint,
		"commit -C":      "\"evault commit -m\" gives a message, \"evault cherry-pick REV\" takes that of a commit; -C names the folder to work in",
		"remote get-url": "\"evault remote list\" shows the addresses",
		"remote show":    "\"evault remote list\" shows the addresses, \"evault ls-remote NAME\" the branches there",
		"remote update":  "\"evault fetch --all-remotes\"",
		"remote prune":   "not needed: a fetch forgets the branches that are gone there",
	}
}

// gitNames lets flags be called as git calls them, too.
func gitNames(names map[string]string) func(*pflag.FlagSet, string) pflag.NormalizedName {
	return func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if ours, ok := names[name]; ok {
			name = ours
		}
		return pflag.NormalizedName(name)
	}
}

// otherC explains a -C that names no folder, where git's verb has a flag of that letter.
func otherC(cmd *cobra.Command, err error) error {
	said := cmd.Name() + " -C"
	if _, ok := groupHints()[said]; !ok {
		return err
	}
	return &usageError{cmd.CommandPath(), habitError{said, err}}
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
