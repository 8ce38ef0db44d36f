package commands

import (
	"strings"
	"testing"

	"evault/objects"
)

func TestCleanMessage(t *testing.T) {
	for text, want := range map[string]string{
		"one\n":                              "one",
		"\n\n one \n\n\n\ntwo  \n# note\n\n": " one\n\ntwo",
		"# only\n#comments\n":                "",
		"   \n\t\n":                          "",
		"a\r\nb\r\n":                         "a\nb",
		"keep # this\n":                      "keep # this",
		"a\n# x\nb":                          "a\nb",
	} {
		if got := cleanMessage(text); got != want {
			t.Errorf("cleanMessage(%q) = %q, want %q", text, got, want)
		}
	}
	if got := cleanMessage("start" + messageHelp); got != "start" {
		t.Errorf("the help counts: %q", got)
	}
}

func TestColonAfterRevision(t *testing.T) {
	for arg, want := range map[string]int{
		"main": -1, "main:a": 4, ":a": 0, "@{2026-11-20 08:30}": -1, "main@{08:30}:a:b": 12, "HEAD:": 4,
	} {
		if got := colonAfterRevision(arg); got != want {
			t.Errorf("%q: %d, want %d", arg, got, want)
		}
	}
}

func TestCleanRootPath(t *testing.T) {
	for p, want := range map[string]string{"": "", ".": "", "a/b/": "a/b", "a/../b": "b", "a//b": "a/b"} {
		if got, err := cleanRootPath(p); err != nil || got != want {
			t.Errorf("%q: %q, %v", p, got, err)
		}
	}
	for _, p := range []string{"/a", "..", "a/../../b"} {
		if got, err := cleanRootPath(p); err == nil {
			t.Errorf("%q: %q", p, got)
		}
	}
}

func TestModeString(t *testing.T) {
	for want, e := range map[string]objects.Entry{
		"-rw-r--r--": {Type: objects.TypeFile, Mode: 0o644},
		"drwxr-xr-x": {Type: objects.TypeDirectory, Mode: 0o755},
		"lrwxrwxrwx": {Type: objects.TypeSymlink, Mode: 0o777},
		"-rwsr-Sr-t": {Type: objects.TypeFile, Mode: 0o7745},
		"prw-------": {Type: objects.TypeFifo, Mode: 0o600},
		"c---------": {Type: objects.TypeCharDevice},
		"b-----S--T": {Type: objects.TypeBlockDevice, Mode: 0o3000},
	} {
		if got := modeString(&e); got != want {
			t.Errorf("%+v: %s, want %s", e, got, want)
		}
	}
}

func TestGraph(t *testing.T) {
	id := func(s string) objects.ID { return objects.ID{s[0]} }
	for _, c := range []struct{ history, want string }{
		{"c:b b:a a:", "* c|* b|* a"},
		{"d:b c:b b:a a:", "* d|| * c||/|* b|* a"},
		{"m:ab a:r b:r r:", "* m||\\|* | a|| * b||/|* r"},
		{"m:ab b:r a:r r:", "* m||\\|| * b|* | a||/|* r"},
		{"b: a:", "* b|* a"},
	} {
		var g graph
		var out []string
		for commit := range strings.FieldsSeq(c.history) {
			name, parents, _ := strings.Cut(commit, ":")
			var ids []objects.ID
			for _, p := range strings.Split(parents, "") {
				ids = append(ids, id(p))
			}
			first, _, after := g.next(id(name), ids)
			out = append(out, first+name)
			for _, line := range after {
				out = append(out, strings.TrimRight(line, " "))
			}
		}
		if got := strings.Join(out, "|"); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.history, strings.ReplaceAll(got, "|", "\n"), strings.ReplaceAll(c.want, "|", "\n"))
		}
	}
}
