package commands

import (
	"context"

	"github.com/spf13/cobra"

	"evault/objects"
	"evault/refs"
	"evault/repo"
)

func newReflog(a *app) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "reflog",
		Short: "Show every operation on this working copy, newest first",
		Long: `Show every operation on this working copy, newest first, from the signed log. HEAD@{1} is where HEAD was one operation ago;
undo takes operations back.`,
		Example: `  evault reflog -n 10`,
		Args:    between(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 {
				return usagef(cmd, "-n cannot be negative")
			}
			return a.runReflog(cmd.Context(), limit)
		},
	}
	cmd.Flags().IntVarP(&limit, "number", "n", 0, "at most `N` operations (0: all)")
	return cmd
}

type refChangeJSON struct {
	Name string `json:"name"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
}

type reflogJSON struct {
	Sequence    uint64          `json:"sequence"`
	Hash        string          `json:"hash"`
	Time        string          `json:"time"`
	Operation   string          `json:"operation"`
	Description string          `json:"description"`
	HeadBefore  string          `json:"head_before,omitempty"` // a branch, or a commit where HEAD was detached
	HeadAfter   string          `json:"head_after,omitempty"`
	Commit      string          `json:"commit,omitempty"`
	Changes     []refChangeJSON `json:"changes"`
}

func toReflogJSON(e *repo.ReflogEntry) reflogJSON {
	out := reflogJSON{Sequence: e.Sequence, Hash: e.Hash, Time: timeJSON(e.Time), Operation: e.Operation, Description: e.Description,
		HeadBefore: headJSON(e.Before), HeadAfter: headJSON(e.After), Commit: idJSON(e.Commit), Changes: []refChangeJSON{}}
	for _, c := range e.Changes {
		out.Changes = append(out.Changes, refChangeJSON{c.Name, idJSON(c.Old), idJSON(c.New)})
	}
	return out
}

func headJSON(h refs.Head) string {
	if h.IsZero() {
		return ""
	}
	return h.String()
}

func (a *app) runReflog(ctx context.Context, limit int) error {
	return a.withVault(ctx, repo.ReadOnly, func(v *openVault) error {
		a.page(ctx)
		n := 0
		return v.Reflog(ctx, limit, func(e *repo.ReflogEntry) error {
			if a.flags.json {
				return a.emit(struct {
					schema
					reflogJSON
				}{schemaOf("reflog"), toReflogJSON(e)})
			}
			a.printf("%s HEAD@{%d} %s %s\n", a.paint(yellow, shortOrDashes(e.Commit)), n,
				a.local(e.Time).Format(shortTime), a.paint(bold, e.Operation)+described(e.Description))
			n++
			return a.out.Flush()
		})
	})
}

// shortOrDashes keeps the column where there is no commit.
func shortOrDashes(id objects.ID) string {
	if id.IsZero() {
		return "------------"
	}
	return id.Short()
}

func described(text string) string {
	if text == "" {
		return ""
	}
	return ": " + harmless(text)
}
