package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// record is one entry of a log: section 12.
type record struct {
	tag, hash        [32]byte
	sequence         uint64
	added, condemned []string
	hasBody          bool
	device           [32]byte
	clone            [16]byte
	changes          []change
	seen             []position
	checkpoint       bool
	table            []setting // of the checkpoint
}

type change struct {
	name     string
	old, new [32]byte
}

type position struct {
	tag      [32]byte
	sequence uint64
	hash     [32]byte
}

// setting is what one record made of one ref.
type setting struct {
	name     string
	id, tag  [32]byte
	sequence uint64
}

// readLogs reads and checks all logs; the result is by tag.
func (v *vault) readLogs() (map[[32]byte][]*record, error) {
	text, err := os.ReadFile(filepath.Join(v.dir, "store/id"))
	if err != nil {
		return nil, err
	}
	store, err := hex.DecodeString(strings.TrimSuffix(string(text), "\n"))
	if err != nil || len(store) != 16 {
		return nil, fmt.Errorf("store/id: %q", text)
	}
	entries, err := os.ReadDir(filepath.Join(v.dir, "store/logs"))
	if err != nil {
		return nil, err
	}
	logs := map[[32]byte][]*record{}
	for _, e := range entries {
		tag, err := hex.DecodeString(e.Name())
		if err != nil || len(tag) != 32 {
			return nil, fmt.Errorf("store/logs/%s does not belong there", e.Name())
		}
		if logs[[32]byte(tag)], err = v.readLog([16]byte(store), [32]byte(tag)); err != nil {
			return nil, fmt.Errorf("log %s: %w", e.Name(), err)
		}
	}
	return logs, nil
}

func (v *vault) readLog(store [16]byte, tag [32]byte) (log []*record, err error) {
	var previous, device [32]byte
	var clone [16]byte
	dir := filepath.Join(v.dir, "store/logs", hex.EncodeToString(tag[:]))
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for i := range entries {
		data, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%016x", i)))
		if err != nil {
			return nil, err // a gap, or a file that does not belong
		}
		r, err := v.readRecord(data, store, tag, uint64(i), previous)
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", i, err)
		}
		if r.hasBody {
			if device != ([32]byte{}) && (r.device != device || r.clone != clone) {
				return nil, fmt.Errorf("record %d: by another device or clone", i)
			}
			device, clone = r.device, r.clone
		}
		previous = r.hash
		log = append(log, r)
	}
	return log, nil
}

// readRecord checks a record by itself and against the one before it.
func (v *vault) readRecord(data []byte, store [16]byte, tag [32]byte, sequence uint64, previous [32]byte) (*record, error) {
	if len(data) > 1<<20 {
		return nil, errors.New("over a mebibyte")
	}
	d := decoder{rest: data}
	if string(d.take(8)) != "evaultlg" {
		return nil, errors.New("no record")
	}
	d.version("record")
	r := &record{tag: d.hash()}
	key := d.hash()
	r.sequence = d.number(8)
	before := d.hash()
	r.added, r.condemned = d.packs(), d.packs()
	bodySize, bodyHash := d.uvarint(1<<20), d.hash()
	message := data[:len(data)-len(d.rest)]
	signature := d.take(64)
	r.hash = sha256.Sum256(data[:len(data)-len(d.rest)])
	want := sha256.Sum256([]byte("evault log tag v1\x00" + string(store[:]) + string(key[:])))
	switch {
	case d.err != nil:
		return nil, d.err
	case r.tag != tag || r.sequence != sequence || r.tag != want:
		return nil, errors.New("belongs to another place")
	case before != previous:
		return nil, errors.New("does not follow the record before it")
	case bodySize == 0:
		return nil, errors.New("no body")
	}
	if err := signed(key, "evault log header v1", message, signature); err != nil {
		return nil, err
	}
	if len(d.rest) == 0 {
		return r, nil // the body was dropped
	}
	if uint64(len(d.rest)) != bodySize || sha256.Sum256(d.rest) != bodyHash {
		return nil, errors.New("the body is not the signed one")
	}
	r.hasBody = true
	return r, v.readBody(r, key, store, d.rest)
}

// packs reads a list of packs; each is its name and size.
func (d *decoder) packs() (list []string) {
	before := ""
	for i := range d.count(1<<20, 33) {
		name := d.hash()
		d.ascending(i, &before, string(name[:]))
		list = append(list, fmt.Sprintf("%x %d", name, d.uvarint(1<<26)))
	}
	return list
}

func (v *vault) readBody(r *record, logKey [32]byte, store [16]byte, sealed []byte) error {
	d := decoder{rest: sealed}
	d.version("sealed body")
	if wrap := d.u8(); d.err == nil && wrap != 0 {
		return fmt.Errorf("wrapping %d: %w", wrap, errNewer)
	}
	key, ok := v.epochs[d.number(4)]
	if d.err != nil || !ok {
		return errors.New("epoch is not in the keyring")
	}
	s, err := newSealer(key, v.id, "evault log body v1", nil)
	if err != nil {
		return err
	}
	additional := append(binary.BigEndian.AppendUint64(slices.Clone(r.tag[:]), r.sequence), sealed[:6]...)
	plain, err := s.openCommitted(d.rest, additional)
	if err != nil {
		return err
	}
	return v.decodeBody(r, logKey, store, plain)
}

func (v *vault) decodeBody(r *record, logKey [32]byte, store [16]byte, plain []byte) error {
	d := decoder{rest: plain}
	d.version("body")
	vault := d.hash()
	ours := bytes.Equal(d.take(16), store[:])
	r.device = d.hash()
	copy(r.clone[:], d.take(16))
	sequence, cited := d.number(8), d.hash()
	d.line(64)
	d.line(1024)
	d.number(8)
	if nanoseconds, zone := d.number(4), int16(d.number(2)); nanoseconds >= 1e9 || zone <= -1440 || zone >= 1440 {
		d.fail("no such time")
	}
	d.head()
	d.head()
	before := ""
	for i := range d.count(1<<20, 65) {
		c := change{d.refName(), d.hash(), d.hash()}
		d.ascending(i, &before, c.name)
		if c.old == c.new {
			d.fail("a change that changes nothing")
		}
		r.changes = append(r.changes, c)
	}
	d.packs()
	for i := range d.count(1<<20, 72) {
		p := position{d.hash(), d.number(8), d.hash()}
		d.ascending(i, &before, string(p.tag[:]))
		r.seen = append(r.seen, p)
	}
	r.takeCheckpoint(&d)
	message := append(logKey[:], plain[:len(plain)-len(d.rest)]...)
	signature := d.take(64)
	if n := len(plain) - len(d.rest); len(plain) != padded(n) || len(bytes.Trim(d.rest, "\x00")) > 0 {
		d.fail("wrong padding")
	}
	switch cites := v.rosters[cited]; {
	case d.err != nil:
		return d.err
	case vault != v.id || !ours || sequence != r.sequence:
		return errors.New("the body is of another record")
	case cites == nil || cites.roles[r.device] == 0:
		return errors.New("the roster that it cites does not list its device")
	}
	return signed(r.device, "evault record v1", message, signature)
}

func (d *decoder) head() {
	switch kind := d.u8(); kind {
	case 0:
	case 1:
		if branch := d.text(255); d.err == nil && !refAllowed("heads/"+branch) {
			d.fail("branch %q", branch)
		}
	case 2:
		if d.hash() == ([32]byte{}) {
			d.fail("head is zero")
		}
	default:
		d.fail("head of kind %d: %w", kind, errNewer)
	}
}

// refName reads the name of a ref: git-check-ref-format(1).
func (d *decoder) refName() string {
	name := d.text(255)
	if d.err == nil && !refAllowed(name) {
		d.fail("ref name %q", name)
	}
	return name
}

func refAllowed(name string) bool {
	if !strings.Contains(name, "/") || strings.HasSuffix(name, ".") || strings.Contains(name, "..") || strings.Contains(name, "@{") ||
		strings.ContainsAny(name, "~^:?*[\\ ") || control7(name) {
		return false
	}
	return !slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool {
		return part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock")
	})
}

func (r *record) takeCheckpoint(d *decoder) {
	flag := d.u8()
	if r.checkpoint = flag == 1; flag > 1 {
		d.fail("checkpoint of kind %d: %w", flag, errNewer)
	}
	if flag != 1 {
		return
	}
	before := ""
	for i := range d.count(1<<20, 73) {
		s := setting{d.refName(), d.hash(), d.hash(), d.number(8)}
		d.ascending(i, &before, fmt.Sprintf("%s\x00%s%20d", s.name, s.tag, s.sequence))
		r.table = append(r.table, s)
	}
	d.packs()
	if len(r.changes) > 0 {
		d.fail("a checkpoint that changes refs")
	}
}

// padded is the length to which a body of n bytes is padded.
func padded(n int) int {
	step := 512
	if n > 1 {
		e := bits.Len(uint(n)) - 1 // floor(log2 n)
		s := bits.Len(uint(e))     // floor(log2 e) + 1
		step = max(step, 1<<(e-s))
	}
	return (n + step - 1) / step * step
}

// past says how many records of each log are in a record's past.
type past map[[32]byte]uint64

func (p past) has(s setting) bool { return s.sequence < p[s.tag] }

func (p past) join(o past) {
	for tag, n := range o {
		p[tag] = max(p[tag], n)
	}
}

// fold is what the records that count amount to: the settings that nothing supersedes.
type fold struct {
	logs     map[[32]byte][]*record
	count    map[[32]byte]int // records of each log that are folded
	pasts    map[[32]byte]past
	settings []setting
	packs    map[string]bool // added and not condemned
}

// foldLogs folds every record after what it has seen. It fails if any has to be held back.
func (v *vault) foldLogs(logs map[[32]byte][]*record) (*fold, error) {
	f := &fold{logs: logs, count: map[[32]byte]int{}, pasts: map[[32]byte]past{}, packs: map[string]bool{}}
	for _, log := range logs {
		for _, r := range log {
			for _, s := range r.table { // where a body was dropped, the table speaks for it
				if l := logs[s.tag]; s.sequence < uint64(len(l)) && !l[s.sequence].hasBody && !slices.Contains(f.settings, s) {
					f.settings = append(f.settings, s)
				}
			}
		}
	}
	for again := true; again; {
		again = false
		for tag, log := range logs {
			for f.count[tag] < len(log) && f.ready(log[f.count[tag]]) && !v.cutOff(log[f.count[tag]]) {
				f.apply(log[f.count[tag]])
				f.count[tag]++
				again = true
			}
		}
	}
	for tag, log := range logs {
		if n := f.count[tag]; n < len(log) {
			return nil, fmt.Errorf("record %d of log %x cannot be trusted: what it has seen is not there, or its device was revoked", n, tag[:8])
		}
	}
	if err := f.checkDropped(); err != nil {
		return nil, err
	}
	for _, list := range f.each(func(r *record) []string { return r.added }) {
		f.packs[list] = true
	}
	for _, list := range f.each(func(r *record) []string { return r.condemned }) {
		delete(f.packs, list)
	}
	return f, nil
}

// checkDropped makes sure that a checkpoint stands for every body that is missing.
func (f *fold) checkDropped() error {
	covered := past{}
	for _, log := range f.logs {
		for _, r := range log {
			if r.checkpoint {
				covered.join(f.pasts[r.hash])
			}
		}
	}
	for tag, log := range f.logs {
		for _, r := range log {
			if !r.hasBody && r.sequence >= covered[tag] {
				return fmt.Errorf("record %d of log %x has lost its body", r.sequence, tag[:8])
			}
		}
	}
	return nil
}

func (f *fold) each(of func(*record) []string) (all []string) {
	for _, log := range f.logs {
		for _, r := range log {
			all = append(all, of(r)...)
		}
	}
	return all
}

// cutOff says that a record comes after its device was revoked. Logs without a cut-off of their own are not trusted at all
// here: what others have seen of them would count.
func (v *vault) cutOff(r *record) bool {
	logs, revoked := v.newest.revoked[r.device]
	if !revoked {
		return false
	}
	cut, listed := logs[r.tag]
	return !listed || r.sequence > cut.sequence || r.sequence == cut.sequence && r.hash != cut.hash
}

// ready says whether all that a record has seen is folded.
func (f *fold) ready(r *record) bool {
	for _, p := range r.seen {
		if p.tag == r.tag || p.sequence >= uint64(f.count[p.tag]) || f.logs[p.tag][p.sequence].hash != p.hash {
			return false
		}
	}
	return true
}

func (f *fold) apply(r *record) {
	p := past{r.tag: r.sequence + 1}
	if r.sequence > 0 {
		p.join(f.pasts[f.logs[r.tag][r.sequence-1].hash])
	}
	for _, s := range r.seen {
		p.join(f.pasts[s.hash])
	}
	f.pasts[r.hash] = p
	if r.checkpoint {
		f.settings = slices.DeleteFunc(f.settings, func(s setting) bool { return p.has(s) && !slices.Contains(r.table, s) })
	}
	for _, c := range r.changes {
		f.settings = slices.DeleteFunc(f.settings, func(s setting) bool { return s.name == c.name && p.has(s) })
		if c.new != ([32]byte{}) {
			f.settings = append(f.settings, setting{c.name, c.new, r.tag, r.sequence})
		}
	}
}

// resolve gives the commit of a ref: the one that descends from all others.
func (v *vault) resolve(f *fold, name string) ([32]byte, error) {
	var ids [][32]byte
	for _, s := range f.settings {
		if s.name == name && !slices.Contains(ids, s.id) {
			ids = append(ids, s.id)
		}
	}
	if len(ids) == 0 {
		return [32]byte{}, fmt.Errorf("no ref %s", name)
	}
	for _, id := range ids {
		ancestors, err := v.ancestors(id)
		if err != nil {
			return id, err
		}
		if !slices.ContainsFunc(ids, func(other [32]byte) bool { return !ancestors[other] }) {
			return id, nil
		}
	}
	return [32]byte{}, fmt.Errorf("%s has diverged: %x", name, ids)
}
