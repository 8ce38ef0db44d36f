package commands

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"evault/repo"
)

func newCat(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "cat REV:PATH...",
		Short: "Write the bytes of committed files to stdout",
		Long: `Write the bytes of committed files to stdout, one after the other. PATH counts from the root of the work tree; ./PATH from
here. Without a revision, as :PATH, the last commit is meant. Every byte is checked before it is written.`,
		Example: `  evault cat HEAD:notes.txt
  evault cat main@{yesterday}:./photo.jpg > before.jpg`,
		Args:              between(1, -1, "at least one REV:PATH"),
		ValidArgsFunction: a.completeRevisions(-1),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.runCat(cmd, args) },
	}
}

type catJSON struct {
	schema
	jsonPath
	Revision string `json:"revision"`
	Content  []byte `json:"content_base64"`
}

func (a *app) runCat(cmd *cobra.Command, args []string) error {
	ctx := cmd.Context()
	return a.withVault(ctx, repo.ReadOnly, func(v *openVault) error {
		for _, arg := range args {
			rev, p, hasPath, err := v.splitPath(arg)
			if err != nil {
				return err
			}
			if !hasPath || p == "" {
				return usagef(cmd, "%q is not REV:PATH", arg)
			}
			if err := a.cat(ctx, v, rev, p); err != nil {
				return v.fromHere(ctx, err, rev, p)
			}
		}
		return nil
	})
}

func (a *app) cat(ctx context.Context, v *openVault, rev, p string) error {
	if !a.flags.json {
		return v.Cat(ctx, rev, p, a.out)
	}
	var content limitedBuffer
	if err := v.Cat(ctx, rev, p, &content); err != nil {
		return err
	}
	return a.emit(catJSON{schemaOf("cat"), pathJSON(p), rev, content.data})
}

// maxJSONContent is the largest file that fits into a JSON document, in bytes.
const maxJSONContent = 64 << 20

// limitedBuffer holds at most maxJSONContent bytes.
type limitedBuffer struct{ data []byte }

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if len(b.data)+len(p) > maxJSONContent {
		return 0, fmt.Errorf("a file over %s does not fit into JSON; use cat without --json", size(int64(maxJSONContent)))
	}
	b.data = append(b.data, p...)
	return len(p), nil
}
