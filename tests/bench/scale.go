//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// runScale shows how cost grows: a tree of very many small files, one changed file in it, and one directory that holds
// them all.
func runScale(ctx context.Context, c config, work string) error {
	for _, shape := range []struct {
		name      string
		perFolder int
	}{
		{fmt.Sprintf("%d files, 100 in each folder", c.files), 100},
		{fmt.Sprintf("%d files in one folder", c.files), c.files},
	} {
		if err := scaleTree(ctx, c, filepath.Join(work, "scale"), shape.name, shape.perFolder); err != nil {
			return err
		}
		if err := os.RemoveAll(filepath.Join(work, "scale")); err != nil {
			return err
		}
	}
	return nil
}

func scaleTree(ctx context.Context, c config, work, name string, perFolder int) error {
	data := filepath.Join(work, "data")
	if err := generate(data, c.files, perFolder); err != nil {
		return err
	}
	env := []string{"EVAULT_CONFIG_HOME=" + filepath.Join(work, "config"), "EVAULT_STATE_HOME=" + filepath.Join(work, "state")}
	fmt.Printf("\n%s\n", name)
	step := func(label, line string) error {
		s, err := shell(ctx, "cd "+data+" && "+strings.ReplaceAll(line, "EVAULT", c.evault), env)
		fmt.Printf("  %-34s %8.2f s %8.2f s of processor time %6.0f MB peak\n", label, s.wall.Seconds(), s.cpu.Seconds(), float64(s.peak)/1e6)
		return err
	}
	changed := filepath.Join(data, fileName(c.files/2, perFolder))
	for _, s := range []struct{ label, line string }{
		{"init", "EVAULT init -q --no-passphrase && sleep 1"},
		{"first commit", "EVAULT commit -q -A -m first"},
		{"status, nothing changed", "EVAULT status --porcelain"},
		{"commit, one file changed", "echo changed > " + changed + " && EVAULT commit -q -m second"},
		{"commit, nothing changed", "EVAULT commit -q -m third"},
		{"verify", "EVAULT verify -q"},
		{"restore", "EVAULT restore -q --to " + filepath.Join(work, "out")},
	} {
		if err := step(s.label, s.line); err != nil {
			return err
		}
	}
	return nil
}

func fileName(i, perFolder int) string { return fmt.Sprintf("%04d/file-%07d.txt", i/perFolder, i) }

func generate(dir string, files, perFolder int) error {
	for i := range files {
		name := filepath.Join(dir, fileName(i, perFolder))
		if i%perFolder == 0 {
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				return err
			}
		}
		text := fmt.Sprintf("file %d\n%s", i, strings.Repeat("x", i%200))
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
