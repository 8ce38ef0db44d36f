package main

import (
	"bytes"
	"os"
	"testing"

	"evault/commands"
)

// TestPageIsCurrent fails while docs/commands.md is not what the command tree says.
func TestPageIsCurrent(t *testing.T) {
	var want bytes.Buffer
	render(&want, commands.Tree())
	got, err := os.ReadFile("../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Error("docs/commands.md is out of date: run make docs")
	}
}
