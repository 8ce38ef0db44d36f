package hostile

import (
	"context"
	"errors"
	"fmt"

	"evault/repo"
)

// verb is what the client does while the host lies.
type verb struct {
	name string
	on   func(w *world) *machine
	run  func(ctx context.Context, w *world, m *machine) error
	// heals says that it repairs: what it comes to is whatever it finds, except that it must be right.
	heals bool
	// hurt says that the machine has lost something before.
	hurt bool
}

const (
	vClone  = "clone"
	vFetch  = "fetch"
	vPull   = "pull"
	vPush   = "push"
	vResto  = "restore"
	vVerify = "verify"
	vRemote = "verify --remote"
	vRepair = "repair --from"
	vHeal   = "repair --from of a damaged vault"
)

func knowing(w *world) *machine { return w.alice }

func verbs() []verb {
	return []verb{
		{name: vClone, on: func(w *world) *machine { return w.dora }, run: func(ctx context.Context, w *world, m *machine) error { return m.clone(ctx, w.url) }},
		{name: vFetch, on: knowing, run: func(ctx context.Context, _ *world, m *machine) error { return m.fetch(ctx) }},
		{name: vPull, on: knowing, run: func(ctx context.Context, _ *world, m *machine) error { return m.pull(ctx) }},
		{name: vPush, on: func(w *world) *machine { return w.topic }, run: func(ctx context.Context, _ *world, m *machine) error { return m.push(ctx, topicBranch) }},
		{name: vResto, on: knowing, run: fetchAndRestore},
		{name: vVerify, on: knowing, run: func(ctx context.Context, _ *world, m *machine) error {
			err := m.fetch(ctx)
			if verifyErr := m.verify(ctx); verifyErr != nil {
				return errors.Join(err, fmt.Errorf("%w: verify: %w", errWrong, verifyErr))
			}
			return err
		}},
		{name: vRemote, on: knowing, run: func(ctx context.Context, _ *world, m *machine) error { return m.verifyRemote(ctx) }},
		{name: vRepair, on: knowing, run: repairFrom, heals: true},
		{name: vHeal, on: func(w *world) *machine { return w.broken }, run: repairFrom, heals: true, hurt: true},
	}
}

// errWrong marks an outcome that is wrong whatever the class of its error.
var errWrong = errors.New("wrong")

// fetchAndRestore restores what the remote's branch is at after a fetch, whether that succeeded or not.
func fetchAndRestore(ctx context.Context, _ *world, m *machine) error {
	err := m.fetch(ctx)
	out, subErr := m.disk.Sub("out")
	if subErr != nil {
		return errors.Join(errWrong, subErr)
	}
	restoreErr := m.with(ctx, repo.ReadOnly, func(r *repo.Repository) error {
		result, err := r.Restore(ctx, repo.RestoreOptions{Source: "friend/main", To: out})
		if err == nil && len(result.Problems) > 0 {
			return fmt.Errorf("restore: %v", result.Problems)
		}
		return err
	})
	if restoreErr != nil {
		return errors.Join(err, fmt.Errorf("%w: restore: %w", errWrong, restoreErr))
	}
	return err
}

// verify proves the local vault.
func (m *machine) verify(ctx context.Context) error {
	return m.with(ctx, repo.Checking, func(r *repo.Repository) error {
		return proved(r.Verify(ctx, repo.VerifyOptions{}))
	})
}

// proved is the error of a Verify with what it found.
func proved(result *repo.VerifyResult, err error) error {
	if err != nil && result != nil {
		return fmt.Errorf("%w: %.3000s %.3000s", err, fmt.Sprint(result.Damage), fmt.Sprint(result.Security))
	}
	return err
}

func (m *machine) verifyRemote(ctx context.Context) error {
	return m.with(ctx, repo.Writing, func(r *repo.Repository) error {
		result, err := r.VerifyRemote(ctx, repo.VerifyRemoteOptions{Remote: "friend", Sample: 100})
		if err != nil && result != nil {
			return fmt.Errorf("%w: %.3000s %.3000s", err, fmt.Sprint(result.Damage), fmt.Sprint(result.Security))
		}
		return err
	})
}

// repairFrom heals a vault from the remote, and the remote from the vault.
func repairFrom(ctx context.Context, _ *world, m *machine) error {
	m.findVault()
	_, err := repo.RepairFrom(ctx, m.places, m.settings, repo.RepairFromOptions{From: "friend"})
	return err
}
