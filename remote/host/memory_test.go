package host

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"

	"evault/keys"
	"evault/remote/storetest"
)

// perPeer is what each further peer may add to the heap while it sends and fetches packs of packBytes: the buffers of its
// transfer at both ends, and never the pack.
const (
	packBytes = 8 << 20
	perPeer   = 2 << 20
)

// TestProofMemoryOfManyPeers: what a peer costs is a constant far below what it sends. Clients and host are one process here,
// so that what clients need is in the figure, too.
func TestProofMemoryOfManyPeers(t *testing.T) {
	if os.Getenv("EVAULT_PROVE") == "" {
		t.Skip("takes a while; EVAULT_PROVE=1 runs it")
	}
	few := peakOf(t, 5)
	many := peakOf(t, 50)
	t.Logf("peak of live heap: %d KiB with 5 peers, %d KiB with 50", few>>10, many>>10)
	if many > few+45*perPeer {
		t.Errorf("each further peer costs %d KiB", (many-few)/45>>10)
	}
}

// peakOf gives the greatest size of the heap while so many peers send and read packs.
func peakOf(t *testing.T, peers int) uint64 {
	t.Helper()
	ids := make([]*keys.Identity, peers)
	var list []Peer
	for i := range ids {
		ids[i] = newIdentity(t)
		list = append(list, peerOf(fmt.Sprintf("p%d", i), ids[i]))
	}
	r := diskRig(t, list...)
	c, err := ReadConfig(r.config, ConfigName)
	wantError(t, err, nil)
	c.Serve.ConnectionsPerAddress = 1000
	wantError(t, c.Write(r.config, ConfigName), nil)
	r.restart()
	s := serveRig(t, r)
	p, data := storetest.Pack(1, packBytes)
	stop := make(chan struct{})
	peak := watchHeap(stop)
	var work sync.WaitGroup
	for i, id := range ids {
		work.Go(func() {
			store := s.site(id).Store(vaultNumber(byte(i + 1)))
			if _, err := store.Create(t.Context()); err != nil {
				t.Error(err)
				return
			}
			if err := store.PutPack(t.Context(), p, storetest.Source(data)); err != nil {
				t.Error(err)
				return
			}
			body, err := store.Pack(t.Context(), p.Name, 0, -1)
			if err != nil {
				t.Error(err)
				return
			}
			n, err := copyAway(body)
			if err != nil || n != packBytes {
				t.Errorf("%d bytes, %v", n, err)
			}
		})
	}
	work.Wait()
	close(stop)
	return <-peak
}

// watchHeap gives the greatest live heap seen until stop.
func watchHeap(stop <-chan struct{}) <-chan uint64 {
	result := make(chan uint64, 1)
	go func() {
		peak := uint64(0)
		for {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
			select {
			case <-stop:
				result <- peak
				return
			case <-within50ms():
			}
		}
	}()
	return result
}
