package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// shells are the programs that complete, each with a script that prints the words it offers for the command line $1, one a
// line. The scripts drive them as a user does who presses the key.
var shells = map[string]string{
	// bash calls the function that the script has registered, with what stands on the command line.
	"bash": `
. /usr/share/bash-completion/bash_completion
. etc/evault.bash
cd work
COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=63 COMP_KEY=9
eval "COMP_WORDS=($1)"
[ "${1% }" = "$1" ] || COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { :; }
__start_evault
for word in "${COMPREPLY[@]}"; do printf '%s\n' "${word%% *(*}"; done`,
	// fish has a word for it.
	"fish": `
source etc/evault.fish
cd work
complete -C "$argv[1]" | string replace -r '\t.*' ''
true`,
	// zsh completes in a terminal of its own; what is offered is written to a file by a function in compadd's place.
	"zsh": `
zmodload zsh/zpty
cat > etc/zshrc <<'END'
PROMPT=ready; setopt no_beep; unsetopt zle_bracketed_paste 2>/dev/null
fpath=($WORLD/etc $fpath)
autoload -Uz compinit && compinit -u -d $WORLD/etc/zcompdump
compdef _evault evault
compadd() {
	local -a found given
	local name
	if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
	builtin compadd -O found "$@"
	print -rl -- $found >> $WORLD/etc/offered
	builtin compadd "$@"
}
cd $WORLD/work
done-completing() { print -r done >> $WORLD/etc/finished }
zle -N done-completing
bindkey '^X' done-completing
END
: > etc/offered; rm -f etc/finished
export WORLD=$PWD
ZDOTDIR=/nonexistent zpty shell 'TERM=dumb zsh -f -i'
zpty -w shell "source $PWD/etc/zshrc"
sleep 0.3
zpty -w -n shell "$1"$'\t\x18'
for i in {1..200}; do [[ -e etc/finished ]] && break; sleep 0.05; zpty -r -t shell ignored >/dev/null; done
zpty -d shell
cat etc/offered`,
}

// TestShellsComplete has real shells complete command lines.
func TestShellsComplete(t *testing.T) {
	w, _ := newWorld(t)
	for name := range shells {
		if _, err := exec.LookPath(name); err != nil {
			t.Logf("%s is not installed here (tests/need.sh installs it where it may)", name)
			continue
		}
		t.Run(name, func(t *testing.T) { completeIn(t, w, name) })
	}
}

// completions are command lines, and some of the words that are offered for the last one; "!" in front of one that is not.
var completions = map[string][]string{
	"evault sw":                    {"switch"},
	"evault switch ":               {"main", "feature", "experiment", "!v1.0", "!HEAD", "!notes.txt"},
	"evault switch fea":            {"feature", "!main"},
	"evault checkout v":            {"v1.0", "v1.1"},
	"evault checkout fri":          {"friend/main", "friend/feature"},
	"evault push ":                 {"friend", "origin", "usb", "!main"},
	"evault push friend ex":        {"experiment", "!friend"},
	"evault log -- n":              {"notes.txt", "!new.txt"},
	"evault restore src/":          {"src/main.go"},
	"evault rm photos/fo":          {"photos/forest.jpg", "!photos/beach.jpg"},
	"evault log --col":             {"--color"},
	"evault log --color ":          {"always", "auto", "never"},
	"evault remote re":             {"remove", "rename"},
	"evault remote remove u":       {"usb"},
	"evault config get core.p":     {"core.pager"},
	"evault device role kit":       {`kitchen laptop`},
	"evault restore odd/with":      {`odd/with blank`},
	"evault restore odd/a":         {`odd/a'quote"s`},
	"evault tag -d v1":             {"v1.0", "v1.1"},
	"evault restore --source expe": {"experiment"},
	"evault restore -- odd/":       {`odd/with blank`, "!two\nlines", "!odd/two"},
}

func completeIn(t *testing.T, w *world, shell string) {
	w.t = t
	w.reset()
	for _, name := range []string{"odd/with blank", "odd/a'quote\"s", "odd/two\nlines"} {
		w.write(name, "odd")
	}
	w.process("work", "evault", "add", "odd")
	w.check(os.WriteFile(filepath.Join(w.base, "etc", shell+".script"), []byte(shells[shell]), 0o600))
	for file, as := range map[string]string{"bash": "evault.bash", "fish": "evault.fish", "zsh": "_evault"} {
		w.check(os.WriteFile(filepath.Join(w.base, "etc", as), []byte(w.process("work", "evault", "completion", file).stdout), 0o600))
	}
	for line, want := range completions {
		if shell == "zsh" && strings.Contains(line, " re") && os.Getenv("EVAULT_PROVE") == "" {
			continue // each takes a terminal and a second
		}
		r := w.process(".", shell, filepath.Join("etc", shell+".script"), line)
		if r.code != 0 || r.stderr != "" {
			t.Errorf("%q: exit code %d\n%s", line, r.code, r.stderr)
		}
		offered := strings.Split(strings.NewReplacer(`\ `, " ", `\'`, "'", `\"`, `"`).Replace(r.stdout), "\n")
		for i := range offered {
			offered[i] = strings.TrimSpace(offered[i])
		}
		for _, word := range want {
			if not, ok := strings.CutPrefix(word, "!"); ok == slices.Contains(offered, not) && ok || !ok && !slices.Contains(offered, word) {
				t.Errorf("%q offers %q, want %q", line, offered, want)
				break
			}
		}
	}
}

// TestCompletionIsQuietAndQuick: no prompt, no lock, no complaint, whatever is wrong, and at once.
func TestCompletionIsQuietAndQuick(t *testing.T) {
	w, _ := newWorld(t)
	ask := func(line ...string) result {
		t.Helper()
		r := w.process("work", "evault", append([]string{"__complete"}, line...)...)
		if r.code != 0 || strings.Contains(r.stderr, "evault:") {
			t.Errorf("%q: exit code %d: %s", line, r.code, r.stderr)
		}
		return r
	}
	if got := ask("switch", "").stdout; !strings.Contains(got, "feature\n") {
		t.Errorf("offers %q", got)
	}
	holder := exec.Command("sh", "-c", "exec 9>.evault/local/lock; flock 9; echo held; sleep 30")
	holder.Dir = w.work
	out, err := holder.StdoutPipe()
	w.check(err)
	if err := holder.Start(); err == nil {
		if _, err := out.Read(make([]byte, 8)); err != nil {
			t.Log("no flock here: ", err)
		}
		if got := ask("switch", "").stdout; !strings.Contains(got, "feature\n") {
			t.Errorf("while another evault works: %q", got)
		}
		w.check(holder.Process.Kill())
		_ = holder.Wait()
	}
	best := time.Hour
	for range 5 {
		begun := time.Now()
		ask("restore", "photos/")
		best = min(best, time.Since(begun))
	}
	t.Logf("a completion takes %v", best)
	w.check(os.Rename(filepath.Join(w.base, "home", "config", "identity"), filepath.Join(w.base, "identity")))
	w.vars["EVAULT_PASSPHRASE_COMMAND"] = "touch " + filepath.Join(w.base, "asked") + "; echo wrong"
	delete(w.vars, "EVAULT_PASSPHRASE_FILE")
	ask("switch", "")
	if _, err := os.Stat(filepath.Join(w.base, "asked")); err == nil {
		t.Error("a completion runs EVAULT_PASSPHRASE_COMMAND")
	}
	w.check(os.RemoveAll(filepath.Join(w.work, ".evault")))
	ask("switch", "")
}
