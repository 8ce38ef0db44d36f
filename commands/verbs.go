package commands

import "github.com/spf13/cobra"

// verbs makes every verb, in the order of the manual.
func (a *app) verbs() []*cobra.Command {
	return []*cobra.Command{
		newInit(a), newAdd(a), newRm(a), newMv(a), newStatus(a), newCommit(a),
		newLog(a), newDiff(a), newShow(a), newCat(a), newLs(a), newFind(a), newBlame(a),
		newCheckout(a), newSwitch(a), newBranch(a), newMerge(a), newTag(a), newBisect(a), newRestore(a), newExport(a),
		newReset(a), newRevert(a), newCherryPick(a), newUndo(a), newRedo(a), newReflog(a),
		newClone(a), newRemote(a), newPush(a), newFetch(a), newPull(a), newLsRemote(a), newServe(a), newPeer(a), newPair(a),
		newImport(a), newVerify(a), newRepair(a), newKey(a), newDevice(a), newIdentity(a),
		newConfig(a), newVersion(a), newCompletion(a),
	}
}
