//go:build integration

package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest"
)

// changeURL returns the test server's URL with something changed.
func changeURL(t *testing.T, change func(*url.URL)) string {
	t.Helper()
	u, err := url.Parse(testURL(t, "TEST_POSTGRES_URL"))
	if err != nil {
		t.Fatal(err)
	}
	change(u)
	return u.String()
}

func TestWhatKeepsAServerFromBeingUsedIsNamed(t *testing.T) {
	t.Parallel()
	// A port that was just free on the loopback, with nobody listening.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent := l.Addr().String()
	_ = l.Close()
	for name, c := range map[string]struct {
		url  string
		kind error
		says string
	}{
		"absent":   {changeURL(t, func(u *url.URL) { u.Host = silent }), ErrUnreachable, "no server answers at " + silent},
		"password": {changeURL(t, func(u *url.URL) { u.User = url.UserPassword("custodian_adapter", "s3cret-wrong") }), ErrRefused, `does not accept role "custodian_adapter"`},
		"database": {changeURL(t, func(u *url.URL) { u.Path = "/no_such" }), ErrRefused, `CREATE DATABASE "no_such" OWNER "custodian_adapter"`},
		"tls":      {changeURL(t, func(u *url.URL) { u.RawQuery = "sslmode=require" }), ErrRefused, "sslmode"},
		"syntax":   {"postgres://u:s3cret:%zz@h:x/db", nil, "percent-encoded"},
		"setting":  {changeURL(t, func(u *url.URL) { u.RawQuery = "sslmode=sometimes" }), nil, "sslmode"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(t.Context(), Options{URL: c.url})
			if err == nil {
				_ = s.Close(t.Context())
				t.Fatal("it opened")
			}
			if c.kind != nil && !errors.Is(err, c.kind) {
				t.Errorf("%v is not %v", err, c.kind)
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q does not say %q", err, c.says)
			}
			if strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "adapter-db-pass") {
				t.Errorf("%q shows the password", err)
			}
		})
	}
}

// Roles and databases of a test are made by the administrator.
func newRole(t *testing.T, rights ...string) (role string, url_ string) {
	t.Helper()
	admin := session(t, testURL(t, "TEST_POSTGRES_ADMIN_URL"))
	role = strings.Replace(newName(), "t_", "role_", 1)
	do := func(c context.Context, sql string) {
		if _, err := admin.Exec(c, sql); err != nil {
			t.Error(err)
		}
	}
	do(t.Context(), `CREATE ROLE `+role+` LOGIN PASSWORD 'pw'`)
	t.Cleanup(func() {
		do(context.Background(), `DROP OWNED BY `+role)
		do(context.Background(), `DROP ROLE `+role)
	})
	for _, right := range rights {
		do(t.Context(), right+` TO `+role)
	}
	return role, changeURL(t, func(u *url.URL) { u.User = url.UserPassword(role, "pw") })
}

func TestMissingGrantsAreNamed(t *testing.T) {
	t.Parallel()
	owner := openServer(t)
	schema := newSchema(t, owner)
	openJournal(t, owner, schema)
	role, url := newRole(t)
	s := openServer(t, func(o *Options) { o.URL = url })
	want := fmt.Sprintf(`role %s lacks CREATE on database trading_ecosystem: GRANT CREATE ON DATABASE "trading_ecosystem" TO "%s"`, role, role)
	if err := s.Check(t.Context(), false); !errors.Is(err, ErrPermission) || !strings.Contains(err.Error(), want) {
		t.Errorf("check: %v", err)
	}
	_, err := s.Journal(t.Context(), JournalOptions{Instance: "x", Schema: newName()})
	if !errors.Is(err, ErrPermission) || !strings.Contains(err.Error(), want) {
		t.Errorf("new schema: %v", err)
	}
	_, err = s.Journal(t.Context(), JournalOptions{Instance: "x", Schema: schema})
	want = fmt.Sprintf(`GRANT USAGE, CREATE ON SCHEMA "%s" TO "%s"`, schema, role)
	if !errors.Is(err, ErrPermission) || !strings.Contains(err.Error(), want) {
		t.Errorf("existing schema: %v", err)
	}
	if err := owner.Check(t.Context(), false); err != nil {
		t.Errorf("the owner: %v", err)
	}
}

func TestManySchemasAreMadeAtOnce(t *testing.T) {
	t.Parallel()
	s := openServer(t)
	const schemas = 50
	var wg sync.WaitGroup
	for range schemas {
		schema := newSchema(t, s)
		for range 2 { // two processes may want the same one
			wg.Go(func() {
				j, err := s.Journal(t.Context(), JournalOptions{Instance: "many", Schema: schema})
				if err != nil {
					t.Error(err)
					return
				}
				if err := j.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
}

func TestSchemasThatCannotBeUsedAreRefused(t *testing.T) {
	t.Parallel()
	s := openServer(t)
	c := session(t, testURL(t, "TEST_POSTGRES_URL"))
	schema := newSchema(t, s)
	openJournal(t, s, schema)
	if _, err := c.Exec(t.Context(), `UPDATE `+schema+`.meta SET version = 99`); err != nil {
		t.Fatal(err)
	}
	_, err := s.Journal(t.Context(), JournalOptions{Instance: "x", Schema: schema})
	if !errors.Is(err, ErrNewerSchema) || !strings.Contains(err.Error(), "99") || !strings.Contains(err.Error(), fmt.Sprintf("up to %d", len(migrations))) {
		t.Errorf("newer: %v", err)
	}

	foreign := newName()
	if _, err := c.Exec(t.Context(), `CREATE SCHEMA `+foreign+` CREATE TABLE orders (id int)`); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = c.Exec(context.Background(), `DROP SCHEMA `+foreign+` CASCADE`) }()
	if _, err = s.Journal(t.Context(), JournalOptions{Instance: "x", Schema: foreign}); !errors.Is(err, ErrForeignSchema) {
		t.Errorf("foreign: %v", err)
	}
	if err := s.Drop(t.Context(), foreign, nil); !errors.Is(err, ErrForeignSchema) {
		t.Errorf("dropping foreign: %v", err)
	}
	if _, err := s.Journal(t.Context(), JournalOptions{Instance: "x", Schema: newName(), Existing: true}); !errors.Is(err, ErrNoSchema) {
		t.Errorf("missing: %v", err)
	}
	if _, err := s.Journal(t.Context(), JournalOptions{Instance: "x", Schema: "pg_mine"}); err == nil {
		t.Error("a reserved name was accepted")
	}
}

// A step is taken once however many processes find that it is due.
func TestMigrationsGoForwardOnce(t *testing.T) {
	t.Parallel()
	s := openServer(t)
	schema := newSchema(t, s)
	openJournal(t, s, schema)
	steps := append(migrations[:len(migrations):len(migrations)],
		`CREATE TABLE {schema}.second (n int);`, `INSERT INTO {schema}.second VALUES (1);`)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			j, err := s.journal(t.Context(), JournalOptions{Instance: "x", Schema: schema}, steps)
			if err != nil {
				t.Error(err)
				return
			}
			_ = j.Close()
		})
	}
	wg.Wait()
	var rows, version int
	err := session(t, testURL(t, "TEST_POSTGRES_URL")).QueryRow(t.Context(),
		`SELECT (SELECT count(*) FROM `+schema+`.second), (SELECT version FROM `+schema+`.meta)`).Scan(&rows, &version)
	if err != nil || rows != 1 || version != len(steps) {
		t.Fatalf("%d rows, version %d: %v", rows, version, err)
	}
}

func TestIdleInstancesHoldNoConnection(t *testing.T) {
	t.Parallel()
	m := &meter{}
	s := openServer(t, func(o *Options) { o.idle, o.Metrics = 200*time.Millisecond, m })
	journals := make([]*Journal, 5)
	for i := range journals {
		journals[i] = openJournal(t, s, newSchema(t, s))
	}
	for range 2 { // what has rested works as before
		for _, j := range journals {
			load(t, j)
		}
		eventually(t, "all connections are closed", func() bool { return m.now() == 0 })
		for _, j := range journals {
			eventually(t, "its pool and its statements are given up", func() bool { return j.pool.pgx.Load() == nil && j.texts.Load() == nil })
		}
	}
}

// meter is a Metrics that remembers.
type meter struct {
	mu              sync.Mutex
	inUse, most     int
	granted, denied int
}

func (m *meter) SetConnections(inUse, _ int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inUse, m.most = inUse, max(m.most, inUse)
}

func (m *meter) RecordConnectionWait(_ time.Duration, granted bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if granted {
		m.granted++
	} else {
		m.denied++
	}
}

func (m *meter) now() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.inUse
}

// seen returns how many connections there were at one time at the most, and how many
// waits for one were granted and were in vain.
func (m *meter) seen() (most, granted, denied int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.most, m.granted, m.denied
}

// Many more instances than connections work side by side: each gets the
// connections that others do not need at the moment.
func TestInstancesShareAFewConnections(t *testing.T) {
	t.Parallel()
	m := &meter{}
	s := openServer(t, func(o *Options) { o.MaxConnections, o.Metrics = 4, m })
	var processes sync.Map // of the server, each of which took a log-in
	var wg sync.WaitGroup
	journals := make([]*Journal, 20)
	for n := range journals {
		journals[n] = openJournal(t, s, newSchema(t, s))
	}
	for _, j := range journals {
		wg.Go(func() {
			load(t, j)
			for i := range 10 {
				if err := j.Append(t.Context(), batchAt(uint64(i+1), "x")); err != nil {
					t.Error(err)
					return
				}
				if err := j.Project(t.Context(), &sim.Projection{Through: sim.Progress{Sequence: uint64(i + 1)}}); err != nil {
					t.Error(err)
					return
				}
				err := j.pool.use(t.Context(), func(_ context.Context, c *pgx.Conn) error {
					processes.Store(c.PgConn().PID(), nil)
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if most, granted, denied := m.seen(); most > 4 || granted == 0 || denied != 0 {
		t.Fatalf("at most %d connections, %d waits, %d in vain", most, granted, denied)
	}
	// They lend theirs to one another: to log in for each of the 600 tasks would take
	// most of the time.
	opened := 0
	processes.Range(func(any, any) bool { opened++; return true })
	if opened > 40 {
		t.Errorf("%d connections were opened", opened)
	}
}

func TestStarvationEndsWithAnErrorThatNamesTheKey(t *testing.T) {
	t.Parallel()
	m := &meter{}
	s := openServer(t, func(o *Options) {
		o.MaxConnections, o.ConnectionWait, o.Metrics = 2, 100*time.Millisecond, m
	})
	j := openJournal(t, s, newSchema(t, s))
	// Both connections are busy for as long as the test wants.
	release, busy := make(chan struct{}), sync.WaitGroup{}
	started := make(chan struct{}, 2)
	for range 2 {
		busy.Go(func() {
			err := s.admin.use(t.Context(), func(context.Context, *pgx.Conn) error {
				started <- struct{}{}
				<-release
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	<-started
	<-started
	_, err := j.Load(t.Context())
	if !errors.Is(err, ErrBudget) || !strings.Contains(err.Error(), "storage.postgres.max_connections") {
		t.Errorf("got %v", err)
	}
	close(release)
	busy.Wait()
	load(t, j) // and all is well again
	if _, _, denied := m.seen(); denied == 0 {
		t.Error("the wait in vain was not metered")
	}
}

func TestCancelledCallsReturnAtOnceAndLeakNothing(t *testing.T) {
	t.Parallel()
	m := &meter{}
	s := openServer(t, func(o *Options) { o.Metrics = m; o.MaxConnections = 3; o.idle = 200 * time.Millisecond })
	schema := newSchema(t, s)
	j := openJournal(t, s, schema)
	load(t, j)
	blocker := session(t, testURL(t, "TEST_POSTGRES_URL"))
	if _, err := blocker.Exec(t.Context(), `BEGIN; SELECT FROM `+schema+`.meta FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	for range 6 { // more than there are connections
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		start := time.Now()
		err := j.Append(ctx, batchAt(1, "x"))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 3*time.Second {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	}
	if _, err := blocker.Exec(t.Context(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	load(t, j)
	eventually(t, "all connections are closed", func() bool { return m.now() == 0 })
}

func TestDesiredStateIsReplacedOnlyAtItsRevision(t *testing.T) {
	t.Parallel()
	s := openServer(t)
	d, err := s.Desired(t.Context(), newName())
	if err != nil {
		t.Fatal(err)
	}
	if document, revision, err := d.Load(t.Context()); document != nil || revision != 0 || err != nil {
		t.Fatalf("new: %s, %d, %v", document, revision, err)
	}
	first, err := d.Save(t.Context(), []byte(`{"instances": []}`), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Save(t.Context(), []byte(`{}`), 0); !errors.Is(err, ErrRevision) {
		t.Errorf("second first: %v", err)
	}
	second, err := d.Save(t.Context(), []byte(`{"a":1}`), first)
	if err != nil || second <= first {
		t.Fatalf("revision %d: %v", second, err)
	}
	if _, err := d.Save(t.Context(), []byte(`{}`), first); !errors.Is(err, ErrRevision) {
		t.Errorf("stale: %v", err)
	}
	document, revision, err := d.Load(t.Context())
	if err != nil || revision != second || string(document) != `{"a": 1}` {
		t.Errorf("%s, %d, %v", document, revision, err)
	}
}

func TestBooksOfTheFirstVersionAreUpgradedWithTheirRows(t *testing.T) {
	t.Parallel()
	s := openServer(t)
	schema := newSchema(t, s)
	o := JournalOptions{Instance: "upgraded", Schema: schema}
	old, err := s.journal(t.Context(), o, migrations[:1])
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	c := session(t, testURL(t, "TEST_POSTGRES_URL"))
	if err := execScript(t.Context(), c, storetest.FirstBooks(quoteName(schema)+".", `decode('000102030405060708090a0b0c0d0e0f', 'hex')`)); err != nil {
		t.Fatal(err)
	}
	j, err := s.Journal(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() }) // the test is over
	storetest.CheckUpgraded(t, j)
	var version int
	if err := c.QueryRow(t.Context(), "SELECT version FROM "+quoteName(schema)+".meta").Scan(&version); err != nil || version != len(migrations) {
		t.Errorf("the schema has version %d, wanted %d (%v)", version, len(migrations), err)
	}
}
