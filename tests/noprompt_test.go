package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestNoPromptWithoutATerminal runs every verb without a terminal, with a stdin on which nobody ever writes anything, where
// nothing opens the vault but a passphrase that nobody has given: each ends by itself, and soon.
func TestNoPromptWithoutATerminal(t *testing.T) {
	w, names := newWorld(t)
	delete(w.vars, "EVAULT_PASSPHRASE_FILE")
	delete(w.vars, "EVAULT_EDITOR")
	placeholders := placeholdersOf(w, names)
	silence, writer, err := os.Pipe()
	w.check(err)
	defer func() { w.check(writer.Close()); w.check(silence.Close()) }()
	ran := map[string]bool{}
	for _, locked := range []bool{true, false} {
		w.reset()
		if locked {
			w.check(os.Rename(filepath.Join(w.base, "home", "config"), filepath.Join(w.base, "moved")))
			w.check(os.Mkdir(filepath.Join(w.base, "home", "config"), 0o700))
		}
		for _, run := range jsonRuns {
			if id := run.verb + run.args; ran[id] || !locked && ran[run.verb] {
				continue
			} else if ran[id] = true; !locked {
				ran[run.verb] = true
			}
			cmd := exec.Command("sh", "-c", placeholders.Replace("exec evault "+run.verb+" "+run.args))
			cmd.Dir, cmd.Stdin = filepath.Join(w.base, cmpOr(run.dir, "work")), silence
			for k, v := range w.vars {
				cmd.Env = append(cmd.Env, k+"="+v)
			}
			withoutTerminal(cmd)
			timer := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
			out, err := cmd.CombinedOutput()
			if !timer.Stop() {
				t.Errorf("evault %s %s waits for somebody: %v\n%s", run.verb, run.args, err, out)
			}
			if strings.HasSuffix(string(out), "assphrase: ") || strings.Contains(string(out), "[y/N]") {
				t.Errorf("evault %s %s asks nobody: %s", run.verb, run.args, out)
			}
		}
	}
}
