// Package worktree turns files on disk into tree entries and back.
//
// The work tree is the folder that holds .evault. There is no staging area: what is tracked is taken as it is on disk.
//
// Out of the disk:
//
//   - [Index] is the memory of the last commit: the tracked names, what the tree of HEAD says about each, and the
//     [StatKey] of each file, so that a file whose key is the same need not be read. It is a sealed cache, written by
//     [IndexWriter], and can be rebuilt from HEAD's tree at any time.
//   - [Scanner] walks the disk beside the index and yields one [DirScan] per directory: each name with what became of
//     it, an [ItemState].
//   - [FileReader] reads one file for a commit: metadata and content, into an entry. [ReadMeta], [ReadSmall] and
//     [StreamFile] are its parts.
//   - [Status] puts these together: which paths changed, and how. [RewriteIndex] changes what is tracked.
//
// Back to the disk: [Restore] writes a tree, or a part of it, below one directory and nowhere else.
//
// Paths are relative to the root of the work tree, with slashes and raw bytes, "" for the root. Directories are
// visited depth first and names compared as bytes, which is the order of the trees in package objects.
package worktree
