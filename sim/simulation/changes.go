package simulation

import (
	"fmt"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/simulation/auditor"
)

// change thinks of a hold, a release or a cancellation, mostly of what is open.
func (p *player) change() sim.Command {
	id := pickOr(p.dice, p.view().Open, stranger)
	if p.in(6) {
		id = pickOr(p.dice, p.view().Recent, stranger)
	}
	for range 4 { // rather one that is under way
		if st := p.audit.Settlement(id); st == nil || st.Status == sim.StatusInProgress {
			break
		}
		id = pickOr(p.dice, p.view().Open, id)
	}
	switch p.IntN(5) {
	case 0:
		return sim.HoldSettlement{ID: id}
	case 1, 2:
		return sim.ReleaseSettlement{ID: id}
	default:
		return sim.CancelSettlement{ID: id}
	}
}

func (p *player) reverse() sim.Command {
	return sim.ReverseSettlement{ID: pickOr(p.dice, p.view().Recent, stranger), Reason: pick(p.dice, "", "wrong account")}
}

var rails = []string{"crypto_internal", "crypto_external", "wire_domestic", "wire_international", "ach_transfer"}

func (p *player) transfer() sim.Command {
	c := sim.SubmitTransfer{
		Rail: pick(p.dice, rails...), Direction: pick(p.dice, sim.DirectionOut, sim.DirectionOut, sim.DirectionIn), AccountID: p.someAccount(),
		Symbol: pick(p.dice, "USD", "USD", "EUR", "JPY"), RequestedBy: pick(p.dice, "alice", "ann", "Bob"), Metadata: auditor.Mark(p.unique()),
		Beneficiary: sim.Beneficiary{Name: "Somebody", Account: pick(p.dice, "outside", "elsewhere"), Address: pick(p.dice, "bc1q", "bc1p")},
	}
	if c.Rail == "crypto_internal" || c.Rail == "crypto_external" {
		c.Symbol = pick(p.dice, coins...)
		if c.Rail == "crypto_internal" && !p.in(3) {
			c.Beneficiary.Account = p.otherThan(c.AccountID)
		}
	}
	if p.in(15) {
		c.Symbol = p.symbol()
	}
	if p.in(2) {
		c.ExternalID = fmt.Sprintf("wire-%d", p.unique())
	}
	c.Quantity = p.quantity(c.AccountID, c.Symbol)
	return c
}

func (p *player) approve() sim.Command {
	id := pickOr(p.dice, p.view().OpenTransfers, stranger)
	for range 5 { // rather one that awaits approval
		if t := p.audit.Transfer(id); t != nil && t.Stage == sim.StageAwaitingApproval {
			break
		}
		id = pickOr(p.dice, p.view().OpenTransfers, stranger)
	}
	by := pick(p.dice, "alice", "bob", "BOB", "carol", "dave", "ann", "")
	if p.in(8) {
		return sim.RejectTransfer{ID: id, By: by, Reason: pick(p.dice, "", "no")}
	}
	return sim.ApproveTransfer{ID: id, By: by}
}

func (p *player) cancelTransfer() sim.Command {
	return sim.CancelTransfer{ID: pickOr(p.dice, p.view().OpenTransfers, stranger)}
}

// holding thinks of a change of a holding.
func (p *player) holding() sim.Command {
	id := pickOr(p.dice, p.view().Holdings, stranger)
	h := p.audit.Holding(id)
	if h == nil {
		return sim.LockHolding{ID: id, Amount: decimal(1, 0)}
	}
	for range 4 { // rather one of which something is locked
		if h.Reserved.Less(h.Locked) {
			break
		}
		h = p.audit.Holding(pickOr(p.dice, p.view().Holdings, id))
	}
	id = h.ID
	amount := p.quantity(h.AccountID, h.Symbol)
	switch p.IntN(8) {
	case 0, 1:
		return sim.LockHolding{Cash: h.Cash, ID: id, Amount: amount}
	case 2:
		if own := h.Locked.Sub(h.Reserved); own.Sign() > 0 {
			amount = pick(p.dice, own, h.Locked)
		}
		return sim.UnlockHolding{Cash: h.Cash, ID: id, Amount: amount}
	case 3:
		return sim.UnlockHolding{Cash: h.Cash, ID: id, Amount: amount}
	case 4:
		return sim.CloseHolding{Cash: h.Cash, ID: id}
	case 5:
		return sim.UpdateHolding{Cash: h.Cash, ID: id, Total: &amount}
	default:
		return sim.UpdateHolding{Cash: h.Cash, ID: id, Available: &amount, MarketValue: &amount}
	}
}

func (p *player) openHolding() sim.Command {
	symbol := p.symbol()
	c := sim.OpenHolding{Cash: isCurrency(symbol) != p.in(20), AccountID: p.someAccount(), Symbol: symbol, Available: decimal(p.Int64N(5000), 0)}
	if p.in(3) {
		c.Locked = decimal(p.Int64N(50), 0)
	}
	return c
}

// account thinks of opening, freezing, thawing and closing accounts.
func (p *player) account() sim.Command {
	switch p.IntN(10) {
	case 0:
		return sim.OpenAccount{
			AccountID: pick(p.dice, accounts...), ClientID: pick(p.dice, "", "client"), Type: pick(p.dice, "", sim.AccountMaster, sim.AccountSegregated),
			Metadata: auditor.Mark(p.unique()),
		}
	case 1:
		return sim.UpdateAccount{AccountID: p.someAccount(), Status: pick(p.dice, sim.AccountFrozen, sim.AccountClosed)}
	case 2:
		return sim.UpdateAccount{AccountID: p.someAccount(), Status: sim.AccountFrozen}
	default:
		return sim.UpdateAccount{AccountID: p.someAccount(), Status: sim.AccountActive}
	}
}

// corporate thinks of a corporate action on a security or coin.
func (p *player) corporate() sim.Command {
	if p.in(4) {
		return sim.CancelCorporateAction{ID: pickOr(p.dice, p.view().Actions, "none")}
	}
	day := func(n int) string { return p.audit.Time().AddDate(0, 0, n).Format(time.DateOnly) }
	c := sim.AnnounceCorporateAction{
		ID: fmt.Sprintf("action-%d", p.unique()), Symbol: pick(p.dice, "AAPL", "AAPL", "BOND", "BTC", "VOD-GBP"),
		Type:       pick(p.dice, sim.CashDividend, sim.Coupon, sim.Split, sim.Redemption),
		RecordDate: day(p.IntN(3) - p.IntN(2)), PaymentDate: day(1 + p.IntN(4)),
	}
	if c.Type != sim.Split {
		c.Rate, c.Currency = decimal(1+p.Int64N(2000), 3), pick(p.dice, currencies...)
		c.Rounding = pick(p.dice, "", sim.RoundingDown, sim.RoundingHalfUp, sim.RoundingHalfEven)
		return c
	}
	c.NewUnits, c.OldUnits = decimal(1+p.Int64N(5), 0), decimal(1+p.Int64N(5), 0)
	if p.in(2) {
		c.Fractions, c.FractionPrice, c.Currency = sim.FractionsPaid, decimal(1+p.Int64N(300), 1), "USD"
	}
	return c
}

// advance thinks of how far time goes on.
func (p *player) advance() sim.Command {
	now := p.audit.Time()
	if p.world.Clocks && p.in(12) {
		return sim.SetClock{Mode: sim.ClockScaled, Factor: pick(p.dice, int64(1), 60, 5000)}
	}
	if p.audit.Clock() != sim.ClockManual && p.in(4) {
		return sim.SetClock{Mode: sim.ClockManual}
	}
	switch p.IntN(20) {
	case 0, 1, 2, 3, 4, 5:
		return sim.AdvanceClock{ToNextEvent: true}
	case 6, 7, 8, 9:
		return sim.AdvanceClock{By: p.between(time.Microsecond, time.Hour)}
	case 10, 11, 12:
		return sim.AdvanceClock{By: p.between(time.Hour, 12*time.Hour)}
	case 13, 14: // over a night, a weekend or a holiday
		return sim.AdvanceClock{By: p.between(12*time.Hour, 96*time.Hour)}
	case 15:
		return sim.AdvanceClock{By: p.between(0, 15*24*time.Hour)}
	case 16: // to a cut-off, or the microsecond before
		local := now.AddDate(0, 0, p.IntN(2))
		at := time.Date(local.Year(), local.Month(), local.Day(), pick(p.dice, 17, 18, 20, 21, 22), 0, 0, 0, time.UTC)
		return sim.AdvanceClock{To: at.Add(-time.Duration(p.IntN(2)) * time.Microsecond)}
	case 17:
		return sim.SetClock{Mode: sim.ClockManual, Instant: now.Add(p.between(0, time.Minute))}
	case 18:
		return sim.AdvanceClock{To: now.Add(-time.Second)} // backwards: refused
	default:
		return sim.AdvanceClock{By: p.between(0, time.Second)}
	}
}

// clear takes a fault away, or all.
func (p *player) clear() sim.Command {
	if p.in(2) {
		return sim.ClearFaults{}
	}
	return sim.ClearFault{ID: pickOr(p.dice, p.view().Faults, "none")}
}

// fault thinks of a fault on purpose.
func (p *player) fault() sim.Command {
	c := sim.AddFault{Name: "simulated", Duration: pick(p.dice, 0, time.Minute, 6*time.Hour, 72*time.Hour)}
	rate := share(1 + p.IntN(100))
	match := func() {
		switch p.IntN(6) {
		case 0:
			c.Match.Scope = pick(p.dice, sim.ScopeSettlements, sim.ScopeTransfers)
		case 1:
			c.Match.Rails = []string{pick(p.dice, rails...)}
		case 2:
			c.Match.SettlementTypes = []string{pick(p.dice, "DVP", "RVP", "DEPOSIT", "wire_domestic")}
		case 3:
			c.Match.Accounts = []string{p.someAccount()}
		case 4:
			c.Match.Symbols = []string{p.symbol()}
		default:
			c.Match.MinAmount = decimal(p.Int64N(200), 0)
		}
		if p.in(2) {
			c.Match.Rate = &rate
		}
	}
	e := &c.Effect
	switch p.IntN(11) {
	case 0, 1:
		match()
		e.DelaySeconds = p.Int64N(200_000)
	case 2:
		match()
		e.Reject = &sim.RejectFault{Code: pick(p.dice, "LACK", "OTHR", "CSDH", "RR04"), Reason: "on purpose"}
	case 3:
		match()
		e.Partial = &sim.PartialFault{Share: share(1 + p.IntN(99))}
	case 4:
		match()
		e.ApprovalDelayFactor = 1 + p.Int64N(100)
	case 5:
		match()
		e.BankHoliday = true
	case 6:
		c.Duration = pick(p.dice, time.Minute, time.Hour)
		e.Offline = &sim.OfflineFault{Message: "away on purpose"}
	case 7:
		e.LatencyMillis, e.HTTPError = 10, &sim.HTTPFault{Rate: rate, Status: 503}
	case 8:
		e.Webhook = &sim.WebhookRule{Action: sim.WebhookDrop, Rate: rate}
	case 9:
		e.Reject = &sim.RejectFault{Code: "bad", Reason: ""} // refused
	default:
		e.Book = &sim.BookFault{Symbol: pick(p.dice, "USD", "AAPL", "BTC"), Amount: pick(p.dice, decimal(3, 0), decimal(-25, 2), money.MustParse("100"))}
	}
	return c
}
