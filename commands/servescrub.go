package commands

import (
	"context"

	"evault/remote/host"
)

type scrubJSON struct {
	schema
	Vaults  int             `json:"vaults"`
	Packs   int             `json:"packs"`
	Bytes   uint64          `json:"bytes"`
	Seconds float64         `json:"seconds"`
	Damaged []scrubPackJSON `json:"damaged"`
	Failed  []scrubPackJSON `json:"failed"`
}

type scrubPackJSON struct {
	Vault  string `json:"vault"`
	Pack   string `json:"pack"`
	Detail string `json:"detail,omitempty"`
}

// scrubHost reads every pack once and reports. Damage is exit code 20.
func (a *app) scrubHost(ctx context.Context, h *host.Host) error {
	r, err := h.Scrub(ctx)
	if err != nil {
		return err
	}
	if a.flags.json {
		err = a.emit(scrubDocument(&r))
	} else {
		a.printScrub(&r)
	}
	if err == nil && len(r.Damaged)+len(r.Failed) > 0 {
		return reported(exitDamaged)
	}
	return err
}

func scrubDocument(r *host.ScrubReport) scrubJSON {
	d := scrubJSON{schema: schemaOf("scrub"), Vaults: r.Vaults, Packs: r.Packs, Bytes: r.Bytes, Seconds: r.Duration.Seconds(),
		Damaged: []scrubPackJSON{}, Failed: []scrubPackJSON{}}
	for _, p := range r.Damaged {
		d.Damaged = append(d.Damaged, scrubPackJSON{Vault: p.Vault.String(), Pack: p.Pack.String()})
	}
	for _, p := range r.Failed {
		d.Failed = append(d.Failed, scrubPackJSON{p.Vault.String(), p.Pack.String(), p.Err.Error()})
	}
	return d
}

func (a *app) printScrub(r *host.ScrubReport) {
	for _, p := range r.Damaged {
		a.printf("damaged, moved away: vault %s pack %s\n", p.Vault, p.Pack)
	}
	for _, p := range r.Failed {
		a.printf("cannot be read: vault %s pack %s: %s\n", p.Vault, p.Pack, harmless(p.Err.Error()))
	}
	a.say("%s in %s, %s, checked in %s: %s\n", count(r.Packs, "pack"), count(r.Vaults, "vault"), size(r.Bytes), duration(r.Duration),
		scrubVerdict(r))
}

func scrubVerdict(r *host.ScrubReport) string {
	if bad := len(r.Damaged) + len(r.Failed); bad > 0 {
		return count(bad, "pack") + " damaged; \"evault repair --from\" of a device that has it sends it again"
	}
	return "all sound"
}
