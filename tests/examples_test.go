package tests

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"evault/commands"
)

// TestExamplesRun runs every line of every example of the manual in a world in which what it names exists, and fails on one
// that does not end with 0. A placeholder of the examples is replaced as placeholders says; what has to happen first is in
// preparations; what is not run is in unrunExamples, with the reason.
func TestExamplesRun(t *testing.T) {
	w, names := newWorld(t)
	placeholders := placeholdersOf(w, names)
	unseen := map[string]bool{}
	for line := range preparations {
		unseen[line] = true
	}
	for line := range unrunExamples {
		unseen[line] = true
	}
	n := 0
	for verb, line := range examples() {
		delete(unseen, line)
		if unrunExamples[line] != "" {
			continue
		}
		n++
		t.Run(strings.ReplaceAll(line, "/", "_"), func(t *testing.T) {
			w.t = t
			w.reset()
			dir := "work"
			if verb == "evault init" || verb == "evault clone" {
				dir = "empty"
			}
			script := preparations[line] + "\n" + line
			r := w.process(dir, "sh", "-ec", placeholders.Replace(script))
			if r.code != 0 {
				t.Errorf("exit code %d\nstdout: %s\nstderr: %s", r.code, r.stdout, r.stderr)
			}
		})
	}
	for line := range unseen {
		t.Errorf("prepared or excused, and no example: %s", line)
	}
	if n < 90 {
		t.Errorf("%d examples were run", n)
	}
}

// examples yields the path of each verb with each line of its example.
func examples() func(yield func(verb, line string) bool) {
	var visit func(cmd *cobra.Command, yield func(verb, line string) bool) bool
	visit = func(cmd *cobra.Command, yield func(verb, line string) bool) bool {
		for line := range strings.SplitSeq(strings.TrimSpace(cmd.Example), "\n") {
			if line = strings.TrimSpace(line); line != "" && cmd.HasParent() && !yield(cmd.CommandPath(), line) {
				return false
			}
		}
		return !slices.ContainsFunc(cmd.Commands(), func(sub *cobra.Command) bool { return !visit(sub, yield) })
	}
	return func(yield func(verb, line string) bool) { visit(commands.Tree(), yield) }
}

// placeholdersOf says what stands for what in examples: places of other machines are folders of the world, and IDs are of
// what is there.
func placeholdersOf(w *world, names worldNames) *strings.Replacer {
	in := func(p string) string { return filepath.Join(w.base, filepath.FromSlash(p)) }
	return strings.NewReplacer(
		"file:///media/usb/vault", "file://"+in("usb/vault"),
		"/mnt/usb/new", in("usb/new"),
		"/mnt/usb/vault", in("usb/vault"),
		"/media/disk/vault", in("usb/vault"),
		"evault://friend.example/#ABCDEFG-...", in("friend"),
		"ABCDEFG-...", names.device, "ABCDEFG", names.member[:7], "JZQWKZ-...", names.device,
		"1a2b3c4d", names.slot[:8],
		"5a3d1073f353d4d0c160dcaaf849485ac14f420fc394b2a7f0869d98c53cfdce", names.vault,
		"/srv/evault", in("srv"), "/tmp/restored", in("restored"),
		"/etc/bash_completion.d/evault", in("etc/evault"), "${fpath[1]}", in("etc"),
	)
}

// noHost is why an example is not run that speaks to another machine.
const noHost = "speaks to another machine; clone_ssh.txtar, serve.txtar and pair.txtar run the like"

// unrunExamples are not run, for the reason given.
var unrunExamples = map[string]string{
	"evault clone user@nas:backup photos":                   noHost,
	"evault pair --device --role admin":                     noHost,
	"evault pair --quota 50GiB":                             noHost,
	"evault pair 192.168.1.20:4723":                         noHost,
	"evault pair 192.168.1.20:4723 7KQ4-9XWM --name friend": noHost,
	"evault serve --listen :4722 --root /srv/evault":        noHost,
	"evault serve --stdio --root /srv/evault --peer laptop": noHost,
	"evault clone --bare friend:vault /mnt/usb/vault":       noHost,
	`evault device remove "old laptop"`:                     "asks, and is refused without a terminal; device.txtar shows that",
	"evault device reconcile":                               "needs two admins in conflict; device_conflict.txtar has them",
}

// preparations make what the world as it is does not have for an example.
var preparations = map[string]string{
	"evault switch -c experiment":                                   "evault branch -D experiment",
	"evault checkout -b experiment":                                 "evault branch -D experiment",
	"evault checkout HEAD~3":                                        "evault restore notes.txt",
	"evault remote rename origin friend":                            "evault remote remove friend",
	"evault remote add usb /mnt/usb/vault":                          "evault remote remove usb",
	"evault remote add friend evault://friend.example/#ABCDEFG-...": "evault remote remove friend",
	`evault device rename localhost "kitchen laptop"`:               `evault device rename "kitchen laptop" attic`,
	"evault peer add ada JZQWKZ-... --quota 50GiB":                  "evault peer rename ada eve",
	"evault tag -d before-the-move":                                 "evault tag before-the-move",
	`evault tag -m "Sent to the printer" v1.0 HEAD~1`:               "evault tag -d v1.0",
	"evault bisect good":                                            "evault bisect start HEAD v1.0",
	"evault bisect good v1.0":                                       "evault bisect start HEAD",
	"evault bisect bad":                                             "evault bisect start",
	"evault bisect skip":                                            "evault bisect start HEAD v1.0",
	"evault bisect run sh check.sh":                                 "evault bisect start HEAD v1.0",
	`evault bisect run sh -c "grep -q word notes.txt"`:              "evault bisect start HEAD v1.0",
	"evault bisect status":                                          "evault bisect start HEAD v1.0",
	"evault bisect log":                                             "evault bisect start HEAD v1.0",
	"evault bisect reset":                                           "evault bisect start HEAD v1.0",
	"evault bisect reset HEAD":                                      "evault bisect start HEAD v1.0",
	"evault merge --continue":                                       clash + "; evault merge clash || true; evault restore --source clash draft.txt",
	"evault merge --abort":                                          clash + "; evault merge clash || true",
	"evault reset --hard HEAD~1":                                    "evault restore notes.txt",
	"evault import git ../project":                                  gitProject,
	"evault import git --branch main --branch release ../project":   gitProject,
	"evault import git --prefix old/ ../project.git":                gitProject,
	"evault undo":                                                   commits, "evault undo -n": commits, "evault undo 2": commits,
	"evault redo": commits + "; evault undo", "evault redo -n": commits + "; evault undo",
}

// commits are operations of this folder: the world is put back as a copy, and what the folder it was copied from did is not
// this one's to undo.
const commits = "evault commit -q -m x; evault commit -q --allow-empty -m y"

// gitProject makes a git repository, if there is a git, and a vault without commits to import it into.
const gitProject = `command -v git >/dev/null || exit 0
git init -q -b main ../project
git -C ../project -c user.name=Ada -c user.email=ada@example.org commit -q --allow-empty -m one
git -C ../project branch release
git clone -q --bare ../project ../project.git
mkdir ../fresh && cd ../fresh && evault init -q`
