package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"evault/objects"
	"evault/repo"
)

// patchOptions are the flags that all verbs share that show what differs: diff, show, log. Several formats may be asked for
// at once; the lists then come before the patch, as in git.
type patchOptions struct {
	patch, stat, shortStat, numStat, nameStatus, nameOnly bool

	nul, words, metadata bool
	context              int
	renames, copies      string
	noRenames            bool

	allSpace, spaceChange, spaceAtEnd bool
}

const defaultContext = 3

// flags adds the flags to a verb.
func (o *patchOptions) flags(f *pflag.FlagSet) {
	f.BoolVarP(&o.patch, "patch", "p", false, "the changes line by line, as patch and git apply take them")
	f.BoolVar(&o.stat, "stat", false, "how many lines of each file changed")
	f.BoolVar(&o.shortStat, "shortstat", false, "only the last line of --stat")
	f.BoolVar(&o.numStat, "numstat", false, "as --stat, in numbers for scripts: added, deleted, path")
	f.BoolVar(&o.nameStatus, "name-status", false, "the paths, behind A, M, D, T, R or C")
	f.BoolVar(&o.nameOnly, "name-only", false, "the paths only")
	f.BoolVarP(&o.nul, "null", "z", false, "end each path of a list with NUL and quote nothing")
	f.BoolVar(&o.words, "words", false, "mark what differs within lines")
	f.BoolVar(&o.metadata, "metadata", false, "files of which only the time differs, too")
	f.IntVarP(&o.context, "unified", "U", defaultContext, "`N` lines around each change")
	f.StringVarP(&o.renames, "find-renames", "M", "", "least similarity of a renamed file in percent, 50 unless given (`N`)")
	f.StringVar(&o.copies, "find-copies", "", "copies of changed files, too, of that similarity (`N`)")
	f.Lookup("find-renames").NoOptDefVal, f.Lookup("find-copies").NoOptDefVal = "50", "50"
	f.BoolVar(&o.noRenames, "no-renames", false, "a renamed file as one deleted and one added")
	f.BoolVarP(&o.allSpace, "ignore-all-space", "w", false, "lines that differ in white space only are equal")
	f.BoolVarP(&o.spaceChange, "ignore-space-change", "b", false, "lines that differ in the amount of white space only are equal")
	f.BoolVar(&o.spaceAtEnd, "ignore-space-at-eol", false, "white space at the end of lines does not count")
}

// lists says that a format was asked for that comes before the patch.
func (o *patchOptions) lists() bool {
	return o.stat || o.shortStat || o.numStat || o.nameStatus || o.nameOnly
}

// any says that a format was asked for.
func (o *patchOptions) any() bool { return o.patch || o.lists() }

// request turns the flags into what repo is asked for.
func (o *patchOptions) request(cmd *cobra.Command) (r repo.DiffOptions, err error) {
	if o.context < 0 {
		return r, usagef(cmd, "-U cannot be negative")
	}
	if o.nul && (o.patch || o.stat || o.shortStat || !o.any()) {
		return r, usagef(cmd, "-z goes with --name-only, --name-status and --numstat")
	}
	r = repo.DiffOptions{Context: o.context, NoRenames: o.noRenames, Metadata: o.metadata}
	for _, s := range []struct{ flag, text string }{{"--find-renames", o.renames}, {"--find-copies", o.copies}} {
		if s.text == "" {
			continue
		}
		if r.Threshold, err = similarity(s.text); err != nil {
			return r, usagef(cmd, "%s: %w", s.flag, err)
		}
	}
	r.Copies = o.copies != ""
	switch {
	case o.allSpace:
		r.Space = repo.IgnoreAllSpace
	case o.spaceChange:
		r.Space = repo.IgnoreSpaceChange
	case o.spaceAtEnd:
		r.Space = repo.IgnoreSpaceAtEOL
	}
	return r, nil
}

// similarity reads "90", "90%", or as git has it without a sign: "9" is 90 percent, ".9" too.
func similarity(s string) (int, error) {
	if digits, isPercent := strings.CutSuffix(s, "%"); isPercent || len(s) > 1 {
		if n, err := strconv.Atoi(digits); err == nil && n >= 1 && n <= 100 {
			return n, nil
		}
	} else if n, err := strconv.Atoi(s); err == nil && n >= 1 {
		return n * 10, nil
	}
	return 0, fmt.Errorf("%q is no similarity from 1%% to 100%%", s)
}

// comparing runs a comparison and gives out what differs.
type comparing func(o repo.DiffOptions, each func(*repo.FileDiff) error) error

// printDiff prints what a comparison finds in the formats asked for, lists first. It says whether anything differs.
func (a *app) printDiff(w io.Writer, o *patchOptions, request repo.DiffOptions, compare comparing) (found bool, err error) {
	problems := repo.DiffProblems{}
	pass := func(content bool, each func(*repo.FileDiff) error) error {
		request.Content = content || request.Space != repo.AllSpaceCounts
		err := compare(request, func(d *repo.FileDiff) error { found = true; return each(d) })
		if errors.As(err, &problems) {
			return nil
		}
		return err
	}
	if a.flags.json {
		err = pass(true, func(d *repo.FileDiff) error { return a.emitDiff(d, o.patch) })
		return found, errors.Join(err, orNil(problems))
	}
	if o.lists() {
		l := diffLists{app: a, w: w, o: o}
		if err = pass(o.stat || o.shortStat || o.numStat, l.file); err == nil {
			err = l.finish()
		}
	}
	if err == nil && (o.patch || !o.lists()) {
		p := patchPrinter{app: a, w: w, o: o, blank: o.lists() && found}
		err = pass(true, p.file)
	}
	if err != nil {
		return found, err
	}
	return found, orNil(problems)
}

func orNil(p repo.DiffProblems) error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// printCommitDiff prints what a commit changed, in each line behind a prefix: that of a graph, or none.
func (a *app) printCommitDiff(ctx context.Context, v *openVault, id objects.ID, o *patchOptions, request repo.DiffOptions, prefix string) error {
	var w io.Writer = a.out
	if prefix != "" {
		w = &prefixWriter{w: w, prefix: prefix, start: true}
	}
	_, err := a.printDiff(w, o, request, func(request repo.DiffOptions, each func(*repo.FileDiff) error) error {
		return v.CommitDiff(ctx, id, request, each)
	})
	return err
}

// prefixWriter puts a prefix before each line.
type prefixWriter struct {
	w      io.Writer
	prefix string
	start  bool
}

func (p *prefixWriter) Write(data []byte) (int, error) {
	for rest := data; len(rest) > 0; {
		line := rest
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			line = rest[:i+1]
		}
		if p.start {
			if _, err := io.WriteString(p.w, p.prefix); err != nil {
				return 0, err
			}
		}
		p.start = line[len(line)-1] == '\n'
		if _, err := p.w.Write(line); err != nil {
			return 0, err
		}
		rest = rest[len(line):]
	}
	return len(data), nil
}
