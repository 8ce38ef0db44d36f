package tests

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal makes a terminal of so many columns: what programs write to user comes out of the other end.
func openTerminal(t *testing.T, columns uint16) (keeper, user *os.File) {
	t.Helper()
	keeper, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	if err := unix.IoctlSetPointerInt(int(keeper.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(keeper.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	user, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(keeper.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatal(err)
	}
	return keeper, user
}

// onTerminal runs evault in the work tree on a terminal, which is also its controlling one, with stdout or stderr elsewhere
// where a writer is given, and gives what the terminal got.
func (w *world) onTerminal(columns uint16, stdout, stderr io.Writer, args ...string) (screen string, code int) {
	w.t.Helper()
	keeper, user := openTerminal(w.t, columns)
	cmd := exec.Command("evault", args...)
	cmd.Dir = w.work
	for k, v := range w.vars {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	cmd.Env = append(cmd.Env, "TERM=xterm")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = user, user, user
	if stdout != nil {
		cmd.Stdout = stdout
	}
	if stderr != nil {
		cmd.Stderr = stderr
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	var out bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&out, keeper) // ends with EIO when nobody has the terminal open
	}()
	w.check(cmd.Start())
	w.check(user.Close())
	timer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait()
	<-read
	w.check(keeper.Close())
	return out.String(), cmd.ProcessState.ExitCode()
}

// meterText is what a line of progress of a push looks like.
var meterText = regexp.MustCompile(`\d \wi?B(/s| of )`)

// TestTerminalOfAPush: a push that takes two seconds draws a meter on the terminal, in place, with rate and time left, and
// takes it away before it prints; in a pipe there is none.
func TestTerminalOfAPush(t *testing.T) {
	w, _ := newWorld(t)
	noise := make([]byte, 4<<20)
	f, err := os.Open("/dev/urandom")
	w.check(err)
	_, err = io.ReadFull(f, noise)
	w.check(err)
	w.check(f.Close())
	w.write("noise", string(noise))
	if r := w.process("work", "evault", "commit", "-A", "-q", "-m", "noise"); r.code != 0 {
		t.Fatal(r.stderr)
	}
	push := func(remote string) []string { return []string{"push", remote, "main", "--limit-upload", "2M"} }

	screen, code := w.onTerminal(60, nil, nil, push("friend")...)
	if code != 0 {
		t.Fatalf("exit code %d: %q", code, screen)
	}
	meters := 0
	for line := range strings.SplitSeq(screen, "\r\n") {
		drawings := strings.Split(line, "\r")
		for _, d := range drawings {
			if len(d) >= 60 {
				t.Errorf("a drawing of %d columns on a terminal of 60: %q", len(d), d)
			}
			if meterText.MatchString(d) && strings.Contains(d, "%") {
				meters++
			}
		}
		if last := drawings[len(drawings)-1]; strings.Contains(last, "%)") {
			t.Errorf("a line ends with a meter: %q", line)
		}
	}
	if meters < 3 || meters > 60 {
		t.Errorf("%d drawings in two seconds: %q", meters, screen)
	}
	if !strings.Contains(screen, "left") || !strings.Contains(screen, "/s") {
		t.Errorf("no rate or no time left: %q", screen)
	}
	if strings.ContainsAny(screen, "\b\x07") || strings.Contains(screen, "\x1b[2K") {
		t.Errorf("escapes: %q", screen)
	}

	var log bytes.Buffer
	screen, code = w.onTerminal(60, nil, &log, push("origin")...)
	if code != 0 || meterText.MatchString(log.String()) || strings.Contains(log.String()+screen, "%)") || strings.Contains(strings.ReplaceAll(screen, "\r\n", ""), "\r") {
		t.Errorf("with stderr elsewhere: exit code %d, %q on the terminal and %q in the file", code, screen, log.String())
	}
	var result bytes.Buffer
	screen, code = w.onTerminal(60, &result, nil, push("usb")...)
	if code != 0 || strings.Contains(result.String(), "%)") || strings.Contains(result.String(), "\r") || !strings.Contains(screen, "%)") {
		t.Errorf("with stdout elsewhere: exit code %d, %q on the terminal and %q in the file", code, screen, result.String())
	}
}

// TestTerminalOfLog: long output goes through a pager where somebody looks, and the pager's end is no fault.
func TestTerminalOfLog(t *testing.T) {
	w, _ := newWorld(t)
	delete(w.vars, "EVAULT_PAGER")
	w.vars["PAGER"] = "sed s/^/paged:/"
	if screen, code := w.onTerminal(80, nil, nil, "log", "--oneline"); code != 0 || !strings.Contains(screen, "paged:") || !strings.Contains(screen, "\x1b[") {
		t.Errorf("exit code %d: %q", code, screen)
	}
	if screen, code := w.onTerminal(80, nil, nil, "--no-pager", "log", "--oneline"); code != 0 || strings.Contains(screen, "paged:") {
		t.Errorf("--no-pager: exit code %d: %q", code, screen)
	}
	var plain bytes.Buffer
	if screen, code := w.onTerminal(80, &plain, nil, "log", "--oneline"); code != 0 || screen != "" || strings.Contains(plain.String(), "paged:") ||
		strings.Contains(plain.String(), "\x1b") {
		t.Errorf("into a pipe: exit code %d: %q %q", code, screen, plain.String())
	}
	w.vars["PAGER"] = "true"
	if screen, code := w.onTerminal(80, nil, nil, "log", "-n", "1000"); code != 0 || strings.Contains(screen, "evault:") {
		t.Errorf("a pager that ends at once: exit code %d: %q", code, screen)
	}
	w.vars["PAGER"] = "cat >/dev/null"
	if screen, code := w.onTerminal(80, nil, nil, "show", "nothing-of-that-name"); code != 1 {
		t.Errorf("a failed verb behind a pager: exit code %d: %q", code, screen)
	}
	if _, err := exec.LookPath("less"); err == nil {
		w.vars["PAGER"] = "less"
		if screen, code := w.onTerminal(80, nil, nil, "log", "--oneline", "-n", "3"); code != 0 || strings.Count(screen, "\r\n") < 3 {
			t.Errorf("less keeps what fits on a screen: exit code %d: %q", code, screen)
		}
	}
}
