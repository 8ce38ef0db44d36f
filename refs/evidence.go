package refs

import (
	"errors"
	"fmt"
	"io/fs"

	"evault/internal/vfs"
)

// evidenceDir keeps, below Local, records that prove a fork: each is signed by the log's key, and another record with its
// number is known. <tag>-<sequence>-<hash of the header, 32 digits>. Options.Evidence may name another folder.
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
		if err := keepRecord(&r.o, f.Tag, f.Seq, headerHash(data), data); err != nil {
			return err
		}
	}
	return nil
}

// keepRecord publishes one record as evidence, once.
func keepRecord(o *Options, tag Tag, seq uint64, hash [32]byte, data []byte) error {
	to, name := o.Evidence, fmt.Sprintf("%s-%s-%x", tag, seqName(seq), hash[:16])
	if to == nil {
		if err := vfs.MkdirAllSync(o.Local, evidenceDir, 0o700); err != nil {
			return fmt.Errorf("evidence: %w", err)
		}
		to, name = o.Local, evidenceDir+"/"+name
	}
	err := vfs.PublishNew(to, name, data, 0o600)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("evidence: %w", err)
	}
	return nil
}
