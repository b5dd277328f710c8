//go:build integration

package main_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

// flow is a steady flow of deposits into one instance of a process that may be
// stopped or lose it.
type flow struct {
	name    string
	stop    context.CancelFunc
	workers sync.WaitGroup
	mu      sync.Mutex
	acked   []string // external ids
	refused atomic.Int64
	other   []string // answers that are neither 201 nor 503
}

func (s *supervised) flow(name, label string) *flow {
	ctx, stop := context.WithCancel(context.Background())
	f := &flow{name: name, stop: stop}
	s.t.Cleanup(func() { stop(); f.workers.Wait() })
	i := s.instance(name)
	for w := range 3 {
		f.workers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				id := fmt.Sprintf("%s-%d-%d", label, w, n)
				code, body, err := s.try(http.MethodPost, i.url("/api/v1/settlements"), deposit("fund", "1", id))
				f.mu.Lock()
				switch {
				case err != nil || code == http.StatusServiceUnavailable && strings.Contains(string(body), `"code":"unavailable"`):
					f.refused.Add(1)
				case code == http.StatusCreated:
					f.acked = append(f.acked, id)
				default:
					f.other = append(f.other, fmt.Sprintf("%d %s", code, body))
				}
				f.mu.Unlock()
				if err != nil {
					select {
					case <-time.After(50 * time.Millisecond): // the port is closed
					case <-ctx.Done():
					}
				}
			}
		})
	}
	return f
}

func (f *flow) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.acked)
}

// contents is what an instance has on the servers, as one line per table, and the
// keys that tell of it.
func (s *supervised) contents(name string) (lines []string) {
	s.t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, environment(s.t, servers.EnvPostgresURL))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is under way
	schema := s.instance(name).Schema
	rows, err := conn.Query(ctx, "SELECT table_name::text FROM information_schema.tables WHERE table_schema = $1 ORDER BY 1", schema)
	if err != nil {
		s.t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 5 {
		s.t.Fatalf("tables %v, %v", tables, err)
	}
	for _, table := range tables {
		var line string
		if err := conn.QueryRow(ctx, fmt.Sprintf(`SELECT '%s ' || count(*) || ' rows, ' || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '')
			FROM %s t`, table, pgx.Identifier{schema, table}.Sanitize())).Scan(&line); err != nil {
			s.t.Fatal(err)
		}
		lines = append(lines, line)
	}
	redis := redisClient(s.t)
	for _, end := range []string{"first", "last"} {
		entries, err := redis.XRevRangeN(ctx, s.instance(name).RedisPrefix+"events", "+", "-", 1).Result()
		if end == "first" {
			entries, err = redis.XRangeN(ctx, s.instance(name).RedisPrefix+"events", "-", "+", 1).Result()
		}
		if err != nil || len(entries) != 1 {
			s.t.Fatalf("the stream has %v, %v", entries, err)
		}
		lines = append(lines, end+" of the stream "+entries[0].ID)
	}
	length, err := redis.XLen(ctx, s.instance(name).RedisPrefix+"events").Result()
	if err != nil {
		s.t.Fatal(err)
	}
	return append(lines, fmt.Sprintf("the stream has %d", length))
}

// quiet waits until tables and stream of an instance hold all of its journal.
func (s *supervised) quiet(name string) {
	s.t.Helper()
	s.eventually("the tables and the stream of "+name+" to have caught up", func() error {
		var at struct {
			Durable   uint64 `json:"durable_sequence"`
			Projected uint64 `json:"projected_sequence"`
		}
		s.call(http.MethodGet, s.admin+"/admin/v1/instances/"+s.name(name), nil, http.StatusOK, &at)
		last, err := redisClient(s.t).XRevRangeN(context.Background(), s.instance(name).RedisPrefix+"events", "+", "-", 1).Result()
		if err == nil && (at.Projected != at.Durable || len(last) != 1 || last[0].ID != fmt.Sprintf("%d-0", at.Durable)) {
			err = fmt.Errorf("durable are %d, projected %d, the stream ends with %v", at.Durable, at.Projected, last)
		}
		return err
	})
}

// endOwnership has PostgreSQL end the session by which a stopped process owns its
// instances. Without that it does so itself when it hears nothing for a while.
func (s *supervised) endOwnership() {
	s.t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, environment(s.t, servers.EnvPostgresAdminURL))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is under way
	tag, err := conn.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'custodian % ' || $1::text",
		strconv.Itoa(s.cmd.Process.Pid))
	if err != nil || tag.RowsAffected() != 1 {
		s.t.Fatalf("%d sessions were ended, %v", tag.RowsAffected(), err)
	}
}
