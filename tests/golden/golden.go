// Package golden keeps one vault of every released format, frozen: v1 is format 1, and so on. Each must open, verify and
// restore forever. Tests of this and other packages unpack a copy and compare what comes back with a listing that find and
// sha256sum made of the original files.
//
// A folder vN holds
//
//	vault.tar        the folder .evault without its caches
//	README.md        identities, passphrase and recovery words in words, and what the commits hold
//	identity         of the first device, identity-second of another
//	recipient.key    an age key to which one slot is sealed
//	passphrase       one line
//	recovery-words   one line
//	commits          one line for each commit: ID, branch, subject
//	<subject>.list   what the commit holds, one line a name: see [Listing]
package golden

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pkg/xattr"
)

// Commit is one commit of a golden vault and what it must give back.
type Commit struct {
	ID      string // 64 hexadecimal digits
	Branch  string // whose tip it is; "-" for none
	Subject string
	Lines   []string // as Listing gives them
}

// Commits reads the list of commits of a golden vault, in the order in which they were made.
func Commits(dir string) ([]Commit, error) {
	lines, err := readLines(filepath.Join(dir, "commits"))
	if err != nil {
		return nil, err
	}
	var all []Commit
	for _, line := range lines {
		fields := strings.SplitN(line, " ", 3)
		if len(fields) != 3 {
			return nil, fmt.Errorf("line %q of commits", line)
		}
		c := Commit{ID: fields[0], Branch: fields[1], Subject: fields[2]}
		if c.Lines, err = readLines(filepath.Join(dir, c.Subject+".list")); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

func readLines(name string) ([]string, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n"), nil
}

// Secret reads a file of one line, such as passphrase.
func Secret(dir, name string) (string, error) {
	lines, err := readLines(filepath.Join(dir, name))
	if err != nil {
		return "", err
	}
	return lines[0], nil
}

// Unpack puts the vault of a golden folder into a folder, which afterwards holds .evault.
func Unpack(dir, to string) (err error) {
	f, err := os.Open(filepath.Join(dir, "vault.tar"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r := tar.NewReader(f)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !filepath.IsLocal(h.Name) {
			return fmt.Errorf("%s: leads out of the folder", h.Name)
		}
		name := filepath.Join(to, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			if err := os.MkdirAll(name, 0o700); err != nil {
				return err
			}
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if err := os.WriteFile(name, data, 0o600); err != nil {
			return err
		}
	}
}

// Pack writes a folder's .evault as a tar that depends on names and contents alone. Names for which leave is true are left
// out, with all below them.
func Pack(folder string, leave func(name string) bool) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	err := filepath.WalkDir(filepath.Join(folder, ".evault"), func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(folder, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch {
		case leave(rel) && d.IsDir():
			return filepath.SkipDir
		case leave(rel):
			return nil
		case d.IsDir():
			return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: rel + "/", Mode: 0o700, Format: tar.FormatUSTAR})
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		h := &tar.Header{Typeflag: tar.TypeReg, Name: rel, Mode: 0o600, Size: int64(len(data)), Format: tar.FormatUSTAR}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	})
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Column numbers of a listing's line.
const (
	ColumnType = iota
	ColumnMode
	ColumnSize
	ColumnTime
	ColumnLinks
	ColumnXattrs
	ColumnContent
	ColumnName
	columns
)

// Listing lists what is in a folder, except .evault at its top: one line for each name, ascending by the names' bytes, of
// eight columns parted by tabs:
//
//	type       f, d, l (symbolic link) or p (fifo)
//	mode       octal
//	size       of files, else -
//	time       of last modification: seconds.nanoseconds
//	links      of files with several names the first of them, quoted, else -
//	xattrs     name=value in hexadecimal, those of the user, parted by commas, or -
//	content    of files the SHA-256, of symbolic links the target, quoted, else -
//	name       path below the folder, quoted as in Go
func Listing(folder string) ([]string, error) {
	var lines []string
	var linked []linkedFile
	err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(folder, name)
		switch {
		case err != nil:
			return err
		case rel == ".":
			return nil
		case rel == ".evault":
			return filepath.SkipDir
		}
		info, err := os.Lstat(name)
		if err != nil {
			return err
		}
		line, err := describe(name, filepath.ToSlash(rel), info)
		if err != nil {
			return err
		}
		if info.Mode().IsRegular() {
			linked = append(linked, linkedFile{info, filepath.ToSlash(rel), len(lines)})
		}
		lines = append(lines, line)
		return nil
	})
	noteLinks(lines, linked)
	slices.SortFunc(lines, CompareLines)
	return lines, err
}

// CompareLines orders lines of a listing by name.
func CompareLines(a, b string) int { return strings.Compare(unquoted(a), unquoted(b)) }

func unquoted(line string) string {
	name, err := strconv.Unquote(line[strings.LastIndexByte(line, '\t')+1:])
	if err != nil {
		return line
	}
	return name
}

func describe(name, rel string, info fs.FileInfo) (string, error) {
	c := [columns]string{ColumnSize: "-", ColumnLinks: "-", ColumnXattrs: "-", ColumnContent: "-", ColumnName: strconv.Quote(rel)}
	c[ColumnMode] = fmt.Sprintf("%o", info.Mode().Perm())
	c[ColumnTime] = fmt.Sprintf("%d.%09d", info.ModTime().Unix(), info.ModTime().Nanosecond())
	var err error
	switch info.Mode().Type() {
	case 0:
		c[ColumnType], c[ColumnSize] = "f", strconv.FormatInt(info.Size(), 10)
		c[ColumnContent], err = hashOf(name)
	case fs.ModeDir:
		c[ColumnType] = "d"
	case fs.ModeNamedPipe:
		c[ColumnType] = "p"
	case fs.ModeSymlink:
		c[ColumnType] = "l"
		var target string
		target, err = os.Readlink(name)
		c[ColumnContent] = strconv.Quote(target)
	default:
		err = fmt.Errorf("%q is a %v", rel, info.Mode().Type())
	}
	if err == nil && c[ColumnType] != "l" {
		c[ColumnXattrs], err = xattrsOf(name)
	}
	return strings.Join(c[:], "\t"), err
}

func hashOf(name string) (_ string, err error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	if _, err := bufio.NewReaderSize(f, 1<<16).WriteTo(h); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

func xattrsOf(name string) (string, error) {
	names, err := xattr.LList(name)
	if err != nil {
		return "-", nil // this filesystem has none
	}
	slices.Sort(names)
	var all []string
	for _, n := range names {
		if !strings.HasPrefix(n, "user.") {
			continue
		}
		value, err := xattr.LGet(name, n)
		if err != nil {
			return "", err
		}
		all = append(all, fmt.Sprintf("%s=%x", n, value))
	}
	if len(all) == 0 {
		return "-", nil
	}
	return strings.Join(all, ","), nil
}

type linkedFile struct {
	info fs.FileInfo
	name string
	line int
}

// noteLinks finds the files that are one.
func noteLinks(lines []string, files []linkedFile) {
	slices.SortFunc(files, func(a, b linkedFile) int { return strings.Compare(a.name, b.name) })
	for i := range files {
		var same []linkedFile
		for j := range files {
			if files[j].info.Size() == files[i].info.Size() && os.SameFile(files[i].info, files[j].info) {
				same = append(same, files[j])
			}
		}
		if len(same) > 1 {
			SetColumn(&lines[files[i].line], ColumnLinks, strconv.Quote(same[0].name))
		}
	}
}

// SetColumn changes one column of a line.
func SetColumn(line *string, column int, value string) {
	c := strings.Split(*line, "\t")
	c[column] = value
	*line = strings.Join(c, "\t")
}

// Differences compares two listings, of which the first is what must be there; nil is none.
func Differences(want, got []string) (out []string) {
	for _, line := range want {
		if !slices.Contains(got, line) {
			out = append(out, "missing: "+line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			out = append(out, "unexpected: "+line)
		}
	}
	return out
}
