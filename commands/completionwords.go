package commands

import (
	"github.com/spf13/cobra"

	"evault/internal/vfs"
	"evault/remote/host"
)

// verbCompletions says what completes the arguments of each verb; a verb that is missing here takes none.
func (a *app) verbCompletions() map[string]completer {
	none := a.suggest(false)
	all := map[string]completer{
		"add": filesThere, "init": foldersThere, "clone": filesThere, "import git": foldersThere,
		"completion":    words("bash", "zsh", "fish", "powershell"),
		"config get":    completeConfigKeys,
		"config set":    completeConfigKeys,
		"commit":        a.suggest(true, tracked),
		"status":        a.suggest(true, tracked),
		"rm":            a.suggest(true, tracked),
		"mv":            a.suggest(true, tracked),
		"restore":       a.suggest(true, tracked),
		"blame":         a.suggest(true, either(tracked, revisions)),
		"log":           a.suggest(true, either(revisions, tracked)),
		"diff":          a.suggest(true, either(revisionPaths, tracked)),
		"find":          a.suggest(false),
		"show":          a.suggest(true, revisionPaths),
		"cat":           a.suggest(true, revisionPaths),
		"ls":            a.suggest(false, revisionPaths),
		"export":        a.suggest(false, revisionPaths),
		"checkout":      a.suggest(false, revisions),
		"switch":        a.completeSwitch,
		"merge":         a.suggest(true, revisions),
		"revert":        a.suggest(true, revisions),
		"cherry-pick":   a.suggest(true, revisions),
		"reset":         a.suggest(false, revisions),
		"branch":        a.suggest(true, branches, revisions),
		"tag":           a.suggest(true, tags, revisions),
		"push":          a.suggest(true, remotes, branchesAndTags),
		"pull":          a.suggest(false, remotes, branches),
		"fetch":         a.suggest(true, remotes),
		"ls-remote":     a.suggest(false, remotes),
		"remote remove": a.suggest(false, remotes), "remote rename": a.suggest(false, remotes),
		"remote set-url": a.suggest(false, remotes),
		"device remove":  a.suggest(false, devices), "device rename": a.suggest(false, devices),
		"device role": a.completeRole, "device add": filesThere,
		"key remove": a.suggest(false, slots), "key export": a.suggest(false, slots),
		"peer allow": a.completePeers("none", "read", "read,append", "read,append,delete"), "peer quota": a.completePeers(),
		"peer revoke": a.completePeers(), "peer rename": a.completePeers(),
		"bisect start": a.suggest(true, revisions), "bisect good": a.suggest(true, revisions), "bisect bad": a.suggest(true, revisions),
		"bisect skip": a.suggest(true, revisions), "bisect reset": a.suggest(false, revisions), "bisect run": filesThere,
	}
	for _, verb := range []string{"undo", "redo", "reflog", "serve", "pair", "verify", "repair", "identity", "version", "remote", "remote add",
		"remote list", "peer add", "peer list", "key list", "key add", "device list", "device reconcile", "config list", "bisect", "bisect log", "bisect status"} {
		all[verb] = none
	}
	return all
}

// flagCompletions says what completes the value of each flag: by "verb flag", or by the flag alone for every verb.
func (a *app) flagCompletions() map[string]completer {
	revision, remote := a.suggestFlag(revisions), a.suggestFlag(remotes)
	return map[string]completer{
		"directory": foldersThere, "passphrase-file": filesThere, "output": filesThere, "root": foldersThere, "to": foldersThere,
		"color": words("auto", "always", "never"), "untracked-files": words("no", "normal", "all"),
		"conflict": words("merge", "diff3"), "style": words("merge", "diff3"),
		"allow": words("read", "read,append", "read,append,delete"), "role": words("reader", "writer", "admin"),
		"format": words("tar", "zip"), "export format": words("tar", "zip"),
		"source": revision, "verify remote": remote, "repair from": remote,
		"since": cobra.NoFileCompletions, "until": cobra.NoFileCompletions, "message": cobra.NoFileCompletions,
		"number": cobra.NoFileCompletions, "wait": cobra.NoFileCompletions, "label": cobra.NoFileCompletions,
		"config": filesThere, "file": filesThere, "code-file": filesThere, "find path": a.suggestFlag(tracked),
	}
}

// completeSwitch suggests branches, and with --detach any revision.
func (a *app) completeSwitch(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	kind := branches
	for _, flag := range []string{"detach", "create"} {
		if f := cmd.Flags().Lookup(flag); f != nil && f.Changed {
			kind = revisions
		}
	}
	return a.suggest(false, kind)(cmd, args, typed)
}

// completeRole suggests a device, then what it can become.
func (a *app) completeRole(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 1 {
		return []string{"reader", "writer", "admin"}, cobra.ShellCompDirectiveNoFileComp
	}
	return a.suggest(false, devices)(cmd, args, typed)
}

// completePeers suggests the peers of this host, then some words.
func (a *app) completePeers(then ...string) completer {
	return func(cmd *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
		switch len(args) {
		case 0:
			file, _ := cmd.Flags().GetString("config")
			_ = a.withHostConfig(file, func(fsys vfs.FS, name string) error { // no configuration, no peers
				c, err := host.ReadConfig(fsys, name)
				if err == nil {
					for _, p := range c.Peers {
						names = append(names, p.Name)
					}
				}
				return err
			})
		case 1:
			names = then
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
