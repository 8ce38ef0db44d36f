package objects

// Label is a key and value that a user hangs on a commit.
type Label struct {
	Key   string // 1 to MaxLabelKey bytes, no "=", no control characters
	Value string // up to MaxLabelValue bytes, no NUL
}

// Commit is the manifest of one version: the full snapshot of the root tree, its
// parents, and who made it when and why, signed by the device that made it.
type Commit struct {
	Parents     []ID // none for a first commit, several for a merge, the order matters
	Tree        ID   // root of the root directory's tree
	Entries     uint64
	Bytes       uint64
	Generation  uint64   // 1 + the greatest of the parents' (a Lamport clock); 1 for a first commit
	Device      [32]byte // Ed25519 public key of the device that signs
	Author      string   // up to MaxAuthor bytes, no control characters
	Time        Time
	ZoneMinutes int16 // the author's offset from UTC in minutes, positive to the east
	Message     string
	Labels      []Label // strictly ascending by key
	Signature   [64]byte
}
