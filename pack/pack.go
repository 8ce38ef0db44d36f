// Package pack holds objects on disk and on the wire.
//
// Three layers, each usable alone:
//
//   - A frame is about one mebibyte of objects of one [Class], compressed together and sealed once.
//   - A pack is an immutable file of frames and a sealed index, named by the SHA-256 of its bytes ([Name]), so that
//     a host without any key can check it.
//   - [DB] is the object database over all packs of one store. It finds objects by ID through an index that is mapped
//     into memory and never loaded, and checks every object that it gives out against its ID.
//
// To read, use [OpenDB], then [DB.Has], [DB.Get] and [DB.View]. To write, begin a [Session], give each goroutine a
// [Frames] to put objects into, and end with [Session.Commit]: then the new packs are durable, or nothing has changed.
// [DB.VerifyPack] judges a pack, [DB.RepairPack] saves what can be saved from a damaged one.
//
// The bytes are described in docs/format.md. A pack is
//
//	header     64 bytes: magic, version, epoch, salt, how the key is wrapped
//	frames     each: nonce, masked length, ciphertext, tag
//	padding    random bytes up to a Padmé step of the pack's length
//	index      sealed with a key commitment: the frames, and the IDs of the objects in them
//	trailer    of fixed size: the salt again, and sealed with a key commitment where the index is
package pack

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"evault/objects"
)

// Name is the name of a pack: the SHA-256 of its bytes.
type Name [sha256.Size]byte

// String gives the name as 64 lower-case hexadecimal digits.
func (n Name) String() string { return hex.EncodeToString(n[:]) }

// Path gives the pack's place in a store: packs/ab/<hex>.pack, where ab are the first two digits.
func (n Name) Path() string {
	s := n.String()
	return packsDir + "/" + s[:2] + "/" + s + packSuffix
}

// dir gives the directory of Path.
func (n Name) dir() string { return packsDir + "/" + hex.EncodeToString(n[:1]) }

// ParseName reads what [Name.String] writes; upper-case digits are refused.
func ParseName(s string) (Name, error) {
	var n Name
	if len(s) != 2*len(n) {
		return n, fmt.Errorf("pack name %q: want %d hexadecimal digits", s, 2*len(n))
	}
	if _, err := hex.Decode(n[:], []byte(s)); err != nil || n.String() != s {
		return Name{}, fmt.Errorf("pack name %q: not lower-case hexadecimal", s)
	}
	return n, nil
}

const (
	packsDir    = "packs"
	packSuffix  = ".pack"
	incomingDir = "incoming"
	damagedDir  = "damaged"
)

// Class says which objects a frame or a pack holds. Data and metadata are kept apart so that history can be read
// without reading contents.
type Class uint8

// The classes. The numbers are part of the format.
const (
	ClassData  Class = 1 // chunks
	ClassMeta  Class = 2 // file lists, trees, commits, tags
	ClassMixed Class = 3 // of packs only: frames of both classes, written by small sessions
)

// String gives the class's name.
func (c Class) String() string {
	switch c {
	case ClassData:
		return "data"
	case ClassMeta:
		return "metadata"
	case ClassMixed:
		return "mixed"
	}
	return fmt.Sprintf("class %d", uint8(c))
}

// ClassOf gives the class of the frames that hold objects of a kind.
func ClassOf(k objects.Kind) Class {
	if k == objects.KindChunk {
		return ClassData
	}
	return ClassMeta
}
