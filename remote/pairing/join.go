package pairing

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"evault/internal/cpace"
	"evault/keys"
	"evault/remote"
)

// JoinOptions are what the joining side brings.
type JoinOptions struct {
	Identity *keys.Identity // of this device
	Label    string         // what to call this device: at most 255 bytes of printable text
	// Dial connects; nil: TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Join pairs with a listener. Of the addresses of a scanned code, the first that answers with the right key is taken; after
// that there is one attempt, because it may cost a try. The errors are those of this package, and remote.ErrUnreachable,
// ErrNotEvault and ErrWrongPeer.
func Join(ctx context.Context, t Target, o JoinOptions) (*Result, error) {
	return join(ctx, t, o, usualLimits())
}

func join(ctx context.Context, t Target, o JoinOptions, limits limits) (*Result, error) {
	if err := checkLabel(o.Label); err != nil {
		return nil, err
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	first, err := race(ctx, t, func(ctx context.Context, address string) (*joiner, error) {
		j := &joiner{target: t, address: address, options: o, limits: limits}
		return j, j.connect(ctx)
	})
	if err != nil {
		return nil, err
	}
	return first.pair(ctx)
}

// race connects to all addresses at once, since most of them may lead nowhere, and gives the first channel to the device
// that is expected. The others are closed without a word.
func race(ctx context.Context, t Target, connect func(context.Context, string) (*joiner, error)) (first *joiner, err error) {
	racing, cancel := context.WithCancel(ctx)
	defer cancel()
	type arrival struct {
		j   *joiner
		err error
	}
	arrivals := make(chan arrival)
	for _, address := range t.addresses {
		go func() {
			j, err := connect(racing, address)
			arrivals <- arrival{j, err}
		}()
	}
	var errs []error
	for range t.addresses {
		switch a := <-arrivals; {
		case a.err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", a.j.address, a.err))
		case first == nil:
			first = a.j
			cancel()
		default:
			_ = a.j.channel.Close() // nothing was said on it
		}
	}
	switch {
	case first != nil:
		return first, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case len(errs) == 0:
		return nil, fmt.Errorf("%w: no address", ErrTarget)
	}
	return nil, errors.Join(errs...)
}

// joiner is one attempt at one address.
type joiner struct {
	target  Target
	address string
	options JoinOptions
	limits  limits
	channel *channel
}

// connect gets as far as a channel to the device that is expected, if one is.
func (j *joiner) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, j.limits.attempt)
	defer cancel()
	raw, err := j.options.Dial(ctx, "tcp", j.address)
	if err != nil {
		return fmt.Errorf("%w: %w", remote.ErrUnreachable, err)
	}
	c, err := open(ctx, raw, j.options.Identity, true)
	if err == nil && j.target.device != (keys.DeviceID{}) && c.peerID() != j.target.device {
		err = &remote.WrongPeerError{Address: j.address, Expected: j.target.device, Found: c.peerID()}
	}
	if err != nil {
		_ = raw.Close() // the error is known already
		return err
	}
	j.channel = c
	return nil
}

// pair proves, checks the other side's proof, and does what the pairing is for.
func (j *joiner) pair(ctx context.Context) (*Result, error) {
	defer j.channel.Close() // everything that matters has been answered
	stop := context.AfterFunc(ctx, func() { _ = j.channel.NetConn().Close() })
	defer stop()
	result, err := j.talk(j.channel)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%s: %w", j.address, broken(err))
	}
	return result, nil
}

func (j *joiner) talk(c *channel) (*Result, error) {
	if err := c.SetDeadline(time.Now().Add(j.limits.attempt)); err != nil {
		return nil, err
	}
	if err := j.prove(c); err != nil {
		return nil, err
	}
	if err := c.SetDeadline(time.Now().Add(j.limits.exchange)); err != nil {
		return nil, err
	}
	return j.exchange(c)
}

func (j *joiner) prove(c *channel) error {
	party, err := c.party(cpace.Initiator, j.target.kind, j.target.proof)
	if err != nil {
		return err
	}
	if err := writeMessage(c, kindHello, hello{version, j.target.kind, party.Share()}.encode()); err != nil {
		return err
	}
	share, err := readMessage(c, kindShare, cpace.ShareSize, cpace.ShareSize)
	if err != nil {
		return err
	}
	session, err := party.Finish(share)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if err := writeMessage(c, kindProof, session.Tag()); err != nil {
		return err
	}
	tag, err := readMessage(c, kindProof, cpace.TagSize, cpace.TagSize)
	if err != nil {
		return err
	}
	if err := session.Confirm(tag); err != nil { // an honest listener refuses before it proves anything wrong
		return fmt.Errorf("%w: it could not prove that it knows the pairing code", remote.ErrWrongPeer)
	}
	return nil
}

// exchange runs after both sides have proved themselves.
func (j *joiner) exchange(c *channel) (*Result, error) {
	body, err := readMessage(c, kindOffer, 2, maxBody)
	if err != nil {
		return nil, err
	}
	o, err := decodeOffer(body)
	if err != nil {
		return nil, err
	}
	r := request{label: j.options.Label}
	if o.purpose == ForDevice {
		r.recipient = j.options.Identity.Recipient()
		if r.key, err = j.options.Identity.SigningKey(o.vault); err != nil {
			return nil, err
		}
	}
	if err := writeMessage(c, kindRequest, r.encode(o.purpose)); err != nil {
		return nil, err
	}
	if body, err = readMessage(c, kindGrant, 1, maxBody); err != nil {
		return nil, err
	}
	result := &Result{Purpose: o.purpose, Peer: Peer{Label: o.label, Device: c.peerID()}}
	if err := j.take(result, o, body); err != nil {
		return nil, err
	}
	return result, writeMessage(c, kindDone, nil)
}

// take reads a grant.
func (j *joiner) take(result *Result, o offer, body []byte) (err error) {
	if o.purpose == ForDevice {
		if result.Device, err = decodeDeviceGrant(body); err == nil {
			result.Device.Vault = o.vault
		}
		return err
	}
	if result.Host, err = decodeHostGrant(body); err != nil || len(result.Host.Addresses) > 0 {
		return err
	}
	host, _, err := net.SplitHostPort(j.address)
	result.Host.Addresses = []string{net.JoinHostPort(host, strconv.Itoa(int(result.Host.Port)))}
	return err
}
