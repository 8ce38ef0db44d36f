package commands

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"

	"evault/repo"
)

// pager is a running program that shows our output.
type pager struct {
	cmd *exec.Cmd
	in  io.WriteCloser
}

// page sends all further output through the user's pager, if stdout is a terminal. A pager that cannot be started is no
// reason to show nothing.
func (a *app) page(ctx context.Context) {
	if a.pager != nil || a.flags.noPager || !a.env.Terminal.Out || a.flags.json {
		return
	}
	line := a.pagerCommand()
	if line == "" || line == "cat" {
		return
	}
	cmd := shell(context.WithoutCancel(ctx), line) // it ends when its input does, or when the user says so
	cmd.Stdout, cmd.Stderr = a.env.Stdout, a.env.Stderr
	cmd.Env = os.Environ()
	for _, v := range [][2]string{{"LESS", "FRX"}, {"LV", "-c"}} {
		if _, set := a.env.Lookup(v[0]); !set {
			cmd.Env = append(cmd.Env, v[0]+"="+v[1])
		}
	}
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		a.note("pager %q: %v", line, err)
		return
	}
	a.pager = &pager{cmd, in}
	a.out = bufio.NewWriter(in)
}

// pagerCommand chooses the pager; empty means none.
func (a *app) pagerCommand() string {
	if v, ok := a.env.Lookup("EVAULT_PAGER"); ok {
		return v
	}
	if c := a.userConfig(); c.Core.Pager != "" {
		return c.Core.Pager
	}
	if v, ok := a.env.Lookup("PAGER"); ok {
		return v
	}
	if _, err := exec.LookPath("less"); err == nil {
		return "less"
	}
	return ""
}

// userConfig reads the user's own configuration; one that cannot be read counts as empty here, because the verb itself
// reads it too and says what is wrong.
func (a *app) userConfig() repo.Config {
	fsys, err := a.openConfigHome()
	if err != nil {
		return repo.Config{}
	}
	c, err := repo.ReadConfig(fsys)
	if errors.Join(err, fsys.Close()) != nil {
		return repo.Config{}
	}
	return c
}

// close ends the pager's input and waits until the user has left it. That the user left early is no error.
func (p *pager) close(err error) error {
	closeErr := p.in.Close()
	waitErr := p.cmd.Wait()
	if err != nil && !brokenPipe(err) {
		return err
	}
	var exited *exec.ExitError
	if closeErr == nil && errors.As(waitErr, &exited) {
		return nil // its own exit code is its own affair
	}
	if closeErr != nil && !brokenPipe(closeErr) {
		return closeErr
	}
	return waitErr
}
