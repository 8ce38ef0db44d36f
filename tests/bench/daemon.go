//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// daemon is a program that runs on the other side.
type daemon struct{ cmd *exec.Cmd }

func (d *daemon) stop() {
	_ = d.cmd.Process.Signal(syscall.SIGTERM) // fails if it is gone
	_ = d.cmd.Wait()                          // says that it was told to
}

// cpu is the processor time of the program and of its children that have ended.
func (d *daemon) cpu() (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest) // the first is the third of proc(5): state
	if len(fields) < 15 {
		return 0, errors.New("/proc/PID/stat has too few fields")
	}
	var ticks int64
	for _, f := range fields[11:15] { // utime, stime, cutime, cstime
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil // USER_HZ is 100 everywhere
}

// status gives one of the sizes in /proc/PID/status in bytes.
func (d *daemon) status(name string) (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/PID/status has no %s", name)
}

// device is one that a host lets in: its name there, and its environment.
type device struct {
	name string
	env  []string
}

// host is "evault serve" over TLS.
type host struct {
	*daemon
	dir, url string
}

// startHost starts one in a new folder. perAddress is how many connections it takes from this machine; 0: as many as usual.
func startHost(ctx context.Context, evault, dir string, devices []device, perAddress int) (*host, error) {
	env := home(dir)
	if err := os.MkdirAll(filepath.Join(dir, "config"), 0o700); err != nil {
		return nil, err
	}
	if perAddress > 0 {
		text := fmt.Sprintf("[serve]\nconnections-per-address = %d\n", perAddress)
		if err := os.WriteFile(filepath.Join(dir, "config", "host.toml"), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	for _, d := range devices {
		id, err := output(ctx, evault+" identity | head -1", d.env)
		if err != nil {
			return nil, err
		}
		if _, err := shell(ctx, evault+" peer add "+d.name+" "+id, env); err != nil {
			return nil, err
		}
	}
	cmd := exec.CommandContext(ctx, evault, "serve", "--listen", "127.0.0.1:0", "--root", filepath.Join(dir, "root"), "--json", "-q")
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	h := &host{daemon: &daemon{cmd}, dir: dir}
	var said struct{ URL string }
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &said)
	}
	if err != nil {
		h.stop()
		return nil, fmt.Errorf("evault serve: %w", err)
	}
	h.url = said.URL
	return h, nil
}

// remove stops the host and removes what it keeps.
func (h *host) remove() {
	h.stop()
	os.RemoveAll(h.dir)
}

// output is what a command line prints.
func output(ctx context.Context, line string, env []string) (string, error) {
	cmd := exec.CommandContext(ctx, "bash", "-c", line)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

// sshRig is an sshd of our own, with its own keys, for whoever runs this.
type sshRig struct {
	*daemon
	command string // how to call ssh so that it finds it
}

func startSSH(ctx context.Context, evault, dir string) (*sshRig, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	program, err := exec.LookPath("sshd") // which insists on being called by its whole path
	if err != nil {
		return nil, err
	}
	keygen := "ssh-keygen -q -t ed25519 -N '' -f "
	_, err = shell(ctx, fmt.Sprintf("mkdir %[1]s && %[2]s %[1]s/host && %[2]s %[1]s/user && cp %[1]s/user.pub %[1]s/authorized && "+
		"if test $(id -u) = 0; then mkdir -p -m 0755 /run/sshd; fi", dir, keygen), nil)
	if err != nil {
		return nil, err
	}
	config := fmt.Sprintf("Port %d\nListenAddress 127.0.0.1\nHostKey %s/host\nAuthorizedKeysFile %s/authorized\nPidFile none\n"+
		"StrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n"+
		"SetEnv PATH=%s:/usr/bin:/bin EVAULT_CONFIG_HOME=%s EVAULT_STATE_HOME=%s\nLogLevel ERROR\n",
		port, dir, dir, filepath.Dir(evault), filepath.Join(dir, "config"), filepath.Join(dir, "state"))
	if err := os.WriteFile(dir+"/sshd_config", []byte(config), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, "-D", "-e", "-f", dir+"/sshd_config")
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r := &sshRig{daemon: &daemon{cmd}, command: fmt.Sprintf("ssh -F none -p %d -i %s/user -o IdentitiesOnly=yes "+
		"-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR", port, dir)}
	if err := waitPort(ctx, port); err != nil {
		r.stop()
		return nil, err
	}
	return r, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// waitPort waits until somebody listens there. It only looks: a connection would count as one where only one is taken.
func waitPort(ctx context.Context, port int) error {
	want := fmt.Sprintf("0100007F:%04X 00000000:0000 0A", port)
	for range 1000 {
		data, err := os.ReadFile("/proc/net/tcp")
		if err != nil || strings.Contains(string(data), want) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return fmt.Errorf("nobody listens on port %d", port)
}

// firstMissing names the first program that is not installed; empty if all are.
func firstMissing(programs ...string) string {
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			return p
		}
	}
	return ""
}
