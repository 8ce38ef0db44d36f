package worktree

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"

	"pgregory.net/rapid"
)

// model is what a work tree holds: for each path a description of the file, or "dir".
type model map[string]string

func (m model) removeAll(path string) {
	for p := range m {
		if p == path || isBelow(p, path) {
			delete(m, p)
		}
	}
}

// diff is what status has to say about now when was is committed.
func (m model) diff(was model) []string {
	all := maps.Clone(map[string]string(m))
	maps.Copy(all, was)
	paths := slices.SortedFunc(maps.Keys(all), comparePaths)
	var lines []string
	for _, p := range paths {
		old, before := was[p]
		now, after := m[p]
		up, _ := splitPath(p)
		newBelow := was[up] != "dir" && up != "" && m[up] == "dir" // in a new directory, or one that was a file
		switch {
		case before && after && (old == "dir") != (now == "dir"):
			lines = append(lines, "T "+p)
		case before && after && old != now:
			lines = append(lines, "M "+p)
		case before && !after && old != "dir" && !becameFile(m, p):
			lines = append(lines, "D "+p)
		case after && !before && now != "dir":
			if inChanged(m, was, up) {
				lines = append(lines, "A "+p)
			} else if !newBelow {
				lines = append(lines, "? "+p)
			}
		case after && !before && !newBelow:
			lines = append(lines, "? "+p+"/")
		}
	}
	return lines
}

// becameFile reports whether a directory above path is a file now: its T speaks for all below.
func becameFile(m model, path string) bool {
	for up, _ := splitPath(path); up != ""; up, _ = splitPath(up) {
		if now, ok := m[up]; ok && now != "dir" {
			return true
		}
	}
	return false
}

// inChanged reports whether dir, or one above it, was a committed file: what is in it is tracked.
func inChanged(m, was model, dir string) bool {
	for ; dir != ""; dir, _ = splitPath(dir) {
		if old, ok := was[dir]; ok && old != "dir" && m[dir] == "dir" {
			return true
		}
	}
	return false
}

// TestStatusAgainstModel does random things to a tree in memory, commits now and then, and compares what status says
// with what a plain comparison of two maps says.
func TestStatusAgainstModel(t *testing.T) {
	cases := 0
	shared := memWorkbench(t)
	rapid.Check(t, func(rt *rapid.T) {
		var seconds int64
		mem := memfs.New(memfs.Options{Now: func() time.Time { seconds++; return time.Unix(1e9+seconds, 7) }})
		b := shared.on(mem, &seconds)
		now, was := model{}, model{}
		for step := range rapid.IntRange(1, 25).Draw(rt, "steps") {
			modelStep(rt, mem, now, step)
			if rapid.IntRange(0, 4).Draw(rt, "commit") == 0 {
				b.commit()
				was = maps.Clone(now)
			}
			if rapid.IntRange(0, 2).Draw(rt, "status") == 0 {
				cases++
				got, want := b.status(), now.diff(was)
				for i, l := range got { // the kind is enough
					if strings.HasPrefix(l, "T ") {
						got[i] = strings.TrimSuffix(l, "/")
					}
				}
				if !slices.Equal(got, want) {
					rt.Fatalf("status says\n%q, want\n%q", got, want)
				}
			}
		}
	})
	t.Logf("proof row 16 (status): %d random states, 0 differences", cases)
}

// on is the same vault around another tree, whose clock the index shares.
func (b *workbench) on(mem vfs.FS, seconds *int64) *workbench {
	local := memfs.New(memfs.Options{Now: func() time.Time { *seconds++; return time.Unix(1e9+*seconds, 7) }})
	return &workbench{t: b.t, root: mem, local: local, sealer: b.sealer, hash: b.hash, chunker: b.chunker}
}

// modelStep does one thing to the tree and to its model.
func modelStep(t *rapid.T, f vfs.FS, m model, step int) {
	path := rapid.SampledFrom([]string{"a", "b", "a-", "a.b", "dir"}).Draw(t, "name")
	for range rapid.IntRange(0, 2).Draw(t, "depth") {
		if kind, ok := m[path]; ok && kind != "dir" {
			return
		}
		path += "/" + rapid.SampledFrom([]string{"x", "a", "y"}).Draw(t, "name")
	}
	for up, _ := splitPath(path); up != ""; up, _ = splitPath(up) {
		if kind, ok := m[up]; ok && kind != "dir" {
			return
		}
	}
	kind, there := m[path]
	switch rapid.IntRange(0, 4).Draw(t, "op") {
	case 0, 1:
		if kind == "dir" {
			check(t, f.RemoveAll(path))
			m.removeAll(path)
		}
		for up, _ := splitPath(path); up != ""; up, _ = splitPath(up) {
			m[up] = "dir"
		}
		up, _ := splitPath(path)
		check(t, f.MkdirAll(up, 0o755))
		data := rapid.SampledFrom([]string{"one", "two", "three", strings.Repeat("long", 100)}).Draw(t, "data")
		writeModel(t, f, path, data)
		m[path] = fmt.Sprintf("%s, in step %d", data, step)
	case 2:
		if there {
			check(t, f.RemoveAll(path))
			m.removeAll(path)
		}
	case 3:
		if !there {
			check(t, f.MkdirAll(path, 0o755))
			for up := path; up != ""; up, _ = splitPath(up) {
				m[up] = "dir"
			}
		}
	case 4:
		if there && kind != "dir" {
			writeModel(t, f, path, "other")
			m[path] = fmt.Sprintf("other, in step %d", step)
		}
	}
}

func writeModel(t rapid.TB, f vfs.FS, path, data string) {
	h, err := f.OpenHandle(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = h.Write([]byte(data))
	}
	if err == nil {
		err = h.Close()
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
