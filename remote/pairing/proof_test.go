package pairing

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"evault/internal/cpace"
	"evault/keys"
	"evault/remote"
)

// nearMisses are codes that are not c: random ones, those with one character changed, of the other format, and its bytes in
// other forms.
func nearMisses(t testing.TB, c Code) []Code {
	random, err := newCode(Letters)
	if err != nil {
		t.Fatal(err)
	}
	digits, err := newCode(Digits)
	if err != nil {
		t.Fatal(err)
	}
	list := []Code{random, digits, "", c + "\x00", "-" + c, c[:7], Code(c.String())}
	for i := range len(c) {
		b := []byte(c)
		b[i] = alphabet[(int(b[i])+i)%len(alphabet)]
		list = append(list, Code(b))
	}
	kept := list[:0]
	for _, l := range list {
		if l != c {
			kept = append(kept, l)
		}
	}
	return kept
}

// TestProofWrongCodes: whole conversations with wrong codes, each with TLS and the real listener. Three of them end a code,
// and then the right one is refused as well.
func TestProofWrongCodes(t *testing.T) {
	goal, floor := 1000, 1000
	switch {
	case prove():
		goal, floor = 100_000, 100_000
	case testing.Short(): // with the race detector
		goal, floor = 150, 150
	}
	host, laptop := identity(t), identity(t)
	wrong, refused, accepted, overTCP := 0, 0, 0, 0
	for round := 0; wrong < goal; round++ {
		l := socket(t)
		if round%20 == 0 && overTCP < 100 {
			l = tcp(t)
		}
		s := listenOn(t, host, l, fast(), nil)
		misses := nearMisses(t, s.inv.Code())
		for try := range Tries {
			code := misses[(round*Tries+try)%len(misses)]
			_, err := s.joinTarget(laptop, Target{addresses: []string{"h:1"}, kind: byCode, proof: []byte(code)})
			if !errors.Is(err, ErrWrongCode) {
				t.Fatalf("code %q for %q: %v", code, s.inv.Code(), err)
			}
			wrong++
		}
		_, err := s.join(laptop, s.inv.Code())
		if err == nil {
			accepted++
		} else {
			refused++
		}
		end := s.outcome()
		if !errors.Is(end.err, ErrTooManyTries) || s.wrongCodes() != Tries || len(s.admitted) > 0 {
			t.Fatalf("ended with %+v after %d wrong codes, admitted %v", end, s.wrongCodes(), s.admitted)
		}
		if l.Addr().Network() == "tcp" {
			overTCP += Tries
		}
	}
	t.Logf("%d wrong codes (%d of them over TCP) and %d right ones after three wrong: %d accepted", wrong, overTCP, refused, accepted)
	if wrong < floor || refused < floor/Tries || accepted > 0 || overTCP < floor/20 && overTCP < 50 {
		t.Error("too few cases, or one was accepted")
	}
}

// TestProofGuessesAtOnce: no more than three guesses are tested however many come at the same time.
func TestProofGuessesAtOnce(t *testing.T) {
	host, laptop := identity(t), identity(t)
	limits := fast()
	limits.conns = 64
	for range 5 {
		s := listenOn(t, host, socket(t), limits, nil)
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() {
				if _, err := s.join(laptop, "00000000"); err == nil {
					t.Error("accepted")
				}
			})
		}
		wg.Wait()
		if end := s.outcome(); !errors.Is(end.err, ErrTooManyTries) || s.wrongCodes() != Tries {
			t.Errorf("%d guesses counted, ended with %v", s.wrongCodes(), end.err)
		}
	}
}

// TestProofOneOfMany: of many who know the code, one is let in, whether they come together or one is still busy.
func TestProofOneOfMany(t *testing.T) {
	limits := fast()
	limits.conns = 64
	for range 5 {
		s := listenOn(t, identity(t), socket(t), limits, nil)
		results := make(chan error, 20)
		for range cap(results) {
			id := identity(t)
			go func() {
				_, err := s.join(id, s.inv.Code())
				results <- err
			}()
		}
		good := 0
		for range cap(results) {
			if err := <-results; err == nil {
				good++
			} else if !errors.Is(err, ErrUsed) && !errors.Is(err, remote.ErrUnreachable) {
				t.Errorf("%v", err)
			}
		}
		if end := s.outcome(); end.err != nil || good != 1 || len(s.admitted) != 1 || s.wrongCodes() != 0 {
			t.Errorf("%d were let in, %d admitted, ended with %v", good, len(s.admitted), end.err)
		}
	}
}

// TestUsedCode: while the first is still being admitted, a second hears that the code is used.
func TestUsedCode(t *testing.T) {
	busy, finish := make(chan bool), make(chan bool)
	side := &DeviceSide{Vault: keys.VaultID{1}, Role: keys.RoleWriter, Admit: func(context.Context, keys.DeviceEntry) (DeviceGrant, error) {
		busy <- true
		<-finish
		return DeviceGrant{}, nil
	}}
	s := listenOn(t, identity(t), tcp(t), fast(), side)
	first := make(chan error)
	one, two := identity(t), identity(t)
	go func() {
		_, err := s.join(one, s.inv.Code())
		first <- err
	}()
	<-busy
	for _, code := range []Code{s.inv.Code(), "00000000"} {
		if _, err := s.join(two, code); !errors.Is(err, ErrUsed) {
			t.Errorf("code %q, used: %v", code, err)
		}
	}
	c := s.stranger()
	_, hello := opening(t, c, s.inv.Code())
	if _, err := c.Write(hello); err != nil {
		t.Fatal(err)
	}
	if _, err := readMessage(c, kindShare, cpace.ShareSize, cpace.ShareSize); !errors.Is(err, ErrUsed) {
		t.Errorf("a used code goes as far as the share: %v", err)
	}
	finish <- true
	if err := <-first; err != nil {
		t.Error(err)
	}
	if end := s.outcome(); end.err != nil || end.result.Peer.Device != one.DeviceID() {
		t.Errorf("%+v", end)
	}
}

// relay sits between a joiner and the listener, with a TLS channel to each and nothing to hide behind. meddle may change what
// passes; toListener says in which direction.
type relay struct {
	id     *keys.Identity
	to     *listening
	meddle func(toListener bool, message []byte) []byte
}

// dial is what the joiner believes to be the way to the listener.
func (r *relay) dial(ctx context.Context, network, address string) (net.Conn, error) {
	near, far := net.Pipe()
	go r.run(ctx, far)
	return near, nil
}

func (r *relay) run(ctx context.Context, joiner net.Conn) {
	defer joiner.Close()
	up, err := r.to.dial(context.Background(), "", "")
	if err != nil {
		return
	}
	defer up.Close()
	b, err := open(context.Background(), up, r.id, true)
	if err != nil {
		return
	}
	a, err := open(context.Background(), joiner, r.id, false)
	if err != nil {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { r.copy(b, a, true); up.Close() })
	wg.Go(func() { r.copy(a, b, false); joiner.Close() })
	wg.Wait()
}

func (r *relay) copy(to, from *channel, toListener bool) {
	for {
		var header [headerSize]byte
		if _, err := io.ReadFull(from, header[:]); err != nil {
			return
		}
		body := make([]byte, int(header[1])<<8|int(header[2]))
		if _, err := io.ReadFull(from, body); err != nil {
			return
		}
		if _, err := to.Write(r.meddle(toListener, append(header[:], body...))); err != nil {
			return
		}
	}
}

// meddlers are what a man in the middle may do who does not know the code, while both ends use the right one.
func meddlers(t testing.TB) map[string]func(toListener bool, m []byte) []byte {
	in := cpace.Input{Code: []byte("00000000"), AD: []byte("a"), PeerAD: []byte("b")}
	p, err := cpace.Start(cpace.Initiator, in)
	if err != nil {
		t.Fatal(err)
	}
	share := p.Share()
	var seen [9][]byte
	var mu sync.Mutex
	return map[string]func(bool, []byte) []byte{
		"passes on": func(_ bool, m []byte) []byte { return m },
		"own shares": func(_ bool, m []byte) []byte {
			if m[0] == kindHello || m[0] == kindShare {
				copy(m[len(m)-cpace.ShareSize:], share)
			}
			return m
		},
		"joiner's share to both": func(_ bool, m []byte) []byte {
			mu.Lock()
			defer mu.Unlock()
			if m[0] == kindHello {
				seen[kindHello] = m[len(m)-cpace.ShareSize:]
			}
			if m[0] == kindShare {
				copy(m[headerSize:], seen[kindHello])
			}
			return m
		},
		"random proof": func(_ bool, m []byte) []byte {
			if m[0] == kindProof {
				rand.Read(m[headerSize:])
			}
			return m
		},
		"refusal into proof": func(toListener bool, m []byte) []byte {
			if m[0] == kindRefusal && !toListener {
				return append([]byte{kindProof, 0, cpace.TagSize}, make([]byte, cpace.TagSize)...)
			}
			return m
		},
		"another kind of code": func(_ bool, m []byte) []byte {
			if m[0] == kindHello {
				m[headerSize+1] = bySecret
			}
			return m
		},
	}
}

// TestProofManInTheMiddle: both ends have the right code, and somebody terminates TLS both ways. Nobody is ever let in, the
// joiner never believes, and each attempt with a proof costs a try.
func TestProofManInTheMiddle(t *testing.T) {
	rounds := 20
	switch {
	case prove():
		rounds = 500
	case testing.Short():
		rounds = 2
	}
	cases := 0
	host, laptop, middle := identity(t), identity(t), identity(t)
	for range rounds {
		for name, meddle := range meddlers(t) {
			s := listenOn(t, host, socket(t), fast(), nil)
			direct := s.dial
			r := &relay{id: middle, to: &listening{dial: direct}, meddle: meddle}
			s.dial = r.dial
			for range Tries {
				if _, err := s.join(laptop, s.inv.Code()); err == nil {
					t.Fatalf("%s: the joiner believes", name)
				}
				cases++
			}
			s.dial = direct
			spent := s.wrongCodes()
			if spent > 0 && spent < Tries { // all attempts of one kind are alike
				t.Errorf("%s: %d tries counted", name, spent)
			}
			if name == "passes on" && spent != Tries {
				t.Errorf("%s: %d tries counted", name, spent)
			}
			if len(s.admitted) > 0 {
				t.Fatalf("%s: admitted %v", name, s.admitted)
			}
			s.cancel()
		}
	}
	if t.Logf("%d attempts through a man in the middle with the right code on both ends: 0 accepted", cases); cases < 18*rounds || rounds < 20 && !testing.Short() {
		t.Error("too few")
	}
}

// TestMiddleIsNotTheScannedDevice: who has scanned the code does not even begin to talk to somebody else.
func TestMiddleIsNotTheScannedDevice(t *testing.T) {
	host := identity(t)
	s := listenOn(t, host, socket(t), fast(), nil)
	uri, err := s.inv.URI([]string{"h:1"}, host.DeviceID())
	if err != nil {
		t.Fatal(err)
	}
	target, err := ParseTarget(uri)
	if err != nil {
		t.Fatal(err)
	}
	direct := s.dial
	s.dial = (&relay{id: identity(t), to: &listening{dial: direct}, meddle: func(_ bool, m []byte) []byte {
		t.Error("the joiner says something")
		return m
	}}).dial
	if _, err := s.joinTarget(identity(t), target); !errors.Is(err, remote.ErrWrongPeer) {
		t.Errorf("%v", err)
	}
}

// TestChannelsAreBound: what CPace is given differs on every channel, in every part that should.
func TestChannelsAreBound(t *testing.T) {
	a, b := identity(t), identity(t)
	pair := func() (x, y *channel) {
		near, far := net.Pipe()
		t.Cleanup(func() { _ = near.Close(); _ = far.Close() })
		done := make(chan *channel)
		go func() {
			c, err := open(context.Background(), far, b, false)
			if err != nil {
				t.Error(err)
			}
			done <- c
		}()
		c, err := open(context.Background(), near, a, true)
		if err != nil {
			t.Fatal(err)
		}
		return c, <-done
	}
	x, y := pair()
	x2, _ := pair()
	if string(x.binding) != string(y.binding) || len(x.binding) != exporterSize {
		t.Error("the ends of a channel have two exporter values")
	}
	if string(x.binding) == string(x2.binding) {
		t.Error("two channels have one exporter value")
	}
	state := x.ConnectionState()
	if state.Version != 0x0304 || state.DidResume || state.NegotiatedProtocol != protocol {
		t.Errorf("%+v", state)
	}
	if x.peerID() != b.DeviceID() || y.peerID() != a.DeviceID() {
		t.Error("the ends do not know each other's key")
	}
}
