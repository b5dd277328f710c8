//go:build integration

package supervisor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	goredis "github.com/redis/go-redis/v9"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/redis"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

func testURL(t *testing.T, name string) string {
	t.Helper()
	u := os.Getenv(name)
	if u == "" {
		t.Fatalf("%s is not set; run these tests with: make test-integration", name)
	}
	return u
}

// place is a part of the real servers that belongs to one test: a supervisor's
// name, and instances whose names begin with it.
type place struct {
	t      *testing.T
	id     string
	config config.Config
	sql    *pgx.Conn
	redis  *redis.Server
	raw    *goredis.Client
}

func newPlace(t *testing.T) *place { return newPlaceWith(t, config.IsolationSchema) }

// eachIsolation runs a test with both ways in which instances are kept apart.
func eachIsolation(t *testing.T, test func(t *testing.T, p *place)) {
	t.Parallel()
	for _, isolation := range []string{config.IsolationSchema, config.IsolationRole} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			test(t, newPlaceWith(t, isolation))
		})
	}
}

// newPlaceWith returns a place; with roles it has a database and a supervisor's
// role and user of its own, as they are provisioned.
func newPlaceWith(t *testing.T, isolation string) *place {
	t.Helper()
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	p := &place{t: t, id: "it" + hex.EncodeToString(random[:]), config: testConfig(t)}
	c := &p.config
	c.Service.Name = p.id
	c.Storage.Driver, c.Storage.Postgres.URL = config.StoragePostgres, config.Secret(testURL(t, "TEST_POSTGRES_URL"))
	c.Storage.Postgres.MaxConnections = 12
	c.Redis.Driver, c.Redis.URL = config.RedisServer, config.Secret(testURL(t, "TEST_REDIS_URL"))
	c.Defaults.DrainGrace = config.Duration(20 * time.Second)
	if c.Storage.Postgres.Isolation = isolation; isolation == config.IsolationRole {
		p.provision(testURL(t, "TEST_POSTGRES_ADMIN_URL"), testURL(t, "TEST_REDIS_ADMIN_URL"))
	}

	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	if p.sql, err = pgx.Connect(ctx, c.Storage.Postgres.URL.Reveal()); err != nil {
		t.Fatal(err)
	}
	if p.redis, err = redis.Open(ctx, redis.Options{URL: c.Redis.URL.Reveal()}); err != nil {
		t.Fatal(err)
	}
	options, err := goredis.ParseURL(c.Redis.URL.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	p.raw = goredis.NewClient(options)
	t.Cleanup(p.clear)
	return p
}

// name returns the name of an instance of the test.
func (p *place) name(suffix string) string { return "custodian-" + p.id + "-" + suffix }

func (p *place) schema(suffix string) string { return "custodian_" + p.id + "_" + suffix }

func (p *place) prefix(suffix string) string { return "custodian:" + p.id + ":" + suffix + ":" }

// clear takes away all that the test left on the servers.
func (p *place) clear() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	rows, err := p.sql.Query(ctx, `SELECT nspname::text FROM pg_namespace WHERE nspname LIKE $1`, `custodian\_`+p.id+`\_%`)
	if err != nil {
		p.t.Error(err)
	}
	schemas, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		p.t.Error(err)
	}
	for _, schema := range schemas {
		if _, err := p.sql.Exec(ctx, `DROP SCHEMA `+pgx.Identifier{schema}.Sanitize()+` CASCADE`); err != nil {
			p.t.Error(err)
		}
	}
	if _, err := p.sql.Exec(ctx, `DELETE FROM custodian_supervisor.desired WHERE supervisor = $1`, p.id); err != nil {
		p.t.Error(err)
	}
	if _, err := p.redis.DropPrefix(ctx, redis.Prefix("custodian:"+p.id+":")); err != nil {
		p.t.Error(err)
	}
	if err := errors.Join(p.sql.Close(ctx), p.redis.Close(), p.raw.Close()); err != nil {
		p.t.Error(err)
	}
}

// row reads one row of text columns.
func (p *place) row(ctx context.Context, sql string, args ...any) []string {
	p.t.Helper()
	rows, err := p.sql.Query(ctx, sql, args...)
	if err != nil {
		p.t.Fatal(err)
	}
	defer rows.Close()
	if !rows.Next() {
		p.t.Fatalf("no row: %s %v (%v)", sql, args, rows.Err())
	}
	values := make([]string, len(rows.FieldDescriptions()))
	into := make([]any, len(values))
	for n := range values {
		into[n] = &values[n]
	}
	if err := rows.Scan(into...); err != nil {
		p.t.Fatal(err)
	}
	return values
}

// wantRow compares a row of text columns.
func (p *place) wantRow(ctx context.Context, want string, sql string, args ...any) {
	p.t.Helper()
	if got := strings.Join(p.row(ctx, sql, args...), " "); got != want {
		p.t.Errorf("%s %v: %q, want %q", sql, args, got, want)
	}
}

// field reads a text field of a JSON answer.
func field(t *testing.T, a answer, name string) string {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(a.body), &object); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	text, ok := object[name].(string)
	if !ok {
		t.Fatalf("%s has no text %q", a.body, name)
	}
	return text
}

func TestRealInstanceIsInitialisedOnBothServers(t *testing.T) {
	eachIsolation(t, instanceIsInitialisedOnBothServers)
}

func instanceIsInitialisedOnBothServers(t *testing.T, p *place) {
	h := launch(t, options{config: p.config})
	one := h.add(p.name("a"), `"opening":{"balances":[{"account_id":"a","currency":"USD","available_balance":"10.00"}]}`)
	if one.Schema != p.schema("a") || one.RedisPrefix != p.prefix("a") || one.Storage != config.StoragePostgres {
		t.Errorf("status %+v", one)
	}
	p.wantRow(h.ctx, p.name("a"), `SELECT instance FROM `+p.schema("a")+`.meta`)
	p.wantRow(h.ctx, "10", `SELECT trim_scale(total_balance)::text FROM `+p.schema("a")+`.balances`)
	h.until("it is discovered", func() bool {
		s, err := redis.NewDiscovery(p.redis).Discover(h.ctx, p.name("a"))
		return err == nil && s.Metadata["grpc_port"] != "" && fmt.Sprintf("%s:%d", s.Address, s.Port) == one.HTTPAddr
	})
	h.deposit(one.HTTPAddr, "d-1")
	h.until("the stream has all events", func() bool {
		events, err := p.raw.XLen(h.ctx, p.prefix("a")+"events").Result()
		s, _ := h.Get(p.name("a"))
		return err == nil && s.Durable > 1 && uint64(events) == s.Durable
	})
	h.must(h.Remove(h.ctx, p.name("a"), RemoveOptions{Purge: true, Wait: true}))
	p.wantRow(h.ctx, "0", `SELECT count(*)::text FROM pg_namespace WHERE nspname = $1`, p.schema("a"))
	if _, err := redis.NewDiscovery(p.redis).Discover(h.ctx, p.name("a")); !errors.Is(err, redis.ErrNotFound) {
		t.Errorf("still discovered: %v", err)
	}
	if n, err := p.raw.Exists(h.ctx, p.prefix("a")+"events").Result(); err != nil || n != 0 {
		t.Errorf("the stream is left: %d, %v", n, err)
	}
}

const positionColumns = `account_id, symbol, trim_scale(quantity)::text, trim_scale(available_quantity)::text,
	trim_scale(locked_quantity)::text, trim_scale(average_cost)::text, trim_scale(market_value)::text, currency, metadata::text`

func TestRealPositionsAreCreatedReadChangedAndDeleted(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	h := launch(t, options{config: p.config})
	one := h.add(p.name("a"))
	const path = "/api/v1/positions"
	created := h.want(http.StatusCreated, http.MethodPost, one.HTTPAddr, path,
		`{"account_id":"test-account","symbol":"BTC-USD","quantity":"2.5","currency":"USD","metadata":{"desk":"x"}}`)
	id := field(t, created, "position_id")
	table := ` FROM ` + p.schema("a") + `.positions WHERE position_id = $1`
	row := func(want string) {
		t.Helper()
		// A list shows what was acknowledged, so the table has it too.
		h.want(http.StatusOK, http.MethodGet, one.HTTPAddr, path, "")
		p.wantRow(h.ctx, want, `SELECT `+positionColumns+table, id)
	}
	row(`test-account BTC-USD 2.5 2.5 0 0 0 USD {"desk": "x"}`)
	h.want(http.StatusConflict, http.MethodPost, one.HTTPAddr, path, `{"account_id":"test-account","symbol":"BTC-USD","quantity":"1"}`)
	h.want(http.StatusOK, http.MethodPost, one.HTTPAddr, path+"/"+id+"/lock", `{"quantity":"1.5"}`)
	row(`test-account BTC-USD 2.5 1 1.5 0 0 USD {"desk": "x"}`)

	client := custodianpb.NewCustodianServiceClient(dialGRPC(t, one.GRPCAddr))
	if got, err := client.GetPosition(h.ctx, &custodianpb.GetPositionRequest{PositionId: id}); err != nil || got.GetLockedQuantity() != "1.5" {
		t.Errorf("GetPosition: %v, %v", got, err)
	}
	if _, err := client.UnlockPosition(h.ctx, &custodianpb.UnlockPositionRequest{PositionId: id, Quantity: "1.5"}); err != nil {
		t.Error(err)
	}
	cost := "100.25"
	if _, err := client.UpdatePosition(h.ctx, &custodianpb.UpdatePositionRequest{PositionId: id, AverageCost: &cost}); err != nil {
		t.Error(err)
	}
	row(`test-account BTC-USD 2.5 2.5 0 100.25 0 USD {"desk": "x"}`)
	h.want(http.StatusOK, http.MethodPatch, one.HTTPAddr, path+"/"+id, `{"quantity":"3","market_value":"300.75"}`)
	row(`test-account BTC-USD 3 3 0 100.25 300.75 USD {"desk": "x"}`)
	h.want(http.StatusNoContent, http.MethodDelete, one.HTTPAddr, path+"/"+id, "")
	h.want(http.StatusNotFound, http.MethodGet, one.HTTPAddr, path+"/"+id, "")
	h.want(http.StatusOK, http.MethodGet, one.HTTPAddr, path, "")
	p.wantRow(h.ctx, "0", `SELECT count(*)::text`+table, id)
	second, err := client.CreatePosition(h.ctx, &custodianpb.CreatePositionRequest{AccountId: "test-account", Symbol: "BTC-USD", Quantity: "1"})
	if err != nil || second.GetPositionId() == id {
		t.Errorf("created again: %v, %v", second, err)
	}
}

func TestRealBalancesAreCreatedReadChangedAndDeleted(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	h := launch(t, options{config: p.config})
	one := h.add(p.name("a"))
	const path = "/api/v1/balances"
	created := h.want(http.StatusCreated, http.MethodPost, one.HTTPAddr, path,
		`{"account_id":"test-account","currency":"USD","available_balance":"1000.00"}`)
	id := field(t, created, "balance_id")
	table := ` FROM ` + p.schema("a") + `.balances WHERE balance_id = $1`
	row := func(want string) {
		t.Helper()
		h.want(http.StatusOK, http.MethodGet, one.HTTPAddr, path, "")
		p.wantRow(h.ctx, want, `SELECT account_id, currency, trim_scale(available_balance)::text, trim_scale(locked_balance)::text,
			trim_scale(total_balance)::text`+table, id)
	}
	row("test-account USD 1000 0 1000")
	client := custodianpb.NewCustodianServiceClient(dialGRPC(t, one.GRPCAddr))
	if got, err := client.LockBalance(h.ctx, &custodianpb.LockBalanceRequest{BalanceId: id, Amount: "250.5"}); err != nil || got.GetLockedBalance() != "250.50" {
		t.Errorf("LockBalance: %v, %v", got, err)
	}
	row("test-account USD 749.5 250.5 1000")
	h.want(http.StatusConflict, http.MethodPost, one.HTTPAddr, path+"/"+id+"/lock", `{"amount":"749.51"}`)
	h.want(http.StatusOK, http.MethodPost, one.HTTPAddr, path+"/"+id+"/unlock", `{"amount":"250.5"}`)
	h.want(http.StatusOK, http.MethodPatch, one.HTTPAddr, path+"/"+id, `{"available_balance":"5.25"}`)
	row("test-account USD 5.25 0 5.25")
	if list, err := client.ListBalances(h.ctx, &custodianpb.ListBalancesRequest{AccountId: "test-account"}); err != nil || len(list.GetBalances()) != 1 {
		t.Errorf("ListBalances: %v, %v", list, err)
	}
	if _, err := client.DeleteBalance(h.ctx, &custodianpb.DeleteBalanceRequest{BalanceId: id}); err != nil {
		t.Error(err)
	}
	h.want(http.StatusNotFound, http.MethodGet, one.HTTPAddr, path+"/"+id, "")
}

func TestRealSettlementsAreCarriedOutRecordedAndUnique(t *testing.T) {
	eachIsolation(t, settlementsAreCarriedOutRecordedAndUnique)
}

func settlementsAreCarriedOutRecordedAndUnique(t *testing.T, p *place) {
	h := launch(t, options{config: p.config})
	one := h.add(p.name("a"))
	const path = "/api/v1/settlements"
	row := func(external, want string) {
		t.Helper()
		h.want(http.StatusOK, http.MethodGet, one.HTTPAddr, path, "")
		p.wantRow(h.ctx, want, `SELECT settlement_type, account_id, symbol, trim_scale(quantity)::text, status,
			coalesce(source_account, '-'), coalesce(destination_account, '-'), (completed_at IS NOT NULL)::text,
			(initiated_at IS NOT NULL AND expected_settlement_date IS NOT NULL)::text
			FROM `+p.schema("a")+`.settlements WHERE external_id = $1`, external)
	}
	deposit := h.want(http.StatusCreated, http.MethodPost, one.HTTPAddr, path,
		`{"settlement_type":"DEPOSIT","account_id":"test-account","symbol":"BTC-USD","quantity":"1.25","external_id":"ext-1"}`)
	if s := field(t, deposit, "status"); s != "COMPLETED" {
		t.Errorf("deposit is %s", s)
	}
	row("ext-1", "DEPOSIT test-account BTC-USD 1.25 COMPLETED DEPOSITORY test-account true true")
	h.want(http.StatusConflict, http.MethodPost, one.HTTPAddr, path,
		`{"settlement_type":"DEPOSIT","account_id":"test-account","symbol":"BTC-USD","quantity":"1.25","external_id":"ext-1"}`)

	client := custodianpb.NewSettlementServiceClient(dialGRPC(t, one.GRPCAddr))
	transfer, err := client.CreateSettlement(h.ctx, &custodianpb.CreateSettlementRequest{
		SettlementType: "TRANSFER", SourceAccount: "test-account", DestinationAccount: "other", Symbol: "BTC-USD", Quantity: "0.25", ExternalId: "ext-2",
	})
	if err != nil || transfer.GetStatus() != "COMPLETED" {
		t.Errorf("transfer: %v, %v", transfer, err)
	}
	row("ext-2", "TRANSFER test-account BTC-USD 0.25 COMPLETED test-account other true true")
	lacking, err := client.CreateSettlement(h.ctx, &custodianpb.CreateSettlementRequest{
		SettlementType: "WITHDRAWAL", AccountId: "other", Symbol: "BTC-USD", Quantity: "0.26", ExternalId: "ext-3",
	})
	if err != nil || lacking.GetStatus() != "FAILED" {
		t.Errorf("withdrawal: %v, %v", lacking, err)
	}
	held := h.want(http.StatusCreated, http.MethodPost, one.HTTPAddr, path,
		`{"settlement_type":"WITHDRAWAL","account_id":"test-account","symbol":"BTC-USD","quantity":"1","external_id":"ext-4","hold":true}`)
	id := field(t, held, "settlement_id")
	// What is open survives a restart with everything else.
	h.must(h.Restart(h.ctx, p.name("a"), 0, true))
	if _, err := client.GetSettlement(h.ctx, &custodianpb.GetSettlementRequest{SettlementId: id}); err != nil {
		t.Error(err)
	}
	h.want(http.StatusOK, http.MethodPost, one.HTTPAddr, path+"/"+id+"/cancel", "")
	again, err := client.GetSettlement(h.ctx, &custodianpb.GetSettlementRequest{SettlementId: id})
	if err != nil || again.GetStatus() != "CANCELLED" {
		t.Errorf("cancelled: %v, %v", again, err)
	}
	p.wantRow(h.ctx, "1 0", `SELECT trim_scale(available_quantity)::text, trim_scale(locked_quantity)::text
		FROM `+p.schema("a")+`.positions WHERE account_id = 'test-account'`)
}
