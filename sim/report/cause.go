package report

import (
	"context"
	"strings"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/iso20022"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

// cause is what made a line move, as far as ISO 20022 says it.
type cause struct {
	settlement *sim.Settlement
	transfer   *sim.Transfer
	action     *sim.CorporateAction
}

// findCauses reads the events of the page's lines. They are as many as lines at
// most.
func (s *Statement) findCauses(ctx context.Context, log Log) error {
	s.causes = make(map[uint64]cause, len(s.Lines))
	for i := range s.Lines {
		sequence := s.Lines[i].Entry.Sequence
		if _, known := s.causes[sequence]; known || sequence == 0 {
			continue
		}
		events, err := log.Events(ctx, sequence-1, 1)
		if err != nil {
			return err
		}
		s.causes[sequence] = cause{}
		if len(events) > 0 && events[0].Event.Sequence == sequence {
			s.causes[sequence] = causeOf(events[0].Event)
		}
	}
	return nil
}

func causeOf(e *sim.Event) (c cause) {
	switch noun, _, _ := strings.Cut(string(e.Type), "."); {
	case noun == "settlement" && len(e.Settlements) > 0:
		c.settlement = e.Settlements[0]
	case noun == "transfer" && len(e.Transfers) > 0:
		c.transfer = e.Transfers[0]
	case noun == "corporate_action":
		for _, v := range e.Documents {
			if v.Kind != sim.DocumentCorporateAction || v.Removed {
				continue
			}
			if action, err := v.CorporateAction(); err == nil {
				c.action = action
				return c
			}
		}
	}
	return c
}

// Codes of the external list of bank transaction codes.
const (
	payments, securities = "PMNT", "SECU"
	issued, received     = "ICDT", "RCDT" // credit transfers
	other                = "OTHR"
)

// bankCode classifies a movement of cash that came or went.
func (c cause) bankCode(came bool) iso20022.BankTransactionCode {
	direction := issued
	if came {
		direction = received
	}
	payment := func(code string) iso20022.BankTransactionCode {
		return iso20022.BankTransactionCode{Domain: payments, Family: direction, SubFamily: code}
	}
	switch {
	case c.action != nil:
		code := iso20022.BankTransactionCode{Domain: securities, Family: "CUST", SubFamily: other}
		switch c.action.Type {
		case sim.CashDividend:
			code.SubFamily = "DVCA"
		case sim.Coupon:
			code.SubFamily = "INTR"
		case sim.Redemption:
			code.SubFamily = "REDM"
		case sim.Split: // cash in place of fractions
		}
		return code
	case c.transfer != nil && c.transfer.Stage == sim.StageReturned:
		return payment("RRTN")
	case c.transfer != nil && c.transfer.CreditAccount != "":
		return payment("BOOK")
	case c.transfer != nil:
		return payment(codesOfRails[c.transfer.Rail])
	case c.settlement != nil && c.settlement.NeedsMatch():
		return iso20022.CodeSecuritiesTrade
	case c.settlement != nil && c.settlement.Type == sim.Internal:
		return payment("BOOK")
	case c.settlement != nil:
		return payment(other)
	default:
		return iso20022.BankTransactionCode{Proprietary: "ADJUSTMENT"}
	}
}

// codesOfRails says how cash travels; every rail of cash is here.
var codesOfRails = map[string]string{
	profile.WireDomestic: "DMCT", profile.WireInternational: "XBCT", profile.ACHTransfer: "ATXN",
}

// describe adds to a movement of securities what caused it.
func (c cause) describe(p *iso20022.PostedTransaction) {
	if c.action != nil {
		p.Activity = iso20022.ActivityCorporateAction
		if len(c.action.ID) <= 35 {
			p.CorporateActionID = c.action.ID
		}
	}
	if c.settlement != nil && c.settlement.Type.AgainstPayment() {
		p.Payment = iso20022.AgainstPayment
	}
}
