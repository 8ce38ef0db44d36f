package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"evault/keys"
	"evault/pack"
	"evault/refs"
	"evault/remote"
)

// raw asks the rig's host without the client of this package.
func (g *rig) raw(t testing.TB, method, path string, body []byte, mods ...func(*http.Request)) *http.Response {
	t.Helper()
	req, err := http.NewRequest(method, "http://evault"+path, bytes.NewReader(body))
	must(t, err)
	req.Header.Set(versionHeader, version)
	for _, m := range mods {
		m(req)
	}
	client := clientOver(g.net.dial)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	must(t, err)
	data, err := io.ReadAll(resp.Body)
	must(t, err)
	must(t, resp.Body.Close())
	client.CloseIdleConnections()
	resp.Body = io.NopCloser(bytes.NewReader(data))
	return resp
}

// samplePath gives a path for a route.
func samplePath(r route, vault keys.VaultID) string {
	return prefix + strings.NewReplacer("{vault}", vault.String(), "{pack}", pack.Name{1}.String(), "{log}", refs.Tag{1}.String(),
		"{dir}", "slots", "{file}", strings.Repeat("0a", 32)+".age").Replace(r.path)
}

// TestPermissions walks all routes with all permissions. What a route needs is written down here a second time, so that
// a change of the table has to be meant.
func TestPermissions(t *testing.T) {
	needs := map[string]remote.Permissions{"vaults": 0, "info": 0, "create": remote.Append, "files": remote.Read, "file": remote.Read,
		"put file": remote.Append, "delete file": remote.Delete, "packs": remote.Read, "pack": remote.Read, "has pack": remote.Read,
		"put pack": remote.Append, "delete pack": remote.Delete, "check pack": remote.Append, "heads": remote.Read,
		"records": remote.Read, "append": remote.Append}
	if len(needs) != len(routes) {
		t.Fatalf("%d routes, and %d here", len(routes), len(needs))
	}
	for _, r := range routes {
		for perms := remote.Permissions(0); perms < 8; perms++ {
			t.Run(fmt.Sprintf("%s with %v", r.name, perms), func(t *testing.T) {
				g := newRig(t)
				g.memory.perms = perms
				resp := g.raw(t, r.method, samplePath(r, g.memory.vault), nil)
				allowed := perms.Has(needs[r.name]) && perms != 0 || r.name == "vaults"
				if allowed == (resp.StatusCode == http.StatusForbidden) {
					t.Errorf("status %d", resp.StatusCode)
				}
				if touched := len(g.memory.calls) > 1; touched && !allowed { // one call is Open
					t.Errorf("the store was asked: %v", g.memory.calls)
				}
				if g.memory.closed != g.memory.calls["Open"] {
					t.Error("a store was left open")
				}
			})
		}
	}
}

func TestStrangersAreRefused(t *testing.T) {
	g := newRig(t, func(h *HandlerOptions, _ *ClientOptions) {
		h.PeerOf = func(*http.Request) (Peer, bool) { return Peer{}, false }
	})
	for _, r := range routes {
		if resp := g.raw(t, r.method, samplePath(r, g.memory.vault), nil); resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: status %d", r.name, resp.StatusCode)
		}
	}
	if len(g.memory.calls) > 0 {
		t.Errorf("the backend was asked: %v", g.memory.calls)
	}
	if resp := g.raw(t, "GET", "/healthz", nil, func(r *http.Request) { r.Header.Del(versionHeader) }); resp.StatusCode != http.StatusOK {
		t.Errorf("healthz: status %d", resp.StatusCode)
	}
	_, err := g.store.Info(context.Background())
	wantErr(t, err, remote.ErrRefused)
}

func TestVersions(t *testing.T) {
	g := newRig(t)
	for _, versions := range [][]string{nil, {"2"}, {""}, {"1", "1"}, {"1", "2"}, {" 1x"}} {
		resp := g.raw(t, "GET", "/v1/vaults", nil, func(r *http.Request) { r.Header[versionHeader] = versions })
		if resp.StatusCode != http.StatusBadRequest || resp.Header.Get(versionHeader) != version {
			t.Errorf("%q: status %d, header %q", versions, resp.StatusCode, resp.Header.Get(versionHeader))
		}
	}
}

func TestBadPaths(t *testing.T) {
	g := newRig(t)
	vault := vaultPath(g.memory.vault, "")
	name, slot := strings.Repeat("0a", 32), strings.Repeat("0a", 32)+".age"
	for _, path := range []string{"/", "/v1", "/v1/", "/v2/vaults", "/v1/vaults/", "//v1/vaults", "/v1//vaults", "/v1/./vaults",
		"/v1/vaults/../vaults", "/v1/vaults/" + name[1:], "/v1/vaults/" + strings.ToUpper(name), "/v1/vaults/" + strings.Repeat("0", 64),
		vault + "/", vault + "/nothing", vault + "/packs/", vault + "/packs/" + name[2:], vault + "/packs/" + strings.ToUpper(name),
		vault + "/packs/" + name + "/", vault + "/packs/" + name + "/check/", vault + "/packs/..", vault + "/packs/../heads",
		vault + "/packs/%2e%2e/heads", vault + "/packs/..%2fheads", vault + "/files/slots%2f" + slot, vault + "/files/slots/..",
		vault + "/files/../" + slot, vault + "/files/slots/%2e%2e%2f" + slot, vault + "/files/slots/%30" + slot[1:],
		vault + "/files/id/" + slot, vault + "/files/roster/" + slot, vault + "/files/roster/01-" + name, vault + "/files/slots/" + slot + "%00",
		vault + "/packs/%30" + name[1:], vault + "/logs/" + name[1:], vault + "/logs/" + name + "/0", vault + "/heads?x=1", vault + "/heads;x",
		vault + "/logs/" + name + "?from=", vault + "/logs/" + name + "?from=-1", vault + "/logs/" + name + "?from=01",
		vault + "/logs/" + name + "?from=1&from=2", vault + "/logs/" + name + "?from=18446744073709551616", vault + "/logs/" + name + "?FROM=1",
		"/v1/vaults/" + strings.Repeat("a", 5000)} {
		for _, method := range []string{"GET", "PUT"} {
			resp := g.raw(t, method, path, nil)
			if resp.StatusCode != 400 && resp.StatusCode != 404 && resp.StatusCode != 405 {
				t.Errorf("%s %s: status %d", method, path, resp.StatusCode)
			}
		}
	}
	for method := range g.memory.calls {
		if method != "Open" {
			t.Errorf("the store was asked: %s", method)
		}
	}
}

func TestOtherMethods(t *testing.T) {
	g := newRig(t)
	resp := g.raw(t, "PATCH", packPath(g.memory.vault, pack.Name{1}), nil)
	if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "GET, HEAD, PUT, DELETE" {
		t.Errorf("status %d, Allow %q", resp.StatusCode, resp.Header.Get("Allow"))
	}
	if resp := g.raw(t, "POST", "/healthz", nil); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("healthz: status %d", resp.StatusCode)
	}
}

func TestRanges(t *testing.T) {
	g := newRig(t)
	data := bytesOf(1000, 1)
	name := pack.Name(packOf(data).Name)
	g.memory.packs[name] = data
	path := packPath(g.memory.vault, name)
	for ask, want := range map[string][]byte{"bytes=0-": data, "bytes=0-0": data[:1], "bytes=999-999": data[999:], "bytes=10-19": data[10:20]} {
		resp := g.raw(t, "GET", path, nil, func(r *http.Request) { r.Header.Set("Range", ask) })
		if got, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusPartialContent || !bytes.Equal(got, want) {
			t.Errorf("%s: status %d, %d bytes", ask, resp.StatusCode, len(got))
		}
	}
	for _, ask := range []string{"", "bytes=", "bytes=-5", "bytes=5", "bytes=5-4", "bytes=1000-", "bytes=0-1000", "bytes=0-1,3-4", "bytes= 0-1",
		"Bytes=0-1", "bytes=00-1", "bytes=+0-1", "bytes=-1-2", "bytes=0x0-1", "lines=0-1", "bytes=0-99999999999999999999"} {
		resp := g.raw(t, "GET", path, nil, func(r *http.Request) { r.Header.Set("Range", ask) })
		if resp.StatusCode != http.StatusRequestedRangeNotSatisfiable || resp.Header.Get("Content-Range") != "bytes */1000" {
			t.Errorf("%q: status %d, Content-Range %q", ask, resp.StatusCode, resp.Header.Get("Content-Range"))
		}
	}
}

// line sends bytes to the host as they are, and gives the status of the answer.
func (g *rig) line(t testing.TB, request string) (status int, body string) {
	t.Helper()
	conn, err := g.net.dial(context.Background(), "", "")
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	go func() { _, _ = io.WriteString(conn, request) }() // the host may answer before it has read all
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(data)
}

func TestHostileClients(t *testing.T) {
	g := newRig(t)
	data := bytesOf(100, 1)
	put := "PUT " + packPath(g.memory.vault, packOf(data).Name)
	file := "PUT " + vaultPath(g.memory.vault, "/files/slots/"+packOf(data).String()+".age")
	post := "POST " + vaultPath(g.memory.vault, "/logs/"+refs.Tag{1}.String())
	head := " HTTP/1.1\r\nHost: evault\r\nEvault-Protocol: 1\r\n"
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"huge header":      {put + head + "X: " + strings.Repeat("x", 2*MaxHeader) + "\r\n\r\n", 431},
		"many headers":     {put + head + strings.Repeat("X: y\r\n", MaxHeader) + "\r\n", 431},
		"no HTTP":          {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400},
		"no length":        {put + head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 411},
		"pack too large":   {put + head + "Content-Length: 67108865\r\n\r\n", 413},
		"file too large":   {file + head + "Content-Length: 2097153\r\n\r\n", 413},
		"append too large": {post + head + "Content-Length: 99999999\r\n\r\n", 413},
		"file, chunked":    {file + head + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411},
		"length negative":  {put + head + "Content-Length: -1\r\n\r\n", 400},
		"two lengths":      {put + head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
		"wrong hash":       {put + head + "Content-Length: 3\r\n\r\nabc", 422},
		"wrong file hash":  {file + head + "Content-Length: 3\r\n\r\nabc", 422},
		"no list":          {post + head + "Content-Length: 3\r\n\r\n\xff\xff\xff", 400},
		"no records":       {post + head + "Content-Length: 3\r\n\r\n\x00\x01\x00", 400},
		"no record":        {post + head + "Content-Length: 4\r\n\r\n\x00\x01\x01\x07", 422},
		"absolute path":    {"GET http://other/v1/vaults" + head + "\r\n", 200},
		"asterisk":         {"OPTIONS *" + head + "\r\n", 200},
		"connect":          {"CONNECT evault:80" + head + "\r\n", 404},
		"odd expectation":  {put + head + "Expect: a miracle\r\nContent-Length: 3\r\n\r\n", 417},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := g.line(t, c.request)
			if status != c.status {
				t.Errorf("status %d, want %d: %s", status, c.status, body)
			}
		})
	}
	if len(g.memory.packs) > 0 {
		t.Error("a pack was stored")
	}
}

// TestCutUpload shows that an upload which ends early stores nothing.
func TestCutUpload(t *testing.T) {
	g := newRig(t)
	done := make(chan struct{})
	g.server.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateClosed {
			close(done)
		}
	}
	data := bytesOf(1000, 1)
	conn, err := g.net.dial(context.Background(), "", "")
	must(t, err)
	_, err = fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: x\r\nEvault-Protocol: 1\r\nContent-Length: 1000\r\n\r\n%s", packPath(g.memory.vault,
		packOf(data).Name), data[:999])
	must(t, err)
	must(t, conn.Close())
	<-done
	if len(g.memory.packs) > 0 {
		t.Error("a pack was stored")
	}
}

func TestLog(t *testing.T) {
	var out bytes.Buffer
	g := newRig(t, func(h *HandlerOptions, _ *ClientOptions) {
		h.Log = slog.New(slog.NewTextHandler(&out, nil))
	})
	g.memory.fail["Heads"] = errors.New("disk: input/output error")
	_, err := g.store.Heads(context.Background())
	wantErr(t, err, remote.ErrHost)
	g.site.Close()
	must(t, g.server.Shutdown(context.Background()))
	for _, want := range []string{"level=WARN", "peer=laptop", "method=GET", "route=heads", "status=500", "vault=07", "received=0",
		"error=\"disk: input/output error\"", "duration="} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is missing in %s", want, out.String())
		}
	}
}

// TestBrokenOffAnswers shows that an answer which the host cannot finish does not look whole.
func TestBrokenOffAnswers(t *testing.T) {
	g := newRig(t)
	tag, records := signed(t, 3, 400<<10)
	g.memory.logs[tag] = records
	g.memory.fail["Records"] = errors.New("disk: input/output error")
	n := 0
	err := g.store.Records(context.Background(), tag, 0, func([]byte) error { n++; return nil })
	wantErr(t, err, remote.ErrHost) // said when asked for those behind the last
	if n != 3 || g.memory.called("Records") != 2 {
		t.Errorf("%d records of 3 in %d answers", n, g.memory.called("Records"))
	}
}
