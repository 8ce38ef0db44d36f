package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"evault/refs"
	"evault/remote"
)

// binaryType is the content type of lists, files, packs and records.
const binaryType = "application/octet-stream"

func (e *exchange) listVaults() error {
	vaults, err := e.h.o.Backend.Vaults(e.r.Context(), e.peer)
	if err != nil {
		return err
	}
	return e.w.whole(http.StatusOK, binaryType, vaultList().append(nil, vaults))
}

func (e *exchange) info() error {
	info, err := e.store.Info(e.r.Context())
	if err != nil && !errors.Is(err, remote.ErrNoStore) {
		return err
	}
	if err != nil {
		info.Store = refs.StoreID{}
	}
	return e.tell(info)
}

func (e *exchange) create() error {
	info, err := e.store.Create(e.r.Context())
	if err != nil {
		return err
	}
	return e.tell(info)
}

func (e *exchange) tell(info remote.Info) error {
	if info.Vault.IsZero() {
		info.Vault = e.vault
	}
	if info.Vault != e.vault {
		return remote.ErrOtherVault
	}
	b := infoBody{Vault: info.Vault.String(), Permissions: e.perms.String(), Quota: info.Quota, Used: info.Used,
		Software: clean(info.Software, maxSoftware)}
	if info.Store != (refs.StoreID{}) {
		b.Store = info.Store.String()
	}
	return e.w.json(http.StatusOK, b)
}

func (e *exchange) listFiles() error {
	files, err := e.store.Files(e.r.Context())
	if err != nil {
		return err
	}
	return e.w.whole(http.StatusOK, binaryType, fileList().append(nil, files))
}

func (e *exchange) getFile() error {
	data, err := e.store.File(e.r.Context(), e.file)
	if err != nil {
		return err
	}
	return e.w.whole(http.StatusOK, binaryType, data)
}

func (e *exchange) putFile() error {
	data, err := e.body.all(remote.MaxFile)
	if err != nil {
		return err
	}
	return e.store.PutFile(e.r.Context(), e.file, data)
}

func (e *exchange) deleteFile() error { return e.store.DeleteFile(e.r.Context(), e.file) }

func (e *exchange) listPacks() error {
	packs, err := e.store.Packs(e.r.Context())
	if err != nil {
		return err
	}
	return e.w.whole(http.StatusOK, binaryType, packList().append(nil, packs))
}

func (e *exchange) deletePack() error { return e.store.DeletePack(e.r.Context(), e.pack) }

func (e *exchange) checkPack() error { return e.store.CheckPack(e.r.Context(), e.pack) }

func (e *exchange) listHeads() error {
	heads, err := e.store.Heads(e.r.Context())
	if err != nil {
		return err
	}
	return e.w.whole(http.StatusOK, binaryType, headList().append(nil, heads))
}

// records streams a log. An error half way cuts the connection, and the client asks again from where it got to.
func (e *exchange) records() error {
	from, err := sequence(e.r.URL.RawQuery)
	if err != nil {
		return err
	}
	piece := e.h.pieces.Get().(*[pieceSize]byte)
	defer e.h.pieces.Put(piece)
	pending := piece[:0]
	e.w.Header().Set("Content-Type", binaryType)
	err = e.store.Records(e.r.Context(), e.target.log, from, func(data []byte) error {
		pending = appendFrame(pending, data)
		if len(pending) < pieceSize/2 {
			return nil
		}
		_, err := e.w.Write(pending)
		pending = pending[:0]
		return err
	})
	if err != nil {
		return err
	}
	_, err = e.w.Write(append(pending, 0))
	return err
}

// sequence reads "from=N"; without it N is 0.
func sequence(query string) (uint64, error) {
	if query == "" {
		return 0, nil
	}
	digits, ok := strings.CutPrefix(query, "from=")
	n, err := strconv.ParseUint(digits, 10, 64)
	if !ok || err != nil || strconv.FormatUint(n, 10) != digits {
		return 0, &statusError{http.StatusBadRequest, "the query must be from=N"}
	}
	return n, nil
}

// append is the compare-and-swap. That the records belong to the log of the path is checked here, all else in the store.
func (e *exchange) append() error {
	data, err := e.body.all(maxAppend)
	if err != nil {
		return err
	}
	heads, records, err := decodeAppend(data)
	if err != nil {
		return &statusError{http.StatusBadRequest, err.Error()}
	}
	for _, r := range records {
		switch h, _, err := refs.DecodeHeader(r); {
		case err != nil:
			return fmt.Errorf("%w: %w", remote.ErrMismatch, err)
		case h.Tag != e.target.log:
			return fmt.Errorf("%w: a record of another log", remote.ErrMismatch)
		}
	}
	return e.store.Append(e.r.Context(), records, heads)
}
