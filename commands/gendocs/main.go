// Command gendocs writes the manual of every verb from the command tree: docs/commands.md, or, as "gendocs man DIR DATE",
// pages for man(1). It is run in the root of the source tree by "make docs" and "make man" and is not part of the program that
// users get. A test here fails while docs/commands.md is older than the command tree.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"evault/commands"
	"evault/internal/vfs"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gendocs:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "man":
		return writeManual(commands.Tree(), args[1], args[2])
	case len(args) > 0:
		return errors.New("usage: gendocs [man DIR DATE]")
	}
	var page bytes.Buffer
	render(&page, commands.Tree())
	docs, err := vfs.Open("docs")
	if err != nil {
		return err
	}
	return errors.Join(vfs.Publish(docs, "commands.md", page.Bytes(), 0o644), docs.Close())
}

// render writes the whole page.
func render(w *bytes.Buffer, root *cobra.Command) {
	fmt.Fprintf(w, "# Commands\n\nWritten by `make docs` from the command tree; change the text there. JSON shapes are in [json.md](json.md).\n\n")
	fmt.Fprintf(w, "%s\n\n", strings.TrimSpace(root.Long))
	fmt.Fprintf(w, "| verb | |\n|---|---|\n")
	for _, cmd := range visible(root) {
		fmt.Fprintf(w, "| [%s](#evault-%s) | %s |\n", cmd.Name(), cmd.Name(), cmd.Short)
	}
	fmt.Fprintf(w, "\n## Flags of every verb\n\n```\n%s```\n", root.PersistentFlags().FlagUsages())
	for _, cmd := range visible(root) {
		renderVerb(w, cmd)
	}
}

// visible lists the verbs that a user is shown, by name; help explains itself.
func visible(cmd *cobra.Command) []*cobra.Command {
	var out []*cobra.Command
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			out = append(out, sub)
		}
	}
	return out
}

func renderVerb(w *bytes.Buffer, cmd *cobra.Command) {
	fmt.Fprintf(w, "\n## %s\n\n", cmd.CommandPath())
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	fmt.Fprintf(w, "%s\n", strings.TrimSpace(text))
	subs := visible(cmd)
	if len(subs) == 0 {
		fmt.Fprintf(w, "\n```\n%s\n", cmd.UseLine())
		if flags := cmd.NonInheritedFlags(); flags.HasAvailableFlags() {
			fmt.Fprintf(w, "\n%s", flags.FlagUsages())
		}
		fmt.Fprintf(w, "```\n")
	}
	if cmd.Example != "" {
		fmt.Fprintf(w, "\nFor example:\n\n```sh\n%s\n```\n", unindent(cmd.Example))
	}
	for _, sub := range subs {
		renderVerb(w, sub)
	}
}

func unindent(example string) string {
	lines := strings.Split(strings.TrimRight(example, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], "  ")
	}
	return strings.Join(lines, "\n")
}
