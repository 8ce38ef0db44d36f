package transport

import (
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"evault/remote"
)

func TestSplitCommand(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{" \t\n ", nil},
		{"ssh", []string{"ssh"}},
		{"  ssh  -v\t-o  X=y\n", []string{"ssh", "-v", "-o", "X=y"}},
		{`ssh -i "my key" -F 'a b'`, []string{"ssh", "-i", "my key", "-F", "a b"}},
		{`a''b "" ''`, []string{"ab", "", ""}},
		{`"a\"b\\c\d\$e" 'a\b' a\ b\'c`, []string{`a"b\c\d$e`, `a\b`, `a b'c`}},
		{"a\\\nb \"c\\\nd\"", []string{"ab", "cd"}},
		{`$HOME ~ *`, []string{"$HOME", "~", "*"}},
		{"schlüssel 'ä ö'", []string{"schlüssel", "ä ö"}},
	} {
		got, err := SplitCommand(c.text)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q gives %q, %v", c.text, got, err)
		}
	}
	for _, text := range []string{"'", "a 'b", `"`, `"a\"`, `a\`, "a\x00b", "'\x00'", "\"\x00\"", "\\\x00"} {
		if got, err := SplitCommand(text); err == nil {
			t.Errorf("%q gives %q", text, got)
		}
	}
}

// TestQuotingMeansTheSame: what shellQuote writes is one word, for SplitCommand and for a real shell.
func TestQuotingMeansTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.StringMatching(`[^\x00]*`)).Draw(t, "words")
		got, err := SplitCommand(joined(words))
		if err != nil || !slices.Equal(got, words) && len(words) > 0 {
			t.Fatalf("%q gives %q, %v", words, got, err)
		}
	})
	if runtime.GOOS == "windows" {
		return // no POSIX shell to compare with
	}
	words := []string{"", "a b", "it's", `"`, `\`, "$HOME", "`id`", "$(id)", "-n", "~", "*", "ä\n\tb", "!x", "\x7f\xff"}
	if got := byShell(t, "printf '%s\\0' "+joined(words)); !slices.Equal(got, words) {
		t.Errorf("the shell reads %q", got)
	}
}

func TestRemotePath(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no POSIX shell to ask")
	}
	t.Setenv("HOME", "/home/me")
	for path, want := range map[string]string{
		"/srv/it's mine":      "/srv/it's mine",
		"~":                   "/home/me",
		"~/":                  "/home/me/",
		"~/a b/$(id)":         "/home/me/a b/$(id)",
		"/$HOME/`id`/;reboot": "/$HOME/`id`/;reboot",
	} {
		if got := byShell(t, "printf '%s\\0' "+remotePath(path)); !slices.Equal(got, []string{want}) {
			t.Errorf("%q is read as %q", path, got)
		}
	}
}

func TestSSHArguments(t *testing.T) {
	u := remote.URL{Scheme: remote.SchemeSSH, User: "me", Host: "nas", Port: 2222, Path: "/srv/a b"}
	for _, c := range []struct {
		u    remote.URL
		o    Options
		want []string
	}{
		{u, Options{}, []string{"ssh", "-o", "BatchMode=yes", "-p", "2222", "-T", "--", "me@nas", "evault serve --stdio --root '/srv/a b'"}},
		{remote.URL{Host: "::1", Path: "~"}, Options{Terminal: true}, []string{"ssh", "-T", "--", "::1", "evault serve --stdio --root ~"}},
		{remote.URL{Host: "nas", Path: "~/it's"}, Options{Terminal: true, SSHCommand: []string{"my ssh", "-v"}},
			[]string{"my ssh", "-v", "-T", "--", "nas", `evault serve --stdio --root ~/'it'\''s'`}},
	} {
		if got := sshArguments(c.u, c.o); !slices.Equal(got, c.want) {
			t.Errorf("%v gives %q", c.u, got)
		}
	}
}

func joined(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = shellQuote(w)
	}
	return strings.Join(quoted, " ")
}

// byShell runs a command and splits what it prints at each NUL.
func byShell(t *testing.T, command string) []string {
	t.Helper()
	out, err := exec.Command("sh", "-c", command).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// FuzzSplitCommand: no panic, and words that are quoted again are the same words.
func FuzzSplitCommand(f *testing.F) {
	for _, text := range []string{`ssh -i "a b" 'c'`, `a\ b`, `"\""`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words, err := SplitCommand(text)
		if err != nil {
			return
		}
		if again, err := SplitCommand(joined(words)); err != nil || !slices.Equal(again, words) {
			t.Fatalf("%q gives %q, then %q, %v", text, words, again, err)
		}
	})
}
