package sim_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// ruler is one of the ecosystem's calls.
type ruler interface {
	Rule() (sim.AddFault, *sim.Error)
}

func TestTheEcosystemsCallsBecomeRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		call     ruler
		body     string
		duration time.Duration
		want     string
	}{
		{&sim.DelaySettlements{}, `{"settlement_types":["crypto_external"],"delay_hours":24,"duration_s":3600}`, time.Hour,
			`{"settlement_types":["crypto_external"]} {"delay_s":86400}`},
		{&sim.PartialSettlementFailure{}, `{"settlement_type":"wire_domestic","failure_rate":0.3,"error":"insufficient_funds"}`, 0,
			`{"settlement_types":["wire_domestic"],"rate":"0.3"} {"reject":{"code":"MONY","reason":"insufficient_funds"}}`},
		{&sim.MultiSigDelays{}, `{"delay_multiplier":10,"min_amount":50000,"duration_s":1800}`, 30 * time.Minute,
			`{"min_amount":"50000"} {"approval_delay_factor":10}`},
		{&sim.SimulateBankHoliday{}, `{"duration_hours":24,"affected_types":["wire_domestic","ach_transfer"]}`, 24 * time.Hour,
			`{"settlement_types":["wire_domestic","ach_transfer"]} {"bank_holiday":true}`},
		{&sim.RejectTransfers{}, `{"rate":1,"reason":"compliance","duration_s":600}`, 10 * time.Minute,
			`{"scope":"transfers","rate":"1"} {"reject":{"code":"RR04","reason":"compliance"}}`},
		{&sim.CustodianOffline{}, `{"duration_s":7200,"error_message":"system_maintenance"}`, 2 * time.Hour,
			`{} {"offline":{"message":"system_maintenance"}}`},
		{&sim.DelaySettlements{}, `{"delay_hours":1}`, 0, `{} {"delay_s":3600}`},
		{&sim.PartialSettlementFailure{}, `{"failure_rate":1}`, 0, `{"rate":"1"} {"reject":{"code":"OTHR","reason":"settlement_failure"}}`},
		{&sim.RejectTransfers{}, `{"rate":"0.5"}`, 0, `{"scope":"transfers","rate":"0.5"} {"reject":{"code":"OTHR","reason":"rejected"}}`},
		{&sim.CustodianOffline{}, `{}`, 0, `{} {"offline":{"message":"custodian_offline"}}`},
	} {
		if err := json.Unmarshal([]byte(c.body), c.call); err != nil {
			t.Fatal(err)
		}
		rule, err := c.call.Rule()
		if err != nil {
			t.Errorf("%s is refused: %v", c.body, err)
			continue
		}
		match, _ := json.Marshal(rule.Match)
		effect, _ := json.Marshal(rule.Effect)
		if got := string(match) + " " + string(effect); got != c.want || rule.Duration != c.duration || rule.Name == "" {
			t.Errorf("%s becomes %s for %s, want %s for %s", c.body, got, rule.Duration, c.want, c.duration)
		}
		b := newBooks(t)
		stored, broken := b.accept(rule).Document.Fault()
		if broken != nil || stored.Name != rule.Name {
			t.Errorf("%s is stored as %+v, %v", c.body, stored, broken)
		}
	}
}

func TestBadBodiesOfTheEcosystemsCallsAreRefusedByField(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 201)
	for _, c := range []struct {
		field string
		call  ruler
	}{
		{"delay_hours", sim.DelaySettlements{}},
		{"delay_hours", sim.DelaySettlements{DelayHours: sim.MaxChaosHours + 1}},
		{"settlement_types[1]", sim.DelaySettlements{DelayHours: 1, SettlementTypes: []string{"DVP", "dvp"}}},
		{"duration_s", sim.DelaySettlements{DelayHours: 1, DurationS: -1}},
		{"failure_rate", sim.PartialSettlementFailure{}},
		{"failure_rate", sim.PartialSettlementFailure{FailureRate: amount("1.5")}},
		{"settlement_type", sim.PartialSettlementFailure{FailureRate: amount("1"), SettlementType: "x"}},
		{"error", sim.PartialSettlementFailure{FailureRate: amount("1"), Error: long}},
		{"delay_multiplier", sim.MultiSigDelays{}},
		{"min_amount", sim.MultiSigDelays{DelayMultiplier: 2, MinAmount: amount("-1")}},
		{"duration_s", sim.MultiSigDelays{DelayMultiplier: 2, DurationS: 1 << 60}},
		{"duration_hours", sim.SimulateBankHoliday{}},
		{"affected_types[0]", sim.SimulateBankHoliday{DurationHours: 1, AffectedTypes: []string{"cheque"}}},
		{"rate", sim.RejectTransfers{}},
		{"reason", sim.RejectTransfers{Rate: amount("1"), Reason: " x"}},
		{"error_message", sim.CustodianOffline{ErrorMessage: long}},
	} {
		if _, err := c.call.Rule(); err == nil || err.Code != sim.CodeInvalid || err.Field != c.field {
			t.Errorf("%+v is answered with %v, want a word on %s", c.call, err, c.field)
		}
	}
}
