package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
)

func bound(t *testing.T) *port {
	t.Helper()
	p, err := bind(t.Context(), fmt.Sprintf("127.0.0.1:%d", freePort(t)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.close() })
	return p
}

func lease(t *testing.T, p *port) net.Listener {
	t.Helper()
	l, err := p.lease()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func connect(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestPortOutlivesItsLeases(t *testing.T) {
	t.Parallel()
	p := bound(t)
	for n := range 3 {
		l := lease(t, p)
		accepted := make(chan error, 1)
		go func() {
			conn, err := l.Accept()
			if err == nil {
				err = conn.Close()
			}
			accepted <- err
			_, err = l.Accept()
			accepted <- err
		}()
		connect(t, p.address)
		if err := <-accepted; err != nil {
			t.Fatalf("lease %d: %v", n, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-accepted; !errors.Is(err, net.ErrClosed) {
			t.Fatalf("Accept of a closed lease: %v", err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("Accept after that: %v", err)
		}
	}
}

func TestClosingAnOldLeaseAgainLeavesTheNextAlone(t *testing.T) {
	t.Parallel()
	p := bound(t)
	old := lease(t, p)
	_ = old.Close()
	next := lease(t, p)
	_ = old.Close()
	connect(t, p.address)
	conn, err := next.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

func TestWhoComesBetweenTwoLeasesIsServedByTheSecond(t *testing.T) {
	t.Parallel()
	p := bound(t)
	_ = lease(t, p).Close()
	connect(t, p.address)
	conn, err := lease(t, p).Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

func TestClosedPortRefuses(t *testing.T) {
	t.Parallel()
	p := bound(t)
	l := lease(t, p)
	_ = p.close()
	_ = p.close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("closing the lease after the port: %v", err)
	}
	if !refuses(p.address) {
		t.Error("somebody listens")
	}
	if _, err := p.lease(); err == nil {
		t.Error("a closed port was leased")
	}
}

func TestBindWaitsForAPortThatBecomesFree(t *testing.T) {
	t.Parallel()
	first := bound(t)
	result := make(chan error, 1)
	go func() {
		p, err := bind(context.Background(), first.address)
		if err == nil {
			_ = p.close()
		}
		result <- err
	}()
	_ = first.close()
	if err := <-result; err != nil {
		t.Error(err)
	}
}

func TestBindNamesWhoHoldsThePort(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Log("this system does not tell who holds a port")
		return
	}
	_, err := bind(t.Context(), bound(t).address)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("by pid %d", os.Getpid())) {
		t.Errorf("got %v, want an error that names this process", err)
	}
}

func TestBindEndsWithItsContext(t *testing.T) {
	t.Parallel()
	taken := bound(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := bind(ctx, taken.address); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
