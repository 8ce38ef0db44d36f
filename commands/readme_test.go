package commands

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeSpeaksOfVerbsThatExist: each command line in the table for git's users names a verb, and flags that it has.
func TestReadmeSpeaksOfVerbsThatExist(t *testing.T) {
	page, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(page), "## For git users")
	table, _, ends := strings.Cut(rest, "\n## ")
	if !ok || !ends {
		t.Fatal("README.md has no section for git's users")
	}
	lines := regexp.MustCompile("`(evault [^`]*)`").FindAllStringSubmatch(table, -1)
	for _, m := range lines {
		root := Tree()
		words := shellWords(m[1])
		found, args, err := root.Find(words[1:])
		if err != nil || found == root {
			t.Errorf("%s: no such verb (%v)", m[1], err)
			continue
		}
		if err := found.ParseFlags(args); err != nil {
			t.Errorf("%s: %v", m[1], err)
		}
	}
	if len(lines) < 40 {
		t.Errorf("%d command lines", len(lines))
	}
}

// TestHelpNamesEveryExitCode holds the help of the program against the codes that it ends with.
func TestHelpNamesEveryExitCode(t *testing.T) {
	_, codes, _ := strings.Cut(Tree().Long, "Exit codes:")
	codes, _, _ = strings.Cut(codes, "Environment:")
	named := map[string]bool{}
	for _, code := range regexp.MustCompile(`(?:^|; |\n)\s*(\d+) `).FindAllStringSubmatch(codes, -1) {
		named[code[1]] = true
	}
	for _, code := range []string{"0", "1", "2", "10", "11", "12", "13", "14", "20", "21", "130"} {
		if !named[code] {
			t.Errorf("the help does not explain exit code %s: %q", code, codes)
		}
	}
	if len(named) != 11 {
		t.Errorf("the help explains %v", named)
	}
}
