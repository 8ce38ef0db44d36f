// Package mutants proves that the tests would notice if a check that safety rests on went away.
//
// It holds tests only. A mutant is one such check, broken by hand: the hash that is not compared, the permission that is not
// asked for, the link that is followed. For each, the tests that are named beside it must fail. One that they all pass is a
// survivor: either a test is missing, or the check is not needed. The lists are in the files <package>_test.go.
//
// A mutated file is given to the go command with -overlay, so nothing of the source is touched. If a mutant does not apply
// any more because the code has changed, it is written anew here.
//
// Without EVAULT_PROVE=1 it is proved only that each still applies and compiles, and a few are run. One alone:
//
//	EVAULT_PROVE=1 go test ./tests/mutants -v -run 'TestProofMutants/remote.transport/tls_pin_ignored'
package mutants
