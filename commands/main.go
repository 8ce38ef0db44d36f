package commands

import (
	"context"
	"io"
	"log"
	"os"
	"runtime/debug"
	"time"
)

// Environment is everything outside this process that a command may use.
type Environment struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	// Lookup gives an environment variable.
	Lookup func(name string) (value string, ok bool)
	// Dir is the working directory, absolute; empty where it is gone.
	Dir string
	// Now is the clock; its location is the zone in which times are shown.
	Now func() time.Time
	// Terminal says which streams are a terminal, and how to ask there.
	Terminal Terminal
}

// systemEnvironment is the world of a real process.
func systemEnvironment() Environment {
	dir, err := os.Getwd()
	if err != nil {
		dir = "" // reported where the directory is needed
	}
	return Environment{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Lookup: os.LookupEnv, Dir: dir, Now: time.Now, Terminal: systemTerminal(),
	}
}

// Main runs one command line, without the program's name in front, and gives the exit code. Without an environment it
// uses the process's own, and an interrupt ends the command cleanly.
func Main(args []string, env ...Environment) int {
	if len(env) > 0 {
		return newApp(env[0]).run(context.Background(), args)
	}
	limitGarbage()
	log.SetOutput(io.Discard) // net/http writes there what a host sends unasked
	a := newApp(systemEnvironment())
	ctx, stop := a.interrupts.watch(context.Background())
	defer stop()
	return a.run(ctx, args)
}

// limitGarbage has the collector run when half as much garbage as live memory has gathered, not when there is as much. It
// costs one part in fifty of a commit's time and saves a third of its memory. GOGC in the environment has the last word.
func limitGarbage() {
	if _, ok := os.LookupEnv("GOGC"); !ok {
		debug.SetGCPercent(50)
	}
}
