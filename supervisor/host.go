package supervisor

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/fair"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/redis"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// startsAtOnce is how many instances on one store start at the same time:
// enough to hide the waiting for a database, few enough not to fight over the
// processors.
const startsAtOnce = 16

// standbyPause is how often an instance tries to stand by while it cannot find
// out who owns it.
const standbyPause = 2 * time.Second

// host is what all instances of the process share. It is safe for concurrent
// use and holds no lock while it waits.
type host struct {
	abort    context.Context // ends when everything is to be cut off
	storages *storages
	redis    *redis.Servers
	embedded *redis.Server
	metrics  *obs.Registry
	tracing  *obs.Tracing // nil where nothing is traced
	// processors is where heavy work takes turns.
	processors *fair.Processors
	// projections is where instances bring into their tables what is durable, one
	// after the other where many have something.
	projections *fair.Processors
	logger      *slog.Logger
	events      *events
	pulse       pulse
	starts      sync.Map // of chan struct{}, by store
	service     config.Service
	redisCfg    config.Redis
	clock       func(Spec) sim.Clock
	version     string
	// certificates are those of the instances' ports; nil where there are none.
	certificates atomic.Pointer[tls.Config]

	// assembled lets tests come between the parts of a group; nil for none.
	assembled func(*group)

	// sync adopts what other supervisors have decided meanwhile.
	sync func(ctx context.Context) error
}

// loadTLS reads the files for TLS of the instances' ports, for new connections.
// With an error the old ones stay in use.
func (h *host) loadTLS(files config.PortsTLS) error {
	loaded, err := files.Load()
	if err == nil && loaded != nil { // else instances that drain still need the old ones
		h.certificates.Store(loaded)
	}
	return err
}

// tlsOf returns how an instance speaks TLS; nil for clear text.
func (h *host) tlsOf(spec Spec) *tls.Config {
	if spec.TLS.Cert == "" {
		return nil
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return h.certificates.Load(), nil },
	}
}

// turns returns what a start holds while it is under way. Each store has its
// own, so that starts which wait for a database that is away are in the way of
// nobody else.
func (h *host) turns(spec Spec) chan struct{} {
	turns, _ := h.starts.LoadOrStore(spec.Storage, make(chan struct{}, startsAtOnce))
	return turns.(chan struct{})
}

// redisOf returns the Redis server of an instance, nil where it uses none, and
// what gives it back.
func (h *host) redisOf(ctx context.Context, spec Spec) (*redis.Server, func(), error) {
	switch spec.Redis.Driver {
	case config.RedisOff:
		return nil, func() {}, nil
	case config.RedisEmbedded:
		return h.embedded, func() {}, nil
	default:
		server, release, err := h.redis.Open(ctx, spec.Redis.URL.Reveal())
		if err != nil {
			return nil, nil, fmt.Errorf("redis.url: %w", err)
		}
		return server, release, nil
	}
}

// wallClock is the instance clock in real mode.
type wallClock struct{}

// Now returns the present time.
func (wallClock) Now() time.Time { return time.Now() }

var _ sim.Clock = wallClock{}
