package commands

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"evault/repo"
)

type tagOptions struct {
	list, annotate, remove, verify, force bool
	lines                                 int
	sort                                  string
	messages                              []string
	messageFile                           string
}

func newTag(a *app) *cobra.Command {
	var o tagOptions
	cmd := &cobra.Command{
		Use:   "tag [NAME [REV]]",
		Short: "List, make, verify or delete tags",
		Long: `Without arguments list the tags; with -l only those that match a pattern. With a name make a tag at REV (default HEAD): a name
that stays where it is. With -a or -m the tag is a signed object of its own with a message, who made it and when; without, it
is only a name for the commit. --verify checks who has signed a tag.

Tags travel: a clone takes all, a fetch those of commits that it takes, and "evault push --tags" or "evault push REMOTE NAME"
sends them. A tag that is at a remote already is not replaced there but with --rewrite.`,
		Example: `  evault tag
  evault tag -n -l "v1.*"
  evault tag before-the-move
  evault tag -m "Sent to the printer" v1.0 HEAD~1
  evault tag --verify v1.0
  evault tag -d before-the-move`,
		ValidArgsFunction: a.completeTags(-1),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.runTag(cmd, o, args) },
	}
	f := cmd.Flags()
	f.BoolVarP(&o.list, "list", "l", false, "list the tags whose names match one of the patterns (*, ?, [...]), or all")
	f.IntVarP(&o.lines, "lines", "n", 0, "list with the first `N` lines of each message (-n alone: 1)")
	f.Lookup("lines").NoOptDefVal = "1"
	f.StringVar(&o.sort, "sort", "name", "order by name or time, or backwards by -name or -time (`KEY`)")
	f.BoolVarP(&o.annotate, "annotate", "a", false, "make a signed tag with a message")
	f.BoolVarP(&o.annotate, "sign", "s", false, "the same: annotated tags are always signed")
	f.StringArrayVarP(&o.messages, "message", "m", nil, "the message (`TEXT`), which makes a signed tag; each further -m is a paragraph")
	f.StringVarP(&o.messageFile, "file", "F", "", "read the message from `FILE`; - is stdin")
	f.BoolVarP(&o.force, "force", "f", false, "replace a tag of that name")
	f.BoolVarP(&o.remove, "delete", "d", false, "delete tags")
	f.BoolVar(&o.verify, "verify", false, "check the signatures of tags, and say whose they are (also -v NAME)")
	_ = f.MarkHidden("sign") // it exists for the fingers of git users
	return cmd
}

func (a *app) runTag(cmd *cobra.Command, o tagOptions, args []string) error {
	ctx := cmd.Context()
	o.annotate = o.annotate || len(o.messages) > 0 || o.messageFile != ""
	o.list = o.list || cmd.Flags().Changed("lines") || cmd.Flags().Changed("sort")
	// What git's users mean by -v NAME. To make a tag there is nothing more to print.
	o.verify = o.verify || a.flags.verbose && len(args) > 0 && !o.list && !o.remove && !o.annotate
	switch {
	case o.list && (o.remove || o.annotate || o.verify), o.remove && (o.annotate || o.verify), o.verify && o.annotate:
		return usagef(cmd, "listing, making, verifying and deleting contradict each other")
	case (o.remove || o.verify || o.annotate) && len(args) == 0:
		return usagef(cmd, "say which tag")
	case o.list || len(args) == 0:
		return a.withVault(ctx, repo.ReadOnly, func(v *openVault) error { return a.listTags(cmd, v, o, args) })
	case o.remove:
		return a.withVault(ctx, repo.Writing, func(v *openVault) error { return a.deleteTags(ctx, v, args) })
	case o.verify:
		return a.withVault(ctx, repo.ReadOnly, func(v *openVault) error { return a.verifyTags(ctx, v, args) })
	case len(args) > 2:
		return usagef(cmd, "tag takes a name and a revision, and got %q as well", args[2])
	}
	return a.withVault(ctx, repo.Writing, func(v *openVault) error { return a.createTag(cmd, v, o, args) })
}

// createTag makes a tag; the editor is opened when all else is in order.
func (a *app) createTag(cmd *cobra.Command, v *openVault, o tagOptions, args []string) (err error) {
	request := repo.TagOptions{Name: args[0], Annotate: o.annotate, Force: o.force, Message: strings.Join(o.messages, "\n\n")}
	if len(args) > 1 {
		request.Revision = args[1]
	}
	switch {
	case len(o.messages) > 0 && o.messageFile != "":
		return usagef(cmd, "-m and -F contradict each other")
	case len(o.messages) > 0 && strings.TrimSpace(request.Message) == "":
		return usagef(cmd, "the message is empty")
	case o.messageFile != "":
		if request.Message, err = a.messageFromFile(o.messageFile); err != nil {
			return err
		}
	case o.annotate && request.Message == "":
		if !a.env.Terminal.In || !a.env.Terminal.Out {
			return usagef(cmd, "an annotated tag needs a message: add -m TEXT")
		}
		request.MessageFunc = func() (string, error) { return a.editText(cmd.Context(), v, tagHelp(request.Name)) }
	}
	said := len(v.Notes())
	tag, old, err := v.CreateTag(cmd.Context(), request)
	if err != nil {
		return err
	}
	for _, n := range v.Notes()[said:] {
		a.note("%s", n)
	}
	if a.flags.json {
		return a.emit(tagDocument(tag, "created"))
	}
	if !old.IsZero() {
		a.say("Replaced tag %s (was %s)\n", tag.Name, old.Short())
	}
	return nil
}

// tagHelp is what an editor shows below the message.
func tagHelp(name string) string {
	return fmt.Sprintf("\n# Describe tag %s in the lines above; lines that begin with \"#\" do not count.\n# An empty message makes no tag.\n", name)
}

func (a *app) deleteTags(ctx context.Context, v *openVault, names []string) error {
	for _, name := range names {
		id, err := v.DeleteTag(ctx, name)
		if err != nil {
			return err
		}
		if a.flags.json {
			if err := a.emit(tagJSON{schema: schemaOf("tag"), Name: name, ID: id.String(), Action: "deleted"}); err != nil {
				return err
			}
		}
		a.say("Deleted tag %s (was %s)\n", quoted(name), id.Short())
	}
	return nil
}

// completeTags suggests tags.
func (a *app) completeTags(most int) completer {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		var out []string
		if most < 0 || len(args) < most {
			a.quietVault(cmd.Context(), func(v *openVault) error { out = v.TagNames(); return nil })
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}
