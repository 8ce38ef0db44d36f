// Package cpace is CPace, a password-authenticated key exchange: two parties who share a short code, and nothing else, agree
// on a strong key over a channel that somebody may control. Whoever sits in between learns nothing about the code but
// whether one guess per run was right.
//
// It follows draft-irtf-cfrg-cpace-21, the suite CPACE-RISTR255-SHA512 (section 8.3) in the initiator-responder setting,
// with the explicit key confirmation of section 10.4. The group is ristretto255 (RFC 9496) from another library; here is
// the protocol around it. The tests hold it to the vectors of the draft's appendix B.3. Nobody has audited this package.
//
// Calling sequence, the same on both sides:
//
//	p, err := cpace.Start(cpace.Initiator, input)   a fresh secret scalar
//	send p.Share(), receive the other's
//	s, err := p.Finish(share)                       nothing is proved yet
//	send s.Tag(), receive the other's
//	err = s.Confirm(tag)                            now the other side is known to have used the same code and the same input
//
// What is confirmed is the input: with the exporter value of a TLS channel as the session ID, the channel has no one in
// between. The key itself is not given out, because nobody needs it.
//
// The side that must not be guessed at (the one that shows the code) sends its tag only after it has confirmed the other's:
// then a guess is tested by it alone, and it can count.
//
// The identities of both parties belong into Input.CI and Input.AD; what is there and is not the same on both sides makes
// the run fail. The secret scalar is used once, and a Party takes one share.
package cpace

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/gtank/ristretto255"
)

// Sizes in bytes.
const (
	ShareSize = 32 // of what each side sends first: an encoded element of the group
	TagSize   = 64 // of what each side proves with: an HMAC-SHA-512
)

const (
	dsi       = "CPaceRistretto255"
	dsiISK    = "CPaceRistretto255_ISK"
	macDomain = "CPaceMac"
	blockSize = 128 // of SHA-512, H.s_in_bytes
)

var (
	// ErrShare says that a share is no element of the group, its neutral element, or our own sent back to us. The run is over.
	ErrShare = errors.New("cpace: not a share that an honest party sends")
	// ErrConfirm says that the other side has not derived the same key: another code, other identities, another channel.
	ErrConfirm = errors.New("cpace: the other side has another key")
	// ErrOnce says that a Party was asked to finish a second time.
	ErrOnce = errors.New("cpace: a run is finished once")
)

// Role says which side a party is. The two must differ.
type Role uint8

// The roles.
const (
	Initiator Role = 1 // called A in the draft
	Responder Role = 2 // called B
)

// Input is what the parties put in. Code, CI and SessionID must be the same on both sides, and each one's PeerAD must be the
// other's AD: the associated data is expected and not sent, so that nobody has to compare it.
type Input struct {
	Code      []byte // what the users have carried from one side to the other; PRS in the draft
	CI        []byte // the channel and who is at its ends, the initiator first
	SessionID []byte // unique for the run
	AD        []byte // this side's associated data, which must differ from the other's: its role
	PeerAD    []byte
}

// Party is one side of one run. It is for one goroutine.
type Party struct {
	role     Role
	input    Input
	scalar   *ristretto255.Scalar // nil once it has been used
	ownShare []byte
}

// Start draws the secret scalar of a run and computes the share to be sent.
func Start(role Role, in Input) (*Party, error) {
	if role != Initiator && role != Responder {
		return nil, errors.New("cpace: no such role")
	}
	if bytes.Equal(in.AD, in.PeerAD) { // a reflected tag would fit
		return nil, errors.New("cpace: both sides have the same associated data")
	}
	y, err := sampleScalar()
	if err != nil {
		return nil, err
	}
	return start(role, in, y)
}

func start(role Role, in Input, y *ristretto255.Scalar) (*Party, error) {
	g, err := generator(in.Code, in.CI, in.SessionID)
	if err != nil {
		return nil, err
	}
	share := ristretto255.NewIdentityElement().ScalarMult(y, g).Bytes()
	return &Party{role: role, input: in, scalar: y, ownShare: share}, nil
}

// sampleScalar draws a scalar by reducing 512 random bits, so that no bias worth the name is left. The draft takes 252 bits as
// they are; which of the two a party does cannot be seen from outside.
func sampleScalar() (*ristretto255.Scalar, error) {
	var wide [64]byte
	rand.Read(wide[:]) // never fails
	y, err := ristretto255.NewScalar().SetUniformBytes(wide[:])
	clear(wide[:])
	if err != nil {
		return nil, err
	}
	if y.Equal(ristretto255.NewScalar()) == 1 {
		return nil, errors.New("cpace: the random source gave zero")
	}
	return y, nil
}

// generator is G.calculate_generator of section 8.3: every code has a base point of its own, whose logarithm nobody knows.
func generator(code, ci, sid []byte) (*ristretto255.Element, error) {
	sum := sha512.Sum512(generatorString(code, ci, sid))
	return ristretto255.NewIdentityElement().SetUniformBytes(sum[:])
}

// generatorString fills the hash's first block with name and code, so that its time does not depend on the code's length
// (section 8.1).
func generatorString(code, ci, sid []byte) []byte {
	pad := max(0, blockSize-len(LV(code))-len(LV([]byte(dsi)))-1)
	return LV([]byte(dsi), code, make([]byte, pad), ci, sid)
}

// Share is what to send to the other side: ShareSize bytes that tell nothing about the code.
func (p *Party) Share() []byte { return bytes.Clone(p.ownShare) }

// Finish takes the other side's share and derives the key, of which nothing can be had before Confirm. The errors are
// ErrShare and ErrOnce; after either the run is over.
func (p *Party) Finish(share []byte) (*Session, error) {
	y := p.scalar
	if y == nil {
		return nil, ErrOnce
	}
	p.scalar = nil
	if bytes.Equal(share, p.ownShare) {
		return nil, ErrShare
	}
	k, err := multiplyVerify(y, share)
	if err != nil {
		return nil, err
	}
	own, peer := LV(p.ownShare, p.input.AD), LV(share, p.input.PeerAD)
	transcript := slices.Concat(own, peer)
	if p.role == Responder {
		transcript = slices.Concat(peer, own)
	}
	mac := macKey(p.input.SessionID, intermediateKey(p.input.SessionID, k, transcript))
	return &Session{ownTag: tag(mac, own), peerTag: tag(mac, peer)}, nil
}

// multiplyVerify is G.scalar_mult_vfy of section 8.3: a share that is no canonical encoding, or leads to the neutral element,
// as in a group of prime order only the neutral element does, ends the run.
func multiplyVerify(y *ristretto255.Scalar, share []byte) ([]byte, error) {
	other, err := ristretto255.NewIdentityElement().SetCanonicalBytes(share)
	if err != nil {
		return nil, ErrShare
	}
	k := ristretto255.NewIdentityElement().ScalarMult(y, other)
	if k.Equal(ristretto255.NewIdentityElement()) == 1 {
		return nil, ErrShare
	}
	return k.Bytes(), nil
}

// intermediateKey is the draft's ISK.
func intermediateKey(sid, k, transcript []byte) []byte {
	sum := sha512.Sum512(append(LV([]byte(dsiISK), sid, k), transcript...))
	return sum[:]
}

// macKey is the key of both tags (section 10.4).
func macKey(sid, isk []byte) []byte {
	h := sha512.New()
	h.Write([]byte(macDomain))
	h.Write(sid)
	h.Write(isk)
	return h.Sum(nil)
}

func tag(key, message []byte) []byte {
	h := hmac.New(sha512.New, key)
	h.Write(message)
	return h.Sum(nil)
}

// Session is a derived key of which nobody knows yet whether the other side has it too.
type Session struct {
	ownTag, peerTag []byte
}

// Tag is what to send, TagSize bytes, to prove that this side has the key.
func (s *Session) Tag() []byte { return bytes.Clone(s.ownTag) }

// Confirm checks the other side's tag in constant time. The error is ErrConfirm.
func (s *Session) Confirm(tag []byte) error {
	if !hmac.Equal(tag, s.peerTag) {
		return ErrConfirm
	}
	return nil
}

// LV joins texts so that no two lists of them give the same bytes: each with its length before it, unsigned LEB128. It is the
// draft's lv_cat, and what CI is made with.
func LV(texts ...[]byte) (joined []byte) {
	for _, t := range texts {
		joined = binary.AppendUvarint(joined, uint64(len(t)))
		joined = append(joined, t...)
	}
	return joined
}
