package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"evault/pack"
	"evault/refs"
	"evault/remote"
)

// packSize gives the size of the pack that is asked for.
func (e *exchange) packSize() (int64, error) {
	if s, ok := e.store.(Sizer); ok {
		return s.PackSize(e.r.Context(), e.pack)
	}
	packs, err := e.store.Packs(e.r.Context())
	if err != nil {
		return 0, err
	}
	i, ok := slices.BinarySearchFunc(packs, e.pack, func(p refs.Pack, name pack.Name) int {
		return bytes.Compare(p.Name[:], name[:])
	})
	if !ok {
		return 0, fmt.Errorf("%w: pack %v", remote.ErrNotFound, e.pack)
	}
	return int64(packs[i].Size), nil
}

func (e *exchange) headPack() error {
	size, err := e.packSize()
	if err != nil {
		return err
	}
	e.w.Header().Set("Content-Type", binaryType)
	e.w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	e.w.WriteHeader(http.StatusOK)
	return nil
}

// getPack sends a pack or a part of it, in pieces straight from the store.
func (e *exchange) getPack() error {
	size, err := e.packSize()
	if err != nil {
		return err
	}
	offset, length, status := int64(0), size, http.StatusOK
	if ask := e.r.Header.Values("Range"); len(ask) > 0 {
		if offset, length, err = parseRange(ask, size); err != nil {
			e.w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", size))
			return err
		}
		status = http.StatusPartialContent
	}
	r, err := e.store.Pack(e.r.Context(), e.pack, offset, length)
	if err != nil {
		return err
	}
	if status == http.StatusPartialContent {
		e.w.Header().Set("Content-Range", contentRange(offset, length, size))
	}
	e.w.Header().Set("Content-Type", binaryType)
	e.w.Header().Set("Content-Length", strconv.FormatInt(length, 10))
	e.w.WriteHeader(status)
	err = e.send(r, length)
	return errors.Join(err, r.Close())
}

// send copies exactly length bytes to the client.
func (e *exchange) send(r io.Reader, length int64) error {
	piece := e.h.pieces.Get().(*[pieceSize]byte)
	defer e.h.pieces.Put(piece)
	for length > 0 {
		part := piece[:min(length, pieceSize)]
		n, err := io.ReadFull(r, part)
		if err != nil {
			return fmt.Errorf("pack %v: %d bytes before its end: %w", e.pack, length-int64(n), err)
		}
		if _, err := e.w.Write(part); err != nil {
			return err
		}
		length -= int64(n)
	}
	return nil
}

func contentRange(offset, length, size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", offset, offset+length-1, size)
}

// parseRange reads "bytes=A-B" and "bytes=A-", one range and nothing else. What is not wholly within the size is refused,
// as is any other spelling: errRange.
func parseRange(ask []string, size int64) (offset, length int64, err error) {
	bad := fmt.Errorf("%w: it has %d bytes", errRange, size)
	rest, ok := strings.CutPrefix(ask[0], "bytes=")
	from, to, dash := strings.Cut(rest, "-")
	if !ok || !dash || len(ask) != 1 {
		return 0, 0, bad
	}
	first, ok := decimal(from)
	if !ok || first >= size {
		return 0, 0, bad
	}
	last := size - 1
	if to != "" {
		if last, ok = decimal(to); !ok || last < first || last >= size {
			return 0, 0, bad
		}
	}
	return first, last - first + 1, nil
}

// decimal reads a number in its one spelling.
func decimal(digits string) (int64, bool) {
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil && n >= 0 && strconv.FormatInt(n, 10) == digits
}

// errTwice: a store has asked for the bytes of a request twice, which come once.
var errTwice = errors.New("what a client sends can be read once")

// putPack stores a pack. One that is there, and one that the store refuses before it has read any of it, costs no
// transfer with a client that waits for "100 Continue".
func (e *exchange) putPack() error {
	if err := e.body.fits(refs.MaxPackSize); err != nil {
		return err
	}
	switch size, err := e.packSize(); {
	case err == nil && size == e.body.size:
		return e.w.none(http.StatusOK)
	case err != nil && !errors.Is(err, remote.ErrNotFound) && !errors.Is(err, remote.ErrRefused): // who may not read may still send
		return err
	}
	opened := false
	err := e.store.PutPack(e.r.Context(), refs.Pack{Name: e.pack, Size: uint64(e.body.size)}, func() (io.ReadCloser, error) {
		if opened {
			return nil, errTwice
		}
		opened = true
		return io.NopCloser(e.body), nil
	})
	if err != nil {
		return err
	}
	return e.w.none(http.StatusCreated)
}
