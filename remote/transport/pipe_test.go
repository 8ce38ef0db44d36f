package transport

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"evault/remote"
)

func TestServePipeEndsWithItsClient(t *testing.T) {
	client, server := twoPipes()
	served := make(chan error, 1)
	go func() { served <- ServePipe(t.Context(), server, memory(t)) }()
	site, err := overPipe(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	_, err = site.Store(testVault).Info(t.Context())
	wantError(t, err, remote.ErrNoStore)
	if err := site.Close(); err != nil {
		t.Error(err)
	}
	if err := soon(t, served); err != nil {
		t.Errorf("the host ended with %v", err)
	}
	_, err = site.Store(testVault).Info(t.Context())
	if err == nil {
		t.Error("a closed site answers")
	}
}

// TestServePipeStops: what is being answered may finish, and nothing new begins.
func TestServePipeStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := twoPipes()
		ctx, stop := context.WithCancel(t.Context())
		begun := make(chan struct{})
		served := make(chan error, 1)
		go func() {
			served <- ServePipe(ctx, server, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				close(begun)
				time.Sleep(5 * time.Second)
				_, _ = io.WriteString(w, "finished")
			}))
		}()
		c, err := dialPipe(t.Context(), client, sshTime, plainly)
		if err != nil {
			t.Fatal(err)
		}
		go func() { <-begun; stop() }()
		got, err := get(c)
		if err != nil || got != "finished" {
			t.Errorf("got %q, %v", got, err)
		}
		if err := <-served; !errors.Is(err, context.Canceled) {
			t.Errorf("the host ended with %v", err)
		}
		_, err = get(c)
		wantError(t, err, remote.ErrUnreachable)
		closeQuietly(c)
	})
}

// TestServePipeCutsOff what does not finish in time.
func TestServePipeCutsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := twoPipes()
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() {
			served <- ServePipe(ctx, server, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				stop()
				<-r.Context().Done()
			}))
		}()
		c, err := dialPipe(t.Context(), client, sshTime, plainly)
		if err != nil {
			t.Fatal(err)
		}
		_, err = get(c)
		wantError(t, err, remote.ErrUnreachable)
		if err := <-served; !errors.Is(err, context.Canceled) {
			t.Errorf("the host ended with %v", err)
		}
		closeQuietly(c)
	})
}

func TestServePipeToOthers(t *testing.T) {
	for _, text := range []string{"GET / HTTP/1.1\r\n\r\n", "SSH-2.0-x\r\n", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "\x16\x03\x01"} {
		client, server := twoPipes()
		served := make(chan error, 1)
		go func() { served <- ServePipe(t.Context(), server, http.NotFoundHandler()) }()
		go func() { _, _ = io.Copy(io.Discard, client) }()
		_, _ = io.WriteString(client, text) // the host may hang up before it has read all
		closeQuietly(client.WriteCloser)
		if err := soon(t, served); !errors.Is(err, remote.ErrNotEvault) {
			t.Errorf("%q ended with %v", text, err)
		}
		closeQuietly(client)
	}
}

// TestServePipeToSilence: a client that says nothing is not waited for, and one that goes away is no error.
func TestServePipeToSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := twoPipes()
		start := time.Now()
		if err := ServePipe(t.Context(), server, http.NotFoundHandler()); err != nil {
			t.Errorf("the host ended with %v", err)
		}
		if d := time.Since(start); d < prefaceTime || d > 2*prefaceTime {
			t.Errorf("it waited %v", d)
		}
		closeQuietly(client)
		for _, text := range []string{"", "PRI * HT"} {
			client, server := twoPipes()
			go func() {
				_, _ = io.WriteString(client, text)
				closeQuietly(client)
			}()
			if err := ServePipe(t.Context(), server, http.NotFoundHandler()); err != nil {
				t.Errorf("after %q the host ended with %v", text, err)
			}
		}
	})
}

// TestDialPipeToOthers: what a login script prints, or another program, is shown, and nothing of it reaches a terminal raw.
func TestDialPipeToOthers(t *testing.T) {
	for text, says := range map[string]string{
		"Welcome to nas!\n\x1b[2J":             `"Welcome to nas!  [2J"`,
		"\x00\x00\x06\x00\x00\x00\x00\x00\x00": "begins with", // a frame of HTTP/2, and not the first one
		"\x00Hi, this is long enough":          "Hi, this",
		"hi":                                   `"hi"`,
	} {
		client, server := twoPipes()
		go func() { _, _ = io.Copy(io.Discard, server) }()
		go func() {
			_, _ = io.WriteString(server, text)
			closeQuietly(server.WriteCloser)
		}()
		_, err := dialPipe(t.Context(), client, sshTime, plainly)
		wantError(t, err, remote.ErrNotEvault, says)
		if strings.ContainsAny(err.Error(), "\x1b\x00\n") {
			t.Errorf("control characters in %q", err)
		}
	}
}

// TestDialPipeToSilence: a host that does not answer is given up in time.
func TestDialPipeToSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, reads := range []bool{false, true} {
			client, server := twoPipes()
			if reads {
				go func() { _, _ = io.Copy(io.Discard, server) }()
			}
			start := time.Now()
			_, err := dialPipe(t.Context(), client, sshTime, plainly)
			wantError(t, err, remote.ErrUnreachable, "no answer within 30s")
			if d := time.Since(start); d != sshTime {
				t.Errorf("it took %v", d)
			}
			closeQuietly(server)
		}
		client, server := twoPipes()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := dialPipe(ctx, client, sshTime, plainly)
		wantError(t, err, context.DeadlineExceeded)
		closeQuietly(server)
	})
}

// TestWindows: the windows that both sides offer are the large ones. Package http documents a smaller limit than it has,
// so a later one may fall back to its defaults, which would be slow and otherwise unnoticed.
func TestWindows(t *testing.T) {
	const settingsFrame, windowFrame, initialWindow, maxFrame = 4, 8, 4, 5
	look := func(side string, from io.Reader) {
		in := bufio.NewReader(from)
		var stream, frame, connection uint32
		for connection == 0 {
			var head [9]byte
			if _, err := io.ReadFull(in, head[:]); err != nil {
				t.Fatal(side, err)
			}
			payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
			if _, err := io.ReadFull(in, payload); err != nil {
				t.Fatal(side, err)
			}
			switch head[3] {
			case settingsFrame:
				for p := payload; len(p) >= 6; p = p[6:] {
					switch binary.BigEndian.Uint16(p) {
					case initialWindow:
						stream = binary.BigEndian.Uint32(p[2:])
					case maxFrame:
						frame = binary.BigEndian.Uint32(p[2:])
					}
				}
			case windowFrame:
				connection = binary.BigEndian.Uint32(payload)
			}
		}
		if stream != 16<<20 || frame != 1<<20 || connection < 31<<20 {
			t.Errorf("%s: %d bytes per stream, %d per frame, %d per connection", side, stream, frame, connection)
		}
	}
	client, server := twoPipes()
	go func() { _ = ServePipe(t.Context(), server, http.NotFoundHandler()) }()
	go func() {
		_, _ = io.WriteString(client, clientPreface+"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	}()
	look("host", client)
	closeQuietly(client)

	client, server = twoPipes()
	go func() { _, _ = dialPipe(t.Context(), client, sshTime, plainly) }()
	if _, err := io.ReadFull(server, make([]byte, len(clientPreface))); err != nil {
		t.Fatal(err)
	}
	look("client", server)
	closeQuietly(server)
}

// get asks for something and reads the answer.
func get(c *pipeClient) (string, error) {
	r, err := http.NewRequest(http.MethodGet, "http"+baseURL+"/", nil)
	if err != nil {
		return "", err
	}
	answer, err := c.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer closeQuietly(answer.Body)
	text, err := io.ReadAll(answer.Body)
	return string(text), err
}
