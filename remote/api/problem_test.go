package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"evault/refs"
	"evault/remote"
)

// TestErrorsSurvive sends every error through a host and looks at what a client makes of it.
func TestErrorsSurvive(t *testing.T) {
	for _, c := range []struct {
		err, want error
		status    int
	}{
		{remote.ErrRefused, remote.ErrRefused, 403},
		{remote.ErrNotFound, remote.ErrNotFound, 404},
		{remote.ErrNoStore, remote.ErrNoStore, 404},
		{remote.ErrOtherVault, remote.ErrOtherVault, 409},
		{remote.ErrConflict, remote.ErrConflict, 409},
		{remote.ErrMismatch, remote.ErrMismatch, 422},
		{remote.ErrDamaged, remote.ErrDamaged, 410},
		{remote.ErrQuota, remote.ErrQuota, 507},
		{slowDown{}, remote.ErrQuota, 429},
		{remote.ErrFull, remote.ErrFull, 507},
		{remote.ErrVersion, remote.ErrVersion, 400},
		{remote.ErrUnreachable, remote.ErrUnreachable, 503},
		{ErrBusy, remote.ErrUnreachable, 503},
		{remote.ErrHost, remote.ErrHost, 500},
		{remote.ErrNotEvault, remote.ErrHost, 500}, // these four are what a client finds out; a host never does
		{remote.ErrAnswer, remote.ErrHost, 500},
		{remote.ErrWrongPeer, remote.ErrHost, 500},
		{remote.ErrURL, remote.ErrHost, 500},
		{&remote.MissingPacksError{Packs: []refs.Pack{{Name: [32]byte{1}, Size: 5}}}, remote.ErrNotFound, 412},
		{os.ErrDeadlineExceeded, remote.ErrUnreachable, 408},
		{context.Canceled, remote.ErrUnreachable, 503},
		{errors.New("/srv/evault/secret: input/output error"), remote.ErrHost, 500},
	} {
		t.Run(c.err.Error(), func(t *testing.T) {
			status, _, _ := problemOf(c.err)
			if status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
			g := newRig(t)
			g.memory.fail["CheckPack"] = fmt.Errorf("%w: because of \x1b[31mred\n tape", c.err)
			err := g.store.CheckPack(context.Background(), [32]byte{1})
			wantErr(t, err, c.want)
			for _, kind := range kinds {
				if errors.Is(err, kind.err) && !errors.Is(c.want, kind.err) {
					t.Errorf("%v is also %v", err, kind.err)
				}
			}
			if strings.ContainsAny(err.Error(), "\x1b\n") || strings.Contains(err.Error(), "/srv") {
				t.Errorf("text: %q", err)
			}
			if !strings.HasPrefix(err.Error(), "friend: ") || strings.Count(err.Error(), c.want.Error()) > 1 {
				t.Errorf("text: %q", err)
			}
		})
	}
}

// slowDown is an error of a backend that says when to come back.
type slowDown struct{}

func (slowDown) Error() string             { return "1000 records this hour" }
func (slowDown) Unwrap() error             { return remote.ErrQuota }
func (slowDown) RetryAfter() time.Duration { return 90 * time.Second }

func TestRetryAfterIsTold(t *testing.T) {
	if _, _, again := problemOf(slowDown{}); again != 90*time.Second {
		t.Errorf("again in %v", again)
	}
}

func TestMissingPacksSurvive(t *testing.T) {
	for _, n := range []int{1, 2, maxMissing, maxMissing + 5} {
		g := newRig(t)
		want := &remote.MissingPacksError{}
		for i := range n {
			want.Packs = append(want.Packs, refs.Pack{Name: [32]byte{byte(i >> 16), byte(i >> 8), byte(i), 255}, Size: refs.MaxPackSize - uint64(i)})
		}
		g.memory.fail["Append"] = fmt.Errorf("log: %w", want)
		_, records := signed(t, 1, 10)
		err := g.store.Append(context.Background(), records, nil)
		var got *remote.MissingPacksError
		if !errors.As(err, &got) || !slices.Equal(got.Packs, want.Packs[:min(n, maxMissing)]) {
			t.Errorf("%d packs: %v", n, err)
		}
	}
}

func TestBadListsOfMissingPacks(t *testing.T) {
	name := strings.Repeat("ab", 32)
	entry := func(name string, size uint64) string { return fmt.Sprintf(`{"name":%q,"size":%d}`, name, size) }
	for _, packs := range []string{"", entry("AB"+name[2:], 1), entry(name[1:], 1), entry(name, refs.MaxPackSize+1),
		entry(name, 1) + "," + entry(name, 1), entry(name, 1) + "," + entry("00"+name[2:], 1),
		strings.Repeat(entry(name, 1)+",", maxMissing) + entry(name, 1)} {
		err := errorOf("friend", 412, []byte(`{"code":"missing-packs","message":"","packs":[`+packs+`]}`))
		if !errors.Is(err, remote.ErrAnswer) {
			t.Errorf("%.100s: %v", packs, err)
		}
	}
}

func TestStatusAlone(t *testing.T) {
	for status, want := range map[int]error{401: remote.ErrRefused, 403: remote.ErrRefused, 404: remote.ErrNotFound,
		409: remote.ErrConflict, 410: remote.ErrDamaged, 413: remote.ErrMismatch, 416: remote.ErrMismatch, 422: remote.ErrMismatch,
		429: remote.ErrQuota, 507: remote.ErrQuota, 503: remote.ErrUnreachable, 408: remote.ErrUnreachable, 500: remote.ErrHost,
		418: remote.ErrHost} {
		for _, body := range []string{"", "<html>", `{"code":"of the future","message":"?"}`, `{"code":5}`, `[]`} {
			if err := errorOf("friend", status, []byte(body)); !errors.Is(err, want) {
				t.Errorf("%d %s: %v", status, body, err)
			}
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                          "plain",
		" two\r\n lines\tand\u2028more ": "two lines and more",
		"\x1b[2Jgone\x00\u202egnorw":     "[2Jgonegnorw",
		"\xffbad":                        "bad",
		strings.Repeat("é", 20):          strings.Repeat("é", 8) + "...",
		"grüße, 日本":                      "grüße, 日本",
	} {
		if got := clean(in, 20); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := clean(strings.Repeat(" x", 1<<20), 100); len(got) > 100 {
		t.Errorf("%d bytes", len(got))
	}
}

func FuzzProblem(f *testing.F) {
	for _, p := range []problem{{Code: "quota", Message: "full"}, {Code: "missing-packs", Packs: []problemPack{{strings.Repeat("ab", 32), 1}}}} {
		data, err := json.Marshal(p)
		must(f, err)
		f.Add(http.StatusConflict, data)
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		err := errorOf("friend", status, body)
		if err == nil || len(err.Error()) > 2*maxText || strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' }) {
			t.Errorf("%q", err)
		}
	})
}
