package iso20022

import "time"

// SubBalance is a kind of balance within a holding (SecuritiesBalanceType12Code).
type SubBalance string

// The kinds of sub-balances.
const (
	// SubBalanceAvailable is free to be delivered.
	SubBalanceAvailable SubBalance = "AWAS"
	// SubBalanceBlocked is blocked, as for a settlement that is under way.
	SubBalanceBlocked SubBalance = "BLOK"
	// SubBalancePendingReceipt is on its way in.
	SubBalancePendingReceipt SubBalance = "PENR"
	// SubBalanceInProcess is being processed, as on its way out.
	SubBalanceInProcess SubBalance = "PEND"
	// SubBalancePledged is pledged and stays in the account.
	SubBalancePledged SubBalance = "PLED"
	// SubBalanceRestricted may be sold under conditions only.
	SubBalanceRestricted SubBalance = "RSTR"
	// SubBalanceOther is told in the text.
	SubBalanceOther SubBalance = "OTHR"
)

// HoldingPart is a part of a holding.
type HoldingPart struct {
	Kind     SubBalance
	Quantity Quantity
	// Text is at most 140 characters; SubBalanceOther needs it.
	Text string
}

// Holding is the position of an account in one instrument.
type Holding struct {
	Instrument Instrument
	// Total is the whole position. It is negative for a short one.
	Total Quantity
	// Available is what can be delivered; nil leaves it out. It may be
	// negative.
	Available *Quantity
	// NotAvailable is what cannot; nil leaves it out. It must not be negative.
	NotAvailable *Quantity
	// Parts break the position down. They must not be negative.
	Parts []HoldingPart
	// Text is at most 350 characters, and may be empty.
	Text string
}

// HoldingsStatement is one page of a SecuritiesBalanceCustodyReport (semt.002):
// what an account holds at a moment.
type HoldingsStatement struct {
	StatementDetails
	// At is the moment. It is written in UTC.
	At time.Time
	// Servicer is the custodian; zero leaves it out.
	Servicer Party
	// Holdings are at most [MaxPageEntries].
	Holdings []Holding
}

// XML writes the page as a document of [VersionHoldings]. The error is an
// [*Error].
func (s *HoldingsStatement) XML() ([]byte, error) {
	return write(VersionHoldings, "SctiesBalCtdyRpt", func(w *writer) {
		w.page("Pgntn", s.Page)
		w.statementDetails(&s.StatementDetails, len(s.Holdings) > 0, func() {
			w.element("StmtDtTm", func() { w.dateTime("DtTm", s.At) })
		})
		w.owner(s.Owner)
		if !s.Servicer.IsZero() {
			w.element("AcctSvcr", func() { w.partyID(s.Servicer) })
		}
		w.account(s.AccountID)
		w.bounded("BalForAcct", len(s.Holdings))
		for i := range s.Holdings {
			w.repeated("BalForAcct", i, func() { w.holding(&s.Holdings[i]) })
		}
	})
}

func (w *writer) holding(h *Holding) {
	w.instrument(h.Instrument)
	w.element("AggtBal", func() {
		q := w.position(h.Total)
		w.nested([]string{"Qty", "Qty", "Qty"}, func() { w.quantity(q) })
	})
	if h.Available != nil {
		w.element("AvlblBal", func() {
			q := w.position(*h.Available)
			w.nested([]string{"Qty", "Qty"}, func() { w.quantity(q) })
		})
	}
	if h.NotAvailable != nil {
		w.nested([]string{"NotAvlblBal", "Qty"}, func() { w.quantity(*h.NotAvailable) })
	}
	w.bounded("BalBrkdwn", len(h.Parts))
	for i, p := range h.Parts {
		w.repeated("BalBrkdwn", i, func() {
			w.element("SubBalTp", func() {
				oneOf(w, "Cd", p.Kind, SubBalanceAvailable, SubBalanceBlocked, SubBalancePendingReceipt, SubBalanceInProcess,
					SubBalancePledged, SubBalanceRestricted, SubBalanceOther)
			})
			w.nested([]string{"Qty", "Qty", "Qty"}, func() { w.quantity(p.Quantity) })
			if p.Kind == SubBalanceOther {
				w.text("SubBalAddtlDtls", p.Text, 140)
				return
			}
			w.optional("SubBalAddtlDtls", p.Text, 140)
		})
	}
	w.optional("HldgAddtlDtls", h.Text, 350)
}
