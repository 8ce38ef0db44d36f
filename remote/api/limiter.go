package api

import (
	"context"
	"sync"
	"time"
)

// Limiter holds all uploads together to a number of bytes per second. It is a token bucket that may go into debt: each
// piece is let through when the debt of those before it is paid. nil is no limit. It is safe for concurrent use.
type Limiter struct {
	rate  float64 // bytes per second
	burst float64 // bytes that may be sent at once after a pause

	mu   sync.Mutex
	have float64 // bytes that may be sent now; below zero, how many were sent too early
	last time.Time
}

// limitedPiece is how many bytes a limited upload takes at a time.
const limitedPiece = 16 << 10

// NewLimiter gives a limiter of so many bytes per second; nil, no limit, if that is not above zero.
func NewLimiter(bytesPerSecond int64) *Limiter {
	if bytesPerSecond <= 0 {
		return nil
	}
	rate := float64(bytesPerSecond)
	return &Limiter{rate: rate, burst: rate / 8, have: rate / 8, last: time.Now()}
}

// Wait takes n bytes from what may be sent and returns when they may go: at once, or when the limit allows, or with the
// context's error when it ends.
func (l *Limiter) Wait(ctx context.Context, n int) error {
	if l == nil {
		return nil
	}
	delay := l.take(n)
	if delay <= 0 {
		return nil
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// take books n bytes and says after which time they may go.
func (l *Limiter) take(n int) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.have = min(l.burst, l.have+now.Sub(l.last).Seconds()*l.rate) - float64(n)
	l.last = now
	return time.Duration(-l.have / l.rate * float64(time.Second))
}
