package refs

import (
	"errors"
	"fmt"
	"io/fs"

	"evault/internal/vfs"
)

// evidenceDir keeps, below Local, records that prove a fork: each is signed by the log's key, and another record with its
// number is known. <tag>-<sequence>-<hash of the header, 32 digits>.
const evidenceDir = "evidence"

// keepEvidence copies the records that stand where others were known.
func (r *Refs) keepEvidence() error {
	if r.o.ReadOnly {
		return nil
	}
	for _, p := range r.problems {
		var f *ForkError
		if !errors.As(p, &f) {
			continue
		}
		data, err := readNamed(r.o.Store, recordPath(f.Tag, f.Seq), MaxRecord)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		f.Evidence = data
		if err := keepRecord(r.o.Local, f.Tag, f.Seq, headerHash(data), data); err != nil {
			return fmt.Errorf("evidence: %w", err)
		}
	}
	return nil
}

// keepRecord publishes one record as evidence, once.
func keepRecord(local vfs.FS, tag Tag, seq uint64, hash [32]byte, data []byte) error {
	if err := vfs.MkdirAllSync(local, evidenceDir, 0o700); err != nil {
		return err
	}
	name := fmt.Sprintf("%s/%s-%s-%x", evidenceDir, tag, seqName(seq), hash[:16])
	err := vfs.PublishNew(local, name, data, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}
