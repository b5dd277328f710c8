package custodiantest_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodiantest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func instruct(t *testing.T, bank *custodiantest.Custodian, req *pb.CreateSettlementRequest) string {
	t.Helper()
	s, err := bank.Settlements.CreateSettlement(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return s.GetSettlementId()
}

func TestInstantCustodianAnswersOnBothPorts(t *testing.T) {
	t.Parallel()
	bank := custodiantest.Start(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, bank.URL+"/api/v1/settlements",
		strings.NewReader(`{"settlement_type":"DEPOSIT","account_id":"fund","symbol":"BTC-USD","quantity":"1.250"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusCreated {
		t.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	http.DefaultClient.CloseIdleConnections()
	id := instruct(t, bank, &pb.CreateSettlementRequest{SettlementType: "DEPOSIT", AccountId: "fund", Symbol: "USD", Quantity: "10.00"})
	bank.RequireSettlement(id, "COMPLETED")
	bank.RequirePosition("fund", "BTC-USD", "1.25", "0")
	bank.RequireBalance("fund", "USD", "10", "0")
	bank.RequireBalance("nobody", "USD", "0", "0")
	var types []string
	for _, event := range bank.Events(1) { // the first set the clock
		types = append(types, event.GetType())
	}
	if want := []string{"account.opened", "settlement.completed", "settlement.completed"}; !slices.Equal(types, want) {
		t.Errorf("events are %q, want %q", types, want)
	}
}

func TestDaysOfSettlementPassWhenTheTestSaysSo(t *testing.T) {
	t.Parallel()
	bank := custodiantest.StartWith(t, `{"profile": "global-custodian", "settlement": {"counterparty": {"match_rate": "1"}},
		"opening": {"balances": [{"account_id": "fund", "currency": "USD", "available_balance": "5000.00"}]}}`)
	began := bank.Now()
	id := instruct(t, bank, &pb.CreateSettlementRequest{
		SettlementType: "RVP", AccountId: "fund", Symbol: "AAPL", Quantity: "10", Payment: &pb.Cash{Amount: "1000.00", Currency: "USD"},
		Counterparty: &pb.Party{Name: "Broker Ltd", Bic: "BROKUS33"},
	})
	bank.RequireSettlement(id, "PENDING")
	bank.RequirePosition("fund", "AAPL", "0", "0")
	bank.AdvanceToNextEvent()
	if !bank.Now().After(began) {
		t.Errorf("the clock stands at %s", bank.Now())
	}
	bank.AdvanceTo(began.AddDate(0, 0, 2))
	bank.Advance(24 * time.Hour)
	bank.RequireSettlement(id, "COMPLETED")
	bank.RequirePosition("fund", "AAPL", "10", "0")
	bank.RequireBalance("fund", "USD", "4000.00", "0")
}

// failure is a test that records what it failed with and goes on.
type failure struct {
	testing.TB
	said string
}

func (f *failure) Helper() {}

func (f *failure) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	panic(f) // a test would end here
}

func (f *failure) Context() context.Context { return f.TB.Context() }

func TestMistakesFailTheTestInWords(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		run  func(testing.TB)
		want string
	}{
		"an entry with a wrong key": {
			func(tb testing.TB) { custodiantest.StartWith(tb, `{"profil": "instant"}`) }, "did you mean profile?",
		},
		"another holding": {
			func(tb testing.TB) { custodiantest.Start(tb).RequirePosition("fund", "BTC", "1", "0") }, "fund has 0 BTC available and 0 locked, want 1 and 0",
		},
		"an amount that is none": {
			func(tb testing.TB) { custodiantest.Start(tb).RequireBalance("fund", "USD", "much", "0") }, `"much" is no amount`,
		},
		"a settlement that is not there": {
			func(tb testing.TB) {
				custodiantest.Start(tb).RequireSettlement("019a0000-0000-7000-8000-000000000000", "COMPLETED")
			}, "NotFound",
		},
		"a clock that has nothing due": {
			func(tb testing.TB) { custodiantest.Start(tb).AdvanceToNextEvent() }, "nothing is due",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &failure{TB: t}
			func() {
				defer func() { _ = recover() }()
				c.run(f)
			}()
			if !strings.Contains(f.said, c.want) {
				t.Errorf("failed with %q, want %q in it", f.said, c.want)
			}
		})
	}
}

// scope is a test whose end is called.
type scope struct {
	testing.TB
	cleanups []func()
}

func (s *scope) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

func (s *scope) end() {
	for _, f := range slices.Backward(s.cleanups) {
		f()
	}
}

// BenchmarkStart measures a custodian from nothing until it has answered and is
// gone again.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		s := &scope{TB: b}
		custodiantest.Start(s).Now()
		s.end()
	}
}
