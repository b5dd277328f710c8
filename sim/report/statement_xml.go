package report

import (
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/iso20022"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

var noID uuid.UUID

// reference writes an id as ISO 20022 has room for it: without hyphens.
func reference(id uuid.UUID) string {
	if id == noID {
		return ""
	}
	return strings.ReplaceAll(id.String(), "-", "")
}

// counted writes a quantity as ISO 20022 counts its asset: crypto-assets in digital
// tokens, everything else in units, which carry fewer digits.
func counted(assets *asset.Registry, symbol string, a money.Amount) iso20022.Quantity {
	if assets.Lookup(symbol).Kind == asset.Crypto {
		return iso20022.Quantity{Kind: iso20022.DigitalTokens, Value: a}
	}
	return iso20022.Quantity{Kind: iso20022.Units, Value: a}
}

// sayable reports the first of some quantities of an asset that ISO 20022 has no room
// for, and names the asset.
func sayable(symbol string, quantities ...iso20022.Quantity) error {
	for _, q := range quantities {
		if err := q.Validate(); err != nil {
			return sim.Invalid("format", "ISO 20022 cannot say the quantity of %q: %s", symbol, err)
		}
	}
	return nil
}

// xml writes the page as ISO 20022: semt.002, semt.017 or camt.053.
func (s *Statement) xml(assets *asset.Registry) ([]byte, error) {
	switch s.Kind {
	case Holdings:
		return s.holdingsXML(assets)
	case Transactions:
		return s.transactionsXML(assets)
	default:
		return s.cashXML()
	}
}

func (s *Statement) details() iso20022.StatementDetails {
	return iso20022.StatementDetails{
		Page:        iso20022.Page{Number: s.Page, Last: s.LastPage},
		StatementID: strconv.FormatUint(s.Sequence, 10), Frequency: iso20022.AdHoc, Basis: iso20022.SettlementBasis, AccountID: s.AccountID,
	}
}

// holdingsXML leaves cash out: that is what a statement of cash is for.
func (s *Statement) holdingsXML(assets *asset.Registry) ([]byte, error) {
	_, at := s.ends()
	m := iso20022.HoldingsStatement{StatementDetails: s.details(), At: at}
	for i := range s.Holdings {
		b := &s.Holdings[i]
		if b.Cash {
			continue
		}
		units := func(a money.Amount) iso20022.Quantity { return counted(assets, b.Symbol, a) }
		available, blocked := units(b.Available), units(b.Locked)
		if err := sayable(b.Symbol, units(b.Total()), available, blocked, units(b.PendingIn), units(b.InTransit)); err != nil {
			return nil, err
		}
		h := iso20022.Holding{Instrument: iso20022.Instrument{Symbol: b.Symbol}, Total: units(b.Total()), Available: &available, NotAvailable: &blocked}
		for _, part := range []struct {
			kind   iso20022.SubBalance
			amount money.Amount
		}{
			{iso20022.SubBalanceAvailable, b.Available}, {iso20022.SubBalanceBlocked, b.Locked},
			{iso20022.SubBalancePendingReceipt, b.PendingIn}, {iso20022.SubBalanceInProcess, b.InTransit},
		} {
			if !part.amount.IsZero() {
				h.Parts = append(h.Parts, iso20022.HoldingPart{Kind: part.kind, Quantity: units(part.amount)})
			}
		}
		m.Holdings = append(m.Holdings, h)
	}
	return m.XML()
}

func (s *Statement) transactionsXML(assets *asset.Registry) ([]byte, error) {
	from, to := s.ends()
	m := iso20022.TransactionsStatement{StatementDetails: s.details(), From: from, To: to}
	for _, t := range s.Totals {
		opening, closing := counted(assets, t.Symbol, t.Opening), counted(assets, t.Symbol, t.Closing)
		moved := iso20022.InstrumentTransactions{
			Instrument: iso20022.Instrument{Symbol: t.Symbol}, Opening: &opening, Closing: &closing,
			OpeningIntermediate: s.Page > 1, ClosingIntermediate: !s.LastPage,
		}
		for i := range s.Lines {
			if l := &s.Lines[i]; l.Entry.Symbol == t.Symbol {
				if err := sayable(t.Symbol, s.posted(assets, l).Quantity, opening, closing); err != nil {
					return nil, err
				}
				moved.Transactions = append(moved.Transactions, s.posted(assets, l))
			}
		}
		if len(moved.Transactions) > 0 {
			m.Instruments = append(m.Instruments, moved)
		}
	}
	return m.XML()
}

func (s *Statement) posted(assets *asset.Registry, l *Line) iso20022.PostedTransaction {
	p := iso20022.PostedTransaction{
		ServicerReference: reference(l.Entry.SettlementID), Activity: iso20022.ActivitySettlement, Movement: iso20022.Receive,
		Payment: iso20022.FreeOfPayment, Quantity: counted(assets, l.Entry.Symbol, l.Amount), EffectiveAt: l.Entry.PostedAt, SettlementDate: iso20022.DateOf(l.Entry.PostedAt),
	}
	if l.Amount.Sign() < 0 {
		p.Movement, p.Quantity = iso20022.Deliver, counted(assets, l.Entry.Symbol, l.Amount.Neg())
	}
	s.causes[l.Entry.Sequence].describe(&p)
	return p
}

func (s *Statement) cashXML() ([]byte, error) {
	if len(s.Totals) != 1 && s.Symbol == "" {
		held := make([]string, len(s.Totals))
		for i, t := range s.Totals {
			held[i] = t.Symbol
		}
		return nil, sim.Invalid("symbol", "is required in this format: a camt.053 is about one currency; the account has: %s", strings.Join(held, ", "))
	}
	total := Total{Symbol: s.Symbol}
	if len(s.Totals) == 1 {
		total = s.Totals[0]
	}
	id := strconv.FormatUint(s.Sequence, 10)
	from, to := s.ends()
	m := iso20022.CashStatement{
		MessageID: id + "-" + strconv.Itoa(s.Page), CreatedAt: s.Now, Page: iso20022.Page{Number: s.Page, Last: s.LastPage},
		StatementID: id, From: from, To: to, AccountID: s.AccountID, Currency: total.Symbol,
		Opening: total.Opening, Closing: total.Closing,
		OpeningDate: iso20022.DateOf(s.Opens), ClosingDate: iso20022.DateOf(s.Closes.Add(-time.Microsecond)),
	}
	for i := range s.Lines {
		l := &s.Lines[i]
		if l.Entry.Symbol != total.Symbol {
			continue
		}
		day := iso20022.DateOf(l.Entry.PostedAt)
		m.Entries = append(m.Entries, iso20022.CashEntry{
			Reference: entryID(&l.Entry), Amount: l.Amount, Status: iso20022.EntryBooked, BookingDate: day, ValueDate: day,
			ServicerReference: reference(l.Entry.SettlementID), Code: s.causes[l.Entry.Sequence].bankCode(l.Amount.Sign() > 0),
		})
	}
	return m.XML()
}
