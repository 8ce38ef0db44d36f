package commands

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"evault/repo"
)

func newRepair(a *app) *cobra.Command {
	var o repo.RepairOptions
	var acceptOlder bool
	cmd := &cobra.Command{
		Use:   "repair",
		Short: "Rebuild lost indexes and save what is sound in damaged packs",
		Long: `Rebuild the indexes, save every sound object of damaged packs into new ones, and move the damaged packs out of sight, into
.evault/store/damaged. Nothing is deleted. What stays lost is named, and the exit code is then 20.

A vault that was put back from an older copy is refused (exit code 21), because somebody else may have done it to hide
what came after. If it was you, --accept-older takes the older state for good.`,
		Example: `  evault repair -n
  evault repair
  evault repair --accept-older`,
		Args: between(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			mode := repo.Writing
			if acceptOlder {
				mode = repo.Accepting
			}
			return a.runRepair(cmd.Context(), mode, o)
		},
	}
	cmd.Flags().BoolVar(&acceptOlder, "accept-older", false, "take the state of an older copy that you have put back yourself")
	cmd.Flags().BoolVarP(&o.DryRun, "dry-run", "n", false, "only say what would be done")
	return cmd
}

type repairJSON struct {
	schema
	DryRun   bool         `json:"dry_run"`
	Actions  []string     `json:"actions"`
	Salvaged []string     `json:"salvaged_packs"`
	Rescued  int64        `json:"rescued_objects"`
	Lost     []damageJSON `json:"lost"`
}

func (a *app) runRepair(ctx context.Context, mode repo.Mode, o repo.RepairOptions) error {
	return a.withVault(ctx, mode, func(v *openVault) error {
		r, err := v.Repair(ctx, o)
		if r == nil {
			return err
		}
		a.screen.clear()
		if a.flags.json {
			return errors.Join(err, a.emit(repairJSON{schemaOf("repair"), o.DryRun, nonNil(r.Actions), nonNil(r.Salvaged),
				r.Rescued, damagesJSON(r.Lost)}))
		}
		for _, action := range r.Actions {
			a.say("%s\n", harmless(action))
		}
		if len(r.Lost) > 0 {
			a.printf("Lost:\n")
			a.listDamage(r.Lost)
		}
		return err
	})
}
