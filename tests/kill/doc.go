// Package kill proves that evault may be killed at any instant, at either end of a conversation: the real program, over TCP
// and TLS, with SIGKILL. What was there before is there, or what was to be; and the same command finishes the work.
//
// EVAULT_PROVE=1 runs the large column; EVAULT_SEED=n repeats the choices of a run, though not the scheduling of processes.
package kill
