package refs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"evault/internal/vfs"
)

const logsDir = "logs"

// seqName is the name of a record's file: the sequence in 16 hexadecimal digits, so that names sort as numbers do.
func seqName(seq uint64) string { return fmt.Sprintf("%016x", seq) }

// parseSeqName reads what seqName writes, and nothing else.
func parseSeqName(s string) (uint64, bool) {
	seq, err := strconv.ParseUint(s, 16, 64)
	return seq, err == nil && seqName(seq) == s
}

// listing is what a store's folder of logs holds.
type listing struct {
	tags    []Tag // ascending
	strange []string
}

// listLogs names the logs of a store.
func listLogs(store vfs.FS) (listing, error) {
	names, err := readNames(store, logsDir)
	if err != nil {
		return listing{}, err
	}
	var l listing
	for _, n := range names {
		tag, err := ParseTag(n.Name)
		if err != nil || n.Type != vfs.Directory && n.Type != vfs.TypeUnknown {
			l.strange = append(l.strange, n.Name)
			continue
		}
		l.tags = append(l.tags, tag)
	}
	if len(l.tags) > MaxLogs {
		return listing{}, fmt.Errorf("%w: %d logs in one store", ErrLimit, len(l.tags))
	}
	slices.SortFunc(l.tags, compareTags)
	slices.Sort(l.strange)
	return l, nil
}

// readNames lists a folder; one that is not there is empty.
func readNames(fsys vfs.FS, name string) (names []vfs.DirName, err error) {
	d, err := fsys.OpenDir(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return d.ReadNames(nil)
}

// logDir is the open folder of one log.
type logDir struct {
	vfs.Dir
	tag Tag
}

// openLog opens a log's folder. The error is fs.ErrNotExist if there is none.
func openLog(store vfs.FS, tag Tag) (logDir, error) {
	d, err := store.OpenDir(logsDir + "/" + tag.String())
	return logDir{d, tag}, err
}

// sequences lists the records, ascending, and what else is there besides temporary files.
func (d logDir) sequences() (seqs []uint64, strange []string, err error) {
	names, err := d.ReadNames(nil)
	if err != nil {
		return nil, nil, err
	}
	seqs = make([]uint64, 0, len(names))
	for _, n := range names {
		if seq, ok := parseSeqName(n.Name); ok {
			seqs = append(seqs, seq)
		} else if !strings.HasPrefix(n.Name, vfs.TempPrefix) {
			strange = append(strange, n.Name)
		}
	}
	slices.Sort(seqs)
	slices.Sort(strange)
	return seqs, strange, nil
}

// read gives a record's bytes.
func (d logDir) read(seq uint64) ([]byte, error) { return readIn(d.Dir, seqName(seq), MaxRecord) }

// readIn reads a regular file of at most limit bytes.
func readIn(d vfs.Dir, name string, limit int64) (data []byte, err error) {
	f, err := d.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return readFile(f, limit)
}

// readNamed is readIn below a filesystem's root.
func readNamed(fsys vfs.FS, name string, limit int64) (data []byte, err error) {
	f, err := fsys.OpenHandle(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return readFile(f, limit)
}

func readFile(f vfs.File, limit int64) ([]byte, error) {
	st, err := f.StatStat()
	if err != nil {
		return nil, err
	}
	if st.Type != vfs.Regular {
		return nil, fmt.Errorf("%w: %s is no regular file", ErrDamaged, f.Name())
	}
	if st.Size > limit {
		return nil, fmt.Errorf("%w: %w: %s has %d bytes", ErrDamaged, ErrLimit, f.Name(), st.Size)
	}
	data := make([]byte, st.Size)
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return data, nil
}
