package grpcapi

import (
	"net"
	"sync"
	"sync/atomic"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/bounds"
)

// listener bounds the connections of a listener and keeps hold of them.
//
// grpc-go waits with any stop, graceful or not, for connections that have been
// accepted but have not begun to speak HTTP/2, as those of port probes. So that
// such a connection cannot hold up a drain, closing the listener closes all
// connections on which nothing was received.
type listener struct {
	net.Listener
	bounds *bounds.Bounds
	// contained calls what grpc-go calls on goroutines of its own.
	contained func(func() error) error
	moved     atomic.Int64 // bytes, both ways
	// first is a connection that was accepted before it could be served.
	first chan net.Conn

	mu     sync.Mutex
	open   map[*connection]struct{}
	closed bool
}

func newListener(l net.Listener, b *bounds.Bounds) *listener {
	return &listener{Listener: l, bounds: b, contained: func(fn func() error) error { return fn() },
		open: make(map[*connection]struct{}), first: make(chan net.Conn, 1)}
}

// Accept returns the next connection within the limit; those beyond it are
// closed at once.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.first:
		return conn, nil
	default:
	}
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.bounds.AwaitConnection(bounds.GRPC)
		c := &connection{Conn: conn, owner: l}
		if l.admit(c) {
			return c, nil
		}
		_ = conn.Close() // refused: there is nobody to tell
	}
}

func (l *listener) admit(c *connection) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	if _, ok := l.bounds.Connection(bounds.GRPC); !ok {
		return false
	}
	l.open[c] = struct{}{}
	return true
}

// Close stops accepting and closes the connections that never spoke.
func (l *listener) Close() error {
	err := l.Listener.Close()
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.sever(func(c *connection) bool { return !c.spoke.Load() })
	return err
}

// abort closes every connection.
func (l *listener) abort() { l.sever(func(*connection) bool { return true }) }

func (l *listener) sever(which func(*connection) bool) {
	l.mu.Lock()
	var conns []*connection
	for c := range l.open {
		if which(c) {
			conns = append(conns, c)
		}
	}
	l.mu.Unlock()
	for _, c := range conns {
		_ = c.Close() // whatever it was doing, it ends
	}
}

// connection knows whether its peer has said anything yet.
type connection struct {
	net.Conn
	owner *listener
	spoke atomic.Bool
}

// Read reads from the peer.
func (c *connection) Read(p []byte) (int, error) {
	var n int
	err := c.owner.contained(func() (err error) {
		n, err = c.Conn.Read(p)
		return err
	})
	if n > 0 {
		c.owner.moved.Add(int64(n))
		if !c.spoke.Load() {
			c.spoke.Store(true)
		}
	}
	return n, err
}

// Write writes to the peer.
func (c *connection) Write(p []byte) (n int, err error) {
	err = c.owner.contained(func() error {
		n, err = c.Conn.Write(p)
		return err
	})
	c.owner.moved.Add(int64(n))
	return n, err
}

// Close closes the connection and makes room for another.
func (c *connection) Close() error {
	c.owner.mu.Lock()
	if _, open := c.owner.open[c]; open {
		delete(c.owner.open, c)
		c.owner.bounds.ConnectionDone(bounds.GRPC)
	}
	c.owner.mu.Unlock()
	return c.owner.contained(c.Conn.Close)
}
