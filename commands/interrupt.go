package commands

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// interrupts ends a command in good order when the user presses Ctrl-C, when it is told to terminate, or when its terminal
// goes away. The second signal kills the process at once, which is safe too. The zero value watches nothing.
type interrupts struct {
	held atomic.Int32
}

// watch gives a context that the first signal ends, and a function that gives the signals back.
func (i *interrupts) watch(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 1)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) { // nohup, and "&" in a script, ignore some on purpose
			signal.Notify(signals, s)
		}
	}
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case s := <-signals:
				if s == os.Interrupt && i.held.Load() > 0 {
					continue
				}
				signal.Stop(signals)
				cancel()
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel()
	}
}

// hold leaves Ctrl-C to another program that has the terminal, until release is called: in an editor it is a key like any
// other, but the terminal sends it to this process as well.
func (i *interrupts) hold() (release func()) {
	i.held.Add(1)
	return func() { i.held.Add(-1) }
}
