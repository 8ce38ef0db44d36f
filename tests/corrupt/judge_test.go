package corrupt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"evault/internal/vfs/memfs"
	"evault/keys"
	"evault/objects"
	"evault/pack"
	"evault/refs"
	"evault/repo"
)

// verdict is what a damaged vault did.
type verdict struct {
	refused error    // opening failed
	verify  error    // Verify failed, with something named
	errors  []error  // of restores
	wrong   []string // what must never happen
}

// outcome gives the verdict one word.
func (v *verdict) outcome() string {
	switch {
	case len(v.wrong) > 0:
		return "WRONG"
	case v.refused != nil:
		return "refused"
	case v.verify != nil:
		return "found by verify"
	}
	return "harmless"
}

func (v *verdict) blame(format string, args ...any) {
	v.wrong = append(v.wrong, fmt.Sprintf(format, args...))
}

// judge opens a vault that may be damaged, verifies it and restores every commit.
func (s *specimen) judge(disk *memfs.Memory) *verdict {
	v := &verdict{}
	ctx := context.Background()
	p, err := places(disk)
	if err != nil {
		v.refused = err
		return v
	}
	r, err := repo.Open(ctx, p, settings(), repo.ReadOnly)
	if err != nil {
		v.refused = err
		v.named("open", err)
		return v
	}
	found, err := r.Verify(ctx, repo.VerifyOptions{})
	v.verify = err
	v.named("verify", err)
	if err != nil && (found == nil || len(found.Damage)+len(found.Security) == 0) &&
		(!selfExplaining(err) || errors.Is(err, fs.ErrNotExist)) {
		v.blame("verify fails and names nothing: %v", err)
	}
	last := len(s.commits) - 1
	for _, c := range s.commits[:last] {
		v.restore(ctx, r, c.id.String(), c.manifest)
	}
	v.restore(ctx, r, "HEAD", s.commits[last].manifest)
	if v.verify == nil && len(v.errors) > 0 {
		v.blame("verify is content, and a restore fails: %v", v.errors[0])
	}
	if err := r.Close(); err != nil {
		v.blame("close: %v", err)
	}
	return v
}

// restore restores one commit: every file is right, or there is an error that says what is not. Even then whatever was
// written must be right.
func (v *verdict) restore(ctx context.Context, r *repo.Repository, revision string, want manifest) {
	to := memfs.New(memfs.Options{})
	result, err := r.Restore(ctx, repo.RestoreOptions{Source: revision, To: to})
	got, walkErr := manifestOf(to)
	if walkErr != nil {
		v.blame("restored files cannot be read: %v", walkErr)
		return
	}
	if err == nil {
		if d := want.differences(got); len(d) > 0 {
			v.blame("restore of %.8s is wrong without an error: %q", revision, d)
		}
		return
	}
	v.errors = append(v.errors, err)
	v.named("restore", err)
	if errors.Is(err, repo.ErrIncomplete) && (result == nil || len(result.Problems) == 0) {
		v.blame("restore is incomplete and names nothing")
	}
	for name, text := range got {
		if isFile(text) && text != want[name] && contentOf(text) != contentOf(want[name]) {
			v.blame("restore of %.8s failed and left wrong bytes in %q: %s", revision, name, text)
		}
	}
}

func isFile(text string) bool { return strings.Contains(text, " hash ") }

// contentOf cuts a file's description down to what it holds.
func contentOf(text string) string {
	_, content, _ := strings.Cut(text, " size ")
	return content
}

// kinds are the errors that tell a user what is the matter.
func kinds() []error {
	return []error{repo.ErrDamaged, repo.ErrSecurity, repo.ErrNewer, repo.ErrNotUnlocked, repo.ErrIncomplete, repo.ErrUnknownRevision, repo.ErrNoVault,
		pack.ErrDamaged, pack.ErrNoPack, pack.ErrNewer, objects.ErrNotFound, objects.ErrMalformed, objects.ErrNewer, objects.ErrLimit,
		refs.ErrDamaged, refs.ErrSecurity, refs.ErrNewer, keys.ErrTampered, keys.ErrNoSlot, keys.ErrUnknownEpoch}
}

// named makes sure that an error is of a kind that is told apart, or says which file it is about.
func (v *verdict) named(verb string, err error) {
	if err == nil || selfExplaining(err) {
		return
	}
	for _, kind := range kinds() {
		if errors.Is(err, kind) {
			return
		}
	}
	v.blame("%s fails without a name: %v", verb, err)
}

// selfExplaining tells errors that name the file that is wrong.
func selfExplaining(err error) bool {
	var system *fs.PathError
	if errors.As(err, &system) { // a folder where a file should be, a loop of links: the text names it
		return true
	}
	for _, name := range []string{"config.toml", "local/vault", "local/clone", "store/id", "pins/"} {
		if strings.Contains(err.Error(), name) {
			return true
		}
	}
	return false
}
