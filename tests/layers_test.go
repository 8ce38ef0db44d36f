package tests

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport says, for every package of the module by its first path element, which others it may import. This is the
// picture of the layers: imports point down only, and siblings never import each other. Packages below internal are
// usable by all; between themselves, a package may import only those inside or above its own folder.
var mayImport = map[string][]string{
	"main":     {"commands"},
	"commands": {"repo", "worktree", "remote", "pack", "refs", "objects", "keys", "internal"},
	"repo":     {"worktree", "remote", "pack", "refs", "objects", "keys", "internal"},
	"worktree": {"objects", "keys", "internal"},
	"remote":   {"pack", "refs", "objects", "keys", "internal"},
	"pack":     {"objects", "keys", "internal"},
	"refs":     {"objects", "keys", "internal"},
	"objects":  {"keys", "internal"},
	"keys":     {"internal"},
	"internal": {},
}

const module = "evault"

// source is one parsed Go file.
type source struct {
	path string // slash-separated, from the module's root
	test bool
	file *ast.File
	fset *token.FileSet
}

// layer is the first path element of the package: "main", "repo", "internal", ...
func (s source) layer() string {
	first, _, deeper := strings.Cut(s.path, "/")
	if !deeper {
		return "main"
	}
	return first
}

func (s source) at(n ast.Node) string {
	return s.path + ":" + strconv.Itoa(s.fset.Position(n.Pos()).Line)
}

// imports maps the name by which the file knows each import to its path; without a name that is the last element,
// or the one before it if that is a version.
func (s source) imports() map[string]string {
	all := map[string]string{}
	for _, spec := range s.file.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		name := p[strings.LastIndex(p, "/")+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		for all[name] != "" && all[name] != p { // "_" twice, say
			name += "'"
		}
		all[name] = p
	}
	return all
}

// sources parses every Go file of the module, whatever system it is for.
func sources(t *testing.T) (all []source) {
	t.Helper()
	fset := token.NewFileSet()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if n := d.Name(); p != root && (strings.HasPrefix(n, ".") || strings.HasPrefix(n, "_") || n == "testdata" || n == "vendor") {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(p) != ".go" {
			return nil
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(fset, p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, source{filepath.ToSlash(rel), strings.HasSuffix(p, "_test.go"), f, fset})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("found only %d files below %s", len(all), root)
	}
	return all
}

// rules are what every file of the module keeps. Each gives the faults of one file.
var rules = map[string]func(source) []string{
	"layers":          layerFaults,
	"imports":         importFaults,
	"only vfs writes": writeFaults,
	"names":           nameFaults,
	"no hidden state": stateFaults,
}

func TestModule(t *testing.T) {
	all := sources(t)
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			for _, s := range all {
				for _, fault := range rule(s) {
					t.Error(fault)
				}
			}
		})
	}
}

func layerFaults(s source) (faults []string) {
	if s.test || s.layer() == "tests" {
		return nil
	}
	allowed, known := mayImport[s.layer()]
	if !known {
		return []string{s.path + ": a top-level folder that the picture of the layers does not have"}
	}
	for _, p := range s.imports() {
		rest, ours := strings.CutPrefix(p, module+"/")
		if !ours {
			continue
		}
		to, _, _ := strings.Cut(rest, "/")
		own := filepath.ToSlash(filepath.Dir(s.path))
		switch {
		case to == "internal" && s.layer() == "internal":
			if !within(rest, own) && !within(own, rest) {
				faults = append(faults, s.path+": imports its sibling "+p)
			}
		case to == s.layer():
		case !slices.Contains(allowed, to):
			faults = append(faults, s.path+": "+s.layer()+" must not import "+p)
		}
	}
	return faults
}

// within reports whether the folder inner is outer or below it.
func within(inner, outer string) bool { return inner == outer || strings.HasPrefix(inner, outer+"/") }

// onlyIn says which layers alone may import a package, tests aside. An empty list means that none may.
var onlyIn = []struct {
	path   string // with a trailing slash, all below it
	layers []string
	tests  bool // test files are bound as well
}{
	{"github.com/spf13/", []string{"commands"}, false},
	{"golang.org/x/term", []string{"commands"}, false},
	{"github.com/go-git/go-billy/v5/osfs", nil, true},
	{"github.com/go-git/go-billy/v5/memfs", nil, true},
	{"github.com/go-git/go-billy/v5/util", nil, true},
	{"github.com/go-git/go-billy/v5/helper/", nil, true},
	{"io/ioutil", nil, true},
	{"math/rand", nil, true},
}

func importFaults(s source) (faults []string) {
	for _, p := range s.imports() {
		for _, rule := range onlyIn {
			if p != rule.path && p+"/" != rule.path && !(strings.HasSuffix(rule.path, "/") && strings.HasPrefix(p, rule.path)) {
				continue
			}
			if (!s.test || rule.tests) && !slices.Contains(rule.layers, s.layer()) {
				faults = append(faults, s.path+": must not import "+p)
			}
		}
		if (s.layer() == "objects" || s.layer() == "keys") && !s.test && systemAccess(p) {
			faults = append(faults, s.path+": the model and the keys know no system: "+p)
		}
	}
	return faults
}

// systemAccess tells packages that reach outside the process.
func systemAccess(p string) bool {
	return p == "os" || strings.HasPrefix(p, "os/") || p == "syscall" || p == "net" || strings.HasPrefix(p, "net/") ||
		strings.HasPrefix(p, "golang.org/x/sys/") || p == module+"/internal/vfs" || strings.HasPrefix(p, module+"/internal/vfs/")
}

// writers are the functions that change a disk, by package. Only internal/vfs may use them.
var writers = map[string][]string{
	"os": {"Create", "CreateTemp", "WriteFile", "OpenFile", "Rename", "Remove", "RemoveAll", "Mkdir", "MkdirAll",
		"MkdirTemp", "Link", "Symlink", "Truncate", "Chmod", "Chown", "Lchown", "Chtimes", "CopyFS", "OpenRoot",
		"OpenInRoot", "NewFile"},
	"io/ioutil":             {"WriteFile", "TempFile", "TempDir"},
	"syscall":               systemWriters,
	"golang.org/x/sys/unix": systemWriters,
	"golang.org/x/sys/windows": {"CreateFile", "WriteFile", "DeleteFile", "MoveFile", "MoveFileEx", "CreateDirectory",
		"RemoveDirectory", "CreateHardLink", "CreateSymbolicLink", "Open", "Write", "Rename", "Unlink", "Mkdir", "Rmdir"},
	"github.com/pkg/xattr": {"Set", "LSet", "FSet", "SetWithFlags", "LSetWithFlags", "FSetWithFlags", "Remove", "LRemove", "FRemove"},
}

var systemWriters = []string{"Creat", "Open", "Openat", "Openat2", "Write", "Pwrite", "Writev", "Pwritev", "Rename",
	"Renameat", "Renameat2", "RenameatxNp", "Unlink", "Unlinkat", "Rmdir", "Mkdir", "Mkdirat", "Mknod", "Mknodat",
	"Mkfifo", "Mkfifoat", "Link", "Linkat", "Symlink", "Symlinkat", "Truncate", "Ftruncate", "Fallocate", "Chmod",
	"Fchmod", "Fchmodat", "Chown", "Fchown", "Fchownat", "Lchown", "Utimes", "UtimesNano", "UtimesNanoAt", "Setxattr",
	"Lsetxattr", "Fsetxattr", "Removexattr", "Lremovexattr", "Fremovexattr", "Sendfile", "CopyFileRange", "Splice",
	"Syscall", "Syscall6", "RawSyscall", "RawSyscall6", "SyscallN"}

func writeFaults(s source) (faults []string) {
	if s.test || s.layer() == "tests" || strings.HasPrefix(s.path, "internal/vfs/") {
		return nil
	}
	imports := s.imports()
	for name, p := range imports {
		if name == "." && writers[p] != nil {
			faults = append(faults, s.path+": dot import of "+p)
		}
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && opensTerminal(call) {
			return false
		}
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && slices.Contains(writers[imports[x.Name]], sel.Sel.Name) {
			faults = append(faults, s.at(sel)+": "+x.Name+"."+sel.Sel.Name+" belongs in internal/vfs")
		}
		return true
	})
	return faults
}

// opensTerminal tells the one thing that is opened for writing and is no disk: the terminal, under a constant name.
func opensTerminal(call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "OpenFile" || len(call.Args) == 0 {
		return false
	}
	name, ok := call.Args[0].(*ast.BasicLit)
	return ok && slices.Contains([]string{`"/dev/tty"`, `"CONIN$"`, `"CONOUT$"`}, name.Value)
}

// vagueNames say nothing about what is inside.
var vagueNames = []string{"util", "utils", "common", "helper", "helpers", "type", "types", "misc", "shared", "base"}

func nameFaults(s source) (faults []string) {
	for _, part := range strings.Split(strings.TrimSuffix(s.path, ".go"), "/") {
		for _, word := range strings.Split(part, "_") {
			if word = strings.ToLower(word); slices.Contains(vagueNames, word) {
				faults = append(faults, s.path+": the name "+word+" says nothing")
			}
		}
	}
	if pkg := strings.TrimSuffix(s.file.Name.Name, "_test"); slices.Contains(vagueNames, pkg) {
		faults = append(faults, s.path+": the package name "+pkg+" says nothing")
	}
	return faults
}

// stateFaults finds init functions, and package-level variables that the package changes: assigned to anywhere in
// their file, or of a type that is there to be changed (a map made empty, a mutex, a pool, a channel).
func stateFaults(s source) (faults []string) {
	if s.test {
		return nil
	}
	globals := map[string]bool{}
	for _, decl := range s.file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.Name == "init" {
				faults = append(faults, s.at(d)+": func init")
			}
		case *ast.GenDecl:
			if d.Tok != token.VAR {
				continue
			}
			for _, spec := range d.Specs {
				v := spec.(*ast.ValueSpec)
				for _, name := range v.Names {
					globals[name.Name] = name.Name != "_"
				}
				if changeable(v) {
					faults = append(faults, s.at(v)+": package-level mutable state "+v.Names[0].Name)
				}
			}
		}
	}
	return append(faults, s.assignments(globals)...)
}

// changeable tells variables whose type only makes sense if they change.
func changeable(v *ast.ValueSpec) bool {
	types := []ast.Expr{v.Type}
	for _, value := range v.Values {
		switch e := value.(type) {
		case *ast.CompositeLit:
			if _, isMap := e.Type.(*ast.MapType); isMap && len(e.Elts) == 0 {
				return true
			}
			types = append(types, e.Type)
		case *ast.UnaryExpr:
			if lit, ok := e.X.(*ast.CompositeLit); ok {
				types = append(types, lit.Type)
			}
		case *ast.CallExpr:
			if f, ok := e.Fun.(*ast.Ident); ok && (f.Name == "make" || f.Name == "new") {
				return true
			}
		}
	}
	for _, t := range types {
		if sel, ok := t.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && (x.Name == "sync" || x.Name == "atomic") {
				return true
			}
		}
		if _, ok := t.(*ast.ChanType); ok {
			return true
		}
		if _, ok := t.(*ast.MapType); ok && len(v.Values) == 0 {
			return true
		}
	}
	return false
}

// assignments finds where a function sets one of the globals, or a part of one.
func (s source) assignments(globals map[string]bool) (faults []string) {
	for _, decl := range s.file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		local := localNames(f)
		check := func(e ast.Expr) {
			if name := rootOf(e); name != nil && globals[name.Name] && !local[name.Name] {
				faults = append(faults, s.at(e)+": sets the package-level variable "+name.Name)
			}
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, e := range n.Lhs {
						check(e)
					}
				}
			case *ast.IncDecStmt:
				check(n.X)
			}
			return true
		})
	}
	return faults
}

// localNames gives everything that a function declares, anywhere in it.
func localNames(f *ast.FuncDecl) map[string]bool {
	local := map[string]bool{}
	add := func(e ast.Expr) {
		if name, ok := e.(*ast.Ident); ok {
			local[name.Name] = true
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field: // receivers, parameters, results
			for _, name := range n.Names {
				add(name)
			}
		case *ast.ValueSpec:
			for _, name := range n.Names {
				add(name)
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, e := range n.Lhs {
					add(e)
				}
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				add(n.Key)
				add(n.Value)
			}
		}
		return true
	})
	return local
}

// rootOf gives x of x, x.f, x[i], *x.
func rootOf(e ast.Expr) *ast.Ident {
	switch e := e.(type) {
	case *ast.Ident:
		return e
	case *ast.SelectorExpr:
		return rootOf(e.X)
	case *ast.IndexExpr:
		return rootOf(e.X)
	case *ast.StarExpr:
		return rootOf(e.X)
	case *ast.ParenExpr:
		return rootOf(e.X)
	}
	return nil
}

// TestRulesCatchOffenders feeds each rule a file that breaks it, so that none passes because it looks at nothing.
func TestRulesCatchOffenders(t *testing.T) {
	for _, c := range []struct {
		path, code string
		rule       func(source) []string
	}{
		{"pack/a.go", `package pack; import _ "evault/refs"`, layerFaults},
		{"worktree/a.go", `package worktree; import _ "evault/remote"`, layerFaults},
		{"keys/a.go", `package keys; import _ "evault/objects"`, layerFaults},
		{"internal/a/a.go", `package a; import _ "evault/keys"`, layerFaults},
		{"internal/a/a.go", `package a; import _ "evault/internal/b"`, layerFaults},
		{"main.go", `package main; import _ "evault/repo"`, layerFaults},
		{"extra/a.go", `package extra`, layerFaults},
		{"objects/a.go", `package objects; import _ "os"`, importFaults},
		{"keys/a.go", `package keys; import _ "os/user"`, importFaults},
		{"keys/a.go", `package keys; import _ "evault/internal/vfs"`, importFaults},
		{"repo/a.go", `package repo; import _ "github.com/spf13/cobra"`, importFaults},
		{"repo/a.go", `package repo; import _ "golang.org/x/term"`, importFaults},
		{"repo/a_test.go", `package repo; import _ "github.com/go-git/go-billy/v5/memfs"`, importFaults},
		{"repo/a.go", `package repo; import _ "github.com/go-git/go-billy/v5/helper/chroot"`, importFaults},
		{"repo/a.go", `package repo; import "os"; func f() { os.WriteFile("a", nil, 0) }`, writeFaults},
		{"repo/a.go", `package repo; import sys "os"; var f = sys.Rename`, writeFaults},
		{"repo/a.go", `package repo; import "golang.org/x/sys/unix"; func f() { unix.Unlinkat(0, "a", 0) }`, writeFaults},
		{"repo/a.go", `package repo; import . "os"`, writeFaults},
		{"repo/utils.go", `package repo`, nameFaults},
		{"internal/common/a.go", `package common`, nameFaults},
		{"repo/a.go", `package repo; func init() {}`, stateFaults},
		{"repo/a.go", `package repo; var n int; func f() { n++ }`, stateFaults},
		{"repo/a.go", `package repo; var n = map[string]int{"a": 1}; func f() { n["b"] = 2 }`, stateFaults},
		{"repo/a.go", `package repo; import "sync"; var mu sync.Mutex`, stateFaults},
		{"repo/a.go", `package repo; var cache = map[string]int{}`, stateFaults},
	} {
		if faults := c.rule(parse(t, c.path, c.code)); len(faults) == 0 {
			t.Errorf("not caught: %s %s", c.path, c.code)
		}
	}
}

// TestRulesAllowTheInnocent shows that the rules can be kept.
func TestRulesAllowTheInnocent(t *testing.T) {
	for _, c := range []struct{ path, code string }{
		{"pack/a.go", `package pack; import (_ "evault/objects"; _ "evault/internal/vfs")`},
		{"internal/vfs/memfs/a.go", `package memfs; import _ "evault/internal/vfs"`},
		{"commands/a.go", `package commands; import _ "github.com/spf13/cobra"`},
		{"repo/a.go", `package repo; import "os"; func f() { _, _ = os.Open("a"); _ = os.O_RDONLY }`},
		{"commands/a.go", `package commands; import "os"; var _, _ = os.OpenFile("/dev/tty", os.O_RDWR, 0)`},
		{"repo/a.go", `package repo; var table = map[string]int{"a": 1}; func f() int { table := 2; table++; return table }`},
		{"repo/a.go", `package repo; import "errors"; var ErrX = errors.New("x")`},
		{"repo/a_test.go", `package repo; import "os"; func f() { os.Remove("a") }`},
	} {
		s := parse(t, c.path, c.code)
		for _, rule := range rules {
			for _, fault := range rule(s) {
				t.Errorf("%s: %s", c.code, fault)
			}
		}
	}
}

func parse(t *testing.T, path, code string) source {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, path, code, 0)
	if err != nil {
		t.Fatal(err)
	}
	return source{path, strings.HasSuffix(path, "_test.go"), f, fset}
}
