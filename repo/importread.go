package repo

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"evault/internal/fastexport"
	"evault/pack"
)

// How history flows through an import. Memory is bounded by what is under way, besides one number of 32 bytes for each
// content and commit.
//
//	git fast-export --> reader --> contents, in batches --> as many goroutines as there are processors: chunks, IDs
//	                      |                                          |
//	                      +-----> commits, in order --> maker <------+   waits for the contents that a commit names:
//	                                                                     trees, commits
//
// Reader and maker each keep what is new in memory until it is a batch of some MiB, and put that into frames in the order of
// paths (pathOrder), on as many goroutines as there are processors.
//
// All goes into one session, so that nothing is visible before all of it is durable.
type importStream struct {
	blobs   *blobStore
	byMark  map[fastexport.Mark]*importBlob
	commits chan *importCommit
	tags    []*fastexport.Tag
	waiting int // commits since the last batch was handed out
}

// commitsAhead is how many commits the reader may be ahead of the maker. A batch is handed out after half as many, so that
// the maker never waits for one that nobody stores.
const commitsAhead = 64

// readHistory runs git and makes everything of its history but refs.
func (r *Repository) readHistory(ctx context.Context, session *pack.Session, m *commitMaker, meter *meter) ([]*fastexport.Tag, error) {
	args := []string{"fast-export", "--use-done-feature", "--show-original-ids", "--mark-tags", "--signed-tags=verbatim", "--reencode=yes"}
	git, err := m.o.Git(ctx, append(append(args, m.history.select_...), "--")...)
	if err != nil {
		return nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	m.ctx = ctx
	s := &importStream{
		blobs:  r.newBlobStore(ctx, session),
		byMark: map[fastexport.Mark]*importBlob{}, commits: make(chan *importCommit, commitsAhead),
	}
	for range r.workers() {
		group.Go(s.blobs.work)
	}
	group.Go(func() error { return s.read(ctx, git) })
	group.Go(func() error {
		for c := range s.commits {
			if err := m.commit(c); err != nil {
				return err
			}
			meter.add(1, 0)
		}
		return context.Cause(ctx)
	})
	err = group.Wait()
	ended := git.Wait()
	if err != nil && ended != nil && errors.Is(err, fastexport.ErrUnterminated) {
		return nil, fmt.Errorf("%w: %w", err, ended)
	}
	if err == nil {
		err = ended
	}
	return s.tags, err
}

// read reads the stream to its end.
func (s *importStream) read(ctx context.Context, stream io.Reader) error {
	defer close(s.commits)
	defer close(s.blobs.jobs)
	in := fastexport.NewReader(stream)
	for {
		c, err := in.Next()
		if err == io.EOF {
			return s.blobs.write()
		}
		if ctx.Err() != nil { // git was ended because something else failed: that is the reason
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		if err := s.take(ctx, c); err != nil {
			return err
		}
	}
}

func (s *importStream) take(ctx context.Context, c fastexport.Command) error {
	switch c := c.(type) {
	case *fastexport.Blob:
		b, err := s.blobs.add(c)
		s.byMark[c.Mark] = b
		return err
	case *fastexport.Commit:
		return s.commit(ctx, c)
	case *fastexport.Tag:
		s.tags = append(s.tags, c)
	}
	return nil
}

// commit finds the contents that a commit names, and hands it on.
func (s *importStream) commit(ctx context.Context, c *fastexport.Commit) error {
	out := &importCommit{Commit: c, blobs: make([]*importBlob, len(c.Changes))}
	for i := range c.Changes {
		change := &c.Changes[i]
		if change.Op != fastexport.Modify || change.Mode == fastexport.ModeSubmodule {
			continue
		}
		if out.blobs[i] = s.byMark[change.Mark]; out.blobs[i] == nil {
			return fmt.Errorf("commit %s: %w: :%d was no content", c.Original, fastexport.ErrSyntax, change.Mark)
		}
		s.blobs.named(out.blobs[i], change.Path)
	}
	if err := s.blobs.enough(); err != nil {
		return err
	}
	if s.waiting++; s.waiting >= commitsAhead/2 {
		if err := s.blobs.flush(); err != nil {
			return err
		}
		s.waiting = 0
	}
	select {
	case s.commits <- out:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
