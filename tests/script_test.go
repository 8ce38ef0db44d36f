// Package tests holds what is proved about the whole program from outside: each *.txtar file here is a script that runs
// evault as a user would, named by the verb and the one behaviour it shows.
//
// A script may use, beside the commands of testscript:
//
//	evault ARGS...             run evault; "!" in front expects it to fail
//	code N PROGRAM ARGS...     run a program that must end with exit code N
//	damage GLOB                flip one bit in the middle of each file that matches
//	jsonok                     check that every line of stdout is a JSON object with a schema
package tests

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"evault/commands"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"evault": func() { os.Exit(commands.Main(os.Args[1:])) },
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 ".",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, ".home")
			for name, value := range map[string]string{
				"HOME": home, "USERPROFILE": home, "TZ": "UTC", "EVAULT_PAGER": "",
				"EVAULT_CONFIG_HOME": filepath.Join(home, "config"), "EVAULT_STATE_HOME": filepath.Join(home, "state"),
			} {
				env.Setenv(name, value)
			}
			return prepareHome(home)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"code": expectCode, "damage": damage, "jsonok": checkJSON,
		},
	})
}

// prepareHome makes a home whose user ignores it and testscript's own folder, so that a script's $WORK is a work tree with
// the script's files alone.
func prepareHome(home string) error {
	config := filepath.Join(home, "config")
	excludes := filepath.Join(home, "excludes")
	return errors.Join(
		os.MkdirAll(config, 0o700),
		os.WriteFile(filepath.Join(config, "config.toml"), []byte("[core]\nexcludes-file = '"+excludes+"'\n"), 0o600),
		os.WriteFile(excludes, []byte("/.home\n/.tmp\n"), 0o600),
	)
}

// expectCode is the script command "code".
func expectCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exited *exec.ExitError
		if !errors.As(err, &exited) {
			ts.Fatalf("%v", err)
		}
		got = exited.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, and %d is expected\nstdout:\n%s\nstderr:\n%s", got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// damage is the script command "damage".
func damage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: damage GLOB")
	}
	files, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(files) == 0 {
		ts.Fatalf("%s matches nothing", args[0])
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		ts.Check(err)
		data[len(data)/2] ^= 1
		ts.Check(os.Chmod(name, 0o600))
		ts.Check(os.WriteFile(name, data, 0o600))
	}
}

// checkJSON is the script command "jsonok".
func checkJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: jsonok")
	}
	lines := strings.Split(strings.TrimSpace(ts.ReadFile("stdout")), "\n")
	for _, line := range lines {
		var document struct{ Schema string }
		if err := json.Unmarshal([]byte(line), &document); err != nil {
			ts.Fatalf("%v in: %s", err, line)
		}
		if !strings.HasPrefix(document.Schema, "evault.") || !strings.HasSuffix(document.Schema, "/1") {
			ts.Fatalf("schema %q in: %s", document.Schema, line)
		}
	}
}
