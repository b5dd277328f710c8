package supervisor

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// silentGrace is how long a drain waits for the first byte of connections that
// have never sent one. net/http alone would wait five seconds. A request that
// is on its way arrives well within it; connections that were opened ahead of
// need, as browsers and load balancers do, stay silent for ever.
const silentGrace = 500 * time.Millisecond

// silentConns are the connections of an HTTP server that have sent nothing yet.
// It is safe for concurrent use.
type silentConns struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// track is a server's ConnState hook.
func (s *silentConns) track(conn net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state != http.StateNew {
		delete(s.conns, conn)
		return
	}
	if s.conns == nil {
		s.conns = make(map[net.Conn]struct{})
	}
	s.conns[conn] = struct{}{}
}

// cut closes all of them.
func (s *silentConns) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		_ = conn.Close()
	}
}
