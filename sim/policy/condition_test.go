package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/policy"
)

var amount = money.MustParse

func someFacts() *sim.PolicyFacts {
	return &sim.PolicyFacts{
		Now: time.Date(2026, 11, 28, 3, 30, 0, 0, time.UTC),
		Transfer: &sim.Transfer{
			Rail: "wire_international", Direction: sim.DirectionOut, AccountID: "fund-a", Symbol: "USD", Quantity: amount("50000.01"),
			Beneficiary: sim.Beneficiary{Name: "Acme", Account: "DE02", Bank: "DEUTDEFF", Address: "0xabc", Network: "ethereum"},
			ExternalID:  "t-1", RequestedBy: "alice",
		},
		Asset:     asset.Asset{Symbol: "USD", Kind: asset.Cash, Decimals: 2},
		Account:   sim.Account{AccountID: "fund-a", ClientID: "client", Type: sim.AccountMaster},
		Available: amount("100000"), Total: amount("100000.02"),
	}
}

// compileOne compiles a policy with one condition.
func compileOne(when string) (sim.Policy, error) {
	policies, err := policy.Compile([]policy.Config{{Name: "test", When: when, Then: "reject"}})
	if err != nil {
		return sim.Policy{}, err
	}
	return policies[0], nil
}

func TestConditionsSeeTheTransferExactly(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]bool{
		`true`: true,
		`transfer.rail == "wire_international" && transfer.direction == "OUT" && transfer.symbol == "USD"`: true,
		`transfer.kind == "cash" && transfer.external_id == "t-1" && transfer.requested_by == "alice"`:     true,
		`beneficiary.name == "Acme" && beneficiary.account.startsWith("DE") && beneficiary.bank != ""`:     true,
		`beneficiary.address == "0xabc" && beneficiary.network == "ethereum"`:                              true,
		`account.id == "fund-a" && account.client_id == "client" && account.type == "MASTER"`:              true,
		`transfer.quantity > 50000`:                                           true,
		`transfer.quantity > decimal("50000.01")`:                             false,
		`transfer.quantity >= decimal("50000.01")`:                            true,
		`transfer.quantity == decimal("50000.010")`:                           true,
		`transfer.quantity != decimal("50000.01")`:                            false,
		`transfer.quantity < 50001 && transfer.quantity <= 50001`:             true,
		`transfer.quantity == holding.total * decimal("0.5")`:                 true,
		`transfer.quantity + decimal("0.01") == holding.total - 50000`:        true,
		`holding.available == decimal(100000)`:                                true,
		`decimal("0.1") + decimal("0.2") == decimal("0.3")`:                   true,
		`now.getDayOfWeek("America/New_York") == 5`:                           true,
		`now > timestamp("2026-11-28T03:29:59Z")`:                             true,
		`sent.amount(24) == decimal("0") && sent.count(168) == 0`:             true,
		`transfer.rail in ["wire_domestic", "ach_transfer"]`:                  false,
		`["DE", "FR"].exists(c, beneficiary.account.startsWith(c))`:           true,
		`transfer.quantity > 10 ? account.type == "MASTER" : account.id > ""`: true,
	} {
		p, err := compileOne(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		for range 2 {
			if got, err := p.When.Holds(someFacts()); err != nil || got != want {
				t.Errorf("%s gives %v, %v; want %v", expression, got, err, want)
			}
		}
	}
}

func TestConditionsThatDoNotCompileAreRefusedInWords(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		`transfer.quantity >`:                    "does not compile",
		`transfer.colour == "red"`:               "undeclared",
		`transfer.quantity`:                      "true or false",
		`"yes"`:                                  "true or false",
		`transfer.quantity > 0.5`:                "no matching overload",
		`5 < transfer.quantity`:                  "no matching overload",
		`transfer.quantity == 5`:                 "no matching overload",
		`transfer.quantity > "5"`:                "no matching overload",
		`1.5 > 0.5`:                              "floating point",
		`[1.5].exists(x, x > 1.0)`:               "floating point",
		`transfer.quantity / decimal("2") > 1`:   "no matching overload",
		strings.Repeat("true && ", 260) + "true": "size exceeds limit",
		strings.Repeat("(", 300) + "true" + strings.Repeat(")", 300): "recursion",
	} {
		_, err := compileOne(expression)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "policies[0].when") {
			t.Errorf("%.60s: %v; want %q", expression, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60s: the message has lines: %v", expression, err)
		}
	}
}

func TestConditionsThatFailOrCostTooMuchSaySo(t *testing.T) {
	t.Parallel()
	list := "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30]"
	for expression, want := range map[string]string{
		`decimal(transfer.rail) > 1`: "not a decimal",
		`sent.amount(169) > 1`:       "not kept",
		`sent.count(0) > 1`:          "not kept",
		list + ".all(a, " + list + ".all(b, " + list + ".all(c, a + b + c > 0)))":                "cost",
		`[decimal("0.000000000000000003")].map(x, x * x * x * x * x * x * x * x * x * x)[0] > 1`: "too large",
	} {
		p, err := compileOne(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if _, err := p.When.Holds(someFacts()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", expression, err, want)
		}
	}
}

func FuzzConditions(f *testing.F) {
	for _, seed := range []string{
		`transfer.quantity > 50000 && transfer.rail == "wire_international"`, `sent.amount(24) + transfer.quantity > holding.total * decimal("0.5")`,
		`[1,2].exists(x, x > sent.count(x))`, `now.getHours("Asia/Tokyo") < 9`, `1.5`, `{`, `"\x00"`, `transfer`, `dyn(transfer.quantity) == dyn(1)`,
		`beneficiary.account.matches("^[A-Z]{2}[0-9]+$")`, `type(transfer.quantity) == type(decimal("1"))`, `string(now) == ""`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		p, err := compileOne(expression)
		if err != nil || expression == "" {
			return
		}
		first, errFirst := p.When.Holds(someFacts())
		second, errSecond := p.When.Holds(someFacts())
		if first != second || (errFirst == nil) != (errSecond == nil) {
			t.Fatalf("%q gives %v, %v and then %v, %v", expression, first, errFirst, second, errSecond)
		}
	})
}
