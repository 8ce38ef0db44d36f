// Package commands is the command line: one file per verb, each a constructor that declares flags, an options struct, and a
// run function that calls one method of repo.Repository and prints what it returns.
//
// It is the only package that knows cobra, the terminal and the environment. Start at [Main]: it makes an app, which holds
// everything that a verb may ask the world for (streams, variables, working directory, clock, terminal), so that a test
// can run any command line inside its own process with an [Environment] of its own making.
//
// The rules for output, all kept here:
//
//   - results go to stdout, everything else to stderr as "evault: ...";
//   - colour, progress and a pager only where a terminal is;
//   - with --json stdout is one document, or one object a line for verbs that list a stream; every document has a field
//     "schema", and docs/json.md describes it;
//   - errors are printed in one function, report, which also chooses the exit code;
//   - names from disk are quoted as C strings where they could confuse a terminal or a reader of lines.
package commands
