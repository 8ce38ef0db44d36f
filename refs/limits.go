package refs

import "evault/objects"

// Limits of records, checked before memory is taken for what they bound.
const (
	// MaxRecord is the greatest size in bytes of header and body together.
	MaxRecord = 1 << 20
	// MaxRefName is the greatest length in bytes of a ref's name.
	MaxRefName = 255
	// MaxOperation is the greatest length in bytes of an operation's name.
	MaxOperation = 64
	// MaxDescription is the greatest length in bytes of a description.
	MaxDescription = 1024
	// MaxPackSize is the greatest size in bytes that a record may give for a pack.
	MaxPackSize = 64 << 20
	// MaxLogs is how many logs one store may hold.
	MaxLogs = 4096
	// MaxZone is the greatest distance from UTC in minutes, as in commits.
	MaxZone = objects.MaxZone
)
