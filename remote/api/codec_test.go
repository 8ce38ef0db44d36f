package api

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"evault/keys"
	"evault/refs"
	"evault/remote"
)

func sampleFiles() []remote.FileInfo {
	hash := strings.Repeat("0f", 32)
	return []remote.FileInfo{{Name: "keyring/4294967295-" + hash, Size: remote.MaxFile}, {Name: "roster/0-" + hash, Size: 0},
		{Name: "slots/" + hash + ".age", Size: 363}}
}

func samplePacks() []refs.Pack {
	return []refs.Pack{{Size: 0}, {Name: [32]byte{1}, Size: refs.MaxPackSize}, {Name: [32]byte{1, 1}, Size: 300}}
}

func sampleHeads() []refs.Position {
	return []refs.Position{{Tag: refs.Tag{1}, Seq: 1<<64 - 1, Hash: [32]byte{2}}, {Tag: refs.Tag{2}, Seq: 0}}
}

// decodeList reads a list from memory. What is wrong with it is a formError and nothing else.
func decodeList[T any](l list[T], data []byte) ([]T, error) {
	elements, err := l.read(bytes.NewReader(data))
	if err != nil && !errors.As(err, &formError{}) {
		panic(err)
	}
	return elements, err
}

// checkList shows for one kind of list that it comes back as it was, and that nothing else is taken for one.
func checkList[T comparable](t *testing.T, l list[T], elements []T) {
	t.Helper()
	for n := range len(elements) + 1 {
		data := l.append(nil, elements[:n])
		got, err := decodeList(l, data)
		if err != nil || !slices.Equal(got, elements[:n]) {
			t.Errorf("%s: %v, %v", l.what, got, err)
		}
		for cut := range data {
			if _, err := decodeList(l, data[:cut]); err == nil {
				t.Errorf("%s: cut to %d of %d bytes and taken", l.what, cut, len(data))
			}
		}
		if _, err := decodeList(l, append(data, 0)); err == nil {
			t.Errorf("%s: with a byte too many and taken", l.what)
		}
	}
	twice := l.append(nil, []T{elements[0], elements[0]})
	if _, err := decodeList(l, twice); !errors.Is(err, errOrder) {
		t.Errorf("%s: twice the same: %v", l.what, err)
	}
	turned := l.append(nil, []T{elements[1], elements[0]})
	if _, err := decodeList(l, turned); !errors.Is(err, errOrder) {
		t.Errorf("%s: out of order: %v", l.what, err)
	}
	for _, count := range []uint64{l.limit + 1, 1<<64 - 1, l.limit} {
		crowd := append(binary.AppendUvarint(nil, count), make([]byte, 100)...)
		if _, err := decodeList(l, crowd); err == nil {
			t.Errorf("%s: %d promised and taken", l.what, count)
		}
	}
}

func TestLists(t *testing.T) {
	checkList(t, vaultList(), []keys.VaultID{{1}, {1, 1}, {2}})
	checkList(t, fileList(), sampleFiles())
	checkList(t, packList(), samplePacks())
	checkList(t, headList(), sampleHeads())
}

func TestListsOfBadElements(t *testing.T) {
	packs := packList()
	if _, err := decodeList(packs, packs.append(nil, []refs.Pack{{Size: refs.MaxPackSize + 1}})); err == nil {
		t.Error("a pack too large was taken")
	}
	files := fileList()
	for _, f := range []remote.FileInfo{{Name: "id", Size: 1}, {Name: "roster/../../x", Size: 1}, {Name: "", Size: 1},
		{Name: sampleFiles()[0].Name, Size: remote.MaxFile + 1}, {Name: strings.ToUpper(sampleFiles()[2].Name)}} {
		if _, err := decodeList(files, files.append(nil, []remote.FileInfo{f})); err == nil {
			t.Errorf("%+v was taken", f)
		}
	}
}

func TestAppendRequest(t *testing.T) {
	records := [][]byte{{1}, bytesOf(200, 1)}
	data := appendRequest(sampleHeads(), records)
	heads, got, err := decodeAppend(data)
	if err != nil || !slices.Equal(heads, sampleHeads()) || !slices.EqualFunc(got, records, bytes.Equal) {
		t.Errorf("%v, %d records, %v", heads, len(got), err)
	}
	for cut := range data {
		if _, _, err := decodeAppend(data[:cut]); err == nil {
			t.Errorf("cut to %d bytes and taken", cut)
		}
	}
	for name, bad := range map[string][]byte{
		"byte too many":  append(bytes.Clone(data), 0),
		"empty record":   appendRequest(nil, [][]byte{{}}),
		"too many":       appendRequest(nil, slices.Repeat([][]byte{{1, 2}}, remote.MaxAppend+1)),
		"record too big": appendRequest(nil, [][]byte{make([]byte, refs.MaxRecord+1)}),
	} {
		if _, _, err := decodeAppend(bad); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// frames reads a stream to its end.
func frames(data []byte) (all [][]byte, err error) {
	f := frameReader{r: bufio.NewReader(bytes.NewReader(data))}
	for {
		r, err := f.next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, bytes.Clone(r))
	}
}

func stream(records ...[]byte) (data []byte) {
	for _, r := range records {
		data = appendFrame(data, r)
	}
	return append(data, 0)
}

func TestFrames(t *testing.T) {
	records := [][]byte{{7}, bytesOf(refs.MaxRecord, 2), bytesOf(70_000, 3)}
	data := stream(records...)
	if got, err := frames(data); err != nil || !slices.EqualFunc(got, records, bytes.Equal) {
		t.Errorf("%d records, %v", len(got), err)
	}
	for _, cut := range []int{0, 1, 2, 3, 5, len(data) / 2, len(data) - 2, len(data) - 1} {
		if _, err := frames(data[:cut]); err != io.ErrUnexpectedEOF {
			t.Errorf("cut to %d: %v", cut, err)
		}
	}
	for name, bad := range map[string][]byte{
		"bytes behind": append(stream([]byte{1}), 0),
		"too long":     appendFrame(nil, make([]byte, refs.MaxRecord+1)),
		"long form":    {0x81, 0},
		"no number":    bytes.Repeat([]byte{0xff}, 20),
	} {
		if _, err := frames(bad); !errors.As(err, &formError{}) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFramesGrowWithInput shows that a length alone takes no memory.
func TestFramesGrowWithInput(t *testing.T) {
	data := binary.AppendUvarint(nil, refs.MaxRecord)
	f := frameReader{r: bufio.NewReader(bytes.NewReader(data))}
	if _, err := f.next(); err != io.ErrUnexpectedEOF {
		t.Error(err)
	}
	if cap(f.buf) > 128<<10 {
		t.Errorf("%d bytes taken for nothing", cap(f.buf))
	}
}

func TestInfoDocument(t *testing.T) {
	id := strings.Repeat("0a", 32)
	for doc, ok := range map[string]bool{
		`{"vault":"` + id + `","permissions":"read"}`:                                            true,
		`{"vault":"` + id + `","permissions":"none","store":"` + id[:32] + `","new":[1,2]}`:      true,
		`{"vault":"` + id + `","permissions":"root"}`:                                            false,
		`{"vault":"` + id + `","permissions":"read","store":"` + id + `"}`:                       false,
		`{"vault":"` + id + `","permissions":"read","store":"` + strings.ToUpper(id[:32]) + `"}`: false,
		`{"vault":"` + id[1:] + `","permissions":"read"}`:                                        false,
		`{"vault":"` + id + `","permissions":"read","quota":-1}`:                                 false,
		`{"permissions":"read"}`:                                                                 false,
		`null`:                                                                                   false,
		``:                                                                                       false,
	} {
		if _, err := decodeInfo([]byte(doc)); (err == nil) != ok {
			t.Errorf("%s: %v", doc, err)
		}
	}
}

// fuzzList checks that what is taken for a list is one in its only form.
func fuzzList[T any](f *testing.F, l list[T], seeds ...[]T) {
	for _, s := range seeds {
		f.Add(l.append(nil, s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		elements, err := decodeList(l, data)
		if err == nil && !bytes.Equal(l.append(nil, elements), data) {
			t.Errorf("%x decodes and encodes to something else", data)
		}
	})
}

func FuzzVaults(f *testing.F) { fuzzList(f, vaultList(), nil, []keys.VaultID{{1}, {2}}) }
func FuzzFiles(f *testing.F)  { fuzzList(f, fileList(), nil, sampleFiles()) }
func FuzzPacks(f *testing.F)  { fuzzList(f, packList(), nil, samplePacks()) }
func FuzzHeads(f *testing.F)  { fuzzList(f, headList(), nil, sampleHeads()) }

func FuzzAppend(f *testing.F) {
	f.Add(appendRequest(nil, nil))
	f.Add(appendRequest(sampleHeads(), [][]byte{{1}, {2, 3}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		heads, records, err := decodeAppend(data)
		if err == nil && !bytes.Equal(appendRequest(heads, records), data) {
			t.Errorf("%x decodes and encodes to something else", data)
		}
	})
}

func FuzzRecords(f *testing.F) {
	f.Add(stream())
	f.Add(stream([]byte{1}, bytesOf(300, 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		records, err := frames(data)
		if err == nil && !bytes.Equal(stream(records...), data) {
			t.Errorf("%x decodes and encodes to something else", data)
		}
	})
}

func FuzzInfo(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(`{"vault":"%064x","store":"%032x","permissions":"read,append","quota":5,"used":3,"software":"x"}`, 1, 2)))
	f.Fuzz(func(t *testing.T, data []byte) {
		info, err := decodeInfo(data)
		if err == nil && len(info.Software) > maxSoftware {
			t.Errorf("%d bytes of software", len(info.Software))
		}
	})
}

func FuzzRange(f *testing.F) {
	f.Add("bytes=0-", int64(5))
	f.Add("bytes=2-4", int64(5))
	f.Fuzz(func(t *testing.T, ask string, size int64) {
		offset, length, err := parseRange([]string{ask}, size)
		if err != nil {
			return
		}
		if offset < 0 || length < 1 || length > size-offset {
			t.Errorf("%q of %d: %d from %d on", ask, size, length, offset)
		}
		first, last, all, ok := parseContentRange(contentRange(offset, length, size))
		if !ok || first != offset || last != offset+length-1 || all != size {
			t.Errorf("%q of %d: %d-%d/%d", ask, size, first, last, all)
		}
	})
}
