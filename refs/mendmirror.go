package refs

import (
	"context"
	"errors"
	"fmt"

	"evault/internal/vfs"
)

// MirrorDamage is what is wrong with a copy of a remote store's logs on this machine. All but the outbox can be had again from
// there.
type MirrorDamage struct {
	// Logs are those with a record that is damaged or gone, and how many records before it are sound.
	Logs map[Tag]uint64
	// Outbox are the damaged records of this clone that the remote store had not acknowledged, by file name.
	Outbox []string
	// Problems says it in words.
	Problems []error
}

// CheckMirror reads every record of a mirror (Options.Store) by itself and in its chain. A mirror takes no record that is not
// right, so whatever is found has become so here. It changes nothing. The error is one of reading the disk, or the
// context's.
func CheckMirror(ctx context.Context, o Options) (*MirrorDamage, error) {
	o.Shared = true
	c, found := newChecker(&o), &MirrorDamage{Logs: map[Tag]uint64{}}
	unfinished, err := isUnfinished(o.Store)
	if err != nil {
		return nil, err
	}
	l, err := listLogs(o.Store)
	if err != nil {
		return nil, err
	}
	for _, tag := range l.tags {
		one, err := loadAll(ctx, o.Store, c, tag)
		if err != nil {
			return nil, err
		}
		if one.problem != nil && !(unfinished && len(one.records) == int(one.present)) {
			found.Logs[tag] = uint64(len(one.records))
			found.Problems = append(found.Problems, one.problem)
		}
	}
	return found, checkMirrorOutbox(&o, found)
}

func checkMirrorOutbox(o *Options, found *MirrorDamage) error {
	names, err := readNames(o.Local, outboxDir)
	if err != nil {
		return err
	}
	for _, n := range names {
		tag, seq, ok := parseOutboxName(n.Name)
		if !ok {
			continue
		}
		data, err := readNamed(o.Local, outboxDir+"/"+n.Name, MaxRecord)
		if err != nil && !isContent(err) {
			return err
		}
		if err == nil {
			var ours bool
			if _, _, ours, err = checkOutboxRecord(o, tag, seq, data); err == nil && !ours {
				err = fmt.Errorf("%w: not of this store", ErrDamaged)
			}
		}
		if err != nil {
			found.Outbox = append(found.Outbox, n.Name)
			found.Problems = append(found.Problems, fmt.Errorf("outbox: %w", err))
		}
	}
	return nil
}

// MendMirror removes what CheckMirror found, so that the next Mirror takes it anew; until then the mirror counts as unfinished.
// If records of the outbox were among it, nobody knows whether they have arrived: this clone must go on in a new log (see
// RenewClone) before anything else is sent. The caller holds the lock of the mirror, and for the outbox that of the vault.
func MendMirror(o Options, found *MirrorDamage) error {
	m := &mirroring{o: &o}
	if err := m.begin(); err != nil {
		return err
	}
	for tag, sound := range found.Logs {
		if err := cutLog(o.Store, tag, sound); err != nil {
			return err
		}
	}
	for _, n := range found.Outbox {
		if err := o.Local.Remove(outboxDir + "/" + n); err != nil {
			return err
		}
	}
	return nil
}

// cutLog removes the records of a mirrored log from a number on, the last first.
func cutLog(store vfs.FS, tag Tag, sound uint64) (err error) {
	d, err := openLog(store, tag)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	seqs, _, err := d.sequences()
	if err != nil {
		return err
	}
	for i := len(seqs) - 1; i >= 0 && seqs[i] >= sound; i-- {
		if err := d.Remove(seqName(seqs[i])); err != nil {
			return err
		}
	}
	return d.Sync()
}

// MirroredLogs lists the logs that a mirror holds, ascending.
func MirroredLogs(mirror vfs.FS) ([]Tag, error) {
	l, err := listLogs(mirror)
	return l.tags, err
}

// MirroredRecords gives the bytes of a mirrored log's records, in order, up to the first gap. What it gives was checked when it
// was mirrored: see CheckMirror.
func MirroredRecords(ctx context.Context, mirror vfs.FS, tag Tag, each func(data []byte) error) (err error) {
	d, err := openLog(mirror, tag)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	for seq := uint64(0); ; seq++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		data, err := d.read(seq)
		if isAbsent(err) {
			return nil
		}
		if err == nil {
			err = each(data)
		}
		if err != nil {
			return err
		}
	}
}
