//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// bench is one run of the program.
type bench struct {
	ctx    context.Context
	config config
	work   string
	tools  []*tool
	table  *table
}

// place is a tool's folders in one round.
type place struct {
	data, repo, out string
	env             []string
}

func (b *bench) place(t *tool) (place, error) {
	p := place{data: filepath.Join(b.work, "data"), repo: filepath.Join(b.work, "repo"), out: filepath.Join(b.work, "out")}
	for _, dir := range []string{p.data, p.repo, p.out} {
		if err := os.RemoveAll(dir); err != nil {
			return p, err
		}
	}
	if err := os.MkdirAll(p.repo, 0o700); err != nil {
		return p, err
	}
	for _, e := range t.env {
		p.env = append(p.env, t.line(e, p.data, p.repo, p.out))
	}
	return p, nil
}

// do runs one command line of a tool and puts it into the table. An empty row measures without showing.
func (b *bench) do(t *tool, p place, row, line string) error {
	if line == "" {
		return nil
	}
	s, err := shell(b.ctx, t.line(line, p.data, p.repo, p.out), p.env)
	if err != nil {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	if row != "" {
		b.table.add(row, "s", t.name, s.wall.Seconds())
		if row == "first commit" {
			b.table.add("first commit, processor time", "s", t.name, s.cpu.Seconds())
			b.table.add("first commit, peak memory", "MB", t.name, float64(s.peak)/1e6)
		}
	}
	return nil
}

// trees measures everything that is done with two versions of a folder.
func (b *bench) trees() error {
	v1, v2, err := b.versions()
	if err != nil {
		return err
	}
	for round := range b.config.runs {
		fmt.Fprintf(os.Stderr, "round %d of %d:", round+1, b.config.runs)
		for _, t := range b.tools {
			fmt.Fprintf(os.Stderr, " %s", t.name)
			if err := b.tree(t, v1, v2); err != nil {
				return err
			}
		}
		fmt.Fprintln(os.Stderr)
	}
	size, err := sizeOf(v1)
	if err != nil {
		return err
	}
	fmt.Printf("\ntwo versions of %s (%.0f MB), medians of %d runs, in memory-backed storage\n\n", filepath.Base(v1), float64(size)/1e6, b.config.runs)
	b.table.print(b.tools)
	return nil
}

func (b *bench) tree(t *tool, v1, v2 string) error {
	p, err := b.place(t)
	if err != nil {
		return err
	}
	if err := copyTree(b.ctx, v1, p.data); err != nil {
		return err
	}
	if t.setup != "" {
		if err := b.do(t, p, "", t.setup); err != nil {
			return err
		}
	}
	time.Sleep(time.Second) // so that no file looks as if it had just been changed
	if err := b.do(t, p, "first commit", t.commit); err != nil {
		return err
	}
	if err := b.size(t, p, "size of one version"); err != nil {
		return err
	}
	if t.name == "pipe" {
		return nil
	}
	if err := b.do(t, p, "status, nothing changed", t.status); err != nil {
		return err
	}
	nothing := t.nothing
	if nothing == "" {
		nothing = t.commit
	}
	if err := b.do(t, p, "commit, nothing changed", nothing); err != nil {
		return err
	}
	if err := b.do(t, p, "restore", t.restore); err != nil {
		return err
	}
	if err := sameTree(b.ctx, v1, p.out, t); err != nil {
		return err
	}
	if err := b.do(t, p, "verify every byte", t.verify); err != nil {
		return err
	}
	if err := replaceTree(b.ctx, v2, p, t); err != nil {
		return err
	}
	time.Sleep(time.Second)
	if err := b.do(t, p, "second version", t.commit); err != nil {
		return err
	}
	return b.size(t, p, "size of two versions")
}

func (b *bench) size(t *tool, p place, row string) error {
	n, err := t.stored(p.data, p.repo)
	b.table.add(row, "MB", t.name, float64(n)/1e6)
	return err
}

// versions finds, or makes, two versions of a folder.
func (b *bench) versions() (v1, v2 string, err error) {
	v1 = b.config.v1
	if v1 == "" {
		if v1, err = b.defaultTree(); err != nil {
			return "", "", err
		}
	}
	if v2 = b.config.v2; v2 != "" {
		return v1, v2, nil
	}
	v2 = filepath.Join(b.work, "v2")
	if err := copyTree(b.ctx, v1, v2); err != nil {
		return "", "", err
	}
	return v1, v2, change(v2)
}

// defaultTree unpacks Debian's kernel source, if it is installed; else it takes the Go tree.
func (b *bench) defaultTree() (string, error) {
	const archive = "/usr/src/linux-source-6.1.tar.xz"
	if _, err := os.Stat(archive); err == nil {
		dir := filepath.Join(b.work, "linux-source-6.1")
		_, err := shell(b.ctx, fmt.Sprintf("mkdir %s && tar -C %s -xJf %s --strip-components=1", dir, dir, archive), nil)
		return dir, err
	}
	out, err := exec.CommandContext(b.ctx, "go", "env", "GOROOT").Output()
	return strings.TrimSpace(string(out)), err
}

// change gives all files a new time and some of them a new line, as the next release of a source tree would.
func change(dir string) error {
	n, now := 0, time.Now()
	return filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		if n++; n%100 == 0 {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(f, "\n/* changed %d */\n", n)
			if closeErr := f.Close(); err == nil {
				err = closeErr
			}
			if err != nil {
				return err
			}
		}
		return os.Chtimes(path, now, now)
	})
}

func copyTree(ctx context.Context, from, to string) error {
	_, err := shell(ctx, fmt.Sprintf("cp -a %s %s", from, to), nil)
	return err
}

// replaceTree puts the second version in place of the first, and leaves what the tool keeps inside.
func replaceTree(ctx context.Context, v2 string, p place, t *tool) error {
	if err := os.RemoveAll(p.out); err != nil {
		return err
	}
	aside := p.data + ".tool"
	if t.inTree != "" {
		if err := os.Rename(filepath.Join(p.data, t.inTree), aside); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(p.data); err != nil {
		return err
	}
	if err := copyTree(ctx, v2, p.data); err != nil {
		return err
	}
	if t.inTree == "" {
		return nil
	}
	return os.Rename(aside, filepath.Join(p.data, t.inTree))
}

// sameTree makes sure that what was measured was a restore.
func sameTree(ctx context.Context, want, got string, t *tool) error {
	_, err := shell(ctx, fmt.Sprintf("diff -r --no-dereference %s %s", want, got), nil)
	if err != nil {
		return fmt.Errorf("%s did not restore what it was given: %w", t.name, err)
	}
	return nil
}
