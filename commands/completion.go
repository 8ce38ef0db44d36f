package commands

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"evault/objects"
	"evault/repo"
)

func newCompletion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a script that completes verbs, flags, branches and paths in a shell",
		Example: `  evault completion bash > /etc/bash_completion.d/evault
  evault completion zsh > "${fpath[1]}/_evault"
  evault completion fish > ~/.config/fish/completions/evault.fish`,
		Args:      between(1, 1, "one of bash, zsh, fish, powershell"),
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.out, true)
			case "zsh":
				return root.GenZshCompletion(a.out)
			case "fish":
				return root.GenFishCompletion(a.out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.out)
			}
			return usagef(cmd, "there is no completion for %q (bash, zsh, fish, powershell)", args[0])
		},
	}
}

// completer is what cobra calls to complete an argument.
type completer = func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective)

// quietVault opens the vault for a completion: it asks for nothing and complains about nothing.
func (a *app) quietVault(ctx context.Context, use func(*openVault) error) {
	quiet := *a
	if a.flags.dir != "" { // nothing has prepared this run
		quiet.dir = a.absolute(a.flags.dir)
	}
	quiet.env.Terminal = Terminal{}
	quiet.env.Stderr = discard{}
	if ctx == nil {
		ctx = context.Background()
	}
	_ = quiet.withVault(ctx, repo.ReadOnly, use) // no vault, no suggestions
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// completeRevisions suggests branches, and with a colon the paths of that revision.
func (a *app) completeRevisions(most int) completer {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if most >= 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var out []string
		a.quietVault(cmd.Context(), func(v *openVault) error {
			if rev, p, ok := strings.Cut(typed, ":"); ok {
				out = v.namesIn(cmd.Context(), rev, p)
				return nil
			}
			out = append(v.branchNames(cmd.Context()), "HEAD")
			return nil
		})
		return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

// completeBranches suggests branches.
func (a *app) completeBranches(most int) completer {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		var out []string
		if most < 0 || len(args) < most {
			a.quietVault(cmd.Context(), func(v *openVault) error { out = v.branchNames(cmd.Context()); return nil })
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

func (v *openVault) branchNames(ctx context.Context) []string {
	list, err := v.Branches(ctx)
	if err != nil {
		return nil
	}
	var names []string
	for _, b := range list {
		names = append(names, b.Name)
	}
	return names
}

// maxSuggestions bounds how many names of a folder are offered.
const maxSuggestions = 1000

// namesIn lists what a folder of a revision holds, as arguments "REV:PATH".
func (v *openVault) namesIn(ctx context.Context, rev, typed string) []string {
	var out []string
	dir := strings.TrimPrefix(path.Dir("/"+typed), "/")
	if strings.HasSuffix(typed, "/") {
		dir = strings.TrimSuffix(typed, "/")
	}
	err := v.List(ctx, repo.ListOptions{Revision: rev, Path: dir}, func(p string, e *objects.Entry) error {
		if len(out) >= maxSuggestions {
			return nil
		}
		if e.IsDir() {
			p += "/"
		}
		out = append(out, rev+":"+p)
		return nil
	})
	if err != nil {
		return nil
	}
	return slices.Clip(out)
}
