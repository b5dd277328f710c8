package sim

import (
	"encoding/json"

	"github.com/google/uuid"
)

func notOpen(id uuid.UUID) *Error {
	// Whether it is final or never existed is in the tables; the engine tells the
	// two apart for the caller.
	return Errorf(CodeNotFound, "settlement %s does not exist", id)
}

func (c ReverseSettlement) decide(d *decision) *Error {
	if c.Reason != "" {
		if err := checkText("reason", c.Reason, MaxIdentifier); err != nil {
			return err
		}
	}
	if st := d.open[c.ID]; st != nil {
		return Errorf(CodeWrongState, "settlement %s is %s; only a final one that has settled can be reversed", c.ID, st.Status)
	}
	st, known := d.finalSettlement(c.ID)
	switch {
	case !known:
		return errNeedsLookup
	case st == nil:
		return notOpen(c.ID)
	case st.Settled.IsZero():
		return Errorf(CodeWrongState, "settlement %s is %s and moved nothing; there is nothing to reverse", c.ID, st.Status)
	}
	more := 1
	if st.hasCounterpart() {
		more = 2
	}
	if len(d.open)+more > d.rules.MaxOpenSettlements {
		return d.openLimit()
	}
	for _, id := range []string{st.SourceAccount, st.DestinationAccount} {
		if a := d.accounts[id]; a != nil && a.Status == AccountClosed {
			return Errorf(CodeWrongState, "account %s is closed: settlement %s cannot be reversed", quote(id), c.ID)
		}
	}
	generator := *d.generator
	ch := d.changeSettlements()
	mirror := c.reversal(d, st)
	ch.add(mirror)
	if st.hasCounterpart() {
		other := *st
		other.ID, other.Type, other.AccountID = st.MatchedWith, opposite[st.Type], st.Terms.CounterpartyAccount
		terms := *st.Terms
		terms.CounterpartyAccount = st.AccountID
		other.Terms = &terms
		counter := c.reversal(d, &other)
		ch.add(counter)
		for _, s := range []*Settlement{mirror, counter} {
			s.Matching = Dimension{Status: MatchingMatched}
			ch.step(s, ProcessingAcknowledged, "", "")
			ch.step(s, MatchingMatched, "", "")
		}
		mirror.MatchedWith, counter.MatchedWith = counter.ID, mirror.ID
	} else {
		ch.step(mirror, ProcessingAcknowledged, "", "")
		if mirror.NeedsMatch() {
			mirror.Matching = Dimension{Status: MatchingMatched}
			ch.step(mirror, MatchingMatched, "", "")
		}
	}
	ch.happened(EventSettlementAcknowledged)
	ch.proceed(mirror)
	if mirror.Status == StatusFailed {
		// Where nothing waits, a reversal that lacks holdings is none: it can be
		// tried again.
		*d.generator = generator
		return Errorf(CodeInsufficientHoldings, "settlement %s cannot be reversed: %s", c.ID, mirror.Processing.Reason)
	}
	ch.finish()
	return nil
}

// opposite is the type of settlement that takes back another.
var opposite = map[SettlementType]SettlementType{
	Deposit: Withdrawal, Withdrawal: Deposit, Internal: Internal, DVP: RVP, RVP: DVP, DFP: RFP, RFP: DFP,
}

// reversal returns the settlement that takes back what another moved.
func (c ReverseSettlement) reversal(d *decision, st *Settlement) *Settlement {
	terms := &Terms{ReversalOf: st.ID}
	r := &Settlement{
		ID: d.generator.ID(d.now), ExternalID: ReversalID(st.ID), Type: opposite[st.Type], AccountID: st.AccountID, Symbol: st.Symbol,
		Quantity: st.Settled, Status: StatusPending, SourceAccount: st.DestinationAccount, DestinationAccount: st.SourceAccount,
		Terms:      terms,
		Processing: Dimension{Status: ProcessingAcknowledged}, Settlement: Dimension{Status: SettlementPending},
		Hold: Dimension{Status: HoldReleased}, InitiatedAt: d.now,
	}
	if st.Terms != nil {
		terms.Rail, terms.CounterpartyAccount, terms.Counterparty = st.Terms.Rail, st.Terms.CounterpartyAccount, st.Terms.Counterparty
		if !st.Terms.Payment.IsZero() {
			terms.Payment = Cash{st.Terms.Payment.Currency, st.SettledPayment}
		}
	}
	if c.Reason != "" {
		r.Metadata, _ = json.Marshal(map[string]string{"reversal_reason": c.Reason}) // never fails
	}
	t := d.timingOf(r)
	if d.instant {
		r.ExpectedDate = d.today()
		return r
	}
	day := t.TradeDate(d.now)
	r.ExpectedDate, r.Course.CutOffAt = day.String(), t.CutOffAt(day)
	return r
}
