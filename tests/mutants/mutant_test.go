package mutants

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mutant is one broken check.
type mutant struct {
	name string // of the subtest
	file string // from the module's root
	old  string // stands in the file exactly once
	new  string
	// kills is "package pattern": the tests that have to fail, as the go command takes them. What follows a "@" is one case of
	// package tests/hostile.
	kills string
}

// all is every mutant, those of one package together.
func all() (list []mutant) {
	for _, part := range [][]mutant{ciphers(), keysMutants(), refsMutants(), mirrorMutants(), packMutants(), objectsMutants(),
		folderMutants(), hostMutants(), apiMutants(), transportMutants(), pairingMutants(), repoMutants(), worktreeMutants()} {
		list = append(list, part...)
	}
	slices.SortStableFunc(list, func(a, b mutant) int { return strings.Compare(a.group(), b.group()) })
	return list
}

// group is the name of the subtest that holds a mutant's.
func (m mutant) group() string { return strings.ReplaceAll(path.Dir(m.file), "/", ".") }

func root(t testing.TB) string {
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// source is the mutated file.
func (m mutant) source(dir string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(m.file)))
	if err != nil {
		return nil, err
	}
	if n := bytes.Count(data, []byte(m.old)); n != 1 {
		return nil, fmt.Errorf("%s: what is to be replaced is there %d times", m.file, n)
	}
	return bytes.Replace(data, []byte(m.old), []byte(m.new), 1), nil
}

// overlay writes the mutated file into a folder, and what -overlay reads. The name of that is returned.
func (m mutant) overlay(dir, into string) (string, error) {
	data, err := m.source(dir)
	if err != nil {
		return "", err
	}
	mutated := filepath.Join(into, "mutated.go")
	if err := os.WriteFile(mutated, data, 0o600); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(dir, filepath.FromSlash(m.file)): mutated}})
	if err != nil {
		return "", err
	}
	name := filepath.Join(into, "overlay.json")
	return name, os.WriteFile(name, list, 0o600)
}

// verdict is what a run of tests has come to.
type verdict struct {
	passed bool
	output string
}

// run runs the tests that a mutant names; without an overlay, on the source as it is. The error is one of not getting so far.
func run(t *testing.T, dir, kills, overlay string) (verdict, error) {
	tests, only, _ := strings.Cut(kills, " @")
	pkg, pattern, _ := strings.Cut(tests, " ")
	args := []string{"test", "-vet=off", "-count=1", "-failfast", "-timeout=10m", "-run=" + pattern}
	if overlay != "" {
		args = append(args, "-overlay="+overlay)
	}
	cmd := exec.CommandContext(t.Context(), "go", append(args, "./"+pkg)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "EVAULT_PROVE=", "EVAULT_CASE="+only) // the small columns have to be enough
	out, err := cmd.CombinedOutput()
	v := verdict{passed: err == nil, output: string(out)}
	switch {
	case strings.Contains(v.output, "no tests to run"):
		return v, fmt.Errorf("no test is called %s", kills)
	case strings.Contains(v.output, "[build failed]") || strings.Contains(v.output, "[setup failed]"):
		return v, fmt.Errorf("it does not compile")
	case err != nil && !strings.Contains(v.output, "FAIL"):
		return v, err
	}
	return v, nil
}
