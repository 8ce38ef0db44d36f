package vfs

import (
	"io"
	"io/fs"
)

// Mapping is a file mapped into memory for reading. It is safe for concurrent reading.
type Mapping struct {
	// Data is the whole file as it was when mapped. It must not be written to, and is valid until Close. It is
	// nil for an empty file.
	Data  []byte
	unmap func() error
}

// BUG(mapping): a file that somebody truncates while it is mapped kills the process with SIGBUS when the lost part is
// read. Only files that are never changed in place, such as packs and runs of an index, may be mapped.

// NewMapping makes a mapping of data whose Close calls unmap, if that is not nil. It is for implementations of [FS].
func NewMapping(data []byte, unmap func() error) *Mapping { return &Mapping{data, unmap} }

// Close releases the memory. A second call does nothing.
func (m *Mapping) Close() error {
	unmap := m.unmap
	m.Data, m.unmap = nil, nil
	if unmap == nil {
		return nil
	}
	return unmap()
}

// maxReadWhole bounds what is read into memory where a file cannot be mapped.
const maxReadWhole = 1 << 30

// readWhole stands in for mapping where that is not possible.
func readWhole(f File, size int64) (*Mapping, error) {
	if size > maxReadWhole {
		return nil, &fs.PathError{Op: "map", Path: f.Name(), Err: ErrTooLarge}
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, size), data); err != nil {
		return nil, &fs.PathError{Op: "map", Path: f.Name(), Err: err}
	}
	return &Mapping{Data: data}, nil
}
