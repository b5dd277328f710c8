package redis

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

const (
	defaultTimeout  = 2 * time.Second
	defaultPoolSize = 16
)

// Options say how to reach a server. Only URL is required.
type Options struct {
	// URL is redis://user:password@host:port/db, rediss:// for TLS, or
	// unix:// with a socket path. It is a secret: it appears in no error and
	// in no log line.
	URL string

	// Timeout bounds each round trip, including the wait for a connection
	// and the dialling of one. Default 2 s.
	Timeout time.Duration

	// PoolSize is the largest number of connections, shared by all instances
	// that use this server. Default 16.
	PoolSize int

	// Logger hears of the server's going and coming. Nil discards.
	Logger *slog.Logger

	// For servers that are not on a network: what to call them, how to reach
	// them, and what to do after Close.
	name     string
	embedded bool
	dialer   func(context.Context) (net.Conn, error)
	onClose  func()
}

// errBadURL says nothing of the URL's content: a password with unescaped marks
// is cut in odd places, so any part of it may be the password.
var errBadURL = errors.New("redis URL is malformed: expected redis://user:password@host:port or rediss:// for TLS, " +
	"with marks such as / ? # @ in the password percent-encoded")

// clientOptions parses o.URL into options for the client library, and sets
// what must not be left to its defaults.
func (o Options) clientOptions() (*goredis.Options, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Opaque != "" {
		return nil, errBadURL
	}
	switch u.Scheme {
	case "redis", "rediss", "unix":
	default:
		return nil, errBadURL
	}
	c, err := goredis.ParseURL(o.URL)
	if err != nil {
		return nil, errBadURL
	}
	o.tune(c)
	return c, nil
}

// tune bounds c and keeps it from sending anything that the contract's user
// may not: CLIENT SETNAME, CLIENT SETINFO and CLIENT MAINT_NOTIFICATIONS.
func (o Options) tune(c *goredis.Options) {
	timeout := o.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	pool := o.PoolSize
	if pool <= 0 {
		pool = defaultPoolSize
	}
	c.Protocol = 2 // no push messages wanted
	c.ClientName = ""
	c.DisableIdentity = true
	c.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}

	c.ContextTimeoutEnabled = true
	c.DialTimeout = timeout
	c.ReadTimeout = timeout
	c.WriteTimeout = timeout
	c.PoolTimeout = timeout
	c.DialerRetries = 1
	// One retry covers a pooled connection that the server had closed. It is
	// safe: every write of this package may be repeated.
	c.MaxRetries = 1
	c.MinRetryBackoff = 10 * time.Millisecond
	c.MaxRetryBackoff = 100 * time.Millisecond

	c.PoolSize = pool
	c.MinIdleConns = 0
	c.ConnMaxIdleTime = 5 * time.Minute
	c.PipelinePoolSize = -1 // a second pool would double the connections
	if o.dialer != nil {
		c.Dialer = func(ctx context.Context, _, _ string) (conn net.Conn, err error) {
			err = guard.Run(part, func() error { // on goroutines of the library
				conn, err = o.dialer(ctx)
				return err
			})
			return conn, err
		}
	}
}

// displayAddr is the server's address for messages, without credentials.
func displayAddr(c *goredis.Options) string {
	if c.TLSConfig != nil {
		return c.Addr + " (TLS)"
	}
	return strings.TrimSpace(c.Addr)
}
