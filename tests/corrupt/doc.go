// Package corrupt proves by damage, hostility and chance that a vault gives back every byte or says which it cannot.
//
// It holds tests only. Each runs distinct, counted cases and fails if their number falls below its floor:
//
//	row 4    every bit of every file of a small vault          flip_test.go
//	row 6    truncation, insertion, removal, zeros, swaps      damage_test.go
//	repair   what is sound in damaged packs comes back         repair_test.go
//	row 5    repair from a replica, and of a replica          repairfrom_test.go
//	canary   nothing readable reaches store, temporary         canary_test.go
//	         files or pins
//	row 16   random trees with everything a disk can hold      roundtrip_test.go
//	row 9    trees that a malicious member wrote               hostile_test.go
//
// The judges are independent of the code under test: the source is described before it is committed, by code that
// shares nothing with package worktree.
//
// EVAULT_PROVE=1 runs the large columns, EVAULT_SEED=n repeats a run's choices.
package corrupt
