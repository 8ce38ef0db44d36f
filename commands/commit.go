package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"evault/objects"
	"evault/repo"
)

type commitOptions struct {
	messages    []string
	messageFile string
	edit        bool
	noEdit      bool
	all         bool
	tracked     bool
	amend       bool
	allowEmpty  bool
	labels      []string
	author      string
	date        string
	dryRun      bool
}

func newCommit(a *app) *cobra.Command {
	var o commitOptions
	cmd := &cobra.Command{
		Use:   "commit [PATH...]",
		Short: "Record the tracked files as they are on disk",
		Long: `Record the tracked files as they are on disk in a new commit: all of them, or those named. There is no staging area.

Without a message an editor is opened on a terminal, and elsewhere the message says when and how much. Tracked files that
are gone from the disk stay as they were committed, unless -A is given. A file that cannot be read is named, the rest is
committed, and the exit code is 1. If nothing differs nothing is committed, and the exit code is 0.`,
		Example: `  evault commit -m "Corrected the third chapter"
  evault commit -A -m "Everything as of today" --label host=nas
  evault commit --amend --no-edit notes.txt
  evault commit -A -q`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(o.messages) > 0 && o.messageFile != "" {
				return usagef(cmd, "-m and -F contradict each other")
			}
			if o.edit && o.noEdit {
				return usagef(cmd, "--edit and --no-edit contradict each other")
			}
			return a.runCommit(cmd, o, args)
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.messages, "message", "m", nil, "the message (`TEXT`); each further -m is a paragraph")
	f.StringVarP(&o.messageFile, "file", "F", "", "read the message from `FILE`; - is stdin")
	f.BoolVarP(&o.edit, "edit", "e", false, "edit the message even if one is given")
	f.BoolVar(&o.noEdit, "no-edit", false, "never open an editor")
	f.BoolVarP(&o.all, "all", "A", false, "track new files and drop missing ones first")
	f.BoolVarP(&o.tracked, "tracked", "a", false, "all tracked files (they are taken anyway)")
	f.BoolVar(&o.amend, "amend", false, "replace the last commit")
	f.BoolVar(&o.allowEmpty, "allow-empty", false, "commit even if nothing differs")
	f.StringArrayVar(&o.labels, "label", nil, "a label `KEY=VALUE` (may be repeated)")
	f.StringVar(&o.author, "author", "", "whom to name as the author")
	f.StringVar(&o.date, "date", "", "the time of the commit: 2026-11-21, \"2026-11-21 08:30\", RFC 3339, \"2 hours ago\" (`TIME`)")
	f.BoolVarP(&o.dryRun, "dry-run", "n", false, "only say what would be committed")
	_ = f.MarkHidden("tracked") // it exists for the fingers of git users
	return cmd
}

func (a *app) runCommit(cmd *cobra.Command, o commitOptions, args []string) error {
	ctx := cmd.Context()
	request, err := a.commitRequest(cmd, o)
	if err != nil {
		return err
	}
	begun := a.env.Now()
	return a.withVault(ctx, repo.Writing, func(v *openVault) error {
		if request.Paths, err = v.args(args); err != nil {
			return err
		}
		if request.MessageFunc, err = a.messageSource(ctx, v, o, &request); err != nil {
			return err
		}
		replaced := v.toBeReplaced(ctx, &request)
		r, err := v.Commit(ctx, request)
		if err != nil && (r == nil || !errors.Is(err, repo.ErrIncomplete)) {
			return err
		}
		a.screen.clear()
		if r.Commit != nil {
			r.Notes = append(r.Notes, v.replacedNotes(ctx, replaced)...)
		}
		if err := a.showCommit(v, o, r, a.env.Now().Sub(begun)); err != nil {
			return err
		}
		return a.problems(v.describeProblems(r.Problems))
	})
}

// toBeReplaced gives the commit that an --amend replaces; zero for any other commit.
func (v *openVault) toBeReplaced(ctx context.Context, o *repo.CommitOptions) (id objects.ID) {
	if o.Amend {
		id, _, _ = v.ResolveCommit(ctx, "HEAD") // if there is none the commit says so
	}
	return id
}

// replacedNotes says which remotes have a commit that was replaced: a plain push will be refused there.
func (v *openVault) replacedNotes(ctx context.Context, id objects.ID) []string {
	if id.IsZero() {
		return nil
	}
	seen, err := v.SeenOn(ctx, id)
	if err != nil {
		return []string{"whether a remote has the commit that was replaced is not known: " + err.Error()}
	}
	var notes []string
	for _, b := range seen {
		notes = append(notes, fmt.Sprintf("%s/%s has the commit that was replaced: \"evault push --rewrite %s\" replaces it there, too", b.Remote, b.Branch, b.Remote))
	}
	return notes
}

// commitRequest turns flags into what repo takes; paths and editor come later.
func (a *app) commitRequest(cmd *cobra.Command, o commitOptions) (r repo.CommitOptions, err error) {
	r = repo.CommitOptions{All: o.all, AllowEmpty: o.allowEmpty, Amend: o.amend, DryRun: o.dryRun, Author: o.author,
		Message: strings.Join(o.messages, "\n\n")}
	if len(o.messages) > 0 && strings.TrimSpace(r.Message) == "" {
		return r, errors.New("the message is empty, so nothing was committed")
	}
	if o.messageFile != "" {
		if r.Message, err = a.messageFromFile(o.messageFile); err != nil {
			return r, err
		}
	}
	if o.date != "" {
		t, err := repo.ParseTime(o.date, a.env.Now())
		if err != nil {
			return r, usagef(cmd, "--date %q: %w", o.date, err)
		}
		r.Time = &t
	}
	r.Labels, err = parseLabels(cmd, o.labels)
	return r, err
}

func (a *app) messageFromFile(name string) (string, error) {
	in := a.env.Stdin
	if name != "-" {
		f, err := os.Open(a.absolute(name))
		if err != nil {
			return "", fmt.Errorf("message: %w", err)
		}
		defer f.Close()
		in = io.Reader(f)
	}
	text, err := readLimited(in, objects.MaxMessage)
	if err != nil {
		return "", fmt.Errorf("message: %w", err)
	}
	if text = strings.Trim(strings.ReplaceAll(text, "\r\n", "\n"), "\n"); strings.TrimSpace(text) == "" {
		return "", errors.New("the message is empty, so nothing was committed")
	}
	return text, nil
}

func parseLabels(cmd *cobra.Command, given []string) ([]objects.Label, error) {
	var out []objects.Label
	seen := map[string]bool{}
	for _, g := range given {
		key, value, ok := strings.Cut(g, "=")
		if !ok || key == "" {
			return nil, usagef(cmd, "--label %q is not KEY=VALUE", g)
		}
		if seen[key] {
			return nil, usagef(cmd, "--label %s is given twice", quoted(key))
		}
		seen[key] = true
		out = append(out, objects.Label{Key: key, Value: value})
	}
	return out, nil
}

// messageSource gives the function that opens an editor; nil where repo shall find a message by itself. With --edit a
// message that was given becomes the editor's start.
func (a *app) messageSource(ctx context.Context, v *openVault, o commitOptions, r *repo.CommitOptions) (func(string) (string, error), error) {
	onTerminal := a.env.Terminal.In && a.env.Terminal.Out && r.Message == "" && !a.flags.json && !a.flags.quiet
	if o.noEdit || !o.edit && !onTerminal {
		return nil, nil
	}
	start := r.Message
	r.Message = ""
	if start == "" && o.amend {
		_, head, err := v.ResolveCommit(ctx, "HEAD")
		if err != nil {
			return nil, err
		}
		start = head.Message
	}
	return func(summary string) (string, error) { return a.editMessage(ctx, v, start, summary) }, nil
}

type commitResultJSON struct {
	schema
	DryRun   bool          `json:"dry_run"`
	Nothing  bool          `json:"nothing"`
	ID       string        `json:"id,omitempty"`
	Branch   string        `json:"branch,omitempty"`
	Message  string        `json:"message,omitempty"`
	Added    int64         `json:"added"`
	Modified int64         `json:"modified"`
	Deleted  int64         `json:"deleted"`
	Entries  uint64        `json:"entries"`
	Bytes    uint64        `json:"bytes"`
	Read     int64         `json:"read_bytes"`
	New      int64         `json:"new_bytes"`
	Stored   int64         `json:"stored_bytes"`
	Seconds  float64       `json:"seconds"`
	Missing  []jsonPath    `json:"missing"`
	Missings int64         `json:"missing_count"`
	Markers  []jsonPath    `json:"conflict_markers"`
	Problems []problemJSON `json:"problems"`
	Notes    []string      `json:"notes"`
}

func (a *app) showCommit(v *openVault, o commitOptions, r *repo.CommitResult, took time.Duration) error {
	if a.flags.json {
		message := ""
		if r.Commit != nil {
			message = r.Commit.Message
		}
		return a.emit(commitResultJSON{schemaOf("commit"), o.dryRun, r.Nothing, idJSON(r.ID), r.Branch, message,
			r.Added, r.Modified, r.Deleted, r.Files, r.Bytes, r.Read, r.New, r.Stored, took.Seconds(),
			pathsJSON(r.Missing), r.MissingCount, pathsJSON(r.Markers), problemsJSON(r.Problems), nonNil(r.Notes)})
	}
	a.commitNotes(v, r)
	switch {
	case r.Nothing:
		a.say("nothing to commit\n")
	case o.dryRun:
		a.say("would commit: %s\n", tally(r.Added, r.Modified, r.Deleted))
	default:
		subject, _, _ := strings.Cut(r.Commit.Message, "\n")
		a.say("[%s %s] %s\n", branchName(r.Branch), r.ID.Short(), harmless(subject))
		a.say(" %s; %s in all, %s\n", tally(r.Added, r.Modified, r.Deleted), count(r.Files, "entry"), size(r.Bytes))
		a.say(" %s new, %s stored, %s\n", size(r.New), size(r.Stored), duration(took))
	}
	return nil
}

func branchName(branch string) string {
	if branch == "" {
		return "detached HEAD"
	}
	return branch
}

// commitNotes says on stderr what a user should know and what is no failure.
func (a *app) commitNotes(v *openVault, r *repo.CommitResult) {
	if r.MissingCount > 0 && !a.flags.quiet {
		shown := ""
		for i, p := range r.Missing {
			if i == 3 {
				break
			}
			shown += " " + quoted(v.show(p))
		}
		if r.MissingCount > 3 {
			shown += " ..."
		}
		a.note("%s gone from the disk, kept as last committed:%s", count(r.MissingCount, "tracked file"), shown)
		a.hint("\"evault rm PATH\" or \"evault commit -A\" records that they are gone")
	}
	for _, p := range r.Markers {
		a.note("%s has conflict markers in it", quoted(v.show(p)))
	}
	if len(r.Markers) > 0 {
		a.hint("if a merge left them: edit the file and \"evault commit --amend\", or \"evault undo\"")
	}
	for _, n := range r.Notes {
		a.note("%s", n)
	}
}
