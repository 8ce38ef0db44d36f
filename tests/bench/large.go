//go:build linux

package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// large measures one file of several GB, half of which can be compressed.
func (b *bench) large() error {
	b.table = newTable()
	source := filepath.Join(b.work, "large")
	if err := os.Mkdir(source, 0o755); err != nil {
		return err
	}
	if err := writeLarge(filepath.Join(source, "file"), int64(b.config.largeGiB*(1<<30))); err != nil {
		return err
	}
	for range b.config.runs {
		for _, t := range b.tools {
			if t.name == "git" || t.name == "borg" { // not made for it, and slow
				continue
			}
			if err := b.largeFile(t, source); err != nil {
				return err
			}
		}
	}
	fmt.Printf("\none file of %.2f GiB, half of it compressible, medians of %d runs\n\n", b.config.largeGiB, b.config.runs)
	b.table.print(b.tools)
	return nil
}

func (b *bench) largeFile(t *tool, source string) error {
	p, err := b.place(t)
	if err != nil {
		return err
	}
	if err := os.Mkdir(p.data, 0o755); err != nil {
		return err
	}
	if err := os.Link(filepath.Join(source, "file"), filepath.Join(p.data, "file")); err != nil {
		return err
	}
	if t.setup != "" {
		if err := b.do(t, p, "", t.setup); err != nil {
			return err
		}
	}
	if err := b.do(t, p, "first commit", t.commit); err != nil {
		return err
	}
	if err := b.size(t, p, "size"); err != nil {
		return err
	}
	if err := b.do(t, p, "restore", t.restore); err != nil {
		return err
	}
	return os.RemoveAll(p.out)
}

// writeLarge alternates runs of random bytes with runs of words.
func writeLarge(name string, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	random := rand.NewChaCha8([32]byte{1})
	words := rand.New(random)
	block := make([]byte, 1<<20)
	for written := int64(0); written < size; written += int64(len(block)) {
		if written>>20&1 == 0 {
			random.Read(block)
		} else {
			for i := range block {
				block[i] = "etaoin shrdlu\n"[words.IntN(14)]
			}
		}
		if _, err := w.Write(block); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}
