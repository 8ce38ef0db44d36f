package pairing

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"pgregory.net/rapid"

	"evault/keys"
	"evault/remote"
)

// decodeAny reads the body of one of the messages with fields, and writes it again.
func decodeAny(which byte, body []byte) ([]byte, error) {
	switch which % 5 {
	case 0:
		o, err := decodeOffer(body)
		return o.encode(), err
	case 1:
		r, err := decodeRequest(body, ForHost)
		return r.encode(ForHost), err
	case 2:
		r, err := decodeRequest(body, ForDevice)
		return r.encode(ForDevice), err
	case 3:
		g, err := decodeHostGrant(body)
		return g.encode(), err
	}
	g, err := decodeDeviceGrant(body)
	return g.encode(), err
}

func someBodies() [][]byte {
	return [][]byte{
		offer{"host", ForHost, [32]byte{}}.encode(), offer{"", ForDevice, keys.VaultID{1}}.encode(),
		request{label: "laptop"}.encode(ForHost), request{"laptop", [32]byte{1}, "age1pq1x"}.encode(ForDevice),
		(&HostGrant{remote.Read | remote.Delete, 1 << 40, 4722, []string{"h:1", "[::1]:2"}}).encode(),
		(&DeviceGrant{Role: keys.RoleAdmin, URLs: []string{"ssh://nas/~/v"}}).encode(),
	}
}

// FuzzMessage: no panic, memory bounded by the input, and what is read is written the same way.
func FuzzMessage(f *testing.F) {
	for _, b := range someBodies() {
		for which := range byte(5) {
			f.Add(which, b)
		}
	}
	f.Fuzz(func(t *testing.T, which byte, body []byte) {
		again, err := decodeAny(which, body)
		if err != nil {
			if !errors.Is(err, ErrMessage) {
				t.Errorf("%v", err)
			}
			return
		}
		if !bytes.Equal(again, body) {
			t.Errorf("%x would be written %x", body, again)
		}
	})
}

// FuzzStream reads whole messages, headers included.
func FuzzStream(f *testing.F) {
	f.Add([]byte{kindOffer, 0, 1, 'x', kindRefusal, 0, 1, 1}, kindOffer, uint16(0), uint16(9))
	f.Fuzz(func(t *testing.T, stream []byte, kind byte, least, most uint16) {
		r := bytes.NewReader(stream)
		for {
			body, err := readMessage(r, kind, int(least), int(most))
			if err != nil {
				return
			}
			if len(body) < int(least) || len(body) > int(most) {
				t.Fatalf("%d bytes, and from %d to %d are asked for", len(body), least, most)
			}
			if r.Len() == 0 {
				return
			}
		}
	})
}

func TestMessagesReadBack(t *testing.T) {
	for which := range byte(5) {
		good := 0
		for _, b := range someBodies() {
			again, err := decodeAny(which, b)
			if err == nil && bytes.Equal(again, b) {
				good++
			}
			for n := range b { // no body is the beginning of another
				if short, err := decodeAny(which, b[:n]); err == nil && !bytes.Equal(short, b[:n]) {
					t.Errorf("%x is read as %x", b[:n], short)
				}
			}
		}
		if good == 0 {
			t.Errorf("decoder %d reads none", which)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		kind, body := rapid.Byte().Draw(t, "kind"), rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "body")
		var b bytes.Buffer
		if err := writeMessage(&b, kind, body); err != nil {
			t.Fatal(err)
		}
		got, err := readMessage(&b, kind, 0, maxBody)
		if kind == kindRefusal && len(body) == 1 {
			if err == nil {
				t.Fatal("a refusal is read as a message")
			}
			return
		}
		if err != nil || !bytes.Equal(got, body) {
			t.Fatalf("%x, %v", got, err)
		}
	})
}

// endless gives a header that promises much, and then counts what is asked of it.
type endless struct {
	header []byte
	asked  int
}

func (e *endless) Read(p []byte) (int, error) {
	if n := copy(p, e.header); n > 0 {
		e.header = e.header[n:]
		return n, nil
	}
	e.asked += len(p)
	return 0, io.EOF
}

// TestLengthsComeFirst: a length over the limit is refused before memory is taken or anything is read.
func TestLengthsComeFirst(t *testing.T) {
	e := &endless{header: []byte{kindHello, 0xff, 0xff}}
	if _, err := readMessage(e, kindHello, 34, 34); !errors.Is(err, ErrMessage) || e.asked > 0 {
		t.Errorf("%v, and %d bytes were asked for", err, e.asked)
	}
	if err := writeMessage(io.Discard, kindOffer, make([]byte, maxBody+1)); !errors.Is(err, ErrMessage) {
		t.Errorf("%v", err)
	}
	for _, r := range reasons() {
		if _, err := readMessage(bytes.NewReader([]byte{kindRefusal, 0, 1, r.code}), kindProof, 64, 64); !errors.Is(err, r.err) {
			t.Errorf("reason %d is %v", r.code, err)
		}
	}
	if _, err := readMessage(bytes.NewReader([]byte{kindRefusal, 0, 1, 99}), kindProof, 64, 64); !errors.Is(err, ErrDeclined) {
		t.Errorf("an unknown reason is %v", err)
	}
}
