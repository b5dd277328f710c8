package sim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

var delayOfAnHour = sim.FaultEffect{DelaySeconds: 3600}

func TestAFaultLastsUntilItsTimeIsOver(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	v := b.accept(sim.AddFault{Name: "mine", Effect: delayOfAnHour, Duration: time.Minute}).Document
	rule, err := v.Fault()
	if err != nil || rule.ID != v.ID || rule.Name != "mine" || !rule.Until.Equal(rule.Since.Add(time.Minute)) || !v.DueAt.Equal(rule.Until) {
		t.Fatalf("the rule is %+v, %v, due at %s", rule, err, v.DueAt)
	}
	if events := b.fire(rule.Until.Add(-time.Microsecond)); len(events) > 0 || len(b.state.Faults()) != 1 {
		t.Fatalf("before its time: %v", types(events))
	}
	if events := b.fire(rule.Until); !slices.Equal(types(events), []sim.EventType{sim.EventFaultExpired}) || len(b.state.Faults()) != 0 {
		t.Fatalf("at its time: %v", types(events))
	}
	if e := b.open[len(b.open)-1]; !e.Time.Equal(rule.Until) || !e.Documents[0].Removed || e.Documents[0].ID != rule.ID {
		t.Errorf("the rule expired with %+v", e)
	}
	if err := b.refuse(sim.ClearFault{ID: rule.ID}); err.Code != sim.CodeNotFound {
		t.Errorf("clearing an expired rule is answered with %v", err)
	}
}

func TestFaultsAreClearedOneOrAll(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.accept(sim.ClearFaults{}) // nothing to clear is fine
	first := b.accept(sim.AddFault{Effect: delayOfAnHour}).Document
	b.accept(sim.AddFault{Effect: delayOfAnHour, Duration: time.Hour})
	b.accept(sim.AddFault{Effect: delayOfAnHour})
	b.accept(sim.ClearFault{ID: first.ID})
	if len(b.state.Faults()) != 2 {
		t.Fatalf("%d rules are left", len(b.state.Faults()))
	}
	b.accept(sim.ClearFaults{})
	if len(b.state.Faults()) != 0 || len(b.state.Snapshot().Documents) != 0 {
		t.Errorf("rules are left: %v", b.state.Faults())
	}
	if _, due := b.state.NextDue(); due {
		t.Error("a cleared rule has a timer")
	}
}

func TestFaultsAreBoundedInNumber(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	for range sim.MaxFaults {
		b.accept(sim.AddFault{Effect: delayOfAnHour})
	}
	if err := b.refuse(sim.AddFault{Effect: delayOfAnHour}); err.Code != sim.CodeLimitReached {
		t.Errorf("answered with %v", err)
	}
	rules := b.state.Faults()
	if !slices.IsSortedFunc(rules, func(a, b *sim.FaultRule) int { return int(a.Sequence) - int(b.Sequence) }) {
		t.Error("rules are not in the order in which they were added")
	}
	if again := b.reload(wideRules()).state.Faults(); len(again) != len(rules) || again[7].ID != rules[7].ID {
		t.Error("a reload changes the rules")
	}
}

func TestBadFaultsAreRefusedByField(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	long := slices.Repeat([]string{"USD"}, 101)
	effect := func(e sim.FaultEffect) sim.AddFault { return sim.AddFault{Effect: e} }
	match := func(m sim.FaultMatch) sim.AddFault { return sim.AddFault{Match: m, Effect: delayOfAnHour} }
	for i, c := range []struct {
		field string
		rule  sim.AddFault
	}{
		{"effect", sim.AddFault{}},
		{"name", sim.AddFault{Name: strings.Repeat("n", 101), Effect: delayOfAnHour}},
		{"duration_s", sim.AddFault{Effect: delayOfAnHour, Duration: -1}},
		{"duration_s", sim.AddFault{Effect: delayOfAnHour, Duration: sim.MaxFaultDuration + time.Second}},
		{"duration_s", sim.AddFault{Effect: delayOfAnHour, Duration: time.Nanosecond}},
		{"match.scope", match(sim.FaultMatch{Scope: "all"})},
		{"match.rails[1]", match(sim.FaultMatch{Rails: []string{"wire_domestic", "pigeon"}})},
		{"match.settlement_types[0]", match(sim.FaultMatch{SettlementTypes: []string{"deposit"}})},
		{"match.accounts[0]", match(sim.FaultMatch{Accounts: []string{""}})},
		{"match.symbols", match(sim.FaultMatch{Symbols: long})},
		{"match.min_amount", match(sim.FaultMatch{MinAmount: amount("-1")})},
		{"match.max_amount", match(sim.FaultMatch{MaxAmount: amount("-1")})},
		{"match.max_amount", match(sim.FaultMatch{MinAmount: amount("2"), MaxAmount: amount("1")})},
		{"match.rate", match(sim.FaultMatch{Rate: amountOf("0")})},
		{"match.rate", match(sim.FaultMatch{Rate: amountOf("1.01")})},
		{"match", sim.AddFault{Match: sim.FaultMatch{Symbols: []string{"USD"}}, Effect: sim.FaultEffect{LatencyMillis: 5}}},
		{"match.rate", sim.AddFault{Match: sim.FaultMatch{Rate: amountOf("0.5")}, Effect: sim.FaultEffect{Offline: &sim.OfflineFault{Message: "m"}}}},
		{"effect.delay_s", effect(sim.FaultEffect{DelaySeconds: -1})},
		{"effect.approval_delay_factor", effect(sim.FaultEffect{ApprovalDelayFactor: sim.MaxApprovalFactor + 1})},
		{"effect.latency_ms", effect(sim.FaultEffect{LatencyMillis: 60_001})},
		{"effect.reject.code", effect(sim.FaultEffect{Reject: &sim.RejectFault{Code: "lack", Reason: "r"}})},
		{"effect.reject.code", effect(sim.FaultEffect{Reject: &sim.RejectFault{Code: "LACKS", Reason: "r"}})},
		{"effect.reject.reason", effect(sim.FaultEffect{Reject: &sim.RejectFault{Code: "LACK"}})},
		{"effect.partial.share", effect(sim.FaultEffect{Partial: &sim.PartialFault{}})},
		{"effect.partial.share", effect(sim.FaultEffect{Partial: &sim.PartialFault{Share: amount("1")}})},
		{"effect.offline.message", effect(sim.FaultEffect{Offline: &sim.OfflineFault{}})},
		{"effect.http_error.rate", effect(sim.FaultEffect{HTTPError: &sim.HTTPFault{Status: 500}})},
		{"effect.http_error.status", effect(sim.FaultEffect{HTTPError: &sim.HTTPFault{Rate: amount("1"), Status: 200}})},
		{"effect.grpc_error.rate", effect(sim.FaultEffect{GRPCError: &sim.GRPCFault{Code: "INTERNAL"}})},
		{"effect.grpc_error.code", effect(sim.FaultEffect{GRPCError: &sim.GRPCFault{Rate: amount("1"), Code: "OK"}})},
		{"effect.webhook.action", effect(sim.FaultEffect{Webhook: &sim.WebhookRule{Action: "lose", Rate: amount("1")}})},
		{"effect.webhook.rate", effect(sim.FaultEffect{Webhook: &sim.WebhookRule{Action: sim.WebhookDrop}})},
		{"effect.book.symbol", effect(sim.FaultEffect{Book: &sim.BookFault{Amount: amount("1")}})},
		{"effect.book.amount", effect(sim.FaultEffect{Book: &sim.BookFault{Symbol: "USD"}})},
		{"effect.book.amount", effect(sim.FaultEffect{Book: &sim.BookFault{Symbol: "USD", Amount: amount("0.001")}})},
	} {
		if err := b.refuse(c.rule); err.Code != sim.CodeInvalid || err.Field != c.field {
			t.Errorf("case %d: answered with %s: %v, want a word on %s", i, err.Code, err, c.field)
		}
	}
}

func TestAnOfflineCustodianRefusesAllButItsClockAndFaults(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.deposit("a", "BTC", "1")
	b.accept(sim.SetClock{Mode: sim.ClockManual})
	soon := b.accept(sim.AddFault{Effect: delayOfAnHour, Duration: time.Minute}).Document
	offline := b.accept(sim.AddFault{Effect: sim.FaultEffect{Offline: &sim.OfflineFault{Message: "system_maintenance"}}, Duration: time.Hour}).Document
	for _, c := range []sim.Command{
		sim.OpenAccount{AccountID: "b"}, sim.Reconcile{},
		sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "BTC", Quantity: amount("1")},
	} {
		if err := b.refuse(c); err.Code != sim.CodeOffline || err.Message != "system_maintenance" || err.RetryAfter == 0 {
			t.Errorf("%T is answered with %s: %v", c, err.Code, err)
		}
	}
	b.accept(sim.AddFault{Effect: delayOfAnHour})
	b.fire(b.now.Add(2 * time.Minute))
	if b.state.Document(sim.DocumentFault, soon.ID) != nil {
		t.Error("a fault does not expire while the custodian is offline")
	}
	b.fire(offline.DueAt)
	b.deposit("a", "BTC", "1")
}

func TestDueWorkWaitsWhileTheCustodianIsOffline(t *testing.T) {
	t.Parallel()
	rules := wideRules()
	rules.Reconciliation.Interval = time.Hour
	for _, cleared := range []bool{false, true} {
		t.Run(fmt.Sprintf("cleared %v", cleared), func(t *testing.T) {
			t.Parallel()
			b := newBooksWith(t, rules)
			b.deposit("a", "BTC", "1") // arms the reconciliation of 15:00
			offline := b.accept(sim.AddFault{Effect: sim.FaultEffect{Offline: &sim.OfflineFault{Message: "m"}}, Duration: 2 * time.Hour}).Document
			if next, any := b.state.NextDue(); !any || !next.Equal(offline.DueAt) {
				t.Fatalf("next due is %s, %v", next, any)
			}
			if events := b.fire(start.Add(time.Hour)); len(events) > 0 {
				t.Fatalf("offline, %v happened", types(events))
			}
			want := []sim.EventType{sim.EventFaultExpired, sim.EventReconciled}
			if cleared {
				b.accept(sim.ClearFaults{})
				want = want[1:]
			}
			events := b.fire(offline.DueAt.Add(time.Hour))
			if !slices.Equal(types(events), want) {
				t.Fatalf("afterwards, %v happened", types(events))
			}
			resumed := offline.DueAt
			if cleared {
				resumed = start.Add(time.Hour)
			}
			if at := events[len(events)-1].Time; at.Before(resumed) || at.After(resumed.Add(time.Hour)) || at.Minute() != 0 {
				t.Errorf("the books were compared at %s", at)
			}
		})
	}
}
