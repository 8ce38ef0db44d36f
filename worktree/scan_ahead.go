package worktree

import (
	"context"
	"errors"
)

// Scanner walks a work tree. It belongs to one consumer's goroutine.
type Scanner struct {
	ctx context.Context
	o   ScanOptions
}

func newScanner(ctx context.Context, o ScanOptions) *Scanner { return &Scanner{ctx: ctx, o: o} }

func (s *Scanner) take(string) (*DirScan, error) { return nil, errors.ErrUnsupported }
func (s *Scanner) more(*DirScan) error           { return errors.ErrUnsupported }
func (s *Scanner) recycle(*DirScan)              {}
func (s *Scanner) close()                        {}
