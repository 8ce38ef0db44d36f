package mutants

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// Each mutant applies exactly once, is formatted, and compiles.
func TestMutantsApply(t *testing.T) {
	dir, list := root(t), all()
	if len(list) < floor {
		t.Errorf("%d mutants, want %d", len(list), floor)
	}
	c := newCompiler(t, dir)
	seen := map[string]bool{}
	for _, m := range list {
		pkg, pattern, ok := strings.Cut(m.kills, " ")
		switch {
		case seen[m.name]:
			t.Errorf("%s: there are two of that name", m.name)
		case m.old == m.new || !ok || pattern == "" || c.packages["evault/"+pkg] == nil:
			t.Errorf("%s: it changes nothing, or names no tests", m.name)
		}
		seen[m.name] = true
		if err := c.check(m); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
	t.Logf("%d mutants", len(list))
}

// listed is what the go command knows of a package.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
}

// compiler checks types without writing anything: with the export data of what a package imports, which the go command has
// in its cache.
type compiler struct {
	dir      string
	packages map[string]*listed
	fset     *token.FileSet
	imports  types.Importer
}

func newCompiler(t *testing.T, dir string) *compiler {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles", "./...")
	cmd.Dir = dir
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &compiler{dir: dir, packages: map[string]*listed{}, fset: token.NewFileSet()}
	for dec := json.NewDecoder(out); ; {
		p := new(listed)
		if err := dec.Decode(p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		c.packages[p.ImportPath] = p
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	c.imports = importer.ForCompiler(c.fset, "gc", func(name string) (io.ReadCloser, error) {
		p := c.packages[name]
		if p == nil {
			if p = c.packages["vendor/"+name]; p == nil { // the standard library's own
				return nil, fmt.Errorf("%s is not listed", name)
			}
		}
		return os.Open(p.Export)
	})
	return c
}

// check compiles the package of a mutant.
func (c *compiler) check(m mutant) error {
	data, err := m.source(c.dir)
	if err != nil {
		return err
	}
	if neat, err := format.Source(data); err != nil {
		return err
	} else if string(neat) != string(data) {
		return errors.New("not as gofmt has it")
	}
	p := c.packages["evault/"+path.Dir(m.file)]
	if p == nil {
		return fmt.Errorf("no package has %s", m.file)
	}
	var files []*ast.File
	met := false
	for _, name := range p.GoFiles {
		var src any
		if name == path.Base(m.file) {
			src, met = data, true
		}
		f, err := parser.ParseFile(c.fset, filepath.Join(p.Dir, name), src, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	if !met {
		return fmt.Errorf("%s is not for this system", m.file)
	}
	_, err = (&types.Config{Importer: c.imports}).Check(p.ImportPath, c.fset, files, nil)
	return err
}
