// Package schedule proves what several devices and hosts do to each other over time. Its tests run schedules: random
// sequences of commits, pushes, pulls, branches and undos of three devices and two hosts, whose lines are cut, whose answers
// are lost, and which crash in the middle of it all; and races, in which devices push at one instant.
//
// What must come out is told by an oracle (oracle_test.go) that knows nothing of logs, packs and trees: only which commit
// has which parents and which files.
//
// EVAULT_PROVE=1 runs the large column; EVAULT_SEED=n repeats one schedule.
package schedule
