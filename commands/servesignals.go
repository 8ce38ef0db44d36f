package commands

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"evault/remote/host"
)

// reloadOnHangup has a listening host read its configuration again at SIGHUP, as daemons do, where any other verb would
// end. stop gives the signal back.
func reloadOnHangup(ctx context.Context, h *host.Host) (stop func()) {
	if signal.Ignored(syscall.SIGHUP) { // nohup: a terminal that goes away is none of our business
		return func() {}
	}
	signal.Reset(syscall.SIGHUP) // whoever got it until now
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-signals:
				h.ReloadNow()
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		<-done
	}
}
