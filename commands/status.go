package commands

import (
	"context"
	"errors"
	"fmt"
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
"??" not tracked, "!!" ignored. While a merge is in progress, of paths that conflict: "UU" both sides changed it, "AA" both added
it, "DU" removed here and changed there, "UD" the other way round, "AU" and "UA" renamed here or there.`,
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
	Kept     []keptJSON     `json:"kept"`
	Tracking []trackingJSON `json:"tracking"`
	Changes  []changeJSON   `json:"changes"`
	Pending  *pendingJSON   `json:"pending,omitempty"`
	Problems []problemJSON  `json:"problems"`
	Notes    []string       `json:"notes"`
}

// pendingJSON is an operation that waits to be continued.
type pendingJSON struct {
	Operation   string         `json:"operation"`
	What        string         `json:"what"`
	Interrupted bool           `json:"interrupted"`
	Conflicts   int            `json:"conflicts"`
	Unmerged    []conflictJSON `json:"unmerged"`
}

func toPendingJSON(p *repo.Pending) *pendingJSON {
	if p == nil {
		return nil
	}
	return &pendingJSON{p.Operation, p.What, p.Writing, p.Total, conflictsJSON(p.Unmerged)}
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
		return a.emit(statusJSON{schemaOf("status"), r.Branch, r.Detached, idJSON(r.Head), r.Clean, keptsJSON(r.Kept), trackingsJSON(r.Tracking), changesJSON(r.Changes),
			toPendingJSON(r.Pending), problemsJSON(r.Problems), nonNil(r.Notes)})
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
	for _, row := range shortRows(r) {
		switch {
		case o.nul:
			a.printf("%s %s%s", row.code, row.path, end)
		case o.porcelain:
			a.printf("%s %s%s", row.code, quoted(row.path), end)
		default:
			a.printf("%s %s%s", a.paint(row.color, row.code), quoted(v.showSlashed(row.path)), end)
		}
	}
}

// shortRow is a line of the short status.
type shortRow struct{ code, color, path string }

// shortRows gives changes and conflicts, ascending by path. A path that conflicts comes once.
func shortRows(r *repo.StatusResult) []shortRow {
	unmerged := unmergedOf(r)
	var rows []shortRow
	for _, c := range r.Changes {
		if _, conflicts := unmerged[c.Path]; !conflicts {
			look := lookOf(c.Kind)
			rows = append(rows, shortRow{look.porcelain, look.color, dirSlash(c)})
		}
	}
	if len(unmerged) > 0 {
		for full, code := range unmerged {
			rows = append(rows, shortRow{code, red, full})
		}
		slices.SortStableFunc(rows, func(a, b shortRow) int { return strings.Compare(a.path, b.path) })
	}
	return rows
}

// unmergedOf gives the two letters of each path that conflicts.
func unmergedOf(r *repo.StatusResult) map[string]string {
	out := map[string]string{}
	if r.Pending != nil {
		for _, c := range r.Pending.Unmerged {
			out[c.Path] = c.Code()
		}
	}
	return out
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
	a.showKept(r)
	if r.Head.IsZero() {
		a.printf("\nNo commits yet\n")
	}
	changes := a.showPending(v, r)
	for _, s := range statusSections() {
		a.statusSection(v, s, changes)
	}
	if ending := statusEnding(r); ending != "" {
		a.printf("%s\n", ending)
	}
}

// showPending says what waits to be continued, and gives the changes that are none of its conflicts.
func (a *app) showPending(v *openVault, r *repo.StatusResult) []repo.Change {
	p := r.Pending
	if p == nil {
		return r.Changes
	}
	state := "is in progress"
	if p.Writing {
		state = "was interrupted"
	}
	if p.Total > 0 || !p.Writing {
		state += fmt.Sprintf(": %d of %s left", len(p.Unmerged), count(int64(p.Total), "conflict"))
	}
	a.printf("\nA %s of %s %s\n  (%s)\n", p.Operation, harmless(p.What), state, pendingHint(p.Operation, p.Writing))
	if len(p.Unmerged) == 0 {
		return r.Changes
	}
	a.printf("\nUnmerged paths:\n  (\"evault add PATH\" says that it is as it should be, \"evault rm PATH\" that it goes)\n")
	for _, c := range p.Unmerged {
		text := padRight(codeWords(c.Code())+":", 17) + quoted(v.show(c.Path)) + " (" + c.Kind + ")"
		if c.Kept != "" {
			text += ", the other version is " + quoted(v.show(c.Kept))
		}
		a.printf("\t%s\n", a.paint(red, text))
	}
	unmerged := unmergedOf(r)
	return slices.DeleteFunc(slices.Clone(r.Changes), func(c repo.Change) bool { _, conflicts := unmerged[c.Path]; return conflicts })
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
	missing, untracked, tracked := false, false, r.Pending != nil
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
