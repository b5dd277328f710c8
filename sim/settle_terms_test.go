package sim_test

import (
	"fmt"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func TestInstructionsWithBadTermsAreRefused(t *testing.T) {
	t.Parallel()
	trade := func(change func(*sim.Instruct)) sim.Command { return with(dvp(), change) }
	deposit := func(change func(*sim.Instruct)) sim.Command {
		return with(today(sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "USD", Quantity: amount("1")}), change)
	}
	many := make([]sim.Link, sim.MaxLinks+1)
	for i := range many {
		many[i] = linkTo(sim.LinkInfo, fmt.Sprint(i))
	}
	links := func(links ...sim.Link) sim.Command { return named(dvp(), "own", links...) }
	for _, r := range []struct {
		name    string
		command sim.Command
		field   string
	}{
		{"DVP without payment", trade(func(c *sim.Instruct) { c.Payment = sim.Cash{} }), "payment"},
		{"DFP with payment", trade(func(c *sim.Instruct) { c.Type = sim.DFP }), "payment"},
		{"deposit with payment", deposit(func(c *sim.Instruct) { c.Payment = dvp().Payment }), "payment"},
		{"payment in a security", trade(func(c *sim.Instruct) { c.Payment.Currency = "AAPL" }), "payment.currency"},
		{"payment without currency", trade(func(c *sim.Instruct) { c.Payment.Currency = "" }), "payment.currency"},
		{"payment of nothing", trade(func(c *sim.Instruct) { c.Payment.Amount = amount("0") }), "payment.amount"},
		{"payment too fine", trade(func(c *sim.Instruct) { c.Payment.Amount = amount("0.001") }), "payment.amount"},
		{"no counterparty", trade(func(c *sim.Instruct) { c.CounterpartyAccount = "" }), "counterparty_account"},
		{"both counterparties", trade(func(c *sim.Instruct) { c.Counterparty.Name = "x" }), "counterparty"},
		{"counterparty is oneself", trade(func(c *sim.Instruct) { c.CounterpartyAccount = "a" }), "counterparty_account"},
		{"counterparty is a mirror account", trade(func(c *sim.Instruct) { c.CounterpartyAccount = sim.Nostro }), "counterparty_account"},
		{"counterparty of a deposit", deposit(func(c *sim.Instruct) { c.CounterpartyAccount = "b" }), "counterparty_account"},
		{"party of a deposit", deposit(func(c *sim.Instruct) { c.Counterparty.Name = "b" }), "counterparty"},
		{"party without name", trade(func(c *sim.Instruct) { c.CounterpartyAccount, c.Counterparty.BIC = "", "BIGBUS33" }), "counterparty.name"},
		{"party with a bad code", outside(dvp()), ""},
		{"source of a DVP", trade(func(c *sim.Instruct) { c.SourceAccount = "a" }), "source_account"},
		{"destination of a DVP", trade(func(c *sim.Instruct) { c.DestinationAccount = "b" }), "destination_account"},
		{"rail of a DVP", trade(func(c *sim.Instruct) { c.Rail = "wire_domestic" }), "rail"},
		{"unknown rail", deposit(func(c *sim.Instruct) { c.Rail = "pigeon" }), "rail"},
		{"rail for other assets", deposit(func(c *sim.Instruct) { c.Rail = "crypto_internal" }), "rail"},
		{"unknown partial", trade(func(c *sim.Instruct) { c.Partial = "SOME" }), "partial"},
		{"least part without one", trade(func(c *sim.Instruct) { c.MinQuantity = amount("1") }), "min_quantity"},
		{"least part of any part", trade(func(c *sim.Instruct) { c.Partial, c.MinQuantity = sim.PartialAllowed, amount("1") }), "min_quantity"},
		{"least part missing", trade(func(c *sim.Instruct) { c.Partial = sim.PartialByQuantity }), "min_quantity"},
		{"least part beyond all", trade(func(c *sim.Instruct) { c.Partial, c.MinQuantity = sim.PartialByQuantity, amount("101") }), "min_quantity"},
		{"least cash beyond all", trade(func(c *sim.Instruct) { c.Partial, c.MinQuantity = sim.PartialByCash, amount("19000.01") }), "min_quantity"},
		{"least cash free of payment", trade(func(c *sim.Instruct) {
			c.Type, c.Payment, c.Partial, c.MinQuantity = sim.DFP, sim.Cash{}, sim.PartialByCash, amount("1")
		}), "partial"},
		{"too many links", links(many...), "links"},
		{"link without type", links(sim.Link{ExternalID: "x"}), "links[0].type"},
		{"unknown link", links(linkTo("NEXT", "x")), "links[0].type"},
		{"link to nobody", links(linkTo(sim.LinkAfter, "")), "links[0].external_id"},
		{"link to itself", links(linkTo(sim.LinkAfter, "own")), "links[0].external_id"},
		{"link twice", links(linkTo(sim.LinkAfter, "x"), linkTo(sim.LinkWith, "x")), "links[1].external_id"},
		{"external id of a reversal", named(dvp(), sim.ReversalID(stranger)), "external_id"},
		{"no date", trade(func(c *sim.Instruct) { c.SettlementDate = "24.11.2026" }), "settlement_date"},
		{"past date", trade(func(c *sim.Instruct) { c.SettlementDate = "2026-11-20" }), "settlement_date"},
		{"weekend", trade(func(c *sim.Instruct) { c.SettlementDate = "2026-11-28" }), "settlement_date"},
		{"holiday", trade(func(c *sim.Instruct) { c.SettlementDate = "2026-11-26" }), "settlement_date"},
		{"beyond the calendar", trade(func(c *sim.Instruct) { c.SettlementDate = "2099-11-26" }), "settlement_date"},
		{"before the trade", trade(func(c *sim.Instruct) { c.TradeDate, c.SettlementDate = "2026-11-24", "2026-11-23" }), "trade_date"},
		{"no trade date", trade(func(c *sim.Instruct) { c.TradeDate = "monday" }), "trade_date"},
		{"trade tomorrow", trade(func(c *sim.Instruct) { c.TradeDate = "2026-11-24" }), "trade_date"},
		{"trade on a Sunday", trade(func(c *sim.Instruct) { c.TradeDate = "2026-11-22" }), "trade_date"},
		{"a long reason for a reversal", sim.ReverseSettlement{ID: stranger, Reason: fmt.Sprintf("%0101d", 1)}, "reason"},
	} {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			b := custodian(t, nil)
			if c, ok := r.command.(sim.Instruct); ok && r.field == "" {
				c.Counterparty.BIC, r.command, r.field = "BIG", c, "counterparty.bic"
				r.command = c
			}
			if err := b.refuse(r.command); err.Code != sim.CodeInvalid || err.Field != r.field || err.Message == "" {
				t.Errorf("refused with %s on %q (%s), want %q", err.Code, err.Field, err, r.field)
			}
		})
	}
}

func TestTheValueDateFollowsTheCycle(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		now, trade, want string
	}{
		"T+1":                            {"", "", "2026-11-24"},
		"over a holiday":                 {"25", "", "2026-11-27"},
		"after the cut-off":              {"24 late", "", "2026-11-27"},
		"from the trade date":            {"25", "2026-11-24", "2026-11-25"},
		"but never in the past":          {"25", "2026-11-20", "2026-11-25"},
		"nor on a day that is over":      {"24 late", "2026-11-23", "2026-11-25"},
		"a trade of today settles later": {"", "2026-11-23", "2026-11-24"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := custodian(t, nil)
			switch c.now {
			case "25":
				b.until(at(25, 10, 0))
			case "24 late":
				b.until(at(24, 15, 0))
			}
			s := b.instruct(with(dvp(), func(i *sim.Instruct) { i.SettlementDate, i.TradeDate = "", c.trade }))
			if got := b.settlement(s).ExpectedDate; got != c.want {
				t.Errorf("settles on %s, want %s", got, c.want)
			}
		})
	}
}

func TestADepositOnARailFollowsTheRail(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	s := b.instruct(sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "USD", Quantity: amount("1"), Rail: "wire_domestic"})
	b.wantState(s, "PENDING ACKNOWLEDGED PENDING:FUTU RELEASED")
	if got := b.settlement(s).ExpectedDate; got != "2026-11-25" { // T+2
		t.Errorf("settles on %s", got)
	}
	b.until(at(25, 0, 30))
	b.wantState(s, "COMPLETED ACKNOWLEDGED SETTLED RELEASED")
	b.wantEvent(sim.EventSettlementCompleted, "1 USD NOSTRO/MIRROR>a/AVAILABLE")
}

func TestAnOldIdempotencyKeyStillMeansTheSameInstruction(t *testing.T) {
	t.Parallel()
	plain := sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "USD", Quantity: amount("1")}
	seen := map[sim.Fingerprint]string{sim.FingerprintOf(plain): "plain"}
	for name, c := range map[string]sim.Instruct{
		"rail": with(plain, func(c *sim.Instruct) { c.Rail = "x" }), "trade date": with(plain, func(c *sim.Instruct) { c.TradeDate = "x" }),
		"partial": with(plain, func(c *sim.Instruct) { c.Partial = "x" }), "payment": with(plain, func(c *sim.Instruct) { c.Payment.Currency = "x" }),
		"link": with(plain, func(c *sim.Instruct) { c.Links = []sim.Link{{ExternalID: "x"}} }), "party": with(plain, func(c *sim.Instruct) { c.Counterparty.Name = "x" }),
		"account": with(plain, func(c *sim.Instruct) { c.CounterpartyAccount = "x" }), "least": with(plain, func(c *sim.Instruct) { c.MinQuantity = amount("1") }),
	} {
		if other, known := seen[sim.FingerprintOf(c)]; known {
			t.Errorf("%s has the fingerprint of %s", name, other)
		}
		seen[sim.FingerprintOf(c)] = name
	}
	if got := fmt.Sprintf("%x", sim.FingerprintOf(plain)); got != "499effaa1ae19ca95b70ebf826c82d93" {
		t.Errorf("the fingerprint of a plain deposit is %s: keys in journals have another", got)
	}
}
