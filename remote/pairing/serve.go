package pairing

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"evault/internal/cpace"
	"evault/internal/wire"
	"evault/keys"
	"evault/remote"
)

// ServeOptions are what a listener offers. Exactly one of Host and Device is set.
type ServeOptions struct {
	Identity *keys.Identity // of this device
	Label    string         // what to call this device: at most 255 bytes of printable text
	Host     *HostSide
	Device   *DeviceSide
	// Wrong, if not nil, is told of each wrong code: who tried it, and how many tries are left.
	Wrong func(from net.Addr, left int)
}

// Peer is the other side, after it has proved that it knows the code.
type Peer struct {
	Label  string
	Device keys.DeviceID
	From   net.Addr // where it comes from, nil on the joining side
}

// HostSide makes the joiner a peer of a host.
type HostSide struct {
	// Admit lets the peer in, durably, and says what it may do. reached is the address of this machine under which the peer
	// has reached the listener.
	Admit func(ctx context.Context, p Peer, reached net.Addr) (HostGrant, error)
}

// DeviceSide makes the joiner a device of a vault.
type DeviceSide struct {
	Vault keys.VaultID
	// Role is what the new device will be.
	Role keys.Role
	// Admit makes the device a member, durably. The entry is complete but for Added.
	Admit func(ctx context.Context, e keys.DeviceEntry) (DeviceGrant, error)
}

// Result is what a pairing has come to. Host or Device is set, by Purpose.
type Result struct {
	Purpose Purpose
	Peer    Peer
	Host    *HostGrant   // for the joiner, Addresses is complete
	Device  *DeviceGrant // with the vault
}

// limits are how much of this machine strangers may use.
type limits struct {
	attempt  time.Duration // from the connection to the proof
	exchange time.Duration // from the proof to the end: admitting may have to wait for a lock
	pause    time.Duration // between two connections
	penalty  time.Duration // after a wrong code, before the next attempt
	conns    int           // connections at a time
}

func usualLimits() limits {
	return limits{attempt: 10 * time.Second, exchange: time.Minute, pause: 50 * time.Millisecond, penalty: time.Second, conns: 8}
}

// Serve waits on l for somebody who knows the code, pairs with the first, and closes l. A wrong code, garbage and connections
// that go nowhere do not end it; the code's end does: ErrExpired, ErrTooManyTries. One attempt at a time gets as far as the
// code. With ErrNoReceipt the result is there too: what Admit did is done. The error of Admit is returned as it is.
func Serve(ctx context.Context, l net.Listener, inv *Invitation, o ServeOptions) (*Result, error) {
	return serve(ctx, l, inv, o, usualLimits())
}

func serve(ctx context.Context, l net.Listener, inv *Invitation, o ServeOptions, limits limits) (*Result, error) {
	err := checkLabel(o.Label)
	if (o.Host == nil) == (o.Device == nil) {
		err = errors.New("a pairing is either for a host or for a device")
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	ctx, stop := context.WithCancel(ctx)
	s := &server{inv: inv, options: o, limits: limits, turn: make(chan struct{}, 1), ended: make(chan outcome, 1)}
	s.wg.Go(func() { s.accept(ctx, l) })
	end := s.wait(ctx)
	stop() // cuts off whoever is still on the line
	_ = l.Close()
	s.wg.Wait()
	select { // the caller's patience may have ended when the other side was admitted already
	case late := <-s.ended:
		if end.result == nil && late.result != nil {
			end = late
		}
	default:
	}
	return end.result, end.err
}

func checkLabel(label string) error {
	if len(label) > maxLabel || !wire.Printable(label) {
		return fmt.Errorf("a label has at most %d bytes of printable text", maxLabel)
	}
	return nil
}

// server is one call of Serve.
type server struct {
	inv     *Invitation
	options ServeOptions
	limits  limits
	turn    chan struct{} // held by the one attempt that may test a code
	ended   chan outcome  // holds one: what ends the code
	wg      sync.WaitGroup
}

type outcome struct {
	result *Result
	err    error
}

// wait gives what ended first: a pairing, the code, or the caller's patience.
func (s *server) wait(ctx context.Context) outcome {
	timer := time.NewTimer(time.Until(s.inv.Expires()))
	defer timer.Stop()
	select {
	case end := <-s.ended:
		return end
	case <-ctx.Done():
		return outcome{err: ctx.Err()}
	case <-timer.C:
	}
	if !errors.Is(s.inv.state(), ErrUsed) {
		return outcome{err: ErrExpired}
	}
	select { // it was in time, and is not finished yet
	case end := <-s.ended:
		return end
	case <-ctx.Done():
		return outcome{err: ctx.Err()}
	}
}

// end reports what ends the code, of which there is one thing.
func (s *server) end(o outcome) {
	select {
	case s.ended <- o:
	default:
	}
}

// accept takes connections, not too many and not too fast. Those for which there is no room are closed.
func (s *server) accept(ctx context.Context, l net.Listener) {
	room := make(chan struct{}, s.limits.conns)
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() == nil && !errors.Is(s.inv.state(), ErrUsed) {
				s.end(outcome{err: fmt.Errorf("waiting for the other side: %w", err)})
			}
			return
		}
		select {
		case room <- struct{}{}:
			s.wg.Go(func() {
				s.handle(ctx, conn)
				<-room
			})
		default:
			_ = conn.Close() // nothing was said on it
		}
		if sleep(ctx, s.limits.pause) != nil {
			return
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// handle carries one connection through. What goes wrong before the code is right concerns nobody but the other side.
func (s *server) handle(ctx context.Context, raw net.Conn) {
	defer raw.Close() // what matters was confirmed by a message
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	c, err := s.prove(ctx, raw)
	if err != nil {
		return
	}
	result, err := s.exchange(ctx, c)
	if err != nil && result == nil {
		c.refuse(ErrDeclined)
	}
	s.end(outcome{result, err})
	_ = c.CloseWrite() // the other side needs nothing more from us
}

// prove lets the other side prove that it knows the code, and then does so itself.
func (s *server) prove(ctx context.Context, raw net.Conn) (*channel, error) {
	ctx, cancel := context.WithTimeout(ctx, s.limits.attempt)
	defer cancel()
	if err := raw.SetDeadline(time.Now().Add(s.limits.attempt)); err != nil {
		return nil, err
	}
	c, err := open(ctx, raw, s.options.Identity, false)
	if err != nil {
		return nil, err
	}
	body, err := readMessage(c, kindHello, helloSize, helloSize)
	if err != nil {
		return nil, err
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := s.test(ctx, c, decodeHello(body)); err != nil {
		c.refuse(err)
		return nil, s.afterFailure(ctx, err)
	}
	return c, nil
}

// test is the part of which there is one at a time.
func (s *server) test(ctx context.Context, c *channel, h hello) error {
	if err := s.inv.state(); err != nil {
		return err
	}
	proof, known := s.inv.proofOf(h.kind)
	if h.version != version || !known {
		return remote.ErrVersion
	}
	party, err := c.party(cpace.Responder, h.kind, proof)
	if err != nil {
		return err
	}
	session, err := party.Finish(h.share)
	if err != nil {
		return err // such a share tests nothing
	}
	if err := writeMessage(c, kindShare, party.Share()); err != nil {
		return err
	}
	tag, err := readMessage(c, kindProof, cpace.TagSize, cpace.TagSize)
	if err != nil {
		return err // without a tag no guess was tested: our share tells nothing
	}
	left, err := s.inv.try(func() bool { return session.Confirm(tag) == nil })
	if errors.Is(err, ErrWrongCode) && s.options.Wrong != nil {
		s.options.Wrong(c.RemoteAddr(), left)
	}
	if err != nil {
		return err
	}
	if err := writeMessage(c, kindProof, session.Tag()); err != nil {
		// The code has served, and nobody may come after.
		s.end(outcome{err: broken(err)})
		return err
	}
	return nil
}

// afterFailure ends the code, or slows down who might want to guess.
func (s *server) afterFailure(ctx context.Context, err error) error {
	switch {
	case errors.Is(s.inv.state(), ErrTooManyTries):
		s.end(outcome{err: ErrTooManyTries})
	case errors.Is(err, ErrWrongCode):
		return errors.Join(err, sleep(ctx, s.limits.penalty))
	}
	return err
}

// exchange does what the pairing is for. An error with a result means that it was done.
func (s *server) exchange(ctx context.Context, c *channel) (*Result, error) {
	ctx, cancel := context.WithTimeout(ctx, s.limits.exchange)
	defer cancel()
	if err := c.SetDeadline(time.Now().Add(s.limits.exchange)); err != nil {
		return nil, err
	}
	o := offer{label: s.options.Label, purpose: ForHost}
	if s.options.Device != nil {
		o.purpose, o.vault = ForDevice, s.options.Device.Vault
	}
	if err := writeMessage(c, kindOffer, o.encode()); err != nil {
		return nil, broken(err)
	}
	body, err := readMessage(c, kindRequest, 1, maxBody)
	if err != nil {
		return nil, broken(err)
	}
	r, err := decodeRequest(body, o.purpose)
	if err != nil {
		return nil, err
	}
	result := &Result{Purpose: o.purpose, Peer: Peer{r.label, c.peerID(), c.RemoteAddr()}}
	grant, err := s.admit(ctx, c, r, result)
	if err != nil {
		return nil, err
	}
	if err := writeMessage(c, kindGrant, grant); err != nil {
		return result, fmt.Errorf("%w: %w", ErrNoReceipt, err)
	}
	if _, err := readMessage(c, kindDone, 0, 0); err != nil {
		return result, fmt.Errorf("%w: %w", ErrNoReceipt, err)
	}
	return result, nil
}

// admit asks the caller to let the other side in, and gives what to tell it.
func (s *server) admit(ctx context.Context, c *channel, r request, result *Result) ([]byte, error) {
	if s.options.Host != nil {
		g, err := s.options.Host.Admit(ctx, result.Peer, c.LocalAddr())
		result.Host = &g
		return g.encode(), err
	}
	d := s.options.Device
	g, err := d.Admit(ctx, keys.DeviceEntry{Key: r.key, Device: c.peerID(), Role: d.Role, Label: r.label, Recipient: r.recipient})
	g.Vault, g.Role = d.Vault, d.Role
	g.URLs = g.URLs[:min(len(g.URLs), MaxURLs)]
	result.Device = &g
	return g.encode(), err
}
