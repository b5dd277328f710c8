package redis

import (
	"context"
	"sync"
)

// Servers hands out one [Server] per URL, so that any number of instances on
// the same Redis share its connections and its probe. It is safe for
// concurrent use.
type Servers struct {
	opts Options // URL aside

	mu     sync.Mutex
	closed bool
	byURL  map[string]*sharedServer
}

type sharedServer struct {
	server *Server
	users  int
}

// NewServers returns an empty set whose servers are opened with opts, which
// names no URL.
func NewServers(opts Options) *Servers {
	return &Servers{opts: opts, byURL: make(map[string]*sharedServer)}
}

// Open returns the Server for url, opening it for the first to ask as [Open]
// does. The caller calls release when it needs the server no longer; the last
// release closes it. release may be called more than once.
func (ss *Servers) Open(ctx context.Context, url string) (server *Server, release func(), err error) {
	shared, err := ss.acquire(url)
	if err != nil {
		return nil, nil, err
	}
	// Not under the lock: one server that is slow to answer holds up nobody
	// who wants another.
	shared.server.awaitFirstProbe(ctx)
	return shared.server, sync.OnceFunc(func() { ss.release(url, shared) }), nil
}

func (ss *Servers) acquire(url string) (*sharedServer, error) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.closed {
		return nil, ErrClosed
	}
	shared := ss.byURL[url]
	if shared == nil {
		opts := ss.opts
		opts.URL = url
		server, err := newServer(opts)
		if err != nil {
			return nil, err
		}
		shared = &sharedServer{server: server}
		ss.byURL[url] = shared
	}
	shared.users++
	return shared, nil
}

func (ss *Servers) release(url string, shared *sharedServer) {
	ss.mu.Lock()
	shared.users--
	last := shared.users == 0 && ss.byURL[url] == shared
	if last {
		delete(ss.byURL, url)
	}
	ss.mu.Unlock()
	if last {
		_ = shared.server.Close() // nothing is written at close that could be lost
	}
}

// Close closes every server, whoever still uses it. Later calls of Open fail
// with [ErrClosed].
func (ss *Servers) Close() {
	ss.mu.Lock()
	ss.closed = true
	open := ss.byURL
	ss.byURL = make(map[string]*sharedServer)
	ss.mu.Unlock()
	for _, shared := range open {
		_ = shared.server.Close() // as above
	}
}
