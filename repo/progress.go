package repo

import (
	"sync"
	"sync/atomic"
	"time"
)

// Progress is a look at a verb under way.
type Progress struct {
	Phase      string // what is being done, as a word for people: "reading", "writing", "verifying"
	Done       int64  // bytes
	Total      int64  // bytes; 0 while it is not known
	Items      int64  // files or objects
	TotalItems int64  // 0 while it is not known
}

// meter counts work from many goroutines and shows it to the callback from one.
type meter struct {
	phase                    atomic.Pointer[string]
	done, total, items, want atomic.Int64
	report                   func(Progress)
	stop                     chan struct{}
	stopped                  sync.WaitGroup
}

const progressInterval = 100 * time.Millisecond

func (s Settings) startMeter(phase string) *meter {
	m := &meter{report: s.Progress, stop: make(chan struct{})}
	m.phase.Store(&phase)
	if m.report == nil {
		return m
	}
	m.stopped.Add(1)
	go m.run()
	return m
}

func (m *meter) run() {
	defer m.stopped.Done()
	tick := time.NewTicker(progressInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			m.report(m.look())
		case <-m.stop:
			return
		}
	}
}

func (m *meter) look() Progress {
	return Progress{Phase: *m.phase.Load(), Done: m.done.Load(), Total: m.total.Load(),
		Items: m.items.Load(), TotalItems: m.want.Load()}
}

// enter begins another phase, with its totals (0: not known).
func (m *meter) enter(phase string, bytes, items int64) {
	m.phase.Store(&phase)
	m.done.Store(0)
	m.items.Store(0)
	m.total.Store(bytes)
	m.want.Store(items)
}

func (m *meter) add(items, bytes int64) {
	m.items.Add(items)
	m.done.Add(bytes)
}

// close ends the reports; the callback is not running when it returns.
func (m *meter) close() {
	close(m.stop)
	m.stopped.Wait()
}
