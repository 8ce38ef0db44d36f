package commands

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"evault/repo"
)

func newImport(a *app) *cobra.Command {
	return group("import", "Bring in the history of a git repository",
		`Bring history from elsewhere into the vault: "evault import git" takes a git repository.`,
		`  evault import git ../project`,
		newImportGit(a))
}

func newImportGit(a *app) *cobra.Command {
	var o repo.ImportOptions
	cmd := &cobra.Command{
		Use:   "git REPO",
		Short: "Bring in the whole history of a git repository",
		Long: `Bring the history of a git repository into the vault: all commits with their authors, times, messages and parents, all
branches, all tags. REPO is the folder of the repository, bare or not; it is only read. The program git must be installed.

In a vault without commits the repository's current branch is checked out. Importing again adds what is new; a branch
that went on here as well is refused, and --prefix puts git's beside it. Nothing is visible before all is there, an
interrupted import is begun again by the same command, and "evault undo" takes all of it back.

What a vault does not keep is named: submodules, names that no vault may hold, tags of something else than a commit,
git's signatures. docs/import.md says what becomes of what.`,
		Example: `  evault import git ../project
  evault import git --branch main --branch release ../project
  evault import git --prefix old/ ../project.git`,
		Args: between(1, 1, "the folder of a git repository"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runImportGit(cmd.Context(), o, args[0]) },
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.Branches, "branch", "b", nil, "only this `BRANCH` and the tags in its history; may be repeated")
	f.StringVar(&o.Prefix, "prefix", "", "put `NAME/` in front of the names of branches and tags")
	f.BoolVar(&o.NoCheckout, "no-checkout", false, "write no files")
	f.BoolVarP(&o.Force, "force", "f", false, "overwrite files that are in the way of the checkout")
	f.BoolVarP(&o.DryRun, "dry-run", "n", false, "read everything and only show what would be done")
	return cmd
}

type importJSON struct {
	schema
	Repository   string              `json:"repository"`
	DryRun       bool                `json:"dry_run"`
	Nothing      bool                `json:"nothing"`
	Commits      int64               `json:"commits"`
	New          int64               `json:"new_bytes"`
	Stored       int64               `json:"stored_bytes"`
	Packs        int                 `json:"packs"`
	Refs         []importedRefJSON   `json:"refs"`
	Skipped      []skippedPathJSON   `json:"skipped"`
	SkippedCount int64               `json:"skipped_count"`
	SkippedRefs  []skippedRefJSON    `json:"skipped_refs"`
	Changed      []changedCommitJSON `json:"changed"`
	ChangedCount int64               `json:"changed_count"`
	Branch       string              `json:"branch,omitempty"`
	Written      int64               `json:"written"`
	Lost         []jsonPath          `json:"lost"`
	Problems     []problemJSON       `json:"problems"`
	Notes        []string            `json:"notes"`
	Error        string              `json:"error,omitempty"`
}

type importedRefJSON struct {
	Git    string `json:"git"`
	Ref    string `json:"ref"`
	Kind   string `json:"kind"`
	Old    string `json:"old,omitempty"`
	New    string `json:"new"`
	Commit string `json:"commit"`
}

type skippedPathJSON struct {
	jsonPath
	Reason string `json:"reason"`
	Commit string `json:"commit"`
	Count  int64  `json:"count"`
}

type skippedRefJSON struct {
	Ref    string `json:"ref"`
	Reason string `json:"reason"`
}

type changedCommitJSON struct {
	Commit string `json:"commit"`
	Change string `json:"change"`
}

func (a *app) runImportGit(ctx context.Context, o repo.ImportOptions, dir string) error {
	dir = a.absolute(dir)
	return a.withVault(ctx, repo.Writing, func(v *openVault) error {
		var err error
		if o.Git, err = a.gitIn(dir); err != nil {
			return err
		}
		o.Name = filepath.Base(dir)
		r, err := v.Import(ctx, o)
		if r == nil {
			return err
		}
		a.screen.clear()
		if a.flags.json {
			return errors.Join(err, a.emit(importDocument(dir, o, r, err)))
		}
		a.showImport(v, o, r, err)
		return err
	})
}

func importDocument(dir string, o repo.ImportOptions, r *repo.ImportResult, failed error) importJSON {
	out := importJSON{schema: schemaOf("import"), Repository: dir, DryRun: o.DryRun, Nothing: r.Nothing, Commits: r.Commits,
		New: r.New, Stored: r.Stored, Packs: r.Packs, Refs: []importedRefJSON{}, Skipped: []skippedPathJSON{}, SkippedCount: r.SkippedN,
		SkippedRefs: []skippedRefJSON{}, Changed: []changedCommitJSON{}, ChangedCount: r.ChangedN, Branch: r.Branch, Lost: []jsonPath{},
		Problems: []problemJSON{}, Notes: nonNil(r.Notes), Error: errorText(failed)}
	for _, ref := range r.Refs {
		one := importedRefJSON{Git: ref.Git, Ref: ref.Ref, Kind: string(ref.Kind), New: ref.New.String(), Commit: ref.Commit.String()}
		if !ref.Old.IsZero() {
			one.Old = ref.Old.String()
		}
		out.Refs = append(out.Refs, one)
	}
	for _, s := range r.Skipped {
		out.Skipped = append(out.Skipped, skippedPathJSON{pathJSON(s.Path), s.Reason, s.Commit, s.Count})
	}
	for _, s := range r.SkipRefs {
		out.SkippedRefs = append(out.SkippedRefs, skippedRefJSON(s))
	}
	for _, c := range r.Changed {
		out.Changed = append(out.Changed, changedCommitJSON(c))
	}
	if r.Checkout != nil {
		out.Written, out.Lost = r.Checkout.Written, pathsJSON(r.Checkout.Lost)
		out.Problems = problemsJSON(r.Checkout.Problems)
	}
	return out
}

// maxShownRefs is how many refs are listed for people.
const maxShownRefs = 20

func (a *app) showImport(v *openVault, o repo.ImportOptions, r *repo.ImportResult, failed error) {
	a.showImportedRefs(r)
	for i, s := range r.Skipped {
		if i == maxShownRefs {
			a.note("%s left out; --json lists them", count(int64(len(r.Skipped)-i), "more path"))
			break
		}
		a.note("left out: %s: %s (first in %.12s)", quoted(s.Path), harmless(s.Reason), s.Commit)
	}
	for _, s := range r.SkipRefs {
		a.note("left out: %s: %s", quoted(s.Ref), s.Reason)
	}
	for i, c := range r.Changed {
		if i == maxShownRefs {
			a.note("%s changed; --json lists them", count(r.ChangedN-int64(i), "more commit"))
			break
		}
		a.note("%s: %s", harmless(c.Commit), harmless(c.Change))
	}
	for _, n := range r.Notes {
		a.note("%s", n)
	}
	switch {
	case failed != nil && !r.Done:
		return
	case r.Nothing:
		a.say("Nothing new: %s here already\n", count(r.Commits, "commit"))
	case o.DryRun:
		a.say("Would import %s\n", count(r.Commits, "commit"))
	default:
		a.say("Imported %s: %s stored in %s\n", count(r.Commits, "commit"), size(r.Stored), count(int64(r.Packs), "pack"))
	}
	if r.Checkout != nil {
		a.say("On branch %s: %s written\n", r.Branch, count(r.Checkout.Written, "file"))
		a.showLost(v, r.Checkout.Lost, r.Checkout.Notes, false)
		for _, p := range r.Checkout.Problems {
			a.note("%s", p)
		}
	}
}

// showImportedRefs lists what is new, and counts what there is too much of.
func (a *app) showImportedRefs(r *repo.ImportResult) {
	shown, more := 0, int64(0)
	for _, ref := range r.Refs {
		if ref.Kind == repo.UpdateUpToDate {
			continue
		}
		if shown == maxShownRefs {
			more++
			continue
		}
		shown++
		a.say("  %-14s %s\n", ref.Kind, harmless(ref.Ref))
	}
	if more > 0 {
		a.say("  and %s\n", count(more, "more ref"))
	}
}
