package transport

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"evault/remote"
)

// sshDaemon is where systems keep sshd, which must be started by its full path.
const sshDaemon = "/usr/sbin/sshd"

// onlyWithShell skips tests whose hosts are shell scripts.
func onlyWithShell(t testing.TB) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the hosts of this test are shell scripts")
	}
}

func file(t testing.TB, name, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return name
}

// programs makes a folder with a program "evault" that is this test binary as a host.
func programs(t testing.TB) string {
	t.Helper()
	onlyWithShell(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file(t, filepath.Join(dir, "evault"), fmt.Sprintf(`#!/bin/sh
[ $# = 4 ] && [ "$1 $2 $3" = "serve --stdio --root" ] || { echo "evault: bad arguments" >&2; exit 2; }
%s=$4 exec %s
`, serveDir, shellQuote(self)), 0o755)
	return dir
}

// scripted makes a stand-in for ssh: a program that does with the remote command, which is the last argument, what the text
// says; $command is the command. PATH begins with a folder in which evault is.
func scripted(t testing.TB, text string) []string {
	t.Helper()
	bin := programs(t)
	return []string{file(t, filepath.Join(t.TempDir(), "my ssh"), fmt.Sprintf(`#!/bin/sh
for command; do :; done
PATH=%s:$PATH; export PATH
%s
`, shellQuote(bin), text), 0o755)}
}

// daemon is an sshd on a loopback port, with keys and configuration of its own, that lets one key in and runs what that one
// asks for. It reads no file of the machine's own sshd or ssh.
type daemon struct {
	dir  string // of the client: config, key, known_hosts
	port int
}

func startDaemon(t testing.TB) *daemon {
	t.Helper()
	if _, err := os.Stat(sshDaemon); err != nil {
		t.Skip("there is no " + sshDaemon + " (Debian: openssh-server)")
	}
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip("there is no ssh (Debian: openssh-client)")
	}
	bin := programs(t)
	if os.Geteuid() == 0 { // sshd insists on this folder when root starts it; where it runs as a service it is there
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d := &daemon{dir: t.TempDir(), port: freePort(t)}
	path := func(name string) string { return filepath.Join(d.dir, name) }
	for _, name := range []string{"host_key", "key", "other_key"} {
		run(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path(name))
	}
	forced := file(t, path("forced"), fmt.Sprintf("#!/bin/sh\nPATH=%s:$PATH; export PATH\nexec sh -c \"$SSH_ORIGINAL_COMMAND\"\n", shellQuote(bin)), 0o755)
	file(t, path("authorized_keys"), fmt.Sprintf("command=\"%s\",restrict %s", forced, read(t, path("key.pub"))), 0o600)
	file(t, path("sshd_config"), fmt.Sprintf(`
Port %d
ListenAddress 127.0.0.1
HostKey %s
AuthorizedKeysFile %s
StrictModes no
UsePAM no
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
`, d.port, path("host_key"), path("authorized_keys")), 0o600)
	d.know(t, "host_key.pub")
	d.config(t, "key")
	server := exec.Command(sshDaemon, "-D", "-e", "-f", path("sshd_config"))
	var said bytes.Buffer
	server.Stderr = &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait() // it says that it was killed
		if t.Failed() {
			t.Logf("sshd: %s", said.Bytes())
		}
	})
	waitForPort(t, d.port)
	return d
}

// know makes the client expect a host key.
func (d *daemon) know(t testing.TB, key string) {
	t.Helper()
	file(t, filepath.Join(d.dir, "known_hosts"), fmt.Sprintf("[127.0.0.1]:%d %s", d.port, read(t, filepath.Join(d.dir, key))), 0o600)
}

// config makes the client use a key.
func (d *daemon) config(t testing.TB, key string) {
	t.Helper()
	file(t, filepath.Join(d.dir, "config"), fmt.Sprintf(`
IdentityFile %s
IdentitiesOnly yes
IdentityAgent none
UserKnownHostsFile %s
GlobalKnownHostsFile /dev/null
StrictHostKeyChecking yes
UpdateHostKeys no
ControlMaster no
`, filepath.Join(d.dir, key), filepath.Join(d.dir, "known_hosts")), 0o600)
}

// shareLogin makes all conversations of a test use one login.
func (d *daemon) shareLogin(t testing.TB) {
	t.Helper()
	socket, err := os.MkdirTemp("", "ssh") // the name of a socket may have 104 characters only
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(d.dir, "config")
	file(t, config, strings.Replace(read(t, config), "ControlMaster no", "ControlMaster auto\nControlPersist 60\nControlPath "+socket+"/s", 1), 0o600)
	t.Cleanup(func() {
		run(t, "ssh", "-F", config, "-O", "exit", "-p", strconv.Itoa(d.port), d.url(t, "").User+"@127.0.0.1")
		if err := os.RemoveAll(socket); err != nil {
			t.Error(err)
		}
	})
}

func (d *daemon) command() []string { return []string{"ssh", "-F", filepath.Join(d.dir, "config")} }

func (d *daemon) url(t testing.TB, path string) remote.URL {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return remote.URL{Scheme: remote.SchemeSSH, User: me.Username, Host: "127.0.0.1", Port: d.port, Path: path}
}

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}

func read(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func freePort(t testing.TB) int {
	t.Helper()
	l := listen(t)
	closeQuietly(l)
	return l.Addr().(*net.TCPAddr).Port
}

func waitForPort(t testing.TB, port int) {
	t.Helper()
	for range 200 {
		c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			closeQuietly(c)
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatalf("nobody listens on port %d", port)
}
