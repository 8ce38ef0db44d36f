package repo

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// GitRunner starts git with arguments in the repository that is imported, and gives what it prints. What it runs must obey
// nobody but its caller: no hooks, no variables of the environment that make git do something else, nothing fetched. When
// the context ends, so does git.
type GitRunner func(ctx context.Context, args ...string) (GitProcess, error)

// GitProcess is a git at work.
type GitProcess interface {
	io.Reader // its standard output
	// Wait ends the reading and gives how git ended: nil, or an error that has git's own words. It may be called again.
	Wait() error
}

// gitID is the ID of an object in git: 20 bytes of SHA-1, or 32 of SHA-256.
type gitID [32]byte

func parseGitID(text string) (id gitID, ok bool) {
	if len(text) != 40 && len(text) != 64 {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(text))
	return id, err == nil
}

// maxGitOutput bounds the answers of git that are read as a whole, in bytes.
const maxGitOutput = 64 << 20

// gitOutput runs git and gives all that it prints.
func (o *ImportOptions) gitOutput(ctx context.Context, args ...string) (string, error) {
	p, err := o.Git(ctx, args...)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(io.LimitReader(p, maxGitOutput+1))
	if err == nil && len(data) > maxGitOutput {
		err = fmt.Errorf("git %s: %w: more than %d MiB", args[0], errTooLong, maxGitOutput>>20)
	}
	return string(data), errors.Join(p.Wait(), err)
}

// gitLines runs git and calls use with each line that it prints.
func (o *ImportOptions) gitLines(ctx context.Context, use func(line string) error, args ...string) error {
	p, err := o.Git(ctx, args...)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(p)
	lines.Buffer(nil, 1<<20)
	for err == nil && lines.Scan() {
		err = use(lines.Text())
	}
	if err != nil {
		return errors.Join(err, waitFor(p))
	}
	return errors.Join(p.Wait(), lines.Err())
}

// waitFor ends a process whose end does not matter, because something else went wrong already.
func waitFor(p GitProcess) error {
	_ = p.Wait()
	return nil
}

// gitRef is a ref of the repository.
type gitRef struct {
	full string // "refs/heads/main"
	kind string // of the object: "commit", "tag", "tree", "blob"
	id   gitID
}

// gitHistory is what is known of a repository before its history is read.
type gitHistory struct {
	refs     []gitRef
	others   int             // refs that are neither branches nor tags
	head     string          // the current branch, without refs/heads/; empty: HEAD is detached
	shallow  bool            // it is a shallow clone
	children map[gitID]int32 // of every commit: how many have it for a parent
	select_  []string        // which refs: arguments of rev-list and fast-export
	commits  int64
}

// lookAt asks git about the repository.
func (o *ImportOptions) lookAt(ctx context.Context) (*gitHistory, error) {
	h := &gitHistory{children: map[gitID]int32{}}
	shallow, err := o.gitOutput(ctx, "rev-parse", "--is-shallow-repository")
	if err != nil {
		return nil, err
	}
	h.shallow = strings.TrimSpace(shallow) == "true"
	if err := o.readRefs(ctx, h); err != nil {
		return nil, err
	}
	// Fails where HEAD is detached.
	if head, err := o.gitOutput(ctx, "symbolic-ref", "--quiet", "HEAD"); err == nil {
		h.head, _ = strings.CutPrefix(strings.TrimSuffix(head, "\n"), gitHeads)
	} else if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return h, o.countChildren(ctx, h)
}

const (
	gitHeads = "refs/heads/"
	gitTags  = "refs/tags/"
)

// readRefs lists the refs to import: all branches and tags, or the branches that were asked for and the tags in their history.
func (o *ImportOptions) readRefs(ctx context.Context, h *gitHistory) error {
	const format = "--format=%(objectname) %(objecttype) %(refname)"
	if len(o.Branches) == 0 {
		h.select_ = []string{"--branches", "--tags"}
		return o.gitLines(ctx, h.addRef, "for-each-ref", format)
	}
	tags := []string{"for-each-ref", format}
	wanted := map[string]bool{}
	for _, b := range o.Branches {
		wanted[gitHeads+b] = true
	}
	err := o.gitLines(ctx, func(line string) error {
		_, full, _ := cutRef(line)
		if !wanted[full] {
			return nil
		}
		delete(wanted, full)
		tags = append(tags, "--merged="+full)
		h.select_ = append(h.select_, full)
		return h.addRef(line)
	}, "for-each-ref", format, gitHeads)
	for full := range wanted {
		err = errors.Join(err, fmt.Errorf("the repository has no branch %q", strings.TrimPrefix(full, gitHeads)))
	}
	if err != nil {
		return err
	}
	return o.gitLines(ctx, func(line string) error {
		_, full, _ := cutRef(line)
		h.select_ = append(h.select_, full)
		return h.addRef(line)
	}, append(tags, gitTags)...)
}

func cutRef(line string) (id, full string, ok bool) {
	id, rest, _ := strings.Cut(line, " ")
	_, full, ok = strings.Cut(rest, " ")
	return id, full, ok
}

func (h *gitHistory) addRef(line string) error {
	idText, full, ok := cutRef(line)
	id, good := parseGitID(idText)
	if !ok || !good {
		return fmt.Errorf("git for-each-ref: %.200q is no ref", line)
	}
	if !strings.HasPrefix(full, gitHeads) && !strings.HasPrefix(full, gitTags) {
		h.others++
		return nil
	}
	_, rest, _ := strings.Cut(line, " ")
	kind, _, _ := strings.Cut(rest, " ")
	h.refs = append(h.refs, gitRef{full, kind, id})
	return nil
}

// countChildren counts, for every commit, those that come right after it: when the last of them is made, the commit's tree is
// needed no more.
func (o *ImportOptions) countChildren(ctx context.Context, h *gitHistory) error {
	if len(h.refs) == 0 {
		return nil
	}
	args := append([]string{"rev-list", "--parents"}, h.select_...)
	return o.gitLines(ctx, func(line string) error {
		h.commits++
		_, parents, _ := strings.Cut(line, " ")
		for parents != "" {
			var one string
			one, parents, _ = strings.Cut(parents, " ")
			id, ok := parseGitID(one)
			if !ok {
				return fmt.Errorf("git rev-list: %.80q is no commit", one)
			}
			h.children[id]++
		}
		return nil
	}, append(args, "--")...)
}
