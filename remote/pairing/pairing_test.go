package pairing

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"slices"
	"strings"
	"testing"

	"evault/keys"
	"evault/remote"
)

func TestPairWithAHost(t *testing.T) {
	host, laptop := identity(t), identity(t)
	for name, l := range map[string]net.Listener{"tcp": tcp(t), "socket": socket(t)} {
		s := listenOn(t, host, l, usualLimits(), nil)
		r, err := s.join(laptop, s.inv.Code())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r.Purpose != ForHost || r.Peer.Label != "the host" || r.Peer.Device != host.DeviceID() {
			t.Errorf("%s: the joiner has %+v", name, r)
		}
		want := HostGrant{Permissions: remote.Read | remote.Append, Quota: 50 << 30, Port: 4722, Addresses: []string{"host.example:4722"}}
		if g := *r.Host; g.Permissions != want.Permissions || g.Quota != want.Quota || !slices.Equal(g.Addresses, want.Addresses) {
			t.Errorf("%s: granted %+v", name, g)
		}
		end := s.outcome()
		if end.err != nil || end.result.Peer.Label != "the laptop" || end.result.Peer.Device != laptop.DeviceID() {
			t.Errorf("%s: the listener has %+v, %v", name, end.result, end.err)
		}
		if len(s.admitted) != 1 || s.admitted[0].Device != laptop.DeviceID() || s.wrongCodes() != 0 {
			t.Errorf("%s: admitted %v", name, s.admitted)
		}
		if _, err := s.join(laptop, s.inv.Code()); !errors.Is(err, remote.ErrUnreachable) {
			t.Errorf("%s: the listener is still there: %v", name, err)
		}
	}
}

func TestPairADevice(t *testing.T) {
	admin, laptop := identity(t), identity(t)
	vault := keys.VaultID{1, 2, 3}
	var got keys.DeviceEntry
	side := &DeviceSide{Vault: vault, Role: keys.RoleWriter, Admit: func(_ context.Context, e keys.DeviceEntry) (DeviceGrant, error) {
		got = e
		return DeviceGrant{Roster: [32]byte{9}, URLs: slices.Repeat([]string{"ssh://nas/~/v"}, MaxURLs+3)}, nil
	}}
	s := listenOn(t, admin, tcp(t), fast(), side)
	r, err := s.join(laptop, s.inv.Code())
	if err != nil {
		t.Fatal(err)
	}
	if d := r.Device; d == nil || d.Vault != vault || d.Role != keys.RoleWriter || d.Roster != [32]byte{9} || len(d.URLs) != MaxURLs || d.URLs[0] != "ssh://nas/~/v" {
		t.Errorf("the joiner has %+v", r.Device)
	}
	key, err := laptop.SigningKey(vault)
	if err != nil {
		t.Fatal(err)
	}
	want := keys.DeviceEntry{Key: key, Device: laptop.DeviceID(), Role: keys.RoleWriter, Label: "the laptop", Recipient: laptop.Recipient()}
	if got != want {
		t.Errorf("to be admitted: %+v", got)
	}
	if end := s.outcome(); end.err != nil || end.result.Device.Vault != vault {
		t.Errorf("the listener has %+v, %v", end.result, end.err)
	}
}

func TestPairByQRCode(t *testing.T) {
	host, laptop := identity(t), identity(t)
	s := listenOn(t, host, tcp(t), fast(), nil)
	uri, err := s.inv.URI([]string{"10.0.0.1:4723", "[fd00::1]:4723"}, laptop.DeviceID())
	if err != nil {
		t.Fatal(err)
	}
	target, err := ParseTarget(uri)
	if err != nil {
		t.Fatal(err)
	}
	var wrong *remote.WrongPeerError
	_, err = s.joinTarget(identity(t), target)
	if !errors.As(err, &wrong) || wrong.Found != host.DeviceID() || wrong.Expected != laptop.DeviceID() {
		t.Errorf("another device than the code says: %v", err)
	}
	if uri, err = s.inv.URI([]string{"10.0.0.1:4723"}, host.DeviceID()); err != nil {
		t.Fatal(err)
	}
	if target, err = ParseTarget(uri); err != nil {
		t.Fatal(err)
	}
	other := target
	other.proof = make([]byte, secretSize)
	if _, err := s.joinTarget(laptop, other); !errors.Is(err, ErrWrongCode) {
		t.Errorf("another secret: %v", err)
	}
	r, err := s.joinTarget(laptop, target)
	if err != nil || r.Host.Addresses[0] != "10.0.0.1:4722" {
		t.Fatalf("%+v, %v", r, err)
	}
	if s.wrongCodes() != 1 {
		t.Errorf("%d tries were counted", s.wrongCodes())
	}
}

// TestManyAddresses: of those that a code names, some do not answer, and some lead to somebody else. None of that costs a
// try, and the right one is found at once.
func TestManyAddresses(t *testing.T) {
	host, other, laptop := identity(t), identity(t), identity(t)
	s, wrong := listenOn(t, host, tcp(t), fast(), nil), listenOn(t, other, tcp(t), fast(), nil)
	uri, err := s.inv.URI([]string{"10.0.0.1:4723", "10.0.0.2:4723", "10.0.0.3:4723", "10.0.0.4:4723", "10.0.0.5:4723"}, host.DeviceID())
	if err != nil {
		t.Fatal(err)
	}
	target, err := ParseTarget(uri)
	if err != nil {
		t.Fatal(err)
	}
	dial := s.dial
	s.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		switch address {
		case "10.0.0.1:4723":
			return nil, errors.New("no route to host")
		case "10.0.0.2:4723":
			<-ctx.Done() // nobody says anything
			return nil, ctx.Err()
		case "10.0.0.3:4723":
			return wrong.dial(ctx, network, address)
		}
		return dial(ctx, network, address)
	}
	r, err := s.joinTarget(laptop, target)
	if err != nil || r.Host.Addresses[0] != "10.0.0.4:4722" && r.Host.Addresses[0] != "10.0.0.5:4722" {
		t.Fatalf("%+v, %v", r, err)
	}
	if s.wrongCodes()+wrong.wrongCodes() != 0 || len(wrong.admitted) > 0 {
		t.Error("that cost a try")
	}
}

func TestDeclined(t *testing.T) {
	side := &DeviceSide{Vault: keys.VaultID{1}, Role: keys.RoleWriter, Admit: func(context.Context, keys.DeviceEntry) (DeviceGrant, error) {
		return DeviceGrant{}, fs.ErrPermission
	}}
	s := listenOn(t, identity(t), tcp(t), fast(), side)
	if _, err := s.join(identity(t), s.inv.Code()); !errors.Is(err, ErrDeclined) {
		t.Errorf("the joiner hears %v", err)
	}
	if end := s.outcome(); !errors.Is(end.err, fs.ErrPermission) || end.result != nil {
		t.Errorf("the listener gives %+v", end)
	}
}

func TestLabelsAreChecked(t *testing.T) {
	id := identity(t)
	target, err := NewTarget("host", "7KQ49XWM")
	if err != nil {
		t.Fatal(err)
	}
	for _, label := range []string{"a\nb", "\x1b[2J", "\xff", strings.Repeat("x", 256)} {
		if _, err := Join(context.Background(), target, JoinOptions{Identity: id, Label: label}); err == nil || errors.Is(err, remote.ErrUnreachable) {
			t.Errorf("label %q: %v", label, err)
		}
		inv, err := NewInvitation(Digits)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Serve(context.Background(), tcp(t), inv, ServeOptions{Identity: id, Label: label, Host: &HostSide{}}); err == nil {
			t.Errorf("label %q listens", label)
		}
	}
}

func TestCancel(t *testing.T) {
	s := listenOn(t, identity(t), tcp(t), fast(), nil)
	s.cancel()
	if end := s.outcome(); !errors.Is(end.err, context.Canceled) {
		t.Errorf("%+v", end)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	target, _ := NewTarget("host", "7KQ49XWM")
	if _, err := Join(ctx, target, JoinOptions{Identity: identity(t)}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestNotWithOneself(t *testing.T) {
	id := identity(t)
	s := listenOn(t, id, tcp(t), fast(), nil)
	if _, err := s.join(id, s.inv.Code()); err == nil {
		t.Error("a device pairs with itself")
	}
	if s.wrongCodes() != 0 || s.inv.state() != nil {
		t.Error("that spent the code")
	}
}
