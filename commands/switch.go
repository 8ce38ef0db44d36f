package commands

import (
	"github.com/spf13/cobra"

	"evault/repo"
)

func newSwitch(a *app) *cobra.Command {
	var o repo.CheckoutOptions
	var create bool
	cmd := &cobra.Command{
		Use:   "switch BRANCH [START]",
		Short: "Switch to a branch, or make one with -c",
		Long: `Switch to a branch. With -c the branch is made first, at START or HEAD; then changes that are in no commit stay where they
can. Nothing that is in no commit is overwritten without --force. "-" is where HEAD was before.`,
		Example: `  evault switch main
  evault switch -c experiment
  evault switch -c fix HEAD~2
  evault switch --detach HEAD~1`,
		Args:              between(1, 2, "a branch"),
		ValidArgsFunction: a.completeBranches(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.ForceCreate {
				create = true
			}
			switch {
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
	addMoveFlags(cmd, &o)
	return cmd
}
