package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// machine is a network namespace with a user in it.
type machine struct {
	t         *testing.T
	namespace string
	dir       string
}

// network makes two machines with nothing between them but a cable.
func network(t *testing.T) (host, laptop *machine) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("network namespaces need the program ip")
	}
	prefix := fmt.Sprintf("evp%d", os.Getpid())
	host = &machine{t, prefix + "h", t.TempDir()}
	laptop = &machine{t, prefix + "l", t.TempDir()}
	for i, m := range []*machine{host, laptop} {
		if out, err := exec.Command("ip", "netns", "add", m.namespace).CombinedOutput(); err != nil {
			t.Skipf("network namespaces need CAP_NET_ADMIN and CAP_SYS_ADMIN: %v: %s", err, out)
		}
		t.Cleanup(func() {
			if out, err := exec.Command("ip", "netns", "del", m.namespace).CombinedOutput(); err != nil {
				t.Errorf("removing the namespace: %v: %s", err, out)
			}
		})
		if i == 1 {
			ip(t, "link", "add", "cable", "netns", host.namespace, "type", "veth", "peer", "name", "cable", "netns", laptop.namespace)
		}
	}
	for i, m := range []*machine{host, laptop} {
		ip(t, "-n", m.namespace, "addr", "add", fmt.Sprintf("10.77.0.%d/24", i+1), "dev", "cable")
		ip(t, "-n", m.namespace, "link", "set", "lo", "up")
		ip(t, "-n", m.namespace, "link", "set", "cable", "up")
	}
	return host, laptop
}

func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// command is evault on this machine, with a user's home of its own.
func (m *machine) command(ctx context.Context, user string, args ...string) *exec.Cmd {
	evault, err := exec.LookPath("evault") // this very test program, see TestMain
	if err != nil {
		m.t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", m.namespace, evault}, args...)...)
	cmd.Dir = m.dir
	cmd.Env = append(os.Environ(), "EVAULT_CONFIG_HOME="+filepath.Join(m.dir, user, "config"), "EVAULT_STATE_HOME="+filepath.Join(m.dir, user, "state"))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd
}

// run runs a command line to its end and checks the exit code.
func (m *machine) run(want int, user string, args ...string) string {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := m.command(ctx, user, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		m.t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		m.t.Fatalf("%s: evault %s: exit code %d, want %d\n%s%s", m.namespace, strings.Join(args, " "), got, want, &stdout, &stderr)
	}
	return stdout.String() + stderr.String()
}

// start runs a command in the background and gives a function that reads its next line of JSON.
func (m *machine) start(user string, args ...string) (next func() map[string]any, stop func()) {
	m.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := m.command(ctx, user, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	lines := json.NewDecoder(out)
	next = func() map[string]any {
		m.t.Helper()
		line := map[string]any{}
		if err := lines.Decode(&line); err != nil {
			m.t.Fatalf("evault %s: %v\n%s", strings.Join(args, " "), err, &stderr)
		}
		return line
	}
	stop = func() {
		cancel()
		_ = cmd.Wait() // stopped by a signal, or over long ago
	}
	m.t.Cleanup(stop)
	return next, stop
}

// TestPairBetweenMachines: two machines that know nothing of each other pair by a code, and then push and clone over a TLS
// connection that nothing but the pairing has made possible.
func TestPairBetweenMachines(t *testing.T) {
	host, laptop := network(t)
	work := filepath.Join(laptop.dir, "work")
	if err := os.Mkdir(work, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(work, "a.txt"), []byte("over the cable"), 0o600); err != nil {
		t.Fatal(err)
	}
	laptop.run(0, "ada", "-C", "work", "init", "--no-passphrase")
	laptop.run(0, "ada", "-C", "work", "commit", "-q", "-A", "-m", "first")
	served, _ := host.start("host", "serve", "--listen", "10.77.0.1:4722", "--root", filepath.Join(host.dir, "root"), "--json")
	url, _ := served()["url"].(string)

	// Before the pairing, the host does not talk to the laptop.
	laptop.run(0, "ada", "-C", "work", "remote", "add", "early", url)
	laptop.run(1, "ada", "-C", "work", "push", "early")
	laptop.run(0, "ada", "-C", "work", "remote", "remove", "early")

	paired, _ := host.start("host", "pair", "--quota", "1GiB", "--json")
	shown := paired()
	code, _ := shown["code"].(string)
	if got := fmt.Sprint(shown["addresses"]); got != "[10.77.0.1:4723]" {
		t.Errorf("the host shows the addresses %s", got)
	}
	laptop.run(1, "ada", "-C", "work", "pair", "10.77.0.1", "00000000")
	if line := paired(); line["event"] != "wrong-code" {
		t.Errorf("%v", line)
	}
	laptop.run(0, "ada", "-C", "work", "pair", "10.77.0.1", code, "--name", "friend")
	if line := paired(); line["event"] != "paired" || line["receipt"] != true {
		t.Errorf("%v", line)
	}
	laptop.run(0, "ada", "-C", "work", "push", "friend")

	// Another device of the same owner: admitted to the vault by one pairing, and to the host by another.
	admitted, _ := laptop.start("ada", "-C", "work", "pair", "--device", "--json")
	uri, _ := admitted()["uri"].(string)
	joined, _ := host.start("eve", "pair", uri, "--json") // it stands where the host stands, as somebody else
	address, _ := joined()["urls"].([]any)
	if line := admitted(); line["purpose"] != "device" || line["receipt"] != true || len(address) != 1 {
		t.Fatalf("%v, and the joiner has %v", line, address)
	}
	laptop.run(0, "ada", "-C", "work", "push", "friend")
	host.run(1, "eve", "clone", fmt.Sprint(address[0]), "copy") // no peer yet
	paired, _ = host.start("host", "pair", "--listen", "10.77.0.1:4724", "--allow", "read", "--json")
	host.run(0, "eve", "pair", fmt.Sprint(paired()["uri"]))
	paired()
	host.run(0, "eve", "clone", fmt.Sprint(address[0]), "copy")
	if got, err := os.ReadFile(filepath.Join(host.dir, "copy", "a.txt")); err != nil || string(got) != "over the cable" {
		t.Errorf("cloned %q, %v", got, err)
	}
}
