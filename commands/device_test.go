package commands

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// newMember writes the request of another device, and gives its file and its device ID.
func (w *world) newMember(label string) (file, id string) {
	w.t.Helper()
	w.run(exitDone, "device", "list", "-v")
	vault := regexp.MustCompile(`vault ([0-9a-f]{64})`).FindStringSubmatch(w.stdout.String())[1]
	here := w.vars["EVAULT_CONFIG_HOME"]
	w.vars["EVAULT_CONFIG_HOME"] = filepath.Join(w.t.TempDir(), label)
	w.run(exitDone, "identity", "--request", vault, "--label", label)
	file = filepath.Join(w.t.TempDir(), "request")
	if err := os.WriteFile(file, w.stdout.Bytes(), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.run(exitDone, "identity")
	w.vars["EVAULT_CONFIG_HOME"] = here
	return file, strings.TrimSpace(w.stdout.String())
}

func TestDeviceChangesAskOnATerminal(t *testing.T) {
	w := newWorld(t)
	w.run(exitDone, "init", "--no-passphrase", "--label", "here")
	request, id := w.newMember("desk")
	w.tty = Terminal{In: true, Err: true}
	for _, no := range []string{"", "\n", "n\n", "nonsense\n", "yes please\n"} {
		w.stdin = no
		w.run(exitFailed, "device", "add", request)
		w.expect(&w.stderr, id)
		w.expect(&w.stderr, "nothing was changed")
	}
	w.stdin = "y\n"
	w.run(exitDone, "device", "add", request)
	w.expect(&w.stdout, "desk is now a member, as writer")

	w.stdin = "n\n"
	w.run(exitFailed, "device", "remove", "desk")
	w.expect(&w.stderr, "Remove desk (writer, "+id[:7]+") from this vault? [y/N] ")
	w.expect(&w.stderr, "nothing can take that back")
	w.expect(&w.stderr, "peer revoke")
	w.run(exitDone, "device", "list")
	w.expect(&w.stdout, "desk")
	w.run(exitFailed, "device", "remove", "nobody") // not asked about
	if strings.Contains(w.stderr.String(), "[y/N]") {
		t.Error("asked about a device that does not exist")
	}
	w.stdin = "YES\n"
	w.run(exitDone, "device", "remove", id[:7])
	w.run(exitDone, "device", "list")
	if strings.Contains(w.stdout.String(), "desk") {
		t.Errorf("still a member: %s", &w.stdout)
	}
}

// What a device calls itself is shown as text.
func TestDeviceLabelsCannotDriveTheTerminal(t *testing.T) {
	w := newWorld(t)
	w.run(exitDone, "init", "--no-passphrase", "--label", "here")
	w.run(exitUsage, "identity", "--request", strings.Repeat("0a", 32), "--label", "x\x1b[2J")
	w.run(exitFailed, "device", "rename", "here", "x\x1b[2J")
	w.run(exitUsage, "device", "rename", "here", "")
	w.run(exitDone, "device", "rename", "here", "two words")
	w.run(exitDone, "device", "list")
	w.expect(&w.stdout, "two words")
}
