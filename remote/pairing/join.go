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

// Join pairs with a listener. The addresses of a scanned code are tried in order until one answers with the right key; after
// that the first failure counts, because every attempt may cost a try. The errors are those of this package, and
// remote.ErrUnreachable, ErrNotEvault and ErrWrongPeer.
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
	var errs []error
	for _, address := range t.addresses {
		j := joiner{target: t, address: address, options: o, limits: limits}
		c, err := j.connect(ctx)
		if err == nil {
			return j.pair(ctx, c)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		errs = append(errs, fmt.Errorf("%s: %w", address, err))
	}
	if len(errs) == 0 {
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
	stop    func() bool
}

// connect gets as far as a channel to the device that is expected, if one is.
func (j *joiner) connect(ctx context.Context) (*channel, error) {
	short, cancel := context.WithTimeout(ctx, j.limits.attempt)
	defer cancel()
	raw, err := j.options.Dial(short, "tcp", j.address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", remote.ErrUnreachable, err)
	}
	c, err := open(short, raw, j.options.Identity, true)
	if err == nil && j.target.device != (keys.DeviceID{}) && c.peerID() != j.target.device {
		err = &remote.WrongPeerError{Address: j.address, Expected: j.target.device, Found: c.peerID()}
	}
	if err != nil {
		return nil, errors.Join(err, closeQuietly(raw))
	}
	j.stop = context.AfterFunc(ctx, func() { _ = raw.Close() })
	return c, nil
}

// closeQuietly closes a connection of which the error is known already.
func closeQuietly(c net.Conn) error {
	_ = c.Close()
	return nil
}

// pair proves, checks the other side's proof, and does what the pairing is for.
func (j *joiner) pair(ctx context.Context, c *channel) (*Result, error) {
	defer c.Close() // everything that matters has been answered
	defer j.stop()
	result, err := j.talk(c)
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
