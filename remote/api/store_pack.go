package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"evault/pack"
	"evault/refs"
	"evault/remote"
)

// Packs lists the packs that are there.
func (s *store) Packs(ctx context.Context) ([]refs.Pack, error) {
	return getVaultList(ctx, s, "/packs", packList())
}

// CheckPack has the host compare a pack with its name.
func (s *store) CheckPack(ctx context.Context, name pack.Name) error {
	return s.tell(ctx, http.MethodPost, "/packs/"+name.String()+"/check", nil)
}

// DeletePack removes a pack.
func (s *store) DeletePack(ctx context.Context, name pack.Name) error {
	return s.tell(ctx, http.MethodDelete, "/packs/"+name.String(), nil)
}

// PackSize gives the size of a pack in bytes.
func (s *store) PackSize(ctx context.Context, name pack.Name) (size int64, err error) {
	path, err := s.path("/packs/" + name.String())
	if err != nil {
		return 0, err
	}
	err = s.site.retry(ctx, func() error {
		size, err = s.packSize(ctx, path)
		return err
	}, nil)
	return size, err
}

// packSize asks once.
func (s *store) packSize(ctx context.Context, path string) (int64, error) {
	resp, err := s.site.send(ctx, request{method: http.MethodHead, path: path, want: []int{http.StatusOK}})
	if err != nil {
		return 0, err
	}
	resp.Body.Close() // of HEAD it is empty
	if resp.ContentLength < 0 || resp.ContentLength > refs.MaxPackSize {
		return 0, s.site.malformed(fmt.Errorf("a pack of %d bytes", resp.ContentLength))
	}
	return resp.ContentLength, nil
}

// PutPack sends a pack, unless it is there: that is asked before every try, since the one before may have succeeded
// without its answer getting through.
func (s *store) PutPack(ctx context.Context, p refs.Pack, open func() (io.ReadCloser, error)) error {
	path, err := s.path("/packs/" + p.String())
	if err != nil {
		return err
	}
	if p.Size > refs.MaxPackSize {
		return fmt.Errorf("%w: pack %v: %d bytes, where %d is the most", remote.ErrMismatch, p, p.Size, refs.MaxPackSize)
	}
	return s.site.retry(ctx, func() error {
		switch size, err := s.packSize(ctx, path); {
		case err == nil && uint64(size) == p.Size:
			return nil
		case err == nil: // damaged there: the host puts the right one in its place
		case !errors.Is(err, remote.ErrNotFound) && !errors.Is(err, remote.ErrRefused): // who may not read may still send
			return err
		}
		return s.putPack(ctx, path, p, open)
	}, nil)
}

// putPack sends a pack, once.
func (s *store) putPack(ctx context.Context, path string, p refs.Pack, open func() (io.ReadCloser, error)) error {
	src, err := open()
	if err != nil {
		return err
	}
	resp, err := s.site.send(ctx, request{method: http.MethodPut, path: path, body: src, size: int64(p.Size),
		header: http.Header{"Expect": {"100-continue"}}, want: []int{http.StatusOK, http.StatusCreated}})
	if err != nil {
		return err
	}
	defer resp.Body.Close() // nothing of it is wanted any more
	_, err = s.site.readAll(resp, 0)
	return err
}

// Pack reads a part of a pack. A broken connection is made good where it broke.
func (s *store) Pack(ctx context.Context, name pack.Name, offset, length int64) (io.ReadCloser, error) {
	path, err := s.path("/packs/" + name.String())
	if err != nil {
		return nil, err
	}
	r := &packReader{store: s, ctx: ctx, path: path, next: offset, size: -1, want: -1}
	if length >= 0 {
		r.want = offset + length
	}
	switch {
	case offset < 0 || length < -1 || r.want < -1:
		return nil, fmt.Errorf("%w: %d bytes from %d on", remote.ErrMismatch, length, offset)
	case length == 0: // no range is empty
		r.end = offset
		if r.size, err = s.PackSize(ctx, name); err == nil && offset > r.size {
			err = r.beyond(r.size)
		}
	default:
		err = s.site.retry(ctx, r.open, nil)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// packReader reads a pack over as many answers as it takes.
type packReader struct {
	store *store
	ctx   context.Context
	path  string
	next  int64 // where the next byte stands in the pack
	end   int64 // behind the last byte that will come
	want  int64 // behind the last byte that is wanted; -1: the end of the pack
	size  int64 // of the pack; -1: not known yet
	body  io.ReadCloser
	resp  *http.Response
	err   error // what ended the reading

	breaks int   // in a row, with little between them
	broke  int64 // where the last one was
}

// open asks for what is still to come.
func (r *packReader) open() error {
	q := request{method: http.MethodGet, path: r.path, header: http.Header{}}
	q.want = []int{http.StatusOK}
	if r.next > 0 || r.want >= 0 {
		ask := "bytes=" + strconv.FormatInt(r.next, 10) + "-"
		if r.want >= 0 {
			ask += strconv.FormatInt(r.want-1, 10)
		}
		q.header.Set("Range", ask)
		q.want = []int{http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable}
	}
	resp, err := r.store.site.send(r.ctx, q)
	if err != nil {
		return err
	}
	if err := r.begin(resp); err != nil {
		resp.Body.Close() // what that says is about a connection that is given up anyway
		return err
	}
	r.resp, r.body = resp, resp.Body
	return nil
}

// begin checks the header of an answer against what was asked and what is known.
func (r *packReader) begin(resp *http.Response) error {
	first, last, size := int64(0), resp.ContentLength-1, resp.ContentLength
	switch resp.StatusCode {
	case http.StatusRequestedRangeNotSatisfiable:
		digits, _ := strings.CutPrefix(resp.Header.Get("Content-Range"), "bytes */")
		var ok bool
		switch size, ok = decimal(digits); {
		case !ok || r.size >= 0 || r.next < size && r.want <= size:
			return r.store.site.malformed(errors.New("a range was refused that is within the pack"))
		case r.next != size || r.want >= 0:
			return r.beyond(size)
		}
		r.size, r.end = size, size // the range from the end to the end
		return nil
	case http.StatusPartialContent:
		var ok bool
		if first, last, size, ok = parseContentRange(resp.Header.Get("Content-Range")); !ok {
			return r.store.site.malformed(errors.New("a part of a pack without a place"))
		}
	}
	end := size
	if r.want >= 0 {
		end = r.want
	}
	switch {
	case size < 0 || size > refs.MaxPackSize || r.size >= 0 && size != r.size:
		return r.store.site.malformed(fmt.Errorf("a pack of %d bytes, which had %d", size, r.size))
	case first != r.next || last+1 != end || resp.ContentLength != end-first:
		return r.store.site.malformed(errors.New("another part of the pack than was asked for"))
	}
	r.size, r.end = size, end
	return nil
}

// beyond says that the pack does not have what is wanted of it.
func (r *packReader) beyond(size int64) error {
	return fmt.Errorf("%s: %w: the pack has %d bytes, and not those from %d on", r.store.site.o.Name, remote.ErrMismatch, size, r.next)
}

// parseContentRange reads "bytes A-B/N" in its one spelling.
func parseContentRange(text string) (first, last, size int64, ok bool) {
	n, err := fmt.Sscanf(text, "bytes %d-%d/%d", &first, &last, &size)
	ok = err == nil && n == 3 && first >= 0 && first <= last && last < size && text == contentRange(first, last-first+1, size)
	return first, last, size, ok
}

// Read gives the next bytes. When it gives io.EOF, all have come.
func (r *packReader) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	for r.err == nil && n == 0 {
		if r.next == r.end {
			r.err = io.EOF
			break
		}
		n, err = r.body.Read(p[:min(int64(len(p)), r.end-r.next)])
		r.next += int64(n)
		if err != nil && r.next < r.end && n == 0 {
			r.err = r.resume(err)
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, r.err
}

// leastProgress is how many bytes must have come since the last break for a new one to count as the first.
const leastProgress = 64 << 10

// resume asks for the rest after a connection broke.
func (r *packReader) resume(err error) error {
	site := r.store.site
	err = site.broken(r.resp.Request.Context(), nil, cutOff(err))
	var b *brokenError
	if !errors.As(err, &b) {
		return err
	}
	if r.next-r.broke >= leastProgress {
		r.breaks = 0
	}
	r.broke = r.next
	if r.breaks++; r.breaks >= site.o.Retries.Tries {
		return b.err
	}
	if err := site.sleep(r.ctx, site.o.Retries.First); err != nil {
		return err
	}
	r.body.Close() // broken
	return site.retry(r.ctx, r.open, nil)
}

// Close ends the reading.
func (r *packReader) Close() error {
	r.err = errors.New("read after close")
	if r.body == nil {
		return nil
	}
	return r.body.Close()
}
