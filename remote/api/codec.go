package api

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"evault/internal/wire"
	"evault/keys"
	"evault/refs"
	"evault/remote"
)

// maxVaults is how many vaults one answer lists.
const maxVaults = 1 << 16

// maxNumber is the length of the longest number.
const maxNumber = binary.MaxVarintLen64

// maxAppend is the greatest size in bytes of what Append sends. Nothing is allocated for it ahead.
const maxAppend = maxNumber + refs.MaxLogs*(32+maxNumber+32) + maxNumber + remote.MaxAppend*maxNumber + remote.MaxAppendBytes

// maxFileName is the length of the longest name of a roster, keyring or slot: "keyring/4294967295-" and a hash.
const maxFileName = 19 + 64

// errOrder: a list is not strictly ascending.
var errOrder = errors.New("not in strictly ascending order")

// list describes how elements of one kind stand in a list: their number, and one after the other, strictly ascending.
type list[T any] struct {
	what    string // in the singular, for errors
	limit   uint64 // elements
	least   int    // bytes that an element takes at least, and at most
	most    int
	take    func(*wire.Decoder) T
	put     func([]byte, T) []byte
	compare func(a, b T) int
}

// append appends the list of elements.
func (l list[T]) append(dst []byte, elements []T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(elements)))
	for _, e := range elements {
		dst = l.put(dst, e)
	}
	return dst
}

// takeFrom takes a list off the front. Memory is bounded by the input.
func (l list[T]) takeFrom(d *wire.Decoder) []T {
	n := d.Count(l.limit, l.least, "number of "+l.what+"s")
	if n == 0 {
		return nil
	}
	elements := make([]T, 0, n)
	for range n {
		e := l.take(d)
		if d.Err() != nil {
			return nil
		}
		if len(elements) > 0 && l.compare(elements[len(elements)-1], e) >= 0 {
			d.Fail(fmt.Errorf("list of %ss: %w", l.what, errOrder))
			return nil
		}
		elements = append(elements, e)
	}
	return elements
}

// read reads a body that is a list and nothing else, one element after the other: what is wrong ends it there, and memory
// grows with what has arrived. The error is a formError, or the reader's own.
func (l list[T]) read(src io.Reader) ([]T, error) {
	r := bufio.NewReaderSize(src, 64<<10)
	var elements []T
	var n uint64
	if err := takeNext(r, maxNumber, func(d *wire.Decoder) { n = d.Uvarint(l.limit, "number of "+l.what+"s") }); err != nil {
		return nil, l.fault(err)
	}
	for range n {
		var e T
		if err := takeNext(r, l.most, func(d *wire.Decoder) { e = l.take(d) }); err != nil {
			return nil, l.fault(err)
		}
		if len(elements) > 0 && l.compare(elements[len(elements)-1], e) >= 0 {
			return nil, l.fault(formError{errOrder})
		}
		elements = append(elements, e)
	}
	switch _, err := r.ReadByte(); err {
	case io.EOF:
		return elements, nil
	case nil:
		return nil, l.fault(formError{errLeft})
	default:
		return nil, err
	}
}

// errLeft: something follows the end.
var errLeft = errors.New("bytes follow its end")

func (l list[T]) fault(err error) error { return fmt.Errorf("list of %ss: %w", l.what, err) }

// takeNext has one thing of at most so many bytes taken off the front of r. What it lacks because r failed is r's error.
func takeNext(r *bufio.Reader, most int, take func(*wire.Decoder)) error {
	window, failed := r.Peek(most)
	d := wire.NewDecoder(window, nil)
	take(&d)
	switch {
	case d.Err() == nil:
		_, err := r.Discard(len(window) - len(d.Rest()))
		return err
	case failed != nil && failed != io.EOF:
		return failed
	}
	return formError{d.Err()}
}

func vaultList() list[keys.VaultID] {
	return list[keys.VaultID]{what: "vault", limit: maxVaults, least: 32, most: 32,
		take:    func(d *wire.Decoder) keys.VaultID { return d.Array32("vault") },
		put:     func(dst []byte, v keys.VaultID) []byte { return append(dst, v[:]...) },
		compare: func(a, b keys.VaultID) int { return bytes.Compare(a[:], b[:]) }}
}

func fileList() list[remote.FileInfo] {
	return list[remote.FileInfo]{what: "file", limit: remote.MaxFiles, least: 2, most: 1 + maxFileName + maxNumber,
		take: func(d *wire.Decoder) remote.FileInfo {
			f := remote.FileInfo{Name: d.Printable(maxFileName, "file name")}
			f.Size = int64(d.Uvarint(remote.MaxFile, "file size"))
			if d.Err() == nil {
				if _, err := remote.CheckFileName(f.Name); err != nil {
					d.Fail(err)
				}
			}
			return f
		},
		put: func(dst []byte, f remote.FileInfo) []byte {
			return binary.AppendUvarint(wire.AppendText(dst, f.Name), uint64(f.Size))
		},
		compare: func(a, b remote.FileInfo) int { return strings.Compare(a.Name, b.Name) }}
}

func packList() list[refs.Pack] {
	return list[refs.Pack]{what: "pack", limit: remote.MaxPacks, least: 33, most: 32 + maxNumber,
		take: func(d *wire.Decoder) refs.Pack {
			return refs.Pack{Name: d.Array32("pack"), Size: d.Uvarint(refs.MaxPackSize, "pack size")}
		},
		put: func(dst []byte, p refs.Pack) []byte {
			return binary.AppendUvarint(append(dst, p.Name[:]...), p.Size)
		},
		compare: func(a, b refs.Pack) int { return bytes.Compare(a.Name[:], b.Name[:]) }}
}

func headList() list[refs.Position] {
	return list[refs.Position]{what: "head", limit: refs.MaxLogs, least: 65, most: 32 + maxNumber + 32,
		take: func(d *wire.Decoder) refs.Position {
			return refs.Position{Tag: d.Array32("log"), Seq: d.Uvarint(1<<64-1, "sequence"), Hash: d.Array32("hash")}
		},
		put: func(dst []byte, p refs.Position) []byte {
			dst = binary.AppendUvarint(append(dst, p.Tag[:]...), p.Seq)
			return append(dst, p.Hash[:]...)
		},
		compare: func(a, b refs.Position) int { return bytes.Compare(a.Tag[:], b.Tag[:]) }}
}

// appendRequest encodes what Append sends: the heads, and the records in order, each behind its length.
func appendRequest(heads []refs.Position, records [][]byte) []byte {
	dst := headList().append(nil, heads)
	dst = binary.AppendUvarint(dst, uint64(len(records)))
	for _, r := range records {
		dst = append(binary.AppendUvarint(dst, uint64(len(r))), r...)
	}
	return dst
}

// decodeAppend reads what appendRequest writes. The records alias data.
func decodeAppend(data []byte) (heads []refs.Position, records [][]byte, err error) {
	d := wire.NewDecoder(data, nil)
	heads = headList().takeFrom(&d)
	n := d.Count(remote.MaxAppend, 2, "number of records")
	records = make([][]byte, 0, n)
	for range n {
		r := d.Text(refs.MaxRecord, "record")
		if d.Err() == nil && len(r) == 0 {
			d.Fail(errors.New("an empty record"))
		}
		records = append(records, r)
	}
	if err := d.End("records to append"); err != nil {
		return nil, nil, err
	}
	return heads, records, nil
}
