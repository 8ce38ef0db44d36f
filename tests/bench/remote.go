//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// remotes measures pushes and clones of the first version side by side with programs that only move its packs: rsync and scp
// through the same sshd, and openssl over bare TLS. Everything is on this machine, so that the network is no limit, and one
// machine pays for both ends. What evault does more is in its figures: it hashes at both ends, makes every pack durable, and a
// clone writes the index of what came.
func (b *bench) remotes() error {
	b.table = newTable()
	v1, err := b.firstVersion()
	if err != nil {
		return err
	}
	r, err := b.newRemoteRig(v1)
	if err != nil {
		return err
	}
	defer r.close()
	for round := range b.config.runs {
		fmt.Fprintf(os.Stderr, "remotes, round %d of %d\n", round+1, b.config.runs)
		for _, measure := range []func(int) error{r.overTLS, r.overSSH, r.copies, r.bulk} {
			if err := measure(round); err != nil {
				return err
			}
		}
	}
	fmt.Printf("\nremotes on this machine, %.0f MB in %d packs, medians of %d runs; processor time is that of both ends\n\n",
		float64(r.bytes)/1e6, r.packs, b.config.runs)
	for _, lacking := range r.lacking {
		fmt.Println(lacking)
	}
	b.table.print([]*tool{{name: "evault"}, {name: "rsync"}, {name: "scp"}, {name: "openssl"}})
	return nil
}

// firstVersion is the folder that versions finds, without a second one.
func (b *bench) firstVersion() (string, error) {
	if b.config.v1 != "" {
		return b.config.v1, nil
	}
	if dir := filepath.Join(b.work, "linux-source-6.1"); exists(dir) { // unpacked already
		return dir, nil
	}
	return b.defaultTree()
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// remoteRig is a vault with one commit, and the ways to bring it elsewhere.
type remoteRig struct {
	*bench
	work, data string
	packDir    string
	packs      int
	bytes      int64
	client     []string // environment of the device with the vault
	ssh        *sshRig  // nil: there is no sshd
	lacking    []string
}

func (b *bench) newRemoteRig(v1 string) (r *remoteRig, err error) {
	r = &remoteRig{bench: b, work: filepath.Join(b.work, "remotes")}
	r.data = filepath.Join(r.work, "data")
	r.packDir = filepath.Join(r.data, ".evault", "store", "packs")
	if err := os.Mkdir(r.work, 0o700); err != nil {
		return nil, err
	}
	r.client = home(filepath.Join(r.work, "client"))
	if err := copyTree(b.ctx, v1, r.data); err != nil {
		return nil, err
	}
	time.Sleep(time.Second) // so that no file looks as if it had just been changed
	evault := "cd " + r.data + " && " + b.config.evault
	if _, err := shell(b.ctx, evault+" init -q --no-passphrase && "+evault+" commit -q -A -m bench", r.client); err != nil {
		return nil, err
	}
	if r.packs, r.bytes, err = countPacks(r.packDir); err != nil {
		return nil, err
	}
	for range b.config.runs {
		s, err := shell(b.ctx, evault+" status --porcelain", r.client)
		if err != nil {
			return nil, err
		}
		b.table.add("status, no remote", "ms", "evault", float64(s.wall.Microseconds())/1e3)
	}
	if missing := firstMissing("sshd", "ssh", "ssh-keygen"); missing != "" {
		r.lacking = append(r.lacking, "nothing goes through ssh: "+missing+" is not installed")
		return r, nil
	}
	r.ssh, err = startSSH(b.ctx, b.config.evault, filepath.Join(r.work, "ssh"))
	return r, err
}

func (r *remoteRig) close() {
	if r.ssh != nil {
		r.ssh.daemon.stop()
	}
}

// home is the environment of one device.
func home(dir string) []string {
	return []string{"EVAULT_CONFIG_HOME=" + filepath.Join(dir, "config"), "EVAULT_STATE_HOME=" + filepath.Join(dir, "state")}
}

func countPacks(dir string) (packs int, size int64, err error) {
	err = filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			packs++
			size += info.Size()
		}
		return err
	})
	return packs, size, err
}

// overTLS pushes to a new host and clones from it.
func (r *remoteRig) overTLS(round int) error {
	h, err := startHost(r.ctx, r.config.evault, filepath.Join(r.work, "host"), []device{{"bench", r.client}}, 0)
	if err != nil {
		return err
	}
	defer h.remove()
	if err := r.round(fmt.Sprint("tls", round), "TLS", h.url, h.daemon, r.client); err != nil {
		return err
	}
	peak, err := h.daemon.status("VmHWM")
	r.table.add("memory of the host, at most", "MB", "evault", float64(peak)/1e6)
	return err
}

// overSSH does the same through sshd.
func (r *remoteRig) overSSH(round int) error {
	if r.ssh == nil {
		return nil
	}
	root := filepath.Join(r.work, fmt.Sprint("ssh-root", round)) // one address is one store, for whoever has seen it
	defer os.RemoveAll(root)
	env := append([]string{"EVAULT_SSH_COMMAND=" + r.ssh.command}, r.client...)
	return r.round(fmt.Sprint("ssh", round), "ssh", "ssh://127.0.0.1"+root, r.ssh.daemon, env)
}

// round is one push and all that follows it.
func (r *remoteRig) round(name, kind, url string, other *daemon, env []string) error {
	evault := "cd " + r.data + " && " + r.config.evault
	clone := filepath.Join(r.work, "clone")
	cloned := fmt.Sprintf(`$(%s remote list | sed -n 's/^%s\t//p') %s`, evault, name, clone)
	if _, err := shell(r.ctx, evault+" remote add "+name+" '"+url+"'", env); err != nil {
		return err
	}
	for _, step := range []struct{ row, unit, line string }{
		{"push", "s", evault + " push -q " + name},
		{"push with nothing new", "ms", evault + " push -q " + name},
		{"fetch with nothing new", "ms", evault + " fetch -q " + name},
		{"status, pushed", "ms", evault + " status --porcelain"},
		{"clone --no-checkout", "s", r.config.evault + " clone -q --no-checkout " + cloned},
		{"clone with its work tree", "s", r.config.evault + " clone -q " + cloned},
	} {
		if err := r.both(step.row+", "+kind, step.unit, "evault", step.line, env, other); err != nil {
			return err
		}
		if err := r.checkClone(clone); err != nil {
			return err
		}
	}
	_, err := shell(r.ctx, evault+" remote remove "+name, env)
	return err
}

// checkClone makes sure that what was measured was a clone, if it was to be one, and removes it.
func (r *remoteRig) checkClone(clone string) error {
	if !exists(clone) {
		return nil
	}
	packs, bytes, err := countPacks(filepath.Join(clone, ".evault", "store", "packs"))
	if err != nil {
		return err
	}
	if packs != r.packs || bytes != r.bytes {
		return fmt.Errorf("the clone has %d bytes in %d packs, not %d in %d", bytes, packs, r.bytes, r.packs)
	}
	return os.RemoveAll(clone)
}

// both runs a command line and puts its time and, for what takes long, the processor time of it and of the daemon that it talks to
// into the table.
func (r *remoteRig) both(row, unit, tool, line string, env []string, other *daemon) error {
	before, err := other.cpu()
	if err != nil {
		return err
	}
	s, err := shell(r.ctx, line, env)
	if err != nil {
		return err
	}
	if unit == "ms" {
		r.table.add(row, unit, tool, float64(s.wall.Microseconds())/1e3)
		return nil
	}
	r.table.add(row, unit, tool, s.wall.Seconds())
	time.Sleep(200 * time.Millisecond) // the daemon's children end
	after, err := other.cpu()
	r.table.add(row+", processor time", unit, tool, (s.cpu + after - before).Seconds())
	return err
}
