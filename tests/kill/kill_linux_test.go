package kill

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

// TestProofKill kills one end of push, pull, fetch and clone at random instants.
func TestProofKill(t *testing.T) {
	kills := 50
	if os.Getenv("EVAULT_PROVE") == "1" {
		kills = 1000
	}
	if testing.Short() {
		kills = 8
	}
	seed := rand.Uint64()
	if text := os.Getenv("EVAULT_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("EVAULT_SEED=%d", seed)
	k := &killing{rig: newRig(t), rnd: rand.New(rand.NewPCG(seed, 1)), took: map[string]time.Duration{}, count: map[string]int{}}
	k.before = k.tip(home, home)
	for n := range kills {
		k.round(n, []string{"push", "pull", "fetch", "clone"}[n%4], n/4%2 == 1)
		if t.Failed() {
			break
		}
	}
	total := 0
	for what, n := range k.count {
		if what != "in time" {
			total += n
		}
	}
	t.Logf("proof kill: %d kills (floor %d): %v", total, kills, k.count)
	if k.count["in time"] < kills/3 {
		t.Errorf("only %d kills came before the work was done", k.count["in time"])
	}
}

type killing struct {
	*rig
	rnd    *rand.Rand
	took   map[string]time.Duration // how long a verb takes when nobody kills it
	count  map[string]int
	before string // where the branch is at the host
}

// round makes some commits, kills a verb that is about them, and has it finish.
func (k *killing) round(n int, verb string, atHost bool) {
	var now string
	for i := range 3 {
		k.write(fmt.Sprintf("file%d", i), 1+k.rnd.IntN(200_000))
		k.ok(home, "-C", home, "commit", "-q", "-A", "-m", fmt.Sprintf("%d.%d", n, i))
	}
	now = k.tip(home, home)
	end, user, tree, args := "", office, office, []string{"-C", office, verb}
	switch verb {
	case "push":
		user, tree, args = home, home, []string{"-C", home, verb}
	case "clone":
		tree = fmt.Sprintf("clone%d", n)
		args = []string{verb, k.cloneURL(), tree}
	}
	if verb != "push" {
		k.ok(home, "-C", home, "push", "-q")
	}
	if end = user; atHost {
		end = host
	}
	limit := k.took[verb]
	if limit == 0 {
		limit = 150 * time.Millisecond
	}
	after := time.Duration(k.rnd.Int64N(int64(limit)))
	code, text := k.killed(end, after, user, args...)
	what := fmt.Sprintf("round %d: %s with the end at %s killed after %v", n, verb, end, after)
	if k.count[verb+" at "+end]++; code != 0 {
		k.count["in time"]++
	}
	if !slices.Contains([]int{0, -1, 14}, code) {
		k.t.Errorf("%s: exit code %d: %s", what, code, text)
	}
	k.judge(what, verb, user, tree, now)
	k.finish(what, verb, user, tree, now, args)
	k.before = now
}

// judge looks at what a kill has left.
func (k *killing) judge(what, verb, user, tree, now string) {
	if verb == "clone" {
		return // it is there or not, and finish says that it can be completed
	}
	k.ok(user, "-C", tree, "verify", "-q")
	switch verb {
	case "push":
		if at := k.document(home, "-C", home, "ls-remote")["commit"]; at != k.before && at != now {
			k.t.Errorf("%s: the branch is at %v, neither at %s nor at %s", what, at, k.before, now)
		}
	default:
		if out, code, _ := k.run(user, "-C", tree, "log", "--oneline", "-n", "1"); code != 0 {
			k.t.Errorf("%s: no log: %s", what, out)
		}
	}
}

// finish runs the same command again. Nothing may be sent twice: what it sends was not there before.
func (k *killing) finish(what, verb, user, tree, now string, args []string) {
	k.t.Helper()
	began := time.Now()
	side := tree
	if verb == "push" {
		side = "root"
	}
	there := k.packs(side)
	var moved map[string]any
	if done := k.whole(verb, tree); verb == "clone" && done {
		moved = map[string]any{"packs": float64(0)}
	} else {
		moved = k.document(user, args...)
		if inner, ok := moved["fetch"].(map[string]any); ok {
			moved = inner
		}
	}
	if sent, _ := moved["packs"].(float64); there+int(sent) > k.packs(side) {
		k.t.Errorf("%s: %d packs were there, %v were sent, and there are %d", what, there, sent, k.packs(side))
	}
	if k.took[verb] == 0 {
		k.took[verb] = time.Since(began)
	}
	if verb == "push" || verb == "fetch" {
		k.ok(office, "-C", office, "pull", "-q")
		tree = office
	}
	if at := k.tip(office, tree); at != now {
		k.t.Errorf("%s: at %s in the end, and not at %s", what, at, now)
	}
	if out := k.ok(office, "-C", tree, "status", "--porcelain"); out != "" {
		k.t.Errorf("%s: the work tree is not clean: %s", what, out)
	}
	k.sameFiles(tree)
	k.ok(office, "-C", tree, "verify", "-q")
	if verb == "clone" {
		if err := os.RemoveAll(filepath.Join(k.dir, tree)); err != nil {
			k.t.Fatal(err)
		}
		k.ok(office, "-C", office, "pull", "-q")
	}
}

// whole says whether a clone was complete when the kill came: to clone again would be refused.
func (k *killing) whole(verb, tree string) bool {
	if verb != "clone" {
		return false
	}
	_, noVault := os.Stat(filepath.Join(k.dir, tree, ".evault"))
	_, unfinished := os.Stat(filepath.Join(k.dir, tree, ".evault", "local", "cloning"))
	return noVault == nil && os.IsNotExist(unfinished)
}
