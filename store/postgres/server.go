package postgres

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// Options are the settings of a [Server].
type Options struct {
	// URL names the database as libpq does, and the driver's settings
	// (sslmode, connect_timeout, default_query_exec_mode, …).
	URL string
	// LockURL is used for the connection that holds advisory locks; empty means
	// URL. It must lead to the server itself where URL leads to a pooler that
	// shares sessions.
	LockURL string
	// Budget is shared with other servers of the process; nil means one of its
	// own, of the two that follow.
	Budget *Budget
	// MaxConnections bounds all connections together; 0 means 80.
	MaxConnections int
	// ConnectionWait bounds how long a new connection waits for its place
	// within MaxConnections; 0 means 5 s.
	ConnectionWait time.Duration
	// Logger and Metrics may be nil.
	Logger  *slog.Logger
	Metrics Metrics

	// idle, lockPing, attend and answer shorten the times of tests.
	idle, lockPing, attend, answer time.Duration
}

// Defaults of [Options].
const (
	defaultConnections    = 80
	defaultConnectionWait = 5 * time.Second
	defaultConnectTimeout = 5 * time.Second
	oldestServer          = 140000
)

// Server is one PostgreSQL database as this process uses it. It is safe for
// concurrent use.
type Server struct {
	config *pgxpool.Config
	locks  *pgx.ConnConfig
	budget *budget
	party  *party
	// demand is 1 while somebody waits for a connection to be passed on, and passed
	// is told when that has been done.
	demand atomic.Int32
	passed chan struct{}
	// loans are connections that go from one pool of the server's own role to
	// another for one task, and lendable how many those pools have.
	loans    chan loan
	lendable *atomic.Int64
	log      *slog.Logger
	idle     time.Duration
	attend   time.Duration
	answer   time.Duration

	// role, database and where are for messages; where is host:port.
	role, database, where string

	// openings bounds how many journals are opened at once, so that a start
	// of many instances waits its turn here and not for the budget.
	openings chan struct{}

	admin  *pool
	keeper *keeper

	exposed sync.Once // reported, what everybody may do
}

// maxOpenings keeps the server's processors busy with migrations and leaves
// connections to those instances that run already.
const maxOpenings = 8

// Open connects to a database and checks that it can be used. Its errors wrap
// [ErrUnreachable], [ErrRefused] or [ErrPermission].
func Open(ctx context.Context, o Options) (*Server, error) {
	config, err := parse(o.URL)
	if err != nil {
		return nil, err
	}
	locks := config.ConnConfig
	if o.LockURL != "" {
		lockConfig, err := parse(o.LockURL)
		if err != nil {
			return nil, err
		}
		locks = lockConfig.ConnConfig
	}
	if o.Budget == nil {
		if o.Budget, err = NewBudget(o.MaxConnections, o.ConnectionWait, o.Metrics); err != nil {
			return nil, err
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	connections := o.Budget.limit
	c := config.ConnConfig
	s := &Server{
		config: config, locks: locks.Copy(), log: o.Logger, idle: o.idle, attend: cmp.Or(o.attend, attendEvery), answer: cmp.Or(o.answer, answerTimeout),
		budget: o.Budget.budget,
		role:   c.User, database: c.Database, where: strings.Join(addresses(c), ","),
		passed: make(chan struct{}, 1), loans: make(chan loan), lendable: new(atomic.Int64), openings: make(chan struct{}, min(maxOpenings, max(1, connections/2))),
	}
	s.party = s.budget.enter()
	s.admin = s.newPool("administration", maxOpenings, nil)
	s.keeper = newKeeper(s, o.lockPing)
	if err := s.inspect(ctx, connections, o.LockURL != ""); err != nil {
		_ = s.Close(ctx)
		return nil, err
	}
	return s, nil
}

// parse reads a URL. What the driver says of one that it cannot read may quote
// parts of the password, so only what is surely none is passed on.
func parse(text string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(text)
	if err != nil {
		if parsed, urlErr := url.Parse(text); urlErr == nil && parsed.Scheme != "" {
			if cause := errors.Unwrap(err); cause != nil && !quotesSecret(cause.Error(), parsed) {
				return nil, fmt.Errorf("the PostgreSQL URL is not valid: %w", cause)
			}
		}
		return nil, errors.New("the PostgreSQL URL cannot be read; write postgres://user:password@host:5432/database?sslmode=…, special characters in the password percent-encoded")
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = defaultConnectTimeout
	}
	if several(config.ConnConfig) && config.ConnConfig.ValidateConnect == nil {
		// The others are standbys, and after a failover the first of them may be one.
		config.ConnConfig.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	// Statements name the schema, so each connection sees one instance's few.
	config.ConnConfig.StatementCacheCapacity = statementsCached
	config.ConnConfig.DescriptionCacheCapacity = statementsCached
	return config, nil
}

// addresses returns the servers that a URL names, in the order in which they are
// tried.
func addresses(c *pgx.ConnConfig) []string {
	list := []string{net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))}
	for _, f := range c.Fallbacks {
		if a := net.JoinHostPort(f.Host, strconv.Itoa(int(f.Port))); !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	return list
}

func several(c *pgx.ConnConfig) bool { return len(addresses(c)) > 1 }

// connectBound is the longest that it takes to find the server that can be used.
func connectBound(c *pgx.ConnConfig) time.Duration {
	return time.Duration(len(addresses(c))) * c.ConnectTimeout
}

func quotesSecret(message string, parsed *url.URL) bool {
	secret, set := parsed.User.Password()
	return (set && secret != "" && strings.Contains(message, secret)) || strings.Contains(message, "@")
}

// plainFirst turns the order of sslmode=prefer around for a server that has
// shown that it does not encrypt: every new connection would first ask for it
// in vain, which costs a server process and a second wait for the budget.
func plainFirst(c *pgx.ConnConfig) {
	if c.TLSConfig == nil || len(c.Fallbacks) != 1 {
		return
	}
	if other := c.Fallbacks[0]; other.TLSConfig == nil && other.Host == c.Host && other.Port == c.Port {
		c.TLSConfig, other.TLSConfig = nil, c.TLSConfig
	}
}

// inspect refuses servers that are too old and warns of settings that lose
// acknowledged work.
func (s *Server) inspect(ctx context.Context, connections int, separateLocks bool) error {
	var version, allowed int
	var fsync, commit string
	err := s.admin.use(ctx, func(ctx context.Context, c *pgx.Conn) error {
		if _, encrypted := c.PgConn().Conn().(*tls.Conn); !encrypted {
			plainFirst(s.config.ConnConfig)
			if !separateLocks {
				plainFirst(s.locks)
			}
		}
		return c.QueryRow(ctx, `SELECT current_setting('server_version_num')::int4, current_setting('max_connections')::int4
			- current_setting('superuser_reserved_connections')::int4, current_setting('fsync'), current_setting('synchronous_commit'),
			current_database()::text`).
			Scan(&version, &allowed, &fsync, &commit, &s.database) // which a pooler may know by another name
	})
	if err != nil {
		return err
	}
	if version < oldestServer {
		return fmt.Errorf("%w: the server at %s is version %d, 14 or newer is needed", ErrUnreachable, s.where, version/10000)
	}
	if connections > allowed {
		s.log.Warn("storage.postgres.max_connections is above what the server allows", "configured", connections, "server", allowed)
	}
	if fsync == "off" || commit == "off" {
		s.log.Warn("the server may lose acknowledged settlements in a crash", "fsync", fsync, "synchronous_commit", commit)
	}
	return nil
}

// Ping reports whether the server answers and accepts writes.
func (s *Server) Ping(ctx context.Context) error {
	return s.admin.use(ctx, func(ctx context.Context, c *pgx.Conn) error {
		var standby bool
		if err := c.QueryRow(ctx, `SELECT pg_is_in_recovery()`).Scan(&standby); err != nil {
			return err
		}
		if standby {
			return fmt.Errorf("%w: the server at %s is a standby and takes no writes", ErrUnreachable, s.where)
		}
		return nil
	})
}

// Addr returns where the server is, host:port.
func (s *Server) Addr() string { return s.where }

// Now returns the time by the server's clock.
func (s *Server) Now(ctx context.Context) (now time.Time, err error) {
	err = s.admin.use(ctx, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now)
	})
	return now, err
}

// Check is [Server.Ping], and checks that the role may create the schemas of
// new instances, and their roles if they are to have any.
func (s *Server) Check(ctx context.Context, roles bool) error {
	if err := s.Ping(ctx); err != nil {
		return err
	}
	var role, database string
	var allowed bool
	err := s.admin.use(ctx, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, `SELECT current_user::text, current_database()::text,
			has_database_privilege(current_database(), 'CREATE')`).Scan(&role, &database, &allowed)
	})
	if err == nil && !allowed {
		err = fmt.Errorf("%w: role %s lacks CREATE on database %s: GRANT CREATE ON DATABASE %s TO %s",
			ErrPermission, role, database, quoteName(database), quoteName(role))
	}
	if err != nil || !roles {
		return err
	}
	return s.admin.use(ctx, func(ctx context.Context, c *pgx.Conn) error {
		_, err := s.lookAtRole(ctx, c, supervisorSchema) // which has no role
		return err
	})
}

// Drop removes a journal's schema and all that is in it, and the instance's role
// if it has one. A schema that does not exist is no error; one that is no journal
// is [ErrForeignSchema]. With a lease it is done only while that is held, else
// fails with [ErrNotHeld].
func (s *Server) Drop(ctx context.Context, schema string, owner *Lease) error {
	if err := checkSchema(schema); err != nil {
		return err
	}
	return s.admin.useFor(ctx, 0, func(ctx context.Context, c *pgx.Conn) error {
		found, err := s.probe(ctx, c, schema)
		if err != nil {
			return err
		}
		if found.foreign {
			return fmt.Errorf("%w: %q is not dropped", ErrForeignSchema, schema)
		}
		// First the role: what its sessions have locked could not be dropped.
		if err := s.dropRole(ctx, c, schema, owner); err != nil || !found.exists {
			return err
		}
		if err := s.runScript(ctx, c, owner.guard()+`DROP SCHEMA `+quoteName(schema)+` CASCADE`); err != nil {
			return fmt.Errorf("dropping schema %q: %w", schema, owner.guarded(err))
		}
		return nil
	})
}

// Close gives up all ownership and closes the server's own connections; the
// journals are to be closed before. It returns when they are closed or ctx
// ends, whichever is first.
func (s *Server) Close(ctx context.Context) error {
	defer s.budget.exit(s.party)
	return errors.Join(s.keeper.close(ctx), s.admin.close(ctx))
}

// connect opens a connection outside of any pool. Where the server lets no more
// in, it has one of the pools' closed.
func (s *Server) connect(ctx context.Context, config *pgx.ConnConfig, name string) (*pgx.Conn, error) {
	config = config.Copy()
	config.RuntimeParams["application_name"] = name
	start := time.Now()
	for {
		config.DialFunc = pgconn.DialFunc(s.budget.dialer(s.party, nil))
		conn, err := pgx.ConnectConfig(ctx, config)
		if sqlState(err) != codeTooManyConnections || time.Since(start) > s.budget.wait {
			return conn, s.explain(err)
		}
		s.want()
		again := time.NewTimer(connectionAgain)
		select {
		case <-again.C:
		case <-s.passed:
		case <-ctx.Done():
			again.Stop()
			return nil, s.explain(err)
		}
	}
}

// part is what the store is called where it panics.
const part = "PostgreSQL"

// report logs a panic of a goroutine that several instances share.
func (s *Server) report(p *guard.Panic) {
	if p.Tell() {
		s.log.Error("panic", "part", p.Part, "panic", p.Value, "stack", p.Stack)
	}
}

// processName tells this process from others in pg_stat_activity.
func processName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown-host"
	}
	pid := strconv.Itoa(os.Getpid())
	return "custodian " + cut(host, maxNameBytes-len("custodian  ")-len(pid)) + " " + pid
}
