package repo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPicksAsGit reverts and picks commits of generated histories of a few text files, and lets git do the same: both find a
// conflict or neither, and without one the files hold the same bytes.
//
// EVAULT_PROVE=1 does hundreds; EVAULT_SEED=n repeats one.
func TestPicksAsGit(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is the judge here, and it is not installed")
	}
	runs := 4
	if os.Getenv("EVAULT_PROVE") != "" {
		runs = 400
	}
	first := uint64(time.Now().UnixNano() % 1e9)
	if s := os.Getenv("EVAULT_SEED"); s != "" {
		runs = 1
		if _, err := fmt.Sscan(s, &first); err != nil {
			t.Fatal(err)
		}
	}
	conflicts := 0
	for seed := first; seed < first+uint64(runs); seed++ {
		j := &pickJudge{t: t, g: newRig(t), git: git, dir: t.TempDir(), rnd: rand.New(rand.NewPCG(seed, 3))}
		conflicts += j.run(seed)
	}
	t.Logf("%d histories, %d picks that conflict", runs, conflicts)
}

type pickJudge struct {
	t   *testing.T
	g   *rig
	git string
	dir string
	rnd *rand.Rand
}

func (j *pickJudge) run(seed uint64) (conflicts int) {
	j.must("init", "-q", "-b", "main")
	files := map[string][]string{}
	for n := range 5 {
		for _, name := range []string{"a", "b"} {
			before := files[name]
			files[name] = j.edit(before)
			if before != nil && slices.Equal(before, files[name]) {
				continue // to write it again would give it a new time, which to git is no change
			}
			text := strings.Join(files[name], "\n") + "\n"
			j.g.write(name, text)
			if err := os.WriteFile(filepath.Join(j.dir, name), []byte(text), 0o644); err != nil {
				j.t.Fatal(err)
			}
		}
		j.must("add", "-A")
		j.must("commit", "-q", "--allow-empty", "-m", fmt.Sprint("c", n))
		j.g.commitWith(CommitOptions{Message: fmt.Sprint("c", n), All: true, AllowEmpty: true})
	}
	for back := range 4 {
		for _, operation := range []string{OpRevert, OpCherryPick} {
			rev := fmt.Sprint("HEAD~", back)
			if j.pick(seed, operation, rev) {
				conflicts++
			}
		}
	}
	return conflicts
}

// edit changes a few lines of a text.
func (j *pickJudge) edit(lines []string) []string {
	if lines == nil {
		for i := range 40 {
			lines = append(lines, fmt.Sprint("line ", i))
		}
		return lines
	}
	out := append([]string(nil), lines...)
	for range j.rnd.IntN(4) {
		at := j.rnd.IntN(len(out))
		switch j.rnd.IntN(3) {
		case 0:
			out[at] = fmt.Sprint("changed ", j.rnd.IntN(1000))
		case 1:
			out = append(out[:at], out[at+1:]...)
		default:
			out = append(out[:at], append([]string{fmt.Sprint("new ", j.rnd.IntN(1000))}, out[at:]...)...)
		}
	}
	return out
}

// pick does one operation in both, compares, and goes back to where both were. It reports a conflict.
func (j *pickJudge) pick(seed uint64, operation, rev string) (conflict bool) {
	args := []string{operation, rev}
	if operation == OpRevert {
		args = []string{operation, "--no-edit", rev}
	}
	out, gitErr := j.command(args...)
	nothing := strings.Contains(out, "nothing to commit") || strings.Contains(out, "is now empty")
	j.g.with(Writing, func(ctx context.Context, r *Repository) {
		act := r.Revert
		if operation == OpCherryPick {
			act = r.CherryPick
		}
		kind := ""
		err := act(ctx, PickOptions{Revisions: []string{rev}}, func(p *Picked) error { kind = p.Merge.Kind; return nil })
		var refused *MergeConflictError
		conflict = errors.As(err, &refused)
		switch {
		case err != nil && !conflict:
			j.t.Errorf("EVAULT_SEED=%d %s %s: %v", seed, operation, rev, err)
		case conflict != (gitErr != nil && !nothing):
			j.t.Errorf("EVAULT_SEED=%d %s %s: a conflict here is %v, and git says %v: %s", seed, operation, rev, conflict, gitErr, out)
		case nothing != (kind == MergeUpToDate):
			j.t.Errorf("EVAULT_SEED=%d %s %s: %q, and git says %s", seed, operation, rev, kind, out)
		}
		for _, name := range []string{"a", "b"} {
			want, err := os.ReadFile(filepath.Join(j.dir, name))
			if err != nil {
				j.t.Fatal(err)
			}
			if got := j.g.read(name); !conflict && got != string(want) {
				j.t.Errorf("EVAULT_SEED=%d %s %s: %s holds %q, with git %q", seed, operation, rev, name, got, want)
			}
		}
		j.back(ctx, r, conflict, kind, nothing)
	})
	return conflict
}

func (j *pickJudge) back(ctx context.Context, r *Repository, conflict bool, kind string, nothing bool) {
	var err error
	switch {
	case conflict:
		_, err = r.Reset(ctx, ResetOptions{Hard: true})
	case kind != MergeUpToDate:
		_, err = r.Undo(ctx, UndoOptions{})
	}
	if err != nil {
		j.t.Fatal(err)
	}
	at := "HEAD"
	if !conflict && !nothing {
		at = "HEAD~1"
	}
	j.must("reset", "-q", "--hard", at)
}

func (j *pickJudge) command(args ...string) (string, error) {
	cmd := exec.CommandContext(j.t.Context(), j.git, args...)
	cmd.Dir = j.dir
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b",
		"GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull, "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (j *pickJudge) must(args ...string) {
	j.t.Helper()
	if out, err := j.command(args...); err != nil {
		j.t.Fatalf("git %q: %v: %s", args, err, out)
	}
}
