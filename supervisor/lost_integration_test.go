//go:build integration && unix

package supervisor

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// The server is the test's own: it is killed and started again.
func TestRealDatabaseServerThatDiesAndComesBackLosesNothing(t *testing.T) {
	t.Parallel()
	pg, err := servers.StartPostgres(t.Context(), servers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pg.Close(); err != nil {
			t.Error(err)
		}
	})
	c := testConfig(t)
	c.Storage.Driver, c.Storage.Postgres.URL = config.StoragePostgres, config.Secret(pg.URL)
	c.Instances = []config.Instance{entry(t, "lost"), entry(t, "neighbour", `"storage":{"driver":"memory"}`)}
	h := launch(t, options{config: c})
	lost, neighbour := h.awaitState("lost", StateRunning), h.awaitState("neighbour", StateRunning)
	health := grpc_health_v1.NewHealthClient(dialGRPC(t, lost.GRPCAddr))
	h.deposit(lost.HTTPAddr, "before")

	for round := range 2 {
		if err := pg.Stop(); err != nil {
			t.Fatal(err)
		}
		during := fmt.Sprintf("during-%d", round)
		a := h.want(http.StatusServiceUnavailable, http.MethodPost, lost.HTTPAddr, "/api/v1/settlements", depositBody(during))
		if a.code() != "unavailable" || a.header.Get("Retry-After") == "" {
			t.Errorf("answered %s %v", a.body, a.header)
		}
		h.until("readiness tells", func() bool {
			ready, err := request(h.ctx, http.MethodGet, lost.HTTPAddr, "/api/v1/ready", "")
			return err == nil && ready.status == http.StatusServiceUnavailable && strings.Contains(ready.body, `"store":{"status":"down"`)
		})
		h.until("gRPC health tells", func() bool {
			answer, err := health.Check(h.ctx, &grpc_health_v1.HealthCheckRequest{})
			return err == nil && answer.GetStatus() == grpc_health_v1.HealthCheckResponse_NOT_SERVING
		})
		if r := h.Readiness(); r.Status != "degraded" || !slices.Contains(r.NotReady, "lost") || slices.Contains(r.NotReady, "neighbour") {
			t.Errorf("the process reports %+v", r)
		}
		// The desired state lives in that database as well.
		added := fmt.Sprintf("added-%d", round)
		_, err := h.Add(h.ctx, entry(t, added, `"storage":{"driver":"memory"}`), true)
		wantKind(t, err, KindUnavailable, "desired state")
		if _, err := h.Get(added); err == nil {
			t.Error("an instance that could not be persisted is there")
		}
		h.deposit(neighbour.HTTPAddr, during) // nothing else is disturbed

		if err := pg.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.until("it is ready again", func() bool { return h.must(h.Get("lost")).Ready })
		// What was answered unavailable may have been carried out or not; the
		// caller finds out by trying it again.
		h.until("the deposit is there", func() bool {
			a, err := request(h.ctx, http.MethodPost, lost.HTTPAddr, "/api/v1/settlements", depositBody(during))
			if err != nil || !slices.Contains([]int{http.StatusCreated, http.StatusConflict, http.StatusServiceUnavailable}, a.status) {
				t.Fatalf("trying again: %d %s, %v", a.status, a.body, err)
			}
			return a.status != http.StatusServiceUnavailable
		})
		h.deposit(lost.HTTPAddr, fmt.Sprintf("after-%d", round))
		h.add(added, `"storage":{"driver":"memory"}`)
	}

	if n := h.settlements(lost.HTTPAddr); n != 5 {
		t.Errorf("%d settlements, want 5", n)
	}
	h.end() // projects what is left
	conn, err := pgx.Connect(t.Context(), pg.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var books string
	if err := conn.QueryRow(t.Context(), `SELECT string_agg(external_id, ' ' ORDER BY external_id) || ', holding ' ||
		(SELECT trim_scale(quantity) FROM lost.positions) FROM lost.settlements`).Scan(&books); err != nil {
		t.Fatal(err)
	}
	if want := "after-0 after-1 before during-0 during-1, holding 5"; books != want {
		t.Errorf("the tables have %s, want %s", books, want)
	}
}
