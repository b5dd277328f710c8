package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

// Sizes of the measurements of many instances.
const (
	addsPerRound = 20
	fleet        = 200
)

// addInstances measures the time from the POST of an instance until it serves,
// per storage; for PostgreSQL next to the statements that make its schema,
// executed alone.
func addInstances(ctx context.Context, b *bench) error {
	pg, err := servers.StartPostgres(ctx, servers.Options{Fsync: true})
	if err != nil {
		return err
	}
	defer func() { _ = pg.Close() }() // private and thrown away
	for _, storage := range []struct{ driver, config string }{
		{"memory", "storage: {driver: memory}\n"},
		{"sqlite", "storage: {driver: sqlite}\n"},
		{"postgres", fmt.Sprintf("storage: {driver: postgres, postgres: {url: %q}}\n", pg.URL)},
	} {
		p, err := b.start(ctx, storage.config)
		if err != nil {
			return err
		}
		var took, bare []float64
		for round := range b.rounds {
			b.at("%s, round %d of %d", storage.driver, round+1, b.rounds)
			for n := range addsPerRound {
				name := fmt.Sprintf("add-%d-%d", round, n)
				ms, err := timed(func() error {
					addr, _, err := p.addInstance(ctx, map[string]any{"name": name})
					if err != nil {
						return err
					}
					status, _, err := get(ctx, "http://"+addr+"/api/v1/ready")
					if err == nil && status != http.StatusOK {
						err = fmt.Errorf("%s is not ready: status %d", name, status)
					}
					return err
				})
				if err != nil {
					p.stop()
					return err
				}
				took = append(took, ms)
			}
			if storage.driver == "postgres" {
				if bare, err = bareDDL(ctx, pg, bare); err != nil {
					p.stop()
					return err
				}
			}
		}
		p.stop()
		if storage.driver != "postgres" {
			b.add("add an instance until it serves, "+storage.driver, "ms", took, "", 0, "")
			continue
		}
		base := b.add("bare DDL of one instance's schema, in one transaction", "ms", bare, "", 0, "")
		b.add("add an instance until it serves, postgres", "ms", took, "bare DDL", base, "")
	}
	return nil
}

// bareDDL takes the definition of an instance's schema from the database, as it
// stands after an instance was added, and executes it under new names.
func bareDDL(ctx context.Context, pg *servers.Postgres, samples []float64) ([]float64, error) {
	conn, err := pgx.Connect(ctx, pg.URL)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is under way
	ddl, err := schemaDDL(ctx, conn, "add_0_0")
	if err != nil {
		return nil, err
	}
	for n := range addsPerRound {
		name := fmt.Sprintf("bare_%d_%d", len(samples), n)
		script := "BEGIN; CREATE SCHEMA " + name + "; " + strings.ReplaceAll(ddl, "add_0_0.", name+".") + " COMMIT;"
		ms, err := timed(func() error {
			_, err := conn.Exec(ctx, script, pgx.QueryExecModeSimpleProtocol)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("bare DDL: %w", err)
		}
		samples = append(samples, ms)
	}
	return samples, nil
}

// schemaDDL writes the statements for the tables, constraints and indexes of a
// schema from the catalogue.
func schemaDDL(ctx context.Context, conn *pgx.Conn, schema string) (string, error) {
	rows, err := conn.Query(ctx, `
SELECT format('CREATE TABLE %I.%I (%s);', n.nspname, c.relname,
         (SELECT string_agg(format('%I %s%s', a.attname, format_type(a.atttypid, a.atttypmod),
                                   CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END), ', ' ORDER BY a.attnum)
            FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)), 1 AS step
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind = 'r'
UNION ALL
SELECT format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s;', n.nspname, c.relname, k.conname, pg_get_constraintdef(k.oid)), 2
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = $1 AND k.contype IN ('p', 'u', 'c')
UNION ALL
SELECT pg_get_indexdef(i.indexrelid) || ';', 3
  FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = $1 AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
ORDER BY step`, schema)
	if err != nil {
		return "", err
	}
	statements, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s string, err error) {
		var step int
		err = row.Scan(&s, &step)
		return s, err
	})
	return strings.Join(statements, " "), err
}

// idle measures what instances cost that do nothing, and a scrape of them all.
func idle(ctx context.Context, b *bench) error {
	pg, err := servers.StartPostgres(ctx, servers.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = pg.Close() }() // private and thrown away
	for _, storage := range []struct{ driver, config string }{
		{"memory", "storage: {driver: memory}\n"},
		{"sqlite", "storage: {driver: sqlite}\n"},
		{"postgres", fmt.Sprintf("storage: {driver: postgres, postgres: {url: %q}}\n", pg.URL)},
	} {
		p, err := b.start(ctx, storage.config)
		if err != nil {
			return err
		}
		if err := b.measureFleet(ctx, p, storage.driver); err != nil {
			p.stop()
			return err
		}
		p.stop()
	}
	return nil
}

func (b *bench) measureFleet(ctx context.Context, p *process, driver string) error {
	empty, err := p.resident()
	if err != nil {
		return err
	}
	for n := range fleet {
		b.at("%s, instance %d of %d", driver, n+1, fleet)
		if _, _, err := p.addInstance(ctx, map[string]any{"name": fmt.Sprintf("idle-%d", n)}); err != nil {
			return err
		}
	}
	b.at("%s, waiting until idle connections are closed", driver)
	// Idle connections and handles are closed after a while; the memory of the
	// start is returned to the system by then as well.
	select {
	case <-time.After(45 * time.Second):
	case <-ctx.Done():
		return ctx.Err()
	}
	full, err := p.resident()
	if err != nil {
		return err
	}
	b.add(fmt.Sprintf("resident memory per idle instance, %d on %s", fleet, driver), "kB",
		[]float64{(full - empty) / fleet / 1000}, "", 0, fmt.Sprintf("process without instances %.1f MB", empty/1e6))
	var took []float64
	var size int64
	for range max(b.rounds, 3) * 3 {
		ms, err := timed(func() (err error) {
			_, size, err = get(ctx, p.admin+"/metrics")
			return err
		})
		if err != nil {
			return err
		}
		took = append(took, ms)
	}
	b.add(fmt.Sprintf("scrape of %d idle instances on %s", fleet, driver), "ms", took, "", 0, fmt.Sprintf("%.2f MB", float64(size)/1e6))
	return nil
}

// timed returns how many milliseconds fn took.
func timed(fn func() error) (float64, error) {
	begin := time.Now()
	err := fn()
	return time.Since(begin).Seconds() * 1e3, err
}
