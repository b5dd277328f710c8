package sim

import (
	"slices"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

// maxCandidates bounds how many instructions one matching run compares with.
const maxCandidates = 256

// unmatchedCodes are what a simulated counterparty gets wrong.
var unmatchedCodes = []struct{ code, text string }{
	{ReasonAmount, "the counterparty instructed another settlement amount"},
	{ReasonQuantity, "the counterparty instructed another quantity"},
	{ReasonDate, "the counterparty instructed another settlement date"},
	{ReasonTradeDate, "the counterparty instructed another trade date"},
	{ReasonMissing, "the counterparty has not instructed"},
}

// startMatching makes an instruction that needs a match unmatched, and asks a
// counterparty outside the house.
func (c *change) startMatching(s *Settlement) {
	if !s.NeedsMatch() || s.Matching.Status != "" {
		return
	}
	s.Matching = Dimension{Status: MatchingUnmatched}
	if !s.outside() {
		return
	}
	party := &c.d.settlementRules().Counterparty
	delay := party.AffirmDelay.Std()
	if rule, ok := party.Rule(s.Symbol, s.Terms.Counterparty.BIC, s.Quantity); ok {
		delay += rule.Delay.Std()
	}
	if delay > 0 {
		s.Course.ReadyAt = c.d.now.Add(delay)
	}
}

// match looks for the counterparty's instruction.
func (c *change) match(s *Settlement) {
	if s.outside() {
		c.matchOutside(s)
		return
	}
	if other := c.findMatch(s); other != nil {
		c.pair(s, other)
		return
	}
	if s.Matching.ReasonCode != "" {
		return // it stays as it is until an instruction of the counterparty comes or goes
	}
	code, near := c.d.candidate(s)
	c.unmatched(s, code, differenceText[code])
	if near != nil && near.Matching.ReasonCode == ReasonMissing {
		c.unmatched(c.draft(near.ID), code, differenceText[code])
	}
}

// candidate returns the oldest unmatched instruction of the counterparty, other
// than those that are gone, that differs from st in just one key, and the reason
// code; else the code that it is missing.
func (s *State) candidate(st *Settlement, gone ...*Settlement) (code string, near *Settlement) {
	for seen, id := range s.index.unmatched[st.Terms.CounterpartyAccount] {
		if seen == maxCandidates {
			break
		}
		other := s.open[id]
		if slices.ContainsFunc(gone, func(g *Settlement) bool { return g.ID == id }) {
			continue
		}
		if k, n := s.difference(st, other); n == 1 {
			return k, other
		}
	}
	return ReasonMissing, nil
}

// withdraw tells those that differ from an unmatched instruction in one key, and
// said so, that it is gone. Others may go with it.
func (c *change) withdraw(s *Settlement, gone ...*Settlement) {
	if !s.seeksMatch() {
		return
	}
	gone = append(gone, s)
	for seen, id := range c.d.index.unmatched[s.Terms.CounterpartyAccount] {
		if seen == maxCandidates {
			break
		}
		other := c.d.open[id]
		if other.Matching.ReasonCode == "" || other.Matching.ReasonCode == ReasonMissing ||
			slices.ContainsFunc(gone, func(g *Settlement) bool { return g.ID == id }) {
			continue
		}
		if k, n := c.d.difference(other, s); n != 1 || k != other.Matching.ReasonCode {
			continue
		}
		if code, _ := c.d.candidate(other, gone...); code != other.Matching.ReasonCode {
			if draft := c.draft(id); draft != nil {
				c.unmatched(draft, code, differenceText[code])
			}
		}
	}
}

func (c *change) unmatched(s *Settlement, code, text string) {
	s.Matching = Dimension{Status: MatchingUnmatched, ReasonCode: code, Reason: text}
	c.step(s, MatchingUnmatched, code, text)
	c.happened(EventSettlementUnmatched)
}

// findMatch returns the oldest instruction that matches, or nil.
func (c *change) findMatch(s *Settlement) *Settlement {
	for seen, id := range c.d.index.exact[matchKeyOf(s)] {
		if seen == maxCandidates {
			break
		}
		other := c.d.open[id]
		if other.ID == s.ID || other.AccountID != s.Terms.CounterpartyAccount {
			continue
		}
		if _, n := c.d.difference(s, other); n == 0 {
			return c.draft(id)
		}
	}
	return nil
}

// differenceText puts the reasons why two instructions do not match into words.
var differenceText = map[string]string{
	ReasonMissing:   "no instruction of the counterparty fits",
	ReasonDelivery:  "the two do not deliver and receive, both against payment or both free",
	ReasonParty:     "the counterparty's instruction names another account",
	ReasonSecurity:  "the securities differ",
	ReasonQuantity:  "the quantities differ",
	ReasonDate:      "the settlement dates differ",
	ReasonTradeDate: "the trade dates differ",
	ReasonCurrency:  "the settlement currencies differ",
	ReasonAmount:    "the settlement amounts differ by more than is tolerated",
}

// difference returns in how many keys the instruction of the account that s names
// differs from s, and the reason code of the last of them.
func (s *State) difference(a, b *Settlement) (code string, n int) {
	differs := func(yes bool, reason string) {
		if yes {
			code, n = reason, n+1
		}
	}
	differs(a.Delivers() == b.Delivers() || a.Type.AgainstPayment() != b.Type.AgainstPayment(), ReasonDelivery)
	differs(b.Terms.CounterpartyAccount != a.AccountID, ReasonParty)
	differs(a.Symbol != b.Symbol, ReasonSecurity)
	differs(!a.Quantity.Equal(b.Quantity), ReasonQuantity)
	differs(a.ExpectedDate != b.ExpectedDate, ReasonDate)
	differs(a.Terms.TradeDate != "" && b.Terms.TradeDate != "" && a.Terms.TradeDate != b.Terms.TradeDate, ReasonTradeDate)
	if a.Type.AgainstPayment() && b.Type.AgainstPayment() {
		if x, y := a.Terms.Payment, b.Terms.Payment; x.Currency != y.Currency {
			differs(true, ReasonCurrency)
		} else {
			differs(!s.settlementRules().Matching.Agree(x.Amount, y.Amount), ReasonAmount)
		}
	}
	return code, n
}

// pair matches two instructions of the house.
func (c *change) pair(s, other *Settlement) {
	c.withdraw(s, other)
	c.withdraw(other, s)
	s.MatchedWith, other.MatchedWith = other.ID, s.ID
	later := s // the one that made the match late
	if compareIDs(s.ID, other.ID) < 0 {
		later = other
	}
	for _, m := range []*Settlement{s, other} {
		c.matched(m, m == later)
	}
}

// matched records a match. One after the last cut-off of the value date is marked
// as late, and costs the late side.
func (c *change) matched(s *Settlement, own bool) {
	s.Matching = Dimension{Status: MatchingMatched}
	t := c.d.timingOf(s)
	switch late := t.late(s, c.d.now); {
	case late && own:
		s.Matching.ReasonCode, s.Matching.Reason = ReasonLate, "matched after the value date's last cut-off, because it was instructed late"
		c.penalise(s, t.daysLate(s, c.d.now))
	case late:
		s.Matching.ReasonCode, s.Matching.Reason = ReasonCounterpartyLate, "matched after the value date's last cut-off, because the counterparty instructed late"
	}
	c.step(s, MatchingMatched, s.Matching.ReasonCode, s.Matching.Reason)
	c.happened(EventSettlementMatched)
}

// matchOutside asks a simulated counterparty for its instruction, once it has
// answered.
func (c *change) matchOutside(s *Settlement) {
	party := &c.d.settlementRules().Counterparty
	rule, ruled := party.Rule(s.Symbol, s.Terms.Counterparty.BIC, s.Quantity)
	switch {
	case s.Course.ReadyAt.After(c.d.now):
		if s.Matching.ReasonCode == "" {
			c.unmatched(s, ReasonMissing, "the counterparty has not instructed yet")
		}
		return
	case ruled && rule.Reason != "":
		s.Course.ReadyAt = time.Time{}
		if s.Matching.ReasonCode != rule.Reason || s.Matching.Reason != ruleText {
			c.unmatched(s, rule.Reason, ruleText)
		}
		return
	case ruled, c.d.generator.Chance(party.MatchRate):
		s.Course.ReadyAt = time.Time{}
		c.matched(s, false)
		return
	}
	// It got something wrong, and will instruct anew on the next business day.
	if s.Matching.ReasonCode == "" || s.Matching.ReasonCode == ReasonMissing {
		wrong := unmatchedCodes[c.d.generator.Below(int64(len(unmatchedCodes)))]
		if wrong.code == ReasonAmount && !s.Type.AgainstPayment() {
			wrong = unmatchedCodes[1]
		}
		c.unmatched(s, wrong.code, wrong.text)
	}
	s.Course.ReadyAt = c.d.timingOf(s).nextOpening(c.d.now)
}

const ruleText = "the counterparty's instruction differs, as the profile's rules say"

// penalise adds what late settlement costs for a number of days: of the payment,
// or free of payment of the quantity.
func (c *change) penalise(s *Settlement, days int) {
	r := c.d.settlementRules()
	value, symbol := s.Open(), s.Symbol
	if s.Type.AgainstPayment() {
		value, symbol = s.Terms.Payment.Amount.Sub(s.SettledPayment), s.Terms.Payment.Currency
	}
	s.Penalty = s.Penalty.Add(penaltyOf(r, c.d.rules.Assets.Lookup(symbol), value, days))
}

func penaltyOf(r *profile.SettlementRules, a asset.Asset, value money.Amount, days int) money.Amount {
	if value.Sign() <= 0 || r.PenaltyRate.IsZero() {
		return money.Zero
	}
	return r.Penalty(value, days, a.Decimals)
}
