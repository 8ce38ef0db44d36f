package host

import (
	"net"
	"net/netip"
	"sync"

	"evault/keys"
)

// connections knows every open connection, so that there are not too many from one place and those of a revoked peer can
// be ended. It is safe for concurrent use.
type connections struct {
	mu   sync.Mutex
	open map[*conn]struct{}
}

func newConnections() *connections { return &connections{open: map[*conn]struct{}{}} }

// conn is one connection, below TLS.
type conn struct {
	net.Conn
	from netip.Prefix
	list *connections

	device keys.DeviceID // under list.mu; zero until the handshake is done
	used   bool          // under list.mu; whether a request has come
}

// add takes in a connection, unless there are too many from its address (below or at per) or in all (at most all).
func (l *connections) add(c net.Conn, per, all int) (*conn, bool) {
	from := sourceOf(c.RemoteAddr())
	l.mu.Lock()
	defer l.mu.Unlock()
	same := 0
	for other := range l.open {
		if other.from == from {
			same++
		}
	}
	if same >= per || len(l.open) >= all {
		return nil, false
	}
	added := &conn{Conn: c, from: from, list: l}
	l.open[added] = struct{}{}
	return added, true
}

// sourceOf gives the address that a connection counts for: a whole /64 of IPv6, of which everybody has one or more.
func sourceOf(a net.Addr) netip.Prefix {
	from, err := netip.ParseAddrPort(a.String())
	if err != nil { // a pipe: all count together
		return netip.Prefix{}
	}
	ip, width := from.Addr().Unmap(), 64
	if ip.Is4() {
		width = 32
	}
	prefix, err := ip.WithZone("").Prefix(width)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}

// identify notes whose connection it is, unless that device has too many.
func (c *conn) identify(id keys.DeviceID, per int) bool {
	c.list.mu.Lock()
	defer c.list.mu.Unlock()
	same := 0
	for other := range c.list.open {
		if other.device == id {
			same++
		}
	}
	if same >= per {
		return false
	}
	c.device = id
	return true
}

// use notes that a request has come.
func (c *conn) use() {
	c.list.mu.Lock()
	defer c.list.mu.Unlock()
	c.used = true
}

// Close ends the connection and forgets it.
func (c *conn) Close() error {
	c.list.mu.Lock()
	delete(c.list.open, c)
	c.list.mu.Unlock()
	return c.Conn.Close()
}

// devices lists those that have connections.
func (l *connections) devices() []keys.DeviceID {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := map[keys.DeviceID]bool{{}: true}
	var ids []keys.DeviceID
	for c := range l.open {
		if !seen[c.device] {
			seen[c.device] = true
			ids = append(ids, c.device)
		}
	}
	return ids
}

// closeDevice ends the connections of one device and says how many there were.
func (l *connections) closeDevice(id keys.DeviceID) int {
	return l.closeWhere(func(c *conn) bool { return c.device == id })
}

// closeUnused ends the connections that have carried no request yet.
func (l *connections) closeUnused() int {
	return l.closeWhere(func(c *conn) bool { return !c.used })
}

// closeWhere ends connections. Their errors are those of connections that nobody wants any more.
func (l *connections) closeWhere(which func(*conn) bool) int {
	l.mu.Lock()
	var list []*conn
	for c := range l.open {
		if which(c) {
			list = append(list, c)
		}
	}
	l.mu.Unlock()
	for _, c := range list {
		_ = c.Close()
	}
	return len(list)
}

// count says how many connections are open.
func (l *connections) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}
