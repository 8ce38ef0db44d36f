package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"evault/pack"
	"evault/refs"
	"evault/remote"
)

// maxProblem is the greatest size in bytes of an answer that says what went wrong; maxMissing is how many packs it
// names. A host that misses more names the least of them, and the rest when it is asked again.
const (
	maxProblem = 2 << 20
	maxMissing = 10000
)

// problem is the body of an answer that is not a success.
type problem struct {
	Code    string        `json:"code"`
	Message string        `json:"message"`
	Packs   []problemPack `json:"packs,omitempty"`
}

type problemPack struct {
	Name string `json:"name"`
	Size uint64 `json:"size"`
}

// errRequest: a request that no client of this version sends.
var errRequest = errors.New("malformed request")

// errRange: a part of a pack that it does not have.
var errRange = errors.New("not a part of the pack")

// errStalled: the other side sent or took too little.
var errStalled = errors.New("stalled")

// kind says how an error is told to the other side.
type kind struct {
	code   string
	status int
	err    error // what a host has found
	tell   error // what a client makes of it, if that is another
}

// kinds maps errors to codes and back. The first that fits an error is taken.
var kinds = []kind{
	{code: "refused", status: http.StatusForbidden, err: remote.ErrRefused},
	{code: "no-store", status: http.StatusNotFound, err: remote.ErrNoStore},
	{code: "other-vault", status: http.StatusConflict, err: remote.ErrOtherVault},
	{code: "conflict", status: http.StatusConflict, err: remote.ErrConflict},
	{code: "mismatch", status: http.StatusUnprocessableEntity, err: remote.ErrMismatch},
	{code: "damaged", status: http.StatusGone, err: remote.ErrDamaged},
	{code: "quota", status: http.StatusInsufficientStorage, err: remote.ErrQuota},
	{code: "full", status: http.StatusInsufficientStorage, err: remote.ErrFull},
	{code: "version", status: http.StatusBadRequest, err: remote.ErrVersion},
	{code: "not-found", status: http.StatusNotFound, err: remote.ErrNotFound},
	{code: "busy", status: http.StatusServiceUnavailable, err: ErrBusy, tell: remote.ErrUnreachable},
	{code: "busy", status: http.StatusServiceUnavailable, err: remote.ErrUnreachable},
	{code: "stalled", status: http.StatusRequestTimeout, err: errStalled, tell: remote.ErrUnreachable},
	{code: "stalled", status: http.StatusRequestTimeout, err: os.ErrDeadlineExceeded, tell: remote.ErrUnreachable},
	{code: "range", status: http.StatusRequestedRangeNotSatisfiable, err: errRange, tell: remote.ErrMismatch},
	{code: "request", status: http.StatusBadRequest, err: errRequest, tell: remote.ErrHost},
	{code: "host", status: http.StatusInternalServerError, err: remote.ErrHost},
}

// statusError is an error of the "request" kind with a status of its own.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return e.text }

// Unwrap makes the error errRequest.
func (e *statusError) Unwrap() error { return errRequest }

// problemOf says how an error of the backend is told: the status, the body, and in how many seconds to ask again if
// that is known. What fits no kind may be about anything, and so about what is none of a peer's business: its text stays
// on the host.
func problemOf(err error) (status int, p problem, again time.Duration) {
	if missing := (*remote.MissingPacksError)(nil); errors.As(err, &missing) {
		p = problem{Code: "missing-packs", Message: err.Error()}
		for _, m := range missing.Packs[:min(len(missing.Packs), maxMissing)] {
			p.Packs = append(p.Packs, problemPack{m.String(), m.Size})
		}
		return http.StatusPreconditionFailed, p, 0
	}
	for _, k := range kinds {
		if !errors.Is(err, k.err) {
			continue
		}
		status, p = k.status, problem{Code: k.code, Message: clean(err.Error(), maxText)}
		if own := (*statusError)(nil); errors.As(err, &own) {
			status = own.status
		}
		var wait interface{ RetryAfter() time.Duration }
		switch {
		case k.code == "quota" && errors.As(err, &wait):
			status, again = http.StatusTooManyRequests, max(time.Second, wait.RetryAfter())
		case k.code == "busy":
			again = time.Second
		}
		return status, p, again
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return http.StatusServiceUnavailable, problem{Code: "busy", Message: "the request was ended"}, time.Second
	}
	return http.StatusInternalServerError, problem{Code: "host", Message: "the host failed; its log says why"}, 0
}

// answerError is what a host said.
type answerError struct {
	text string
	err  error
}

func (e *answerError) Error() string { return e.text }

// Unwrap gives the kind of error.
func (e *answerError) Unwrap() error { return e.err }

// errorOf makes an error of an answer that is not a success. Body may be empty, as after HEAD, or anything.
func errorOf(place string, status int, body []byte) error {
	var p problem
	if err := json.Unmarshal(body, &p); err != nil {
		p = problem{}
	}
	if p.Code == "missing-packs" {
		return missingOf(place, p)
	}
	reason := reasonOf(p.Code, status)
	message := clean(p.Message, maxText)
	switch {
	case message == "" && reason == remote.ErrHost:
		message = fmt.Sprintf("%v: status %d", reason, status)
	case message == "":
		message = reason.Error()
	case !strings.Contains(message, reason.Error()):
		message = reason.Error() + ": " + message
	}
	return &answerError{place + ": " + message, reason}
}

// reasonOf maps a code to its error; an unknown or missing code by the status alone.
func reasonOf(code string, status int) error {
	for _, k := range kinds {
		if k.code != code {
			continue
		}
		if k.tell != nil {
			return k.tell
		}
		return k.err
	}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return remote.ErrRefused
	case http.StatusNotFound:
		return remote.ErrNotFound
	case http.StatusConflict:
		return remote.ErrConflict
	case http.StatusGone:
		return remote.ErrDamaged
	case http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge, http.StatusRequestedRangeNotSatisfiable:
		return remote.ErrMismatch
	case http.StatusTooManyRequests, http.StatusInsufficientStorage:
		return remote.ErrQuota
	case http.StatusRequestTimeout, http.StatusServiceUnavailable:
		return remote.ErrUnreachable
	}
	return remote.ErrHost
}

// missingOf checks the packs that a host says it misses: each in one spelling, ascending, of a possible size.
func missingOf(place string, p problem) error {
	e := &remote.MissingPacksError{}
	if len(p.Packs) == 0 || len(p.Packs) > maxMissing {
		return fmt.Errorf("%s: %w: %d missing packs", place, remote.ErrAnswer, len(p.Packs))
	}
	for i, m := range p.Packs {
		name, err := pack.ParseName(m.Name)
		if err != nil || m.Size > refs.MaxPackSize || i > 0 && bytes.Compare(e.Packs[i-1].Name[:], name[:]) >= 0 {
			return fmt.Errorf("%s: %w: bad list of missing packs", place, remote.ErrAnswer)
		}
		e.Packs = append(e.Packs, refs.Pack{Name: name, Size: m.Size})
	}
	return fmt.Errorf("%s: %w", place, e)
}
