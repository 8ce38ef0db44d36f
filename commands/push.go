package commands

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"evault/repo"
)

type pushOptions struct {
	repo.PushOptions
	allRemotes bool
	limit      string
}

func newPush(a *app) *cobra.Command {
	var o pushOptions
	cmd := &cobra.Command{
		Use:   "push [REMOTE] [BRANCH | TAG...]",
		Short: "Send branches and tags to a remote",
		Long: `Send the current branch, or the branches and tags named, to a remote, with what their commits need and the remote lacks.
Without REMOTE it is origin, or the only one there is. The place sees ciphertext and sizes, and can check every byte without
reading any. Tags go only where they are named, with --tags (all of them) or --follow-tags. One that is there already is left
alone, unless --rewrite is given.

If another device has advanced a branch meanwhile, that branch is left alone (exit code 13): "evault pull" brings in what it
did. A remote that cannot be reached is exit code 14, which a nightly job may ignore. An interrupted push is continued by the
next one; what has arrived is not sent again.`,
		Example: `  evault push
  evault push friend
  evault push friend main photos
  evault push friend v1.0
  evault push --all-remotes --all --tags --limit-upload 2M
  evault push friend --delete experiment`,
		ValidArgsFunction: a.completePush,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			switch {
			case o.allRemotes && len(args) > 0:
				return usagef(cmd, "--all-remotes and a remote contradict each other")
			case o.All && (len(args) > 1 || o.Delete):
				return usagef(cmd, "--all pushes every branch: name none, and delete none")
			case o.Tags && o.Delete:
				return usagef(cmd, "--tags pushes every tag: name those to be deleted")
			}
			if o.limit != "" {
				if o.UploadLimit, err = parseRate(o.limit); err != nil {
					return usagef(cmd, "--limit-upload: %w", err)
				}
			}
			return a.runPush(cmd.Context(), o, args)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.All, "all", false, "every branch")
	f.BoolVar(&o.Tags, "tags", false, "every tag, beside the branches that are named")
	f.BoolVar(&o.FollowTags, "follow-tags", false, "also the signed tags of commits that are sent, as far as the remote lacks them")
	f.BoolVarP(&o.allRemotes, "all-remotes", "a", false, "to every remote, one after the other")
	f.BoolVarP(&o.Delete, "delete", "d", false, "remove the branches or tags from the remote (their commits stay in its log)")
	f.BoolVar(&o.Rewrite, "rewrite", false, "move branches even to commits that do not descend from where they are there, and replace tags")
	f.BoolVarP(&o.DryRun, "dry-run", "n", false, "only say what would be sent")
	f.StringVar(&o.limit, "limit-upload", "", "send at most `RATE` bytes a second, as 500K or 2M")
	return cmd
}

// completePush suggests remotes, then branches and tags.
func (a *app) completePush(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return a.completeRemotes(1)(cmd, args, typed)
	}
	branches, _ := a.completeBranches(-1)(cmd, args, typed)
	tags, directive := a.completeTags(-1)(cmd, args, typed)
	return append(branches, tags...), directive
}

type pushJSON struct {
	schema
	Remote   string       `json:"remote"`
	URL      string       `json:"url"`
	Created  bool         `json:"created"`
	DryRun   bool         `json:"dry_run"`
	Updates  []updateJSON `json:"updates"`
	Keys     int          `json:"keys"`
	Packs    int          `json:"packs"`
	Bytes    int64        `json:"bytes"`
	Seconds  float64      `json:"seconds"`
	Problems []string     `json:"problems"`
	Error    string       `json:"error,omitempty"`
}

func (a *app) runPush(ctx context.Context, o pushOptions, args []string) error {
	if len(args) > 1 {
		o.Branches = args[1:]
	}
	return a.withVault(ctx, repo.Writing, func(v *openVault) error {
		return a.eachRemote(v, o.allRemotes, args, func(name string) error {
			begun := a.env.Now()
			one := o.PushOptions
			one.Remote = name
			r, err := v.Push(ctx, one)
			if r == nil {
				return err
			}
			a.screen.clear()
			took := a.env.Now().Sub(begun)
			if a.flags.json {
				return errors.Join(err, a.emit(pushDocument(r, o.DryRun, took.Seconds(), err)))
			}
			a.showPush(r, o.DryRun)
			return err
		})
	})
}

func pushDocument(r *repo.PushResult, dryRun bool, seconds float64, err error) pushJSON {
	out := pushJSON{schemaOf("push"), r.Remote, r.URL, r.Created, dryRun, updatesJSON(r.Updates), r.Keys, r.Packs, r.Bytes, seconds,
		textsOf(r.Problems), ""}
	out.Error = errorText(err)
	return out
}

func (a *app) showPush(r *repo.PushResult, dryRun bool) {
	a.showProblems(r.Remote, r.Problems)
	if !r.Done { // the error says why
		return
	}
	moved := false
	for _, u := range r.Updates {
		moved = moved || u.Kind != repo.UpdateUpToDate
	}
	switch {
	case moved || r.Packs > 0:
	case len(r.Problems) > 0: // what was said about the remote is not contradicted
		return
	case r.Keys > 0:
		a.say("%s: members and keys sent; the branches are up to date\n", r.Remote)
		return
	default:
		a.say("%s: everything up to date\n", r.Remote)
		return
	}
	verb := "sent"
	if dryRun {
		verb = "would send"
	}
	if r.Packs > 0 {
		a.say("To %s: %s %s, %s\n", pushTarget(r), verb, count(r.Packs, "pack"), size(r.Bytes))
	} else {
		a.say("To %s:\n", pushTarget(r))
	}
	a.showUpdates(r.Updates, func(b string) string { return b }, func(b string) string { return r.Remote + "/" + b })
}

// pushTarget is what people call the place: the remote's name, or the folder that a bare clone makes.
func pushTarget(r *repo.PushResult) string {
	if r.Remote == bareRemote {
		return r.URL
	}
	return r.Remote
}
