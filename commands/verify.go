package commands

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"evault/repo"
)

func newVerify(a *app) *cobra.Command {
	var o repo.VerifyOptions
	var sample, remoteName string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Prove that everything in the vault is there and right",
		Long: `Prove that everything in the vault is there and right: every pack, every object, every commit and its signature, every
record of the log, and that no commit lacks anything. What is damaged is named, with the first commit and path that need it.

--remote proves a remote instead: its logs record by record, every pack by the hash that the place computes, and because it
may lie about that, packs chosen at random by reading them back (5 %, or --sample).

Exit codes: 20 damage found, 21 somebody changed history.`,
		Example: `  evault verify
  evault verify --quick
  evault verify --sample 5%
  evault verify --remote friend`,
		Args: between(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if sample != "" {
				if o.Sample, err = percentage(sample); err != nil {
					return usagef(cmd, "--sample: %w", err)
				}
			}
			if remoteName != "" {
				if o.Quick {
					return usagef(cmd, "--quick and --remote contradict each other")
				}
				return a.runVerifyRemote(cmd.Context(), repo.VerifyRemoteOptions{Remote: remoteName, Sample: o.Sample})
			}
			return a.runVerify(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.Quick, "quick", false, "of packs only their hashes, and no walk through the history")
	f.StringVar(&remoteName, "remote", "", "prove this `REMOTE` and not the vault here")
	f.StringVar(&sample, "sample", "", "prove the contents of so many packs, chosen at random (`PERCENT`, as 5%)")
	return cmd
}

type damageJSON struct {
	Kind   string `json:"kind"`
	Pack   string `json:"pack,omitempty"`
	Object string `json:"object,omitempty"`
	Commit string `json:"commit,omitempty"`
	Path   string `json:"path,omitempty"`
	Detail string `json:"detail"`
}

func damagesJSON(list []repo.Damage) []damageJSON {
	out := make([]damageJSON, len(list))
	for i, d := range list {
		out[i] = damageJSON(d)
	}
	return out
}

type verifyJSON struct {
	schema
	Packs    int64        `json:"packs"`
	Objects  int64        `json:"objects"`
	Commits  int64        `json:"commits"`
	Records  int64        `json:"records"`
	Bytes    int64        `json:"bytes"`
	Seconds  float64      `json:"seconds"`
	Damage   []damageJSON `json:"damage"`
	Security []string     `json:"security"`
}

func (a *app) runVerify(ctx context.Context, o repo.VerifyOptions) error {
	begun := a.env.Now()
	return a.withVault(ctx, repo.Checking, func(v *openVault) error {
		r, err := v.Verify(ctx, o)
		if r == nil {
			return err
		}
		a.screen.clear()
		took := a.env.Now().Sub(begun)
		if a.flags.json {
			return errors.Join(err, a.emit(verifyJSON{schemaOf("verify"), r.Packs, r.Objects, r.Commits, r.Records, r.Bytes,
				took.Seconds(), damagesJSON(r.Damage), nonNil(r.Security)}))
		}
		a.listDamage(r.Damage)
		for _, s := range r.Security {
			a.printf("%s\n", a.paint(red, harmless(s)))
		}
		verdict := "no damage"
		if n := len(r.Damage) + len(r.Security); n > 0 {
			verdict = a.paint(red, count(n, "fault"))
		}
		a.say("%s, %s, %s, %s, %s in %s: %s\n", count(r.Packs, "pack"), count(r.Objects, "object"), count(r.Commits, "commit"),
			count(r.Records, "record"), size(r.Bytes), duration(took), verdict)
		return err
	})
}

// listDamage prints damage as a result: it is what was asked for.
func (a *app) listDamage(list []repo.Damage) {
	for _, d := range list {
		a.printf("%s\n", a.paint(red, harmless(d.String())))
	}
}
