package sim

import (
	"bytes"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// faulty returns books with fault rules, and a decision on them.
func faulty(t *testing.T, rules ...AddFault) *decision {
	t.Helper()
	s := NewState(Rules{Assets: asset.NewRegistry()}, NewGenerator("faults", 1))
	for _, r := range rules {
		d, err := s.Decide(time.Date(2026, 11, 23, 14, 30, 0, 0, time.UTC), &Request{Command: r})
		if err != nil || d.Outcome != Accepted {
			t.Fatalf("%+v: %v, %v", r, d.Err, err)
		}
	}
	return &decision{State: s, now: s.time}
}

func wire(quantity string) matter {
	return matter{rail: "wire_domestic", account: "a", symbol: "USD", amount: money.MustParse(quantity)}
}

func instruction(t SettlementType) matter {
	return matter{settlementType: t, account: "a", symbol: "USD", amount: money.MustParse("5")}
}

func TestRulesMatchWhatAllTheirFieldsAgreeWith(t *testing.T) {
	t.Parallel()
	onRail := matter{settlementType: Deposit, rail: "ach_transfer", account: "a", symbol: "USD", amount: money.MustParse("5")}
	for _, c := range []struct {
		name    string
		match   FaultMatch
		matches []matter
		misses  []matter
	}{
		{"nothing restricts nothing", FaultMatch{}, []matter{wire("1"), instruction(DVP), onRail}, nil},
		{"rail", FaultMatch{Rails: []string{"ach_transfer", "wire_domestic"}}, []matter{wire("1"), onRail}, []matter{instruction(Deposit)}},
		{"settlement type", FaultMatch{SettlementTypes: []string{"DEPOSIT"}}, []matter{onRail, instruction(Deposit)}, []matter{wire("1"), instruction(RVP)}},
		{"settlement type names a rail", FaultMatch{SettlementTypes: []string{"wire_domestic"}}, []matter{wire("1")}, []matter{onRail, instruction(Deposit)}},
		{"transfers", FaultMatch{Scope: ScopeTransfers}, []matter{wire("1"), instruction(Internal)}, []matter{onRail, instruction(DVP)}},
		{"settlements", FaultMatch{Scope: ScopeSettlements}, []matter{onRail, instruction(Internal)}, []matter{wire("1")}},
		{"account", FaultMatch{Accounts: []string{"b"}}, nil, []matter{wire("1")}},
		{"symbol", FaultMatch{Symbols: []string{"USD"}, Accounts: []string{"a", "b"}}, []matter{wire("1")}, nil},
		{"amounts, inclusive", FaultMatch{MinAmount: money.MustParse("2"), MaxAmount: money.MustParse("3")},
			[]matter{wire("2"), wire("3")}, []matter{wire("1.99"), wire("3.01")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := faulty(t, AddFault{Match: c.match, Effect: FaultEffect{BankHoliday: true}})
			for _, m := range c.matches {
				if !d.faultsOn(m).holiday {
					t.Errorf("%+v is not matched", m)
				}
			}
			for _, m := range c.misses {
				if d.faultsOn(m) != (effects{}) {
					t.Errorf("%+v is matched", m)
				}
			}
		})
	}
}

func TestRulesThatMatchCombine(t *testing.T) {
	t.Parallel()
	d := faulty(t,
		AddFault{Effect: FaultEffect{DelaySeconds: 60, ApprovalDelayFactor: 3, Partial: &PartialFault{money.MustParse("0.5")}}},
		AddFault{Effect: FaultEffect{DelaySeconds: 90, Reject: &RejectFault{"LACK", "first"}, Partial: &PartialFault{money.MustParse("0.25")}}},
		AddFault{Effect: FaultEffect{DelaySeconds: 30, Reject: &RejectFault{"MONY", "second"}, ApprovalDelayFactor: 2, BankHoliday: true}},
		AddFault{Effect: FaultEffect{LatencyMillis: 5}},
	)
	before := d.generator.AppendState(nil)
	got := d.faultsOn(wire("1"))
	if got.delay != 90*time.Second || got.rejectCode != "LACK" || got.rejectReason != "first" || got.approvalFactor != 3 ||
		!got.partial.Equal(money.MustParse("0.25")) || !got.holiday {
		t.Errorf("together they do %+v", got)
	}
	if !bytes.Equal(before, d.generator.AppendState(nil)) {
		t.Error("rules without a rate draw chances")
	}
}

func TestRulesWithARateRepeatBySeed(t *testing.T) {
	t.Parallel()
	rate, sure := money.MustParse("0.3"), money.MustParse("1")
	run := func() (pattern string, came int) {
		d := faulty(t,
			AddFault{Match: FaultMatch{Rate: &rate, Symbols: []string{"USD"}}, Effect: FaultEffect{DelaySeconds: 1}},
			AddFault{Match: FaultMatch{Rate: &sure}, Effect: FaultEffect{BankHoliday: true}})
		for range 1000 {
			got := d.faultsOn(wire("1"))
			if got.delay > 0 {
				came++
			}
			pattern += string('0' + rune(got.delay/time.Second))
			if !got.holiday {
				t.Fatal("a rate of one did not come")
			}
		}
		before := d.generator.AppendState(nil)
		other := wire("1")
		other.symbol = "EUR"
		d.faultsOn(other)
		if !bytes.Equal(before, d.generator.AppendState(nil)) {
			t.Error("a rule that does not match draws a chance")
		}
		return pattern, came
	}
	one, came := run()
	if other, _ := run(); one != other {
		t.Error("a second run has other faults")
	}
	if came < 250 || came > 350 {
		t.Errorf("0.3 came %d times of 1000", came)
	}
}
