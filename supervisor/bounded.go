package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/bounds"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
)

const (
	// refusalsAtOnce is how many connections are told at one time why they are
	// refused; further ones are closed without a word.
	refusalsAtOnce = 16
	// refusalPatience is how long one may take to hear it.
	refusalPatience = time.Second
	// refusalRead is how much of a request is read from it meanwhile.
	refusalRead = 64 << 10
)

// boundedListener bounds the connections of an HTTP listener. Those beyond the
// bound are answered 503, without being served; over TLS they are closed.
type boundedListener struct {
	net.Listener
	bounds    *bounds.Bounds
	refusals  atomic.Int64
	answering guard.Group
	plain     bool // not TLS
	panicked  guard.Report
	open      context.Context // ends with the listener
	end       context.CancelFunc
}

func newBoundedListener(l net.Listener, b *bounds.Bounds, plain bool, panicked guard.Report) *boundedListener {
	open, end := context.WithCancel(context.Background())
	return &boundedListener{Listener: l, bounds: b, plain: plain, panicked: panicked, open: open, end: end}
}

// Accept returns the next connection within the bound.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.bounds.AwaitConnection(bounds.HTTP)
		refusal, ok := l.bounds.Connection(bounds.HTTP)
		if ok {
			return &boundedConn{Conn: conn, bounds: l.bounds}, nil
		}
		if l.refusals.Add(1) > refusalsAtOnce || !l.plain { // a handshake costs too much
			l.refusals.Add(-1)
			_ = conn.Close()
			continue
		}
		l.answering.Go("http listener", l.panicked, func() {
			defer l.refusals.Add(-1)
			defer context.AfterFunc(l.open, func() {
				guard.Do("http listener", l.panicked, func() { _ = conn.Close() })
			})()
			refuseConn(conn, refusal)
		})
	}
}

// Close stops accepting, and ends the connections that are being refused.
func (l *boundedListener) Close() error {
	err := l.Listener.Close()
	l.end()
	l.answering.Wait()
	return err
}

// refuseConn answers whatever is asked on a connection with a refusal, and closes
// it. It waits for something to be asked, for many clients take no answer before
// that, and reads what comes afterwards, for a connection that is closed with
// something unread is reset, and its answer lost.
func refuseConn(conn net.Conn, refusal *sim.Error) {
	defer func() { _ = conn.Close() }() // everything was said
	if conn.SetDeadline(time.Now().Add(refusalPatience)) != nil {
		return
	}
	var first [512]byte
	if _, err := conn.Read(first[:]); err != nil {
		return // nothing is asked
	}
	p := problem.Of(refusal)
	p.Status = http.StatusServiceUnavailable // the caller may send no more than others
	content := append(p.Append(nil), '\n')
	_, err := fmt.Fprintf(conn, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: %s\r\nCache-Control: no-store\r\n"+
		"Retry-After: %d\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", problem.MediaType, p.RetryAfter, len(content), content)
	if half, ok := conn.(interface{ CloseWrite() error }); ok && err == nil {
		err = half.CloseWrite()
	}
	if err == nil {
		_, _ = io.CopyN(io.Discard, conn, refusalRead) // until the peer closes, or for as long as it may take
	}
}

// boundedConn makes room for another when it is closed.
type boundedConn struct {
	net.Conn
	bounds *bounds.Bounds
	closed atomic.Bool
}

// Close closes the connection.
func (c *boundedConn) Close() error {
	err := c.Conn.Close()
	if !c.closed.Swap(true) {
		c.bounds.ConnectionDone(bounds.HTTP)
	}
	return err
}

// CloseWrite closes one direction, as the HTTP server does before it closes a
// connection on which something is still unread.
func (c *boundedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
