package commands

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"evault/repo"
)

func newBisect(a *app) *cobra.Command {
	return group("bisect", "Find the commit that broke something by halving the history",
		`Between a bad commit and good ones before it, check out one after the other, each in the middle of those that are left, until the
first bad commit is found: about as many tests as the number of commits has binary digits. Say of each what it is, or let a
command say it. HEAD is detached meanwhile; reset brings it back. Nothing that is in no commit is overwritten.`,
		`  evault bisect start HEAD v1.0
  evault bisect good
  evault bisect run sh check.sh
  evault bisect reset`,
		newBisectStart(a), newBisectMark(a, repo.MarkGood, "Say that a commit, or the one checked out, is good", "evault bisect good v1.0"),
		newBisectMark(a, repo.MarkBad, "Say that a commit, or the one checked out, is bad", "evault bisect bad"),
		newBisectMark(a, repo.MarkSkip, "Say that a commit cannot be tested", "evault bisect skip"),
		newBisectRun(a), newBisectStatus(a), newBisectLog(a), newBisectReset(a))
}

func newBisectStart(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "start [BAD [GOOD...]]",
		Short: "Begin a search",
		Long: `Begin a search. The first revision is a bad one, all others are good. Without them "evault bisect bad" and "evault bisect good"
name them.`,
		Example: `  evault bisect start
  evault bisect start HEAD HEAD~3`,
		ValidArgsFunction: a.completeRevisions(-1),
		RunE: func(cmd *cobra.Command, args []string) error {
			bad, good := "", args
			if len(args) > 0 {
				bad, good = args[0], args[1:]
			}
			return a.withVault(cmd.Context(), repo.Writing, func(v *openVault) error {
				step, err := v.BisectStart(cmd.Context(), bad, good)
				return a.showStep(cmd.Context(), v, step, err)
			})
		},
	}
}

func newBisectMark(a *app, mark, short, example string) *cobra.Command {
	return &cobra.Command{
		Use:               mark + " [REV...]",
		Short:             short,
		Example:           "  " + example,
		ValidArgsFunction: a.completeRevisions(-1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withVault(cmd.Context(), repo.Writing, func(v *openVault) error {
				step, err := v.BisectMark(cmd.Context(), mark, args)
				return a.showStep(cmd.Context(), v, step, err)
			})
		},
	}
}

func newBisectStatus(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Aliases: []string{"view"},
		Short:   "Say how far the search is",
		Example: `  evault bisect status`,
		Args:    between(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withVault(cmd.Context(), repo.ReadOnly, func(v *openVault) error {
				step, err := v.Bisect(cmd.Context())
				return a.showStep(cmd.Context(), v, step, err)
			})
		},
	}
}

func newBisectLog(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "log",
		Short:   "List what was said of which commit",
		Long:    `List what was said of which commit, as commands that say it again.`,
		Example: `  evault bisect log`,
		Args:    between(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withVault(cmd.Context(), repo.ReadOnly, func(v *openVault) error { return a.showBisectLog(cmd.Context(), v) })
		},
	}
}

func newBisectReset(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "reset [REV]",
		Short: "End the search and go back to where it began, or to a revision",
		Example: `  evault bisect reset
  evault bisect reset HEAD`,
		Args:              between(0, 1, "one revision"),
		ValidArgsFunction: a.completeRevisions(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			revision := ""
			if len(args) > 0 {
				revision = args[0]
			}
			return a.withVault(cmd.Context(), repo.Writing, func(v *openVault) error {
				r, err := v.BisectReset(cmd.Context(), revision)
				if err != nil && (r == nil || !errors.Is(err, repo.ErrIncomplete)) {
					return err
				}
				a.screen.clear()
				if a.flags.json {
					return errors.Join(err, a.emit(bisectJSON{schema: schemaOf("bisect"), State: "ended", Commit: idJSON(r.Commit), Branch: r.Head.Branch}))
				}
				a.showCheckout(v, repo.CheckoutOptions{}, r)
				return a.problems(v.describeProblems(r.Problems))
			})
		},
	}
}

type bisectJSON struct {
	schema
	State      string   `json:"state"`
	Commit     string   `json:"commit,omitempty"`
	Subject    string   `json:"subject,omitempty"`
	Branch     string   `json:"branch,omitempty"`
	MergeBase  bool     `json:"merge_base,omitempty"`
	NeedBad    bool     `json:"need_bad,omitempty"`
	NeedGood   bool     `json:"need_good,omitempty"`
	Left       int      `json:"left,omitempty"`
	Steps      int      `json:"steps,omitempty"`
	Candidates []string `json:"candidates,omitempty"`
}

func stepDocument(s *repo.BisectStep) bisectJSON {
	out := bisectJSON{schema: schemaOf("bisect"), State: string(s.State), Commit: idJSON(s.ID), MergeBase: s.MergeBase,
		NeedBad: s.NeedBad, NeedGood: s.NeedGood, Left: s.Left, Steps: s.Steps}
	if s.Commit != nil {
		out.Subject = subjectOf(s.Commit.Message)
	}
	for i := range s.Candidates {
		out.Candidates = append(out.Candidates, s.Candidates[i].ID.String())
	}
	return out
}

// subjectOf is the first line of a message.
func subjectOf(message string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(message), "\n")
	return line
}

// showStep says where a bisect is, and fails with exit code 1 where it cannot go on.
func (a *app) showStep(ctx context.Context, v *openVault, s *repo.BisectStep, err error) error {
	if err != nil {
		return err
	}
	a.screen.clear()
	if a.flags.json {
		err = a.emit(stepDocument(s))
	} else {
		err = a.printStep(ctx, v, s)
	}
	if s.State == repo.BisectStuck {
		return errors.Join(err, reported(exitFailed))
	}
	return err
}

func (a *app) printStep(ctx context.Context, v *openVault, s *repo.BisectStep) error {
	if r := s.Checkout; r != nil {
		for _, n := range r.Notes {
			a.note("%s", n)
		}
	}
	switch s.State {
	case repo.BisectWaiting:
		switch {
		case s.NeedBad && s.NeedGood:
			a.say("Waiting for a bad commit and a good one (\"evault bisect bad REV\", \"evault bisect good REV\")\n")
		case s.NeedBad:
			a.say("Waiting for a bad commit (\"evault bisect bad REV\")\n")
		default:
			a.say("Waiting for a good commit (\"evault bisect good REV\")\n")
		}
	case repo.BisectTesting:
		if s.MergeBase {
			a.say("Bisecting: first where the good and the bad one came apart\n")
		} else {
			a.say("Bisecting: %s left to test after this (about %s)\n", count(s.Left, "commit"), count(s.Steps, "step"))
		}
		a.say("[%s] %s\n", s.ID, harmless(subjectOf(s.Commit.Message)))
	case repo.BisectStuck:
		a.note("only skipped commits are left; the first bad one is among these:")
		for i := range s.Candidates {
			a.printf("%s\n", a.commitLine(&s.Candidates[i]))
		}
	case repo.BisectFound:
		a.printf("%s is the first bad commit\n", s.ID)
		return v.Log(ctx, repo.LogOptions{Revisions: []string{s.ID.String()}, Limit: 1, Stat: true}, func(e *repo.LogEntry) error {
			for _, line := range a.commitLines(e) {
				a.printf("%s\n", line)
			}
			a.printf("\n")
			a.printChanges(e.Changes)
			return nil
		})
	}
	return nil
}

type bisectLogJSON struct {
	schema
	Mark    string `json:"mark"`
	Commit  string `json:"commit"`
	Subject string `json:"subject"`
}

func (a *app) showBisectLog(ctx context.Context, v *openVault) error {
	list, err := v.BisectLog(ctx)
	if err != nil {
		return err
	}
	if !a.flags.json {
		a.printf("evault bisect start\n")
	}
	for _, m := range list {
		subject := subjectOf(m.Commit.Message)
		if a.flags.json {
			if err := a.emit(bisectLogJSON{schemaOf("bisect-log"), m.Mark, m.ID.String(), subject}); err != nil {
				return err
			}
			continue
		}
		a.printf("# %s: [%s] %s\nevault bisect %s %s\n", m.Mark, m.ID, harmless(subject), m.Mark, m.ID)
	}
	return nil
}
