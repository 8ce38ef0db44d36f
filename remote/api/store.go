package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"

	"evault/keys"
	"evault/refs"
	"evault/remote"
)

// store is a vault's store on a host, seen by a client.
type store struct {
	site  *site
	vault keys.VaultID
}

// Close ends the conversation about this vault; that with the host goes on.
func (s *store) Close() error { return nil }

// path is the path of something of the vault. A host has no "only vault", so one must be named.
func (s *store) path(rest string) (string, error) {
	if s.vault.IsZero() {
		return "", fmt.Errorf("%s: %w: which vault is not said", s.site.o.Name, remote.ErrNoStore)
	}
	return vaultPath(s.vault, rest), nil
}

// get reads something of the vault.
func (s *store) get(ctx context.Context, rest string, limit int64) ([]byte, error) {
	path, err := s.path(rest)
	if err != nil {
		return nil, err
	}
	return s.site.get(ctx, path, limit)
}

// getVaultList reads a list of what the vault has.
func getVaultList[T any](ctx context.Context, s *store, rest string, l list[T]) ([]T, error) {
	path, err := s.path(rest)
	if err != nil {
		return nil, err
	}
	return getList(ctx, s.site, path, l)
}

// tell asks the host to do something with the vault.
func (s *store) tell(ctx context.Context, method, rest string, body []byte) error {
	path, err := s.path(rest)
	if err != nil {
		return err
	}
	return s.site.tell(ctx, method, path, body)
}

// Info says what the host is and allows.
func (s *store) Info(ctx context.Context) (remote.Info, error) {
	data, err := s.get(ctx, "", maxInfo)
	if err != nil {
		return remote.Info{}, err
	}
	info, err := s.readInfo(data)
	if err == nil && info.Store == (refs.StoreID{}) {
		err = fmt.Errorf("%s: %w", s.site.o.Name, remote.ErrNoStore)
	}
	return info, err
}

// Create makes an empty store.
func (s *store) Create(ctx context.Context) (remote.Info, error) {
	path, err := s.path("")
	if err != nil {
		return remote.Info{}, err
	}
	data, err := s.site.do(ctx, maxInfo, func() request {
		return request{method: http.MethodPut, path: path, want: []int{http.StatusOK}}
	})
	if err != nil {
		return remote.Info{}, err
	}
	info, err := s.readInfo(data)
	if err == nil && info.Store == (refs.StoreID{}) {
		err = s.site.malformed(errors.New("a store was made that has no ID"))
	}
	return info, err
}

// Files lists the rosters, keyrings and slots.
func (s *store) Files(ctx context.Context) ([]remote.FileInfo, error) {
	return getVaultList(ctx, s, "/files", fileList())
}

// File reads one of them.
func (s *store) File(ctx context.Context, name string) ([]byte, error) {
	if _, err := remote.CheckFileName(name); err != nil {
		return nil, err
	}
	return s.get(ctx, "/files/"+name, remote.MaxFile)
}

// PutFile stores one.
func (s *store) PutFile(ctx context.Context, name string, data []byte) error {
	if err := remote.CheckFile(name, data); err != nil {
		return err
	}
	if len(data) > remote.MaxFile {
		return fmt.Errorf("%w: %s: larger than %d bytes", remote.ErrMismatch, name, remote.MaxFile)
	}
	return s.tell(ctx, http.MethodPut, "/files/"+name, data)
}

// DeleteFile removes a slot.
func (s *store) DeleteFile(ctx context.Context, name string) error {
	if _, err := remote.CheckFileName(name); err != nil {
		return err
	}
	return s.tell(ctx, http.MethodDelete, "/files/"+name, nil)
}

// Heads gives the newest position of every log.
func (s *store) Heads(ctx context.Context) ([]refs.Position, error) {
	return getVaultList(ctx, s, "/heads", headList())
}

// Records reads a log from a sequence on. After a broken connection it goes on where it got to.
func (s *store) Records(ctx context.Context, tag refs.Tag, from uint64, each func(data []byte) error) error {
	path, err := s.path("/logs/" + tag.String())
	if err != nil {
		return err
	}
	begun, stopped := from, error(nil)
	err = s.site.retry(ctx, func() error {
		begun = from
		return s.records(ctx, path+"?from="+strconv.FormatUint(from, 10), func(data []byte) error {
			from++
			stopped = each(data)
			return stopped
		})
	}, func() bool { return from > begun })
	if stopped != nil {
		return stopped
	}
	return err
}

// records reads one answer.
func (s *store) records(ctx context.Context, path string, each func(data []byte) error) error {
	resp, err := s.site.send(ctx, request{method: http.MethodGet, path: path, want: []int{http.StatusOK}})
	if err != nil {
		return err
	}
	defer resp.Body.Close() // nothing of it is wanted any more
	frames := frameReader{r: bufio.NewReaderSize(resp.Body, 64<<10)}
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s: %w", s.site.o.Name, err)
		}
		data, err := frames.next()
		if err == io.EOF {
			return nil
		}
		if form := (formError{}); errors.As(err, &form) {
			return s.site.malformed(fmt.Errorf("stream of records: %w", err))
		}
		if err != nil {
			return s.site.broken(resp.Request.Context(), nil, err)
		}
		if err := each(data); err != nil {
			return err
		}
	}
}

// Append adds records to a log.
func (s *store) Append(ctx context.Context, records [][]byte, heads []refs.Position) error {
	if len(records) == 0 {
		return nil
	}
	total := 0
	for _, r := range records {
		total += len(r)
	}
	if len(records) > remote.MaxAppend || total > remote.MaxAppendBytes {
		return fmt.Errorf("%w: %d records of %d bytes are more than one call carries", remote.ErrMismatch, len(records), total)
	}
	first, _, err := refs.DecodeHeader(records[0])
	if err != nil {
		return fmt.Errorf("%w: %w", remote.ErrMismatch, err)
	}
	heads = slices.SortedFunc(slices.Values(heads), headList().compare)
	for i := range heads {
		if i > 0 && heads[i-1].Tag == heads[i].Tag {
			return fmt.Errorf("%w: the heads name the log %v twice, and no store has that", remote.ErrConflict, heads[i].Tag)
		}
	}
	return s.tell(ctx, http.MethodPost, "/logs/"+first.Tag.String(), appendRequest(heads, records))
}
