package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/client"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodiantest"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func clientOf(t *testing.T, o client.Options) *client.Client {
	t.Helper()
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// against returns a client of a server that answers with h.
func against(t *testing.T, h http.HandlerFunc, o client.Options) *client.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	o.URL = server.URL + o.URL
	return clientOf(t, o)
}

func refusal(t *testing.T, err error) *client.Error {
	t.Helper()
	e, ok := errors.AsType[*client.Error](err)
	if !ok {
		t.Fatalf("%v (%T) is no *client.Error", err, err)
	}
	return e
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]client.Options{
		"like http://127.0.0.1:8081":         {URL: "127.0.0.1:8081"},
		"without user, query and fragment":   {URL: "http://u:p@localhost"},
		"one word of printable ASCII":        {URL: "http://localhost", APIKey: "two words"},
		"must not be below zero: it is -1s":  {URL: "http://localhost", Timeout: -time.Second},
		"must be a URL like http://127.0.0.": {},
	} {
		if _, err := client.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
}

func TestEveryOperationHasAMethodAndNoAmountIsAFloat(t *testing.T) {
	t.Parallel()
	text, err := httpapi.Document(false)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]struct{ OperationID string }
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	methods := reflect.TypeFor[*client.Client]()
	operations := 0
	seen := make(map[reflect.Type]bool)
	for path, item := range document.Paths {
		for _, operation := range item {
			operations++
			id := operation.OperationID
			method, ok := methods.MethodByName(strings.ToUpper(id[:1]) + id[1:])
			if !ok {
				t.Errorf("the client has no method for %s (%s)", id, path)
				continue
			}
			for i := range method.Type.NumIn() {
				noFloat(t, seen, method.Type.In(i), id)
			}
			for i := range method.Type.NumOut() {
				noFloat(t, seen, method.Type.Out(i), id)
			}
		}
	}
	if operations < 70 || len(seen) < 100 {
		t.Errorf("only %d operations and %d types were looked at", operations, len(seen))
	}
}

// noFloat fails the test where a type of the client has a float in it, or a value
// that decodes to one.
func noFloat(t *testing.T, seen map[reflect.Type]bool, at reflect.Type, where string) {
	t.Helper()
	if seen[at] || at == reflect.TypeFor[*client.Client]() {
		return
	}
	seen[at] = true
	switch at.Kind() {
	case reflect.Float32, reflect.Float64:
		t.Errorf("%s is a float", where)
	case reflect.Interface:
		if at.NumMethod() == 0 {
			t.Errorf("%s may be a float", where)
		}
	case reflect.Pointer, reflect.Slice, reflect.Map:
		noFloat(t, seen, at.Elem(), where)
	case reflect.Struct:
		for i := range at.NumField() {
			if f := at.Field(i); f.IsExported() {
				noFloat(t, seen, f.Type, where+"."+f.Name)
			}
		}
	}
}

func TestAmountsIDsAndTimesArriveAsTheyWereSent(t *testing.T) {
	t.Parallel()
	custodian := custodiantest.Start(t)
	bank := clientOf(t, client.Options{URL: custodian.URL})
	const amount = "123456789012345678.90" // more digits than a float64 has
	sent, err := bank.CreateSettlement(t.Context(), client.Instruction{
		SettlementType: client.SettlementTypeDEPOSIT, AccountID: "fund", Symbol: "USD", Quantity: amount,
		ExternalID: "a/b?c", TradeDate: client.DateOf(custodian.Now()), Metadata: json.RawMessage(`{"desk": 12345678901234567890}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := bank.GetSettlement(t.Context(), sent.SettlementID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Quantity != amount || got.SettledQuantity != amount || got.OpenQuantity != "0" && got.OpenQuantity != "0.00" {
		t.Errorf("%s was sent, %s came, %s settled, %s is open", amount, got.Quantity, got.SettledQuantity, got.OpenQuantity)
	}
	if string(got.Metadata) != `{"desk": 12345678901234567890}` && string(got.Metadata) != `{"desk":12345678901234567890}` {
		t.Errorf("metadata %s", got.Metadata)
	}
	if !got.CompletedAt.Equal(custodian.Now()) || got.TradeDate != "2026-11-23" || got.Payment != nil || got.Penalty != "" || !got.NextActionAt.IsZero() {
		t.Errorf("completed at %s, trade date %s, payment %v, penalty %q, next action at %s", got.CompletedAt, got.TradeDate, got.Payment, got.Penalty, got.NextActionAt)
	}
	if day, err := got.TradeDate.Time(); err != nil || !day.Equal(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("the trade date begins at %s, %v", day, err)
	}
	balances, err := bank.ListBalances(t.Context(), client.ListBalancesParams{AccountID: "fund"})
	if err != nil || len(balances.Balances) != 1 || balances.Balances[0].AvailableBalance != amount {
		t.Errorf("balances %+v, %v", balances, err)
	}
	for external, n := range map[string]int{"a/b?c": 1, "a/b": 0} {
		page, err := bank.ListSettlements(t.Context(), client.ListSettlementsParams{
			ExternalID: external, From: custodian.Now(), Until: custodian.Now().Add(time.Hour),
		})
		if err != nil || len(page.Settlements) != n {
			t.Errorf("%q: %+v, %v, want %d", external, page, err, n)
		}
	}
}

func TestOtherFormsThanJSONAndNoneAtAll(t *testing.T) {
	t.Parallel()
	custodian := custodiantest.Start(t)
	bank := clientOf(t, client.Options{URL: custodian.URL})
	position, err := bank.OpenPosition(t.Context(), client.OpenPosition{AccountID: "fund/1", Symbol: "BTC-USD", AvailableQuantity: "0"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := bank.GetHoldingsStatement(t.Context(), client.GetHoldingsStatementParams{AccountID: "fund/1", Format: client.StatementFormatCsv})
	if err != nil || !strings.HasPrefix(string(text), "symbol,") && !strings.Contains(string(text), ",") {
		t.Errorf("a statement as CSV is %q, %v", text, err)
	}
	text, err = bank.GetHoldingsStatement(t.Context(), client.GetHoldingsStatementParams{AccountID: "fund/1", Date: client.DateOf(custodian.Now())})
	var statement client.Statement
	if err != nil || json.Unmarshal(text, &statement) != nil || statement.AccountID != "fund/1" {
		t.Errorf("a statement as JSON is %s, %v", text, err)
	}
	if account, err := bank.GetAccount(t.Context(), "fund/1"); err != nil || account.AccountID != "fund/1" {
		t.Errorf("%+v, %v", account, err)
	}
	if _, err := bank.RunReconciliation(t.Context()); err != nil {
		t.Error(err)
	}
	if err := bank.ClosePosition(t.Context(), position.PositionID); err != nil {
		t.Error(err)
	}
	if e := refusal(t, bank.ClosePosition(t.Context(), position.PositionID)); e.Status != http.StatusNotFound || e.Code != "not_found" {
		t.Errorf("closed twice: %+v", e)
	}
}

func TestWhatIsSentBesideTheBody(t *testing.T) {
	t.Parallel()
	type seen struct {
		path   string
		header http.Header
	}
	requests := make(chan seen, 1)
	bank := against(t, func(w http.ResponseWriter, r *http.Request) {
		requests <- seen{r.URL.EscapedPath(), r.Header}
		w.Header().Set("X-Request-Id", "r-1")
		fmt.Fprint(w, `{}`)
	}, client.Options{URL: "/proxy/", APIKey: "k-1", UserAgent: "desk"})
	var answer http.Header
	if _, err := bank.UpdateAccount(t.Context(), "a/b c", client.UpdateAccount{}, client.IdempotencyKey("once"),
		client.Header("traceparent", "00-1"), client.AnswerHeader(&answer)); err != nil {
		t.Fatal(err)
	}
	got := <-requests
	if got.path != "/proxy/api/v1/accounts/a%2Fb%20c" || answer.Get("X-Request-Id") != "r-1" {
		t.Errorf("asked for %s, was answered with %v", got.path, answer)
	}
	for name, want := range map[string]string{
		"Authorization": "Bearer k-1", "User-Agent": "desk", "Idempotency-Key": "once", "Traceparent": "00-1",
		"Accept": "application/json", "Content-Type": "application/json",
	} {
		if got.header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.header.Get(name), want)
		}
	}
}

func TestAnswersThatAreNotTheCustodians(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"a proxy's page":   {http.StatusBadGateway, "<html>", "502 Bad Gateway, and not as a custodian does"},
		"a redirect":       {http.StatusFound, "", "302 Found, and not as a custodian does"},
		"something else":   {http.StatusOK, "<html>", "GET /clock with something that is not the custodian's"},
		"another's errors": {http.StatusForbidden, `{"error": "no"}`, "403 Forbidden, and not as a custodian does"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bank := against(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			}, client.Options{})
			_, err := bank.GetClock(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
			if c.status != http.StatusOK {
				if e := refusal(t, err); e.Status != int64(c.status) || e.Code != "" {
					t.Errorf("%+v", e)
				}
			}
		})
	}
}

func TestCallsEndInTime(t *testing.T) {
	t.Parallel()
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	_, err := against(t, hang, client.Options{Timeout: time.Millisecond}).GetClock(t.Context())
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer within 1ms") {
		t.Errorf("after its time: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	bank := against(t, func(w http.ResponseWriter, r *http.Request) {
		cancel()
		hang(w, r)
	}, client.Options{})
	if _, err := bank.GetClock(ctx); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "no answer within") {
		t.Errorf("after its caller's: %v", err)
	}
}

func TestFollowEndsWithTheReason(t *testing.T) {
	t.Parallel()
	last := func(bank *client.Client, ctx context.Context, after int64) (sequences []int64, err error) {
		for event, failed := range bank.Follow(ctx, after) {
			if failed != nil {
				return sequences, failed
			}
			sequences = append(sequences, event.Sequence)
		}
		return sequences, nil
	}
	custodian := custodiantest.Start(t)
	bank := clientOf(t, client.Options{URL: custodian.URL})
	_, err := last(bank, t.Context(), 1000)
	if e := refusal(t, err); e.Field != "after" {
		t.Errorf("behind the last event: %+v", e)
	}
	ctx, cancel := context.WithCancel(t.Context())
	for event, err := range bank.Follow(ctx, 0) {
		if err != nil {
			if !errors.Is(err, context.Canceled) || event.Sequence != 0 {
				t.Errorf("a stream that was given up: %v, %+v", err, event)
			}
			break
		}
		cancel()
	}
	if ctx.Err() == nil {
		t.Error("the stream brought no event")
	}
	cancel()

	broken := against(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, ": hello\n\nid: 8\ndata: {\"sequence\": 8, \"type\": %q}\n\n", r.Header.Get("Last-Event-ID"))
	}, client.Options{})
	sequences, err := last(broken, t.Context(), 7)
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(sequences) != 1 || sequences[0] != 8 {
		t.Errorf("a stream that broke off: %v after %v", err, sequences)
	}
	garbage := against(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "data: {\n\n") }, client.Options{})
	if _, err := last(garbage, t.Context(), 0); err == nil || !strings.Contains(err.Error(), "sent an event that cannot be read") {
		t.Errorf("garbage: %v", err)
	}
}
