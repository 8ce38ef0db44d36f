package cpace

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/gtank/ristretto255"
)

// input gives the two sides of one run.
func input(code, channel string) (a, b Input) {
	a = Input{Code: []byte(code), CI: []byte("A and B"), SessionID: []byte(channel), AD: []byte("A"), PeerAD: []byte("B")}
	b = a
	b.AD, b.PeerAD = a.PeerAD, a.AD
	return a, b
}

func begin(t testing.TB, a, b Input) (*Party, *Party) {
	t.Helper()
	pa, err := Start(Initiator, a)
	if err != nil {
		t.Fatal(err)
	}
	pb, err := Start(Responder, b)
	if err != nil {
		t.Fatal(err)
	}
	return pa, pb
}

// meet runs the protocol and says what each side thinks of the other.
func meet(t testing.TB, a, b Input) (errA, errB error) {
	t.Helper()
	pa, pb := begin(t, a, b)
	sa, err := pa.Finish(pb.Share())
	if err != nil {
		t.Fatal(err)
	}
	sb, err := pb.Finish(pa.Share())
	if err != nil {
		t.Fatal(err)
	}
	return sa.Confirm(sb.Tag()), sb.Confirm(sa.Tag())
}

func TestSameCodeMeets(t *testing.T) {
	for _, code := range []string{"", "123456", "7KQ49XWM", string(make([]byte, 300))} {
		a, b := input(code, "one channel")
		if errA, errB := meet(t, a, b); errA != nil || errB != nil {
			t.Errorf("code of %d bytes: %v, %v", len(code), errA, errB)
		}
	}
}

// TestAnyDifferenceFails: whatever is not the same on both sides, neither believes the other.
func TestAnyDifferenceFails(t *testing.T) {
	for name, change := range map[string]func(*Input){
		"code":              func(in *Input) { in.Code = []byte("7KQ49XWN") },
		"code with a zero":  func(in *Input) { in.Code = append(in.Code, 0) },
		"channel":           func(in *Input) { in.SessionID = []byte("another channel") },
		"identities":        func(in *Input) { in.CI = []byte("A and C") },
		"own data":          func(in *Input) { in.AD = []byte("C") },
		"the other's data":  func(in *Input) { in.PeerAD = []byte("C") },
		"moved by one byte": func(in *Input) { in.CI, in.SessionID = append(in.CI, in.SessionID[0]), in.SessionID[1:] },
	} {
		for side := range 2 {
			a, b := input("7KQ49XWM", "one channel")
			change([]*Input{&a, &b}[side])
			if errA, errB := meet(t, a, b); !errors.Is(errA, ErrConfirm) || !errors.Is(errB, ErrConfirm) {
				t.Errorf("%s on side %d: %v, %v", name, side, errA, errB)
			}
		}
	}
	a, b := input("7KQ49XWM", "one channel")
	pa, _ := begin(t, a, b)
	pb, err := Start(Initiator, b) // both think that they have begun
	if err != nil {
		t.Fatal(err)
	}
	sa, errA := pa.Finish(pb.Share())
	sb, errB := pb.Finish(pa.Share())
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	if sa.Confirm(sb.Tag()) == nil || sb.Confirm(sa.Tag()) == nil {
		t.Error("two initiators meet")
	}
}

func TestReflection(t *testing.T) {
	a, b := input("7KQ49XWM", "one channel")
	pa, pb := begin(t, a, b)
	if _, err := pa.Finish(pa.Share()); !errors.Is(err, ErrShare) {
		t.Errorf("own share: %v", err)
	}
	s, err := pb.Finish(mustShare(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Confirm(s.Tag()); !errors.Is(err, ErrConfirm) {
		t.Errorf("own tag: %v", err)
	}
	a.PeerAD = a.AD
	if _, err := Start(Initiator, a); err == nil {
		t.Error("both sides may say the same of themselves")
	}
	if _, err := Start(3, b); err == nil {
		t.Error("a third role")
	}
}

func mustShare(t *testing.T) []byte {
	a, _ := input("another code", "")
	p, err := Start(Initiator, a)
	if err != nil {
		t.Fatal(err)
	}
	return p.Share()
}

func TestSharesAndTagsAreFresh(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		if s := string(mustShare(t)); seen[s] {
			t.Fatal("a share came twice")
		} else {
			seen[s] = true
		}
	}
	a, b := input("7KQ49XWM", "one channel")
	pa, pb := begin(t, a, b)
	if _, err := pa.Finish(pb.Share()); err != nil {
		t.Fatal(err)
	}
	if _, err := pa.Finish(pb.Share()); !errors.Is(err, ErrOnce) {
		t.Errorf("a second share: %v", err)
	}
}

// TestBadShares: nothing but an encoded element other than the neutral one is taken.
func TestBadShares(t *testing.T) {
	a, b := input("7KQ49XWM", "one channel")
	good := mustShare(t)
	bad := map[string][]byte{
		"nothing": nil, "neutral": make([]byte, 32), "short": good[:31], "long": append(bytes.Clone(good), 0),
		"all ones": bytes.Repeat([]byte{0xff}, 32), "negative one": append([]byte{0xec}, append(bytes.Repeat([]byte{0xff}, 30), 0x7f)...),
		"high bit": flip(good, 255), "odd": flip(good, 0),
	}
	for i := range 32 { // small numbers: few of them encode an element, and those take no harm
		s := make([]byte, 32)
		s[0] = byte(2*i + 1) // odd is negative: never canonical
		bad[fmt.Sprint("small ", s[0])] = s
	}
	for name, share := range bad {
		pa, pb := begin(t, a, b)
		if _, err := pa.Finish(share); !errors.Is(err, ErrShare) {
			t.Errorf("initiator, %s: %v", name, err)
		}
		if _, err := pb.Finish(share); !errors.Is(err, ErrShare) {
			t.Errorf("responder, %s: %v", name, err)
		}
	}
}

func flip(b []byte, bit int) []byte {
	b = bytes.Clone(b)
	b[bit/8] ^= 1 << (bit % 8)
	return b
}

// TestEveryBit: of what travels, no bit may change.
func TestEveryBit(t *testing.T) {
	a, b := input("7KQ49XWM", "one channel")
	cases := 0
	for bit := range ShareSize * 8 {
		pa, pb := begin(t, a, b)
		sa, errA := pa.Finish(flip(pb.Share(), bit))
		sb, errB := pb.Finish(pa.Share())
		if errB != nil {
			t.Fatal(errB)
		}
		if errA == nil && (sa.Confirm(sb.Tag()) == nil || sb.Confirm(sa.Tag()) == nil) {
			t.Errorf("share with bit %d changed is taken", bit)
		}
		cases++
	}
	pa, pb := begin(t, a, b)
	sa, _ := pa.Finish(pb.Share())
	sb, _ := pb.Finish(pa.Share())
	for bit := range TagSize * 8 {
		if sa.Confirm(flip(sb.Tag(), bit)) == nil {
			t.Errorf("tag with bit %d changed is taken", bit)
		}
		cases++
	}
	for n := range TagSize {
		if sa.Confirm(sb.Tag()[:n]) == nil {
			t.Errorf("a tag of %d bytes is taken", n)
		}
		cases++
	}
	if sa.Confirm(append(sb.Tag(), 0)) == nil || sa.Confirm(sb.Tag()) != nil {
		t.Error("the whole tag, and nothing but it, is taken")
	}
	if t.Logf("%d changes, none accepted", cases); cases < 832 {
		t.Error("too few")
	}
}

func FuzzShare(f *testing.F) {
	f.Add(make([]byte, 32))
	f.Add(ristretto255.NewGeneratorElement().Bytes())
	f.Fuzz(func(t *testing.T, share []byte) {
		a, _ := input("7KQ49XWM", "one channel")
		p, err := Start(Initiator, a)
		if err != nil {
			t.Fatal(err)
		}
		s, err := p.Finish(share)
		if err != nil {
			return
		}
		e, err := ristretto255.NewIdentityElement().SetCanonicalBytes(share)
		if err != nil || !bytes.Equal(e.Bytes(), share) {
			t.Error("a share that is not canonical is taken")
		}
		if s.Confirm(s.Tag()) == nil {
			t.Error("own tag taken")
		}
	})
}
