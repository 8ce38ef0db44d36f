package keys_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"evault/keys"
)

// The real age program opens every kind of slot, and what it prints is enough to open the vault by hand.
func TestAgeProgramOpensEverySlot(t *testing.T) {
	program := ageProgram(t)
	dir := t.TempDir()
	device, classic := newIdentity(t), must1(t, age.GenerateX25519Identity)
	sshPublic, sshPrivate := sshKey(t)
	created, store := newVault(t, keys.NewVaultOptions{
		Identity: device, Passphrase: []byte(strongPass), RecoveryWords: true,
		Recipients: []string{classic.Recipient().String(), sshPublic},
	})
	identities := map[keys.SlotKind]string{
		keys.SlotDevice:    writeFile(t, dir, "device", device.Marshal()),
		keys.SlotRecipient: writeFile(t, dir, "classic", []byte(classic.String()+"\n")),
		keys.SlotSSH:       writeFile(t, dir, "ssh", sshPrivate),
	}
	typed := map[keys.SlotKind]string{keys.SlotPassphrase: strongPass, keys.SlotRecovery: created.RecoveryWords}
	slots, err := created.Vault.Slots(store)
	if err != nil {
		t.Fatal(err)
	}
	want := "evault vault=" + created.Vault.ID().String() + " generation=1 secret="
	opened := map[keys.SlotKind]bool{}
	for _, slot := range slots {
		file := writeFile(t, dir, fmt.Sprintf("%x.age", slot.Hash), store[slot.Name])
		var line string
		if identity := identities[slot.Kind]; identity != "" {
			line = runAge(t, program, "-d", "-i", identity, file)
		} else {
			line = runAgeOnTerminal(t, typed[slot.Kind], program, "-d", file)
		}
		hasSeed := strings.Contains(line, " admin-seed=")
		if !strings.HasPrefix(line, want) || !strings.HasSuffix(line, "\n") || hasSeed != (typed[slot.Kind] != "") {
			t.Errorf("%s slot holds %q", slot.Kind, line)
		}
		opened[slot.Kind] = true
	}
	if len(opened) != 5 {
		t.Errorf("opened kinds %v", opened)
	}
	t.Logf("proof row 15: age opened %d slots of %d kinds", len(slots), len(opened))

	identity, err := agessh.ParseIdentity(sshPrivate)
	if err != nil {
		t.Fatal(err)
	}
	v, err := keys.OpenWithAge(store, []age.Identity{identity}, nil, created.Vault.ID())
	if err != nil {
		t.Fatal(err)
	}
	sameSecrets(t, created.Vault, v)
}

func must1[T any](t *testing.T, f func() (T, error)) T {
	t.Helper()
	v, err := f()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// ageProgram builds the age command that go.mod names as a tool.
func ageProgram(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "tool", "-n", "age").Output()
	if err != nil {
		t.Fatalf("building age: %v", err)
	}
	return strings.TrimSpace(string(out))
}

func sshKey(t *testing.T) (public string, private []byte) {
	t.Helper()
	pub, priv, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	sshPub, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(priv, "")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(sshPub))), pem.EncodeToMemory(block)
}

func writeFile(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func runAge(t *testing.T, program string, args ...string) string {
	t.Helper()
	var complaint bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("age %v: %v\n%s", args, err, complaint.Bytes())
	}
	return string(out)
}

// runAgeOnTerminal types a passphrase at the prompt: age reads it from the controlling terminal only.
func runAgeOnTerminal(t *testing.T, passphrase, program string, args ...string) string {
	t.Helper()
	master, slave := openTerminal(t)
	var out bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, &out, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := slave.Close(); err != nil {
		t.Fatal(err)
	}
	hung := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer hung.Stop()
	shown := make(chan string, 1)
	go func() { // all that appears on the terminal, until age closes it
		var b bytes.Buffer
		buf := make([]byte, 1024)
		typed := false
		for {
			n, err := master.Read(buf)
			b.Write(buf[:n])
			if !typed && bytes.Contains(b.Bytes(), []byte("passphrase")) {
				typed = true
				if _, werr := io.WriteString(master, passphrase+"\n"); werr != nil {
					err = werr
				}
			}
			if err != nil {
				shown <- b.String()
				return
			}
		}
	}()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("age %v: %v\n%s", args, err, <-shown)
	}
	return out.String()
}

// openTerminal makes a pseudoterminal (see pty(7)).
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := master.Close(); err != nil {
			t.Error(err)
		}
	})
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}
