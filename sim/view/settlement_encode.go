package view

import (
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view/jsontext"
)

// Postings are what events moved, by their sequence numbers.
type Postings map[uint64][]sim.Posting

// Settlement appends a settlement in the shape of [Settlement].
func (e *Encoder) Settlement(dst []byte, s *sim.Settlement) []byte {
	return e.SettlementWith(dst, s, nil)
}

// SettlementWith appends a settlement with the postings of its history.
func (e *Encoder) SettlementWith(dst []byte, s *sim.Settlement, moved Postings) []byte {
	decimals := e.cashDecimals(s.Symbol)
	dst = appendID(dst, `{"settlement_id":`, s.ID)
	dst = appendNullable(dst, `,"external_id":`, s.ExternalID)
	dst = appendText(dst, `,"settlement_type":`, string(s.Type))
	dst = appendText(dst, `,"account_id":`, s.AccountID)
	dst = appendText(dst, `,"symbol":`, s.Symbol)
	dst = appendAmount(dst, `,"quantity":`, s.Quantity, decimals)
	dst = e.appendPayment(dst, s.Terms)
	dst = appendText(dst, `,"status":`, string(s.Status))
	dst = appendNullable(dst, `,"source_account":`, s.SourceAccount)
	dst = appendNullable(dst, `,"destination_account":`, s.DestinationAccount)
	dst = e.appendTerms(dst, s, decimals)
	dst = appendNullableID(dst, `,"matched_with":`, s.MatchedWith)
	dst = e.appendProgress(dst, s, decimals)
	dst = appendText(dst, `,"expected_settlement_date":`, s.ExpectedDate)
	dst = appendTime(dst, `,"initiated_at":`, s.InitiatedAt)
	dst = appendTime(dst, `,"completed_at":`, s.CompletedAt)
	dst = appendTime(dst, `,"next_action_at":`, s.DueAt)
	dst = appendDimensions(dst, s)
	dst = e.appendHistory(dst, s.History, moved)
	dst = appendMetadata(dst, s.Metadata)
	return append(dst, '}')
}

func (e *Encoder) appendPayment(dst []byte, t *sim.Terms) []byte {
	if t == nil || t.Payment.IsZero() {
		return append(dst, `,"payment":null`...)
	}
	dst = appendText(dst, `,"payment":{"currency":`, t.Payment.Currency)
	return append(appendAmount(dst, `,"amount":`, t.Payment.Amount, e.cashDecimals(t.Payment.Currency)), '}')
}

// appendTerms appends what was instructed beyond the plain fields.
func (e *Encoder) appendTerms(dst []byte, s *sim.Settlement, decimals int) []byte {
	t := s.Terms
	if t == nil {
		return append(dst, `,"counterparty_account":null,"counterparty":null,"trade_date":null,"rail":null,"partial":"NPAR",`+
			`"min_quantity":null,"links":[],"reversal_of":null`...)
	}
	dst = appendNullable(dst, `,"counterparty_account":`, t.CounterpartyAccount)
	if t.Counterparty.IsZero() {
		dst = append(dst, `,"counterparty":null`...)
	} else {
		dst = appendNullable(dst, `,"counterparty":{"name":`, t.Counterparty.Name)
		dst = append(appendNullable(dst, `,"bic":`, t.Counterparty.BIC), '}')
	}
	dst = appendNullable(dst, `,"trade_date":`, t.TradeDate)
	dst = appendNullable(dst, `,"rail":`, t.Rail)
	partial := t.Partial
	if partial == "" {
		partial = sim.PartialNotAllowed
	}
	dst = appendText(dst, `,"partial":`, string(partial))
	least := decimals
	if partial == sim.PartialByCash {
		least = e.cashDecimals(t.Payment.Currency)
	}
	dst = appendPositive(dst, `,"min_quantity":`, t.MinQuantity, least)
	dst = append(dst, `,"links":[`...)
	for i, l := range t.Links {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, `{"type":`, string(l.Type))
		dst = append(appendText(dst, `,"external_id":`, l.ExternalID), '}')
	}
	return appendNullableID(append(dst, ']'), `,"reversal_of":`, t.ReversalOf)
}

// appendProgress appends how much moved and why not all of it.
func (e *Encoder) appendProgress(dst []byte, s *sim.Settlement, decimals int) []byte {
	code, text := s.Reason()
	dst = appendAmount(dst, `,"settled_quantity":`, s.Settled, decimals)
	dst = appendAmount(dst, `,"open_quantity":`, s.Open(), decimals)
	cash, reserved, penalty := 0, decimals, decimals
	if s.Type.AgainstPayment() && s.Terms != nil {
		cash = e.cashDecimals(s.Terms.Payment.Currency)
		dst = appendAmount(dst, `,"settled_payment":`, s.SettledPayment, cash)
		penalty = cash
		if !s.Delivers() {
			reserved = cash
		}
	} else {
		dst = append(dst, `,"settled_payment":null`...)
	}
	dst = appendPositive(dst, `,"reserved":`, s.Reserved, reserved)
	dst = appendPositive(dst, `,"penalty":`, s.Penalty, penalty)
	dst = appendNullable(dst, `,"reason":`, code)
	return appendNullable(dst, `,"reason_text":`, text)
}

func appendDimensions(dst []byte, s *sim.Settlement) []byte {
	dst = appendDimension(dst, `,"processing":`, &s.Processing)
	if s.Matching.Status == "" {
		dst = append(dst, `,"matching":null`...)
	} else {
		dst = appendDimension(dst, `,"matching":`, &s.Matching)
	}
	dst = appendDimension(dst, `,"settlement":`, &s.Settlement)
	return appendDimension(dst, `,"hold":`, &s.Hold)
}

func appendDimension(dst []byte, name string, d *sim.Dimension) []byte {
	dst = appendText(append(dst, name...), `{"status":`, d.Status)
	return append(appendReason(dst, d.ReasonCode, d.Reason), '}')
}

// appendHistory appends the steps of a record; the postings of an event stand
// with the last step that the event recorded.
func (e *Encoder) appendHistory(dst []byte, history []sim.Transition, moved Postings) []byte {
	dst = append(dst, `,"history":[`...)
	for i := range history {
		if i > 0 {
			dst = append(dst, ',')
		}
		t := &history[i]
		dst = appendTime(dst, `{"at":`, t.At)
		dst = appendText(dst, `,"status":`, t.Status)
		dst = appendReason(dst, t.ReasonCode, t.Reason)
		dst = jsontext.AppendUint(append(dst, `,"sequence":`...), t.Sequence)
		if len(moved) > 0 && (i+1 == len(history) || history[i+1].Sequence != t.Sequence) {
			dst = e.appendPostings(dst, moved[t.Sequence])
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func (e *Encoder) appendPostings(dst []byte, postings []sim.Posting) []byte {
	if len(postings) == 0 {
		return dst
	}
	for i := range postings {
		if i == 0 {
			dst = append(dst, `,"postings":[`...)
		} else {
			dst = append(dst, ',')
		}
		dst = append(e.posting(append(dst, '{'), &postings[i]), '}')
	}
	return append(dst, ']')
}

// posting appends the members of a posting.
func (e *Encoder) posting(dst []byte, p *sim.Posting) []byte {
	dst = appendText(dst, `"symbol":`, p.Symbol)
	dst = appendAmount(dst, `,"amount":`, p.Amount, e.cashDecimals(p.Symbol))
	dst = appendSide(dst, `,"debit":`, p.Debit)
	return appendSide(dst, `,"credit":`, p.Credit)
}

// appendReason appends a code and a text, each only where there is one.
func appendReason(dst []byte, code, text string) []byte {
	if code != "" {
		dst = appendText(dst, `,"reason_code":`, code)
	}
	if text != "" {
		dst = appendText(dst, `,"reason":`, text)
	}
	return dst
}
