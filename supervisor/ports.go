package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// bindPatience is how long a bind is retried before the port counts as taken:
// a port above 32768 can be held by an outgoing connection for a moment.
const bindPatience = 5 * time.Second

// port keeps a TCP listener over the restarts of an instance, so that nobody
// else can take its address in between. It hands out one lease at a time.
type port struct {
	address  string // as asked for
	listener *net.TCPListener
	closed   atomic.Bool
}

// bind opens a port, retrying for a while if the address is in use.
func bind(ctx context.Context, address string) (*port, error) {
	deadline := time.Now().Add(bindPatience)
	var config net.ListenConfig
	for {
		l, err := config.Listen(ctx, "tcp", address)
		if err == nil {
			return &port{address: address, listener: l.(*net.TCPListener)}, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(deadline) {
			if errors.Is(err, syscall.EADDRINUSE) {
				return nil, fmt.Errorf("address %s is taken%s; free it or choose another port", address, holder(address))
			}
			return nil, fmt.Errorf("listening on %s: %w", address, err)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// lease returns a listener for one group. Closing it stops its Accept and
// leaves the port open.
func (p *port) lease() (net.Listener, error) {
	if p == nil {
		return nil, net.ErrClosed
	}
	if err := p.listener.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	return &leased{port: p}, nil
}

func (p *port) close() error {
	if p == nil || p.closed.Swap(true) {
		return nil
	}
	return p.listener.Close()
}

type leased struct {
	*port
	mu    sync.Mutex
	ended bool
}

func (l *leased) Accept() (net.Conn, error) {
	conn, err := l.listener.AcceptTCP()
	l.mu.Lock()
	ended := l.ended || l.closed.Load()
	l.mu.Unlock()
	switch {
	case err == nil && ended:
		_ = conn.Close() // nobody will serve it
		return nil, net.ErrClosed
	case ended:
		return nil, net.ErrClosed
	case err != nil:
		return nil, err
	}
	return conn, nil
}

func (l *leased) Addr() net.Addr { return l.listener.Addr() }

// Close makes Accept return, now and later.
func (l *leased) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return nil
	}
	l.ended = true
	if l.closed.Load() {
		return nil
	}
	return l.listener.SetDeadline(time.Unix(1, 0))
}
