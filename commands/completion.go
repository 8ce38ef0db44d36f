package commands

import (
	"context"
	"encoding/hex"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"evault/objects"
	"evault/repo"
)

func newCompletion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a script that completes verbs, flags, names and paths in a shell",
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

// quietVault opens the vault for a completion: it asks for nothing, runs nothing, waits for nothing and complains about
// nothing. Where only a passphrase would open the vault there are no suggestions.
func (a *app) quietVault(ctx context.Context, use func(*openVault) error) {
	quiet := *a
	if a.flags.dir != "" { // nothing has prepared this run
		quiet.dir = a.absolute(a.flags.dir)
	}
	quiet.flags.passphraseFile, quiet.flags.wait = "", 0
	quiet.env.Terminal = Terminal{}
	quiet.env.Stderr = discard{}
	quiet.screen = &screen{stderr: discard{}, now: a.env.Now, width: quiet.env.Terminal.width}
	quiet.env.Lookup = func(name string) (string, bool) {
		if strings.HasPrefix(name, "EVAULT_PASSPHRASE") {
			return "", false
		}
		return a.env.Lookup(name)
	}
	if ctx == nil {
		ctx = context.Background()
	}
	_ = quiet.withVault(ctx, repo.ReadOnly, use) // no vault, no suggestions
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// maxSuggestions bounds how many names of a folder are offered.
const maxSuggestions = 1000

// suggester gives the words that may follow what is typed; those that do not begin with it are left out later.
type suggester func(ctx context.Context, v *openVault, typed string) []string

// The kinds of words.
func branches(_ context.Context, v *openVault, _ string) []string { return v.RefNames().Branches }

func tags(_ context.Context, v *openVault, _ string) []string { return v.RefNames().Tags }

func branchesAndTags(_ context.Context, v *openVault, _ string) []string {
	n := v.RefNames()
	return append(n.Branches, n.Tags...)
}

func remotes(_ context.Context, v *openVault, _ string) (names []string) {
	for _, one := range v.Remotes() {
		names = append(names, one.Name)
	}
	return names
}

// revisions are branches, tags, branches of remotes and HEAD.
func revisions(_ context.Context, v *openVault, _ string) []string {
	n := v.RefNames()
	return append(append(append(n.Branches, "HEAD"), n.Tags...), n.Remote...)
}

// revisionPaths are revisions, and with a colon what is in the folder of a revision.
func revisionPaths(ctx context.Context, v *openVault, typed string) []string {
	if at := colonAfterRevision(typed); at >= 0 {
		return v.namesIn(ctx, typed[:at], typed[at+1:])
	}
	return revisions(ctx, v, typed)
}

func devices(_ context.Context, v *openVault, _ string) (names []string) {
	for _, d := range v.Devices() {
		if d.State == repo.DeviceMember {
			names = append(names, d.Label)
		}
	}
	return names
}

func slots(ctx context.Context, v *openVault, _ string) (names []string) {
	list, err := v.Slots(ctx)
	if err != nil {
		return nil
	}
	for _, s := range list {
		name := hex.EncodeToString(s.Hash[:4]) + "\t" + s.Kind.String()
		if s.Label != "" {
			name += " " + harmless(s.Label)
		}
		names = append(names, name)
	}
	return names
}

// tracked are the tracked names in the folder that is typed so far.
func tracked(ctx context.Context, v *openVault, typed string) []string {
	dir := typed[:strings.LastIndex(typed, "/")+1]
	in := dir
	if in == "" {
		in = "."
	}
	folder, err := v.arg(in)
	if err != nil {
		return nil
	}
	names, err := v.TrackedIn(ctx, folder, maxSuggestions)
	if err != nil {
		return nil
	}
	for i := range names {
		names[i] = dir + names[i]
	}
	return names
}

// either are the words of several kinds.
func either(kinds ...suggester) suggester {
	return func(ctx context.Context, v *openVault, typed string) (all []string) {
		for _, kind := range kinds {
			all = append(all, kind(ctx, v, typed)...)
		}
		return all
	}
}

// namesIn lists what a folder of a revision holds, as arguments "REV:PATH".
func (v *openVault) namesIn(ctx context.Context, rev, typed string) []string {
	var out []string
	dir := strings.TrimPrefix(path.Dir("/"+typed), "/")
	if strings.HasSuffix(typed, "/") {
		dir = strings.TrimSuffix(typed, "/")
	}
	err := v.List(ctx, repo.ListOptions{Revision: rev, Path: dir}, func(p string, e *objects.Entry) error {
		if len(out) < maxSuggestions {
			out = append(out, rev+":"+slashIfDir(p, e))
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return out
}

// suggest completes the arguments of a verb: each place its kind, the last kind for all that follow where more is true.
// Behind "--" there are only tracked paths.
func (a *app) suggest(more bool, kinds ...suggester) completer {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		at := len(args)
		if at >= len(kinds) && !more || len(kinds) == 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		kind := kinds[min(at, len(kinds)-1)]
		if n := len(a.line); n > 1 && slices.Contains(a.line[:n-1], "--") { // cobra adds one of its own to what it parses
			kind = tracked
		}
		return a.suggestions(cmd.Context(), kind, typed)
	}
}

// suggestions gives the words of one kind that begin with what is typed. One word that leads on gets no blank behind it.
func (a *app) suggestions(ctx context.Context, kind suggester, typed string) (out []string, directive cobra.ShellCompDirective) {
	a.quietVault(ctx, func(v *openVault) error {
		for _, word := range kind(ctx, v, typed) {
			if strings.HasPrefix(word, typed) && completable(word) {
				out = append(out, word)
			}
		}
		return nil
	})
	directive = cobra.ShellCompDirectiveNoFileComp
	if len(out) == 1 && strings.HasSuffix(out[0], "/") {
		directive |= cobra.ShellCompDirectiveNoSpace
	}
	return out, directive
}

// completable says whether a word can be handed to a shell: one line, and a tab only in front of a description. What else
// could confuse a terminal is left out, too: it is typed quoted.
func completable(word string) bool {
	name, _, _ := strings.Cut(word, "\t")
	return name != "" && !strings.ContainsAny(name, "\n\r\x00\x1b") && harmless(name) == name
}

// completeRevisions suggests revisions, with a colon paths in them, for the first most arguments; for all where most < 0.
func (a *app) completeRevisions(most int) completer { return a.suggest(most < 0, revisionPaths) }

// completeBranches suggests branches.
func (a *app) completeBranches(most int) completer { return a.suggest(most < 0, branches) }

// suggestFlag is suggest for the value of a flag.
func (a *app) suggestFlag(kind suggester) completer {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return a.suggestions(cmd.Context(), kind, typed)
	}
}

// words completes from a fixed list.
func words(list ...string) completer {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return list, cobra.ShellCompDirectiveNoFileComp
	}
}

// filesThere leaves the completion of files on disk to the shell.
func filesThere(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

func foldersThere(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// addCompletions gives every verb and flag its completion.
func (a *app) addCompletions(root *cobra.Command) {
	verbs, flags := a.verbCompletions(), a.flagCompletions()
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		verb := strings.TrimPrefix(cmd.CommandPath(), "evault ")
		if complete, ok := verbs[verb]; ok {
			cmd.ValidArgsFunction = complete
		}
		register := func(f *pflag.Flag) {
			complete, ok := flags[verb+" "+f.Name]
			if !ok {
				complete, ok = flags[f.Name]
			}
			if ok && f.NoOptDefVal == "" {
				_ = cmd.RegisterFlagCompletionFunc(f.Name, complete) // it may have one from its verb
			}
		}
		cmd.Flags().VisitAll(register)
		cmd.PersistentFlags().VisitAll(register)
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(root)
}
