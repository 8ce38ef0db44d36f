package proof

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"evault/repo"
)

// imported is a scenario in which a git repository is imported into a vault without commits. The git is a script: what it says
// is always the same.
func imported() scenario {
	return scenario{name: "import git", prepare: func(t testing.TB, w *world) {
		w.must(t, w.init(t.Context()))
	}, act: importVerb(repo.ImportOptions{}), again: func(ctx context.Context, w *world, done bool) error {
		if done { // as after a switch: the files themselves are not synced
			return checkoutAgain(repo.CheckoutOptions{Revision: "main", Branch: true})(ctx, w, done)
		}
		return importVerb(repo.ImportOptions{Force: true})(ctx, w)
	}}
}

func importVerb(o repo.ImportOptions) func(context.Context, *world) error {
	o.Git, o.Name = scriptedGit, "script"
	return verb(repo.Writing, func(ctx context.Context, r *repo.Repository) error {
		_, err := r.Import(ctx, o)
		return err
	})
}

// said is the answer of a git that has ended well.
type said struct{ io.Reader }

func (said) Wait() error { return nil }

// scriptedGit is a git in a repository of three commits, of which the last is a merge. All hold the
// same: the judge holds every commit against the files that are on disk afterwards.
func scriptedGit(_ context.Context, args ...string) (repo.GitProcess, error) {
	id := func(n int) string { return fmt.Sprintf("%040d", n) }
	answers := map[string]string{
		"rev-parse":    "false\n",
		"symbolic-ref": "refs/heads/main\n",
		"for-each-ref": id(3) + " commit refs/heads/main\n" + id(2) + " commit refs/heads/side\n" + id(9) + " tag refs/tags/v1\n",
		"rev-list":     id(3) + " " + id(1) + " " + id(2) + "\n" + id(2) + " " + id(1) + "\n" + id(1) + "\n",
		"fast-export":  "",
	}
	if args[0] == "fast-export" {
		var b strings.Builder
		person := "Ann <a@x> 981173106 +0100\n"
		fmt.Fprintf(&b, "blob\nmark :1\ndata 6\nhello\n\nblob\nmark :2\ndata 200\n%0200d\n", 7)
		commit := func(mark, n int, rest string) {
			fmt.Fprintf(&b, "commit refs/heads/main\nmark :%d\noriginal-oid %s\nauthor %scommitter %sdata 4\ntext\n%s\n", mark, id(n), person, person, rest)
		}
		commit(3, 1, "M 100644 :1 a.txt\nM 100755 :2 dir/run.sh\nM 120000 :1 deep/er/link\n")
		commit(4, 2, "from :3\n")
		commit(5, 3, "from :3\nmerge :4\n")
		fmt.Fprintf(&b, "tag v1\nmark :6\nfrom :5\noriginal-oid %s\ntagger %sdata 3\none\ndone\n", id(9), person)
		answers["fast-export"] = b.String()
	}
	return said{strings.NewReader(answers[args[0]])}, nil
}
