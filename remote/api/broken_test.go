package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"evault/pack"
	"evault/remote"
)

// dying is a connection that breaks after so many bytes have come through it.
type dying struct {
	net.Conn
	left *atomic.Int64
}

func (d dying) Read(p []byte) (int, error) {
	left := d.left.Load()
	if left <= 0 {
		return 0, errors.Join(d.Close(), io.ErrUnexpectedEOF)
	}
	n, err := d.Conn.Read(p[:min(int64(len(p)), left)])
	d.left.Add(-int64(n))
	return n, err
}

// dyingNetwork breaks each of the first connections after so many bytes, and lets the others live.
func dyingNetwork(g *rig, after ...int64) {
	n := atomic.Int64{}
	g.net.wrap = func(c net.Conn) net.Conn {
		left := &atomic.Int64{}
		left.Store(1 << 40)
		if i := n.Add(1) - 1; int(i) < len(after) {
			left.Store(after[i])
		}
		return dying{c, left}
	}
}

// TestPackResumes shows that a pack goes on where the connection broke, wherever that is.
func TestPackResumes(t *testing.T) {
	data := bytesOf(1<<20, 1)
	name := pack.Name(packOf(data).Name)
	for _, after := range [][]int64{{0}, {50}, {170}, {1000, 1000}, {200_000}, {500_000, 100_000, 300_000}, {1 << 19, 0, 40}} {
		g := newRig(t)
		g.memory.packs[name] = data
		dyingNetwork(g, after...)
		_, err := g.store.Info(context.Background()) // that a first connection breaks is another case
		if after[0] > 1000 {
			must(t, err)
		}
		got, err := readPack(g.store, name, 10, -1)
		if err != nil || !bytes.Equal(got, data[10:]) {
			t.Errorf("%v: %d bytes, %v", after, len(got), err)
		}
		got, err = readPack(g.store, name, 5, 600_000)
		if err != nil || !bytes.Equal(got, data[5:600_005]) {
			t.Errorf("%v: part: %d bytes, %v", after, len(got), err)
		}
	}
}

// TestPackGivesUp shows that a host which always breaks off does not keep a client for ever.
func TestPackGivesUp(t *testing.T) {
	data := bytesOf(1<<20, 1)
	g := newRig(t)
	g.memory.packs[packOf(data).Name] = data
	after := make([]int64, 1000)
	for i := range after {
		after[i] = 2000
	}
	dyingNetwork(g, after...)
	got, err := readPack(g.store, packOf(data).Name, 0, -1)
	wantErr(t, err, remote.ErrUnreachable)
	if !bytes.Equal(got, data[:len(got)]) || len(got) > 10_000 {
		t.Errorf("%d bytes", len(got))
	}
}

// TestPackChangesItsSize shows that a host cannot change its mind about a pack between two answers.
func TestPackChangesItsSize(t *testing.T) {
	data := bytesOf(1<<20, 1)
	g := newRig(t)
	g.memory.packs[packOf(data).Name] = data
	dyingNetwork(g, 300_000)
	r, err := g.store.Pack(context.Background(), packOf(data).Name, 0, -1)
	must(t, err)
	defer r.Close()
	_, err = io.ReadFull(r, make([]byte, 1000))
	must(t, err)
	g.memory.mu.Lock()
	g.memory.packs[packOf(data).Name] = data[:len(data)-1]
	g.memory.mu.Unlock()
	_, err = io.Copy(io.Discard, r)
	wantErr(t, err, remote.ErrAnswer)
}

func TestRecordsResume(t *testing.T) {
	g := newRig(t)
	tag, records := signed(t, 40, 20_000)
	g.memory.logs[tag] = records
	dyingNetwork(g, 100_000, 150_000, 10, 300_000)
	var got [][]byte
	must(t, g.store.Records(context.Background(), tag, 3, func(r []byte) error { got = append(got, bytes.Clone(r)); return nil }))
	if len(got) != 37 {
		t.Fatalf("%d records", len(got))
	}
	for i, r := range got {
		if !bytes.Equal(r, records[3+i]) {
			t.Fatalf("record %d is another", 3+i)
		}
	}
}

// TestPutPackAfterLostAnswer shows that a pack whose upload succeeded without the client knowing is not sent again.
func TestPutPackAfterLostAnswer(t *testing.T) {
	g := newRig(t)
	data := bytesOf(200_000, 1)
	fault := &atomic.Bool{}
	g.net.wrap = func(c net.Conn) net.Conn { return cutAfter{c, fault} }
	inner := g.memory
	inner.before = func(method string) {
		if method == "PutPack" {
			fault.Store(true) // the answer will not get through; "100 Continue" is let pass
		}
	}
	times := 0
	must(t, g.store.PutPack(context.Background(), packOf(data), opener(data, &times)))
	if times != 1 || inner.called("PutPack") != 1 {
		t.Errorf("opened %d times, put %d times", times, inner.called("PutPack"))
	}
}

// cutAfter is a connection that breaks when an answer of 201 comes through and fault is set.
type cutAfter struct {
	net.Conn
	fault *atomic.Bool
}

func (c cutAfter) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if bytes.Contains(p[:n], []byte("201 Created")) && c.fault.CompareAndSwap(true, false) {
		return 0, errors.Join(c.Close(), io.ErrUnexpectedEOF)
	}
	return n, err
}

// TestNobodyThere shows that a host which is away is not asked again and again before it has ever answered, and that
// one which comes back in the middle is.
func TestNobodyThere(t *testing.T) {
	dials := 0
	away := func(context.Context, string, string) (net.Conn, error) {
		dials++
		return nil, &net.OpError{Op: "dial", Err: errors.New("no route to host")}
	}
	site := NewSite(ClientOptions{Base: "http://evault", Name: "friend", HTTP: clientOver(away), Retries: quick})
	_, err := site.Vaults(context.Background())
	wantErr(t, err, remote.ErrUnreachable)
	if dials != 1 {
		t.Errorf("dialled %d times", dials)
	}
	must(t, site.Close())
}

func TestBusyHost(t *testing.T) {
	g := newRig(t)
	busy := 2
	g.memory.fail["Heads"] = ErrBusy
	g.memory.before = func(method string) {
		if method != "Heads" {
			return
		}
		g.memory.mu.Lock()
		defer g.memory.mu.Unlock()
		if busy--; busy < 0 {
			delete(g.memory.fail, "Heads")
		}
	}
	_, err := g.store.Heads(context.Background())
	must(t, err)
	if n := g.memory.called("Heads"); n != 3 {
		t.Errorf("asked %d times", n)
	}
}

func TestRefusalsAreNotRepeated(t *testing.T) {
	g := newRig(t)
	for _, e := range []error{remote.ErrConflict, remote.ErrQuota, remote.ErrHost, remote.ErrDamaged} {
		g.memory.fail["CheckPack"] = e
		before := g.memory.called("CheckPack")
		wantErr(t, g.store.CheckPack(context.Background(), pack.Name{1}), e)
		if n := g.memory.called("CheckPack") - before; n != 1 {
			t.Errorf("%v: asked %d times", e, n)
		}
	}
}

// TestStalls lets either side crawl, in a time of its own, and looks who gives up and when.
func TestStalls(t *testing.T) {
	hang := func(g *rig) { // the host takes the request and says nothing
		g.memory.before = func(method string) {
			if method == "Heads" {
				time.Sleep(time.Hour)
			}
		}
	}
	for name, c := range map[string]struct {
		prepare func(*rig)
		ask     func(*rig) error
		want    error
		within  time.Duration
	}{
		"no answer": {hang, func(g *rig) error { _, err := g.store.Heads(context.Background()); return err },
			remote.ErrUnreachable, 4 * time.Minute},
		"pack crawls": {func(g *rig) { crawl(g, 100) }, func(g *rig) error {
			_, err := readPack(crawling{g.store, g}, pack.Name{1}, 0, -1)
			return err
		}, remote.ErrUnreachable, 4 * time.Minute},
		"pack is slow": {func(g *rig) { crawl(g, 2048) }, func(g *rig) error {
			_, err := readPack(crawling{g.store, g}, pack.Name{1}, 0, -1)
			return err
		}, nil, 10 * time.Minute},
		"caller is slow": {func(*rig) {}, func(g *rig) error {
			data := bytesOf(1<<20, 1)
			times := 0
			if err := g.store.PutPack(context.Background(), packOf(data), func() (io.ReadCloser, error) {
				r, err := opener(data, &times)()
				return struct {
					io.Reader
					io.Closer
				}{io.MultiReader(io.LimitReader(r, 100), pausing{r}), r}, err
			}); err != nil {
				return err
			}
			return nil
		}, nil, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t)
				c.prepare(g)
				started := time.Now()
				err := c.ask(g)
				if !errors.Is(err, c.want) {
					t.Errorf("%v, want %v", err, c.want)
				}
				if took := time.Since(started); took > c.within {
					t.Errorf("took %v", took)
				}
				g.site.Close()
				g.server.Close()
				time.Sleep(2 * time.Hour) // until all that sleeps is awake
			})
		})
	}
}

// pausing is a reader that thinks for twenty seconds before each read: the client's own affair as long as the host
// does not lose its patience.
type pausing struct{ r io.Reader }

func (p pausing) Read(b []byte) (int, error) {
	time.Sleep(20 * time.Second)
	return p.r.Read(b)
}

// crawl makes a host of which each connection lets so many bytes through in a second.
func crawl(g *rig, rate int) {
	g.memory.packs[pack.Name{1}] = make([]byte, 200<<10)
	g.net.wrap = func(c net.Conn) net.Conn { return throttled{c, rate} }
}

type throttled struct {
	net.Conn
	rate int
}

func (c throttled) Read(p []byte) (int, error) {
	time.Sleep(time.Second)
	return c.Conn.Read(p[:min(len(p), c.rate)])
}

type crawling struct {
	remote.Store
	g *rig
}

// TestSlowClients shows that a host gives up on a client that sends or takes next to nothing.
func TestSlowClients(t *testing.T) {
	head := " HTTP/1.1\r\nHost: x\r\nEvault-Protocol: 1\r\n"
	for name, c := range map[string]struct {
		request string
		trickle int // bytes that follow each second
		read    bool
		want    string
	}{
		"header that does not end": {"GET /v1/vaults" + head, 0, true, ""},
		"body that does not come":  {"PUT @" + head + "Content-Length: 100000\r\n\r\n", 0, true, "408"},
		"body that trickles":       {"PUT @" + head + "Content-Length: 100000\r\n\r\n", 100, true, "408"},
		"answer that is not taken": {"GET @" + head + "\r\n", 0, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t)
				path := pack.Name{1}
				if !c.read {
					g.memory.packs[path] = make([]byte, 10<<20)
				}
				conn, err := g.net.dial(context.Background(), "", "")
				must(t, err)
				defer conn.Close()
				request := bytes.Replace([]byte(c.request), []byte("@"), []byte(packPath(g.memory.vault, path)), 1)
				_, err = conn.Write(request)
				must(t, err)
				var answer bytes.Buffer
				read := make(chan struct{})
				go func() {
					defer close(read)
					if c.read {
						_, _ = io.Copy(&answer, conn) // until the host hangs up
					}
				}()
				started := time.Now()
				for time.Since(started) < 5*time.Minute && c.read {
					select {
					case <-read:
					case <-time.After(time.Second):
						if c.trickle > 0 {
							_, _ = conn.Write(make([]byte, c.trickle)) // fails when the host has hung up
						}
						continue
					}
					break
				}
				if !c.read {
					time.Sleep(2 * time.Minute)
					if _, err := io.Copy(&answer, conn); err != nil {
						t.Error(err)
					}
				}
				if took := time.Since(started); took > 3*time.Minute {
					t.Errorf("took %v", took)
				}
				if answer.Len() > 1<<20 || !bytes.Contains(answer.Bytes(), []byte(c.want)) {
					t.Errorf("%d bytes: %.100q", answer.Len(), answer.String())
				}
				g.site.Close()
				g.server.Close()
			})
		})
	}
}

func TestLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(1000)
		started := time.Now()
		done := make(chan struct{})
		for range 4 { // all share it
			go func() {
				for range 100 {
					if err := l.Wait(t.Context(), 25); err != nil {
						t.Error(err)
					}
				}
				done <- struct{}{}
			}()
		}
		for range 4 {
			<-done
		}
		if took := time.Since(started); took < 9800*time.Millisecond || took > 10*time.Second {
			t.Errorf("10000 bytes took %v", took)
		}
		time.Sleep(time.Hour) // a pause saves up no more than an eighth of a second
		started = time.Now()
		must(t, l.Wait(t.Context(), 1125))
		if took := time.Since(started); took != time.Second {
			t.Errorf("1125 bytes took %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wantErr(t, l.Wait(ctx, 1_000_000), context.DeadlineExceeded)
	})
	must(t, (*Limiter)(nil).Wait(context.Background(), 1<<40))
	if NewLimiter(0) != nil || NewLimiter(-1) != nil {
		t.Error("a limit of nothing")
	}
}

// TestUploadLimit shows that a pack is held to the limit.
func TestUploadLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, func(_ *HandlerOptions, c *ClientOptions) { c.Upload = NewLimiter(100_000) })
		data := bytesOf(1_000_000, 1)
		times := 0
		started := time.Now()
		must(t, g.store.PutPack(t.Context(), packOf(data), opener(data, &times)))
		if took := time.Since(started); took < 9*time.Second || took > 11*time.Second {
			t.Errorf("took %v", took)
		}
		g.site.Close()
		g.server.Close()
	})
}
