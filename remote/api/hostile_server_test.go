package api

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"evault/keys"
	"evault/pack"
	"evault/refs"
	"evault/remote"
)

// liar is a host that answers every request with the same bytes, as they are, and hangs up.
func liar(t testing.TB, answer func(w io.Writer)) remote.Site {
	t.Helper()
	net := newPipes()
	go func() {
		for {
			conn, err := net.Accept()
			if err != nil {
				return
			}
			go lie(conn, answer)
		}
	}()
	once := clientOver(net.dial)
	once.Transport.(*http.Transport).DisableKeepAlives = true // so that no answer is left over for the next request
	site := NewSite(ClientOptions{Base: "http://evault", Name: "friend", Retries: quick, HTTP: once})
	t.Cleanup(func() {
		site.Close()
		net.Close()
	})
	return site
}

func lie(conn net.Conn, answer func(w io.Writer)) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	if _, err := http.ReadRequest(r); err != nil {
		return
	}
	go func() { _, _ = io.Copy(io.Discard, r) }() // until the connection ends
	answer(conn)
}

// says is an answer of fixed bytes.
func says(text string) func(io.Writer) {
	return func(w io.Writer) { _, _ = io.WriteString(w, text) } // the client may hang up before
}

const okHead = "HTTP/1.1 200 OK\r\nEvault-Protocol: 1\r\n"

// whole is a success with a body.
func whole(body string) string {
	return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", okHead, len(body), body)
}

// asks are all things that a client reads.
func asks(site remote.Site) map[string]func(ctx context.Context) error {
	s := site.Store(keys.VaultID{7})
	hash := strings.Repeat("0a", 32)
	return map[string]func(ctx context.Context) error{
		"vaults": func(ctx context.Context) error { _, err := site.Vaults(ctx); return err },
		"info":   func(ctx context.Context) error { _, err := s.Info(ctx); return err },
		"create": func(ctx context.Context) error { _, err := s.Create(ctx); return err },
		"files":  func(ctx context.Context) error { _, err := s.Files(ctx); return err },
		"file":   func(ctx context.Context) error { _, err := s.File(ctx, "slots/"+hash+".age"); return err },
		"packs":  func(ctx context.Context) error { _, err := s.Packs(ctx); return err },
		"heads":  func(ctx context.Context) error { _, err := s.Heads(ctx); return err },
		"check":  func(ctx context.Context) error { return s.CheckPack(ctx, pack.Name{1}) },
		"records": func(ctx context.Context) error {
			return s.Records(ctx, refs.Tag{1}, 0, func(data []byte) error {
				_, _, err := refs.DecodeHeader(data) // as everybody must who reads records
				return err
			})
		},
		"pack": func(ctx context.Context) error {
			r, err := s.Pack(ctx, pack.Name{1}, 0, -1)
			if err != nil {
				return err
			}
			defer r.Close()
			_, err = io.Copy(io.Discard, r)
			return err
		},
		"part": func(ctx context.Context) error {
			r, err := s.Pack(ctx, pack.Name{1}, 5, 10)
			if err != nil {
				return err
			}
			defer r.Close()
			_, err = io.Copy(io.Discard, r)
			return err
		},
		"put": func(ctx context.Context) error {
			times := 0
			return s.PutPack(ctx, packOf([]byte("abc")), opener([]byte("abc"), &times))
		},
	}
}

// TestOtherServers shows what is said of servers that are something else, whatever is asked.
func TestOtherServers(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		want   error
		text   string
	}{
		"web page":     {"HTTP/1.1 200 OK\r\nServer: nginx/1.2\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>", remote.ErrNotEvault, "nginx/1.2, text/html"},
		"missing page": {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", remote.ErrNotEvault, "404 Not Found"},
		"redirect":     {"HTTP/1.1 302 Found\r\nLocation: http://evault/other\r\nContent-Length: 0\r\n\r\n", remote.ErrNotEvault, "302"},
		"steers":       {"HTTP/1.1 200 \x1b[2J\r\nContent-Length: 0\r\n\r\n", remote.ErrNotEvault, ""},
		"ssh":          {"SSH-2.0-OpenSSH_9.6\r\n", remote.ErrNotEvault, "SSH-2.0"},
		"noise":        {"\x00\x01\x02\x03\x04\x05\x06\x07\r\n\r\n", remote.ErrNotEvault, ""},
		"newer":        {"HTTP/1.1 200 OK\r\nEvault-Protocol: 2\r\nContent-Length: 0\r\n\r\n", remote.ErrVersion, `"2"`},
		"both":         {"HTTP/1.1 200 OK\r\nEvault-Protocol: 1\r\nEvault-Protocol: 2\r\nContent-Length: 0\r\n\r\n", remote.ErrVersion, ""},
		"refuses":      {"HTTP/1.1 403 Forbidden\r\nEvault-Protocol: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", remote.ErrRefused, ""},
		"redirects":    {"HTTP/1.1 302 Found\r\nEvault-Protocol: 1\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", remote.ErrAnswer, "302"},
		"accepted":     {"HTTP/1.1 202 Accepted\r\nEvault-Protocol: 1\r\nContent-Length: 0\r\n\r\n", remote.ErrAnswer, "202"},
		"compressed":   {okHead + "Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", remote.ErrAnswer, "compressed"},
		"hangs up":     {"", remote.ErrUnreachable, ""},
		"first line":   {"HTTP/1.1 2", remote.ErrUnreachable, ""},
		"first bytes":  {"HTT", remote.ErrUnreachable, ""},
		"half":         {"HTTP/1.1 200 OK\r\nEvault-Pro", remote.ErrUnreachable, ""},
		"huge header":  {okHead + "X: " + strings.Repeat("x", 2*MaxHeader) + "\r\n\r\n", remote.ErrAnswer, ""},
	} {
		site := liar(t, says(c.answer))
		for what, ask := range asks(site) {
			t.Run(name+"/"+what, func(t *testing.T) {
				err := ask(context.Background())
				wantErr(t, err, c.want)
				if !strings.Contains(err.Error(), c.text) || strings.ContainsAny(err.Error(), "\x1b\x07\x00") {
					t.Errorf("text: %q", err)
				}
			})
		}
	}
}

// TestLyingBodies shows that no body is taken that is not exactly what it should be, and that nothing endless is read.
func TestLyingBodies(t *testing.T) {
	endless := func(head string) func(io.Writer) {
		return func(w io.Writer) {
			piece := bytes.Repeat([]byte{1}, 1<<16)
			_, err := io.WriteString(w, head)
			for err == nil {
				if strings.Contains(head, "chunked") {
					_, err = fmt.Fprintf(w, "%x\r\n%s\r\n", len(piece), piece)
				} else {
					_, err = w.Write(piece)
				}
			}
		}
	}
	for name, c := range map[string]struct {
		answer func(io.Writer)
		want   map[string]error // by what is asked; "" for all others
	}{
		"garbage": {says(whole(strings.Repeat("\xff", 50))), map[string]error{"": remote.ErrAnswer, "file": nil, "pack": nil}},
		"empty":   {says(whole("")), map[string]error{"": remote.ErrAnswer, "file": nil, "pack": nil, "records": remote.ErrUnreachable}},
		"HTML":    {says(whole("<html><body>hello, you must log in first</body></html>")), map[string]error{"": remote.ErrAnswer, "file": nil, "pack": nil, "records": remote.ErrUnreachable}},
		"cut":     {says(okHead + "Content-Length: 100\r\n\r\n\x01"), map[string]error{"": remote.ErrUnreachable, "check": remote.ErrAnswer, "pack": remote.ErrAnswer, "part": remote.ErrAnswer, "put": remote.ErrAnswer}},
		"cut chunks": {says(okHead + "Transfer-Encoding: chunked\r\n\r\n2\r\n\x01\x05\r\n"), map[string]error{"": remote.ErrUnreachable, "check": remote.ErrAnswer, "pack": remote.ErrAnswer, "part": remote.ErrAnswer,
			"put": remote.ErrAnswer, "records": refs.ErrDamaged}},
		"no end":   {says("HTTP/1.0 200 OK\r\nEvault-Protocol: 1\r\n\r\n\x00"), map[string]error{"": remote.ErrAnswer, "records": nil}},
		"too long": {endless(okHead + "Content-Length: 1000000000000\r\n\r\n"), map[string]error{"": remote.ErrAnswer, "records": refs.ErrDamaged}},
		"endless":  {endless(okHead + "Transfer-Encoding: chunked\r\n\r\n"), map[string]error{"": remote.ErrAnswer, "records": refs.ErrDamaged}},
		"refusal without end": {endless("HTTP/1.1 403 Forbidden\r\nEvault-Protocol: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
			map[string]error{"": remote.ErrAnswer}},
	} {
		site := liar(t, c.answer)
		for what, ask := range asks(site) {
			t.Run(name+"/"+what, func(t *testing.T) {
				want, said := c.want[what]
				if !said {
					want = c.want[""]
				}
				if what == "put" && (name == "garbage" || name == "empty") {
					return // a success with a body is asked about below
				}
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
				defer cancel()
				err := ask(ctx)
				if ctx.Err() != nil {
					t.Fatal("did not end")
				}
				if want == nil && err == nil {
					return
				}
				if want == nil {
					t.Fatalf("got %v", err)
				}
				wantErr(t, err, want)
			})
		}
	}
}

// TestNothingExtraIsSent shows that a client sends nothing but what the protocol has, whatever its http.Client would.
func TestNothingExtraIsSent(t *testing.T) {
	var seen http.Header
	g := newRig(t, func(h *HandlerOptions, c *ClientOptions) {
		jar, err := cookiejar.New(nil)
		must(t, err)
		jar.SetCookies(&url.URL{Scheme: "http", Host: "evault"}, []*http.Cookie{{Name: "who", Value: "me"}})
		c.HTTP.Jar, c.HTTP.Timeout = jar, time.Nanosecond
		h.PeerOf = func(r *http.Request) (Peer, bool) {
			seen = r.Header.Clone()
			return Peer{Name: "laptop"}, true
		}
	})
	_, err := g.store.Heads(context.Background())
	must(t, err)
	want := http.Header{versionHeader: {version}, "Accept-Encoding": {"identity"}, "User-Agent": {"evault"}}
	if !maps.EqualFunc(seen, want, slices.Equal) {
		t.Errorf("sent %v", seen)
	}
}
