package commands

import (
	"github.com/spf13/cobra"

	"evault/repo"
)

func newSwitch(a *app) *cobra.Command {
	var o repo.CheckoutOptions
	var create bool
	cmd := &cobra.Command{
		Use:   "switch [BRANCH [START]]",
		Short: "Switch to a branch, or make one with -c",
		Long: `Switch to a branch. With -c the branch is made first, at START or HEAD; then changes that are in no commit stay where they
can. Nothing that is in no commit is overwritten without --force. "-" is where HEAD was before.

With --keep what is in no commit is put aside first, whether tracked or not, unless it is ignored; without a branch that is
all that happens. Switching to a branch, also to the one you are on, brings back what was put aside there, if the work tree
has no changes; where the branch has moved on both are merged, and where that is not possible the work stays aside. It is a
commit like any other, kept/BRANCH, which push does not send: "evault show kept/BRANCH". Undo takes all this back.`,
		Example: `  evault switch main
  evault switch -c experiment
  evault switch -c fix HEAD~2
  evault switch --detach HEAD~1
  evault switch --keep`,
		Args:              between(0, 2, "a branch"),
		ValidArgsFunction: a.completeBranches(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.ForceCreate {
				create = true
			}
			o.BringBack = true
			switch {
			case len(args) == 0 && (!o.Keep || create || o.Detach):
				return usagef(cmd, "switch needs a branch")
			case o.Keep && create:
				return usagef(cmd, "-c takes what is in no commit along, so there is nothing to --keep")
			case o.Keep && o.Force:
				return usagef(cmd, "--keep and --force contradict each other")
			case len(args) == 0:
			case create && o.Detach:
				return usagef(cmd, "-c and --detach contradict each other")
			case !create && len(args) > 1:
				return usagef(cmd, "a start is given, and no branch is made: add -c")
			case create:
				o.Create = args[0]
				if len(args) > 1 {
					o.Revision = args[1]
				}
			default:
				o.Revision, o.Branch = args[0], !o.Detach
			}
			return a.runCheckout(cmd.Context(), "switch", o)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&create, "create", "c", false, "make the branch")
	f.BoolVar(&o.ForceCreate, "force-create", false, "make the branch, or move it if it is there")
	f.BoolVar(&o.Detach, "detach", false, "go to a revision that is no branch")
	f.BoolVarP(&o.Keep, "keep", "k", false, "put aside what is in no commit, until the branch is switched to again")
	addMoveFlags(cmd, &o)
	return cmd
}
