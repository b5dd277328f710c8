package main

import (
	"context"
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

// settle measures durable settlements, one per request, next to single-row
// commits of pgbench on the same server at the same concurrency.
func settle(ctx context.Context, b *bench) error {
	pg, err := servers.StartPostgres(ctx, servers.Options{Fsync: true})
	if err != nil {
		return err
	}
	defer func() { _ = pg.Close() }() // private and thrown away
	rd, err := servers.StartRedis(ctx, servers.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = rd.Close() }() // likewise
	if err := execute(ctx, pg.URL, reference); err != nil {
		return err
	}
	p, err := b.start(ctx, fmt.Sprintf("storage: {driver: postgres, postgres: {url: %q}}\nredis: {driver: server, url: %q}\n", pg.URL, rd.URL))
	if err != nil {
		return err
	}
	defer p.stop()
	httpAddr, grpcAddr, err := p.addInstance(ctx, map[string]any{"name": "bench"})
	if err != nil {
		return err
	}
	length := time.Duration(b.seconds) * time.Second
	for _, connections := range []int{16, 64} {
		var commits, overHTTP, overGRPC []float64
		var http, grpc outcome
		for round := range b.rounds {
			tps, err := pgbench(ctx, pg.URL, connections, b.seconds)
			if err != nil {
				return err
			}
			commits = append(commits, tps)
			run := fmt.Sprintf("%d-%d", connections, round)
			if http, err = closedLoop(ctx, connections, length, httpDeposits(httpAddr, "h"+run)); err != nil {
				return err
			}
			overHTTP = append(overHTTP, http.perSecond)
			if grpc, err = closedLoop(ctx, connections, length, grpcDeposits(grpcAddr, "g"+run)); err != nil {
				return err
			}
			overGRPC = append(overGRPC, grpc.perSecond)
		}
		against := fmt.Sprintf("pgbench at %d", connections)
		base := b.add(fmt.Sprintf("pgbench -M prepared, one row a commit, %d connections", connections), "/s", commits, "", 0, "")
		b.add(fmt.Sprintf("settlements over HTTP, %d connections", connections), "/s", overHTTP, against, base, latency(http))
		b.add(fmt.Sprintf("settlements over gRPC, %d connections", connections), "/s", overGRPC, against, base, latency(grpc))
	}
	return nil
}

func latency(o outcome) string {
	return fmt.Sprintf("p50 %.1f ms, p99 %.1f ms (last run)", o.p50.Seconds()*1e3, o.p99.Seconds()*1e3)
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
