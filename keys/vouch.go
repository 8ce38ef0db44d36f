package keys

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// ErrRemovedSigner says that a roster which came from elsewhere is signed by a device that an accepted roster removes, and
// that no admin who is left has joined it to the others. What wraps it wraps ErrTampered, too.
var ErrRemovedSigner = errors.New("signed by a device that was removed")

// vouching decides which rosters of removed devices are taken in.
//
// Whoever holds the key of a removed admin can sign a sibling of an older roster for ever, one that removes everybody else.
// Nothing in it tells it from an honest change that was made before the removal, in ignorance of it. So it counts only if an
// admin who is left has joined it to a trusted roster (ReconcileRosters): that takes a key that the removed device does not
// have, and an owner who has seen both.
//
// What counts as removed is what was known before the files came: of two admins who remove each other, the side that is here
// already is kept. Rosters that come together are on a par; if it were for their order, whoever made the lower hash would win.
// Hence no roster is ever refused that leads to an accepted one: it has been accepted before.
type vouching struct {
	chain   *rosterChain      // the vault's; only read
	removed [][32]byte        // devices that a trusted roster revokes, ascending; never a recovery admin
	trusted map[[32]byte]bool // accepted rosters, and candidates, that may vouch
	vouched map[[32]byte]bool // candidates that a trusted one follows
}

// vouch judges candidates, which ascend by number; v.mu is held.
func (v *Vault) vouch(candidates []*Roster) *vouching {
	w := &vouching{chain: v.chain, trusted: map[[32]byte]bool{}, vouched: map[[32]byte]bool{}}
	if !slices.ContainsFunc(candidates, func(r *Roster) bool { return v.chain.revoked[r.Signer] != nil }) {
		return w
	}
	w.trustAccepted(v.roster)
	w.trustCandidates(candidates)
	return w
}

// refuse gives the error for a roster that must not be taken in, and nil for all others.
func (w *vouching) refuse(r *Roster) error {
	if !w.isRemoved(r.Signer) || w.vouched[r.Hash()] || w.chain.byHash[r.Hash()] != nil {
		return nil
	}
	return fmt.Errorf("roster %d: %w (%q, %x): %w", r.Number, ErrRemovedSigner, w.chain.devices[r.Signer].Label, r.Signer[:8], ErrTampered)
}

func (w *vouching) isRemoved(key [32]byte) bool {
	_, found := slices.BinarySearchFunc(w.removed, key, compareKeys)
	return found
}

// remove obeys a roster's revocations. A recovery admin is no device: whoever revokes its key has made that up.
func (w *vouching) remove(list ...*Roster) {
	for _, r := range list {
		for i := range r.Revocations {
			if _, device := w.chain.devices[r.Revocations[i].Device]; device {
				w.removed = append(w.removed, r.Revocations[i].Device)
			}
		}
	}
	sortKeys(w.removed)
	w.removed = slices.Compact(w.removed)
}

// trustAccepted trusts the newest roster and all before it. In a conflict that is under way it trusts the other sides, too,
// as far as they are not the work of devices that the newest roster removes.
func (w *vouching) trustAccepted(newest *Roster) {
	for queue := []*Roster{newest}; len(queue) > 0; queue = queue[1:] {
		for _, p := range queue[0].Predecessors {
			if !w.trusted[p] {
				queue = append(queue, w.chain.byHash[p])
			}
			w.trusted[p] = true
		}
	}
	w.trusted[newest.Hash()] = true
	w.remove(newest) // which repeats every revocation before it
	var sides []*Roster
	for _, r := range slices.SortedFunc(maps.Values(w.chain.byHash), compareRosters) {
		if !w.trusted[r.Hash()] && w.mayVouch(r) {
			w.trusted[r.Hash()] = true
			sides = append(sides, r)
		}
	}
	w.remove(sides...)
}

// mayVouch says whether a roster that the chain accepts is signed by an admin who is left, and follows a trusted one. Its
// signer is an admin of that one, so it is nobody whom the removed device has let in.
func (w *vouching) mayVouch(r *Roster) bool {
	return !w.isRemoved(r.Signer) && slices.ContainsFunc(r.Predecessors, func(h [32]byte) bool { return w.trusted[h] })
}

// trustCandidates finds the candidates that may vouch, and for what they do. Only a roster that would be accepted in every
// other respect vouches, so it is tried first, on a copy of the chain.
func (w *vouching) trustCandidates(candidates []*Roster) {
	trial := w.chain.clone()
	for _, r := range candidates {
		if trial.byHash[r.Hash()] != nil || trial.accept(r) != nil || !w.mayVouch(r) {
			continue
		}
		w.trusted[r.Hash()] = true
		for queue := []*Roster{r}; len(queue) > 0; queue = queue[1:] {
			for _, p := range queue[0].Predecessors {
				if w.chain.byHash[p] == nil && !w.vouched[p] {
					w.vouched[p] = true
					queue = append(queue, trial.byHash[p])
				}
			}
		}
	}
}

// clone copies the chain; the rosters themselves, which never change, are shared.
func (c *rosterChain) clone() *rosterChain {
	return &rosterChain{
		vault: c.vault, genesis: c.genesis,
		byHash: maps.Clone(c.byHash), devices: maps.Clone(c.devices), listedIn: maps.Clone(c.listedIn),
		commitments: maps.Clone(c.commitments), revoked: maps.Clone(c.revoked), tips: maps.Clone(c.tips),
	}
}
