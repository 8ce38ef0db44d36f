package mutants

func ciphers() []mutant {
	return []mutant{
		{"xaes opens what was changed", "internal/xaes/xaes.go",
			`	if err != nil {
		return nil, ErrOpen
	}
	return out, nil`,
			`	if err != nil {
		return dst, nil
	}
	return out, nil`,
			"internal/xaes TestAnyChangedBitIsRefused"},
		{"xaes key from half of the prefix", "internal/xaes/xaes.go", `copy(m[4:], nonce[:12])`, `copy(m[4:], nonce[:6])`,
			"internal/xaes TestPublishedVectors"},
		{"xaes without the cmac subkey", "internal/xaes/xaes.go", `		subtle.XORBytes(m, m, a.subkey[:])
`, ``, "internal/xaes TestPublishedVectors"},
		{"nonce from a constant", "keys/sealer.go", `	_, _ = rand.Read(nonce) // never fails: see crypto/rand`,
			`	_, _ = rand.Read(nonce[:0])`, "keys TestSealRoundTrip|TestNoncesAcrossProcesses"},
		{"nonce of half its length", "keys/sealer.go", `	_, _ = rand.Read(nonce) // never fails: see crypto/rand`,
			`	_, _ = rand.Read(nonce[:2])`, "keys TestNoncesAcrossProcesses"},
		{"cpace tag not compared", "internal/cpace/cpace.go", `	if !hmac.Equal(tag, s.peerTag) {`, `	if len(tag) != len(s.peerTag) {`,
			"internal/cpace TestAnyDifferenceFails|TestEveryBit"},
		{"cpace tag compared in part", "internal/cpace/cpace.go", `	if !hmac.Equal(tag, s.peerTag) {`, `	if len(tag) < 8 || !hmac.Equal(tag[:8], s.peerTag[:8]) {`,
			"internal/cpace TestAnyDifferenceFails|TestEveryBit"},
		{"cpace takes the neutral element", "internal/cpace/cpace.go", `	if k.Equal(ristretto255.NewIdentityElement()) == 1 {`,
			`	if false {`, "internal/cpace TestBadShares|TestVectorsOfPoints"},
		{"cpace takes its own share", "internal/cpace/cpace.go", `	if bytes.Equal(share, p.ownShare) {`, `	if false {`,
			"internal/cpace TestReflection|TestBadShares"},
		{"cpace same data on both sides", "internal/cpace/cpace.go", `	if bytes.Equal(in.AD, in.PeerAD) { // a reflected tag would fit`,
			`	if false {`, "internal/cpace TestReflection|TestAnyDifferenceFails|TestSameCodeMeets"},
		{"cpace generator without the channel", "internal/cpace/cpace.go", `	return LV([]byte(dsi), code, make([]byte, pad), ci, sid)`,
			`	return LV([]byte(dsi), code, make([]byte, pad), ci, sid[:0])`, "internal/cpace TestVectors?Of"},
		{"cpace finishes twice", "internal/cpace/cpace.go", `	p.scalar = nil
`, ``, "internal/cpace TestBadShares|TestSharesAndTagsAreFresh|TestReflection|TestSameCodeMeets"},
		{"cpace scalar from a constant", "internal/cpace/cpace.go", `	rand.Read(wide[:]) // never fails`, `	rand.Read(wide[:0])
	wide[0] = 1`, "internal/cpace TestSharesAndTagsAreFresh"},
		{"cpace tag without the identities", "internal/cpace/cpace.go", `	own, peer := LV(p.ownShare, p.input.AD), LV(share, p.input.PeerAD)`,
			`	own, peer := LV(p.ownShare), LV(share)`, "internal/cpace TestAnyDifferenceFails|TestVector"},
	}
}
