package commands

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"evault/repo"
)

func newRepair(a *app) *cobra.Command {
	var o repo.RepairFromOptions
	var acceptOlder bool
	cmd := &cobra.Command{
		Use:   "repair",
		Short: "Rebuild lost indexes, save what is sound, and heal from a remote",
		Long: `Rebuild the indexes, save every sound object of damaged packs into new ones, and move the damaged packs out of sight, into
.evault/store/damaged. Nothing is deleted but caches. What stays lost is named, and the exit code is then 20.

With --from, packs, keys and log records that are damaged or gone come back from a remote; and what is damaged or gone there
is sent from here. That works also where the vault does not open any more. Give the name of the remote, or its address if
.evault/config.toml is what was lost. Damaged records of this working copy's own log exist nowhere else: work goes on in a
new log, with the branches where the readable records and the remote have them.

A vault that was put back from an older copy is refused (exit code 21), because somebody else may have done it to hide
what came after. If it was you, --accept-older takes the older state for good.`,
		Example: `  evault repair -n
  evault repair
  evault repair --from usb
  evault repair --from file:///media/usb/vault
  evault repair --accept-older`,
		Args: between(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("from") {
				return a.runRepairFrom(cmd.Context(), o)
			}
			mode := repo.Writing
			if acceptOlder {
				mode = repo.Accepting
			}
			return a.runRepair(cmd.Context(), mode, repo.RepairOptions{DryRun: o.DryRun})
		},
	}
	cmd.Flags().BoolVar(&acceptOlder, "accept-older", false, "take the state of an older copy that you have put back yourself")
	cmd.Flags().BoolVarP(&o.DryRun, "dry-run", "n", false, "only say what would be done")
	cmd.Flags().StringVar(&o.From, "from", "", "heal from the `remote` of that name or address, and it from here")
	cmd.MarkFlagsMutuallyExclusive("from", "accept-older")
	return cmd
}

type repairJSON struct {
	schema
	DryRun   bool         `json:"dry_run"`
	Actions  []string     `json:"actions"`
	Salvaged []string     `json:"salvaged_packs"`
	Rescued  int64        `json:"rescued_objects"`
	Lost     []damageJSON `json:"lost"`
	From     *healedJSON  `json:"from,omitempty"`
}

type healedJSON struct {
	Remote   string   `json:"remote"`
	URL      string   `json:"url"`
	Received int      `json:"received_packs"`
	Sent     int      `json:"sent_packs"`
	Mended   int      `json:"sent_records"`
	Lost     []string `json:"lost"`
}

func (a *app) runRepair(ctx context.Context, mode repo.Mode, o repo.RepairOptions) error {
	return a.withVault(ctx, mode, func(v *openVault) error {
		r, err := v.Repair(ctx, o)
		if r == nil {
			return err
		}
		a.screen.clear()
		return errors.Join(err, a.showRepair(r, o.DryRun, nil))
	})
}

func (a *app) runRepairFrom(ctx context.Context, o repo.RepairFromOptions) (err error) {
	root, err := a.findVault()
	if err != nil {
		return err
	}
	places, err := a.openPlaces(root, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closePlaces(places)) }()
	r, err := repo.RepairFrom(ctx, places, a.settings(), o)
	a.screen.clear()
	for _, n := range r.Notes {
		a.note("%s", n)
	}
	if err != nil && len(r.Actions)+len(r.Lost)+len(r.RemoteLost) == 0 {
		return err
	}
	return errors.Join(err, a.showRepair(&r.RepairResult, o.DryRun, &healedJSON{r.Remote, r.URL, r.Received, r.Sent, r.Mended, nonNil(r.RemoteLost)}))
}

func (a *app) showRepair(r *repo.RepairResult, dryRun bool, from *healedJSON) error {
	if a.flags.json {
		return a.emit(repairJSON{schemaOf("repair"), dryRun, nonNil(r.Actions), nonNil(r.Salvaged), r.Rescued, damagesJSON(r.Lost), from})
	}
	for _, action := range r.Actions {
		a.say("%s\n", harmless(action))
	}
	if len(r.Lost) > 0 {
		a.printf("Lost:\n")
		a.listDamage(r.Lost)
	}
	if from != nil && len(from.Lost) > 0 {
		a.printf("Lost on %s:\n", harmless(from.Remote))
		for _, text := range from.Lost {
			a.printf("  %s\n", harmless(text))
		}
	}
	return nil
}
