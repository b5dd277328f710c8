package redis

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// embeddedTick is how often the embedded server's keys grow older: its expiry
// is exact to this.
const embeddedTick = time.Second

// embedded is a Redis inside the process. It listens on no port.
type embedded struct {
	mu     sync.Mutex
	mini   *miniredis.Miniredis
	closed bool

	quit chan struct{}
	done chan struct{}
}

// OpenEmbedded starts a Redis inside the process and returns a Server that
// talks to it through memory. Its data lives as long as the Server, and keys
// expire with a precision of a second. logger may be nil.
func OpenEmbedded(logger *slog.Logger) (*Server, error) {
	e := &embedded{
		mini: miniredis.NewMiniRedis(),
		quit: make(chan struct{}),
		done: make(chan struct{}),
	}
	s, err := newServer(Options{
		URL:      "redis://embedded",
		Logger:   logger,
		name:     "embedded",
		embedded: true,
		dialer:   func(context.Context) (net.Conn, error) { return e.dial() },
		onClose:  e.stop,
	})
	if err != nil {
		return nil, err
	}
	guard.Go(part, s.report, e.age)
	s.awaitFirstProbe(context.Background())
	return s, nil
}

// inProcess reports whether the server is one of [OpenEmbedded].
func (s *Server) inProcess() bool { return s.opts.embedded }

// dial connects to the server. A server that was stopped must not be dialled:
// the library would start it anew.
func (e *embedded) dial() (net.Conn, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, net.ErrClosed
	}
	conn, err := e.mini.Dial()
	if err != nil {
		return nil, err
	}
	return newQueuedConn(conn), nil
}

// age moves the server's clock, which stands still by itself.
func (e *embedded) age() {
	defer close(e.done)
	ticker := time.NewTicker(embeddedTick)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-e.quit:
			return
		case <-ticker.C:
			now := time.Now()
			e.mini.FastForward(now.Sub(last))
			last = now
		}
	}
}

func (e *embedded) stop() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	close(e.quit)
	<-e.done
	e.mini.Close()
}

// queuedConn is a client's end of a net.Pipe whose writes never block. A bare
// pipe has no buffer, so a client that writes a long pipeline before it reads
// and a server that answers as it reads would wait for each other for ever.
// The queue is as large as what one caller sends before it reads, which the
// callers bound.
type queuedConn struct {
	net.Conn
	mu     sync.Mutex
	queue  bytes.Buffer
	ready  chan struct{} // holds one token while queue is not empty
	closed chan struct{}
	once   sync.Once
}

func newQueuedConn(conn net.Conn) *queuedConn {
	c := &queuedConn{Conn: conn, ready: make(chan struct{}, 1), closed: make(chan struct{})}
	guard.Go(part, nil, func() {
		defer func() { _ = c.Close() }() // also after a panic: nothing would move any more
		c.pump()
	})
	return c
}

// Write queues p and returns.
func (c *queuedConn) Write(p []byte) (int, error) {
	select {
	case <-c.closed:
		return 0, net.ErrClosed
	default:
	}
	c.mu.Lock()
	c.queue.Write(p)
	c.mu.Unlock()
	select {
	case c.ready <- struct{}{}:
	default:
	}
	return len(p), nil
}

// pump moves what is queued into the pipe until the connection is closed.
func (c *queuedConn) pump() {
	var spare bytes.Buffer
	for {
		select {
		case <-c.ready:
		case <-c.closed:
			return
		}
		c.mu.Lock()
		c.queue, spare = spare, c.queue
		c.mu.Unlock()
		if _, err := c.Conn.Write(spare.Bytes()); err != nil {
			_ = c.Close()
			return
		}
		if spare.Reset(); spare.Cap() > 1<<20 {
			spare = bytes.Buffer{}
		}
	}
}

// Close closes the connection and ends the pump.
func (c *queuedConn) Close() error {
	var err error
	c.once.Do(func() {
		close(c.closed)
		err = c.Conn.Close()
	})
	return err
}

// SetDeadline bounds reads alone: writes don't block.
func (c *queuedConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetWriteDeadline does nothing: writes don't block.
func (c *queuedConn) SetWriteDeadline(time.Time) error { return nil }
