package transport

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"evault/keys"
	"evault/remote"
	"evault/remote/storetest"
)

// awkward makes an empty folder with a name that a shell would take apart.
func awkward(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), `it's "my" $(vault)`)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestStoreOverSSH runs the conformance suite over a real ssh and sshd. The conversations share one login, as a user's may
// who has set ControlMaster: a login for each would take most of the time.
func TestStoreOverSSH(t *testing.T) {
	d := startDaemon(t)
	d.shareLogin(t)
	storetest.Run(t, func(t *testing.T) (remote.Site, keys.VaultID) {
		site, err := Open(context.Background(), d.url(t, awkward(t)), Options{SSHCommand: d.command()})
		if err != nil {
			t.Fatal(err)
		}
		return site, testVault
	})
}

// TestStoreOverSSHCommand runs the conformance suite over a program in place of ssh.
func TestStoreOverSSHCommand(t *testing.T) {
	command := scripted(t, `exec sh -c "$command"`)
	storetest.Run(t, func(t *testing.T) (remote.Site, keys.VaultID) {
		site, err := Open(context.Background(), remote.URL{Scheme: remote.SchemeSSH, Host: "nas", Path: awkward(t)}, Options{SSHCommand: command})
		if err != nil {
			t.Fatal(err)
		}
		return site, testVault
	})
}

func TestSSHRefusals(t *testing.T) {
	d := startDaemon(t)
	open := func(u remote.URL) error { _, err := info(t.Context(), u, Options{SSHCommand: d.command()}); return err }
	u := d.url(t, t.TempDir())
	wantError(t, open(u), remote.ErrNoStore)

	d.config(t, "other_key")
	wantError(t, open(u), remote.ErrRefused, "Permission denied")
	d.config(t, "key")

	d.know(t, "other_key.pub")
	wantError(t, open(u), remote.ErrWrongPeer, "ssh://", "Host key verification failed")
	d.know(t, "host_key.pub")

	file(t, filepath.Join(d.dir, "known_hosts"), "", 0o600)
	wantError(t, open(u), remote.ErrUnreachable, "Host key verification failed") // never seen before, and nobody to ask
	d.know(t, "host_key.pub")

	u.Path = filepath.Join(t.TempDir(), "missing")
	wantError(t, open(u), remote.ErrHost, "status 1", "no such file")

	u.Port = freePort(t)
	wantError(t, open(u), remote.ErrUnreachable, "Connection refused")
}

// TestSSHFailures: what the program that stands for ssh may do.
func TestSSHFailures(t *testing.T) {
	u := remote.URL{Scheme: remote.SchemeSSH, User: "me", Host: "nas", Path: t.TempDir()}
	for _, c := range []struct {
		script string
		is     error
		says   []string
	}{
		{`exec no-such-program`, remote.ErrNotEvault, []string{"ssh://me@nas: ", "evault is not installed there"}},
		{`exit 126`, remote.ErrNotEvault, []string{"evault is not installed there"}},
		{`echo "ssh: connect to host nas port 22: No route to host" >&2; exit 255`, remote.ErrUnreachable, []string{"No route to host"}},
		{`exit 255`, remote.ErrUnreachable, nil},
		{`exit 0`, remote.ErrNotEvault, []string{"without a word"}},
		{`echo "evault: the root is not there" >&2; exit 3`, remote.ErrHost, []string{"status 3", "the root is not there"}},
		{`kill -9 $$`, remote.ErrUnreachable, nil},
		{`echo Welcome; exec sh -c "$command"`, remote.ErrNotEvault, []string{`"Welcome`}},
		{`cat`, remote.ErrNotEvault, []string{`"PRI * HTTP/2.0`}},
		{`printf '\033]0;x\007\n'; exit 0`, remote.ErrNotEvault, nil},
		{`printf 'a\033[2Jb\r\nc\n' >&2; exit 255`, remote.ErrUnreachable, []string{"a?[2Jb; c"}},
	} {
		_, err := info(t.Context(), u, Options{SSHCommand: scripted(t, c.script)})
		wantError(t, err, c.is, c.says...)
		if strings.ContainsAny(err.Error(), "\x1b\x07\r\n") {
			t.Errorf("control characters in %q", err)
		}
	}
}

func TestSSHMissing(t *testing.T) {
	u := remote.URL{Scheme: remote.SchemeSSH, Host: "nas", Path: "/a"}
	for _, command := range [][]string{{"no-such-ssh"}, {filepath.Join(t.TempDir(), "ssh")}} {
		_, err := Open(t.Context(), u, Options{SSHCommand: command})
		wantError(t, err, remote.ErrNoProgram, "not installed", "EVAULT_SSH_COMMAND")
	}
	t.Setenv("PATH", t.TempDir())
	_, err := Open(t.Context(), u, Options{})
	wantError(t, err, remote.ErrNoProgram, `"ssh" is not installed`)
	_, err = Open(t.Context(), u, Options{SSHCommand: []string{t.TempDir()}})
	wantError(t, err, remote.ErrUnreachable, "cannot be started")
}

// TestSSHDiesInTheMiddle: the conversation is over, and says why.
func TestSSHDiesInTheMiddle(t *testing.T) {
	dir := t.TempDir()
	u := remote.URL{Scheme: remote.SchemeSSH, Host: "nas", Path: dir}
	command := scripted(t, `echo $$ > `+shellQuote(filepath.Join(dir, "..", "pid"))+`
trap 'echo "client_loop: send disconnect: Broken pipe" >&2; kill $child; exit 255' USR1
exec 3<&0
sh -c "exec $command" <&3 & child=$!
wait $child`)
	site, err := Open(t.Context(), u, Options{SSHCommand: command})
	if err != nil {
		t.Fatal(err)
	}
	defer closeQuietly(site)
	store := site.Store(testVault)
	if _, err := store.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	run(t, "kill", "-USR1", strings.TrimSpace(read(t, filepath.Join(dir, "..", "pid"))))
	for range 1000 {
		if _, err = store.Heads(t.Context()); err != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	wantError(t, err, remote.ErrUnreachable, "Broken pipe")
}

// TestSSHIsCancelled: the context's end ends the child, also one that wants to stay, before and after the host's first word.
func TestSSHIsCancelled(t *testing.T) {
	for name, script := range map[string]string{
		"silent":   `exec sleep 1000`,
		"stubborn": `trap "" TERM; while :; do sleep 1; done`,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			start := time.Now()
			_, err := Open(ctx, remote.URL{Scheme: remote.SchemeSSH, Host: "nas", Path: "/"}, Options{SSHCommand: scripted(t, script)})
			wantError(t, err, context.DeadlineExceeded)
			if d := time.Since(start); d > 10*time.Second {
				t.Errorf("it took %v", d)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	site, err := Open(ctx, remote.URL{Scheme: remote.SchemeSSH, Host: "nas", Path: t.TempDir()}, Options{SSHCommand: scripted(t, `exec sh -c "$command"`)})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for err == nil || errors.Is(err, remote.ErrNoStore) {
		_, err = site.Store(testVault).Info(t.Context())
	}
	wantError(t, err, remote.ErrUnreachable)
	if err := site.Close(); err != nil {
		t.Error(err)
	}
}

// TestSSHLeavesNothing: after Close there is no child, not even one that ignores that its pipe is closed.
func TestSSHLeavesNothing(t *testing.T) {
	for name, script := range map[string]string{
		"well-behaved": `exec sh -c "$command"`,
		"stubborn":     `sh -c "$command"; trap "" TERM; while :; do sleep 1; done`,
	} {
		t.Run(name, func(t *testing.T) {
			argv := append(scripted(t, script), "--", "nas", "evault serve --stdio --root "+shellQuote(t.TempDir()))
			child, err := startProcess(context.Background(), argv, &messages{})
			if err != nil {
				t.Fatal(err)
			}
			s := &sshHost{process: child}
			if s.pipe, err = dialPipe(t.Context(), child, sshTime, s.explain); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if d := time.Since(start); d > 10*time.Second {
				t.Errorf("it took %v", d)
			}
			if child.cmd.ProcessState == nil {
				t.Error("nobody has waited for the child")
			}
			if err := s.Close(); err != nil {
				t.Errorf("closing again: %v", err)
			}
		})
	}
}

// TestSSHMessages: what ssh says reaches the user at once, without what a terminal would obey.
func TestSSHMessages(t *testing.T) {
	var shown bytes.Buffer
	command := scripted(t, `printf 'hello\033[31m \303\244\n' >&2; exec sh -c "$command"`)
	_, err := info(t.Context(), remote.URL{Scheme: remote.SchemeSSH, Host: "nas", Path: t.TempDir()}, Options{SSHCommand: command, Stderr: &shown})
	wantError(t, err, remote.ErrNoStore)
	if shown.String() != "hello?[31m ä\n" {
		t.Errorf("shown is %q", shown.String())
	}
}

func TestMessages(t *testing.T) {
	var shown bytes.Buffer
	m := &messages{to: &shown}
	text := "first\nGrüße\x1b[2J\u0085\u202e\xff\x00 €\r\nlast\tone"
	for i := range len(text) { // cut anywhere, also within characters
		if n, err := m.Write([]byte(text[i : i+1])); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	if want := "first\nGrüße?[2J????\u0020€\r\nlast\tone"; shown.String() != want {
		t.Errorf("shown is %q, want %q", shown.String(), want)
	}
	if want := "first; Grüße?[2J???? €; last one"; m.tail() != want {
		t.Errorf("the tail is %q", m.tail())
	}
	for range 10_000 {
		if _, err := m.Write([]byte("more and more\n")); err != nil {
			t.Fatal(err)
		}
	}
	if len(m.last) > maxMessage || m.tail() != "more and more; more and more; more and more; more and more" {
		t.Errorf("%d bytes are kept; the tail is %q", len(m.last), m.tail())
	}
}
