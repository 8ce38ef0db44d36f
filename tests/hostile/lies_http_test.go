package hostile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"
)

// below is a lie of the HTTP server.
func below(answer func(w http.ResponseWriter, r *http.Request, next http.Handler)) func(c *hostileCase) lies {
	return func(*hostileCase) lies { return lies{http: answer} }
}

// always is a lie that answers everything in the same way.
func always(status int, header map[string]string, body string) func(c *hostileCase) lies {
	return below(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Evault-Protocol", "1")
		for k, v := range header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // the client may hang up before
	})
}

// rewritten is a lie that does as it is told, and changes the answer.
func rewritten(change func(r *http.Request, header http.Header, status int, body []byte) (int, []byte)) func(c *hostileCase) lies {
	return below(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		status, body := change(r, w.Header(), rec.Code, rec.Body.Bytes())
		w.WriteHeader(status)
		_, _ = w.Write(body) // the client may hang up before
	})
}

// lists says that a request is for a list.
func lists(r *http.Request) bool {
	for _, end := range []string{"/heads", "/files", "/packs", "/vaults"} {
		if strings.HasSuffix(r.URL.Path, end) {
			return true
		}
	}
	return false
}

// drip writes a byte now and then.
func drip(w http.ResponseWriter, r *http.Request) {
	flush := http.NewResponseController(w)
	for r.Context().Err() == nil {
		if _, err := w.Write([]byte{1}); err != nil {
			return
		}
		if err := flush.Flush(); err != nil {
			return
		}
		select {
		case <-r.Context().Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// pour writes without end.
func pour(w http.ResponseWriter, r *http.Request, piece []byte) {
	for r.Context().Err() == nil {
		if _, err := w.Write(piece); err != nil {
			return
		}
	}
}

// ask tells a request that changes nothing.
func ask(r *http.Request) bool { return r.Method == http.MethodGet }

func httpLies() []behaviour {
	pipe := []string{"pipe"}
	pipeOnly := []string{"pipe", "only"}
	two := []string{"pipe2", "only"}
	list := []behaviour{
		{name: "silent", what: "takes requests and never answers", must: everywhere(unreachable), verbs: []string{vFetch, vPush}, carriers: []string{"pipe", "pipe2", "only"}, lie: below(
			func(_ http.ResponseWriter, r *http.Request, _ http.Handler) { <-r.Context().Done() })},
		{name: "slow", what: "answers five bytes a second", must: everywhere(unreachable), verbs: []string{vClone, vFetch, vPush, vRemote}, carriers: pipeOnly, lie: below(
			func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
				w.Header().Set("Evault-Protocol", "1")
				w.WriteHeader(http.StatusOK)
				drip(w, r)
			})},
		{name: "slow packs", what: "gives five bytes of a pack a second", must: everywhere(unreachable, failed), verbs: []string{vFetch, vRemote}, carriers: []string{"pipe2", "only"}, lie: below(
			func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if !strings.Contains(r.URL.Path, "/packs/") || !ask(r) {
					next.ServeHTTP(w, r)
					return
				}
				w.Header().Set("Evault-Protocol", "1")
				w.Header().Set("Content-Length", "100000")
				w.WriteHeader(http.StatusOK)
				drip(w, r)
			})},
		{name: "takes slowly", what: "does not take what is sent", must: pushing(unreachable), verbs: []string{vPush}, carriers: []string{"pipe", "pipe2", "only"}, lie: below(
			func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if r.Method != http.MethodPut || !strings.Contains(r.URL.Path, "/packs/") {
					next.ServeHTTP(w, r)
					return
				}
				_, _ = io.CopyN(io.Discard, r.Body, 10)
				<-r.Context().Done()
			})},
		{name: "endless answers", what: "never ends an answer", must: everywhere(failed), carriers: pipe, lie: below(
			func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
				w.Header().Set("Evault-Protocol", "1")
				w.WriteHeader(http.StatusOK)
				pour(w, r, bytes.Repeat([]byte("x"), 64<<10))
			})},
		{name: "endless lists", what: "gives lists of 10^9 elements that never end", must: map[string][]string{"": {failed}}, carriers: pipe, lie: below(
			func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if !lists(r) {
					next.ServeHTTP(w, r)
					return
				}
				w.Header().Set("Evault-Protocol", "1")
				w.WriteHeader(http.StatusOK)
				_, _ = w.Write(binary.AppendUvarint(nil, 1_000_000_000))
				pour(w, r, make([]byte, 64<<10))
			})},
		{name: "full list of packs", what: "lists as many packs as there may be, and one more byte", must: map[string][]string{"": {ok}, vPush: {failed}}, verbs: []string{vPush, vFetch}, carriers: pipeOnly,
			lie: below(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if !strings.HasSuffix(r.URL.Path, "/packs") {
					next.ServeHTTP(w, r)
					return
				}
				w.Header().Set("Evault-Protocol", "1")
				w.WriteHeader(http.StatusOK)
				b := bufio.NewWriterSize(w, 1<<20)
				defer b.Flush()
				_, _ = b.Write(binary.AppendUvarint(nil, 1<<22)) // the client may hang up before
				for i := range 1 << 22 {
					var name [33]byte
					binary.BigEndian.PutUint32(name[:], uint32(i))
					name[32] = 1
					_, _ = b.Write(name[:])
				}
				_ = b.WriteByte(0)
			})},
		{name: "half answers", what: "hangs up in the middle of every answer", must: everywhere(unreachable), carriers: pipe, lie: rewritten(
			func(_ *http.Request, h http.Header, status int, body []byte) (int, []byte) {
				h.Set("Content-Length", strconv.Itoa(len(body)+10))
				return status, body
			})},
		{name: "hangs up", what: "hangs up without an answer", must: everywhere(unreachable), carriers: []string{"pipe", "pipe2"}, lie: below(
			func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) })},
		{name: "does it and hangs up", what: "does what it is told and hangs up without an answer", must: map[string][]string{"": {unreachable}}, carriers: []string{"pipe", "pipe2"}, lie: below(
			func(_ http.ResponseWriter, r *http.Request, next http.Handler) {
				next.ServeHTTP(httptest.NewRecorder(), r)
				panic(http.ErrAbortHandler)
			})},
		{name: "does changes and hangs up", what: "answers questions, and hangs up after every change it was told to make", must: map[string][]string{"": {ok}, vPush: {ok, unreachable}, vRemote: {ok, unreachable}}, carriers: []string{"pipe", "pipe2"}, lie: below(
			func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if ask(r) {
					next.ServeHTTP(w, r)
					return
				}
				next.ServeHTTP(httptest.NewRecorder(), r)
				panic(http.ErrAbortHandler)
			})},
		{name: "redirects", what: "sends everybody elsewhere", must: everywhere(failed), carriers: pipe, lie: always(http.StatusTemporaryRedirect, map[string]string{"Location": "http://evault/v1/elsewhere"}, "")},
		{name: "redirects out of the protocol", what: "sends everybody to a web page", must: everywhere(failed), carriers: pipe, lie: below(
			func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
				http.Redirect(w, r, "https://evil.example/login", http.StatusFound)
			})},
		{name: "web page", what: "answers with a page to log in", must: everywhere(failed), carriers: []string{"pipe", "pipe2"}, lie: below(
			func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
				w.Header().Set("Content-Type", "text/html")
				_, _ = io.WriteString(w, "<html>log in first\x1b[2J</html>")
			})},
		{name: "page in the protocol", what: "answers with a web page that says it is the protocol", must: everywhere(failed, unreachable), carriers: pipe, lie: always(http.StatusOK, nil, "<html><body>log in first</body></html>")},
		{name: "newer protocol", what: "speaks version 2", must: everywhere(failed), carriers: pipe, lie: always(http.StatusOK, map[string]string{"Evault-Protocol": "2"}, "")},
		{name: "compressed", what: "compresses what nobody wants compressed", must: everywhere(failed), carriers: pipe, lie: rewritten(
			func(_ *http.Request, h http.Header, status int, body []byte) (int, []byte) {
				h.Set("Content-Encoding", "gzip")
				return status, body
			})},
		{name: "always fails", what: "answers 500 with a text that steers", must: everywhere(failed), carriers: pipe,
			lie: always(http.StatusInternalServerError, nil, "{\"code\":\"host\",\"message\":\"\\u001b[2J\\u001b]0;gotcha\\u0007\"}")},
		{name: "busy for ever", what: "is busy, and asks to wait for a day", must: everywhere(unreachable), carriers: []string{"pipe", "only"},
			lie: always(http.StatusServiceUnavailable, map[string]string{"Retry-After": "86400"}, "{\"code\":\"busy\",\"message\":\"later\"}")},
		{name: "strange statuses", what: "answers with statuses of another protocol", must: everywhere(failed), carriers: pipe, lie: always(299, nil, "")},
		{name: "says it is a security matter", what: "answers with codes that the protocol does not have", must: everywhere(failed), carriers: pipe,
			lie: always(http.StatusTeapot, nil, "{\"code\":\"security\",\"message\":\"trust me\"}")},
		{name: "empty answers", what: "answers 204 to everything", must: everywhere(failed), carriers: pipe, lie: always(http.StatusNoContent, nil, "")},
		{name: "not found", what: "answers 404 to everything, as the protocol does", must: everywhere(failed, damage), carriers: pipe,
			lie: always(http.StatusNotFound, nil, "{\"code\":\"not-found\",\"message\":\"no\"}")},
		{name: "lists longer than they say", what: "gives more bytes of every list than belong to it", must: everywhere(failed), carriers: pipe, lie: rewritten(
			func(r *http.Request, h http.Header, status int, body []byte) (int, []byte) {
				if lists(r) && ask(r) {
					h.Del("Content-Length")
					body = append(body, 0)
				}
				return status, body
			})},
		{name: "lists of counts", what: "gives lists with a number of elements and none of them", must: everywhere(failed, unreachable), carriers: pipe, lie: rewritten(
			func(r *http.Request, h http.Header, status int, body []byte) (int, []byte) {
				if lists(r) && ask(r) {
					h.Del("Content-Length")
					body = binary.AppendUvarint(nil, 1000)
				}
				return status, body
			})},
		{name: "header without end", what: "sends a header of a megabyte", must: everywhere(failed, unreachable), carriers: []string{"pipe", "only"},
			lie: always(http.StatusOK, map[string]string{"X": strings.Repeat("x", 1<<20)}, "")},
		{name: "HTTP/2 header without end", what: "sends a header of a megabyte", must: everywhere(failed, unreachable), carriers: two,
			lie: always(http.StatusOK, map[string]string{"X": strings.Repeat("x", 1<<20)}, "")},
		{name: "other ranges", what: "answers every question with 206 and another part", must: everywhere(failed), carriers: pipe, lie: rewritten(
			func(r *http.Request, h http.Header, status int, body []byte) (int, []byte) {
				if ask(r) && status == http.StatusOK {
					h.Set("Content-Range", fmt.Sprintf("bytes 5-%d/%d", len(body)+5, len(body)+99))
					status = http.StatusPartialContent
				}
				return status, body
			})},
		{name: "cookies", what: "sets cookies and asks for a password", must: everywhere(failed), carriers: pipe,
			lie: always(http.StatusUnauthorized, map[string]string{"Set-Cookie": "a=b", "Www-Authenticate": "Basic realm=\"evault\""}, "")},
	}
	for _, raw := range []struct{ name, what, text string }{
		{"ssh", "speaks SSH", "SSH-2.0-OpenSSH_9.6\r\n"},
		{"noise on the line", "speaks nothing", "\x00\x01\x02\x1b[2J\x03\r\n\r\n"},
		{"bad chunks", "sends chunks of impossible sizes", "HTTP/1.1 200 OK\r\nEvault-Protocol: 1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx"},
		{"two lengths", "gives two lengths of one answer", "HTTP/1.1 200 OK\r\nEvault-Protocol: 1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nxxxxxx"},
		{"endless informations", "sends 103 over and over", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 10_000)},
		{"smuggled answer", "sends two answers for one question", "HTTP/1.1 200 OK\r\nEvault-Protocol: 1\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nEvault-Protocol: 1\r\nContent-Length: 0\r\n\r\n"},
	} {
		list = append(list, behaviour{name: raw.name, what: raw.what, must: everywhere(failed, unreachable), carriers: pipeOnly,
			lie: func(*hostileCase) lies { return lies{raw: raw.text} }})
	}
	return list
}
