package mutants

func refsMutants() []mutant {
	return []mutant{
		{"header signature not checked", "refs/header.go", `	if err := keys.VerifyLogSignature(h.Key, domainHeader, h.appendSigned(nil), h.Signature); err != nil {`,
			`	if err := keys.VerifyLogSignature(h.Key, domainHeader, h.appendSigned(nil), h.Signature); err != nil && h.BodySize == 0 {`,
			"refs TestCheckRecord|TestEveryChangedByteIsNoticed|TestHeaderRoundTrip"},
		{"tag not that of the key and store", "refs/header.go", `	if h.Tag != TagOf(store, h.Key) {`, `	if h.Tag != TagOf(store, h.Key) && h.Seq > 1<<40 {`,
			"refs TestCheckRecord|TestRecordOfAnotherStore|TestBodyMovedIntoAnotherLog"},
		{"record follows any", "refs/header.go", `	case h.Previous != prev.Hash:
		return fmt.Errorf("%w: it names another one before it", ErrChain)
`, ``, "refs TestForgedBodies|TestHeaderFollows"},
		{"record of any number", "refs/header.go", `	case h.Seq != prev.Seq+1:
		return fmt.Errorf("%w: number %d after %d", ErrChain, h.Seq, prev.Seq)
`, ``, "refs TestHeaderFollows"},
		{"body is not the signed one", "refs/header.go", `uint64(len(body)) != h.BodySize || sum != h.BodyHash {`, `uint64(len(body)) != h.BodySize && sum != h.BodyHash {`,
			"refs TestCheckRecord|TestEveryChangedByteIsNoticed"},
		{"record in another place", "refs/check.go", `	if h.Tag != tag || h.Seq != seq {
		return nil, fmt.Errorf("%w: it is %s"`, `	if h.Tag != tag && h.Seq != seq {
		return nil, fmt.Errorf("%w: it is %s"`, "refs TestSwappedRemovedAndForeignRecords|TestSealedBody|TestLyingHost"},
		{"body of another vault", "refs/check.go", `	case b.Vault != c.vault.ID():`, `	case b.Vault != c.vault.ID() && b.Seq > 1<<60:`, "refs TestForgedBodies"},
		{"body of another store", "refs/check.go", `	case b.Store != c.store:`, `	case b.Store != c.store && b.Seq > 1<<60:`, "refs TestForgedBodies"},
		{"body of another number", "refs/check.go", `	case b.Seq != rec.Seq:`, `	case b.Seq > 1<<60:`, "refs TestForgedBodies"},
		{"device signature not checked", "refs/check.go", `b.Signature); err != nil {`, `b.Signature); err != nil && b.Seq > 1<<60 {`,
			"refs TestForgedBodies|TestStrangerIsRefused"},
		{"device signature without the log", "refs/check.go", `	return b.appendSigned(append(make([]byte, 0, 512), key[:]...))`,
			`	return b.appendSigned(append(make([]byte, 0, 512), key[:0]...))`, "refs TestBodyMovedIntoAnotherLog"},
		{"writer is no member", "refs/check.go", `	case !member:`, `	case !member && b.Seq > 1<<60:`, "refs TestStrangerIsRefused|TestForgedBodies|TestDeviceThatIsNoMember"},
		{"reader writes", "refs/check.go", `	case c.shared && entry.Role < keys.RoleWriter:`, `	case c.shared && entry.Role < keys.RoleReader:`,
			"refs TestReadersRecordsAreNotMirrored|TestReaderPublishesNothing"},
		{"another device goes on with a log", "refs/check.go", `	if rec.Body.Device != device || rec.Body.Clone != clone {`, `	if rec.Body.Device != device && rec.Body.Clone != clone {`,
			"refs TestForgedBodies|TestLogReplacedByAnother"},
		{"fold does not wait for what was seen", "refs/fold.go", `		case !there:
			return p, false, nil
`, `		case !there:
			continue
`, "refs TestHidden"},
		{"fork that another has seen", "refs/fold.go", `		case hash != p.Hash:
			return`, `		case hash != p.Hash && p.Seq > 1<<60:
			return`, "refs TestForkSeenByAnotherLog|TestProofForkedStates"},
		{"record supersedes what it has not seen", "refs/fold.go", `return d.seq < past.at(d.log) })`, `return len(past) > d.log || d.seq < past.at(d.log) })`,
			"refs TestDivergence|TestFoldAgainstOracle"},
		{"cut-off ignored", "refs/accept.go", `			al.cutAt(cut)
			continue`, `			_ = cut
			continue`, "refs TestRevokedDevices|TestRemovedDevice"},
		{"cut-off one too late", "refs/accept.go", `		l.limit = cut.Sequence + 1
`, `		l.limit = cut.Sequence + 2
`, "refs TestRevokedDevices|TestRemovedDevice"},
		{"unlisted log of a removed device counts", "refs/accept.go", `		if n := vouched[l.tag]; n < al.limit {`, `		if n := vouched[l.tag]; n+100 < al.limit {`,
			"refs TestRevokedDevices|TestRemovedDevice"},
		{"removed device vouches", "refs/accept.go", `		if _, revoked := revocationOf(l, roster); revoked {
			continue
		}
		for`, `		for`, "refs TestRemovedDeviceVouchesForNothing"},
		{"held-back record vouches", "refs/accept.go", `			if folded != nil && !folded.has(rec) {`, `			if folded != nil && folded.logs == nil {`, "refs TestHeldBackRecordsVouchForNothing"},
		{"pin not compared with the log", "refs/accept.go", `			al.freezeAt(pin)
`, `			_ = pin
`, "refs TestFork|TestProofForkedStates|TestLogReplacedByAnother|TestTipReplaced"},
		{"cache not compared with pins", "refs/open.go", `		if there && hash != pin.Hash || !there && r.pinCounts(f, tag) {`, `		if there && hash != pin.Hash && f == nil {`,
			"refs TestRollback|TestProofEarlierStates|TestTipReplaced|TestFork"},
		{"rollback behind a pin", "refs/open.go", `		if present[tag] <= pin.Seq && r.pinCounts(f, tag) {`, `		if present[tag]+1000 <= pin.Seq && r.pinCounts(f, tag) {`,
			"refs TestRollbackIsNoticed|TestProofEarlierStates"},
		{"pin goes back", "refs/open.go", `!ok || pinned && pin.Seq >= pos.Seq {`, `!ok || pinned && pin.Seq == pos.Seq {`,
			"refs TestProof|TestRollback|TestFork|TestCopyGoesOn|TestPins|TestNewestAmongCandidates|TestMend"},
		{"pin before the record", "refs/append.go", `	if err := r.publish(rec, data); err != nil {`, `	if err := r.pins.publish(rec.Position()); err != nil {
		return nil, err
	}
	if err := r.publish(rec, data); err != nil {`, "refs TestCrashes|TestFaults"},
		{"missing body covered by nothing", "refs/accept.go", `			if rec.Body == nil && rec.Seq >= covered.at(a.fold.byTag[l.tag]) {`,
			`			if rec.Body == nil && rec.Seq > 1<<60 {`, "refs TestCheckpointAndDroppedBodies"},
		{"log without a writer counts", "refs/load.go", `	if device == ([32]byte{}) && len(l.records) > 0 && l.problem == nil {`,
			`	if device == ([32]byte{1}) && len(l.records) > 0 && l.problem == nil {`, "refs TestLogWithoutBodiesCountsForNothing"},
		{"gap in a log is passed over", "refs/load.go", `	if l.problem == nil && l.present < uint64(len(seqs)) && !unfinished {`,
			`	if l.problem == nil && l.present > uint64(len(seqs)) && !unfinished {`, "refs TestSwappedRemoved|TestHidden|TestEveryChanged"},
		{"cached tip not looked at", "refs/load.go", `	if headerHash(data) != s.tip {`, `	if len(data) == 0 {`, "refs TestTipReplaced|TestLogReplacedByAnother|TestFork"},
		{"outbox not synced", "refs/send.go", `	return vfs.Publish(r.o.Local, outboxDir+"/"+outboxName(rec.Tag, rec.Seq), data, 0o600)`,
			`	s, err := vfs.Stage(r.o.Local, outboxDir, 0o600)
	if err != nil {
		return err
	}
	if _, err := s.File.Write(data); err != nil {
		return err
	}
	return s.CommitNoDirSync(outboxName(rec.Tag, rec.Seq))`, "refs TestCrashSignsNoPlaceTwice"},
		{"pending record is signed anew", "refs/send.go", `	for _, p := range r.pending {
		prev, started, size = p.rec.Position(), true, size+len(p.data)
	}`, `	for _, p := range r.pending {
		size += len(p.data)
	}`, "refs TestAnotherOperationTakesBack|TestRetry|TestProofSchedules"},
		{"pending record is not sent again", "refs/send.go", `	for _, p := range r.pending {
		all = append(all, p.data)
	}`, `	for _, p := range r.pending[len(r.pending)-1:] {
		all = append(all, p.data)
	}`, "refs TestAnotherOperation|TestManyPacks|TestRetry"},
		{"pending change is not taken back", "refs/pending.go", `	if len(back) == 0 {
		return ops, nil
	}`, `	if len(back) >= 0 {
		return ops, nil
	}`, "refs TestAnotherOperationTakesBackWhatIsPending|TestRetryAfterALostRace"},
		{"place is signed twice", "refs/append.go", `	if inStore || inOutbox {`, `	if inStore && inOutbox {`, "refs TestWriterWithoutTheLock|TestOwnLogIsNeverSignedTwice"},
		{"outbox papers over a rollback", "refs/outbox.go", `		if err := mustFollow(o, h); err != nil {`, `		if err := mustFollow(o, h); err != nil && seq > 1<<60 {`, "refs TestForkInTheOutbox|TestOutbox|TestOwnLog"},
		{"outbox record not compared", "refs/outbox.go", `	case !bytes.Equal(there, data):`, `	case !bytes.Equal(there, data) && len(there) == 0:`, "refs TestForkInTheOutbox|TestOwnLog"},
		{"forked pending record is dropped in silence", "refs/pending.go", `	return r.dropForked(name, data, &ForkError{`, `	return r.o.Local.Remove(name)
	return r.dropForked(name, data, &ForkError{`, "refs TestPendingRecordForks"},
		{"change of any old value", "refs/append.go", `	if have == c.Old {
		return nil
	}
	return`, `	if have == c.Old || v != nil {
		return nil
	}
	return`, "refs TestAppendRefuses"},
		{"sealed body moves to another place", "refs/seal.go", `	b = append(b, tag[:]...)
`, `	b = append(b, tag[:0]...)
`, "refs TestSealedBodyIsTiedToItsPlace"},
	}
}

func mirrorMutants() []mutant {
	return []mutant{
		{"mirrored record not compared with the known one", "refs/mirrorlog.go", `err != nil || hash != t.prev.Hash {`, `err != nil && hash != t.prev.Hash {`,
			"refs TestLyingHost|TestRottenTip"},
		{"mirrored record does not continue", "refs/mirrorlog.go", `		if err := continues(rec, prev, t.device, t.clone); err != nil {
			return err, nil
		}`, `		if err := continues(rec, prev, t.device, t.clone); err != nil && rec.Seq > 1<<60 {
			return err, nil
		}`, "refs TestLyingHost"},
		{"mirror takes a fork of a pin", "refs/mirrorlog.go", `pin.Seq == rec.Seq && pin.Hash != rec.Hash {`, `pin.Seq == rec.Seq && pin.Hash != rec.Hash && rec.Seq > 1<<60 {`,
			"refs TestPinsOutliveTheMirror|TestLyingHost|TestProofForkedStates"},
		{"mirror takes bare headers", "refs/mirrorlog.go", `		} else if !covered {
			break
		}`, `		} else if !covered && ready > 1<<30 {
			break
		}`, "refs TestStrippedBodyIsNotTaken"},
		{"mirror takes a stranger's log", "refs/mirrorlog.go", `	if t.device == ([32]byte{}) {
		if t.took`, `	if t.device == ([32]byte{1}) {
		if t.took`, "refs TestLongLogOfAStrangerIsNotReadOn"},
		{"mirror reads what was not announced", "refs/mirrorlog.go", `	if t.done || t.next() > t.head.Seq && !t.overlap {`, `	if t.done {`, "refs TestMirrorTakesNoMoreThanAnnounced"},
		{"mirror without a limit of bytes", "refs/mirrorlog.go", `	case t.m.read > t.m.limits.bytes:`, `	case t.m.read > t.m.limits.bytes+1<<40:`, "refs TestMirrorInSeveralCalls|TestInventedLogs"},
		{"mirror without a limit of strangers", "refs/mirror.go", `	return m.strangers < m.limits.strangers && m.strangerBytes < m.limits.strangerBytes`,
			`	return m.strangers >= 0`, "refs TestInventedLogsAreLimited"},
		{"announced record not given", "refs/mirrorlog.go", `	case t.next() <= t.head.Seq:
		t.problem(t.next(), fmt.Errorf("%w: the store announces it and does not give it", ErrHidden))
`, ``, "refs TestLyingHost|TestHidden"},
		{"announced hash not compared", "refs/mirrorlog.go", `	case t.prev.Hash != t.head.Hash:
		t.problem(t.head.Seq, fmt.Errorf("%w: the store announces another one than it gives", ErrMismatch))
`, ``, "refs TestLyingHost"},
		{"mirror behind what is known", "refs/mirrorjudge.go", `	if head.Seq < tip.Seq {
		m.found(m.rollback(head.Tag, tip.Seq, head.Seq+1))
	}`, ``, "refs TestLyingHost|TestProofEarlierStates"},
		{"older head not compared", "refs/mirrorjudge.go", `	if known := headerHash(data); known != head.Hash {`, `	if known := headerHash(data); known != head.Hash && head.Seq > 1<<60 {`, "refs TestLyingHost|TestProofForkedStates"},
		{"vanished log", "refs/mirrorjudge.go", `		if known {
			m.found(m.rollback(tag, tip.Seq, 0))
		}`, `		_ = known`, "refs TestLyingHost|TestProofEarlierStates"},
		{"vanished pinned log", "refs/mirrorjudge.go", `		if !named[tag] {
			m.found(`, `		if !named[tag] && len(named) > 1<<20 {
			m.found(`, "refs TestPinsOutliveTheMirror"},
		{"mirror behind a pin", "refs/mirror.go", `	if pinned && !m.second && pin.Seq > head.Seq &&`, `	if pinned && m.second && pin.Seq > head.Seq &&`, "refs TestPinsOutliveTheMirror|TestLyingHost"},
		{"heads in any order", "refs/mirror.go", `		if compareTags(heads[i-1].Tag, heads[i].Tag) >= 0 {`, `		if compareTags(heads[i-1].Tag, heads[i].Tag) > 1 {`, "refs TestLyingHost"},
		{"mirrored records named before they are whole", "refs/mirrorwrite.go", `	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())`, `	return errors.Join(err, f.Close())`, "refs TestMirrorCrashes"},
		{"unfinished mirror not marked", "refs/mirrorwrite.go", `	m.begun = true
	return m.o.Store.SyncDir(".")`, `	m.begun = true
	return m.o.Store.Remove(unfinishedName)`, "refs TestMirrorCrashes|TestMirrorKeeps|TestMirrorInSeveralCalls"},
	}
}
