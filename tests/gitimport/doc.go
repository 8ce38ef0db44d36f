// Package gitimport shows that "evault import git" brings in what git has: random histories with everything that git can
// hold, and the project's own, are imported, and git is asked what every branch, tag and commit must be.
//
// EVAULT_PROVE=1 takes many more histories, EVAULT_SEED=n those of one seed.
package gitimport
