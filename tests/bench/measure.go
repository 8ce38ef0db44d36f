//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sort"
	"strings"
	"syscall"
	"time"
)

// sample is one run of one command.
type sample struct {
	wall time.Duration
	cpu  time.Duration
	peak int64 // bytes of resident memory of the largest process
}

// shell runs a command line and measures it.
func shell(ctx context.Context, line string, env []string) (sample, error) {
	cmd := exec.CommandContext(ctx, "bash", "-c", "set -o pipefail; "+line)
	cmd.Env = append(os.Environ(), env...)
	var errors strings.Builder
	cmd.Stderr = &errors
	from := time.Now()
	err := cmd.Run()
	s := sample{wall: time.Since(from)}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.peak = usage.Maxrss << 10
		s.cpu = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	if err != nil {
		return s, fmt.Errorf("%s: %w: %s", line, err, strings.TrimSpace(errors.String()))
	}
	return s, nil
}

// table gathers samples by row and tool.
type table struct {
	rows  []string
	cells map[string]map[string][]float64
	units map[string]string
}

func newTable() *table {
	return &table{cells: map[string]map[string][]float64{}, units: map[string]string{}}
}

func (t *table) add(row, unit, tool string, value float64) {
	if t.cells[row] == nil {
		t.rows = append(t.rows, row)
		t.cells[row] = map[string][]float64{}
		t.units[row] = unit
	}
	t.cells[row][tool] = append(t.cells[row][tool], value)
}

func median(values []float64) float64 {
	s := append([]float64(nil), values...)
	sort.Float64s(s)
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// print shows medians, and evault's as a ratio of each peer's.
func (t *table) print(tools []*tool) {
	fmt.Printf("%-44s", "")
	for _, tool := range tools {
		fmt.Printf("%10s", tool.name)
	}
	fmt.Print("   evault as a ratio of\n")
	for _, row := range t.rows {
		fmt.Printf("%-44s", row+", "+t.units[row])
		own, ratios := 0.0, []string{}
		for _, tool := range tools {
			values := t.cells[row][tool.name]
			if len(values) == 0 {
				fmt.Printf("%10s", "")
				continue
			}
			m := median(values)
			fmt.Printf("%10.2f", m)
			if tool.name == "evault" {
				own = m
			} else if own > 0 && m > 0 {
				ratios = append(ratios, fmt.Sprintf("%s %.2f", tool.name, own/m))
			}
		}
		fmt.Printf("   %s\n", strings.Join(ratios, ", "))
	}
}
