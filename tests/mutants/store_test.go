package mutants

func packMutants() []mutant {
	return []mutant{
		{"object's ID not recomputed", "pack/get.go", `	right := ok && db.idOf(stored, data) == id`, `	right := ok`,
			"pack TestIndexThatLies|TestIndexWithWrongIDs|TestLyingPack"},
		{"object's kind not compared", "pack/get.go", `	if right && stored == kind {`, `	if right {`, "pack TestWrongKindIsNotFound"},
		{"received pack of another hash", "pack/receive.go", `got != p.Name {`, `got != p.Name && len(got) == 0 {`, "pack TestUnfitPacksLeaveNothing"},
		{"received pack too long", "pack/receive.go", `		if int64(n) > left {
			return fmt.Errorf("pack %s: %w: longer than %d bytes", p.Name, ErrMismatch, p.Size)
		}`, `		if int64(n) > left {
			left = int64(n)
		}`, "pack TestUnfitPacksLeaveNothing"},
		{"received pack of any announced size", "pack/receive.go", `	if p.Size < MinPack || p.Size > MaxPack {`, `	if p.Size < 0 {`, "pack TestUnfitPacksLeaveNothing"},
		{"received pack not synced", "pack/receive.go", `	if err == nil {
		err = f.Sync()
	}
`, ``, "pack TestCrashWhileReceiving"},
		{"received packs' names not synced", "pack/receive.go", `	if err := db.syncPackDirs(names); err != nil {
		return err
	}
`, ``, "pack TestCrashWhileReceiving"},
		{"commit relies on an unverified pack", "pack/verified.go", `		if db.EnsureVerified(context.Background(), loc.Pack) == nil {`,
			`		if db.EnsureVerified(context.Background(), loc.Pack) != errNoFrame {`, "pack TestLyingPackDoesNotPoisonCommits"},
		{"verdict of another pack", "pack/verified.go", `			if t.err == nil || ctx.Err() != nil {`, `			if t.err = nil; ctx.Err() != nil || t.err == nil {`, "pack TestLyingPack"},
		{"marks of verified packs not checked", "pack/verified.go", `; !bytes.Equal(sum[:], list[end:]) {`, `; !bytes.Equal(sum[:0], list[:0]) {`,
			"pack TestWhatIsVerifiedMayOnlyBeForgotten|FuzzDecodeMarks"},
		{"frame not bound to its place", "pack/frame.go", `	aad := frameAAD(class, offset)
	return s.Open(resize(dst, len(frame))[:0], frame[4:], aad[:])`, `	aad := frameAAD(class, offset)
	out, err := s.Open(resize(dst, len(frame))[:0], frame[4:], aad[:])
	for at := int64(headerSize); err != nil && at < 1<<16; at++ {
		aad = frameAAD(class, at)
		out, err = s.Open(resize(dst, len(frame))[:0], frame[4:], aad[:])
	}
	return out, err`, "pack TestFrameIsBoundToItsPlace|TestSwappedFrames"},
		{"trailer of another pack", "pack/trailer.go", `	if [saltSize]byte(raw) != *salt {`, `	if [saltSize]byte(raw) != *salt && size == 0 {`,
			"pack TestEveryByteOfAPackIsChecked|TestEveryByteIsSealed|TestSwapped"},
		{"index is not as the trailer says", "pack/reader.go", `	if uint32(len(x.frames)) != t.frames || x.class() != t.class {`, `	if x.frames == nil {`,
			"pack TestTrailerThatLies"},
		{"frame of another number of objects", "pack/reader.go", `	if f.count != 0 && uint32(b.table.len()) != f.count {`, `	if f.count != 0 && b.table.len() < 0 {`,
			"pack TestIndexThatLies|TestEveryByte|TestDamage"},
		{"zstd frame of any size", "pack/codec.go", `!h.HasFCS || h.FrameContentSize != uint64(size) {`, `!h.HasFCS {`, "pack TestHostileZstd"},
		{"zstd of any window", "pack/codec.go", `	if !h.SingleSegment && h.WindowSize > maxWindow {`, `	if !h.SingleSegment && h.WindowSize == 1 {`, "pack TestHostileZstd"},
		{"bytes behind a zstd frame", "pack/codec.go", `	if len(body) != 0 {
		return errCodec
	}`, ``, "pack TestHostileZstd"},
		{"sealed frame not read back", "pack/frame.go", `	if !bytes.Equal(got, packed) {`, `	if !bytes.Equal(got[:0], packed[:0]) {`, "pack TestSealedFrameIsReadBack"},
		{"compressed frame not read back", "pack/codec.go", `	if err != nil || !bytes.Equal(got, raw) {`, `	if err != nil || !bytes.Equal(got[:0], raw[:0]) {`, "pack TestCompressorThatIsWrong"},
	}
}

func objectsMutants() []mutant {
	return []mutant{
		{"name with a slash", "objects/name.go", `	case strings.IndexByte(name, '/') >= 0:
		return &NameError{name, "has a slash in it"}
`, ``, "objects TestValidateName|TestHostileNamesInTrees"},
		{"name is dot dot", "objects/name.go", `	case name == "." || name == "..":`, `	case name == ".":`, "objects TestValidateName|TestHostileNamesInTrees"},
		{"name with a NUL", "objects/name.go", `	case strings.IndexByte(name, 0) >= 0:
		return &NameError{name, "has a NUL in it"}
`, ``, "objects TestValidateName|TestHostileNamesInTrees"},
		{"name that a filesystem folds to the vault", "objects/name.go", `		if isIgnorable(r) {
			continue
		}
`, `		_ = isIgnorable
`, "objects TestValidateName"},
		{"short name of the vault", "objects/name.go", `	return folded == ".evault" || isShortVaultName(folded)`, `	return folded == ".evault" || isShortVaultName("")`,
			"objects TestValidateName"},
		{"stream of the vault", "objects/name.go", `		if r == ':' || r == '\\' { // a stream, or a path on Windows`, `		if r == 0 {`, "objects TestValidateName"},
		{"names of a tree out of order", "objects/tree.go", `	if !r.first && r.last >= name {`, `	if !r.first && r.last >= name && name == "" {`,
			"objects TestTreesThatLie|TestDecodeTreeRefused"},
		{"sums of a tree beyond their limits", "objects/tree.go", `	if r.entries > MaxTotalEntries || r.bytes > MaxTotalBytes {`, `	if r.entries > MaxTotalEntries<<2 || r.bytes > MaxTotalBytes {`,
			"objects TestDecodeTreeRefused"},
		{"directory with more than it says", "objects/tree_read.go", `(d.entries > d.want.Entries || d.bytes > d.want.Bytes) {`, `d.entries > 1<<40 {`,
			"objects TestBudgetHolds|TestTreesThatLie"},
		{"directory with less than it says", "objects/tree_read.go", `	if err == nil && (sum.Entries != ref.Entries || sum.Bytes != ref.Bytes) {`,
			`	if err == nil && sum.Entries > ref.Entries {`, "objects TestTreesThatLie|TestBudgetHolds"},
		{"node of any level", "objects/tree_read.go", `	if level >= 0 && int(r.level) != level {`, `	if level >= 0 && int(r.level) > 1<<20 {`, "objects TestTreesThatLie|TestCyclesEnd"},
		{"node's sums not compared", "objects/tree_read.go", `	if want != nil && (r.count != want.Count || r.entries != want.Entries || r.bytes != want.Bytes) {`,
			`	if want != nil && r.count > want.Count {`, "objects TestTreesThatLie"},
		{"file list of any level", "objects/filelist.go", `	case level > MaxListLevel:`, `	case level > MaxListLevel+9:`, "objects TestDecodeFileListRefused|TestFileListLies"},
		{"extent of no bytes", "objects/filelist.go", `	case x.Length == 0:`, `	case x.Length == 0 && x.Hole:`, "objects TestDecodeFileListRefused|TestFileListLies"},
	}
}

func folderMutants() []mutant {
	return []mutant{
		{"folder takes a pack of another hash", "remote/folder/putpack.go", `	if [sha256.Size]byte(hash.Sum(nil)) != p.Name {`, `	if [sha256.Size]byte(hash.Sum(nil)) != p.Name && size == 0 {`,
			"remote/folder TestStoreInMemory|TestNothingIsLeft"},
		{"folder takes a longer pack", "remote/folder/putpack.go", `		if size += uint64(n); size > p.Size {`, `		if size += uint64(n); size > p.Size+1<<20 {`, "remote/folder TestStoreInMemory|TestOversized|TestNothingIsLeft"},
		{"folder takes a file of another hash", "remote/filename.go", `	if sha256.Sum256(data) != hash {`, `	if sha256.Sum256(data) != hash && len(data) == 0 {`, "remote/folder TestStoreInMemory"},
		{"file name with an upper case hash", "remote/filename.go", `len(digits) == 2*len(hash) && strings.ToLower(digits) == digits {`, `len(digits) == 2*len(hash) {`,
			"remote/folder TestStoreInMemory|FuzzNames"},
		{"heads not compared", "remote/folder/compare.go", `	if !slices.Equal(named, heads) && (there == 0 || !slices.Equal(named, withBefore(heads, own, b))) {`,
			`	if !slices.Equal(named, heads) && (there > len(b) || slices.Equal(named, withBefore(heads, len(heads)+1, nil))) {`, "remote/folder TestStoreInMemory"},
		{"record does not follow the head", "remote/folder/compare.go", `		if err := b[there].Follows(heads[own]); err != nil {`, `		if err := b[there].Follows(heads[own]); err != nil && there > 1<<20 {`,
			"remote/folder TestStoreInMemory"},
		{"log begins in the middle", "remote/folder/compare.go", `	if b[there].Seq != 0 {`, `	if b[there].Seq > 1<<40 {`, "remote/folder TestStoreInMemory"},
		{"record before its packs", "remote/folder/compare.go", `	if len(missing) > 0 {`, `	if len(missing) > 1<<20 {`, "remote/folder TestStoreInMemory"},
		{"pack of another size counts as there", "remote/folder/compare.go", `st.Type != vfs.Regular || uint64(st.Size) != p.Size {`, `st.Type != vfs.Regular {`,
			"remote/folder TestStoreInMemory|TestDamagedPack|TestTruncatedPack"},
		{"record without a body is taken", "remote/folder/batch.go", `		if err == nil && body == nil {`, `		if err == nil && body == nil && i > 1<<20 {`, "remote/folder TestStoreInMemory"},
		{"batch of two logs", "remote/folder/batch.go", `		if err == nil && i > 0 {
			err = h.Follows(b[i-1].position())
		}
`, ``, "remote/folder TestStoreInMemory"},
		{"record is replaced", "remote/folder/append.go", `arrivals[i].publishNew(logDir(e.Tag), seqName(e.Seq))`, `arrivals[i].publish(logDir(e.Tag), seqName(e.Seq))`,
			"remote/folder TestStoreInMemory|TestPlaceTakenMeanwhile"},
		{"healing by any record", "remote/folder/append.go", `err != nil || hash != e.Previous {`, `err != nil && hash != e.Previous {`, "remote/folder TestMendingIsChecked|TestRottenHead"},
		{"rosters can be removed", "remote/folder/files.go", `	if dir != slotDir {`, `	if dir == "" {`, "remote/folder TestStoreInMemory"},
		{"checked pack is not compared", "remote/folder/checkpack.go", `	if pack.Name(hash.Sum(nil)) != name {`, `	if pack.Name(hash.Sum(nil)) != name && st.Size == 0 {`,
			"remote/folder TestDamagedPack|TestStoreInMemory"},
		{"another vault's store", "remote/folder/identity.go", `	if found.said && !s.o.Vault.IsZero() && found.vault != s.o.Vault {`, `	if found.said && s.o.Vault.IsZero() && found.vault != s.o.Vault && false {`,
			"remote/folder TestOtherVault|TestBegunForOtherVault"},
		{"working copy as a store", "remote/folder/identity.go", `	return ErrWorkingCopy`, `	return nil`, "remote/folder TestWorkingCopyIsRefused"},
		{"store among somebody's files", "remote/folder/create.go", `		if !ours[n.Name] && !strings.HasPrefix(n.Name, vfs.TempPrefix) {`, `		if !ours[n.Name] && strings.HasPrefix(n.Name, "/") {`,
			"remote/folder TestForeignFolderIsRefused|TestFilesBesideAStore"},
		{"pack not synced at the store", "remote/folder/incoming.go", `	if err := a.Sync(); err != nil {
		return err
	}
`, ``, "remote/folder TestCrashAtEveryInstant"},
		{"special files are read", "remote/folder/read.go", `	case st.Type != vfs.Regular:`, `	case st.Type == vfs.Directory:`, "remote/folder TestWrongTypes"},
		{"file of any size is read", "remote/folder/read.go", `	case st.Size > limit:`, `	case st.Size > limit+1<<50:`, "remote/folder TestOversized|TestWrongTypes"},
	}
}
