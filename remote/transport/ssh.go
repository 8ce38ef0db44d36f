package transport

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"evault/remote"
	"evault/remote/api"
)

// How long ssh and the host may take until the host's first word. With a terminal somebody may have to type a password.
const (
	sshTime      = 30 * time.Second
	passwordTime = 3 * time.Minute
)

// openSSH starts ssh, and waits until the host has answered. One ssh carries the whole conversation.
func openSSH(ctx context.Context, u remote.URL, o Options) (remote.Site, error) {
	argv := sshArguments(u, o)
	said := &messages{to: o.Stderr}
	child, err := startProcess(ctx, argv, said)
	if err != nil {
		return nil, cannotStart(argv[0], err)
	}
	patience := sshTime
	if o.Terminal {
		patience = passwordTime
	}
	s := &sshHost{process: child}
	s.pipe, err = dialPipe(ctx, child, patience, s.explain)
	if err != nil {
		s.end()
		return nil, fmt.Errorf("%s: %w", siteName(u), err)
	}
	return api.NewSite(api.ClientOptions{
		HTTP:   &http.Client{Transport: s.pipe},
		Base:   "http" + baseURL,
		Name:   siteName(u),
		Upload: api.NewLimiter(o.UploadLimit),
		Close:  s.Close,
	}), nil
}

// sshArguments gives the command. What comes from the address stands in two places: behind "--", where ssh takes nothing for
// an option, and quoted for the shell of the other machine. See remote.ParseURL for what it can hold.
func sshArguments(u remote.URL, o Options) []string {
	argv := o.SSHCommand
	if len(argv) == 0 {
		argv = []string{"ssh"}
	}
	argv = argv[:len(argv):len(argv)]
	if !o.Terminal {
		argv = append(argv, "-o", "BatchMode=yes")
	}
	if u.Port != 0 {
		argv = append(argv, "-p", strconv.Itoa(u.Port))
	}
	host := u.Host
	if u.User != "" {
		host = u.User + "@" + host
	}
	return append(argv, "-T", "--", host, "evault serve --stdio --root "+remotePath(u.Path))
}

// siteName is what messages call a host: its address without what comes after the machine.
func siteName(u remote.URL) string {
	u.Path, u.Vault, u.Device = "", [32]byte{}, [32]byte{}
	return u.String()
}

func cannotStart(program string, err error) error {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: the program %q is not installed; install OpenSSH's client, or name another in EVAULT_SSH_COMMAND",
			remote.ErrNoProgram, program)
	}
	return fmt.Errorf("%w: %q cannot be started: %w", remote.ErrUnreachable, program, err)
}

// sshHost is a host at the other end of an ssh.
type sshHost struct {
	process *process
	pipe    *pipeClient
}

// Close ends the conversation and the child, and waits for that: a second or two at most.
func (s *sshHost) Close() error {
	err := s.pipe.Close()
	s.end()
	return err
}

func (s *sshHost) end() {
	closeQuietly(s.process)
	<-s.process.done
}

// explain says why a conversation ended, began saying whether the host had said anything by then. When ssh itself ended,
// its exit status and its last words know best.
func (s *sshHost) explain(cause error, began bool) error {
	cause = inWords(cause)
	if !s.process.ended(time.Second) {
		return unreachable(cause)
	}
	status := s.process.cmd.ProcessState.ExitCode()
	text, tail := strings.TrimPrefix(cause.Error(), remote.ErrNotEvault.Error()+": "), s.process.said.tail() // kind says that
	switch {
	case tail == "":
	case status == sshFailed || !began:
		text = tail
	default:
		text += "; ssh said: " + tail
	}
	return fmt.Errorf("%w: %s", s.kind(status, cause, began), text)
}

// sshFailed is ssh's exit status for a failure of its own. All others are those of the command on the other machine.
const sshFailed = 255

// kind takes ssh's exit status for what it means. 126 and 127 come from the other machine's shell, which could not run
// evault (POSIX.1-2017, Shell Command Language, 2.8.2).
func (s *sshHost) kind(status int, cause error, began bool) error {
	switch {
	case errors.Is(cause, remote.ErrNotEvault):
		return remote.ErrNotEvault
	case status == sshFailed && s.process.said.has("REMOTE HOST IDENTIFICATION HAS CHANGED"):
		return remote.ErrWrongPeer
	case status == sshFailed && s.process.said.has("Permission denied ("):
		return fmt.Errorf("%w (ssh could not log in)", remote.ErrRefused)
	case began || status == sshFailed || status < 0:
		return remote.ErrUnreachable
	case status == 126 || status == 127:
		return fmt.Errorf("%w: evault is not installed there, or not in the PATH of ssh", remote.ErrNotEvault)
	case status == 0:
		return fmt.Errorf("%w: the command ended without a word", remote.ErrNotEvault)
	}
	return fmt.Errorf("%w: the command ended with status %d", remote.ErrHost, status)
}
