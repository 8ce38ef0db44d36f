package fastexport

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// id is an object's ID in git.
const id = "0123456789abcdef0123456789abcdef01234567"

// story is a stream with all that git writes.
const story = `feature done
option git quiet
blob
mark :1
original-oid ` + id + `
data 4
one

blob
mark :2
data 0

reset refs/heads/main
commit refs/heads/main
mark :3
original-oid ` + id + `
author Ann <ann@example.org> 981173106 +0530
committer Carl <c@example.org> 981173107 -0800
gpgsig sha1 openpgp
data 3
sig
encoding latin1
data 6
first
M 100644 :1 a.txt
M 100755 :2 "q\"\n\377\\x"
M 120000 :1 dir/link
M 160000 ` + id + ` sub

checkpoint
progress half
commit refs/heads/main
mark :4
committer Carl <c@example.org> 981173107 -0800
data 3
twofrom :3
merge :3
merge refs/heads/other
D a.txt
R "q\"\n\377\\x" plain name
C dir/link "to"
deleteall
N :1 :3
M 644 :1 with space

reset refs/tags/light
from :4

tag v1
mark :5
from :4
original-oid ` + id + `
tagger Ann <ann@example.org> 981173106 +0530
data 4
text
tag old
from :5
data 0

done
`

// tell puts what is read into words.
func tell(in io.Reader) (lines []string, err error) {
	r := NewReader(in)
	for {
		c, err := r.Next()
		if err == io.EOF {
			return lines, nil
		}
		if err != nil {
			return lines, err
		}
		switch c := c.(type) {
		case *Blob:
			data, err := io.ReadAll(c.Data)
			if err != nil {
				return lines, err
			}
			lines = append(lines, fmt.Sprintf("blob %d %s %q", c.Mark, c.Original, data))
		case *Commit:
			lines = append(lines, fmt.Sprintf("commit %s %d %s | %s %d %d | %s %d %d | %s %q %v | %v %v", c.Branch, c.Mark, c.Original,
				c.Author.Who(), c.Author.Sec, c.Author.Zone, c.Committer.Who(), c.Committer.Sec, c.Committer.Zone,
				c.Encoding, c.Message, c.Signed, c.From, c.Merge))
			for _, x := range c.Changes {
				lines = append(lines, fmt.Sprintf("  %c %o %d %s %q %q", x.Op, x.Mode, x.Mark, x.Object, x.From, x.Path))
			}
		case *Tag:
			lines = append(lines, fmt.Sprintf("tag %s %d %s %v %v %q", c.Name, c.Mark, c.Original, c.From, c.Tagger != nil, c.Message))
		case *Reset:
			lines = append(lines, fmt.Sprintf("reset %s %v", c.Branch, c.From))
		case *Progress:
			lines = append(lines, "progress "+c.Text)
		}
	}
}

func TestWholeStream(t *testing.T) {
	want := []string{
		`blob 1 ` + id + ` "one\n"`,
		`blob 2  ""`,
		`reset refs/heads/main `,
		`commit refs/heads/main 3 ` + id + ` | Ann <ann@example.org> 981173106 330 | Carl <c@example.org> 981173107 -480 | latin1 "first\n" true |  []`,
		`  M 100644 1  "" "a.txt"`,
		`  M 100755 2  "" "q\"\n\xff\\x"`,
		`  M 120000 1  "" "dir/link"`,
		`  M 160000 0 ` + id + ` "" "sub"`,
		`progress half`,
		`commit refs/heads/main 4  | Carl <c@example.org> 981173107 -480 | Carl <c@example.org> 981173107 -480 |  "two" false | :3 [:3 refs/heads/other]`,
		`  D 0 0  "" "a.txt"`,
		`  R 0 0  "q\"\n\xff\\x" "plain name"`,
		`  C 0 0  "dir/link" "to"`,
		`  X 0 0  "" ""`,
		`  N 0 0  "" ""`,
		`  M 100644 1  "" "with space"`,
		`reset refs/tags/light :4`,
		`tag v1 5 ` + id + ` :4 true "text"`,
		`tag old 0  :5 false ""`,
	}
	for name, in := range map[string]io.Reader{
		"whole": strings.NewReader(story), "byte by byte": iotest.OneByteReader(strings.NewReader(story)),
	} {
		got, err := tell(in)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Fatalf("%s: line %d:\n got %q\nwant %q", name, i, got[min(i, len(got)-1)], want[min(i, len(want)-1)])
			}
		}
	}
}

// A stream that is cut anywhere is ErrUnterminated, and nothing else.
func TestEveryCutIsNoticed(t *testing.T) {
	for n := range len(story) {
		_, err := tell(strings.NewReader(story[:n]))
		if n == len(story)-1 && errors.Is(err, ErrUnterminated) {
			continue // "done" without the end of its line
		}
		if !errors.Is(err, ErrUnterminated) {
			t.Fatalf("cut at %d, behind %q: %v", n, story[max(0, n-30):n], err)
		}
	}
}

// The data of a blob that nobody reads is passed over.
func TestUnreadDataIsPassedOver(t *testing.T) {
	r := NewReader(strings.NewReader(story))
	n := 0
	for {
		_, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 9 {
		t.Errorf("%d commands", n)
	}
}

func TestFaults(t *testing.T) {
	head := "commit refs/heads/x\nmark :1\ncommitter C <c> 1 +0000\ndata 0\n"
	for _, c := range []struct {
		text string
		want error
		says string
	}{
		{"hello\ndone\n", ErrSyntax, `"hello" is no command`},
		{"done\nblob\n", ErrSyntax, "behind"},
		{"feature import-marks=x\ndone\n", ErrSyntax, "feature"},
		{"blob\nmark :0\ndata 0\n", ErrSyntax, "no mark"},
		{"blob\nmark :01\ndata 0\n", ErrSyntax, "no mark"},
		{"blob\nmark 1\ndata 0\n", ErrSyntax, "no mark"},
		{"blob\nmark :99999999999999999999\ndata 0\n", ErrSyntax, "no mark"},
		{"blob\noriginal-oid xyz\ndata 0\n", ErrSyntax, "name"},
		{"blob\ndata -1\n", ErrSyntax, "length"},
		{"blob\ndata 9223372036854775807\n", ErrSyntax, "length"},
		{"blob\ndata 2000000000000000\n", ErrLimit, "bytes"},
		{"blob\ndata <<END\nx\nEND\n", ErrSyntax, "without a length"},
		{"blob\nmark :1\nblob\n", ErrSyntax, "data"},
		{"commit \n", ErrSyntax, "branch"},
		{"commit refs/heads/x\ndata 0\n\ndone\n", ErrSyntax, "committer"},
		{"commit refs/heads/x\ncommitter C <c> 1 +0000\ndata 99999999\n", ErrLimit, "bytes"},
		{"commit refs/heads/x\nfrom :1\n", ErrSyntax, "in a commit"},
		{head + "M 100600 :1 a\n\ndone\n", ErrSyntax, "mode"},
		{head + "M 040000 :1 a\n\ndone\n", ErrSyntax, "mode"},
		{head + "M 100644 inline a\ndata 0\n\ndone\n", ErrSyntax, "inline"},
		{head + "M 100644 " + id + " a\n\ndone\n", ErrSyntax, "mark"},
		{head + "M 100644 :1 \"a\n\ndone\n", ErrSyntax, "path"},
		{head + "M 100644 :1 \"\\400\"\n\ndone\n", ErrSyntax, "path"},
		{head + "M 100644 :1 \"a\" b\n\ndone\n", ErrSyntax, "path"},
		{head + "M 100644 :1 \n\ndone\n", ErrSyntax, "path"},
		{head + "D \n\ndone\n", ErrSyntax, "path"},
		{head + "R a\n\ndone\n", ErrSyntax, "path"},
		{head + "N inline :1\n\ndone\n", ErrSyntax, "inline"},
		{head + "from :x\n\ndone\n", ErrSyntax, "mark"},
		{head + "from :1\n" + strings.Repeat("merge :1\n", MaxParents+1) + "\ndone\n", ErrLimit, "parents"},
		{head + "M 100644 :1 " + strings.Repeat("x", MaxPath+1) + "\n\ndone\n", ErrSyntax, "path"},
		{strings.Repeat("x", MaxLine+10) + "\n", ErrLimit, "line"},
		{"tag \n", ErrSyntax, "name"},
		{"tag x\ndata 0\n", ErrSyntax, "nothing"},
		{"tag x\nfrom :1\nwhatever\n", ErrSyntax, "in a tag"},
		{"reset \n", ErrSyntax, "name"},
	} {
		_, err := tell(strings.NewReader(c.text))
		if !errors.Is(err, c.want) || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%.60q: %v; want %v with %q", c.text, err, c.want, c.says)
		}
	}
}

// A length that is announced takes no memory before the bytes are there.
func TestAnnouncedLengthsTakeNoMemory(t *testing.T) {
	text := fmt.Sprintf("commit refs/heads/x\ncommitter C <c> 1 +0000\ndata %d\nshort", MaxMessage)
	allocs := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			if _, err := tell(strings.NewReader(text)); !errors.Is(err, ErrUnterminated) {
				b.Fatal(err)
			}
		}
	}).AllocedBytesPerOp()
	if allocs > 1<<20 {
		t.Errorf("%d bytes taken for a message that is not there", allocs)
	}
}

func TestPersons(t *testing.T) {
	for text, want := range map[string]Person{
		"Ann <a@b> 12 +0100":     {Name: "Ann", Email: "a@b", Sec: 12, Zone: 60, ZoneText: "+0100"},
		"<a@b> -12 -0030":        {Email: "a@b", Sec: -12, Zone: -30, ZoneText: "-0030"},
		" <> 0 +0000":            {ZoneText: "+0000"},
		"A <b> c <a@b> 1 +0000":  {Name: "A", Email: "b> c <a@b", Sec: 1, ZoneText: "+0000"},
		"Ann <a@b> 12 +051800":   {Name: "Ann", Email: "a@b", Sec: 12, Zone: 518 * 60, ZoneText: "+051800", Odd: true},
		"Ann <a@b> 12 +0199":     {Name: "Ann", Email: "a@b", Sec: 12, Zone: 60 + 99, ZoneText: "+0199", Odd: true},
		"Ann <a@b> 12":           {Name: "Ann", Email: "a@b", Sec: 12, Odd: true},
		"Ann <a@b> soon":         {Name: "Ann", Email: "a@b", Odd: true},
		"Ann":                    {Name: "Ann", Odd: true},
		"":                       {Odd: true},
		"Ann > 12 +0000 <":       {Name: "Ann > 12 +0000 <", Odd: true},
		"Ann <a@b> 12 nowhere":   {Name: "Ann", Email: "a@b", Sec: 12, ZoneText: "nowhere", Odd: true},
		"Ann <a> 99999999999999": {Name: "Ann", Email: "a", Sec: 99999999999999, Odd: true},
	} {
		if got := parsePerson(text); got != want {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
}

// FuzzReader feeds anything. What is read stays within limits, and a reader that has failed stays so.
func FuzzReader(f *testing.F) {
	f.Add([]byte(story))
	f.Add([]byte("blob\ndata 3\nabc\ndone\n"))
	f.Add([]byte("reset refs/heads/x\nfrom :1\ntag x\nfrom :1\ndata 1\nx\ndone\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := NewReader(strings.NewReader(string(data)))
		total := int64(0)
		for {
			c, err := r.Next()
			if err != nil {
				var where *Error
				if err != io.EOF && (!errors.As(err, &where) || where.Line < 1) {
					t.Fatalf("%v does not say where", err)
				}
				if _, again := r.Next(); again != err {
					t.Fatalf("%v, and then %v", err, again)
				}
				return
			}
			switch c := c.(type) {
			case *Blob:
				n, _ := io.Copy(io.Discard, c.Data)
				if total += n; n > c.Size || total > int64(len(data)) {
					t.Fatalf("%d bytes of %d", n, c.Size)
				}
			case *Commit:
				for _, x := range c.Changes {
					if len(x.Path) > MaxPath || x.Op == Modify && x.Mode != ModeSubmodule && x.Mark == 0 {
						t.Fatalf("%+v", x)
					}
				}
			}
		}
	})
}

// FuzzPath quotes any path as git does, and reads it again.
func FuzzPath(f *testing.F) {
	f.Add("a b\"\\\n\xff\x00\x07")
	f.Fuzz(func(t *testing.T, path string) {
		var b strings.Builder
		for i := range len(path) {
			fmt.Fprintf(&b, "\\%03o", path[i])
		}
		got, rest, ok := unquote(`"` + b.String() + `" rest`)
		if !ok || got != path || rest != " rest" {
			t.Errorf("%q came back as %q, %q, %v", path, got, rest, ok)
		}
	})
}
