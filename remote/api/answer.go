package api

import (
	"net/http"
	"time"
)

// answer writes a host's answer, piece by piece, and gives up on a client that takes less than the limits allow. It
// counts for the log.
type answer struct {
	http.ResponseWriter
	deadlines *http.ResponseController
	limits    Limits
	status    int
	total     int64
	set       time.Time // when the deadline was set
	noted     int64     // total at that time
}

func newAnswer(w http.ResponseWriter, limits Limits) *answer {
	a := &answer{ResponseWriter: w, deadlines: http.NewResponseController(w), limits: limits}
	a.until(time.Time{}) // that of an earlier request on this connection
	return a
}

// begun says whether the header is on its way.
func (a *answer) begun() bool { return a.status != 0 }

// WriteHeader sends the status.
func (a *answer) WriteHeader(status int) {
	a.status = status
	a.extend()
	a.ResponseWriter.WriteHeader(status)
}

// writePiece is how many bytes are written under one deadline.
const writePiece = 32 << 10

// Write writes data. A client that takes too little makes it fail.
func (a *answer) Write(data []byte) (written int, err error) {
	if !a.begun() {
		a.WriteHeader(http.StatusOK)
	}
	for len(data) > 0 && err == nil {
		var n int
		a.extend()
		n, err = a.ResponseWriter.Write(data[:min(len(data), writePiece)])
		a.total += int64(n)
		written += n
		data = data[n:]
	}
	return written, err
}

// extend moves the deadline when enough has been taken since it was set. It is set for one piece, which a client at the
// least rate takes within the time for stalls and a little more.
func (a *answer) extend() {
	now := time.Now()
	enough := a.limits.StallRate * int64(a.limits.StallTime/time.Second)
	if !a.set.IsZero() && (a.total-a.noted < enough || now.Sub(a.set) < time.Second) {
		return
	}
	a.set, a.noted = now, a.total
	a.until(now.Add(a.limits.StallTime + time.Duration(writePiece/a.limits.StallRate)*time.Second))
}

// until sets the deadline of what is written. It fails over a connection that is gone, as the next write will, and where
// there are no deadlines, as over a writer that is only in memory: there nothing stalls.
func (a *answer) until(t time.Time) { _ = a.deadlines.SetWriteDeadline(t) }
