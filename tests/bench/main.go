//go:build linux

// Command bench measures evault side by side with the peers that are installed (restic, borg, git) and with the physical
// limit of the pipeline (tar | zstd -1 -T2 | openssl), on the same data, in memory-backed storage, in alternating runs, and
// prints medians and ratios. Ratios are what counts: machines differ, and are noisy.
//
//	go run ./tests/bench -evault bin/evault                     Debian's linux-source-6.1 if it is there, else the Go tree
//	go run ./tests/bench -evault bin/evault -v1 DIR -v2 DIR     two versions of your own
//	go run ./tests/bench -evault bin/evault -remotes            pushes and clones only
//	go run ./tests/bench -evault bin/evault -history            version control only: log, blame, diff, merge, switch
//	go run ./tests/bench -evault bin/evault -scale              how cost grows: a million files
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
)

type config struct {
	evault   string
	v1, v2   string
	temp     string
	runs     int
	largeGiB float64
	tools    string
	scale    bool
	files    int
	records  int
	peers    int

	onlyRemotes bool
	onlyHistory bool
}

func main() {
	var c config
	flag.StringVar(&c.evault, "evault", "bin/evault", "the program to measure")
	flag.StringVar(&c.v1, "v1", "", "a folder; empty: the kernel's source, or the Go tree")
	flag.StringVar(&c.v2, "v2", "", "another version of it; empty: v1 with all times and a few files changed")
	flag.StringVar(&c.temp, "temp", "/dev/shm", "where to work: memory-backed, with room for six times the data")
	flag.IntVar(&c.runs, "runs", 3, "runs of each measurement; the median is shown")
	flag.Float64Var(&c.largeGiB, "large", 3, "size of the large file in GiB; 0: leave it out")
	flag.StringVar(&c.tools, "tools", "evault,pipe,restic,borg,git", "what to measure")
	flag.BoolVar(&c.scale, "scale", false, "measure how cost grows instead")
	flag.IntVar(&c.files, "files", 1_000_000, "with -scale: number of files")
	flag.IntVar(&c.records, "records", 10_000, "with -scale: number of packs, and of records of them, in a remote")
	flag.IntVar(&c.peers, "peers", 50, "with -scale: number of devices that push and fetch at once")
	flag.BoolVar(&c.onlyRemotes, "remotes", false, "only what has to do with remotes")
	flag.BoolVar(&c.onlyHistory, "history", false, "only version control, side by side with git")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, c); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, c config) (err error) {
	if c.evault, err = filepath.Abs(c.evault); err != nil {
		return err
	}
	work, err := os.MkdirTemp(c.temp, "evault-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if c.scale {
		if !c.onlyRemotes {
			if err := runScale(ctx, c, work); err != nil {
				return err
			}
		}
		return runRemoteScale(ctx, c, work)
	}
	b := &bench{ctx: ctx, config: c, work: work, table: newTable()}
	for _, t := range allTools(c.evault) {
		if strings.Contains(","+c.tools+",", ","+t.name+",") && t.installed() {
			b.tools = append(b.tools, t)
		}
	}
	switch {
	case c.onlyRemotes:
		return b.remotes()
	case c.onlyHistory:
		return b.history()
	}
	if err := b.trees(); err != nil {
		return err
	}
	if c.largeGiB > 0 {
		if err := b.large(); err != nil {
			return err
		}
	}
	if err := b.remotes(); err != nil {
		return err
	}
	return b.history()
}
