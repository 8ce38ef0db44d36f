package host

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"evault/keys"
	"evault/refs"
	"evault/remote"
	"evault/remote/storetest"
)

func limited(name string, l Limits) Peer {
	l.Allow = DefaultPermissions
	return Peer{Name: name, Device: deviceOf(name), Limits: l}
}

// metaSize is what an empty store counts for: its folders, which is all that the host counts of it beside packs, records and
// control files.
const metaSize = vaultSize

func TestQuotaInBytes(t *testing.T) {
	r := newRig(t, limited("ada", Limits{Quota: metaSize + 3*blockSize}))
	s, w := r.made("ada", vaultNumber(1))
	p := mustPut(t, s, 1, blockSize+1) // two blocks
	if _, err := put(t, s, 2, 2*blockSize); !errors.Is(err, remote.ErrQuota) || !strings.Contains(err.Error(), "KiB") {
		t.Errorf("over the quota: %v", err)
	}
	heads := w.Heads()
	wantError(t, s.Append(t.Context(), [][]byte{w.Record([]refs.Pack{p})}, heads), nil) // the third block
	if _, err := put(t, s, 3, 1); !errors.Is(err, remote.ErrQuota) {
		t.Errorf("full: %v", err)
	}
	file := []byte("slot")
	wantError(t, s.PutFile(t.Context(), fmt.Sprintf("slots/%x.age", sha256.Sum256(file)), file), remote.ErrQuota)
	heads = w.Heads()
	wantError(t, s.Append(t.Context(), [][]byte{w.Record(nil)}, heads), remote.ErrQuota)
	mustPut(t, s, 1, blockSize+1) // what is there is no question of room
	info, err := s.Info(t.Context())
	if err != nil || info.Quota != metaSize+3*blockSize || info.Used != info.Quota {
		t.Errorf("%+v, %v", info, err)
	}
	packs, err := s.Packs(t.Context())
	if err != nil || len(packs) != 1 {
		t.Errorf("%d packs, %v", len(packs), err)
	}
}

// TestAFailedUploadTakesNoRoom: room that was reserved is given back.
func TestAFailedUploadTakesNoRoom(t *testing.T) {
	r := newRig(t, limited("ada", Limits{Quota: metaSize + blockSize, Packs: 1}))
	s, _ := r.made("ada", vaultNumber(1))
	for n := range uint64(5) {
		p, _ := storetest.Pack(n, blockSize)
		_, wrong := storetest.Pack(n+100, blockSize)
		wantError(t, s.PutPack(t.Context(), p, storetest.Source(wrong)), remote.ErrMismatch)
	}
	mustPut(t, s, 1, blockSize)
}

func TestQuotaInPacks(t *testing.T) {
	r := newRig(t, limited("ada", Limits{Packs: 2}))
	s, w := r.made("ada", vaultNumber(1))
	for n := range uint64(2) {
		mustPut(t, s, n, 100)
	}
	_, err := put(t, s, 9, 100)
	wantError(t, err, remote.ErrQuota)
	wantError(t, s.Append(t.Context(), [][]byte{w.Record(nil)}, nil), nil)
	r.restart()
	_, err = put(t, r.open("ada", vaultNumber(1)), 9, 100)
	wantError(t, err, remote.ErrQuota)
}

// TestQuotaCountsAllVaultsOfItsMaker: nobody gets more room by making more vaults.
func TestQuotaCountsAllVaultsOfItsMaker(t *testing.T) {
	r := newRig(t, limited("ada", Limits{Quota: 3*metaSize + 4*blockSize}), limited("bob", Limits{Quota: 2*metaSize + 8*blockSize}))
	for n := range byte(2) {
		s, _ := r.made("ada", vaultNumber(n+1))
		mustPut(t, s, 1, 2*blockSize)
	}
	s, _ := r.made("ada", vaultNumber(3))
	_, err := put(t, s, 1, 1)
	wantError(t, err, remote.ErrQuota)
	_, err = r.open("ada", vaultNumber(4)).Create(t.Context())
	wantError(t, err, remote.ErrQuota)
	bob := r.open("bob", vaultNumber(1)) // what others have made does not count for bob, but for where he writes
	mustPut(t, bob, 2, 2*blockSize)
	r.restart()
	_, err = put(t, r.open("ada", vaultNumber(3)), 1, 1)
	wantError(t, err, remote.ErrQuota)
}

func TestQuotaOfOneVault(t *testing.T) {
	size, packs := Size(metaSize+blockSize), uint64(1)
	ada := limited("ada", Limits{Quota: 1 << 40})
	ada.Overrides = []Override{{Vault: vaultNumber(1), Quota: &size, Packs: &packs}}
	r := newRig(t, ada)
	big, _ := r.made("ada", vaultNumber(2))
	mustPut(t, big, 1, 100*blockSize)
	s, _ := r.made("ada", vaultNumber(1))
	mustPut(t, s, 1, blockSize)
	_, err := put(t, s, 2, 1)
	wantError(t, err, remote.ErrQuota)
	mustPut(t, big, 2, 1)
}

// TestUsageIsThatOfTheDisk: after a restart, beside another process, and when the host's owner removes something.
func TestUsageIsThatOfTheDisk(t *testing.T) {
	r := diskRig(t, limited("ada", Limits{Quota: 1 << 30}), allowing("owner", all))
	s, w := r.made("ada", vaultNumber(1))
	used := func(h *Host) uint64 {
		info, err := openOn(t, h, "ada", vaultNumber(1)).Info(t.Context())
		wantError(t, err, nil)
		return info.Used
	}
	want := uint64(metaSize)
	for n := range uint64(20) {
		mustPut(t, s, n, int(n)*1000+1)
		want += blocks(n*1000 + 1)
	}
	record := w.RecordOf(nil, 5000)
	wantError(t, s.Append(t.Context(), [][]byte{record}, nil), nil)
	want += blocks(uint64(len(record)))
	if got := used(r.h); got != want {
		t.Errorf("used %d, want %d", got, want)
	}
	r.restart()
	if got := used(r.h); got != want {
		t.Errorf("after a restart: used %d, want %d", got, want)
	}
	other := r.another()
	defer other.Close()
	mustPut(t, openOn(t, other, "ada", vaultNumber(1)), 50, 10*blockSize)
	want += 10 * blockSize
	r.clock = r.clock.Add(recountAfter)
	if got := used(r.h); got != want {
		t.Errorf("beside another process: used %d, want %d", got, want)
	}
	gone, _ := storetest.Pack(50, 10*blockSize)
	wantError(t, openOn(t, other, "owner", vaultNumber(1)).DeletePack(t.Context(), gone.Name), nil)
	r.clock = r.clock.Add(recountAfter)
	if got := used(r.h); got != want-10*blockSize {
		t.Errorf("after a removal: used %d, want %d", got, want-10*blockSize)
	}
}

func TestUploadsSideBySideKeepToTheQuota(t *testing.T) {
	r := newRig(t, limited("ada", Limits{Quota: metaSize + 10*blockSize}))
	s, _ := r.made("ada", vaultNumber(1))
	results := make(chan error)
	for n := range uint64(30) {
		go func() {
			p, data := storetest.Pack(n, blockSize)
			results <- s.PutPack(t.Context(), p, storetest.Source(data))
		}()
	}
	stored := 0
	for range 30 {
		if err := <-results; err == nil {
			stored++
		} else if !errors.Is(err, remote.ErrQuota) {
			t.Error(err)
		}
	}
	packs, err := s.Packs(t.Context())
	if err != nil || len(packs) != stored || stored > 10 || stored == 0 {
		t.Errorf("%d packs of %d, %v", len(packs), stored, err)
	}
}

func TestRecordsPerHour(t *testing.T) {
	r := newRig(t, limited("ada", Limits{RecordsPerHour: 3}), allowing("bob", DefaultPermissions))
	r.clock = time.Unix(3600*500_000, 0)
	s, w := r.made("ada", vaultNumber(1))
	add := func(s remote.Store, n int) error {
		heads := w.Heads()
		return s.Append(t.Context(), w.Records(n), heads)
	}
	wantError(t, add(s, 2), nil)
	r.restart()
	s = r.open("ada", vaultNumber(1))
	heads := w.Heads()
	two := w.Records(2)
	err := s.Append(t.Context(), two, heads)
	wantError(t, err, remote.ErrQuota)
	var wait interface{ RetryAfter() time.Duration }
	if !errors.As(err, &wait) || wait.RetryAfter() < time.Minute || wait.RetryAfter() > 2*time.Hour {
		t.Fatalf("no time to wait in %v", err)
	}
	wantError(t, s.Append(t.Context(), two[:1], heads), nil)
	wantError(t, s.Append(t.Context(), two[:1], heads), nil) // a repetition counts for nothing
	now, err := s.Heads(t.Context())
	wantError(t, err, nil)
	r.clock = r.clock.Add(wait.RetryAfter())
	wantError(t, s.Append(t.Context(), two[1:], now), nil)
	other, w2 := r.made("ada", vaultNumber(2)) // each vault by itself
	wantError(t, other.Append(t.Context(), w2.Records(3), nil), nil)
	wantError(t, add(r.open("bob", vaultNumber(1)), 60), nil) // each peer by itself
}

func TestRateOfManyHours(t *testing.T) {
	start := time.Unix(3600*500_000, 0)
	const limit = 10
	var times []time.Time
	r := rate{Hour: start.Unix() / 3600}
	for minute := range 12 * 60 {
		now := start.Add(time.Duration(minute) * time.Minute)
		r = r.at(now.Unix() / 3600)
		if r.allow(1, limit, now) == nil {
			r.Records++
			times = append(times, now)
		}
	}
	for i := range times {
		if i+2*limit < len(times) && times[i+2*limit].Sub(times[i]) < time.Hour {
			t.Fatalf("more than %d records from %v on", 2*limit, times[i])
		}
	}
	if len(times) < 11*limit {
		t.Errorf("only %d records in 12 hours", len(times))
	}
}

func TestTooManyRecordsAtOnceNeverFit(t *testing.T) {
	err := rate{Hour: 5}.allow(11, 10, time.Unix(5*3600, 0))
	wantError(t, err, remote.ErrQuota)
}

func TestAccountsOfPeers(t *testing.T) {
	device, named := Peer{Name: "a", Device: keys.DeviceID{1}}, Peer{Name: "a"}
	if a, b := accountOf(nil, &device), accountOf(nil, &named); a.dir == b.dir {
		t.Error("the same account")
	}
	renamed := device
	renamed.Name = "b"
	if a, b := accountOf(nil, &device), accountOf(nil, &renamed); a.dir != b.dir {
		t.Error("renaming changes the account")
	}
}
