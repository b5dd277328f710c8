package overgrpc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/scenario"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/scenario/overgrpc"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/scenario/overhttp"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/memory"
)

// still is a clock that stands still.
type still struct{}

func (still) Now() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

type unmetered struct{}

func (unmetered) RecordPositionCreated(string, string)     {}
func (unmetered) RecordSettlementProcessed(string, string) {}
func (unmetered) RecordBalanceChange(string, string)       {}
func (unmetered) RecordBatch(int, time.Duration)           {}
func (unmetered) RecordRefused(string)                     {}
func (unmetered) RecordProjection(int, time.Duration)      {}
func (unmetered) SetProjectionLag(int)                     {}
func (unmetered) SetQueueDepth(int)                        {}
func (unmetered) RecordReload()                            {}

// newCustodian runs an engine until the test ends. Two of them with the same
// profile answer the same commands with the same records.
func newCustodian(t *testing.T, name string) *engine.Engine {
	t.Helper()
	builtin, _ := profile.Builtin(name)
	resolved, err := builtin.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	e := engine.New(engine.Config{
		Instance: "faces", Seed: 7, Clock: still{}, Metrics: unmetered{}, Logger: slog.New(slog.DiscardHandler), Limits: engine.DefaultLimits(),
		Journal: memory.NewStore().Journal("faces"),
		Rules:   sim.Rules{Assets: asset.NewRegistry(), AutoOpen: true, MaxAccounts: 1000, MaxHoldings: 1000, MaxOpenSettlements: 1000, Profile: resolved},
	})
	stop, end := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- e.Run(stop, context.Background()) }()
	t.Cleanup(func() {
		end()
		if err := <-ran; err != nil {
			t.Errorf("engine: %v", err)
		}
	})
	<-e.Serving()
	return e
}

// faces returns the two faces of two custodians that are alike.
func faces(t *testing.T, profile string) (http, grpc scenario.Custodian) {
	t.Helper()
	handler := httpapi.New(httpapi.Options{Custodian: newCustodian(t, profile), Assets: asset.NewRegistry(), Logger: slog.New(slog.DiscardHandler)})
	return overhttp.Handler{Handler: handler}, &overgrpc.Client{Conn: serve(t, newCustodian(t, profile))}
}

func serve(t *testing.T, custodian *engine.Engine) *grpc.ClientConn {
	t.Helper()
	server := grpcapi.New(grpcapi.Options{Custodian: custodian, Assets: asset.NewRegistry(), Context: context.Background(), Logger: slog.New(slog.DiscardHandler)})
	listener := bufconn.Listen(1 << 20)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///faces", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close() // there is nobody to tell
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := server.Drain(ctx); err != nil {
			t.Errorf("drain: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return conn
}

func decode(t *testing.T, answer []byte) any {
	t.Helper()
	if len(bytes.TrimSpace(answer)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(answer))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return string(answer) // XML and CSV
	}
	if m, ok := v.(map[string]any); ok && m["code"] != nil && m["title"] != nil {
		delete(m, "instance") // each request has its own
	}
	return v
}

// step is a request with what its answers have to agree in.
type step struct {
	request, body string
	// loose compares the status, the code and the field alone: where HTTP and
	// proto read differently, so do the words and the lists of what is allowed.
	loose bool
}

// play plays steps against both faces and compares the answers. Text in braces
// is replaced by members of the answer before that were saved under that name.
func play(t *testing.T, profile string, steps []step) {
	t.Helper()
	first, second := faces(t, profile)
	saved := map[string]string{}
	for i, s := range steps {
		for name, value := range saved {
			s.request, s.body = strings.ReplaceAll(s.request, "{"+name+"}", value), strings.ReplaceAll(s.body, "{"+name+"}", value)
		}
		method, path, _ := strings.Cut(s.request, " ")
		headers := map[string]string{}
		if strings.HasPrefix(s.body, "<") {
			headers["Content-Type"] = "application/xml"
		}
		status, answer, err := first.Do(t.Context(), method, path, headers, []byte(s.body))
		if err != nil {
			t.Fatalf("%d %s: %v", i, s.request, err)
		}
		other, again, err := second.Do(t.Context(), method, path, headers, []byte(s.body))
		if err != nil {
			t.Fatalf("%d %s over gRPC: %v", i, s.request, err)
		}
		a, b := decode(t, answer), decode(t, again)
		if s.loose {
			a, b = essence(a), essence(b)
		}
		if status != other || !reflect.DeepEqual(a, b) {
			t.Errorf("%d %s %s\nover HTTP %d %s\nover gRPC %d %s", i, s.request, s.body, status, answer, other, again)
		}
		save(saved, a)
	}
}

// save keeps the ids of an answer, or of the first settlement in a list.
func save(saved map[string]string, answer any) {
	m, _ := answer.(map[string]any)
	if found, ok := m["settlements"].([]any); ok && len(found) > 0 {
		save(saved, found[0])
	}
	for _, name := range []string{"settlement_id", "transfer_id", "position_id", "balance_id", "id", "next_cursor"} {
		if id, ok := m[name].(string); ok {
			saved[name] = id
		}
	}
}

func essence(v any) any {
	m, _ := v.(map[string]any)
	return [2]any{m["code"], m["field"]}
}

func TestBothFacesAnswerAlike(t *testing.T) {
	t.Parallel()
	const wire = `{"rail":"wire_domestic","direction":"OUT","account_id":"fund-b","symbol":"USD","quantity":"250.00","beneficiary":{"name":"Broker","account":"1","bank":"BROKUS33"},"external_id":"t-1","requested_by":"alice","metadata":{"a":1.50}}`
	for _, profile := range []string{"instant", "global-custodian", "prime-broker"} {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			play(t, profile, []step{
				{request: "PUT /clock", body: `{"mode":"manual","now":"2026-11-23T09:00:00-05:00"}`},
				{request: "POST /api/v1/accounts", body: `{"account_id":"fund-a","client_id":"client","metadata":{"b":[1.50,"é"],"a":null}}`},
				{request: "POST /api/v1/accounts", body: `{"account_id":"fund-a"}`},
				{request: "POST /api/v1/accounts", body: `{"account_id":"fund-s","client_id":"client","account_type":"SEGREGATED"}`},
				{request: "GET /api/v1/accounts?type=MASTER&client_id=client"},
				{request: "PATCH /api/v1/accounts/fund-s", body: `{"status":"FROZEN","metadata":{}}`},
				{request: "PATCH /api/v1/accounts/fund-s", body: `{"status":null}`},
				{request: "GET /api/v1/accounts/fund-s"},
				{request: "GET /api/v1/accounts/nobody"},
				{request: "POST /api/v1/positions", body: `{"account_id":"fund-a","symbol":"AAPL","quantity":100.50,"average_cost":"180","currency":"USD"}`},
				{request: "POST /api/v1/positions/{position_id}/lock", body: `{"amount":"0.5"}`},
				{request: "POST /api/v1/positions/{position_id}/lock", body: `{"quantity":"1000"}`},
				{request: "POST /api/v1/positions/{position_id}/unlock", body: `{"quantity":"0.50"}`},
				{request: "PATCH /api/v1/positions/{position_id}", body: `{"quantity":"100","market_value":"19000"}`},
				{request: "GET /api/v1/positions/{position_id}"},
				{request: "GET /api/v1/positions/none"},
				{request: "POST /api/v1/balances", body: `{"account_id":"fund-b","currency":"USD","available_balance":"20000","locked_balance":"1.00"}`},
				{request: "POST /api/v1/balances/{balance_id}/unlock", body: `{"amount":"1"}`},
				{request: "GET /api/v1/balances?account_id=fund-b"},
				{request: "GET /api/v1/accounts/client/master-balance"},
				{request: "GET /api/v1/accounts/client/segregated-balances"},
				{request: "POST /api/v1/settlements", body: `{"settlement_type":"DVP","account_id":"fund-a","symbol":"AAPL","quantity":"10","payment":{"currency":"USD","amount":"1900.00"},"counterparty_account":"fund-b","trade_date":"2026-11-23","settlement_date":"2026-11-24","external_id":"A-1","partial":"PARQ","min_quantity":"2"}`},
				{request: "GET /api/v1/settlements/{settlement_id}/status-advice"},
				{request: "POST /api/v1/settlements", body: `{"settlement_type":"RVP","account_id":"fund-b","symbol":"AAPL","quantity":10,"payment":{"currency":"USD","amount":1900},"counterparty_account":"fund-a","trade_date":"2026-11-23","settlement_date":"2026-11-24","external_id":"B-1"}`},
				{request: "POST /api/v1/settlements/{settlement_id}/hold"},
				{request: "POST /api/v1/settlements/{settlement_id}/release", body: `{}`},
				{request: "POST /api/v1/settlements", body: `{"settlement_type":"DFP","account_id":"fund-a","symbol":"AAPL","quantity":"1","counterparty":{"name":"Broker","bic":"BROKGB2L"},"settlement_date":"2026-11-25","external_id":"A-2","links":[{"type":"AFTE","external_id":"A-1"}],"hold":true,"metadata":{"k":1}}`},
				{request: "POST /api/v1/settlements", body: `{"settlement_type":"DVP","account_id":"fund-a","symbol":"AAPL","quantity":"1"}`},
				{request: "POST /api/v1/settlements", body: `{"settlement_type":"DEPOSIT","account_id":"fund-a","symbol":"AAPL","quantity":"1","links":[{"type":"AFTE"}]}`, loose: true},
				{request: "POST /api/v1/settlements", body: `{"settlement_type":"DEPOSIT","acount_id":"fund-a"}`, loose: true},
				{request: "POST /api/v1/settlements/bulk", body: `{"settlements":[{"settlement_type":"DEPOSIT","account_id":"fund-a","symbol":"AAPL","quantity":"1"},{"settlement_type":"DEPOSIT","account_id":"fund-a","symbol":"AAPL","quantity":"0"}]}`},
				{request: "GET /api/v1/settlements?limit=1&symbol=AAPL"},
				{request: "GET /api/v1/settlements?limit=2&cursor={next_cursor}&symbol=AAPL", loose: profile == "instant"},
				{request: "POST /api/v1/transfers", body: wire},
				{request: "POST /api/v1/transfers", body: wire},
				{request: "GET /api/v1/transfers/{transfer_id}"},
				{request: "GET /api/v1/transfers/{transfer_id}/status"},
				{request: "POST /api/v1/transfers/{transfer_id}/approve", body: `{"by":"alice"}`},
				{request: "POST /api/v1/transfers/{transfer_id}/approve", body: `{"by":"bob"}`},
				{request: "POST /api/v1/transfers/{transfer_id}/approve", body: `{}`, loose: true},
				{request: "POST /api/v1/transfers/{transfer_id}/reject", body: `{"by":"carol","reason":"no"}`},
				{request: "POST /api/v1/transfers/{transfer_id}/cancel"},
				{request: "GET /api/v1/transfers?direction=OUT"},
				{request: "POST /chaos/delay-settlements", body: `{"settlement_types":["crypto_external"],"delay_hours":24,"duration_s":3600}`},
				{request: "POST /chaos/partial-settlement-failure", body: `{"settlement_type":"wire_domestic","failure_rate":0.3,"error":"insufficient_funds"}`},
				{request: "POST /chaos/multi-sig-delays", body: `{"delay_multiplier":10,"min_amount":50000,"duration_s":1800}`},
				{request: "POST /chaos/simulate-bank-holiday", body: `{"duration_hours":24,"affected_types":["wire_domestic","ach_transfer"]}`},
				{request: "POST /chaos/reject-transfers", body: `{"rate":1,"reason":"compliance","duration_s":600}`},
				{request: "POST /chaos/reject-transfers", body: `{"rate":2}`},
				{request: "POST /chaos/custodian-offline", body: `{"duration_s":7200,"error_message":"system_maintenance"}`},
				{request: "GET /api/v1/accounts"},
				{request: "GET /chaos/status"},
				{request: "DELETE /chaos/rules/{id}"},
				{request: "DELETE /chaos/rules/{id}"},
				{request: "DELETE /chaos/clear-all"},
				{request: "POST /chaos/rules", body: `{"name":"n","match":{"rails":["wire_domestic"],"rate":"0.5","min_amount":5},"effect":{"reject":{"code":"MONY","reason":"r"},"book":{"symbol":"AAPL","amount":"-1"}},"duration_s":60}`},
				{request: "POST /chaos/rules", body: `{"effect":{}}`},
				{request: "GET /chaos/rules"},
				{request: "POST /api/v1/reconciliation/run"},
				{request: "POST /clock/advance", body: `{"by":"30s"}`},
				{request: "GET /api/v1/reconciliation?status=OPEN"},
				{request: "DELETE /chaos/rules"},
				{request: "POST /api/v1/corporate-actions", body: `{"id":"Q4","type":"CASH_DIVIDEND","symbol":"AAPL","record_date":"2026-11-24","payment_date":"2026-11-26","rate":"0.25","currency":"USD"}`},
				{request: "POST /api/v1/corporate-actions", body: `{"id":"Q5","type":"GIFT","symbol":"AAPL","record_date":"2026-11-24","payment_date":"2026-11-26"}`},
				{request: "POST /clock/advance", body: `{"to_next_event":true}`},
				{request: "POST /clock/advance", body: `{"to":"2026-11-27T18:00:00Z"}`},
				{request: "POST /clock/advance", body: `{"to":"2026-11-26T18:00:00Z"}`},
				{request: "POST /clock/advance", body: `{"by":"soon"}`},
				{request: "GET /clock"},
				{request: "GET /api/v1/corporate-actions"},
				{request: "GET /api/v1/corporate-actions/Q4"},
				{request: "GET /api/v1/corporate-actions/Q4/entitlements?part=1"},
				{request: "POST /api/v1/corporate-actions/Q4/cancel"},
				{request: "GET /api/v1/settlements?external_id=A-1"},
				{request: "GET /api/v1/settlements/{settlement_id}"},
				{request: "GET /api/v1/settlements/{settlement_id}/status"},
				{request: "GET /api/v1/settlements/{settlement_id}/confirmation"},
				{request: "POST /api/v1/settlements/{settlement_id}/reverse", body: `{"reason":"twice"}`},
				{request: "GET /api/v1/statements/holdings?account_id=fund-a"},
				{request: "GET /api/v1/statements/holdings?account_id=fund-a&format=xml&date=2026-11-24"},
				{request: "GET /api/v1/statements/transactions?account_id=fund-a&from=2026-11-23&to=2026-11-27&limit=2&page=2"},
				{request: "GET /api/v1/statements/cash?account_id=fund-b&from=2026-11-23&format=csv"},
				{request: "GET /api/v1/statements/cash?account_id=fund-b&from=2026-11-29"},
				{request: "GET /api/v1/ledger/entries?limit=3&after=2"},
				{request: "GET /api/v1/ledger/entries?settlement_id={settlement_id}", loose: profile == "instant"},
				{request: "GET /api/v1/events?limit=5"},
				{request: "GET /api/v1/events?limit=5&cursor={next_cursor}"},
				{request: "GET /api/v1/events?limit=1000"},
				{request: "POST /api/v1/iso20022", body: `<Document/>`},
				{request: "GET /api/v1/nothing"},
				{request: "GET /debug/state"},
			})
		})
	}
}

func TestEveryOperationCanBePlayed(t *testing.T) {
	t.Parallel()
	handler := overhttp.Handler{Handler: httpapi.New(httpapi.Options{Assets: asset.NewRegistry()})}
	_, text, err := handler.Do(t.Context(), http.MethodGet, "/openapi.json", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	document, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]bool{}
	for path, item := range document.Paths.Map() {
		for method := range item.Operations() {
			wanted[method+" "+path] = true
		}
	}
	for _, own := range []string{"GET /api/v1/health", "GET /api/v1/ready", "GET /metrics", "GET /openapi.json"} {
		delete(wanted, own)
	}
	for _, operation := range overgrpc.Operations() {
		if !wanted[operation] {
			t.Errorf("%s is not documented, or there twice", operation)
		}
		delete(wanted, operation)
	}
	for operation := range wanted {
		t.Errorf("%s cannot be played", operation)
	}
}
