package proxy

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// patience bounds every wait.
const patience = time.Minute

// echo starts a server that answers each line with its name and the line.
func echo(t *testing.T, name string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				lines := bufio.NewScanner(c)
				for lines.Scan() {
					if _, err := io.WriteString(c, name+" "+lines.Text()+"\n"); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

func start(t *testing.T, target string) *Proxy {
	t.Helper()
	p, err := Start(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func dial(t *testing.T, p *Proxy) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// ask sends a line and returns the answer to it.
func ask(c net.Conn, line string, wait time.Duration) (string, error) {
	if err := c.SetDeadline(time.Now().Add(wait)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return "", err
	}
	return bufio.NewReader(c).ReadString('\n')
}

func TestConnectionsAreForwardedToTheTarget(t *testing.T) {
	t.Parallel()
	p := start(t, echo(t, "one"))
	first := dial(t, p)
	if got, err := ask(first, "a", patience); got != "one a\n" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	p.SetTarget(echo(t, "two"))
	if got, err := ask(dial(t, p), "b", patience); got != "two b\n" || err != nil {
		t.Errorf("a new connection: %q, %v", got, err)
	}
	if got, err := ask(first, "c", patience); got != "one c\n" || err != nil {
		t.Errorf("an open connection: %q, %v", got, err)
	}
}

func TestStalledConnectionsStayOpenAndSilent(t *testing.T) {
	t.Parallel()
	p := start(t, echo(t, "one"))
	before := dial(t, p)
	if got, err := ask(before, "a", patience); got != "one a\n" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	p.Stall()
	for name, c := range map[string]net.Conn{"open": before, "new": dial(t, p)} {
		if got, err := ask(c, "b", 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	p.Resume()
	if got, err := ask(before, "c", patience); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a connection that lost something goes on: %q, %v", got, err)
	}
	if got, err := ask(dial(t, p), "d", patience); got != "one d\n" || err != nil {
		t.Errorf("after: %q, %v", got, err)
	}
}

func TestRefusedAndCutConnectionsEnd(t *testing.T) {
	t.Parallel()
	p := start(t, echo(t, "one"))
	open := dial(t, p)
	if got, err := ask(open, "a", patience); got != "one a\n" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	p.Refuse()
	for name, c := range map[string]net.Conn{"open": open, "new": dial(t, p)} {
		if got, err := ask(c, "b", patience); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	p.Resume()
	if got, err := ask(dial(t, p), "c", patience); got != "one c\n" || err != nil {
		t.Errorf("after: %q, %v", got, err)
	}
}

func TestDelayedConnectionsAreSlow(t *testing.T) {
	t.Parallel()
	p := start(t, echo(t, "one"))
	c := dial(t, p)
	const delay = 30 * time.Millisecond
	p.Delay(delay)
	begin := time.Now()
	if got, err := ask(c, "a", patience); got != "one a\n" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	if took := time.Since(begin); took < 2*delay { // there and back
		t.Errorf("it took %s", took)
	}
}
