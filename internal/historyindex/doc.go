// Package historyindex is the file format of a cache that answers three questions about a history without reading a tree
// or checking a signature: which commits are there and how do they descend, which of them changed a path, and which paths
// were there ever.
//
// A file is a [Segment]: some commits, each after its parents, with their encoded bytes, and a dictionary of all paths that
// these commits changed against their first parents, each with its [Touch]es. An index is a row of segments, the oldest
// first; a commit's parents are in its own segment or in an older one. New commits make a new, small segment; [Merge] joins
// neighbours, so that there are never many.
//
//	magic (8) | salt (16) | blocks ... | directory | length of the directory (4)
//
// Every block, the directory too, is compressed and sealed, bound to the salt, its kind and its number, so blocks cannot be
// swapped between files or places; there are three kinds:
//
//	graph   up to 4,096 commits: ID, generation, time, parents (as distances, or as IDs where they are in older segments)
//	text    up to 256 commits: their encoded bytes, which are decoded when somebody asks for them
//	paths   about 64 KiB of the dictionary: paths in the order of a tree walk, front-coded, with their touches
//
// The directory says how long each block is, and with which path each block of the dictionary begins. Paths are ordered as a
// walk visits them ([ComparePaths]): whatever is below a folder follows it at once, so a folder is one range.
//
// Each touch has a delta: what the change adds to a sum that stands for the state of all paths asked for. Two commits with
// the same sum hold the same below those paths. That is how a history is simplified at merges without looking at trees.
//
// The package knows neither the vault nor a disk: it reads from an [io.ReaderAt], writes to an [io.Writer], and is given a
// [Sealer]. All decoders are strict; an error wraps [ErrDamaged], and the answer to it is to drop the cache.
package historyindex
