package tests

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"evault/commands"
)

// schemas is docs/schemas.json: the fields of every shape that --json prints, with their types.
type schemas struct {
	About   []string                     `json:"about"`
	Shapes  map[string]map[string]string `json:"shapes"`
	Schemas map[string]map[string]string `json:"schemas"`
}

func readSchemas(t *testing.T) schemas {
	t.Helper()
	data, err := os.ReadFile("../docs/schemas.json")
	if err != nil {
		t.Fatal(err)
	}
	var s schemas
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// checking compares documents with the shapes and notes which fields were ever seen.
type checking struct {
	schemas
	seen map[string]bool // "evault.log/1 id"
}

// object checks one object against a shape: no field that the shape does not have, none missing that is always there, and
// each of its type.
func (c *checking) object(where string, shape map[string]string, got map[string]any) (faults []string) {
	shape = c.whole(shape)
	for name, value := range got {
		kind, optional := shape[name+"?"]
		if !optional {
			kind = shape[name]
		}
		c.seen[where+" "+name] = true
		if kind == "" {
			faults = append(faults, fmt.Sprintf("%s: the field %q = %v is in no shape", where, name, value))
			continue
		}
		faults = append(faults, c.value(where+" "+name, kind, value)...)
	}
	for name := range shape {
		if _, there := got[name]; !there && !strings.HasSuffix(name, "?") {
			faults = append(faults, fmt.Sprintf("%s: the field %q is missing", where, name))
		}
	}
	return faults
}

// whole puts the fields of shapes that a shape includes ("...") into it.
func (c *checking) whole(shape map[string]string) map[string]string {
	out := map[string]string{}
	for name, kind := range shape {
		if name != "..." {
			out[name] = kind
			continue
		}
		for included := range strings.FieldsSeq(kind) {
			for n, k := range c.whole(c.Shapes[included]) {
				out[n] = k
			}
		}
	}
	return out
}

// value checks one value against the name of its type.
func (c *checking) value(where, kind string, value any) (faults []string) {
	if inner, ok := strings.CutPrefix(kind, "list of "); ok {
		list, ok := value.([]any)
		if !ok {
			return []string{fmt.Sprintf("%s: %v is no list", where, value)}
		}
		for _, v := range list {
			faults = append(faults, c.value(where, inner, v)...)
		}
		return faults
	}
	if inner, ok := strings.CutPrefix(kind, "object of "); ok {
		object, ok := value.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s: %v is no object", where, value)}
		}
		for _, v := range object {
			faults = append(faults, c.value(where, inner, v)...)
		}
		return faults
	}
	if shape, ok := c.Shapes[kind]; ok {
		object, ok := value.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s: %v is no object", where, value)}
		}
		return c.object(where, shape, object)
	}
	if !isOf(kind, value) {
		return []string{fmt.Sprintf("%s: %#v is no %s", where, value, kind)}
	}
	return nil
}

// isOf knows the types that are no objects.
func isOf(kind string, value any) bool {
	text, isText := value.(string)
	number, isNumber := value.(float64)
	switch kind {
	case "string":
		return isText
	case "boolean":
		_, is := value.(bool)
		return is
	case "integer":
		return isNumber && number == float64(int64(number))
	case "number":
		return isNumber
	case "id":
		return isText && regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(text)
	case "device":
		return isText && regexp.MustCompile(`^([A-Z2-7]{7}-){7}[A-Z2-7]{7}$`).MatchString(text)
	case "time":
		_, err := time.Parse(time.RFC3339Nano, text)
		return isText && err == nil
	case "base64":
		_, err := base64.StdEncoding.DecodeString(text)
		return isText && err == nil
	}
	return false
}

// TestJSON runs every verb with --json in a world and holds each line that it prints against docs/schemas.json. A verb that
// is neither run nor excused, and a schema that nothing prints, is a fault.
func TestJSON(t *testing.T) {
	w, names := newWorld(t)
	c := checking{readSchemas(t), map[string]bool{}}
	placeholders := placeholdersOf(w, names)
	printed, ran, whole := map[string]bool{}, map[string]bool{}, 0
	for _, run := range jsonRuns {
		ran[run.verb] = true
		t.Run(strings.ReplaceAll(run.verb+" "+run.args, "/", "_"), func(t *testing.T) {
			w.t = t
			whole++
			w.reset()
			script := fmt.Sprintf("{ %s\n} >&2\nevault %s --json %s", cmpOr(run.before, ":"), run.verb, run.args)
			r := w.process(cmpOr(run.dir, "work"), "sh", "-c", placeholders.Replace(script))
			if r.code != run.code {
				t.Errorf("exit code %d, want %d\nstderr: %s", r.code, run.code, r.stderr)
			}
			lines := strings.Split(strings.TrimSuffix(r.stdout, "\n"), "\n")
			if r.stdout == "" {
				t.Error("nothing on stdout")
				return
			}
			for _, line := range lines {
				checkDocument(t, &c, printed, line)
			}
		})
	}
	for path := range leafVerbs() {
		if !ran[path] && jsonless[path] == "" {
			t.Errorf("%s is not run with --json", path)
		}
		if ran[path] && jsonless[path] != "" {
			t.Errorf("%s is run and excused", path)
		}
	}
	for name := range c.Schemas {
		if !printed[name] && unprinted[name] == "" && whole == len(jsonRuns) { // and not some of them, by -run
			t.Errorf("nothing prints %s", name)
		}
	}
}

func cmpOr(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func checkDocument(t *testing.T, c *checking, printed map[string]bool, line string) {
	var document map[string]any
	if err := json.Unmarshal([]byte(line), &document); err != nil {
		t.Errorf("%v in: %s", err, line)
		return
	}
	name, _ := document["schema"].(string)
	shape, ok := c.Schemas[name]
	if !ok {
		t.Errorf("schema %q is not in docs/schemas.json: %s", name, line)
		return
	}
	printed[name] = true
	delete(document, "schema")
	for _, fault := range c.object(name, shape, document) {
		t.Errorf("%s\nin: %s", fault, line)
	}
}

// leafVerbs yields every verb that holds no others, without the program's name: "remote add".
func leafVerbs() func(yield func(path string) bool) {
	var visit func(cmd *cobra.Command, yield func(string) bool) bool
	visit = func(cmd *cobra.Command, yield func(string) bool) bool {
		if cmd.Name() == "help" || cmd.Hidden {
			return true
		}
		if len(cmd.Commands()) == 0 || runsItself(cmd) {
			if !yield(strings.TrimPrefix(cmd.CommandPath(), "evault ")) {
				return false
			}
		}
		return !slices.ContainsFunc(cmd.Commands(), func(sub *cobra.Command) bool { return !visit(sub, yield) })
	}
	return func(yield func(string) bool) {
		for _, cmd := range commands.Tree().Commands() {
			if !visit(cmd, yield) {
				return
			}
		}
	}
}

// runsItself tells a verb that holds others and does something without them: its use line takes arguments.
func runsItself(cmd *cobra.Command) bool { return strings.Contains(cmd.Use, " ") }

// TestSchemasAreInTheManual holds docs/schemas.json and docs/json.md against each other: both know the same schemas, and
// every field is explained.
func TestSchemasAreInTheManual(t *testing.T) {
	s := readSchemas(t)
	page, err := os.ReadFile("../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]bool{}
	for _, m := range regexp.MustCompile("`\\{?([^`]+?)\\}?`").FindAllSubmatch(page, -1) {
		for word := range strings.SplitSeq(string(m[1]), ",") {
			words[strings.TrimSpace(word)] = true
		}
	}
	for word := range words {
		if strings.HasPrefix(word, "evault.") && strings.HasSuffix(word, "/1") && s.Schemas[word] == nil {
			t.Errorf("docs/json.md has %s, and docs/schemas.json has not", word)
		}
	}
	explain := func(name string, shape map[string]string) {
		for field := range shape {
			if f := strings.TrimSuffix(field, "?"); f != "..." && !words[f] {
				t.Errorf("%s: docs/json.md does not explain the field %s", name, f)
			}
		}
	}
	for name, shape := range s.Shapes {
		explain(name, shape)
	}
	for name, shape := range s.Schemas {
		explain(name, shape)
		if !words[name] {
			t.Errorf("docs/json.md does not have %s", name)
		}
	}
}

// TestSchemasCatchOffenders shows that the check of a document finds what is wrong in one.
func TestSchemasCatchOffenders(t *testing.T) {
	c := checking{schemas{
		Shapes:  map[string]map[string]string{"path": {"path": "string", "path_base64?": "base64"}},
		Schemas: map[string]map[string]string{"evault.x/1": {"...": "path", "n": "integer", "list": "list of path", "at?": "time", "by": "object of id"}},
	}, map[string]bool{}}
	for document, faults := range map[string]int{
		`{"path":"a","n":1,"list":[{"path":"b"}],"by":{}}`:                                                  0,
		`{"path":"a","n":1,"list":[{"path":"b","path_base64":"YQ=="}],"at":"2026-11-20T01:02:03Z","by":{}}`: 0,
		`{"path":"a","n":1.5,"list":[],"by":{}}`:                                                            1,
		`{"path":"a","n":1,"list":null,"by":{}}`:                                                            1,
		`{"path":"a","n":1,"list":[{"paht":"b"}],"by":{}}`:                                                  2,
		`{"path":1,"n":"1","list":["b"],"at":"yesterday","by":{"a":"xyz"}}`:                                 5,
		`{"n":1,"list":[],"by":[]}`:                                                                         2,
	} {
		var got map[string]any
		if err := json.Unmarshal([]byte(document), &got); err != nil {
			t.Fatal(err)
		}
		if found := c.object("evault.x/1", c.Schemas["evault.x/1"], got); len(found) != faults {
			t.Errorf("%s: %q, want %d faults", document, found, faults)
		}
	}
}

// jsonRun is one command line with --json: a verb, its arguments, what a shell does before, where, and the exit code.
type jsonRun struct {
	verb, args, before, dir string
	code                    int
}

// jsonless are verbs that print no JSON, or not here, with the reason.
var jsonless = map[string]string{
	"completion":       "writes a script",
	"key export":       "writes the bytes of the slot",
	"device reconcile": "needs two admins in conflict; device_conflict.txtar has them",
	"pair":             "needs two devices; pair.txtar reads its lines",
}

// unprinted are schemas of which no line is printed here, with the reason.
var unprinted = map[string]string{
	"evault.serve/1":            "serve --listen runs until it is stopped; serve.txtar reads its line",
	"evault.pair/1":             "see pair in jsonless",
	"evault.device-reconcile/1": "see device reconcile in jsonless",
}

// clash makes a branch that changes the same lines as the last commit of main.
const clash = "evault commit -q -m work; evault switch -q -c clash HEAD~2; echo clash > draft.txt; evault commit -q -m clash; evault switch -q main"

var jsonRuns = []jsonRun{
	{verb: "init", dir: "empty"},
	{verb: "init", args: "--no-passphrase --recovery-words", dir: "empty"},
	{verb: "add", args: "new.txt"},
	{verb: "add", args: "-A -n"},
	{verb: "add", args: "x", before: "echo x > x; echo x > .evaultignore", code: 1},
	{verb: "rm", args: "old.txt"},
	{verb: "mv", args: "draft.txt final.txt"},
	{verb: "status"},
	{verb: "status", args: "--ignored", before: "rm old.txt; chmod 600 photo.jpg; rm a.jpg; ln -s b.jpg a.jpg; echo '*.bak' > .evaultignore; echo x > x.bak"},
	{verb: "status", before: "evault switch -q --detach HEAD~1 --force"},
	{verb: "commit", args: "-m x"},
	{verb: "commit", args: "-A -m x --label a=b"},
	{verb: "commit", args: "-m x", before: "rm old.txt"},
	{verb: "commit", args: "-m x -n"},
	{verb: "log"},
	{verb: "log", args: "--stat"},
	{verb: "log", args: "-- notes.txt"},
	{verb: "diff"},
	{verb: "diff", args: "-p HEAD~2 HEAD"},
	{verb: "diff", args: "-p -M", before: "mv old.txt older.txt; evault add -A; printf 'x\\377' > photo.jpg; chmod 600 b.jpg; printf y > draft.txt"},
	{verb: "commit", args: "-m x", before: `printf '<<<<<<< a\n=======\n>>>>>>> b\n' > notes.txt`},
	{verb: "show"},
	{verb: "show", args: "HEAD~1:photos"},
	{verb: "show", args: "HEAD:notes.txt"},
	{verb: "cat", args: "HEAD:notes.txt"},
	{verb: "ls", args: "-R"},
	{verb: "find", args: "notes"},
	{verb: "blame", args: "HEAD notes.txt"},
	{verb: "blame", args: "notes.txt", before: "printf 'x\\377' >> notes.txt"},
	{verb: "checkout", args: "HEAD~2 --force"},
	{verb: "switch", args: "feature"},
	{verb: "switch", args: "feature -n"},
	{verb: "branch"},
	{verb: "branch", args: "other HEAD~1"},
	{verb: "branch", args: "-m main trunk"},
	{verb: "branch", args: "-d done"},
	{verb: "restore", args: "."},
	{verb: "restore", args: "-n ."},
	{verb: "export", args: "HEAD -o x.tar"},
	{verb: "undo", before: "evault commit -q --allow-empty -m x"},
	{verb: "undo", args: "-n", before: "evault commit -q --allow-empty -m x"},
	{verb: "undo", args: "--list"},
	{verb: "redo", before: "evault commit -q --allow-empty -m x; evault undo"},
	{verb: "redo", args: "--list", before: "evault commit -q --allow-empty -m x; evault undo"},
	{verb: "reset", args: "--soft HEAD~1"},
	{verb: "merge", args: "feature"},
	{verb: "merge", args: "clash", before: clash, code: 13},
	{verb: "merge", args: "--continue", before: clash + "; evault merge clash; evault restore --source clash draft.txt"},
	{verb: "merge", args: "--abort", before: clash + "; evault merge clash"},
	{verb: "status", before: clash + "; evault merge clash"},
	{verb: "revert", args: "HEAD"},
	{verb: "cherry-pick", args: "feature"},
	{verb: "switch", args: "feature --keep"},
	{verb: "branch", before: "evault switch -q --keep feature"},
	{verb: "reflog"},
	{verb: "clone", args: "/mnt/usb/vault", dir: "empty"},
	{verb: "import git", args: "../project", before: gitProject},
	{verb: "import git", args: "--prefix x -n ../project", before: gitProject + "; evault import git ../project"},
	{verb: "remote list"},
	{verb: "remote add", args: "new /mnt/usb/new"},
	{verb: "remote remove", args: "usb"},
	{verb: "remote rename", args: "usb disk"},
	{verb: "remote set-url", args: "usb /mnt/usb/new"},
	{verb: "push", args: "friend", before: "evault commit -q -m x"},
	{verb: "push", args: "--all-remotes"},
	{verb: "push", args: "friend --delete experiment"},
	{verb: "push", args: "--all-remotes --tags"},
	{verb: "fetch"},
	{verb: "fetch", args: "--all-remotes"},
	{verb: "pull", before: "evault restore ."},
	{verb: "ls-remote", args: "friend"},
	{verb: "ls-remote", args: "/mnt/usb/vault"},
	{verb: "serve", args: "--scrub --root /srv/evault"},
	{verb: "peer add", args: "eve JZQWKZ-... --quota 5GiB"},
	{verb: "peer list", before: "evault peer revoke ada"},
	{verb: "peer allow", args: "ada read"},
	{verb: "peer quota", args: "ada 5GiB"},
	{verb: "peer revoke", args: "ada"},
	{verb: "peer rename", args: "ada eve"},
	{verb: "verify"},
	{verb: "verify", args: "--quick", before: "for f in .evault/store/packs/*/*; do chmod 600 $f; printf x >> $f; break; done", code: 20},
	{verb: "verify", args: "--remote friend"},
	{verb: "repair"},
	{verb: "repair", args: "--from usb"},
	{verb: "key list"},
	{verb: "key add", args: "--recovery-words"},
	{verb: "key add", args: "--recipient " + theKey},
	{verb: "key remove", args: "1a2b3c4d --yes"},
	{verb: "device list", args: "--all", before: `evault device remove --yes "old laptop"`},
	{verb: "device add", args: "request --yes"},
	{verb: "device rename", args: "localhost attic"},
	{verb: "device role", args: `"kitchen laptop" admin`},
	{verb: "device remove", args: `"old laptop" --yes`},
	{verb: "identity"},
	{verb: "identity", args: "--request 5a3d1073f353d4d0c160dcaaf849485ac14f420fc394b2a7f0869d98c53cfdce"},
	{verb: "config get", args: "user.name"},
	{verb: "config set", args: "core.workers 2"},
	{verb: "config list"},
	{verb: "version"},
	{verb: "bisect start", args: "HEAD v1.0"},
	{verb: "bisect good", before: "evault bisect start HEAD v1.0"},
	{verb: "bisect bad", before: "evault bisect start"},
	{verb: "bisect skip", before: "evault bisect start HEAD v1.0"},
	{verb: "bisect run", args: "sh -c 'exit 125'", before: "evault bisect start HEAD v1.0", code: 1},
	{verb: "bisect run", args: "true", before: "evault bisect start HEAD v1.0"},
	{verb: "bisect status", before: "evault bisect start HEAD v1.0"},
	{verb: "bisect log", before: "evault bisect start HEAD v1.0"},
	{verb: "bisect reset", before: "evault bisect start HEAD v1.0"},
	{verb: "tag"},
	{verb: "tag", args: "--verify v1.0"},
	{verb: "tag", args: "other HEAD~1"},
	{verb: "tag", args: "-a -m text other"},
	{verb: "tag", args: "-d v1.0"},
}
