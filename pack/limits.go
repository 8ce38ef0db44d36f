package pack

import "evault/keys"

// Limits of the format, in bytes unless said otherwise. They are checked before memory is taken.
const (
	// MaxPack is the greatest length of a pack.
	MaxPack = 64 << 20
	// MinPack is the least length of a pack: shorter ones are padded to it.
	MinPack = 16 << 10
	// MaxFrames is the greatest number of frames in a pack.
	MaxFrames = 131072
	// MaxFrameData is the greatest sum of the lengths of the objects in a frame.
	MaxFrameData = 4 << 20
	// MaxFrameObjects is the greatest number of objects in a frame.
	MaxFrameObjects = 65536
	// maxTable bounds the encoded table of a frame: count, then kind and length of each object. A length below
	// 2^22+1 takes at most 4 bytes, and lengths that sum to MaxFrameData take fewer on average.
	maxTable = 4 + MaxFrameObjects*4
	// maxRaw bounds table and objects together, which is what is compressed.
	maxRaw = maxTable + MaxFrameData
	// maxSealedFrame bounds a frame as it lies in the file.
	maxSealedFrame = frameHead + 1 + 4 + maxRaw + tagSize
	// maxWindow is the greatest zstd window that is opened.
	maxWindow = 8 << 20
)

// Targets of the writer, in bytes. They are not part of the format.
const (
	// TargetFrame is how much of the objects a frame gathers before it is sealed.
	TargetFrame = 1 << 20
	// TargetPack is the length at which a pack is closed.
	TargetPack = 16 << 20
	// smallSession is how much a session may hold and still be written as one pack of both classes.
	smallSession = 4 << 20
)

const (
	nonceSize = 24
	tagSize   = 16
	// frameHead is what lies before a frame's ciphertext: nonce and masked length.
	frameHead = nonceSize + 4
	// minSealedFrame is the shortest a frame can be: codec, length, and a table of one empty object.
	minSealedFrame = frameHead + 2 + tagSize
)

// The sizes above must be those of the cipher.
var _ = [1]struct{}{}[nonceSize+tagSize-keys.Overhead]
