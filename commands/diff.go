package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"evault/repo"
)

type diffOptions struct {
	patchOptions
	exitCode, reverse, mergeBase bool
}

func newDiff(a *app) *cobra.Command {
	var o diffOptions
	cmd := &cobra.Command{
		Use:   "diff [REV [REV]] [--] [PATH...]",
		Short: "Show what differs between commits, or a commit and the work tree",
		Long: `Show what differs between the last commit and the work tree; with one revision between that and the work tree; with two,
or as A..B, between them. A...B shows what B did since it left A. "--" separates revisions from paths.

The output is what git prints: "patch -p1" and "git apply" take it. Paths in it count from the root of the work tree.
Files that are no text are compared by their chunks, and so are those above 64 MiB. Changes of owners, attributes and finer
modes are lines that begin with "#". A file of which only the time differs is left out, unless --metadata is given.`,
		Example: `  evault diff
  evault diff HEAD~1 -- notes.txt
  evault diff --stat HEAD~1 HEAD
  evault diff main...topic
  evault diff --name-only -z HEAD~1 | xargs -0 ls -l
  evault diff --words`,
		ValidArgsFunction: a.completeRevisions(-1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runDiff(cmd, &o, args)
		},
	}
	f := cmd.Flags()
	o.flags(f)
	f.BoolVar(&o.exitCode, "exit-code", false, "exit with 1 if anything differs; --quiet does so and prints nothing")
	f.BoolVarP(&o.reverse, "reverse", "R", false, "the other way round")
	f.BoolVar(&o.mergeBase, "merge-base", false, "from the best common ancestor instead of the first revision")
	return cmd
}

var errDiffers = errors.New("something differs")

func (a *app) runDiff(cmd *cobra.Command, o *diffOptions, args []string) error {
	ctx := cmd.Context()
	request, err := o.request(cmd)
	if err != nil {
		return err
	}
	request.Reverse, request.MergeBase = o.reverse, o.mergeBase
	return a.withVault(ctx, repo.ReadOnly, func(v *openVault) error {
		if err := v.diffArguments(cmd, args, &request); err != nil {
			return err
		}
		quiet := a.flags.quiet
		if !quiet {
			a.page(ctx)
		}
		found, err := a.printDiff(a.out, &o.patchOptions, request, func(r repo.DiffOptions, each func(*repo.FileDiff) error) error {
			if quiet {
				r.Content = r.Space != repo.AllSpaceCounts
				each = func(*repo.FileDiff) error { return errDiffers }
			}
			return v.Diff(ctx, r, each)
		})
		if errors.Is(err, errDiffers) {
			return reported(exitFailed)
		}
		if problems := (repo.DiffProblems{}); errors.As(err, &problems) {
			return a.problems(v.describeProblems(problems))
		}
		switch {
		case err != nil:
			return err
		case found && o.exitCode:
			return reported(exitFailed)
		case !found && !quiet:
			return a.sayUnknownPaths(ctx, v, request.Paths)
		}
		return nil
	})
}

// sayUnknownPaths explains that nothing differs in paths of which nothing is known.
func (a *app) sayUnknownPaths(ctx context.Context, v *openVault, paths []string) error {
	for _, p := range paths {
		if v.onDisk(v.show(p)) {
			continue
		}
		near, known, err := v.NearestPaths(ctx, p)
		if err != nil {
			return err
		}
		if !known {
			a.note("%s is in no commit and not on disk%s", quoted(v.show(p)), didYouMean(near))
		}
	}
	return nil
}

// diffArguments tells revisions from paths: by "--", or else an argument that is no revision and is on disk is a path, and so
// is everything after it.
func (v *openVault) diffArguments(cmd *cobra.Command, args []string, r *repo.DiffOptions) error {
	dash := cmd.ArgsLenAtDash()
	var revisions []string
	for len(args) > 0 && dash != len(revisions) {
		ok, err := v.isRevision(cmd, args[0])
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		revisions, args = append(revisions, args[0]), args[1:]
	}
	unknown := args[:min(1, len(args))]
	if dash < 0 {
		unknown = v.notOnDisk(args)
	}
	if dash > len(revisions) || dash < 0 && len(unknown) > 0 {
		_, _, err := v.ResolveCommit(cmd.Context(), unknown[0])
		if err == nil {
			err = fmt.Errorf("%w %q", repo.ErrUnknownRevision, unknown[0])
		}
		return orPath(err)
	}
	if err := v.diffRevisions(cmd, revisions, r); err != nil {
		return err
	}
	var err error
	r.Paths, err = v.args(args)
	return err
}

// orPath explains that what is no revision may have been meant as a path. A list of candidates says enough.
func orPath(err error) error {
	if strings.Contains(err.Error(), "\n") {
		return err
	}
	return fmt.Errorf("%w (a path that is not on disk goes behind --)", err)
}

// isRevision says whether an argument is one, or two with dots between.
func (v *openVault) isRevision(cmd *cobra.Command, arg string) (bool, error) {
	if _, _, _, ok := v.cutRange(cmd, arg); ok {
		return true, nil
	}
	_, _, err := v.ResolveCommit(cmd.Context(), arg)
	if errors.Is(err, repo.ErrUnknownRevision) {
		return false, nil
	}
	return err == nil, err
}

// cutRange takes A..B and A...B apart; an empty side is HEAD. Both sides must be there: "../x" is a path.
func (v *openVault) cutRange(cmd *cobra.Command, arg string) (from, to string, sinceBase, ok bool) {
	from, to, sinceBase = strings.Cut(arg, "...")
	if !sinceBase {
		if from, to, ok = strings.Cut(arg, ".."); !ok {
			return "", "", false, false
		}
	}
	if from == "" && to == "" {
		return "", "", false, false
	}
	for _, side := range []*string{&from, &to} {
		if *side == "" {
			*side = "HEAD"
		}
		if _, _, err := v.ResolveCommit(cmd.Context(), *side); err != nil {
			return "", "", false, false
		}
	}
	return from, to, sinceBase, true
}

func (v *openVault) diffRevisions(cmd *cobra.Command, revisions []string, r *repo.DiffOptions) error {
	switch len(revisions) {
	case 0:
		return nil
	case 1:
		if from, to, sinceBase, ok := v.cutRange(cmd, revisions[0]); ok {
			r.From, r.To, r.MergeBase = from, to, r.MergeBase || sinceBase
			return nil
		}
		r.From = revisions[0]
		return nil
	case 2:
		r.From, r.To = revisions[0], revisions[1]
		return nil
	}
	return usagef(cmd, "two revisions can be compared, not %d", len(revisions))
}
