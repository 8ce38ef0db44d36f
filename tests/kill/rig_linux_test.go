package kill

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"evault/commands"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"evault": func() { os.Exit(commands.Main(os.Args[1:])) },
	})
}

// rig is a host, a user at home who commits and pushes, and one at the office who pulls.
type rig struct {
	t       *testing.T
	dir     string
	program string // this very test program, see TestMain
	address string
	url     string
	host    *exec.Cmd
}

const host, home, office = "host", "home", "office"

func newRig(t *testing.T) *rig {
	t.Helper()
	program, err := exec.LookPath("evault")
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{t: t, dir: t.TempDir(), program: program, address: "127.0.0.1:0"}
	for _, user := range []string{home, office} {
		g.ok(host, "peer", "add", user, strings.TrimSpace(g.ok(user, "identity")))
	}
	g.serve()
	t.Cleanup(func() { g.killHost() })
	if err := os.Mkdir(filepath.Join(g.dir, home), 0o755); err != nil {
		t.Fatal(err)
	}
	g.ok(home, "-C", home, "init")
	g.write("first", 1000)
	g.ok(home, "-C", home, "commit", "-A", "-m", "first")
	vault := g.vault()
	request := filepath.Join(g.dir, "request")
	if err := os.WriteFile(request, []byte(g.ok(office, "identity", "--request", vault, "--label", office)), 0o600); err != nil {
		t.Fatal(err)
	}
	g.ok(home, "-C", home, "device", "add", request)
	g.ok(home, "-C", home, "remote", "add", "origin", g.url)
	g.ok(home, "-C", home, "push")
	g.ok(office, "clone", g.cloneURL(), office)
	return g
}

func (g *rig) vault() string {
	for line := range strings.Lines(g.ok(home, "-C", home, "device", "list", "-v")) {
		if id, ok := strings.CutPrefix(line, "vault "); ok {
			return strings.TrimSpace(id)
		}
	}
	g.t.Fatal("no vault ID")
	return ""
}

func (g *rig) cloneURL() string { return strings.Replace(g.url, "#", "/"+g.vault()+"#", 1) }

func (g *rig) command(user string, args ...string) *exec.Cmd {
	cmd := exec.Command(g.program, args...)
	cmd.Dir = g.dir
	config := filepath.Join(g.dir, "of-"+user)
	cmd.Env = append(os.Environ(), "EVAULT_CONFIG_HOME="+config, "EVAULT_STATE_HOME="+config+"-state")
	return cmd
}

// run runs a command line to its end.
func (g *rig) run(user string, args ...string) (stdout string, code int, stderr string) {
	g.t.Helper()
	var out, errs bytes.Buffer
	cmd := g.command(user, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		g.t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode(), errs.String()
}

// ok runs a command line that must succeed.
func (g *rig) ok(user string, args ...string) string {
	g.t.Helper()
	out, code, errs := g.run(user, args...)
	if code != 0 {
		g.t.Fatalf("%s: evault %s: exit code %d\n%s%s", user, strings.Join(args, " "), code, out, errs)
	}
	return out
}

// document runs a command line that must succeed and gives its JSON.
func (g *rig) document(user string, args ...string) map[string]any {
	g.t.Helper()
	out := g.ok(user, append([]string{"--json"}, args...)...)
	found := map[string]any{}
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&found); err != nil {
		g.t.Fatalf("evault %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return found
}

// serve starts the host, always at the same address.
func (g *rig) serve() {
	g.t.Helper()
	g.host = g.command(host, "serve", "--listen", g.address, "--root", "root", "--json")
	out, err := g.host.StdoutPipe()
	if err == nil {
		err = g.host.Start()
	}
	var ready struct{ Listen, URL string }
	if err == nil {
		err = json.NewDecoder(out).Decode(&ready)
	}
	if err != nil {
		g.t.Fatalf("the host does not start: %v", err)
	}
	if _, _, err := net.SplitHostPort(ready.Listen); err != nil {
		g.t.Fatal(err)
	}
	g.address, g.url = ready.Listen, ready.URL
}

func (g *rig) killHost() {
	_ = g.host.Process.Signal(syscall.SIGKILL) // it may be dead already
	_ = g.host.Wait()                          // killed
}

// killed starts a command line, kills one end of the conversation after a while, and gives the exit code, -1 for a kill. A
// host that was killed is started again at once.
func (g *rig) killed(end string, after time.Duration, user string, args ...string) (code int, stderr string) {
	g.t.Helper()
	var errs bytes.Buffer
	cmd := g.command(user, args...)
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	time.Sleep(after)
	if end == host {
		g.killHost()
		g.serve()
	} else {
		_ = cmd.Process.Signal(syscall.SIGKILL) // it may be done already
	}
	_ = cmd.Wait() // the exit code says it
	return cmd.ProcessState.ExitCode(), errs.String()
}

// write makes a file at home whose bytes do not compress.
func (g *rig) write(name string, size int) {
	g.t.Helper()
	data := make([]byte, size)
	for i, n := 0, uint64(time.Now().UnixNano()); i < size; i++ {
		n = n*6364136223846793005 + 1442695040888963407
		data[i] = byte(n >> 56)
	}
	if err := os.WriteFile(filepath.Join(g.dir, home, name), data, 0o644); err != nil {
		g.t.Fatal(err)
	}
}

// packs counts the packs below a folder.
func (g *rig) packs(dir string) (n int) {
	g.t.Helper()
	err := filepath.WalkDir(filepath.Join(g.dir, dir), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(d.Name(), ".pack") && !strings.HasPrefix(d.Name(), ".") {
			n++
		}
		if os.IsNotExist(err) {
			return nil // renamed meanwhile
		}
		return err
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return n
}

// tip is the commit of a work tree's HEAD.
func (g *rig) tip(user, tree string) string {
	g.t.Helper()
	return fmt.Sprint(g.document(user, "-C", tree, "log", "-n", "1")["id"])
}

// sameFiles compares a work tree with the one at home.
func (g *rig) sameFiles(tree string) {
	g.t.Helper()
	entries, err := os.ReadDir(filepath.Join(g.dir, home))
	if err != nil {
		g.t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		want, err := os.ReadFile(filepath.Join(g.dir, home, e.Name()))
		if err != nil {
			g.t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(g.dir, tree, e.Name())); err != nil || !bytes.Equal(got, want) {
			g.t.Errorf("%s/%s is not what it is at home: %v", tree, e.Name(), err)
		}
	}
}
