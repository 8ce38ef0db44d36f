package commands

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"evault/objects"
	"evault/repo"
)

type statusOptions struct {
	porcelain, short, nul, branch, ignored bool
	untracked                              string
}

func newStatus(a *app) *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status [PATH...]",
		Short: "Show what differs from the last commit",
		Long: `Show what differs between the work tree and the last commit, and what is not tracked.

--porcelain prints one path a line, relative to the root, behind two letters that do not change between versions:
"A " tracked and not committed yet, " M" modified, " T" another type of file, " D" missing, "D " tracked no longer,
"??" not tracked, "!!" ignored.`,
		Example: `  evault status
  evault status --porcelain -z
  evault status -u all photos`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.runStatus(cmd.Context(), o, args) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.porcelain, "porcelain", false, "stable output for scripts")
	f.BoolVarP(&o.short, "short", "s", false, "one line a path")
	f.BoolVarP(&o.branch, "branch", "b", false, "with --short or --porcelain: the branch first")
	f.BoolVarP(&o.nul, "null", "z", false, "as --porcelain; end each path with NUL and quote nothing")
	f.BoolVar(&o.ignored, "ignored", false, "ignored files too")
	f.StringVarP(&o.untracked, "untracked-files", "u", "normal", "untracked files: no, normal (a folder as one) or all (`MODE`)")
	return cmd
}

type statusJSON struct {
	schema
	Branch   string         `json:"branch,omitempty"`
	Detached bool           `json:"detached"`
	Head     string         `json:"head,omitempty"`
	Clean    bool           `json:"clean"`
	Tracking []trackingJSON `json:"tracking"`
	Changes  []changeJSON   `json:"changes"`
	Problems []problemJSON  `json:"problems"`
	Notes    []string       `json:"notes"`
}

func (a *app) runStatus(ctx context.Context, o statusOptions, args []string) error {
	return a.withVault(ctx, repo.ReadOnly, func(v *openVault) error {
		paths, err := v.args(args)
		if err != nil {
			return err
		}
		r, err := v.Status(ctx, repo.StatusOptions{Paths: paths, Untracked: o.untracked, Ignored: o.ignored})
		if err != nil && (r == nil || !errors.Is(err, repo.ErrIncomplete)) {
			return err
		}
		a.screen.clear()
		if err := a.showStatus(v, o, r); err != nil {
			return err
		}
		if !a.flags.json && !o.nul && !o.porcelain && !a.flags.quiet {
			for _, n := range r.Notes {
				a.note("%s", n)
			}
		}
		return a.problems(v.describeProblems(r.Problems))
	})
}

func (a *app) showStatus(v *openVault, o statusOptions, r *repo.StatusResult) error {
	switch {
	case a.flags.json:
		return a.emit(statusJSON{schemaOf("status"), r.Branch, r.Detached, idJSON(r.Head), r.Clean, trackingsJSON(r.Tracking), changesJSON(r.Changes),
			problemsJSON(r.Problems), nonNil(r.Notes)})
	case o.porcelain || o.nul || o.short:
		a.shortStatus(v, o, r)
	default:
		a.longStatus(v, r)
	}
	return nil
}

// idJSON is an ID in hexadecimal, empty for none.
func idJSON(id objects.ID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

func (a *app) shortStatus(v *openVault, o statusOptions, r *repo.StatusResult) {
	end := "\n"
	if o.nul {
		end = "\x00"
	}
	if o.branch {
		a.printf("## %s%s%s", branchOrDetached(r), shortTracking(r.Tracking), end)
	}
	for _, c := range r.Changes {
		look := lookOf(c.Kind)
		switch {
		case o.nul:
			a.printf("%s %s%s", look.porcelain, dirSlash(c), end)
		case o.porcelain:
			a.printf("%s %s%s", look.porcelain, quoted(dirSlash(c)), end)
		default:
			a.printf("%s %s%s", a.paint(look.color, look.porcelain), quoted(v.showSlashed(dirSlash(c))), end)
		}
	}
}

func branchOrDetached(r *repo.StatusResult) string {
	if r.Detached {
		return "HEAD (detached at " + r.Head.Short() + ")"
	}
	return r.Branch
}

// statusSection is one list of the long status.
type statusSection struct {
	title string
	hint  string
	kinds []repo.ChangeKind
}

func statusSections() []statusSection {
	return []statusSection{
		{"Changes since the last commit:", `"evault commit" takes them, "evault restore PATH" undoes them`,
			[]repo.ChangeKind{repo.Added, repo.Modified, repo.TypeChanged, repo.Deleted}},
		{"Missing files:", `"evault restore PATH" brings them back, "evault rm PATH" stops tracking them`, []repo.ChangeKind{repo.Missing}},
		{"Untracked files:", `"evault add PATH" tracks them`, []repo.ChangeKind{repo.Untracked}},
		{"Ignored files:", `"evault add -f PATH" tracks them`, []repo.ChangeKind{repo.Ignored}},
	}
}

func (a *app) longStatus(v *openVault, r *repo.StatusResult) {
	if r.Detached {
		a.printf("%s%s\n", a.paint(red, "HEAD detached at "), r.Head.Short())
	} else {
		a.printf("On branch %s\n", r.Branch)
	}
	a.showTracking(r.Tracking)
	if r.Head.IsZero() {
		a.printf("\nNo commits yet\n")
	}
	for _, s := range statusSections() {
		a.statusSection(v, s, r.Changes)
	}
	if ending := statusEnding(r); ending != "" {
		a.printf("%s\n", ending)
	}
}

func (a *app) statusSection(v *openVault, s statusSection, changes []repo.Change) {
	first := true
	for _, c := range changes {
		if !slices.Contains(s.kinds, c.Kind) {
			continue
		}
		if first {
			a.printf("\n%s\n  (%s)\n", s.title, s.hint)
			first = false
		}
		look := lookOf(c.Kind)
		if c.IsDir && c.Kind == repo.Added {
			look.word = "new folder"
		}
		text := quoted(v.showSlashed(dirSlash(c)))
		if look.word != "" {
			text = padRight(look.word+":", 14) + text
		}
		if c.Kind == repo.Modified && len(c.Details) > 0 {
			text += " (" + strings.Join(c.Details, ", ") + ")"
		}
		a.printf("\t%s\n", a.paint(look.color, text))
	}
}

func padRight(s string, n int) string { return s + strings.Repeat(" ", max(n-len(s), 0)) }

func statusEnding(r *repo.StatusResult) string {
	missing, untracked, tracked := false, false, false
	for _, c := range r.Changes {
		switch c.Kind {
		case repo.Missing:
			missing = true
		case repo.Untracked:
			untracked = true
		case repo.Ignored:
		default:
			tracked = true
		}
	}
	switch {
	case tracked:
		return ""
	case missing:
		return "\nnothing to commit but missing files (\"evault commit -A\" records that they are gone)"
	case untracked:
		return "\nnothing to commit but untracked files (\"evault commit -A\" takes them too)"
	case len(r.Problems) > 0:
		return ""
	case r.Head.IsZero():
		return "\nnothing to commit (create files and use \"evault add\")"
	}
	return "nothing to commit, work tree clean"
}
