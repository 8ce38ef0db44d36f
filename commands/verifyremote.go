package commands

import (
	"context"
	"errors"

	"evault/repo"
)

type verifyRemoteJSON struct {
	schema
	Remote   string       `json:"remote"`
	URL      string       `json:"url"`
	Packs    int64        `json:"packs"`
	Bytes    int64        `json:"bytes"`
	Sampled  int64        `json:"sampled_packs"`
	Records  int64        `json:"records"`
	Seconds  float64      `json:"seconds"`
	Damage   []damageJSON `json:"damage"`
	Security []string     `json:"security"`
}

func (a *app) runVerifyRemote(ctx context.Context, o repo.VerifyRemoteOptions) error {
	begun := a.env.Now()
	return a.withVault(ctx, repo.Writing, func(v *openVault) error {
		a.verifying = o.Remote
		r, err := v.VerifyRemote(ctx, o)
		if r == nil {
			return err
		}
		a.screen.clear()
		took := a.env.Now().Sub(begun)
		if a.flags.json {
			return errors.Join(err, a.emit(verifyRemoteJSON{schemaOf("verify-remote"), r.Remote, r.URL, r.Packs, r.Bytes, r.Sampled, r.Records,
				took.Seconds(), damagesJSON(r.Damage), nonNil(r.Security)}))
		}
		a.listDamage(r.Damage)
		for _, s := range r.Security {
			a.printf("%s\n", a.paint(red, harmless(s)))
		}
		verdict := "no damage"
		if n := len(r.Damage) + len(r.Security); n > 0 {
			verdict = a.paint(red, count(n, "fault"))
		} else if err != nil {
			return err
		}
		a.say("%s: %s hashed there (%s), %s read back, %s in %s: %s\n", r.Remote, count(r.Packs, "pack"), size(r.Bytes), count(r.Sampled, "pack"),
			count(r.Records, "record"), duration(took), verdict)
		return err
	})
}
