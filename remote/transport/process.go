package transport

import (
	"context"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	// endTime is how long a child may take to end by itself when its pipes are closed, and killTime how long when it was
	// asked to.
	endTime  = 500 * time.Millisecond
	killTime = time.Second
	// lastWords is how long what a child wrote before its end can be read.
	lastWords = 2 * time.Second
)

// process is a running child, and the pipe that its standard input and output make. It is an io.ReadWriteCloser. Somebody
// waits for the child from its start on, so that none is left behind as a zombie.
type process struct {
	cmd  *exec.Cmd
	in   *os.File // to the child
	out  *os.File // from the child
	said *messages
	stop context.CancelFunc
	done chan struct{} // closed when the child has ended

	once sync.Once
	err  error // of closing in
}

// startProcess starts a program, without a shell. The child ends when the context does. Its standard error goes to said.
func startProcess(ctx context.Context, argv []string, said *messages) (*process, error) {
	ctx, stop := context.WithCancel(ctx)
	p := &process{cmd: exec.CommandContext(ctx, argv[0], argv[1:]...), said: said, stop: stop, done: make(chan struct{})}
	p.cmd.Cancel = p.terminate
	p.cmd.WaitDelay = killTime
	p.cmd.Stderr = said
	if err := p.start(); err != nil {
		stop()
		return nil, err
	}
	go func() {
		// How it ended stands in ProcessState.
		_ = p.cmd.Wait()
		stop()
		close(p.done)
		// A process that the child left behind, with the pipe in its hands, is not the host that was meant. Where a pipe
		// knows no deadlines, Close ends the read.
		_ = p.out.SetReadDeadline(time.Now().Add(lastWords))
	}()
	return p, nil
}

// start makes the pipes by hand: those of package exec would be closed when the child ends, with what it said last unread.
func (p *process) start() error {
	childIn, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer closeQuietly(childIn)
	out, childOut, err := os.Pipe()
	if err != nil {
		closeQuietly(in)
		return err
	}
	defer closeQuietly(childOut)
	p.in, p.out = in, out
	p.cmd.Stdin, p.cmd.Stdout = childIn, childOut
	widen(in)
	widen(out)
	if err := p.cmd.Start(); err != nil {
		closeQuietly(in)
		closeQuietly(out)
		return err
	}
	return nil
}

// terminate asks the child to end; package exec kills it when it has not after killTime.
func (p *process) terminate() error {
	if runtime.GOOS == "windows" {
		return p.cmd.Process.Kill()
	}
	return p.cmd.Process.Signal(syscall.SIGTERM)
}

// Read reads what the child writes. What it wrote before its end can still be read for a while.
func (p *process) Read(b []byte) (int, error)  { return p.out.Read(b) }
func (p *process) Write(b []byte) (int, error) { return p.in.Write(b) }

// Close closes the child's standard input, which is how the host learns that the conversation is over, and ends the child
// if it does not end by itself. It does not wait for that: see ended.
func (p *process) Close() error {
	p.once.Do(func() {
		p.err = p.in.Close()
		go func() {
			p.ended(endTime)
			p.stop()
			<-p.done
			closeQuietly(p.out) // a read that still waits has seen the end by now, unless a grandchild holds the pipe
		}()
	})
	return p.err
}

// ended waits for the child's end, at most so long, and says whether it has come.
func (p *process) ended(most time.Duration) bool {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-p.done:
		return true
	case <-timer.C:
		return false
	}
}

var _ io.ReadWriteCloser = (*process)(nil)
