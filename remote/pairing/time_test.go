package pairing

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"evault/internal/cpace"
	"evault/keys"
	"evault/remote"
)

// TestExpiry: a code works until the last second of its five minutes, and not after it, whether anybody has come or not.
func TestExpiry(t *testing.T) {
	host, laptop := identity(t), identity(t)
	synctest.Test(t, func(t *testing.T) {
		s := listenOn(t, host, newPipes(), usualLimits(), nil)
		time.Sleep(Lifetime - time.Second)
		if _, err := s.join(laptop, s.inv.Code()); err != nil {
			t.Errorf("in the last second: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := listenOn(t, host, newPipes(), usualLimits(), nil)
		begin := time.Now()
		if end := s.outcome(); !errors.Is(end.err, ErrExpired) || time.Since(begin) != Lifetime {
			t.Errorf("%+v after %v", end, time.Since(begin))
		}
		if err := s.inv.state(); !errors.Is(err, ErrExpired) {
			t.Errorf("the code: %v", err)
		}
		if _, err := s.inv.try(func() bool { t.Error("asked"); return true }); !errors.Is(err, ErrExpired) {
			t.Errorf("a try: %v", err)
		}
	})
}

// TestExpiryBetween: a proof that arrives after the end does not count, right as it may be, even if the listener still runs.
func TestExpiryBetween(t *testing.T) {
	host := identity(t)
	synctest.Test(t, func(t *testing.T) {
		s := listenOn(t, host, newPipes(), usualLimits(), nil)
		synctest.Wait()
		s.inv.made = s.inv.made.Add(-2 * time.Second) // now the listener outlives the code
		time.Sleep(Lifetime - 3*time.Second)
		c := s.stranger()
		p, first := opening(t, c, s.inv.Code())
		if _, err := c.Write(first); err != nil {
			t.Fatal(err)
		}
		share, err := readMessage(c, kindShare, cpace.ShareSize, cpace.ShareSize)
		if err != nil {
			t.Fatal(err)
		}
		session, err := p.Finish(share)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond)
		if _, err := c.Write(message(kindProof, session.Tag())); err != nil {
			t.Fatal(err)
		}
		if _, err := readMessage(c, kindProof, cpace.TagSize, cpace.TagSize); !errors.Is(err, ErrExpired) {
			t.Errorf("%v", err)
		}
		if len(s.admitted) > 0 {
			t.Error("admitted")
		}
	})
}

// TestSlowStrangers: who says nothing, or stops half way, is dropped after ten seconds and keeps others waiting no longer.
func TestSlowStrangers(t *testing.T) {
	host, laptop := identity(t), identity(t)
	synctest.Test(t, func(t *testing.T) {
		s := listenOn(t, host, newPipes(), usualLimits(), nil)
		begin := time.Now()
		silent, err := s.dial(context.Background(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		halfway := s.stranger() // holds the turn
		_, first := opening(t, halfway, "00000000")
		if _, err := halfway.Write(first); err != nil {
			t.Fatal(err)
		}
		_, err = s.join(laptop, s.inv.Code()) // its ten seconds may end with those of the one in front of it
		if err != nil && !errors.Is(err, remote.ErrUnreachable) || time.Since(begin) > 12*time.Second {
			t.Errorf("waiting behind it ended after %v: %v", time.Since(begin), err)
		}
		if _, err := io.Copy(io.Discard, silent); err != nil {
			t.Error(err)
		}
		if d := time.Since(begin); d < 10*time.Second || d > 12*time.Second {
			t.Errorf("dropped after %v", d)
		}
		if s.inv.state() == nil {
			if _, err := s.join(laptop, s.inv.Code()); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		}
		if len(s.admitted) != 1 || s.wrongCodes() != 0 {
			t.Errorf("admitted %v after %d wrong codes", s.admitted, s.wrongCodes())
		}
	})
}

// TestGuessesAreSlow: after a wrong code the next attempt waits.
func TestGuessesAreSlow(t *testing.T) {
	host, laptop := identity(t), identity(t)
	synctest.Test(t, func(t *testing.T) {
		s := listenOn(t, host, newPipes(), usualLimits(), nil)
		begin := time.Now()
		for range Tries - 1 {
			if _, err := s.join(laptop, "00000000"); !errors.Is(err, ErrWrongCode) {
				t.Fatal(err)
			}
		}
		if _, err := s.join(laptop, s.inv.Code()); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(begin); d < 2*time.Second {
			t.Errorf("two wrong guesses and the right one within %v", d)
		}
	})
}

// TestNoReceipt: who vanishes after having been admitted is reported with what was done.
func TestNoReceipt(t *testing.T) {
	host := identity(t)
	synctest.Test(t, func(t *testing.T) {
		s := listenOn(t, host, newPipes(), usualLimits(), nil)
		c := s.stranger()
		j := &joiner{target: Target{kind: byCode, proof: []byte(s.inv.Code())}}
		if err := j.prove(c); err != nil {
			t.Fatal(err)
		}
		if _, err := readMessage(c, kindOffer, 2, maxBody); err != nil {
			t.Fatal(err)
		}
		if err := writeMessage(c, kindRequest, request{label: "gone"}.encode(ForHost)); err != nil {
			t.Fatal(err)
		}
		if _, err := readMessage(c, kindGrant, 1, maxBody); err != nil {
			t.Fatal(err)
		}
		if end := s.outcome(); !errors.Is(end.err, ErrNoReceipt) || end.result == nil || end.result.Peer.Label != "gone" {
			t.Errorf("%+v", end)
		}
		if len(s.admitted) != 1 {
			t.Errorf("admitted %v", s.admitted)
		}
	})
}

// TestAdmittingTakesLong: the five minutes may end, and the caller's patience too, while the other side is being admitted.
func TestAdmittingTakesLong(t *testing.T) {
	admin, laptop := identity(t), identity(t)
	side := &DeviceSide{Vault: keys.VaultID{1}, Role: keys.RoleReader, Admit: func(context.Context, keys.DeviceEntry) (DeviceGrant, error) {
		time.Sleep(30 * time.Second) // for a lock
		return DeviceGrant{}, nil
	}}
	synctest.Test(t, func(t *testing.T) {
		s := listenOn(t, admin, newPipes(), usualLimits(), side)
		time.Sleep(Lifetime - time.Second)
		if _, err := s.join(laptop, s.inv.Code()); err != nil {
			t.Error(err)
		}
		if end := s.outcome(); end.err != nil || end.result == nil {
			t.Errorf("%+v", end)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := listenOn(t, admin, newPipes(), usualLimits(), side)
		go func() {
			time.Sleep(10 * time.Second)
			s.cancel()
		}()
		if _, err := s.join(laptop, s.inv.Code()); err == nil {
			t.Error("the joiner believes that all is well")
		}
		if end := s.outcome(); !errors.Is(end.err, ErrNoReceipt) || end.result == nil {
			t.Errorf("what was done is not reported: %+v", end)
		}
	})
}
