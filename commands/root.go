package commands

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"evault/internal/nearest"
)

const rootLong = `evault is git for files that nobody else may read: it commits a folder of any files
into an encrypted repository of which every version stays restorable and provably untampered.

There is no staging area: "add" makes paths tracked, "commit" takes the tracked paths as they are on disk.`

const rootExample = `  evault init
  evault add -A
  evault commit -m "First version"
  evault log --oneline`

// exitCodesHelp ends the help of the program; docs/commands.md repeats it.
const exitCodesHelp = `

Exit codes: 0 done; 1 failed; 2 usage; 10 no vault here; 11 another evault holds the lock; 12 wrong passphrase or
no slot for this device; 13 conflict; 14 remote not reachable; 20 damage found; 21 security: bad signature, rollback, fork; 130 interrupted.

Environment:
  EVAULT_DIR                 the work tree, or the .evault in it, wherever the command is started
  EVAULT_PASSPHRASE_FILE     a file whose first line is the passphrase
  EVAULT_PASSPHRASE_COMMAND  a command that prints the passphrase
  EVAULT_CONFIG_HOME         the folder of this device's identity and the user's configuration
  EVAULT_STATE_HOME          the folder of what this user has seen of every vault
  EVAULT_SSH_COMMAND         the ssh to use
  EVAULT_EDITOR              the editor of messages; else core.editor, VISUAL, EDITOR
  EVAULT_PAGER               the pager of long output; else core.pager, PAGER, less; empty for none
  NO_COLOR                   no colour

Without a terminal nothing is ever asked.`

// newRoot builds the whole command tree for one run.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:               "evault",
		Short:             "Encrypted version control",
		Long:              rootLong + exitCodesHelp,
		Example:           rootExample,
		Version:           buildVersion().Version,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: a.prepare,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},

		DisableSuggestions: true, // asUnknownVerb makes them
	}
	root.SetIn(a.env.Stdin)
	root.SetOut(a.out)
	root.SetErr(a.env.Stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &usageError{cmd.CommandPath(), nearFlags(cmd, err)} })
	a.addGlobalFlags(root)
	root.AddCommand(a.verbs()...)
	a.addCompletions(root)
	return root
}

// Tree gives the command tree for whoever writes its documentation. It runs nothing.
func Tree() *cobra.Command {
	root := newRoot(newApp(systemEnvironment()))
	root.InitDefaultHelpCmd()
	return root
}

func (a *app) addGlobalFlags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.SortFlags = false
	f.StringVarP(&a.flags.dir, "directory", "C", "", "work as if started in `DIR`")
	f.BoolVar(&a.flags.json, "json", false, "print JSON (docs/json.md)")
	f.BoolVarP(&a.flags.quiet, "quiet", "q", false, "print only what was asked for, and errors")
	f.BoolVarP(&a.flags.verbose, "verbose", "v", false, "print more")
	f.StringVar(&a.flags.color, "color", "auto", "colour: auto, always or never (`WHEN`)")
	f.BoolVar(&a.flags.noProgress, "no-progress", false, "show no progress")
	f.BoolVar(&a.flags.noPager, "no-pager", false, "show long output without a pager")
	f.DurationVar(&a.flags.wait, "wait", 0, "wait so long for another evault to finish, as 30s or 5m")
	f.StringVar(&a.flags.passphraseFile, "passphrase-file", "", "read the passphrase from the first line of `FILE`")
}

// group makes a verb that only holds other verbs.
func group(use, short, long, example string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long, Example: example,
		RunE: func(cmd *cobra.Command, args []string) error {
			var names []string
			for _, sub := range cmd.Commands() {
				names = append(names, sub.Name())
			}
			if len(args) > 0 {
				near := didYouMean(nearest.Matches(args[0], verbNames(cmd), maxMeant))
				err := fmt.Errorf("%s: unknown verb %q (there are %s)%s", cmd.Name(), args[0], strings.Join(names, ", "), near)
				return &usageError{cmd.CommandPath(), habitError{cmd.Name() + " " + args[0], err}}
			}
			return usagef(cmd, "%s needs one of %s", cmd.Name(), strings.Join(names, ", "))
		},
	}
	cmd.AddCommand(verbs...)
	return cmd
}

// between checks the number of arguments; most < 0 means that there is no upper bound. what names the arguments.
func between(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usagef(cmd, "%s needs %s", cmd.Name(), what)
		case most == 0 && len(args) > 0:
			return usagef(cmd, "%s takes no arguments, and got %q", cmd.Name(), args[0])
		case most >= 0 && len(args) > most:
			return usagef(cmd, "%s takes %s, and got %q as well", cmd.Name(), what, args[most])
		}
		return nil
	}
}

// usageError says that a command line makes no sense.
type usageError struct {
	command string // "evault key add"
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{cmd.CommandPath(), fmt.Errorf(format, args...)}
}
