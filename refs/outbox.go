package refs

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"evault/internal/vfs"
)

// The outbox holds a signed record between signing and publishing. A record in it is the only one ever signed for its log
// and number: whoever finds one publishes those very bytes, so that a crash can never lead to two records in one place.
const outboxDir = "outbox"

// place is where a record belongs.
type place struct {
	tag Tag
	seq uint64
}

func outboxName(tag Tag, seq uint64) string { return tag.String() + "-" + seqName(seq) }

func parseOutboxName(s string) (Tag, uint64, bool) {
	tagHex, seqHex, _ := strings.Cut(s, "-")
	tag, err := ParseTag(tagHex)
	seq, ok := parseSeqName(seqHex)
	return tag, seq, err == nil && ok
}

// finishOutbox publishes what a crash has left in the outbox for this store, and gives the places of what it found there.
func finishOutbox(o *Options) (finished []place, err error) {
	names, err := readNames(o.Local, outboxDir)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(names, func(a, b vfs.DirName) int { return strings.Compare(a.Name, b.Name) })
	for _, n := range names {
		tag, seq, ok := parseOutboxName(n.Name)
		if strings.HasPrefix(n.Name, vfs.TempPrefix) {
			// Begun and never named: nobody has seen it.
			if err := o.Local.Remove(outboxDir + "/" + n.Name); err != nil {
				return nil, err
			}
		}
		if !ok {
			continue
		}
		data, err := readNamed(o.Local, outboxDir+"/"+n.Name, MaxRecord)
		if err != nil {
			return nil, fmt.Errorf("outbox: %w", err)
		}
		if err := finishOne(o, tag, seq, data); err != nil {
			return nil, fmt.Errorf("outbox: %w", err)
		}
		finished = append(finished, place{tag, seq})
	}
	return finished, nil
}

// finishOne publishes one record from the outbox, unless it is of another store or published already.
func finishOne(o *Options, tag Tag, seq uint64, data []byte) error {
	h, hash, ours, err := checkOutboxRecord(o, tag, seq, data)
	if err != nil || !ours {
		return err
	}
	there, err := readNamed(o.Store, recordPath(tag, seq), MaxRecord)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := mustFollow(o, h); err != nil {
			return &RecordError{tag, seq, err}
		}
		return publishRecord(o, tag, seq, data)
	case err != nil:
		return err
	case !bytes.Equal(there, data):
		fork := &ForkError{Tag: tag, Seq: seq, Known: hash, Found: headerHash(there), Evidence: there}
		// The record was never published, so it cannot have been seen: it becomes evidence and is out of the way.
		if err := keepRecord(o, tag, seq, hash, data); err != nil {
			return errors.Join(fork, err)
		}
		return errors.Join(fork, o.Local.Remove(outboxDir+"/"+outboxName(tag, seq)))
	}
	return o.Local.Remove(outboxDir + "/" + outboxName(tag, seq))
}

// checkOutboxRecord checks a record from the outbox against its name. ours is false if it is of another store.
func checkOutboxRecord(o *Options, tag Tag, seq uint64, data []byte) (h Header, hash [32]byte, ours bool, err error) {
	h, hash, body, err := CheckRecord(o.StoreID, data)
	if errors.Is(err, ErrMismatch) {
		return h, hash, false, nil
	}
	if err == nil && (h.Tag != tag || h.Seq != seq || body == nil) {
		err = fmt.Errorf("%w: the file's name is of another record", ErrMismatch)
	}
	if err != nil {
		return h, hash, false, &RecordError{tag, seq, err}
	}
	return h, hash, true, nil
}

// mustFollow checks that the record continues what is in the store, so that publishing it leaves no gap: if the store was
// put back to an older state, the outbox must not paper over that.
func mustFollow(o *Options, h Header) error {
	if h.Seq == 0 {
		return nil
	}
	before, err := readNamed(o.Store, recordPath(h.Tag, h.Seq-1), MaxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return &RollbackError{Store: o.StoreID, Tag: h.Tag, Pinned: h.Seq - 1, Found: h.Seq - 1}
	}
	if err != nil {
		return err
	}
	if headerHash(before) != h.Previous {
		return fmt.Errorf("%w: the record before it is another one", ErrChain)
	}
	return nil
}

// headerHash is the hash of the header in front of a record, zeros if there is none.
func headerHash(data []byte) [32]byte {
	_, body, err := DecodeHeader(data)
	if err != nil {
		return [32]byte{}
	}
	return sha256.Sum256(data[:len(data)-len(body)])
}

func recordPath(tag Tag, seq uint64) string { return logsDir + "/" + tag.String() + "/" + seqName(seq) }

// publishRecord moves a record that is durable in the outbox into its log and makes that durable. The caller holds the
// lock and has seen that the place is free.
func publishRecord(o *Options, tag Tag, seq uint64, data []byte) error {
	dir := logsDir + "/" + tag.String()
	if seq == 0 {
		if err := vfs.MkdirAllSync(o.Store, dir, 0o700); err != nil {
			return err
		}
	}
	if err := moveRecord(o, tag, seq, data); err != nil {
		return err
	}
	return o.Store.SyncDir(dir)
}

// moveRecord renames the record from the outbox into its log; where that cannot be, across filesystems, it publishes a
// copy and removes the original.
func moveRecord(o *Options, tag Tag, seq uint64, data []byte) (err error) {
	from, err := o.Local.OpenDir(outboxDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := openLog(o.Store, tag)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	err = from.RenameTo(outboxName(tag, seq), to.Dir, seqName(seq))
	if err == nil || !errors.Is(err, syscall.EXDEV) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if err := vfs.PublishNew(o.Store, recordPath(tag, seq), data, 0o600); err != nil {
		return err
	}
	return from.Remove(outboxName(tag, seq))
}
