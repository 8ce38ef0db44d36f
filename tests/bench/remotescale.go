//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// runRemoteScale shows how the cost of remotes grows: with the number of packs and records, and with the number of peers.
func runRemoteScale(ctx context.Context, c config, work string) error {
	if err := manyRecords(ctx, c, filepath.Join(work, "many")); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(work, "many")); err != nil {
		return err
	}
	for _, peers := range []int{max(1, c.peers/10), c.peers} {
		dir := filepath.Join(work, fmt.Sprint("peers", peers))
		if err := manyPeers(ctx, c, dir, peers); err != nil {
			return err
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

// manyRecords pushes after every commit, so that the remote has as many packs, and records that name them.
func manyRecords(ctx context.Context, c config, dir string) error {
	env, data := home(filepath.Join(dir, "client")), filepath.Join(dir, "data")
	h, err := startHost(ctx, c.evault, filepath.Join(dir, "host"), []device{{"bench", env}}, 0)
	if err != nil {
		return err
	}
	defer h.stop()
	fmt.Printf("\na remote with %d packs, one by one, and %d records\n", c.records, c.records)
	fill := `mkdir -p DATA && cd DATA && EVAULT init -q --no-passphrase && EVAULT remote add host 'URL' &&
		for i in $(seq N); do echo $i >file && EVAULT commit -q -A -m $i && EVAULT push -q || exit 1; done`
	steps := []struct{ label, line string }{
		{"commits and pushes, all", fill},
		{"push, one more pack", "cd DATA && echo more >file && EVAULT commit -q -A -m more && EVAULT push -q"},
		{"push with nothing new", "cd DATA && EVAULT push -q"},
		{"fetch with nothing new", "cd DATA && EVAULT fetch -q"},
		{"first push to an empty remote", "cd DATA && EVAULT remote add other " + filepath.Join(dir, "other") + " && EVAULT push -q other"},
		{"clone --no-checkout", `EVAULT clone -q --no-checkout "$(cd DATA && EVAULT remote list | sed -n 's/^host\t//p')" ` + filepath.Join(dir, "clone")},
		{"status", "cd DATA && EVAULT status --porcelain"},
	}
	words := strings.NewReplacer("EVAULT", c.evault, "DATA", data, "URL", h.url, "N)", fmt.Sprint(c.records, ")"))
	for _, s := range steps {
		m, err := shell(ctx, words.Replace(s.line), env)
		fmt.Printf("  %-34s %8.3f s %8.3f s of processor time %6.0f MB peak\n", s.label, m.wall.Seconds(), m.cpu.Seconds(), float64(m.peak)/1e6)
		if err != nil {
			return err
		}
	}
	peak, err := h.status("VmHWM")
	fmt.Printf("  %-34s %45.0f MB peak\n", "the host", float64(peak)/1e6)
	return err
}

// pushesEach is how often each of many peers pushes and fetches, and pushedBytes what it adds every time.
const (
	pushesEach  = 10
	pushedBytes = 4 << 20
)

// manyPeers has each of many devices, with a vault of its own, push and fetch at the same time, and shows the memory of the host.
func manyPeers(ctx context.Context, c config, dir string, n int) error {
	var devices []device
	for i := range n {
		devices = append(devices, device{fmt.Sprint("p", i), home(filepath.Join(dir, fmt.Sprint("client", i)))})
	}
	h, err := startHost(ctx, c.evault, filepath.Join(dir, "host"), devices, 64*n)
	if err != nil {
		return err
	}
	defer h.stop()
	for i, d := range devices {
		data := filepath.Join(dir, fmt.Sprint("data", i))
		line := "mkdir -p DATA && cd DATA && EVAULT init -q --no-passphrase && EVAULT remote add host 'URL'"
		if _, err := shell(ctx, strings.NewReplacer("EVAULT", c.evault, "DATA", data, "URL", h.url).Replace(line), d.env); err != nil {
			return err
		}
	}
	idle, err := h.status("VmRSS")
	if err != nil {
		return err
	}
	from := time.Now()
	stop, memory := make(chan struct{}), make(chan []int64, 1)
	go func() { memory <- watch(h.daemon, stop) }()
	err = allAtOnce(ctx, c, dir, devices)
	close(stop)
	seen := <-memory
	wall := time.Since(from)
	if err != nil {
		return err
	}
	peak, err := h.status("VmHWM")
	fmt.Printf("\n%d peers that push %d times %.1f MB and fetch, at once: %.1f s\n  the host's memory: %.0f MB at the start, %.0f MB at most",
		n, pushesEach, float64(pushedBytes)/1e6, wall.Seconds(), float64(idle)/1e6, float64(peak)/1e6)
	for i := 1; i <= 4 && len(seen) >= 4; i++ {
		fmt.Printf(", %.0f MB after %d/4", float64(seen[i*len(seen)/4-1])/1e6, i)
	}
	fmt.Println()
	return err
}

func allAtOnce(ctx context.Context, c config, dir string, devices []device) error {
	var work sync.WaitGroup
	errs := make([]error, len(devices))
	for i, d := range devices {
		work.Go(func() {
			line := fmt.Sprintf("cd %s/data%d && for i in $(seq %d); do head -c %d /dev/urandom >file && %[5]s commit -q -A -m $i && %[5]s push -q && %[5]s fetch -q || exit 1; done",
				dir, i, pushesEach, pushedBytes, c.evault)
			_, errs[i] = shell(ctx, line, d.env)
		})
	}
	work.Wait()
	return errors.Join(errs...)
}

// watch gives the resident memory of a program at regular times until stop.
func watch(d *daemon, stop <-chan struct{}) (seen []int64) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return seen
		case <-tick.C:
			if n, err := d.status("VmRSS"); err == nil {
				seen = append(seen, n)
			}
		}
	}
}
