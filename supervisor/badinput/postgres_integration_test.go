//go:build integration

package badinput

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// TestBadInputHurtsNoBooksInPostgreSQL sends the same to another store: what one
// takes for text another takes for an error.
func TestBadInputHurtsNoBooksInPostgreSQL(t *testing.T) {
	url := os.Getenv("TEST_POSTGRES_URL")
	if url == "" {
		t.Fatal("TEST_POSTGRES_URL is not set; run these tests with: make test-integration")
	}
	rounds(t, func(t *testing.T) config.Config {
		c := memoryOnly(t)
		var random [4]byte
		_, _ = rand.Read(random[:]) // never fails
		c.Service.Name = "badinput" + hex.EncodeToString(random[:])
		c.Storage.Driver, c.Storage.Postgres.URL, c.Storage.Postgres.MaxConnections = config.StoragePostgres, config.Secret(url), 12
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			conn, err := pgx.Connect(ctx, url)
			if err != nil {
				t.Error(err)
				return
			}
			for _, name := range instanceNames {
				_, failed := conn.Exec(ctx, `DROP SCHEMA IF EXISTS `+pgx.Identifier{schemaOf(c, name)}.Sanitize()+` CASCADE`)
				err = errors.Join(err, failed)
			}
			_, failed := conn.Exec(ctx, `DELETE FROM custodian_supervisor.desired WHERE supervisor = $1`, c.Service.Name)
			if err = errors.Join(err, failed, conn.Close(ctx)); err != nil {
				t.Error(err)
			}
		})
		return c
	})
}
