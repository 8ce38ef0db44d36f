package pack

import (
	"context"
	"errors"
	"hash/crc32"
	"iter"
	"runtime"
	"slices"
	"sync"

	"evault/internal/vfs"
	"evault/keys"
	"evault/objects"
)

// Options says where a database lives.
type Options struct {
	Store      vfs.FS      // the store, with packs/, incoming/ and damaged/ in it
	Local      vfs.FS      // what is never replicated, with the index in objects/
	Vault      *keys.Vault // opens and seals; must outlive the database
	CacheBytes int64       // opened frames kept for reading, in bytes; 0 means 72 MiB
}

const defaultCache = 72 << 20

// DB is the object database over the packs of one store. It satisfies [objects.Source] and [objects.ChunkSource].
//
// All methods are safe for concurrent use, Close excepted. Several processes may read one store at once; those who
// write hold the repository's lock.
type DB struct {
	store   vfs.FS
	vault   *keys.Vault
	codec   *codec
	set     *runSet
	readers *readerSet
	cache   *frameCache
	hashers sync.Pool // *keys.Hasher
	scratch scratch
	trials  trials

	mu       sync.Mutex
	problems []error
}

// OpenDB lists the packs of a store and maps the index over them. Only packs that the index does not know are read,
// and of them only their own sealed index. A pack whose index is damaged does not fail the opening: see [DB.Problems].
func OpenDB(o Options) (*DB, error) {
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = defaultCache
	}
	db := &DB{
		store:   o.Store,
		vault:   o.Vault,
		codec:   c,
		set:     &runSet{fs: o.Local, crc: crc32.MakeTable(crc32.Castagnoli)},
		readers: &readerSet{store: o.Store, vault: o.Vault, open: make(map[Name]*reader)},
	}
	db.cache = newFrameCache(o.CacheBytes, db.loadFrame)
	db.hashers.New = func() any { return o.Vault.NewHasher() }
	db.scratch = make(scratch, runtime.GOMAXPROCS(0))
	if err := db.openIndex(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func (db *DB) openIndex() error {
	present, err := listPacks(db.store)
	if err != nil {
		return err
	}
	db.set.writing.Lock()
	defer db.set.writing.Unlock()
	db.addProblem(db.set.load())
	// Whoever put a pack here that the index does not know may be anybody.
	return db.indexPacks(context.Background(), packsOf(db.set.setLive(present), false), nil)
}

// Close gives back what the database holds. No other method may run beside it or after it.
func (db *DB) Close() error {
	db.addProblem(db.set.saveMarks(1))
	return errors.Join(db.readers.close(), db.set.close(), db.codec.close())
}

// Has reports whether a commit may leave the object out, because a pack of the store holds it. A pack that came from
// elsewhere counts after it was verified in full, which Has does the first time that it matters; one that fails does not
// count, and is one of [DB.Problems]. For packs that are verified Has looks no further than the index, and does not allocate.
// A damaged index is rebuilt from the packs on the way.
func (db *DB) Has(id objects.ID) bool {
	for {
		found, doubtful, bad := db.set.has(&id)
		switch {
		case bad == nil && !doubtful:
			return found
		case bad == nil:
			return db.hasDoubtful(id)
		case !db.heal(bad):
			return false
		}
	}
}

// Location is where an object is: a pack, the number of a frame in it, the number of the object in that.
type Location struct {
	Pack  Name
	Frame uint32
	Place uint32
}

// Locate gives one place of an object, as far as the index knows: in a pack that is verified if there is one.
func (db *DB) Locate(id objects.ID) (Location, bool) {
	for {
		loc, ok, bad := db.set.first(&id)
		if bad == nil {
			return loc, ok
		}
		if !db.heal(bad) {
			return Location{}, false
		}
	}
}

// Locations gives all places of an object, as far as the index knows. What a pack that is not verified claims to hold need
// not be there.
func (db *DB) Locations(id objects.ID) iter.Seq[Location] { return slices.Values(db.locateAll(id)) }

// locateAll gives all places of an object.
func (db *DB) locateAll(id objects.ID) []Location {
	for {
		locs, bad := db.set.locate(&id)
		if bad == nil {
			return locs
		}
		if !db.heal(bad) {
			return nil
		}
	}
}

// Problems gives what was found wrong and did not stop the work: packs whose index does not open, files of the local
// index that could not be written or removed.
func (db *DB) Problems() []error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return slices.Clone(db.problems)
}

func (db *DB) addProblem(err error) {
	if err == nil {
		return
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.problems = append(db.problems, err)
}
