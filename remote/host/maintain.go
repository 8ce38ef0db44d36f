package host

import (
	"context"
	"errors"
	"sync"
	"time"
)

// checkEvery is how often the host asks whether a scrub is due.
const checkEvery = time.Minute

// Maintain does what a serving host does besides, until the context ends: it reads the configuration again when it has
// changed, which ends the connections of revoked peers within two seconds; scrubs when it is time; and afterwards removes
// packs that no record names, if the configuration asks for that.
func (h *Host) Maintain(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() { h.scrubOnTime(ctx) })
	for sleep(ctx, lookTick) == nil {
		h.look(lookEvery)
	}
}

func (h *Host) scrubOnTime(ctx context.Context) {
	for {
		due, err := h.scrubDue()
		if err != nil {
			h.o.Log.Error("cannot tell when the last scrub was", "error", err)
		}
		if due {
			h.scrubAndSweep(ctx)
		}
		if sleep(ctx, checkEvery) != nil {
			return
		}
	}
}

func (h *Host) scrubAndSweep(ctx context.Context) {
	report, err := h.scrub(ctx, true)
	switch {
	case ctx.Err() != nil, errors.Is(err, ErrScrubbing):
		return
	case err != nil:
		h.o.Log.Error("the scrub was cut short", "error", err, "packs", report.Packs)
		return
	}
	h.o.Log.Info("scrubbed", "vaults", report.Vaults, "packs", report.Packs, "bytes", report.Bytes,
		"damaged", len(report.Damaged), "unreadable", len(report.Failed), "duration", report.Duration)
	if days := h.current().Serve.OrphanDays; days > 0 {
		n, err := h.SweepOrphans(ctx, time.Duration(days)*24*time.Hour)
		if err != nil && ctx.Err() == nil {
			h.o.Log.Error("cannot remove all packs that no record names", "error", err, "removed", n)
		}
	}
}
