//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// copies moves the packs with rsync and with scp, there and back, through the sshd that evault goes through.
func (r *remoteRig) copies(int) error {
	if r.ssh == nil {
		return nil
	}
	there, back := filepath.Join(r.work, "there"), filepath.Join(r.work, "back")
	// scp takes a program and no options for it.
	script := filepath.Join(r.work, "ssh", "call")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexec "+r.ssh.command+" \"$@\"\n"), 0o700); err != nil {
		return err
	}
	for _, mover := range []struct{ name, line string }{
		{"rsync", "rsync -a -W -e " + script + " %s %s"},
		{"scp", "scp -q -r -S " + script + " %s %s"},
	} {
		if firstMissing(mover.name) != "" {
			r.lack(mover.name + " is not installed")
			continue
		}
		for _, way := range []struct{ row, from, to string }{
			{"push", r.packDir, "127.0.0.1:" + there},
			{"clone --no-checkout", "127.0.0.1:" + there, back},
		} {
			s, err := r.move(mover.name, fmt.Sprintf(mover.line, way.from, way.to))
			if err != nil {
				return err
			}
			for _, kind := range []string{"TLS", "ssh"} { // one run stands in both rows
				r.table.add(way.row+", "+kind, "s", mover.name, s.wall.Seconds())
				r.table.add(way.row+", "+kind+", processor time", "s", mover.name, s.cpu.Seconds())
			}
		}
		if err := removeAll(there, back); err != nil {
			return err
		}
	}
	return nil
}

// move runs one command line and adds the processor time of sshd to its own.
func (r *remoteRig) move(name, line string) (sample, error) {
	before, err := r.ssh.cpu()
	if err != nil {
		return sample{}, err
	}
	s, err := shell(r.ctx, line, nil)
	if err != nil {
		return s, fmt.Errorf("%s: %w", name, err)
	}
	time.Sleep(200 * time.Millisecond) // the daemon's children end
	after, err := r.ssh.cpu()
	s.cpu += after - before
	return s, err
}

// bulk pours the packs through one TLS connection between two openssl processes, into one file: encryption and copying and
// nothing else. Both directions are the same.
func (r *remoteRig) bulk(int) error {
	if firstMissing("openssl") != "" {
		r.lack("openssl is not installed")
		return nil
	}
	dir := filepath.Join(r.work, "openssl")
	defer os.RemoveAll(dir)
	port, err := freePort()
	if err != nil {
		return err
	}
	_, err = shell(r.ctx, fmt.Sprintf("mkdir %[1]s && openssl req -x509 -newkey ed25519 -nodes -subj /CN=bench -keyout %[1]s/key -out %[1]s/cert", dir), nil)
	if err != nil {
		return err
	}
	server := exec.CommandContext(r.ctx, "bash", "-c", fmt.Sprintf(
		"exec openssl s_server -quiet -tls1_3 -naccept 1 -accept 127.0.0.1:%d -cert %s/cert -key %s/key >%s/out", port, dir, dir, dir))
	// Standard input stays open and silent: s_server sends what comes from there.
	silent, err := server.StdinPipe()
	if err != nil {
		return err
	}
	defer silent.Close()
	if err := server.Start(); err != nil {
		return err
	}
	return r.pour(server, port, filepath.Join(dir, "out"))
}

// pour sends everything and waits until it is written.
func (r *remoteRig) pour(server *exec.Cmd, port int, out string) error {
	if err := waitPort(r.ctx, port); err != nil {
		return err
	}
	from := time.Now()
	client := exec.CommandContext(r.ctx, "bash", "-c", fmt.Sprintf("find %s -type f -exec cat {} + | openssl s_client -quiet -no_ign_eof -nocommands -tls1_3 -connect 127.0.0.1:%d 2>/dev/null",
		r.packDir, port))
	if err := client.Start(); err != nil {
		return err
	}
	_ = server.Wait() // both may complain about how the other ended; what counts is what has come
	wall := time.Since(from)
	_ = client.Wait()
	info, err := os.Stat(out)
	if err != nil {
		return err
	}
	if info.Size() != r.bytes {
		return fmt.Errorf("openssl: %d bytes of %d have come", info.Size(), r.bytes)
	}
	cpu := server.ProcessState.UserTime() + server.ProcessState.SystemTime() + client.ProcessState.UserTime() + client.ProcessState.SystemTime()
	for _, row := range []string{"push, TLS", "clone --no-checkout, TLS"} {
		r.table.add(row, "s", "openssl", wall.Seconds())
		r.table.add(row+", processor time", "s", "openssl", cpu.Seconds())
	}
	return nil
}

// lack notes, once, why a column is empty.
func (r *remoteRig) lack(why string) {
	if !slices.Contains(r.lacking, why) {
		r.lacking = append(r.lacking, why)
	}
}

func removeAll(names ...string) error {
	for _, n := range names {
		if err := os.RemoveAll(n); err != nil {
			return err
		}
	}
	return nil
}
