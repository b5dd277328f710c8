//go:build integration

package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/proxy"
)

// patience bounds what would else never end.
const patience = time.Minute

// behindProxy puts a proxy between a server under test and the database.
func behindProxy(t *testing.T) (p *proxy.Proxy, change func(*Options)) {
	t.Helper()
	u, err := url.Parse(testURL(t, "TEST_POSTGRES_URL"))
	if err != nil {
		t.Fatal(err)
	}
	if p, err = proxy.Start(u.Host); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	u.Host, u.RawQuery = p.Addr(), "sslmode=disable&connect_timeout=1"
	return p, func(o *Options) {
		o.URL, o.lockPing, o.attend, o.answer = u.String(), 100*time.Millisecond, 100*time.Millisecond, time.Second
	}
}

// Connections that swallow what is sent are the worst: nothing ever fails. Every
// call ends all the same, none of which has a deadline of its caller's unless the
// contract asks for one, and all is well when the network is.
func TestEveryCallEndsOnANetworkThatSwallowsIt(t *testing.T) {
	t.Parallel()
	p, through := behindProxy(t)
	m := &meter{}
	s := openServer(t, through, func(o *Options) { o.MaxConnections, o.Metrics = 40, m })
	schema, other := newSchema(t, s), newSchema(t, s)
	j := openJournal(t, s, schema)
	openJournal(t, s, other)
	lease := own(t, s, schema)
	document, err := s.Desired(t.Context(), newName())
	if err != nil {
		t.Fatal(err)
	}
	load(t, j)
	calls := map[string]func(ctx context.Context) error{
		"ping":    s.Ping,
		"check":   func(ctx context.Context) error { return s.Check(ctx, false) },
		"drop":    func(ctx context.Context) error { return s.Drop(ctx, other, nil) },
		"replace": func(ctx context.Context) error { return s.Replace(ctx, schema, other, nil) },
		"own":     func(ctx context.Context) error { _, err := s.Own(ctx, newName()); return err },
		"open": func(ctx context.Context) error {
			_, err := s.Journal(ctx, JournalOptions{Instance: "x", Schema: schema})
			return err
		},
		"make": func(ctx context.Context) error {
			_, err := s.Journal(ctx, JournalOptions{Instance: "x", Schema: newName()})
			return err
		},
		"document": func(ctx context.Context) error { _, _, err := document.Load(ctx); return err },
		"save":     func(ctx context.Context) error { _, err := document.Save(ctx, []byte(`{}`), 0); return err },
		"append":   func(ctx context.Context) error { return j.Append(ctx, batchAt(1, "x")) },
		"read":     func(ctx context.Context) error { return j.Read(ctx, 0, func(*sim.Batch) error { return nil }) },
		"keys":     func(ctx context.Context) error { return j.ScanKeys(ctx, func(sim.KeyRecord) error { return nil }) },
		"list": func(ctx context.Context) error {
			_, err := j.ListAccounts(ctx, sim.AccountFilter{}, sim.Page{Limit: 1})
			return err
		},
		"projected": func(ctx context.Context) error { _, err := j.Projected(ctx); return err },
		// Their work depends on how much there is, so the engine bounds them.
		"load": bounded(func(ctx context.Context) error { _, err := j.Load(ctx); return err }),
		"project": bounded(func(ctx context.Context) error {
			return j.Project(ctx, &sim.Projection{Through: sim.Progress{Sequence: 1}})
		}),
	}
	p.Stall()
	var waiting sync.WaitGroup
	for name, call := range calls {
		waiting.Go(func() {
			begin := time.Now()
			ended := make(chan error, 1)
			go func() { ended <- call(context.Background()) }()
			select {
			case err := <-ended:
				if err == nil {
					t.Errorf("%s succeeds", name)
				}
				if text := fmt.Sprint(err); strings.Contains(text, "\n") {
					t.Errorf("%s: %q has several lines", name, text)
				}
				t.Logf("%s: %s: %v", name, time.Since(begin).Round(time.Millisecond), err)
			case <-time.After(patience):
				t.Errorf("%s never ends", name)
			}
		})
	}
	waiting.Wait()
	p.Resume()
	load(t, j)
	if err := j.Append(t.Context(), batchAt(1, "x")); err != nil {
		t.Error(err)
	}
	// The ownership comes back as well, on another connection.
	admin := session(t, testURL(t, "TEST_POSTGRES_ADMIN_URL"))
	eventually(t, "the lock is held", func() bool {
		var held bool
		err := admin.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted
			AND (classid::int8 << 32) | objid::int8 = $1)`, lockKey("ownership", schema)).Scan(&held)
		return err == nil && held
	})
	select {
	case <-lease.Lost():
		t.Error("the ownership is lost")
	default:
	}
	if most, _, _ := m.seen(); most > 40 {
		t.Errorf("%d connections", most)
	}
}

func bounded(call func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		return call(ctx)
	}
}

// All connections to one server hang, as many as it may have. Those to another
// server, which share the budget, are made all the same.
func TestServerInTroubleLeavesTheOthersTheirShare(t *testing.T) {
	t.Parallel()
	shared, err := NewBudget(8, 200*time.Millisecond, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, through := behindProxy(t)
	share := func(o *Options) { o.Budget = shared }
	sick := openServer(t, through, share, func(o *Options) { o.answer = patience })
	well := openServer(t, share)
	journals := make([]*Journal, 4)
	for i := range journals {
		journals[i] = openJournal(t, sick, newSchema(t, sick))
	}
	quiet := openJournal(t, well, newSchema(t, well))
	load(t, quiet)

	ctx, stop := context.WithCancel(t.Context())
	var hanging sync.WaitGroup
	holding := make(chan struct{}, 100)
	for _, j := range journals {
		for range poolConnections {
			hanging.Go(func() {
				for ctx.Err() == nil {
					_ = j.pool.use(ctx, func(ctx context.Context, c *pgx.Conn) error {
						select {
						case holding <- struct{}{}:
						default:
						}
						_, err := c.Exec(ctx, `SELECT pg_sleep(3600)`)
						return err
					})
				}
			})
		}
	}
	for range 4 { // at least; more are tried for all the while
		<-holding
	}
	p.Stall()
	for n := range 20 {
		// Of its connections none is kept from one to the next.
		quiet.pool.reset()
		if err := quiet.Append(t.Context(), batchAt(uint64(n+1), "x")); err != nil {
			t.Errorf("the neighbour: %v", err)
		}
	}
	stop()
	p.Resume()
	hanging.Wait()
	eventually(t, "they are well again", func() bool {
		return !slices.ContainsFunc(journals, func(j *Journal) bool {
			_, err := j.Load(t.Context())
			return err != nil
		})
	})
}

// A role that may have two connections, one of which holds the ownership, serves
// several instances with the other.
func TestFewConnectionsAreSharedWhereTheServerLetsNoMoreIn(t *testing.T) {
	t.Parallel()
	role, roleURL := newRole(t, `GRANT CREATE ON DATABASE trading_ecosystem`)
	admin := session(t, testURL(t, "TEST_POSTGRES_ADMIN_URL"))
	if _, err := admin.Exec(t.Context(), `ALTER ROLE `+role+` CONNECTION LIMIT 2`); err != nil {
		t.Fatal(err)
	}
	s := openServer(t, func(o *Options) { o.URL = roleURL + "?sslmode=disable" })
	own(t, s, newName())
	var working sync.WaitGroup
	for range 3 {
		j := openJournal(t, s, newSchema(t, s))
		load(t, j)
		for first := range 3 { // more than there are connections, of one instance
			working.Go(func() {
				for n := range 5 {
					var err error
					if first == 0 {
						err = j.Append(t.Context(), batchAt(uint64(n+1), "x"))
					} else {
						_, err = j.ListAccounts(t.Context(), sim.AccountFilter{}, sim.Page{Limit: 1})
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	working.Wait()

	if _, err := admin.Exec(t.Context(), `ALTER ROLE `+role+` CONNECTION LIMIT 0`); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Options{URL: roleURL, ConnectionWait: 10 * time.Millisecond})
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "the CONNECTION LIMIT of the role") {
		t.Errorf("none allowed: %v", err)
	}
	if _, err := admin.Exec(t.Context(), `ALTER ROLE `+role+` CONNECTION LIMIT -1`); err != nil {
		t.Fatal(err)
	}
}

// A connection that is lent is asked first whether it still has a server.
func TestDeadConnectionsAreNotLent(t *testing.T) {
	t.Parallel()
	p, through := behindProxy(t)
	s := openServer(t, through, func(o *Options) { o.MaxConnections = 2 }) // one of them for ownership
	ask := func(ctx context.Context, c *pgx.Conn) error { return c.Ping(ctx) }
	for round := range 5 {
		one := s.newPool(fmt.Sprint("pool ", round), 1, nil)
		defer func() { _ = one.close(context.Background()) }()
		// It has no connection yet, and the pool that has the only one loses it.
		p.Cut()
		if err := one.use(t.Context(), ask); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
	}
}
