package proxy

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// dialTimeout bounds a connection to the target.
const dialTimeout = 10 * time.Second

// Proxy forwards the connections that it accepts to its target. Its methods are
// safe for concurrent use.
type Proxy struct {
	listener net.Listener
	running  sync.WaitGroup
	closed   chan struct{}

	mu      sync.Mutex
	target  string
	delay   time.Duration
	refuse  bool
	stalled chan struct{} // closed when bytes flow again; nil while they do
	conns   map[net.Conn]struct{}
}

// Start listens on a free port of the loopback and forwards to target, a
// host:port.
func Start(target string) (*Proxy, error) {
	var config net.ListenConfig
	l, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: l, target: target, closed: make(chan struct{}), conns: make(map[net.Conn]struct{})}
	p.running.Go(p.accept)
	return p, nil
}

// Addr returns where the proxy listens.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// SetTarget leads new connections to another server. Those that are open stay.
func (p *Proxy) SetTarget(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// Delay holds back whatever is read, in both directions, for a while.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Refuse closes new connections at once and cuts those that are open.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	p.refuse = true
	p.mu.Unlock()
	p.Cut()
}

// Stall swallows what is sent: connections are accepted and stay open, and
// nothing ever comes through them, not even their end.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stalled == nil {
		p.stalled = make(chan struct{})
	}
}

// Resume makes the proxy forward again, without delay. Connections that have
// lost something are cut, as their peers could not go on.
func (p *Proxy) Resume() {
	p.mu.Lock()
	stalled := p.stalled
	p.delay, p.refuse, p.stalled = 0, false, nil
	p.mu.Unlock()
	if stalled != nil {
		p.Cut()
		close(stalled)
	}
}

// Cut ends all connections that are open, without a goodbye.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
}

// Close ends the proxy and all connections.
func (p *Proxy) Close() error {
	close(p.closed)
	err := p.listener.Close()
	p.Cut()
	p.running.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			p.running.Go(func() { p.serve(client) })
		}
	}
}

// serve forwards one connection in both directions until one of them ends.
func (p *Proxy) serve(client net.Conn) {
	if !p.track(client) {
		return
	}
	defer p.untrack(client)
	if !p.flow() {
		return // the server never hears of a connection that was silent from the start
	}
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	dialer := net.Dialer{Timeout: dialTimeout}
	server, err := dialer.DialContext(context.Background(), "tcp", target)
	if err != nil || !p.track(server) {
		return
	}
	defer p.untrack(server)
	var both sync.WaitGroup
	both.Go(func() { p.pump(server, client) })
	both.Go(func() { p.pump(client, server) })
	both.Wait()
}

// track takes a connection in, or closes it where there are to be none.
func (p *Proxy) track(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.closed:
		_ = c.Close()
		return false
	default:
	}
	if p.refuse {
		_ = c.Close()
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *Proxy) untrack(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// pump forwards one direction. The end of a stalled connection is not forwarded
// either.
func (p *Proxy) pump(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if !p.flow() {
			return
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				_ = from.Close()
				return
			}
		}
		if err != nil {
			_ = to.Close()
			return
		}
	}
}

// flow waits while nothing may come through, and reports whether anything may
// at all: what was swallowed is lost.
func (p *Proxy) flow() bool {
	p.mu.Lock()
	stalled, delay := p.stalled, p.delay
	p.mu.Unlock()
	if stalled != nil {
		select {
		case <-stalled:
		case <-p.closed:
		}
		return false
	}
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-p.closed:
		}
	}
	return true
}
