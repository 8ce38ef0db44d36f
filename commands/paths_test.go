package commands

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func absDir(parts ...string) string {
	root := "/"
	if runtime.GOOS == "windows" {
		root = `C:\`
	}
	return filepath.Join(append([]string{root}, parts...)...)
}

func TestArg(t *testing.T) {
	tr := newTree(absDir("w"), absDir("w", "a", "b"))
	for given, want := range map[string]string{
		".": "a/b", "..": "a", "../..": "", "x": "a/b/x", "./x/": "a/b/x", "../y": "a/y", "x/../z": "a/b/z", "../../..foo": "..foo",
		absDir("w"): "", absDir("w", "q"): "q", " ": "a/b/ ", "-x": "a/b/-x",
	} {
		if got, err := tr.arg(given); err != nil || got != want {
			t.Errorf("arg(%q) = %q, %v; want %q", given, got, err, want)
		}
	}
	for given, want := range map[string]string{
		"": "empty path", "../../..": "outside", "../../../w2": "outside", absDir("w2"): "outside", absDir(): "outside",
		"../../.evault": "in the vault", ".EVAULT/x": "in the vault", "x/.evault/HEAD": "in the vault",
	} {
		got, err := tr.arg(given)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("arg(%q) = %q, %v; want an error with %q", given, got, err, want)
		}
		if code, _ := classify(err); code != exitUsage {
			t.Errorf("arg(%q): exit code %d", given, code)
		}
	}
}

func TestShow(t *testing.T) {
	tr := newTree(absDir("w"), absDir("w", "a", "b"))
	for p, want := range map[string]string{
		"": "../..", "a": "..", "a/b": ".", "a/b/c": "c", "a/bc": "../bc", "a/x/y": "../x/y", "z": "../../z", "ab/b": "../../ab/b",
	} {
		if got := tr.show(p); got != want {
			t.Errorf("show(%q) = %q, want %q", p, got, want)
		}
	}
	if got := tr.showSlashed("a/x/"); got != "../x/" {
		t.Errorf("showSlashed = %q", got)
	}
	outside := newTree(absDir("w"), absDir("elsewhere"))
	if got := outside.show("a/b"); got != "a/b" {
		t.Errorf("outside: %q", got)
	}
}

// TestShowAndArgAreInverse: what is shown can be typed again.
func TestShowAndArgAreInverse(t *testing.T) {
	part := rapid.StringMatching(`[a-c]{1,2}`)
	rapid.Check(t, func(t *rapid.T) {
		below := rapid.SliceOfN(part, 0, 4).Draw(t, "below")
		p := strings.Join(rapid.SliceOfN(part, 0, 4).Draw(t, "path"), "/")
		tr := newTree(absDir("w"), filepath.Join(append([]string{absDir("w")}, below...)...))
		if got, err := tr.arg(tr.show(p)); err != nil || got != p {
			t.Fatalf("%q is shown as %q in %v, which reads as %q (%v)", p, tr.show(p), below, got, err)
		}
	})
}

// TestArgThroughLinks: an absolute path that reaches the work tree by a link belongs to it; a link inside it is not followed.
func TestArgThroughLinks(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	real := filepath.Join(dir, "real")
	if err := os.MkdirAll(filepath.Join(real, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, filepath.Join(dir, "link")); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	if err := os.Symlink(dir, filepath.Join(real, "out")); err != nil {
		t.Fatal(err)
	}
	tr := newTree(real, real)
	for given, want := range map[string]string{
		filepath.Join(dir, "link"):                "",
		filepath.Join(dir, "link", "sub"):         "sub",
		filepath.Join(dir, "link", "sub", "new"):  "sub/new",
		filepath.Join(dir, "link", "no", "thing"): "no/thing",
		"out":   "out",
		"out/x": "out/x",
	} {
		if got, err := tr.arg(given); err != nil || got != want {
			t.Errorf("arg(%q) = %q, %v; want %q", given, got, err, want)
		}
	}
}
