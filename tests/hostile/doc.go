// Package hostile holds the tests in which the host of a remote lies.
//
// A small world is built once: a vault of several devices, a host that holds its store, and every earlier state of that host.
// A behaviour is one way to lie, a row of the tables in lies_*_test.go: what it does, and what must come of it. It lies
// either as a remote.Store (liar_test.go) or below that, as an HTTP server. A case is a behaviour, a verb, and a way to the
// host (carrier_test.go): called directly, over HTTP/2 through a pipe as with ssh, over TLS on the loopback.
//
// Each case runs on a copy of the world. The judge (judge_test.go) believes nothing that package repo says of itself: it
// knows all contents from the work trees in which they were made, reads the host's disk with its own eyes, and holds that
//
//   - a success is a success: branches, files and packs are what they must be;
//   - what was good before is as good afterwards: branches, HEAD, index and files are those from before or the right newer ones;
//   - the error has the right class, and its text steers no terminal;
//   - nothing hangs, crashes or takes more memory than it may;
//   - no plaintext and no key is among the bytes that left the machine;
//   - evidence is kept where the table says so;
//   - once the host is honest again the same verb finishes the work.
//
// rollback_test.go serves earlier states, and mixtures of them, to clients that know a later one.
//
// EVAULT_PROVE=1 runs the large columns, EVAULT_SEED=n repeats a run's choices.
package hostile
