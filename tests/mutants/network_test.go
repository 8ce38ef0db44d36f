package mutants

func hostMutants() []mutant {
	return []mutant{
		{"host asks for no permission", "remote/host/store.go", `	if !s.limits.Allow.Has(p) {`, `	if !s.limits.Allow.Has(p) && p == 0 {`, "remote/host TestPermissions|TestAppendOnly"},
		{"reader may delete packs", "remote/host/store.go", `	inner, err := s.allowed(remote.Delete)
	if err != nil {
		return err
	}
	return s.host.locks.hold(ctx, s.vault, func() error { return inner.DeletePack(ctx, name) })`, `	inner, err := s.allowed(remote.Read)
	if err != nil {
		return err
	}
	return s.host.locks.hold(ctx, s.vault, func() error { return inner.DeletePack(ctx, name) })`, "remote/host TestPermissions|TestAppendOnly"},
		{"reader may append", "remote/host/store.go", `	inner, err := s.allowed(remote.Append)
	if err != nil {
		return err
	}
	return diskFull(`, `	inner, err := s.allowed(remote.Read)
	if err != nil {
		return err
	}
	return diskFull(`, "remote/host TestPermissions|TestAppendOnly"},
		{"vaults that a peer may not have", "remote/host/config.go", `	if p.Revoked || len(p.Vaults) > 0 && !slices.Contains(p.Vaults, vault) {`,
			`	if p.Revoked || len(p.Vaults) > 0 && slices.Contains(p.Vaults, keys.VaultID{}) {`, "remote/host TestVaultsOfAPeer|TestPermissions"},
		{"revoked peer has limits", "remote/host/config.go", `	if p.Revoked || len`, `	if len`, "remote/host TestConfig|TestRevocation|TestPermissions|TestServeStdio"},
		{"revoked peer is a peer", "remote/host/host.go", `	if p == nil || p.Revoked {
		return api.Peer{}, false
	}`, `	if p == nil {
		return api.Peer{}, false
	}`, "remote/host TestRevocation|TestUnknownDevices"},
		{"revoked peer opens vaults", "remote/host/host.go", `	if p == nil || p.Revoked {
		return nil, fmt.Errorf(`, `	if p == nil {
		return nil, fmt.Errorf(`, "remote/host TestRevocation|TestPermissions|TestVaultsOfAPeer"},
		{"peer without a device is anybody", "remote/host/config.go", `	if id == (keys.DeviceID{}) { // peers without a device have it, and it is nobody's
		return nil
	}`, ``, "remote/host TestAddAndRename|TestConfig|TestUnknownDevices"},
		{"connections outlive a revocation", "remote/host/reload.go", `			n := h.conns.closeDevice(id)`, `			n := h.conns.count()`, "remote/host TestRevocationEndsConnections|TestRevocationEndsAnUpload"},
		{"permissions through ssh not cut", "remote/host/host.go", `	limits.Allow &= allow
`, ``, "remote/host TestServeStdio|TestPermissions"},
		{"revoked peer through ssh", "remote/host/stdio.go", `	if known.Revoked {`, `	if known.Revoked && b.allow == 0 {`, "remote/host TestRevocationEndsStdio|TestServeStdio"},
		{"no quota in bytes", "remote/host/usage.go", `	return l.Quota > 0 && used.bytes+more.bytes > uint64(l.Quota) ||`, `	return l.Quota > 0 && used.bytes > uint64(l.Quota)+1<<40 ||`, "remote/host TestQuota"},
		{"no quota in packs", "remote/host/usage.go", `		l.Packs > 0 && more.packs > 0 && used.packs+more.packs > l.Packs`, `		l.Packs > 0 && more.packs > 0 && used.packs > l.Packs+1<<40`, "remote/host TestQuotaInPacks"},
		{"uploads side by side not counted", "remote/host/usage.go", `		sum.add(v.reserved)
`, ``, "remote/host TestUploadsSideBySideKeepToTheQuota"},
		{"quota of one vault alone", "remote/host/store.go", `	if s.own {`, `	if s.limits.Quota > 0 {`, "remote/host TestQuotaCountsAllVaultsOfItsMaker"},
		{"no limit of records per hour", "remote/host/account.go", `	if recent(r.Before, r.Records, past)+n <= limit {`, `	if recent(r.Before, r.Records, past)+n <= limit+1<<20 {`, "remote/host TestRecordsPerHour|TestRateOfManyHours"},
		{"connections per peer not counted", "remote/host/conns.go", `	if same >= per {
		return false
	}`, ``, "remote/host TestConnectionsPerPeer"},
		{"connections per address not counted", "remote/host/conns.go", `	if same >= per || len(l.open) >= all {`, `	if len(l.open) >= all {`, "remote/host TestConnectionsPerAddress"},
		{"appending without the lock", "remote/host/store.go", `	return diskFull(s.host.locks.hold(ctx, s.vault, func() error { return s.append(ctx, inner, records, heads) }))`,
			`	return diskFull(s.append(ctx, inner, records, heads))`, "remote/host TestProofRaces|TestTheLockIsWaitedFor"},
	}
}

func apiMutants() []mutant {
	return []mutant{
		{"unknown peer is served", "remote/api/handler.go", `e.h.o.PeerOf(e.r); !known {`, `e.h.o.PeerOf(e.r); !known && e.r == nil {`, "remote/api TestStrangersAreRefused"},
		{"routes ask for no permission", "remote/api/handler.go", `	err = e.permitted()
	if err == nil {
		err = e.route.serve(e)
	}`, `	err = e.route.serve(e)`, "remote/api TestPermissions"},
		{"route of a pack without permission", "remote/api/routes.go", `"vaults/{vault}/packs/{pack}", remote.Read, (*exchange).getPack},`,
			`"vaults/{vault}/packs/{pack}", 0, (*exchange).getPack},`, "remote/api TestPermissions"},
		{"route of deleting a file for writers", "remote/api/routes.go", `"vaults/{vault}/files/{dir}/{file}", remote.Delete, `, `"vaults/{vault}/files/{dir}/{file}", remote.Append, `,
			"remote/api TestPermissions"},
		{"route of appending for readers", "remote/api/routes.go", `"vaults/{vault}/logs/{log}", remote.Append, `, `"vaults/{vault}/logs/{log}", remote.Read, `, "remote/api TestPermissions"},
		{"any version is served", "remote/api/handler.go", `	case len(got) > 1 || got[0] != version:
		return fmt.Errorf("%w: this host`, `	case len(got) > 1:
		return fmt.Errorf("%w: this host`, "remote/api TestVersions"},
		{"file name of a path not checked", "remote/api/routes.go", `			_, err = remote.CheckFileName(t.file)`, `			_ = remote.CheckFileName`, "remote/api TestBadPaths"},
		{"records of another log", "remote/api/serve_vault.go", `		case h.Tag != e.target.log:`, `		case h.Tag != e.target.log && len(r) == 0:`, "remote/api TestHostileClients|TestAppend|TestConformance"},
		{"body of any size is read", "remote/api/body.go", `	case b.size > limit:
		return tooLarge(limit)
`, ``, "remote/api TestHostileClients|TestNothingSentInVain"},
		{"range beyond the pack", "remote/api/serve_pack.go", `!ok || last < first || last >= size {`, `!ok || last < first {`, "remote/api TestRanges"},
		{"list out of order", "remote/api/codec.go", `		if len(elements) > 0 && l.compare(elements[len(elements)-1], e) >= 0 {
			return nil, l.fault(formError{errOrder})
		}`, ``, "remote/api TestLists|TestLyingBodies|Fuzz"},
		{"list of any length", "remote/api/codec.go", `n = d.Uvarint(l.limit, "number of "+l.what+"s") }); err != nil {`, `n = d.Uvarint(1<<63, "number of "+l.what+"s") }); err != nil {`,
			"remote/api TestLists|TestLyingBodies"},
		{"record of any length", "remote/api/frames.go", `	n := d.Uvarint(refs.MaxRecord, "length of a record")`, `	n := d.Uvarint(refs.MaxRecord<<4, "length of a record")`, "remote/api TestFrames|TestLyingBodies"},
		{"pack changes its size", "remote/api/store_pack.go", `|| r.size >= 0 && size != r.size:`, `|| r.size < -1:`, "remote/api TestPackChangesItsSize"},
		{"another part of a pack", "remote/api/store_pack.go", `	case first != r.next || last+1 != end || resp.ContentLength != end-first:`, `	case last < first:`, "remote/api TestPackResumes|TestLyingBodies|TestPackGivesUp"},
		{"answer of any size", "remote/api/request.go", `	case resp.ContentLength > limit:`, `	case resp.ContentLength > limit+1<<40:`, "remote/api TestLyingBodies"},
		{"answer of any server", "remote/api/request.go", `	case len(got) == 0:
		return fmt.Errorf("%s: %w: %s", s.o.Name, remote.ErrNotEvault, describe(resp))
	case len(got) > 1 || got[0] != version:`, `	case len(got) == 0:
		_ = describe
	case len(got) > 1 || got[0] != version:`, "remote/api TestOtherServers"},
		{"cut-off answer looks like an end", "remote/api/handler.go", `	if e.w.begun() {
		return false
	}`, `	if e.w.begun() {
		return true
	}`, "remote/api TestBrokenOffAnswers"},
	}
}

func transportMutants() []mutant {
	return []mutant{
		{"tls pin ignored", "remote/transport/tls.go", `			if subtle.ConstantTimeCompare(found[:], want[:]) != 1 {`, `			if subtle.ConstantTimeCompare(found[:0], want[:0]) != 1 {`,
			"remote/transport TestWrongHost|TestHostWithOtherKey"},
		{"tls pin compared in part", "remote/transport/tls.go", `subtle.ConstantTimeCompare(found[:], want[:]) != 1`, `subtle.ConstantTimeCompare(found[:1], want[:1]) != 1`,
			"remote/transport TestWrongHost|TestHostWithOtherKey"},
		{"host lets anybody in", "remote/transport/tls.go", `			if !ok || !allowed(device) {`, `			if !ok || !allowed(device) && device == (keys.DeviceID{}) {`, "remote/transport TestUnknownDevice|TestHostRefusesDevice"},
		{"host wants no certificate", "remote/transport/tls.go", `		ClientAuth:             tls.RequireAnyClientCert,`, `		ClientAuth:             tls.NoClientCert,`, "remote/transport TestHandshake"},
		{"certificate of any key", "remote/transport/tls.go", `	if state == nil || len(state.PeerCertificates) != 1 {`, `	if state == nil || len(state.PeerCertificates) < 1 {`, "remote/transport TestOtherCertificates"},
		{"client speaks old TLS", "remote/transport/tls.go", `		MinVersion: tls.VersionTLS13,
		MaxVersion: tls.VersionTLS13,
		NextProtos: []string{protocolName},
		GetClientCertificate`, `		MinVersion: tls.VersionTLS12,
		MaxVersion: tls.VersionTLS13,
		NextProtos: []string{protocolName},
		GetClientCertificate`, "remote/transport TestOldTLSIsRefused"},
		{"host without a pin is dialed", "remote/transport/dial.go", `	if u.Device == (keys.DeviceID{}) {`, `	if u.Device == (keys.DeviceID{1}) {`, "remote/transport TestHostWithoutPin"},
		{"ssh takes the host for an option", "remote/transport/ssh.go", `	return append(argv, "-T", "--", host, `, `	return append(argv, "-T", host, `, "remote/transport TestSSHArguments"},
		{"path not quoted for the shell", "remote/transport/command.go", `	return shellQuote(path)`, `	return path`, "remote/transport TestRemotePath|TestQuoting|TestSSHArguments"},
		{"path below home not quoted for the shell", "remote/transport/command.go", `		return "~/" + shellQuote(rest)`, `		return "~/" + rest`, "remote/transport TestRemotePath|TestQuoting|TestSSHArguments"},
		{"address begins with a dash", "remote/url.go", `	case text[0] == '-':`, `	case text[0] == 0:`, "remote TestParseURLRefuses"},
		{"control characters in an address", "remote/url.go", `	if err := checkControls(path); err != nil {`, `	if err := checkControls(scheme); err != nil {`, "remote TestParseURLRefuses"},
	}
}

func pairingMutants() []mutant {
	return []mutant{
		{"pairing without key confirmation here", "remote/pairing/join.go", `	if err := session.Confirm(tag); err != nil { // an honest`, `	if err := session.Confirm(tag); err != nil && len(tag) == 0 { // an honest`,
			"remote/pairing TestProofHostileListener|TestProofManInTheMiddle|TestProofReflection"},
		{"pairing without key confirmation there", "remote/pairing/serve.go", `return session.Confirm(tag) == nil })`, `return session.Confirm(tag) == nil || len(tag) > 0 })`,
			"remote/pairing TestUsedCode|TestProofWrongCodes"},
		{"pairing without the channel", "remote/pairing/channel.go", `SessionID: c.binding, AD`, `SessionID: c.binding[:0], AD`, "remote/pairing TestChannelsAreBound|TestEachBindingCounts|TestProofManInTheMiddle"},
		{"pairing without the identities", "remote/pairing/channel.go", `	in.CI = cpace.LV([]byte(protocol), []byte{version, kind}, joiner, listener)`,
			`	in.CI = cpace.LV([]byte(protocol), []byte{version, kind}, joiner[:0], listener[:0])`, "remote/pairing TestEachBindingCounts"},
		{"pairing without the version", "remote/pairing/channel.go", `	in.CI = cpace.LV([]byte(protocol), []byte{version, kind}, joiner, listener)`,
			`	in.CI = cpace.LV([]byte(protocol), []byte{kind}, joiner, listener)`, "remote/pairing TestEachBindingCounts"},
		{"wrong codes are not counted", "remote/pairing/invitation.go", `	i.wrong++
`, ``, "remote/pairing TestProofWrongCodes|TestProofGuesses"},
		{"one try more", "remote/pairing/invitation.go", `	case i.wrong >= Tries:`, `	case i.wrong > Tries:`, "remote/pairing TestProofWrongCodes"},
		{"code serves twice", "remote/pairing/invitation.go", `		i.used = true
`, ``, "remote/pairing TestUsedCode|TestProofOneOfMany"},
		{"code does not expire", "remote/pairing/invitation.go", `	case now.Sub(i.made) >= Lifetime, now.Round(0).Sub(i.made.Round(0)) >= Lifetime:`, `	case now.Sub(i.made) >= 100*Lifetime:`,
			"remote/pairing TestExpiry"},
		{"code lives on while the clock stands", "remote/pairing/invitation.go", `	case now.Sub(i.made) >= Lifetime, now.Round(0).Sub(i.made.Round(0)) >= Lifetime:`, `	case now.Sub(i.made) >= Lifetime:`,
			"remote/pairing TestExpiry|TestUsedCode"},
		{"guesses beside each other", "remote/pairing/serve.go", `turn: make(chan struct{}, 1)`, `turn: make(chan struct{}, 100)`, "remote/pairing TestProofGuesses|TestGuessesAreSlow|TestProofOneOfMany"},
		{"guesses without a pause", "remote/pairing/serve.go", `sleep(ctx, s.limits.penalty))`, `sleep(ctx, s.limits.penalty/1000))`, "remote/pairing TestGuessesAreSlow|TestProofGuesses"},
		{"tag before the other's", "remote/pairing/serve.go", `	tag, err := readMessage(c, kindProof, cpace.TagSize, cpace.TagSize)`, `	_ = writeMessage(c, kindProof, session.Tag())
	tag, err := readMessage(c, kindProof, cpace.TagSize, cpace.TagSize)`, "remote/pairing TestPairWithAHost|TestProofWrongCodes"},
		{"scanned device not compared", "remote/pairing/join.go", `c.peerID() != j.target.device {`, `c.peerID() == (keys.DeviceID{}) {`, "remote/pairing TestMiddleIsNotTheScannedDevice"},
		{"message of any length", "remote/pairing/message.go", `	case size < least || size > most:`, `	case size < least:`, "remote/pairing TestLengthsComeFirst"},
		{"message of any kind", "remote/pairing/message.go", `	case header[0] != kind:`, `	case header[0] > 100:`, "remote/pairing TestProofGarbage|TestLengthsComeFirst|TestOtherClients"},
		{"permissions of a later evault", "remote/pairing/message.go", `d.Err() == nil && g.Permissions&^all != 0 {`, `d.Err() == nil && g.Permissions&^all == 0xff {`, "remote/pairing TestMessages|FuzzMessage|TestProofHostileListener"},
		{"role of a later evault", "remote/pairing/message.go", `	if d.Err() == nil && (g.Role < keys.RoleReader || g.Role > keys.RoleAdmin) {`, `	if d.Err() == nil && g.Role < keys.RoleReader {`, "remote/pairing TestMessages|FuzzMessage|TestProofHostileListener"},
		{"device pairs with itself", "remote/pairing/channel.go", `	if bytes.Equal(c.peer, c.own) {`, `	if bytes.Equal(c.peer, c.own[:0]) {`, "remote/pairing TestNotWithOneself"},
	}
}
