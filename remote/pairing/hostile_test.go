package pairing

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"slices"
	"testing"
	"time"

	"evault/internal/cpace"
	"evault/remote"
)

// stranger opens a channel to the listener without saying anything on it yet.
func (s *listening) stranger() *channel {
	s.t.Helper()
	raw, err := s.dial(context.Background(), "", "")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = raw.Close() })
	if err := raw.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	c, err := open(context.Background(), raw, identity(s.t), true)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func message(kind byte, body []byte) []byte {
	return append([]byte{kind, byte(len(body) >> 8), byte(len(body))}, body...)
}

// opening is an honest hello of somebody with this code.
func opening(t testing.TB, c *channel, code Code) (*cpace.Party, []byte) {
	t.Helper()
	p, err := c.party(cpace.Initiator, byCode, []byte(code))
	if err != nil {
		t.Fatal(err)
	}
	return p, message(kindHello, hello{version, byCode, p.Share()}.encode())
}

// TestProofTruncated: the conversation of a joiner with a wrong code, cut off after every byte. Only the whole of it is a
// guess, and the right code still works afterwards, as long as there were fewer than three.
func TestProofTruncated(t *testing.T) {
	s := listenOn(t, identity(t), socket(t), fast(), nil)
	cases, whole := 0, headerSize+helloSize+headerSize+cpace.TagSize
	for n := range whole + 1 {
		c := s.stranger()
		p, first := opening(t, c, "00000000")
		if _, err := c.Write(first[:min(n, len(first))]); err != nil {
			t.Fatal(err)
		}
		if n >= len(first) {
			share, err := readMessage(c, kindShare, cpace.ShareSize, cpace.ShareSize)
			if err != nil {
				t.Fatal(err)
			}
			session, err := p.Finish(share)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Write(message(kindProof, session.Tag())[:n-len(first)]); err != nil {
				t.Fatal(err)
			}
		}
		_ = c.CloseWrite()            // after the whole, the listener may have gone first
		_, _ = io.Copy(io.Discard, c) // until it has let go
		cases++
	}
	if s.wrongCodes() != 1 {
		t.Errorf("%d guesses counted", s.wrongCodes())
	}
	if _, err := s.join(identity(t), s.inv.Code()); err != nil {
		t.Errorf("the right code afterwards: %v", err)
	}
	if t.Logf("%d cuts", cases); cases < 105 {
		t.Error("too few")
	}
}

// TestProofGarbage: messages that no joiner sends end their conversation, cost no try, and keep nobody else out.
func TestProofGarbage(t *testing.T) {
	s := listenOn(t, identity(t), socket(t), fast(), nil)
	cases := 0
	say := func(what []byte) {
		c := s.stranger()
		_, _ = c.Write(what) // may be cut off by the listener
		_ = c.CloseWrite()
		if answer, _ := io.ReadAll(c); len(answer) > 0 && answer[0] != kindRefusal {
			t.Errorf("%x is answered with %x", what, answer)
		}
		cases++
	}
	_, good := opening(t, s.stranger(), s.inv.Code())
	for kind := range 12 {
		if byte(kind) != kindHello {
			say(message(byte(kind), good[headerSize:]))
		}
		say(message(byte(kind), nil))
		say([]byte{byte(kind), 0xff, 0xff})
		say(message(byte(kind), make([]byte, helloSize))) // the neutral element as share
	}
	for _, h := range []hello{{0, byCode, good[5:]}, {2, byCode, good[5:]}, {version, 0, good[5:]}, {version, 3, good[5:]}} {
		say(message(kindHello, h.encode()))
	}
	for range 100 {
		b := make([]byte, 200)
		rand.Read(b)
		say(b)
		say(message(kindHello, b[:helloSize]))
	}
	if s.wrongCodes() != 0 || s.inv.state() != nil {
		t.Errorf("%d guesses counted, %v", s.wrongCodes(), s.inv.state())
	}
	if _, err := s.join(identity(t), s.inv.Code()); err != nil {
		t.Errorf("the right code afterwards: %v", err)
	}
	if t.Logf("%d conversations", cases); cases < 250 {
		t.Error("too few")
	}
}

// TestOtherClients: what is no device with TLS 1.3 and this protocol does not get as far as a message.
func TestOtherClients(t *testing.T) {
	id := identity(t)
	s := listenOn(t, identity(t), tcp(t), fast(), nil)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, ec.Public(), ec)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*tls.Config){
		"TLS 1.2":           func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 },
		"no certificate":    func(c *tls.Config) { c.Certificates = nil },
		"ECDSA certificate": func(c *tls.Config) { c.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: ec}} },
		"other protocol":    func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} },
		"no protocol":       func(c *tls.Config) { c.NextProtos = nil },
		"other key": func(c *tls.Config) {
			_, key, err := ed25519.GenerateKey(nil)
			if err != nil {
				t.Fatal(err)
			}
			c.Certificates[0].PrivateKey = key // not the certificate's
		},
	} {
		config, err := tlsConfig(id.TLSKey())
		if err != nil {
			t.Fatal(err)
		}
		change(config)
		config.VerifyConnection = nil
		raw, err := s.dial(context.Background(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		c := tls.Client(raw, config)
		_, err = c.Write(message(kindHello, make([]byte, helloSize)))
		if err == nil {
			_, err = c.Read(make([]byte, 1)) // in TLS 1.3 a client hears only here that it is refused
		}
		if err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
		_ = raw.Close()
	}
	for _, text := range []string{"GET / HTTP/1.0\r\n\r\n", "SSH-2.0-OpenSSH_9\r\n", "\x00"} {
		raw, err := s.dial(context.Background(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(raw, text)
		_ = raw.Close()
	}
	if _, err := s.join(id, s.inv.Code()); err != nil {
		t.Errorf("the right code afterwards: %v", err)
	}
}

// impostor is a listener of its own making, which a joiner with code "7KQ49XWM" meets. It gives what the joiner makes of it.
func impostor(t *testing.T, answer func(c *channel)) error {
	t.Helper()
	id := identity(t)
	target, err := NewTarget("h", "7KQ49XWM")
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	done := make(chan bool)
	go func() {
		defer close(done)
		defer far.Close()
		if c, err := open(context.Background(), far, id, false); err == nil {
			answer(c)
		}
	}()
	_, err = join(context.Background(), target, JoinOptions{Identity: identity(t), Dial: func(context.Context, string, string) (net.Conn, error) {
		return near, nil
	}}, fast())
	<-done
	return err
}

// TestProofReflection: a listener that does not know the code and sends back what it hears.
func TestProofReflection(t *testing.T) {
	read := func(c *channel, kind byte, size int) []byte {
		body, err := readMessage(c, kind, size, size)
		if err != nil {
			return nil
		}
		return body
	}
	otherShare := func() []byte {
		p, err := cpace.Start(cpace.Responder, cpace.Input{AD: []byte("a")})
		if err != nil {
			t.Fatal(err)
		}
		return p.Share()
	}
	for name, answer := range map[string]func(*channel){
		"every byte": func(c *channel) { _, _ = io.Copy(c, c) },
		"the share": func(c *channel) {
			_, _ = c.Write(message(kindShare, read(c, kindHello, helloSize)[2:]))
		},
		"the proof": func(c *channel) {
			read(c, kindHello, helloSize)
			_, _ = c.Write(message(kindShare, otherShare()))
			_, _ = c.Write(message(kindProof, read(c, kindProof, cpace.TagSize)))
		},
		"an offer in place of a proof": func(c *channel) {
			read(c, kindHello, helloSize)
			_, _ = c.Write(message(kindShare, otherShare()))
			read(c, kindProof, cpace.TagSize)
			_, _ = c.Write(message(kindOffer, offer{"x", ForHost, [32]byte{}}.encode()))
		},
		"an offer at once": func(c *channel) {
			read(c, kindHello, helloSize)
			_, _ = c.Write(message(kindOffer, offer{"x", ForHost, [32]byte{}}.encode()))
		},
		"a neutral share": func(c *channel) {
			read(c, kindHello, helloSize)
			_, _ = c.Write(message(kindShare, make([]byte, cpace.ShareSize)))
		},
		"nothing": func(c *channel) {},
	} {
		err := impostor(t, answer)
		if name == "nothing" && !errors.Is(err, remote.ErrUnreachable) || name == "the proof" && !errors.Is(err, remote.ErrWrongPeer) || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// knowing answers like an honest listener, up to and including its proof.
func knowing(t *testing.T, c *channel) bool {
	body, err := readMessage(c, kindHello, helloSize, helloSize)
	if err != nil {
		t.Error(err)
		return false
	}
	p, err := c.party(cpace.Responder, byCode, []byte("7KQ49XWM"))
	if err != nil {
		t.Error(err)
		return false
	}
	session, err := p.Finish(decodeHello(body).share)
	if err != nil {
		t.Error(err)
		return false
	}
	_ = writeMessage(c, kindShare, p.Share())
	tag, err := readMessage(c, kindProof, cpace.TagSize, cpace.TagSize)
	if err != nil || session.Confirm(tag) != nil {
		t.Error("the joiner's proof", err)
		return false
	}
	_ = writeMessage(c, kindProof, session.Tag())
	return true
}

// TestProofHostileListener: one that knows the code and then breaks off after every byte, or says what it should not. The
// joiner gives an error, and never a result.
func TestProofHostileListener(t *testing.T) {
	o := message(kindOffer, offer{"host", ForHost, [32]byte{}}.encode())
	g := message(kindGrant, (&HostGrant{Port: 1}).encode())
	cases := 0
	for n := range len(o) + len(g) {
		err := impostor(t, func(c *channel) {
			if !knowing(t, c) {
				return
			}
			_, _ = c.Write(o[:min(n, len(o))])
			if n < len(o) {
				return
			}
			if _, err := readMessage(c, kindRequest, 1, maxBody); err != nil {
				t.Error(err)
			}
			_, _ = c.Write(g[:n-len(o)])
		})
		if !errors.Is(err, remote.ErrUnreachable) {
			t.Errorf("cut off after %d bytes: %v", n, err)
		}
		cases++
	}
	long := (&HostGrant{Port: 1, Addresses: slices.Repeat([]string{"h:1"}, MaxAddresses+1)}).encode()
	for name, bad := range map[string][]byte{
		"unknown purpose": message(kindOffer, offer{"x", 9, [32]byte{}}.encode()),
		"control letters": message(kindOffer, offer{"\x1b[2J", ForHost, [32]byte{}}.encode()),
		"long label":      message(kindOffer, offer{string(make([]byte, 300)), ForHost, [32]byte{}}.encode()),
		"left over":       append([]byte{kindOffer, 0, byte(len(o) - headerSize + 1)}, append(o[headerSize:], 0)...),
		"port 0":          append(o, message(kindGrant, (&HostGrant{}).encode())...),
		"permissions":     append(o, message(kindGrant, (&HostGrant{Permissions: 0x80, Port: 1}).encode())...),
		"many addresses":  append(o, message(kindGrant, long)...),
		"a path":          append(o, message(kindGrant, (&HostGrant{Port: 1, Addresses: []string{"h/x:1"}}).encode())...),
		"an option":       append(o, message(kindGrant, (&HostGrant{Port: 1, Addresses: []string{"-oProxyCommand:1"}}).encode())...),
		"a wrong order":   append(slices.Clone(g), o...),
		"a refusal":       append(o, message(kindRefusal, []byte{200})...),
	} {
		err := impostor(t, func(c *channel) {
			if knowing(t, c) {
				go func() { _, _ = c.Write(bad) }()
				_, _ = readMessage(c, kindRequest, 1, maxBody)
			}
		})
		if err == nil || (!errors.Is(err, ErrMessage) && !errors.Is(err, ErrDeclined)) {
			t.Errorf("%s: %v", name, err)
		}
		cases++
	}
	if t.Logf("%d cases", cases); cases < 30 {
		t.Error("too few")
	}
}

// TestEachBindingCounts: every part of what the proofs are bound to is enough to tell two channels apart.
func TestEachBindingCounts(t *testing.T) {
	a, b := identity(t), identity(t)
	for name, change := range map[string]func(c *channel, kind *byte){
		"nothing":  func(*channel, *byte) {},
		"exporter": func(c *channel, _ *byte) { c.binding = slices.Clone(c.binding); c.binding[0] ^= 1 },
		"own key":  func(c *channel, _ *byte) { c.own = slices.Clone(c.own); c.own[31] ^= 1 },
		"peer key": func(c *channel, _ *byte) { c.peer = slices.Clone(c.peer); c.peer[31] ^= 1 },
		"keys swapped": func(c *channel, _ *byte) {
			c.own, c.peer = c.peer, c.own
		},
		"kind of code": func(_ *channel, kind *byte) { *kind = bySecret },
	} {
		keyA, keyB := a.TLSKey().Public().(ed25519.PublicKey), b.TLSKey().Public().(ed25519.PublicKey)
		binding := make([]byte, exporterSize)
		x, y := &channel{own: keyA, peer: keyB, binding: binding}, &channel{own: keyB, peer: keyA, binding: binding}
		kind := byCode
		change(y, &kind)
		p, errP := x.party(cpace.Initiator, byCode, []byte("7KQ49XWM"))
		q, errQ := y.party(cpace.Responder, kind, []byte("7KQ49XWM"))
		if errP != nil || errQ != nil {
			t.Fatal(errP, errQ)
		}
		sp, errP := p.Finish(q.Share())
		sq, errQ := q.Finish(p.Share())
		if errP != nil || errQ != nil {
			t.Fatal(errP, errQ)
		}
		if met := sp.Confirm(sq.Tag()) == nil || sq.Confirm(sp.Tag()) == nil; met != (name == "nothing") {
			t.Errorf("%s changed: they meet: %v", name, met)
		}
	}
}
