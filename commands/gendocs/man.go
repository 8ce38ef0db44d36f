package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"evault/internal/vfs"
)

// Manual pages in the macros of man(7), which groff and mandoc both read: one for the program, one for each verb. A verb that
// holds others has them on its page.

// manPage is one file.
type manPage struct {
	name string // "evault-log.1"
	text []byte
}

// writeManual writes every page into a folder, which is made where it is missing. date is that of the pages, as 2026-11-21.
func writeManual(root *cobra.Command, folder, date string) error {
	out, err := vfs.OpenOrCreate(folder)
	if err != nil {
		return err
	}
	for _, p := range manual(root, date) {
		err = errors.Join(err, vfs.Publish(out, p.name, p.text, 0o644))
	}
	return errors.Join(err, out.Close())
}

// manual renders every page.
func manual(root *cobra.Command, date string) []manPage {
	pages := []manPage{{"evault.1", programPage(root, date)}}
	for _, cmd := range visible(root) {
		pages = append(pages, manPage{"evault-" + cmd.Name() + ".1", verbPage(cmd, date)})
	}
	return pages
}

func programPage(root *cobra.Command, date string) []byte {
	var w bytes.Buffer
	head(&w, "evault", root.Short, date)
	fmt.Fprintf(&w, ".SH SYNOPSIS\n.B evault\n.I verb\n.RI [ flags ]\n.RI [ arguments ]\n")
	section(&w, "SH", "DESCRIPTION")
	prose(&w, root.Long)
	section(&w, "SH", "VERBS")
	for _, cmd := range visible(root) {
		fmt.Fprintf(&w, ".TP\n.B %s\n%s\n", roff("evault "+cmd.Name()), roff(cmd.Short))
	}
	section(&w, "SH", "FLAGS OF EVERY VERB")
	flags(&w, root.PersistentFlags())
	examples(&w, "SH", root.Example)
	return w.Bytes()
}

func verbPage(cmd *cobra.Command, date string) []byte {
	var w bytes.Buffer
	head(&w, "evault-"+cmd.Name(), cmd.Short, date)
	section(&w, "SH", "SYNOPSIS")
	synopsis(&w, cmd)
	section(&w, "SH", "DESCRIPTION")
	prose(&w, longOf(cmd))
	if own := cmd.NonInheritedFlags(); own.HasAvailableFlags() {
		section(&w, "SH", "FLAGS")
		flags(&w, own)
	}
	for _, sub := range visible(cmd) {
		subPage(&w, sub)
	}
	examples(&w, "SH", cmd.Example)
	fmt.Fprintf(&w, ".SH SEE ALSO\n.BR evault (1)\n")
	return w.Bytes()
}

// subPage is a verb of a verb, as "remote add", within the page of that.
func subPage(w *bytes.Buffer, cmd *cobra.Command) {
	section(w, "SH", strings.ToUpper(strings.TrimPrefix(cmd.CommandPath(), "evault ")))
	synopsis(w, cmd)
	fmt.Fprintf(w, ".PP\n")
	prose(w, longOf(cmd))
	if own := cmd.NonInheritedFlags(); own.HasAvailableFlags() {
		flags(w, own)
	}
	examples(w, "SS", cmd.Example)
	for _, sub := range visible(cmd) {
		subPage(w, sub)
	}
}

func longOf(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return cmd.Long
	}
	return cmd.Short + "."
}

func head(w *bytes.Buffer, name, short, date string) {
	fmt.Fprintf(w, ".\\\" Written by \"make man\" from the command tree.\n.TH %s 1 %s evault \"evault manual\"\n.SH NAME\n%s \\- %s\n",
		roff(strings.ToUpper(name)), date, roff(name), roff(short))
}

func section(w *bytes.Buffer, macro, title string) { fmt.Fprintf(w, ".%s %s\n", macro, roff(title)) }

// synopsis is how a verb is called; one that only holds others is called by theirs.
func synopsis(w *bytes.Buffer, cmd *cobra.Command) {
	line := cmd.UseLine()
	if subs := visible(cmd); len(subs) > 0 {
		var names []string
		for _, sub := range subs {
			names = append(names, sub.Name())
		}
		line = cmd.CommandPath() + " " + strings.Join(names, "|")
	}
	name, rest, _ := strings.Cut(line, " [")
	fmt.Fprintf(w, ".B %s\n", roff(name))
	if rest != "" {
		fmt.Fprintf(w, "%s\n", roff("["+rest))
	}
}

// prose writes paragraphs; a line that begins with a blank keeps its place.
func prose(w *bytes.Buffer, text string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			fmt.Fprintf(w, ".PP\n")
		}
		if strings.Contains("\n"+paragraph, "\n ") {
			fmt.Fprintf(w, ".nf\n%s\n.fi\n", lines(paragraph))
			continue
		}
		fmt.Fprintf(w, "%s\n", lines(paragraph))
	}
}

func flags(w *bytes.Buffer, set *pflag.FlagSet) {
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Deprecated != "" {
			return
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		value, usage := pflag.UnquoteUsage(f)
		fmt.Fprintf(w, ".TP\n.B %s\n", strings.ReplaceAll(strings.TrimSpace(roff(name)+" "+roff(value)), "\"", "\\(dq"))
		if d := f.DefValue; d != "" && d != "false" && d != "0" && d != "[]" && d != "0s" {
			usage += " (" + d + " if not given)"
		}
		fmt.Fprintf(w, "%s\n", roff(usage))
	})
}

func examples(w *bytes.Buffer, macro, text string) {
	if text == "" {
		return
	}
	section(w, macro, "EXAMPLES")
	fmt.Fprintf(w, ".nf\n%s\n.fi\n", lines(unindent(text)))
}

// lines is roff for each line; an empty one stays one.
func lines(text string) string {
	all := strings.Split(text, "\n")
	for i, line := range all {
		if all[i] = roff(line); line == "" {
			all[i] = "\\&"
		}
	}
	return strings.Join(all, "\n")
}

// roff makes text stand for itself: backslashes, a dot or quote that begins a line, and the minus of flags, which would
// become a hyphen that nobody can copy.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "\t", "    ").Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}
