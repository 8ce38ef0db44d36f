package mutants

func keysMutants() []mutant {
	return []mutant{
		{"commitment not compared", "keys/sealer.go", `	if subtle.ConstantTimeCompare(want[:], sealed[:CommitmentSize]) != 1 {`,
			`	if len(want) == 0 {`, "keys TestSealRoundTrip|TestSealersAreApart|TestEveryChangedByteIsNoticed"},
		{"commitment compared in part", "keys/sealer.go", `subtle.ConstantTimeCompare(want[:], sealed[:CommitmentSize]) != 1`,
			`subtle.ConstantTimeCompare(want[:8], sealed[:8]) != 1`, "keys TestSealRoundTrip|TestEveryChangedByteIsNoticed"},
		{"additional data not sealed", "keys/sealer.go", `	out, err := s.aead.Open(dst, sealed[:NonceSize], sealed[NonceSize:], aad)`,
			`	out, err := s.aead.Open(dst, sealed[:NonceSize], sealed[NonceSize:], aad[:0])`, "keys TestSealRoundTrip"},
		{"pack sealer without its salt", "keys/sealer.go", `	return newSealer(key, v.id, labelPack, salt[:])`,
			`	return newSealer(key, v.id, labelPack, salt[:0])`, "keys TestSealersAreApart|TestDerivationVectors"},
		{"sealer not bound to the vault", "keys/sealer.go", `	if err := derive(okm[:], secret[:], id[:], label, context...); err != nil {`,
			`	if err := derive(okm[:], secret[:], id[:0], label, context...); err != nil {`, "keys TestSealersAreApart|TestDerivationVectors"},
		{"signature not checked", "keys/sign.go", `	if !ed25519.Verify(pub[:], signedBytes(domain, msg), sig[:]) {`,
			`	if !ed25519.Verify(pub[:], signedBytes(domain, msg), sig[:]) && len(msg) > 1<<40 {`,
			"keys TestSignaturesAreForOnePurpose|TestSignTag|TestEveryChangedByteIsNoticed"},
		{"signature for any purpose", "keys/sign.go", `	b = append(b, domain...)
`, ``, "keys TestSignaturesAreForOnePurpose"},
		{"commit of an unknown device", "keys/sign.go", `	if _, ok := v.KnowsDevice(devicePub); !ok {
		return fmt.Errorf("key %x: %w", devicePub[:8], ErrUnknownDevice)
	}
	return verify(devicePub, domainCommit, hash[:], sig)`, `	return verify(devicePub, domainCommit, hash[:], sig)`,
			"keys TestSign|TestMembers|TestRevoke|TestDeviceOpensItsVault"},
		{"tag of an unknown device", "keys/sign.go", `	if _, ok := v.KnowsDevice(devicePub); !ok {
		return fmt.Errorf("key %x: %w", devicePub[:8], ErrUnknownDevice)
	}
	return verify(devicePub, domainTag, hash[:], sig)`, `	return verify(devicePub, domainTag, hash[:], sig)`, "keys TestSign"},
		{"reader may publish", "keys/sign.go", `e.Role < RoleWriter {`, `e.Role < RoleReader {`, "keys TestMembersAndRoles|TestRenameAndRole"},
		{"removed device signs on", "keys/chain.go", `member && v.chain.revoked[v.ownKeys.public] == nil {`, `member {`,
			"keys TestARemoval|TestRevokeDevice|TestRosterConflict|TestAdminsWhoRemoveEachOther"},
		{"roster signature not checked", "keys/rostercodec.go", `	if err := r.verifySignature(); err != nil {`,
			`	if err := r.verifySignature(); err != nil && r.Number > 1<<30 {`, "keys TestChain|TestAdoptRefuses|TestRosterDecoderRefusals"},
		{"roster of no admin", "keys/chain.go", `		if !p.IsAdmin(r.Signer) {`, `		if !p.IsAdmin(r.Signer) && p == nil {`,
			"keys TestChainRefusesWhatNoAdminMaySign"},
		{"writer is an admin", "keys/roster.go", `		return d.Role == RoleAdmin
	}
	for`, `		return d.Role >= RoleWriter
	}
	for`, "keys TestChainRefuses|TestMembersAndRoles|TestRenameAndRole"},
		{"roster drops a revocation", "keys/chain.go", `			if _, ok := r.Revocation(p.Revocations[i].Device); !ok {`,
			`			if _, ok := r.Revocation(p.Revocations[i].Device); !ok && r.Number == 0 {`, "keys TestChainRefusesWhatNoAdminMaySign"},
		{"roster of any number", "keys/chain.go", `	if r.Number != highest+1 {`, `	if r.Number < highest {`, "keys TestChainRefusesWhatNoAdminMaySign"},
		{"roster without its predecessor", "keys/chain.go", `		if p == nil {
			return fmt.Errorf("roster %d: its predecessor %x is missing: %w", r.Number, h[:8], ErrTampered)
		}`, `		if p == nil {
			continue
		}`, "keys TestChainRefusesWhatNoAdminMaySign"},
		{"roster of another vault", "keys/chain.go", `	if r.Genesis != nil || r.Vault != c.vault {`, `	if r.Genesis != nil {`,
			"keys TestChainRefusesWhatNoAdminMaySign|TestAdoptRefuses"},
		{"genesis is not the vault ID", "keys/chain.go", `	if genesis.Genesis == nil || genesis.Hash() != vault {`,
			`	if genesis.Genesis == nil {`, "keys TestChainStartsAtItsVault"},
		{"genesis of any signer", "keys/chain.go", `	if !genesis.IsAdmin(genesis.Signer) {`, `	if false {`, "keys TestChain"},
		{"roster commits to another ID key", "keys/chain.go", `		if k.Kind == CommitObjectIDKey || k.Kind == CommitChunkerKey {`,
			`		if k.Kind == CommitChunkerKey {`, "keys TestChainRefusesWhatNoAdminMaySign"},
		{"keyring not held against the rosters", "keys/keyring.go", `		if !known(kind, number, c) {`, `		if !known(kind, number, c) && number > 1<<30 {`,
			"keys TestKeyringAgainstCommitments|TestForgedKeyringIsRefused"},
		{"epoch keys not held against the rosters", "keys/keyring.go", `	for i := range k.epochs {
		if err := check(`, `	for i := range k.epochs[:0] {
		if err := check(`, "keys TestKeyringAgainstCommitments|TestForgedKeyringIsRefused|TestAdoptRefuses"},
		{"keyring of another vault", "keys/keyring.go", `	if k.vault != vault {`, `	if false {`, "keys Keyring|TestChainStartsAtItsVault|TestAdoptRefuses"},
		{"key file under a false name", "keys/opener.go", `	case sha256.Sum256(data) != hash:
		o.problem(name`, `	case sha256.Sum256(data) != hash && len(data) == 0:
		o.problem(name`, "keys TestFilesUnderFalseNames|TestEveryChangedByteIsNoticed"},
		{"adopted file under a false name", "keys/adopt.go", `	case sha256.Sum256(f.Data) != hash:`, `	case sha256.Sum256(f.Data) != hash && len(f.Data) == 0:`,
			"keys TestAdoptRefuses"},
		{"adopted roster not accepted by the chain", "keys/adopt.go", `	if err := a.v.chain.accept(r); err != nil {
		return err
	}`, `	if err := a.v.chain.accept(r); err != nil {
		return nil
	}`, "keys TestAdoptRefuses"},
		{"adopted keyring not checked", "keys/adopt.go", `	return ring.checkCommitments(v.chain.committed, secret)`,
			`	return ring.checkCommitments(func(CommitmentKind, uint32, [32]byte) bool { return true }, secret)`, "keys TestAdoptRefuses"},
		{"planted slot is taken in", "keys/adopt.go", `	if a.v.identity == nil || a.opened == unlistedLimit {
		return errLater
	}`, `	if a.v.identity == nil || a.opened < unlistedLimit {
		return nil
	}`, "keys TestAdopt"},
		{"slot with another secret is set aside", "keys/adopt.go", `secret != nil && *secret != line.secret {`, `secret != nil && *secret == line.secret {`,
			"keys TestAdoptRefusesWhatIsPlanted"},
		{"slot of another vault is set aside", "keys/adopt.go", `	case line.vault != a.v.id:
		return fmt.Errorf("key slot %w", ErrForeign)
`, ``, "keys TestAdoptRefusesWhatIsPlanted"},
		{"local slot may leave", "keys/adopt.go", `			if !head.Slots[i].Local {`, `			if len(head.Slots) > 0 {`, "keys TestAdopt|TestWeakPassphraseStaysHere"},
		{"roster of a removed admin", "keys/vouch.go", `	if !w.isRemoved(r.Signer) || w.vouched[r.Hash()] || w.chain.byHash[r.Hash()] != nil {`,
			`	if w != nil {`, "keys TestRemovedAdminCannotBlockTheVault"},
		{"anybody vouches", "keys/vouch.go", `trial.accept(r) != nil || !w.mayVouch(r) {`, `trial.accept(r) != nil {`, "keys TestOnlyAnAdminWhoIsLeftVouches|TestRemovedAdmin"},
		{"device slot without a pin", "keys/open.go", `	if pinned.IsZero() {
		return nil, ErrNotPinned
	}`, ``, "keys TestOpenRefusals|TestDeviceOpensItsVault"},
		{"slot of another vault opens", "keys/open.go", `		case line.vault != pinned:
			o.problem(slot.name, ErrForeign)
`, ``, "keys TestOpenRefusals|TestForgedSlotsDoNotShadow"},
		{"any work factor is tried", "keys/open.go", `		case work > maxWork:`, `		case work > maxWork+100:`, "keys TestPassphrase|TestOpenRefusals"},
		{"newer sealed roster is passed over", "keys/opener.go", `		case errors.Is(err, errSealedNewer):`, `		case errors.Is(err, errSealedNewer) && len(list) == 1<<20:`,
			"keys TestControlFileVersions|TestChain|TestOpenRefusals"},
		{"weak passphrase leaves the machine", "keys/manage.go", `		p.entry.Local = true
`, ``, "keys TestWeakPassphraseStaysHere"},
		{"last admin goes", "keys/manage.go", `	if v.roster.hasAdminDevice() && !next.hasAdminDevice() {`, `	if v.roster.hasAdminDevice() && false {`, "keys TestLastAdminStays"},
		{"change during a conflict", "keys/manage.go", `	if len(v.chain.heads()) > 1 {
		return ChangeSet{}, ErrRosterConflict
	}`, ``, "keys TestRosterConflict"},
		{"later cut-off holds", "keys/reconcile.go", `		case c.Sequence < out[i].Sequence:`, `		case c.Sequence > out[i].Sequence:`, "keys TestConflict|TestMembershipProperty|TestARemoval"},
		{"greater role holds", "keys/reconcile.go", `min(next.Devices[i].Role, other.Role)`, `max(next.Devices[i].Role, other.Role)`,
			"keys TestConflictKeepsWhatAnySideTookAway|TestMembershipProperty"},
		{"removed slot comes back", "keys/reconcile.go", `return once[s.Hash] && !h.lists(s.Hash) })`, `return once[s.Hash] && !h.lists(s.Hash) && false })`,
			"keys TestConflictKeepsWhatAnySideTookAway"},
	}
}
