package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

// reference is the table of pgbench: the columns and indexes of settlements as
// the ecosystem has them.
const reference = `
CREATE TABLE bench_settlements (
  settlement_id uuid PRIMARY KEY, external_id text UNIQUE, settlement_type text NOT NULL, account_id text NOT NULL,
  symbol text NOT NULL, quantity numeric NOT NULL, status text NOT NULL, source_account text, destination_account text,
  initiated_at timestamptz NOT NULL, completed_at timestamptz, expected_settlement_date date, metadata jsonb);
CREATE INDEX ON bench_settlements (account_id, settlement_id);`

// insert is one transaction of pgbench: one row, one commit.
const insert = `
\set account random(0, 99)
INSERT INTO bench_settlements VALUES (gen_random_uuid(), gen_random_uuid()::text, 'DEPOSIT', 'account-' || :account,
  'BTC', 0.25, 'COMPLETED', 'DEPOSITORY', 'account-' || :account, now(), now(), current_date, NULL);
`

// spreadConnections is how many connections the load has that is spread, and fleets
// over how many instances, fewest first.
const spreadConnections = 64

var fleets = []int{4, 16, 100}

// durable are private servers and a supervisor on them, for settlements that are
// synced to disk.
type durable struct {
	*process
	pg     *servers.Postgres
	config string // of a supervisor on these servers
	close  func()
}

// startServers starts the servers alone.
func startServers(ctx context.Context) (*durable, error) {
	pg, err := servers.StartPostgres(ctx, servers.Options{Fsync: true, ExtraConf: []string{"max_connections = 500"}})
	if err != nil {
		return nil, err
	}
	rd, err := servers.StartRedis(ctx, servers.Options{})
	if err != nil {
		return nil, errors.Join(err, pg.Close())
	}
	return &durable{
		pg: pg, config: fmt.Sprintf("storage: {driver: postgres, postgres: {url: %q}}\nredis: {driver: server, url: %q}\n", pg.URL, rd.URL),
		close: func() { _, _ = rd.Close(), pg.Close() }, // private and thrown away
	}, nil
}

func (b *bench) startDurable(ctx context.Context) (*durable, error) {
	d, err := startServers(ctx)
	if err != nil {
		return nil, err
	}
	if err = execute(ctx, d.pg.URL, reference); err == nil {
		d.process, err = b.start(ctx, d.config)
	}
	if err != nil {
		d.close()
		return nil, err
	}
	closeServers := d.close
	d.close = func() { d.stop(); closeServers() }
	return d, nil
}

// settle measures durable settlements, one per request, next to single-row
// commits of pgbench on the same server at the same concurrency.
func settle(ctx context.Context, b *bench) error {
	d, err := b.startDurable(ctx)
	if err != nil {
		return err
	}
	defer d.close()
	httpAddr, grpcAddr, err := d.addInstance(ctx, map[string]any{"name": "bench"})
	if err != nil {
		return err
	}
	length := time.Duration(b.seconds) * time.Second
	for _, connections := range b.connections {
		var commits []float64
		overHTTP, overGRPC := &series{}, &series{}
		for round := range b.rounds {
			b.at("%d connections, round %d of %d", connections, round+1, b.rounds)
			tps, err := pgbench(ctx, d.pg.URL, connections, b.seconds)
			if err != nil {
				return err
			}
			commits = append(commits, tps)
			run := fmt.Sprintf("%d-%d", connections, round)
			if err := overHTTP.run(ctx, d.process, connections, length, httpDeposits(httpAddr, "h"+run)); err != nil {
				return err
			}
			if err := overGRPC.run(ctx, d.process, connections, length, grpcDeposits(grpcAddr, "g"+run)); err != nil {
				return err
			}
		}
		against := fmt.Sprintf("pgbench at %d", connections)
		base := b.add(fmt.Sprintf("pgbench -M prepared, one row a commit, %d connections", connections), "/s", commits, "", 0, "")
		b.draw("connections/pgbench", connections, 0)
		b.add(fmt.Sprintf("settlements over HTTP, %d connections", connections), "/s", overHTTP.perSecond, against, base, overHTTP.note())
		b.draw("connections/HTTP", connections, median(overHTTP.p99))
		b.add(fmt.Sprintf("settlements over gRPC, %d connections", connections), "/s", overGRPC.perSecond, against, base, overGRPC.note())
		b.draw("connections/gRPC", connections, median(overGRPC.p99))
	}
	return nil
}

// spreadOut measures durable settlements of many instances together next to those
// of one, at the same number of connections.
func spreadOut(ctx context.Context, b *bench) error {
	d, err := b.startDurable(ctx)
	if err != nil {
		return err
	}
	defer d.close()
	addresses := make([]string, fleets[len(fleets)-1])
	for n := range addresses {
		if addresses[n], _, err = d.addFree(ctx, fmt.Sprintf("bench-%d", n)); err != nil {
			return err
		}
	}
	length := time.Duration(b.seconds) * time.Second
	one, some := &series{}, map[int]*series{}
	for _, n := range fleets {
		some[n] = &series{}
	}
	for round := range b.rounds {
		b.at("round %d of %d", round+1, b.rounds)
		run := fmt.Sprintf("-%d", round)
		if err := one.run(ctx, d.process, spreadConnections, length, httpDeposits(addresses[0], "one"+run)); err != nil {
			return err
		}
		for _, n := range fleets {
			over := make([]connector, n)
			for i := range over {
				over[i] = httpDeposits(addresses[i], fmt.Sprintf("of-%d%s", n, run))
			}
			if err := some[n].run(ctx, d.process, spreadConnections, length, spread(over)); err != nil {
				return err
			}
		}
	}
	base := b.add(fmt.Sprintf("settlements over HTTP, one instance, %d connections", spreadConnections), "/s", one.perSecond, "", 0, one.note())
	b.draw("instances/HTTP", 1, median(one.p99))
	for _, n := range fleets {
		b.add(fmt.Sprintf("settlements over HTTP, spread over %d instances, %d connections", n, spreadConnections), "/s", some[n].perSecond, "one instance", base, some[n].note())
		b.draw("instances/HTTP", n, median(some[n].p99))
	}
	return nil
}

// series are runs of the same load.
type series struct {
	perSecond      []float64
	p50, p99, p999 []float64 // in milliseconds
	lag            float64   // the highest at the end of a run
	used           []float64 // of the processors, in microseconds a request
	requests       uint64    // of the last run
}

// run adds a run. Behind it waits until the tables show what is in the journal, so
// that what comes next has the processors to itself.
func (s *series) run(ctx context.Context, p *process, connections int, length time.Duration, connect connector) error {
	before, err := p.used()
	if err != nil {
		return err
	}
	o, err := closedLoop(ctx, connections, length, connect)
	if err != nil {
		return err
	}
	after, err := p.used()
	if err != nil {
		return err
	}
	s.used = append(s.used, float64((after-before).Microseconds())/float64(o.requests))
	s.perSecond, s.requests = append(s.perSecond, o.perSecond), o.requests
	s.p50, s.p99, s.p999 = append(s.p50, ms(o.p50)), append(s.p99, ms(o.p99)), append(s.p999, ms(o.p999))
	lag, err := p.catchUp(ctx)
	s.lag = max(s.lag, lag)
	return err
}

func (s *series) note() string {
	return fmt.Sprintf("p50 %.1f ms, p99 %.1f ms, p99.9 %.1f ms; %.0f µs of a processor each; %.0f events not in the tables at the end",
		median(s.p50), median(s.p99), median(s.p999), median(s.used), s.lag)
}

// pgbench returns the transactions per second of single-row commits.
func pgbench(ctx context.Context, url string, connections, seconds int) (float64, error) {
	bin, _, err := servers.PostgresBin(ctx)
	if err != nil {
		return 0, err
	}
	file, err := os.CreateTemp("", "pgbench-*.sql")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.Remove(file.Name()) }() // a temporary file
	if _, err := file.WriteString(insert); err != nil {
		return 0, err
	}
	if err := file.Close(); err != nil {
		return 0, err
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "pgbench"), "-n", "-M", "prepared", "-c", strconv.Itoa(connections), //nolint:gosec // our own arguments
		"-j", "2", "-T", strconv.Itoa(seconds), "-f", file.Name())
	cmd.Env = append(os.Environ(), "PGHOST="+config.Host, "PGPORT="+strconv.Itoa(int(config.Port)), "PGUSER="+config.User,
		"PGPASSWORD="+config.Password, "PGDATABASE="+config.Database)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("pgbench: %w: %s", err, out)
	}
	_, rest, found := strings.Cut(string(out), "tps = ")
	if !found {
		return 0, fmt.Errorf("pgbench printed no tps: %s", out)
	}
	return strconv.ParseFloat(strings.Fields(rest)[0], 64)
}

func execute(ctx context.Context, url, sql string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is under way
	_, err = conn.Exec(ctx, sql)
	return err
}
