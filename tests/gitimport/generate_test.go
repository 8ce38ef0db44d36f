package gitimport

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// history writes a random history as git fast-import reads it. It knows of each commit what is in it, so that changes make sense.
type history struct {
	rng     *rand.Rand
	out     bytes.Buffer
	marks   int
	commits []madeCommit
	now     int64
	linear  bool // without merges
}

type madeCommit struct {
	mark  int
	files map[string]string // path to mode and content
}

// oddNames are names that something on the way could get wrong.
var oddNames = []string{
	"plain", "with space", `quo"te`, `back\slash`, "new\nline", "tab\there", "ümläut", "\xff\xfe not utf-8", "-dash", "a:b", "ends.",
	"CON", "dot.lock", "...", "*?[x]", "\x01control", " lead", "trail ", "x@{y}", "Git", ".gitignore",
}

func newHistory(seed uint64, linear bool) *history {
	return &history{rng: rand.New(rand.NewPCG(seed, 99)), now: 1_000_000_000, linear: linear}
}

func (h *history) pick(n int) int { return h.rng.IntN(n) }

func (h *history) data(text string) { fmt.Fprintf(&h.out, "data %d\n%s\n", len(text), text) }

// write makes the whole stream: commits, branches, tags.
func (h *history) write(commits int) {
	for n := range commits {
		h.commit(n)
	}
	for n := range 3 + h.pick(3) {
		c := h.commits[h.pick(len(h.commits))]
		fmt.Fprintf(&h.out, "reset refs/heads/branch%d/of\"odd\"\nfrom :%d\n\n", n, c.mark)
		c = h.commits[h.pick(len(h.commits))]
		fmt.Fprintf(&h.out, "reset refs/tags/light%d\nfrom :%d\n\n", n, c.mark)
		c = h.commits[h.pick(len(h.commits))]
		fmt.Fprintf(&h.out, "tag ann%d\nfrom :%d\n", n, c.mark)
		if n > 0 {
			fmt.Fprintf(&h.out, "tagger Tig Ger <t@x> %d +0930\n", h.now)
		}
		h.data(fmt.Sprintf("tag\n\nnumber %d\n", n))
	}
}

func (h *history) commit(n int) {
	h.now += int64(h.pick(100_000))
	h.marks++
	c := madeCommit{mark: h.marks, files: map[string]string{}}
	fmt.Fprintf(&h.out, "commit refs/heads/main\nmark :%d\n", c.mark)
	author := []string{"Ann <ann@x>", "<only@mail>", "Zoë Ünï <z@x>", "Control \x02 <c@x>", " <>", "L\xe4tin <l@x>"}[h.pick(6)]
	zone := []string{"+0000", "-0730", "+1345", "-1200"}[h.pick(4)]
	fmt.Fprintf(&h.out, "author %s %d %s\n", author, h.now-int64(h.pick(3)*h.pick(1000)), zone)
	fmt.Fprintf(&h.out, "committer Carl <c@x> %d +0100\n", h.now)
	h.data([]string{"message", "two\nlines\n", "", "trailing\n\n\n", "ü\xffnot utf-8\n", "\n\nleading"}[h.pick(6)])
	var parents []madeCommit
	switch k := h.pick(12); {
	case n == 0, k == 0 && n > 3 && !h.linear: // a history of its own
		if n > 0 { // else it would follow the branch
			h.out.Truncate(bytes.LastIndex(h.out.Bytes(), fmt.Appendf(nil, "commit refs/heads/main\nmark :%d\n", c.mark)))
			fmt.Fprintf(&h.out, "reset refs/heads/main\n\ncommit refs/heads/main\nmark :%d\ncommitter Carl <c@x> %d +0100\n", c.mark, h.now)
			h.data("orphan")
		}
	case k <= 3 && !h.linear:
		for range 2 + h.pick(2)*h.pick(20) {
			parents = append(parents, h.commits[h.pick(len(h.commits))])
		}
	case h.linear:
		parents = h.commits[len(h.commits)-1:]
	default:
		parents = []madeCommit{h.commits[max(0, len(h.commits)-1-h.pick(3)*h.pick(3))]}
	}
	seen := map[int]bool{}
	for i, p := range parents {
		if seen[p.mark] {
			continue
		}
		seen[p.mark] = true
		if i == 0 {
			fmt.Fprintf(&h.out, "from :%d\n", p.mark)
			maps.Copy(c.files, p.files)
		} else {
			fmt.Fprintf(&h.out, "merge :%d\n", p.mark)
		}
	}
	if len(parents) > 1 {
		h.takeFrom(&c, parents[1:])
	}
	for range h.pick(6) {
		h.change(&c)
	}
	h.out.WriteString("\n")
	h.commits = append(h.commits, c)
}

// takeFrom is what a merge brings in: files as the other parents have them.
func (h *history) takeFrom(c *madeCommit, others []madeCommit) {
	for _, p := range others {
		for _, path := range slices.Sorted(maps.Keys(p.files)) {
			if h.pick(2) == 0 && !h.inTheWay(c, path) {
				mode, content, _ := strings.Cut(p.files[path], " ")
				h.put(c, path, mode, content)
			}
		}
	}
}

// inTheWay says whether a path would be a folder of a file, or the other way.
func (h *history) inTheWay(c *madeCommit, path string) bool {
	for have := range c.files {
		if have != path && (strings.HasPrefix(have, path+"/") || strings.HasPrefix(path, have+"/")) {
			return true
		}
	}
	return false
}

func (h *history) put(c *madeCommit, path, mode, content string) {
	var quoted strings.Builder
	for i := range len(path) {
		fmt.Fprintf(&quoted, "\\%03o", path[i])
	}
	fmt.Fprintf(&h.out, "M %s inline \"%s\"\n", mode, &quoted)
	h.data(content)
	c.files[path] = mode + " " + content
}

func (h *history) drop(c *madeCommit, path string) {
	var quoted strings.Builder
	for i := range len(path) {
		fmt.Fprintf(&quoted, "\\%03o", path[i])
	}
	fmt.Fprintf(&h.out, "D \"%s\"\n", &quoted)
	delete(c.files, path)
}

func (h *history) change(c *madeCommit) {
	all := slices.Sorted(maps.Keys(c.files))
	if len(all) > 0 && h.pick(3) == 0 {
		path := all[h.pick(len(all))]
		mode, content, _ := strings.Cut(c.files[path], " ")
		switch h.pick(5) {
		case 0:
			h.drop(c, path)
		case 1: // a rename
			to := h.path(c)
			h.drop(c, path)
			if !h.inTheWay(c, to) {
				h.put(c, to, mode, content)
			}
		case 2: // another mode
			if mode != "120000" {
				h.put(c, path, map[string]string{"100644": "100755", "100755": "100644"}[mode], content)
			}
		case 3: // a file becomes a folder
			h.drop(c, path)
			h.put(c, path+"/below", "100644", content)
		default: // the same file at another place, and a link with the text of a file
			if to := h.path(c); !h.inTheWay(c, to) && !strings.Contains(content, "\x00") && content != "" && len(content) < 3000 {
				h.put(c, to, "120000", content)
			}
		}
		return
	}
	path := h.path(c)
	if h.inTheWay(c, path) {
		return
	}
	h.put(c, path, []string{"100644", "100644", "100755"}[h.pick(3)], h.content())
}

func (h *history) path(*madeCommit) string {
	var parts []string
	for range 1 + h.pick(3) {
		parts = append(parts, oddNames[h.pick(len(oddNames))])
	}
	return strings.Join(parts, "/")
}

func (h *history) content() string {
	sizes := []int{0, 1, 63, 64, 65, 300, 5000, 70_000}
	n := sizes[h.pick(len(sizes))]
	switch h.pick(40) {
	case 0:
		n = 1<<20 + h.pick(3) - 1
	case 1:
		n = 3 << 20
	}
	b := make([]byte, n)
	switch h.pick(4) {
	case 0: // zeros
	case 1:
		for i := range b {
			b[i] = "line of text\r\n"[i%14]
		}
	default:
		for i := range b {
			b[i] = byte(h.rng.Uint32())
		}
	}
	return string(b)
}
