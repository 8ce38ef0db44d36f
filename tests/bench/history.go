//go:build linux

package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// pastCommits, pastFiles and pastRevisions are the size of the history that is measured: commits, files of the tree, and
// versions of the one file that is changed most.
const (
	pastCommits   = 10_000
	pastFiles     = 10_000
	pastRevisions = 1_000
)

// deed is one piece of version control, as git and evault spell it. back makes it possible to measure it again; it is not
// measured.
type deed struct {
	row         string
	git, evault string
	gitBack     string
	evaultBack  string
}

// history measures what people do with the versions of a folder, side by side with git, which has the same history packed,
// with a commit graph and changed-path filters. evault has it by "import git".
func (b *bench) history() error {
	b.table = newTable()
	err := b.past()
	if err == nil {
		err = b.pair()
	}
	fmt.Printf("\nversion control, seconds, medians of %d runs, in memory-backed storage\n\n", b.config.runs)
	b.table.print([]*tool{{name: "evault"}, {name: "git"}})
	return err
}

// past measures reading a long history.
func (b *bench) past() error {
	r, err := b.newPastRig("past")
	if err != nil {
		return err
	}
	if err := writePast(filepath.Join(r.work, "stream")); err != nil {
		return err
	}
	if err := r.git(`git init -q -b main . && git fast-import --quiet < ../stream && git gc -q &&
		git commit-graph write --reachable --changed-paths 2>/dev/null && git reset -q --hard`); err != nil {
		return err
	}
	if err := r.importIt(); err != nil {
		return err
	}
	b.table.add("size of the history", "MB", "git", megabytes(filepath.Join(r.data("git"), ".git")))
	b.table.add("size of the history", "MB", "evault", megabytes(filepath.Join(r.data("evault"), ".evault", "store")))
	const notes, folder = "d07/notes.txt", "d42"
	return r.measure([]deed{
		{row: fmt.Sprintf("log of %d commits", pastCommits), git: "git log", evault: "{E} log"},
		{row: "log --oneline", git: "git log --oneline", evault: "{E} log --oneline"},
		{row: "log -n 10", git: "git log -n 10", evault: "{E} log -n 10"},
		{row: "log --graph --oneline", git: "git log --graph --oneline", evault: "{E} log --graph --oneline"},
		{row: fmt.Sprintf("log -- FILE with %d versions", pastRevisions), git: "git log -- " + notes, evault: "{E} log -- " + notes},
		{row: "log -- FILE with 1 version", git: "git log -- d99/f099.txt", evault: "{E} log -- d99/f099.txt"},
		{row: "log -- FOLDER", git: "git log -- " + folder, evault: "{E} log -- " + folder},
		{row: "log --stat -n 1000", git: "git log --stat -n 1000", evault: "{E} log --stat -n 1000"},
		{row: fmt.Sprintf("blame of %d versions", pastRevisions), git: "git blame " + notes, evault: "{E} blame " + notes},
		{row: "find a name in all versions", git: "git log --all --name-status -- '*f077*'", evault: "{E} find 'f077*'"},
	})
}

// pair measures moving between two versions of a large tree, and merging in it.
func (b *bench) pair() error {
	v1, v2, err := b.versions()
	if err != nil {
		return err
	}
	r, err := b.newPastRig("pair")
	if err != nil {
		return err
	}
	// Two branches change 1,000 files each, 500 of them both, in different places.
	err = r.git(fmt.Sprintf(`git init -q -b v1 . && git config gc.auto 0 && cp -a %s/. . && git add -A -f && git commit -q -m v1 && git switch -q -c v2 &&
		find . -path ./.git -prune -o -mindepth 1 -maxdepth 1 -exec rm -rf {} + && cp -a %s/. . && git add -A -f && git commit -q -m v2 &&
		git switch -q -c left v1 && git ls-files '*.c' | xargs wc -l | awk '$1 > 50 && $2 != "total" && ++n %% 15 == 0 && m++ < 1000 { print $2 }' > ../left &&
		xargs -a ../left sed -i '1s/^/left /' && git commit -q -a -m left &&
		git switch -q -c right v1 && { tail -500 ../left; git ls-files '*.h' | xargs wc -l | awk '$1 > 50 && $2 != "total" && ++n %% 15 == 0 && m++ < 500 { print $2 }'; } > ../right &&
		xargs -a ../right sed -i '$s/$/ right/' && git commit -q -a -m right && git switch -q v1 && git gc -q &&
		git commit-graph write --reachable --changed-paths 2>/dev/null`, v1, v2))
	if err != nil {
		return err
	}
	if err := r.importIt(); err != nil {
		return err
	}
	return r.measure([]deed{
		{row: "diff of two versions", git: "git diff v1 v2", evault: "{E} diff v1 v2"},
		{row: "diff --stat of two versions", git: "git diff --stat v1 v2", evault: "{E} diff --stat v1 v2"},
		{row: "diff --name-status of two versions", git: "git diff --name-status v1 v2", evault: "{E} diff --name-status v1 v2"},
		{row: "switch to another version", git: "git switch -q v2", gitBack: "git switch -q v1", evault: "{E} switch -q v2", evaultBack: "{E} switch -q v1"},
		{row: "merge of two branches with 1,000 files each", git: "git merge -q --no-edit right", gitBack: "git reset -q --hard ORIG_HEAD",
			evault: "{E} merge -q right", evaultBack: "{E} undo -q"},
	}, [2]string{"git switch -q v1", "{E} switch -q v1"}, [2]string{"git switch -q left", "{E} switch -q left"})
}

// pastRig is the same history in git and in a vault.
type pastRig struct {
	*bench
	work string
	env  []string
}

func (b *bench) newPastRig(name string) (*pastRig, error) {
	r := &pastRig{bench: b, work: filepath.Join(b.work, name)}
	r.env = append(home(filepath.Join(r.work, "home")), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=x", "GIT_AUTHOR_EMAIL=x@x",
		"GIT_COMMITTER_NAME=x", "GIT_COMMITTER_EMAIL=x@x", "GIT_PAGER=cat")
	for _, dir := range []string{"git", "evault"} {
		if err := os.MkdirAll(r.data(dir), 0o700); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *pastRig) data(tool string) string { return filepath.Join(r.work, tool) }

func (r *pastRig) run(tool, line string) (sample, error) {
	return shell(r.ctx, "cd "+r.data(tool)+" && { "+strings.ReplaceAll(line, "{E}", r.config.evault)+"; } > /dev/null", r.env)
}

func (r *pastRig) git(line string) error {
	_, err := r.run("git", line)
	return err
}

// importIt brings git's history into a vault, and makes sure that the files are the same.
func (r *pastRig) importIt() error {
	if _, err := r.run("evault", "{E} init -q --no-passphrase"); err != nil {
		return err
	}
	s, err := r.run("evault", "{E} import git -q ../git")
	if err != nil {
		return err
	}
	r.table.add("import of "+filepath.Base(r.work), "s", "evault", s.wall.Seconds())
	_, err = shell(r.ctx, fmt.Sprintf("diff -r --no-dereference -x .git -x .evault %s %s", r.data("git"), r.data("evault")), nil)
	return err
}

// measure runs the deeds in turn. before are lines for git and evault that come before each deed but the first ones; the
// last of them before the last deed only.
func (r *pastRig) measure(deeds []deed, before ...[2]string) error {
	for round := range r.config.runs {
		fmt.Fprintf(os.Stderr, "%s, round %d of %d\n", filepath.Base(r.work), round+1, r.config.runs)
		for i, d := range deeds {
			if n := len(before); n > 0 && (i == 0 || i == len(deeds)-1) {
				at := before[min(i, n-1)]
				if err := r.both(at[0], at[1]); err != nil {
					return err
				}
			}
			for _, one := range [][3]string{{"git", d.git, d.gitBack}, {"evault", d.evault, d.evaultBack}} {
				s, err := r.run(one[0], one[1])
				if err != nil {
					return err
				}
				r.table.add(d.row, "s", one[0], s.wall.Seconds())
				if one[2] == "" {
					continue
				}
				if _, err := r.run(one[0], one[2]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (r *pastRig) both(git, evault string) error {
	if _, err := r.run("git", git); err != nil {
		return err
	}
	_, err := r.run("evault", evault)
	return err
}

func megabytes(dir string) float64 {
	n, err := sizeOf(dir)
	if err != nil {
		return 0
	}
	return float64(n) / 1e6
}

// writePast writes a history as "git fast-import" reads it: a tree of many small files, then commits that each change a few of
// them; every tenth changes the same file, every hundredth is the merge of a short branch, every thousandth has a tag.
func writePast(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	p := &past{w: bufio.NewWriterSize(f, 1<<20), random: rand.New(rand.NewPCG(1, 2)), files: make([][]string, pastFiles)}
	p.write()
	if err := p.w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

type past struct {
	w      *bufio.Writer // keeps its error until Flush
	random *rand.Rand
	files  [][]string
	notes  []string
	mark   int
}

func (p *past) path(file int) string { return fmt.Sprintf("d%02d/f%03d.txt", file/100, file%100) }

func (p *past) line() string {
	words := []string{"pack", "chunk", "tree", "commit", "branch", "remote", "vault", "peer", "frame", "index", "record", "roster"}
	var s strings.Builder
	for range 3 + p.random.IntN(8) {
		s.WriteString(words[p.random.IntN(len(words))])
		s.WriteByte(' ')
	}
	fmt.Fprintf(&s, "%d\n", p.random.IntN(1000))
	return s.String()
}

// edit changes, adds or removes a line.
func (p *past) edit(lines []string) []string {
	at := p.random.IntN(len(lines))
	switch p.random.IntN(4) {
	case 0:
		return append(lines[:at:at], append([]string{p.line()}, lines[at:]...)...)
	case 1:
		if len(lines) > 20 {
			return append(lines[:at:at], lines[at+1:]...)
		}
	}
	out := append([]string(nil), lines...)
	out[at] = p.line()
	return out
}

func (p *past) file(path string, lines []string) {
	text := strings.Join(lines, "")
	fmt.Fprintf(p.w, "M 100644 inline %s\ndata %d\n%s\n", path, len(text), text)
}

func (p *past) commit(branch string, n int, parents ...int) int {
	p.mark++
	message := fmt.Sprintf("Change number %d\n\n%s", n, p.line())
	fmt.Fprintf(p.w, "commit refs/heads/%s\nmark :%d\ncommitter A U Thor <author@example.com> %d +0100\ndata %d\n%s\n", branch, p.mark, 1_600_000_000+600*n, len(message), message)
	for i, parent := range parents {
		if parent > 0 {
			fmt.Fprintf(p.w, "%s :%d\n", []string{"from", "merge"}[min(i, 1)], parent)
		}
	}
	return p.mark
}

func (p *past) change(n int) {
	for range 1 + p.random.IntN(4) {
		i := p.random.IntN(pastFiles - 1) // the last one has one version
		p.files[i] = p.edit(p.files[i])
		p.file(p.path(i), p.files[i])
	}
	if n%(pastCommits/pastRevisions) == 0 {
		p.notes = p.edit(p.notes)
		p.file("d07/notes.txt", p.notes)
	}
}

func (p *past) write() {
	main := p.commit("main", 0, 0)
	for i := range p.files {
		for range 20 + p.random.IntN(60) {
			p.files[i] = append(p.files[i], p.line())
		}
		p.file(p.path(i), p.files[i])
	}
	for range 500 {
		p.notes = append(p.notes, p.line())
	}
	p.file("d07/notes.txt", p.notes)
	for n := 1; n < pastCommits; n++ {
		if n%100 == 98 { // a branch of one commit that is merged by the next but one
			side := p.commit("side", n, main)
			fmt.Fprintf(p.w, "M 100644 inline side/s%05d.txt\ndata 5\nside\n\n", n)
			n++
			main = p.commit("main", n, main, side)
			fmt.Fprintf(p.w, "M 100644 inline side/s%05d.txt\ndata 5\nside\n\n", n-1)
			continue
		}
		main = p.commit("main", n, main)
		p.change(n)
		if n%1000 == 0 {
			fmt.Fprintf(p.w, "tag v%d\nfrom :%d\ntagger A U Thor <author@example.com> %d +0100\ndata 8\nversion\n\n", n/1000, main, 1_600_000_000+600*n)
		}
	}
}
