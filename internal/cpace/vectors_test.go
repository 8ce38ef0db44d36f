package cpace

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gtank/ristretto255"
)

// The published vectors that apply to this suite in the initiator-responder setting, from draft-irtf-cfrg-cpace-21: A.1.2
// (prepend_len), A.1.4 (lv_cat), A.3.5 (transcript_ir), B.3.1 to B.3.5 (generator, shares, secret point, key), B.3.10 and
// B.3.11 (valid and invalid points). Not used here, and so not checked: the ordered concatenation of parallel runs (A.3.3,
// A.3.7, B.3.6) and the session ID as an output (B.3.7). The draft has no vectors for the tags of section 10.4.

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func same(t *testing.T, what string, got []byte, want string) {
	t.Helper()
	if w := unhex(t, want); !bytes.Equal(got, w) {
		t.Errorf("%s: %x, and the draft has %x", what, got, w)
	}
}

func scalar(t *testing.T, text string) *ristretto255.Scalar {
	t.Helper()
	s, err := ristretto255.NewScalar().SetCanonicalBytes(unhex(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestVectorsOfStrings(t *testing.T) {
	run := make([]byte, 128)
	for i := range run {
		run[i] = byte(i)
	}
	same(t, "no bytes", LV(nil), "00")
	same(t, "4 bytes", LV([]byte("1234")), "0431323334")
	same(t, "127 bytes", LV(run[:127]), "7f"+hex.EncodeToString(run[:127]))
	same(t, "128 bytes", LV(run), "8001"+hex.EncodeToString(run))
	same(t, "four texts", LV([]byte("1234"), []byte("5"), nil, []byte("678")), "043132333401350003363738")
	same(t, "transcript", slices.Concat(LV([]byte("123"), []byte("PartyA")), LV([]byte("234"), []byte("PartyB"))),
		"03313233065061727479410332333406506172747942")
	same(t, "transcript", slices.Concat(LV([]byte("3456"), []byte("PartyA")), LV([]byte("2345"), []byte("PartyB"))),
		"043334353606506172747941043233343506506172747942")
}

const (
	vectorCI  = "0b415f696e69746961746f720b425f726573706f6e646572"
	vectorSID = "7e4b4791d6a8ef019b936c79fb7f2c57"
	vectorYA  = "d6bac480f2c386c394efc7c47adb9925dcd2630b64f240c50f8d0eec482b9157"
	vectorYB  = "3ea7e0b19560d7c0b0f5734f63b955286dfa8232b5ebe63324e2d9e7433f7258"
	vectorK   = "80b69a8a76457ab6a4d7f887a4bf6b55a2f80ac19c333f917a05fc9887c8b40f"
	vectorISK = `b69effbf61b51d56401c0f65601abe428de8206feaaf0e32198896dc
		ae7b35cd2b38950a39dfd5d4a79164614c2984f7daa460b588c1e80c
		3fa2068af7900447`
)

func TestVectorOfGenerator(t *testing.T) {
	ci, sid := unhex(t, vectorCI), unhex(t, vectorSID)
	same(t, "generator string", generatorString([]byte("Password"), ci, sid), `
		11435061636552697374726574746f3235350850617373776f726464
		00000000000000000000000000000000000000000000000000000000
		00000000000000000000000000000000000000000000000000000000
		00000000000000000000000000000000000000000000000000000000
		00000000000000000000000000000000180b415f696e69746961746f
		720b425f726573706f6e646572107e4b4791d6a8ef019b936c79fb7f
		2c57`)
	g, err := generator([]byte("Password"), ci, sid)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "generator", g.Bytes(), "222b6b195fe84b1652badb6f6a3ae3d24341e7306967f0b8115b40d5698c7e56")
}

// TestVectorOfRun drives both parties with the draft's scalars through the same code as a real run.
func TestVectorOfRun(t *testing.T) {
	in := Input{Code: []byte("Password"), CI: unhex(t, vectorCI), SessionID: unhex(t, vectorSID), AD: []byte("ADa"), PeerAD: []byte("ADb")}
	ya := scalar(t, "da3d23700a9e5699258aef94dc060dfda5ebb61f02a5ea77fad53f4ff0976d08")
	yb := scalar(t, "d2316b454718c35362d83d69df6320f38578ed5984651435e2949762d900b80d")
	a, err := start(Initiator, in, ya)
	if err != nil {
		t.Fatal(err)
	}
	in.AD, in.PeerAD = in.PeerAD, in.AD
	b, err := start(Responder, in, yb)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "Ya", a.Share(), vectorYA)
	same(t, "Yb", b.Share(), vectorYB)
	ka, errA := multiplyVerify(ya, b.Share())
	kb, errB := multiplyVerify(yb, a.Share())
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	same(t, "K of A", ka, vectorK)
	same(t, "K of B", kb, vectorK)
	partA, partB := LV(a.Share(), []byte("ADa")), LV(b.Share(), []byte("ADb"))
	isk := intermediateKey(in.SessionID, ka, slices.Concat(partA, partB))
	same(t, "ISK", isk, vectorISK)

	// The tags have no vector; they are what section 10.4 says of a key that has one.
	mac := macKey(in.SessionID, unhex(t, vectorISK))
	sa, errA := a.Finish(b.Share())
	sb, errB := b.Finish(a.Share())
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	if !bytes.Equal(sa.Tag(), tag(mac, partA)) || !bytes.Equal(sb.Tag(), tag(mac, partB)) {
		t.Error("the tags of a run are not those of the draft's key")
	}
	if sa.Confirm(sb.Tag()) != nil || sb.Confirm(sa.Tag()) != nil {
		t.Error("the run does not end well")
	}
}

func TestVectorsOfPoints(t *testing.T) {
	s := scalar(t, "7cd0e075fa7955ba52c02759a6c90dbbfc10e6d40aea8d283e407d88cf538a05")
	k, err := multiplyVerify(s, unhex(t, "2c3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "product", k, "7c13645fe790a468f62c39beb7388e541d8405d1ade69d1778c5fe3e7f6b600e")
	for _, bad := range []string{"2b3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c", strings.Repeat("00", 32)} {
		if _, err := multiplyVerify(s, unhex(t, bad)); !errors.Is(err, ErrShare) {
			t.Errorf("invalid point %s: %v", bad, err)
		}
	}
}
