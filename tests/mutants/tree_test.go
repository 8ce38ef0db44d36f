package mutants

func repoMutants() []mutant {
	return []mutant{
		{"commit's signature not checked", "repo/repository.go", `	if err := r.vault.VerifyCommit(c.Device, c.SigningHash(), c.Signature); err != nil {`,
			`	if err := r.vault.VerifyCommit(c.Device, c.SigningHash(), c.Signature); err != nil && len(data) == 0 {`, "repo TestConnectedChecksSignatures"},
		{"missing object is not missed", "repo/reach.go", `		return lack(e, objects.ErrNotFound)`, `		return nil`, "repo TestConnectedNamesWhatIsMissing"},
		{"remote store of another vault", "repo/conversation.go", `	if !c.knownVault() {`, `	if !c.knownVault() && c.created {`, "tests/hostile TestHostileHost @another vault"},
		{"remote store was replaced", "repo/conversation.go", `	case refs.StoreID{}:
		return c.repo.pinStore(c.name, c.url, c.info.Store)
	}
`, `	default:
		return c.repo.pinStore(c.name, c.url, c.info.Store)
	}
`, "tests/hostile TestHostileHost @another store"},
		{"planted key files are taken", "repo/keyfiles.go", `	if err := writeKeyFiles(c.repo.places.Vault, accepted); err != nil {`, `	if err := writeKeyFiles(c.repo.places.Vault, append(accepted, files...)); err != nil {`,
			"tests/hostile TestHostileHost @roster planted"},
		{"refused key files are kept quiet", "repo/keyfiles.go", `		c.suspect(fmt.Errorf("%w: planted on the remote: %w", ErrSecurity, err))`, `		_ = err`, "tests/hostile TestHostileHost @roster planted"},
		{"what a remote hides is kept quiet", "repo/conversation.go", `			c.suspect(found.Problems...)`, `			_ = found.Problems`, "tests/hostile TestHostileHost @one log put back"},
		{"branch without its objects", "repo/fetch.go", `			u.Kind, u.Reason = UpdateUnreachable, err.Error()
`, `			u.Reason = err.Error()
`, "tests/hostile TestHostileHost @member moves main to nothing"},
		{"lost packs are kept quiet", "repo/takepacks.go", `	c.suspect(&refs.MissingPacksError{Missing: lost, Total: len(live)})
`, ``, "tests/hostile TestHostileHost @packs withheld"},
		{"reader sends packs", "repo/push.go", `	if err := p.repo.vault.CanPublish(); err != nil { // by the newest`, `	if err := p.repo.vault.CanPublish(); err != nil && p.o.Delete { // by the newest`,
			"tests TestScripts/device_reader"},
		{"push over what it does not know", "repo/push.go", `		case !known:
			u.Kind, u.Reason = UpdateRefused, "another device has advanced it: fetch first"
			return nil
		default:
			u.Kind, u.Reason = UpdateRefused, "not a fast-forward: it does not descend from what is there"
			return nil
		}`, `		}`, "tests TestScripts/remote_usb"},
		{"clone of another vault than named", "repo/clone.go", `	if !pinned.IsZero() && v.ID() != pinned {`, `	if !pinned.IsZero() && v.ID() == (keys.VaultID{}) {`, "tests TestScripts/clone_pinned"},
		{"clone tries this device without a pin", "repo/clone.go", `	pinned := u.Vault
	if u, err = completeURL(ctx, site, u); err != nil {
		return placed(u, err)
	}`, `	if u, err = completeURL(ctx, site, u); err != nil {
		return placed(u, err)
	}
	pinned := u.Vault`, "tests TestScripts/clone_refused"},
		{"clone takes any key file", "repo/clone.go", `		if remote.CheckFile(info.Name, data) == nil {`, `		if data != nil {`, "tests/hostile TestHostileHost @key files changed"},
		{"roster pin ignored", "repo/rosterpin.go", `	if _, ok := r.vault.RosterByHash(pinned); ok {`, `	if _, ok := r.vault.RosterByHash(pinned); ok || mode == Writing {`, "repo TestRosterThatWasTakenAwayIsMissed"},
		{"read back pack not compared", "repo/verifyremote.go", `n != int64(p.Size) || got != p.Name {`, `n != int64(p.Size) && got != p.Name {`, "tests/hostile TestHostileHost @checks lie"},
		{"records there not compared", "repo/verifyremote.go", `			if !ok {
				v.damage(`, `			if !ok && seq > 1<<30 {
				v.damage(`, "tests TestScripts/verify_remote_damaged"},
		{"verify does not walk the history", "repo/verify.go", `	return v.checkHistory(ctx)`, `	return nil`, "tests/corrupt TestProofHostileMember|TestProofDamage"},
		{"verify checks no signatures", "repo/verify.go", `errors.Is(err, ErrSecurity) {
				v.result`, `errors.Is(err, ErrUsage) {
				v.result`, "tests/corrupt TestProofHostileMember"},
		{"verify does not miss chunks", "repo/verify.go", `	if !ok {
		report(e, "missing")
		return
	}`, `	if !ok {
		return
	}`, "tests/corrupt TestProofHostileMember|TestProofDamage"},
		{"device request not signed", "repo/device.go", `keys.VerifyDeviceRequest(q.tls, q.body(), q.signature); err != nil {`,
			`keys.VerifyDeviceRequest(q.tls, q.body(), q.signature); err != nil && len(data) == 0 {`, "repo TestChangedDeviceRequest"},
	}
}

func worktreeMutants() []mutant {
	return []mutant{
		{"restore follows links in its way", "worktree/safe_dir.go", `	if st.Type != vfs.Directory {
		return r.replaceByDir(up, t)
	}`, `	if st.Type != vfs.Directory && st.Type != vfs.Symlink {
		return r.replaceByDir(up, t)
	}`, "worktree TestRestoreKeepsWhatIsNotInTheTree|TestRestoreHostileTrees"},
		{"open follows links", "internal/vfs/dir_unix.go", `flag|unix.O_NOFOLLOW|unix.O_CLOEXEC`, `flag|unix.O_CLOEXEC`, "internal/vfs TestRealConforms"},
		{"name of several components", "internal/vfs/dir_unix.go", `	if err := CheckComponent("open", name); err != nil {
		return -1, err
	}
`, ``, "internal/vfs TestRealConforms"},
		{"restore writes into what is there", "worktree/apply_file.go", `os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)`, `os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)`, "worktree TestRestoreCreatesWhatItWrites"},
		{"others read a file while it is written", "worktree/apply_file.go", `os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)`, `os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)`, "worktree TestRestoreKeepsUnfinishedFilesPrivate"},
		{"others look into a new folder", "worktree/safe_dir.go", `	err := up.Mkdir(t.name, 0o700)`, `	err := up.Mkdir(t.name, 0o755)`, "worktree TestRestoreKeepsUnfinishedFilesPrivate"},
		{"names of a tree not checked", "worktree/apply_walk.go", `		if err := checkName(e.Name); err != nil {
			return err
		}
		return each`, `		return each`, "worktree TestRestoreHostileTrees|TestRestoreMutatedTrees"},
		{"content shorter than its entry says", "worktree/apply_file.go", `	if err == nil && w.into.off != e.Size {`, `	if err == nil && w.into.off > e.Size {`, "worktree TestRestoreHostileTrees"},
		{"chunk of another length", "worktree/apply_file.go", `	if got != x.Length {`, `	if got > x.Length+1<<40 {`, "worktree TestRestoreHostileTrees"},
		{"budget not checked", "worktree/restore_run.go", `		err = o.Budget.check(selected)`, `		err = o.Budget.check(totals{})`, "worktree TestRestoreBudget"},
		{"folders of any depth", "worktree/apply_walk.go", `	if depth > objects.MaxDepth {`, `	if depth > objects.MaxDepth<<10 {`, "worktree TestRestoreHostileTrees"},
		{"folded names not compared", "worktree/restore_run.go", `		if met[name] && len(found.Paths) < MaxProblems {`, `		if met[name] && len(found.Paths) > MaxProblems {`, "worktree TestRestoreFoldedNames"},
		{"hard link to what was there", "worktree/apply_last.go", `	if g != nil && g.ok.Load() && w.twin(g, e) {`, `	if g != nil && w.twin(g, e) {`, "worktree TestRestoreHardLinks|TestRestoreGoesOn|TestRestoreDoesNotReach|TestRestoreFaults"},
		{"links before files", "worktree/apply_last.go", `		func(t objects.EntryType) bool { return t == objects.TypeFile },
		func`, `		func(t objects.EntryType) bool { return t == objects.TypeSymlink },
		func(t objects.EntryType) bool { return t == objects.TypeFile },
		func`, "worktree TestRestore"},
		{"checkout overwrites what changed since", "worktree/apply_last.go", `	if err == nil && seen.stillIs(&st) {`, `	if err == nil {`, "worktree TestCheckoutLeavesWhatChangedSinceThePlan"},
		{"temporary names may be restored", "worktree/safe_name.go", `	if strings.HasPrefix(name, tempPrefix) && IsTemporary(name) {`, `	if strings.HasPrefix(name, tempPrefix) && IsTemporary("") {`, "worktree TestRestoreHostileTrees"},
		{"devices without being asked", "worktree/apply_last.go", `	if device && !(r.o.Devices && r.root) {`, `	if device && !r.root {`, "worktree TestRestoreSpecials"},
		{"set-ID bits without their owner", "worktree/metadata_write.go", `	return e.Mode & 0o1777`, `	return e.Mode & 0o7777`, "worktree TestRestore"},
	}
}
