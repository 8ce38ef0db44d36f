package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"sync"

	"evault/internal/vfs"
	"evault/pack"
	"evault/refs"
)

// The names in a store's folder.
const (
	vaultName   = "vault"
	idName      = "id"
	rosterDir   = "roster"
	keyringDir  = "keyring"
	slotDir     = "slots"
	packsDir    = "packs"
	packSuffix  = ".pack"
	logsDir     = "logs"
	incomingDir = "incoming"
	damagedDir  = "damaged"

	workingCopy = ".evault" // in the folder of somebody's files

	dirPerm  = 0o700
	filePerm = 0o600
)

// fileDirs are the folders of small files, in the order in which their names sort.
func fileDirs() []string { return []string{keyringDir, rosterDir, slotDir} }

// storeDirs are the folders that Create makes.
func storeDirs() []string { return append(fileDirs(), packsDir, logsDir, incomingDir) }

// seqName is the name of a record's file: 16 hexadecimal digits, so that names sort as numbers do.
func seqName(seq uint64) string { return fmt.Sprintf("%016x", seq) }

// parseSeqName reads what seqName writes, and nothing else.
func parseSeqName(s string) (uint64, bool) {
	if len(s) != 16 || strings.ToLower(s) != s {
		return 0, false
	}
	seq, err := strconv.ParseUint(s, 16, 64)
	return seq, err == nil
}

// packDir is the folder of a pack, below packs/: two digits.
func packDir(name pack.Name) string { return name.String()[:2] }

func packFile(name pack.Name) string { return name.String() + packSuffix }

// parsePackFile reads the name of a file in packs/<dir>, in exactly the spelling of packFile.
func parsePackFile(dir, file string) (pack.Name, bool) {
	digits, ok := strings.CutSuffix(file, packSuffix)
	if !ok || !strings.HasPrefix(digits, dir) {
		return pack.Name{}, false
	}
	name, err := pack.ParseName(digits)
	return name, err == nil
}

// parsePackDir says whether a name is that of a folder of packs.
func parsePackDir(s string) bool {
	n, err := strconv.ParseUint(s, 16, 8)
	return err == nil && fmt.Sprintf("%02x", n) == s
}

func logDir(tag refs.Tag) string { return logsDir + "/" + tag.String() }

// durableDirs remembers the folders that were seen to be durable, so that each is synced once and not for each file.
type durableDirs struct {
	mu   sync.Mutex
	seen map[string]bool
}

// ensureDir makes a folder with those above it, and their names durable.
func (p *place) ensureDir(name string) error {
	p.durable.mu.Lock()
	defer p.durable.mu.Unlock()
	if p.durable.seen[name] {
		return nil
	}
	if err := vfs.MkdirAllSync(p.fs, name, dirPerm); err != nil {
		return err
	}
	if p.durable.seen == nil {
		p.durable.seen = make(map[string]bool)
	}
	p.durable.seen[name] = true
	return nil
}

// openDir opens a folder, given by its components, each of which must be a real folder and no link.
func (p *place) openDir(first string, rest ...string) (vfs.Dir, error) {
	d, err := p.fs.OpenDir(first)
	for _, name := range rest {
		if err != nil {
			return nil, err
		}
		var next vfs.Dir
		next, err = d.OpenDir(name)
		if cerr := d.Close(); cerr != nil && err == nil {
			return nil, errors.Join(cerr, next.Close())
		}
		d = next
	}
	return d, err
}

// readNames lists a folder, given by its components; one that is not there is empty.
func (p *place) readNames(first string, rest ...string) (names []vfs.DirName, err error) {
	d, err := p.openDir(first, rest...)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names, err = d.ReadNames(nil)
	return names, errors.Join(err, d.Close())
}

// mayBe says whether an entry of a folder can be of a type, which some filesystems do not say in listings.
func mayBe(n vfs.DirName, t vfs.Type) bool { return n.Type == t || n.Type == vfs.TypeUnknown }
