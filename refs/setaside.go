package refs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"evault/internal/vfs"
)

// damagedLogs, in the store, is where records go that SetAside takes out of the logs.
const damagedLogs = "damaged/logs"

// SetAsideOutbox moves everything out of the outbox of a local store, into damaged/logs of the store, and gives the number of
// files. It is for a store whose log goes on in a new one. The caller holds the lock.
func SetAsideOutbox(o Options) (moved int, err error) {
	names, err := readNames(o.Local, outboxDir)
	if err != nil {
		return 0, err
	}
	for _, n := range names {
		data, err := readNamed(o.Local, outboxDir+"/"+n.Name, MaxRecord)
		if err != nil && !isContent(err) {
			return moved, err
		}
		if err := vfs.MkdirAllSync(o.Store, damagedLogs, 0o700); err != nil {
			return moved, err
		}
		if err := vfs.Publish(o.Store, damagedLogs+"/outbox-"+n.Name, data, 0o600); err != nil {
			return moved, err
		}
		if err := o.Local.Remove(outboxDir + "/" + n.Name); err != nil {
			return moved, err
		}
		moved++
	}
	return moved, nil
}

// SetAside moves what is not accepted out of the logs of a local store, into damaged/logs: of each log the records from the
// kept number on, and whatever is no record. It gives the number of files. It comes after this clone has said in a log of
// its own what counts from now on. The caller holds the lock.
func SetAside(o Options, kept map[Tag]uint64) (moved int, err error) {
	l, err := listLogs(o.Store)
	if err != nil {
		return 0, err
	}
	for _, n := range l.strange {
		if err := setAside(o.Store, logsDir+"/"+n, damagedLogs+"/"+n); err != nil {
			return moved, err
		}
		moved++
	}
	for _, tag := range l.tags {
		if _, known := kept[tag]; !known {
			continue
		}
		n, err := setAsideLog(o.Store, tag, kept[tag])
		moved += n
		if err != nil {
			return moved, err
		}
	}
	return moved, nil
}

func setAsideLog(store vfs.FS, tag Tag, kept uint64) (moved int, err error) {
	d, err := openLog(store, tag)
	if err != nil {
		return 0, err
	}
	seqs, strange, err := d.sequences()
	if err := errors.Join(err, d.Close()); err != nil {
		return 0, err
	}
	// The last first: whatever is interrupted leaves no gap that was not there before.
	slices.Reverse(seqs)
	for _, seq := range seqs {
		if seq >= kept {
			strange = append(strange, seqName(seq))
		}
	}
	dir := logsDir + "/" + tag.String()
	for _, n := range strange {
		if err := setAside(store, dir+"/"+n, damagedLogs+"/"+tag.String()+"/"+n); err != nil {
			return moved, err
		}
		moved++
	}
	return moved, nil
}

// setAside renames, durably; what an earlier repair has put there under the same name stays.
func setAside(store vfs.FS, from, to string) error {
	dir := to[:strings.LastIndexByte(to, '/')]
	if err := vfs.MkdirAllSync(store, dir, 0o700); err != nil {
		return err
	}
	name := to
	for n := 1; ; n++ {
		there, err := exists(store, name)
		if err != nil {
			return err
		}
		if !there {
			break
		}
		name = fmt.Sprintf("%s~%d", to, n)
	}
	if err := store.Rename(from, name); err != nil {
		return err
	}
	return errors.Join(store.SyncDir(dir), store.SyncDir(from[:strings.LastIndexByte(from, '/')]))
}
