package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"evault/commands"
)

// TestManualIsWhole: every verb and flag is on a page, also those of verbs of verbs.
func TestManualIsWhole(t *testing.T) {
	root := commands.Tree()
	pages := map[string]string{}
	for _, p := range manual(root, "2026-11-21") {
		pages[p.name] = string(p.text)
	}
	wants := func(page, what string) {
		if !strings.Contains(pages[page], roff(what)) {
			t.Errorf("%s does not speak of %s", page, what)
		}
	}
	var visit func(page string, cmd *cobra.Command)
	visit = func(page string, cmd *cobra.Command) {
		wants(page, cmd.CommandPath())
		cmd.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				wants(page, "--"+f.Name)
			}
		})
		for line := range strings.SplitSeq(strings.TrimSpace(cmd.Example), "\n") {
			wants(page, strings.TrimSpace(line))
		}
		for _, sub := range visible(cmd) {
			visit(page, sub)
		}
	}
	for _, cmd := range visible(root) {
		wants("evault.1", "evault "+cmd.Name())
		visit("evault-"+cmd.Name()+".1", cmd)
	}
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) { wants("evault.1", "--"+f.Name) })
	if len(pages) < 30 {
		t.Errorf("%d pages", len(pages))
	}
}

// TestManualIsRead has the two programs that show manual pages read every page without a complaint.
func TestManualIsRead(t *testing.T) {
	folder := t.TempDir()
	if err := writeManual(commands.Tree(), folder, "2026-11-21"); err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(folder, "*.1"))
	if err != nil || len(pages) < 30 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, reader := range [][]string{{"mandoc", "-Tlint", "-Wwarning"}, {"groff", "-man", "-ww", "-Tutf8", "-z"}} {
		if _, err := exec.LookPath(reader[0]); err != nil {
			t.Logf("%s is not installed here (tests/need.sh installs it where it may)", reader[0])
			continue
		}
		out, err := exec.Command(reader[0], append(reader[1:], pages...)...).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%q: %v\n%s", reader, err, out)
		}
	}
	if _, err := exec.LookPath("mandoc"); err == nil {
		out, err := exec.Command("mandoc", "-Tascii", filepath.Join(folder, "evault-remote.1")).Output()
		if err != nil || !bytes.Contains(out, []byte("evault remote add usb /mnt/usb/vault")) {
			t.Errorf("the page of remote shows %v\n%s", err, out)
		}
	}
}

func TestRoff(t *testing.T) {
	for text, want := range map[string]string{
		".hidden": `\&.hidden`, `a\b`: `a\eb`, "--flag": `\-\-flag`, "it's": `it\(aqs`, "HEAD~1": `HEAD\(ti1`, "": "",
	} {
		if got := roff(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestManualIsStable: the same tree gives the same bytes.
func TestManualIsStable(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	for _, folder := range []string{a, b} {
		if err := writeManual(commands.Tree(), folder, "2026-11-21"); err != nil {
			t.Fatal(err)
		}
	}
	pages, err := os.ReadDir(a)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages {
		one, err := os.ReadFile(filepath.Join(a, p.Name()))
		if err != nil {
			t.Fatal(err)
		}
		other, err := os.ReadFile(filepath.Join(b, p.Name()))
		if err != nil || !bytes.Equal(one, other) {
			t.Errorf("%s differs (%v)", p.Name(), err)
		}
	}
}
