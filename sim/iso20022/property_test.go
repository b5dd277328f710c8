package iso20022_test

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/iso20022"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// The generators draw whatever the messages can carry, markup included.

func drawText(t *rapid.T, least, most int, label string) string {
	// A carriage return survives only by number, which the writer knows.
	return rapid.StringOfN(rapid.RuneFrom([]rune("aB9 /-&<>\"'é漢\t\n\r]")), least, most, -1).Draw(t, label)
}

func drawDate(t *rapid.T, label string) iso20022.Date {
	days := rapid.IntRange(0, 40_000).Draw(t, label)
	return iso20022.DateOf(time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, days))
}

func drawTime(t *rapid.T, label string) time.Time {
	return time.Unix(rapid.Int64Range(1, 4e9).Draw(t, label), rapid.Int64Range(0, 999_999_999).Draw(t, label+" part"))
}

func drawNumber(t *rapid.T, pattern, label string) money.Amount {
	return money.MustParse(rapid.StringMatching(pattern).Draw(t, label))
}

func drawQuantity(t *rapid.T, label string) iso20022.Quantity {
	kind := iso20022.QuantityKind(rapid.IntRange(0, 3).Draw(t, label+" kind"))
	pattern := []string{`[1-9][0-9]{0,8}\.[0-9]{0,8}[1-9]`, `[1-9][0-9]{0,11}\.[0-9]{5}`, `[1-9][0-9]{0,12}`, `[1-9][0-9]{0,11}\.[0-9]{18}`}[kind]
	return iso20022.Quantity{Kind: kind, Value: drawNumber(t, pattern, label)}
}

func drawAmount(t *rapid.T, label string) *iso20022.Amount {
	return &iso20022.Amount{
		Currency:  rapid.StringMatching(`[A-Z]{3}`).Draw(t, label+" currency"),
		Value:     drawNumber(t, `[0-9]{1,13}\.[0-9]{5}`, label),
		Direction: rapid.SampledFrom([]iso20022.CreditDebit{iso20022.Credit, iso20022.Debit}).Draw(t, label+" direction"),
	}
}

func drawParty(t *rapid.T, account bool, label string) iso20022.Party {
	var p iso20022.Party
	switch rapid.IntRange(0, 3).Draw(t, label) {
	case 0:
		return p
	case 1:
		p.BIC = rapid.StringMatching(`[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?`).Draw(t, label+" BIC")
	case 2:
		p.Name = drawText(t, 1, 60, label+" name")
	case 3:
		p.ProprietaryID, p.Issuer = drawText(t, 1, 35, label+" id"), drawText(t, 1, 35, label+" issuer")
	}
	if account {
		p.AccountID = drawText(t, 0, 35, label+" account")
	}
	return p
}

func drawParties(t *rapid.T, label string) *iso20022.Parties {
	p := iso20022.Parties{Depository: drawParty(t, false, label+" 0"), Party1: drawParty(t, true, label+" 1"), Party2: drawParty(t, true, label+" 2")}
	if p == (iso20022.Parties{}) {
		return nil
	}
	return &p
}

func drawInstrument(t *rapid.T) iso20022.Instrument {
	i := iso20022.Instrument{Description: drawText(t, 0, 140, "description")}
	if rapid.Bool().Draw(t, "has an ISIN") {
		i.ISIN = rapid.StringMatching(`[A-Z]{2}[A-Z0-9]{9}[0-9]`).Draw(t, "ISIN")
	}
	if i.ISIN == "" || rapid.Bool().Draw(t, "has a symbol") {
		i.Symbol, i.SymbolType = drawText(t, 1, 35, "symbol"), drawText(t, 1, 35, "symbol type")
	}
	return i
}

func drawTransaction(t *rapid.T) iso20022.Transaction {
	tx := iso20022.Transaction{
		AccountID:      drawText(t, 1, 35, "account"),
		Instrument:     drawInstrument(t),
		Movement:       rapid.SampledFrom([]iso20022.Movement{iso20022.Deliver, iso20022.Receive}).Draw(t, "movement"),
		Payment:        rapid.SampledFrom([]iso20022.Payment{iso20022.FreeOfPayment, iso20022.AgainstPayment}).Draw(t, "payment"),
		Quantity:       drawQuantity(t, "quantity"),
		SettlementDate: drawDate(t, "settlement date"),
		Type:           rapid.StringMatching(`[A-Z0-9]{4}`).Draw(t, "type"),
		Partial: rapid.SampledFrom([]iso20022.Partial{"", iso20022.PartialAllowed, iso20022.PartialNotAllowed, iso20022.PartialMinimumCash,
			iso20022.PartialMinimumQuantity}).Draw(t, "partial"),
		Delivering: drawParties(t, "delivering"),
		Receiving:  drawParties(t, "receiving"),
	}
	if tx.Payment == iso20022.AgainstPayment || rapid.Bool().Draw(t, "has an amount") {
		tx.Amount = drawAmount(t, "amount")
	}
	if rapid.Bool().Draw(t, "has a trade date") {
		tx.TradeDate = drawDate(t, "trade date")
	}
	return tx
}

func drawLink(t *rapid.T) iso20022.Link {
	link := iso20022.Link{Position: rapid.SampledFrom([]iso20022.LinkPosition{
		iso20022.LinkAfter, iso20022.LinkBefore, iso20022.LinkWith, iso20022.LinkInform,
	}).Draw(t, "position")}
	if rapid.Bool().Draw(t, "links by the owner's reference") {
		link.Reference = drawText(t, 1, 35, "link")
	} else {
		link.ServicerReference = drawText(t, 1, 35, "link")
	}
	return link
}

func TestInstructionsSurviveWritingAndReading(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := &iso20022.Instruction{
			Version:         iso20022.VersionInstruction,
			Reference:       drawText(t, 1, 35, "reference"),
			CommonReference: drawText(t, 0, 35, "common reference"),
			Transaction:     drawTransaction(t),
			Hold:            rapid.Bool().Draw(t, "hold"),
		}
		for range rapid.IntRange(0, 3).Draw(t, "links") {
			in.Links = append(in.Links, drawLink(t))
		}
		if again := rewrittenInstruction(t, in); !reflect.DeepEqual(in, again) {
			t.Fatalf("%+v became %+v", in, again)
		}
	})
}

func TestCancellationsSurviveWritingAndReading(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := &iso20022.CancellationRequest{
			Version:           iso20022.VersionCancellationRequest,
			Reference:         drawText(t, 1, 35, "reference"),
			Movement:          iso20022.Receive,
			Payment:           iso20022.FreeOfPayment,
			ServicerReference: drawText(t, 0, 35, "servicer's reference"),
			AccountID:         drawText(t, 0, 35, "account"),
			ReasonCode:        rapid.StringMatching(`([A-Z0-9]{1,4})?`).Draw(t, "reason"),
		}
		if again := rewrittenCancellation(t, c); !reflect.DeepEqual(c, again) {
			t.Fatalf("%+v became %+v", c, again)
		}
	})
}

// follows writes a message and compares it with its definition.
func follows(t *rapid.T, message xmlWriter, version, element string, sequences map[string]string) {
	data, err := message.XML()
	if err != nil {
		t.Fatal(err)
	}
	if err := iso20022.CheckWritten(data, version, element, sequences); err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
}

// drawStatus draws a status with reasons that may explain it.
func drawStatus(t *rapid.T, kinds []iso20022.StatusKind, label string) *iso20022.Status {
	if rapid.Bool().Draw(t, label+" is untold") {
		return nil
	}
	s := &iso20022.Status{Kind: rapid.SampledFrom(kinds).Draw(t, label)}
	if s.Kind == iso20022.Matched || s.Kind == iso20022.ProcessingCancellationRequested {
		s.Reasons = []iso20022.StatusReason{{Text: drawText(t, 0, 210, label+" text")}}
		return s
	}
	s.Reasons = drawReasons(t, iso20022.Use(s.Kind), label)
	return s
}

func drawReasons(t *rapid.T, use iso20022.Use, label string) []iso20022.StatusReason {
	var codes []string
	for _, r := range iso20022.Reasons() {
		if _, ok := iso20022.LookupReason(use, r.Code); ok {
			codes = append(codes, r.Code)
		}
	}
	var reasons []iso20022.StatusReason
	for range rapid.IntRange(0, 3).Draw(t, label+" reasons") {
		reasons = append(reasons, iso20022.StatusReason{
			Code: rapid.SampledFrom(codes).Draw(t, label+" code"), Text: drawText(t, 1, 210, label+" text"),
		})
	}
	return reasons
}

func TestAnyStatusFollowsItsDefinition(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := &iso20022.StatusAdvice{
			Reference: drawText(t, 1, 35, "reference"),
			Processing: drawStatus(t, []iso20022.StatusKind{
				iso20022.ProcessingAcknowledged, iso20022.ProcessingPending, iso20022.ProcessingRejected, iso20022.ProcessingCancelled,
				iso20022.ProcessingPendingCancellation, iso20022.ProcessingCancellationRequested,
			}, "processing"),
			Matching:   drawStatus(t, []iso20022.StatusKind{iso20022.Matched, iso20022.Unmatched}, "matching"),
			Settlement: drawStatus(t, []iso20022.StatusKind{iso20022.SettlementPending, iso20022.SettlementFailing}, "settlement"),
		}
		if a.Processing == nil && a.Matching == nil && a.Settlement == nil {
			a.Matching = &iso20022.Status{Kind: iso20022.Matched}
		}
		if rapid.Bool().Draw(t, "has details") {
			a.Details = &iso20022.StatusDetails{
				Transaction: drawTransaction(t),
				Hold:        &iso20022.HoldStatus{Held: true, Reasons: drawReasons(t, iso20022.UseHold, "hold")},
				MatchedAt:   drawTime(t, "matched at"),
			}
		}
		follows(t, a, iso20022.VersionStatusAdvice, "SctiesSttlmTxStsAdvc", statusSequences)
	})
}

func TestAnyConfirmationFollowsItsDefinition(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := &iso20022.Confirmation{
			Reference: drawText(t, 1, 35, "reference"), ServicerReference: drawText(t, 0, 35, "servicer's reference"),
			Transaction: drawTransaction(t), EffectiveDate: drawDate(t, "effective date"), PreviousPart: drawText(t, 0, 35, "previous part"),
		}
		if rapid.Bool().Draw(t, "is a part") {
			before, rest := drawQuantity(t, "before"), drawQuantity(t, "rest")
			c.PartialSettlement = rapid.SampledFrom([]iso20022.PartialSettlement{iso20022.PartRemaining, iso20022.PartFinal}).Draw(t, "part")
			c.PreviouslySettled, c.Remaining = &before, &rest
			c.PreviouslySettledAmount, c.RemainingAmount = drawAmount(t, "paid before"), drawAmount(t, "rest to pay")
		}
		follows(t, c, iso20022.VersionConfirmation, "SctiesSttlmTxConf", confirmationSequences)
	})
}

func drawStatementDetails(t *rapid.T) iso20022.StatementDetails {
	d := iso20022.StatementDetails{
		Page:         iso20022.Page{Number: rapid.IntRange(1, 99999).Draw(t, "page"), Last: rapid.Bool().Draw(t, "last page")},
		ReportNumber: rapid.IntRange(0, 99999).Draw(t, "report"),
		StatementID:  drawText(t, 0, 35, "statement"),
		Frequency: rapid.SampledFrom([]iso20022.Frequency{
			iso20022.AdHoc, iso20022.Intraday, iso20022.Daily, iso20022.Weekly, iso20022.Monthly, iso20022.Yearly,
		}).Draw(t, "frequency"),
		Basis:     rapid.SampledFrom([]iso20022.Basis{iso20022.SettlementBasis, iso20022.TradeBasis}).Draw(t, "basis"),
		Owner:     drawParty(t, false, "owner"),
		AccountID: drawText(t, 1, 35, "account"),
	}
	if d.Owner.Name != "" {
		d.Owner = iso20022.Party{}
	}
	return d
}

func negated(t *rapid.T, q iso20022.Quantity, label string) iso20022.Quantity {
	if rapid.Bool().Draw(t, label) {
		q.Value = q.Value.Neg()
	}
	return q
}

func TestAnyStatementOfHoldingsFollowsItsDefinition(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := &iso20022.HoldingsStatement{StatementDetails: drawStatementDetails(t), At: drawTime(t, "at"), Servicer: drawParty(t, false, "servicer")}
		for range rapid.IntRange(0, 3).Draw(t, "holdings") {
			available, blocked := negated(t, drawQuantity(t, "available"), "is oversold"), drawQuantity(t, "blocked")
			s.Holdings = append(s.Holdings, iso20022.Holding{
				Instrument: drawInstrument(t), Total: negated(t, drawQuantity(t, "total"), "is short"), Available: &available, NotAvailable: &blocked,
				Parts: []iso20022.HoldingPart{{Kind: iso20022.SubBalanceBlocked, Quantity: blocked, Text: drawText(t, 0, 140, "part")}},
			})
		}
		follows(t, s, iso20022.VersionHoldings, "SctiesBalCtdyRpt", holdingsSequences)
	})
}

func TestAnyStatementOfTransactionsFollowsItsDefinition(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		from := drawTime(t, "from")
		s := &iso20022.TransactionsStatement{StatementDetails: drawStatementDetails(t), From: from, To: from.Add(24 * time.Hour)}
		for range rapid.IntRange(0, 2).Draw(t, "instruments") {
			opening, closing := negated(t, drawQuantity(t, "opening"), "opens short"), negated(t, drawQuantity(t, "closing"), "closes short")
			list := iso20022.InstrumentTransactions{
				Instrument: drawInstrument(t), Opening: &opening, Closing: &closing,
				OpeningIntermediate: rapid.Bool().Draw(t, "goes on"), ClosingIntermediate: rapid.Bool().Draw(t, "is to go on"),
			}
			for range rapid.IntRange(1, 3).Draw(t, "transactions") {
				tx := drawTransaction(t)
				list.Transactions = append(list.Transactions, iso20022.PostedTransaction{
					Reference: drawText(t, 0, 35, "reference"), Activity: iso20022.ActivitySettlement, Movement: tx.Movement, Payment: tx.Payment,
					Quantity: tx.Quantity, Amount: tx.Amount, TradeDate: tx.TradeDate, SettlementDate: tx.SettlementDate, EffectiveAt: from,
					Delivering: tx.Delivering, Receiving: tx.Receiving, Reversal: rapid.Bool().Draw(t, "reversal"), Text: drawText(t, 0, 350, "text"),
				})
			}
			s.Instruments = append(s.Instruments, list)
		}
		follows(t, s, iso20022.VersionTransactions, "SctiesTxPstngRpt", transactionsSequences)
	})
}

func TestAnyStatementOfCashFollowsItsDefinition(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		from := drawTime(t, "from")
		s := &iso20022.CashStatement{
			MessageID: drawText(t, 1, 35, "message"), CreatedAt: from, StatementID: drawText(t, 1, 35, "statement"), From: from, To: from,
			Page:      iso20022.Page{Number: rapid.IntRange(1, 3).Draw(t, "page"), Last: rapid.Bool().Draw(t, "last page")},
			AccountID: drawText(t, 1, 34, "account"), Currency: rapid.StringMatching(`[A-Z]{3}`).Draw(t, "currency"),
			AccountName: drawText(t, 0, 70, "account name"), OwnerName: drawText(t, 0, 140, "owner"),
			Opening: drawNumber(t, `-?[0-9]{1,10}\.[0-9]{5}`, "opening"), OpeningDate: drawDate(t, "opening date"), ClosingDate: drawDate(t, "closing date"),
		}
		s.Closing = s.Opening
		for range rapid.IntRange(0, 3).Draw(t, "entries") {
			e := iso20022.CashEntry{
				Amount: drawNumber(t, `-?[0-9]{1,10}\.[0-9]{5}`, "entry"), Code: iso20022.CodeSecuritiesTrade, Text: drawText(t, 0, 500, "text"),
				Status:         rapid.SampledFrom([]iso20022.EntryStatus{iso20022.EntryBooked, iso20022.EntryPending}).Draw(t, "status"),
				OwnerReference: drawText(t, 0, 35, "reference"), BookingDate: drawDate(t, "booked"), ValueDate: drawDate(t, "value"),
			}
			if e.Status == iso20022.EntryBooked {
				s.Closing = s.Closing.Add(e.Amount)
			}
			s.Entries = append(s.Entries, e)
		}
		follows(t, s, iso20022.VersionCash, "BkToCstmrStmt", cashSequences)
	})
}
