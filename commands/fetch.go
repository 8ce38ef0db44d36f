package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"evault/repo"
)

type fetchOptions struct {
	allRemotes, dryRun, tags bool
}

func newFetch(a *app) *cobra.Command {
	var o fetchOptions
	cmd := &cobra.Command{
		Use:   "fetch [REMOTE]",
		Short: "Learn what has become of the branches of a remote",
		Long: `Learn what has become of the branches of a remote, and take what their commits need. Your branches and files stay as they
are; what was learned is in branches like friend/main. Without REMOTE it is origin, or the only one there is.

Tags of commits that branches lead to come along, with --tags all. A tag that is here already is never replaced: if the remote
has another of that name it is named, and with --tags the exit code is 13.

Everything is checked before it counts: who signed it, that nothing was taken back or hidden, that all bytes are there. What
fails is named and left out, and the exit code is 21 (somebody cheats) or 20 (damage). An interrupted fetch is continued by
the next one.`,
		Example: `  evault fetch
  evault fetch friend
  evault fetch --all-remotes
  evault fetch friend --dry-run`,
		Args:              between(0, 1, "at most one remote"),
		ValidArgsFunction: a.completeRemotes(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.allRemotes && len(args) > 0 {
				return usagef(cmd, "--all-remotes and a remote contradict each other")
			}
			return a.runFetch(cmd.Context(), o, args)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.allRemotes, "all-remotes", "a", false, "every remote, one after the other")
	f.BoolVarP(&o.tags, "tags", "t", false, "all tags, also of commits that no branch leads to")
	f.BoolVarP(&o.dryRun, "dry-run", "n", false, "only say what would be fetched")
	return cmd
}

type fetchJSON struct {
	schema
	Remote   string       `json:"remote"`
	URL      string       `json:"url"`
	Updates  []updateJSON `json:"updates"`
	Packs    int          `json:"packs"`
	Bytes    int64        `json:"bytes"`
	Records  int          `json:"records"`
	Problems []string     `json:"problems"`
	Error    string       `json:"error,omitempty"`
}

func fetchDocument(r *repo.FetchResult, err error) fetchJSON {
	out := fetchJSON{schemaOf("fetch"), r.Remote, r.URL, updatesJSON(r.Updates), r.Packs, r.Bytes, r.Records, textsOf(r.Problems), ""}
	out.Error = errorText(err)
	return out
}

func (a *app) runFetch(ctx context.Context, o fetchOptions, args []string) error {
	return a.withVault(ctx, repo.Writing, func(v *openVault) error {
		return a.eachRemote(v, o.allRemotes, args, func(name string) error {
			r, err := v.Fetch(ctx, repo.FetchOptions{Remote: name, DryRun: o.dryRun, Tags: o.tags})
			if r == nil {
				return err
			}
			a.screen.clear()
			if a.flags.json {
				return errors.Join(err, a.emit(fetchDocument(r, err)))
			}
			if err == nil || r.Packs > 0 || len(r.Updates) > 0 {
				a.showFetch(r, o.dryRun)
			} else {
				a.showProblems(r.Remote, r.Problems)
			}
			return err
		})
	})
}

func (a *app) showFetch(r *repo.FetchResult, dryRun bool) {
	a.showProblems(r.Remote, r.Problems)
	if len(r.Updates) == 0 && r.Packs == 0 {
		if a.flags.verbose {
			a.say("%s: nothing new\n", r.Remote)
		}
		return
	}
	verb := "received"
	if dryRun {
		verb = "would receive"
	}
	if r.Packs > 0 {
		a.say("From %s: %s %s, %s\n", r.Remote, verb, count(r.Packs, "pack"), size(r.Bytes))
	} else {
		a.say("From %s:\n", r.Remote)
	}
	a.showUpdates(r.Updates, func(b string) string { return b }, func(b string) string { return r.Remote + "/" + b })
}

// eachRemote runs use for the named remote, the default one (an empty name), or all of them. One that fails does not keep
// the others from their turn.
func (a *app) eachRemote(v *openVault, all bool, args []string, use func(name string) error) error {
	said := len(v.Notes())
	defer func() {
		for _, n := range v.Notes()[said:] {
			a.note("%s", n)
		}
	}()
	switch {
	case len(args) > 0:
		return use(args[0])
	case !all:
		return use("")
	}
	remotes := v.Remotes()
	if len(remotes) == 0 {
		return fmt.Errorf("%w: no remote is known yet: \"evault remote add NAME URL\" adds one", repo.ErrUsage)
	}
	var failed []error
	for _, one := range remotes {
		err := use(one.Name)
		if errors.Is(err, context.Canceled) {
			return err
		}
		if err != nil {
			failed = append(failed, about(one.Name, err))
		}
	}
	return worse(failed)
}

// about puts a remote's name in front of an error that does not begin with it.
func about(name string, err error) error {
	if text := err.Error(); strings.HasPrefix(text, name+":") || strings.HasPrefix(text, name+" ") {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// completeRemotes suggests remotes for the first argument.
func (a *app) completeRemotes(most int) completer {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		var names []string
		if len(args) == 0 || most < 0 {
			a.quietVault(cmd.Context(), func(v *openVault) error {
				for _, one := range v.Remotes() {
					names = append(names, one.Name)
				}
				return nil
			})
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
