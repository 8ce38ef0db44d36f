package proof

import (
	"fmt"
	"testing"

	"evault/internal/vfs/memfs"
	"evault/repo"
)

// maxCommitSyncs is how many fsyncs a commit of one small file may take: the pack and two of its folders, the record in
// outbox, folder and log, the pin and its folder.
const maxCommitSyncs = 10

// TestProofFsyncsOfACommit counts them: they are what a small commit costs on a disk, and must not grow with the history.
// One more is allowed now and then, for a folder of packs that is new.
func TestProofFsyncsOfACommit(t *testing.T) {
	w := newWorld(t)
	fresh(t, w)
	w.commit(t, "first")
	commits := 40
	if proving() {
		commits = 400
	}
	var counts []int
	most := 0
	for i := range commits {
		w.write(t, "a.txt", fmt.Sprintf("version %d\n", i))
		w.disk.Record()
		w.must(t, commitVerb(repo.CommitOptions{Message: fmt.Sprint("version ", i), All: true})(t.Context(), w))
		n := 0
		for _, op := range w.disk.Ops() {
			if op.Kind == memfs.Sync || op.Kind == memfs.SyncDir {
				n++
			}
		}
		counts = append(counts, n)
		most = max(most, n)
	}
	row(t, "fsyncs of a commit: %d at first, %d after %d commits, %d at most", counts[0], counts[commits-1], commits, most)
	if most > maxCommitSyncs {
		t.Errorf("a commit of one small file took %d fsyncs, allowed %d: %v", most, maxCommitSyncs, counts)
	}
	if counts[commits-1] > counts[0] {
		t.Errorf("fsyncs grow with the history: %v", counts)
	}
}
