//go:build integration

package simulation_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/simulation"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/memory"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/postgres"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/sqlite"
)

func init() { whole = true }

// openPostgres opens the server of the tests.
func openPostgres(t *testing.T) *postgres.Server {
	t.Helper()
	url := os.Getenv("TEST_POSTGRES_URL")
	if url == "" {
		t.Fatal("TEST_POSTGRES_URL is not set; run these tests with: make test-integration")
	}
	server, err := postgres.Open(t.Context(), postgres.Options{URL: url, MaxConnections: 8, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := server.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return server
}

// TestASeedGivesTheSameStateInEveryStore runs histories with restarts and trouble
// on the three stores. Each run ends with a comparison of all tables with a replay.
func TestASeedGivesTheSameStateInEveryStore(t *testing.T) {
	server := openPostgres(t)
	n, length := amount(4, 150)
	for seed := *from; seed < *from+n; seed++ {
		store := memory.NewStore()
		file := filepath.Join(t.TempDir(), fmt.Sprintf("seed-%d.db", seed))
		var name [8]byte
		_, _ = rand.Read(name[:])
		schema := "sim_" + hex.EncodeToString(name[:])
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			if err := server.Drop(ctx, schema, nil); err != nil {
				t.Error(err)
			}
		})
		var first simulation.Outcome
		for i, s := range []struct {
			name string
			open func() (sim.Journal, error)
		}{
			{"memory", func() (sim.Journal, error) { return store.Journal("books"), nil }},
			{"SQLite", func() (sim.Journal, error) {
				return sqlite.Open(t.Context(), sqlite.Options{Path: file, Instance: simulation.Instance})
			}},
			{"PostgreSQL", func() (sim.Journal, error) {
				return server.Journal(t.Context(), postgres.JournalOptions{Instance: simulation.Instance, Schema: schema})
			}},
		} {
			began := time.Now()
			out, err := simulation.Run(simulation.Options{Seed: seed, Steps: length}, simulation.NewServed(s.open))
			if err != nil {
				t.Errorf("%s: %v", s.name, err)
				continue
			}
			t.Logf("seed %d in %s: %d events in %s", seed, s.name, out.Events, time.Since(began).Round(time.Millisecond))
			if i == 0 {
				first = out
			}
			if out != first {
				t.Errorf("seed %d gives %+v in %s, and %+v in memory", seed, out, s.name, first)
			}
		}
	}
}
