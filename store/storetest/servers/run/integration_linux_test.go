//go:build integration

package main

import (
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

func TestServersDieWithAKilledStarter(t *testing.T) {
	t.Parallel()
	s := startSession(t)
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.stdin.Close() // ends the command, which nobody else does now
	_ = s.cmd.Wait()
	for _, name := range []string{servers.EnvPostgresURL, servers.EnvRedisURL} {
		parsed, err := url.Parse(s.env[name])
		if err != nil {
			t.Fatal(err)
		}
		awaitNoListener(t, parsed.Host)
	}
}

// awaitNoListener waits for a server that is ending to let go of its port.
func awaitNoListener(t *testing.T, addr string) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(10 * time.Second)
	for {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		_ = conn.Close()
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("%s is still served", addr)
		}
	}
}
