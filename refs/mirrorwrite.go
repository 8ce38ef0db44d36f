package refs

import (
	"errors"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"evault/internal/vfs"
)

// How records get into a mirror. They are many (10,000 of a first fetch), and each can be had again, so they are not published
// one by one, which would take three fsyncs each:
//
//	create unfinished, fsync the mirror's folder     once for each Mirror that writes anything
//	for each batch, several at a time:
//	  write, fsync logs/<tag>/.tmp-<sequence>        contents before names: what has a name is whole and was checked
//	  rename to <sequence>, in order                 a reader beside sees the log grow
//	fsync logs/<tag>/                                once for each log
//	remove unfinished                                no fsync
//
// That is one fsync for each record and one for each log; those of one batch run beside each other, so that the filesystem
// puts many into one commit of its journal. A crash may lose any of the names that were not synced yet, also one in the
// middle, so a log may be left with a gap, and records behind it; and whatever interrupts a Mirror may leave a log without the
// records of another that it has seen. While unfinished is there, readers take a log to end at a gap, and do not say of what
// is missing that somebody hides it; and whoever writes next (Mirror or Open) removes what is behind a gap. Nobody was told
// that it was mirrored, nor is any of it pinned, and the source still has it. unfinished goes when a Mirror has come to its
// end. If a crash brings it back, all this is done once more, for nothing.
const unfinishedName = "unfinished"

// writers is how many records are written and synced at a time.
const writers = 16

// begin marks the mirror as unfinished.
func (m *mirroring) begin() error {
	if m.begun {
		return nil
	}
	f, err := m.o.Store.OpenHandle(unfinishedName, os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return err
	}
	m.begun = true
	return m.o.Store.SyncDir(".")
}

// finish removes the mark: the mirror holds all that it was offered.
func (m *mirroring) finish() error {
	if !m.begun {
		return nil
	}
	return m.o.Store.Remove(unfinishedName)
}

// settleLog makes the names of a log's new records durable.
func (m *mirroring) settleLog(t *taking) error {
	if !t.written {
		return nil
	}
	return m.o.Store.SyncDir(logsDir + "/" + t.head.Tag.String())
}

// writeRecords adds records to a log of the mirror.
func (m *mirroring) writeRecords(tag Tag, list []*checked, fresh bool) (err error) {
	if fresh && len(m.copies) >= MaxLogs {
		return ErrLimit
	}
	if err := m.begin(); err != nil {
		return err
	}
	if fresh {
		if err := vfs.MkdirAllSync(m.o.Store, logsDir+"/"+tag.String(), 0o700); err != nil {
			return err
		}
		m.copies[tag] = true
	}
	d, err := openLog(m.o.Store, tag)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	var g errgroup.Group
	g.SetLimit(max(writers, runtime.GOMAXPROCS(0)))
	for _, c := range list {
		g.Go(func() error { return d.stage(c) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, c := range list {
		if err := d.Rename(stageName(c.rec.Seq), seqName(c.rec.Seq)); err != nil {
			return err
		}
		m.result.New++
	}
	return nil
}

func stageName(seq uint64) string { return vfs.TempPrefix + seqName(seq) }

// stage writes a record, durably, under a name that nobody reads.
func (d logDir) stage(c *checked) error {
	f, err := d.OpenFile(stageName(c.rec.Seq), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(c.data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// isUnfinished says that a crash, or a Mirror that is still running, has left the mirror's logs with gaps.
func isUnfinished(store vfs.FS) (bool, error) { return exists(store, unfinishedName) }

// recoverMirror removes what an interrupted Mirror has left behind gaps, and makes the rest durable. unfinished says that there
// was one.
func recoverMirror(store vfs.FS) (unfinished bool, err error) {
	if unfinished, err = isUnfinished(store); err != nil || !unfinished {
		return false, err
	}
	l, err := listLogs(store)
	if err != nil {
		return true, err
	}
	for _, tag := range l.tags {
		if err := recoverLog(store, tag); err != nil {
			return true, err
		}
	}
	return true, nil
}

func recoverLog(store vfs.FS, tag Tag) (err error) {
	d, err := openLog(store, tag)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	names, err := d.ReadNames(nil)
	if err != nil {
		return err
	}
	seqs, _, err := d.sequences()
	if err != nil {
		return err
	}
	whole := contiguous(seqs)
	for _, n := range names {
		seq, ok := parseSeqName(n.Name)
		if ok && seq >= whole || strings.HasPrefix(n.Name, vfs.TempPrefix) {
			if err := d.Remove(n.Name); err != nil {
				return err
			}
		}
	}
	return d.Sync()
}
