package report

import (
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/iso20022"
)

// StatusAdvice returns where a settlement stands, as a sese.024. Its errors are
// [sim.Error] values: not every instruction can be said in ISO 20022.
func StatusAdvice(s *sim.Settlement, assets *asset.Registry) ([]byte, error) {
	transaction, err := transactionOf(s, assets, s.Quantity)
	if err != nil {
		return nil, err
	}
	advice := statuses(s)
	advice.Details = &iso20022.StatusDetails{Transaction: transaction, ExpectedSettlementDate: transaction.SettlementDate}
	hold := iso20022.HoldStatus{Held: s.Hold.Status == sim.HoldHeld}
	if hold.Held {
		hold.Reasons = reasons(iso20022.UseHold, &s.Hold)
	}
	advice.Details.Hold = &hold
	for i := range s.History {
		switch t := &s.History[i]; t.Status {
		case sim.ProcessingAcknowledged:
			advice.Details.AcknowledgedAt = t.At
		case sim.MatchingMatched:
			advice.Details.MatchedAt = t.At
		}
	}
	out, err := advice.XML()
	return out, unsayable(err)
}

// ShortAdvice returns where a settlement stands, as a sese.024 that does not repeat
// what was instructed: what ISO 20022 has no room for does not get in its way.
func ShortAdvice(s *sim.Settlement) ([]byte, error) {
	advice := statuses(s)
	out, err := advice.XML()
	return out, unsayable(err)
}

// statuses returns an advice with references and statuses alone.
func statuses(s *sim.Settlement) *iso20022.StatusAdvice {
	advice := &iso20022.StatusAdvice{Reference: ownerReference(s), ServicerReference: reference(s.ID), Processing: processing(&s.Processing)}
	switch s.Matching.Status {
	case sim.MatchingMatched:
		advice.Matching = &iso20022.Status{Kind: iso20022.Matched}
	case sim.MatchingUnmatched:
		advice.Matching = status(iso20022.Unmatched, iso20022.UseUnmatched, &s.Matching)
	}
	switch s.Settlement.Status {
	case sim.SettlementPending, sim.SettlementPartial:
		if !s.Status.Final() {
			advice.Settlement = status(iso20022.SettlementPending, iso20022.UsePending, &s.Settlement)
		}
	case sim.SettlementFailing:
		advice.Settlement = status(iso20022.SettlementFailing, iso20022.UseFailing, &s.Settlement)
	}
	return advice
}

func processing(d *sim.Dimension) *iso20022.Status {
	switch d.Status {
	case sim.ProcessingAcknowledged:
		return status(iso20022.ProcessingAcknowledged, iso20022.UseAcknowledged, d)
	case sim.ProcessingPending:
		return status(iso20022.ProcessingPending, iso20022.UsePendingProcessing, d)
	case sim.ProcessingRejected:
		return status(iso20022.ProcessingRejected, iso20022.UseRejected, d)
	case sim.ProcessingCancelRequested:
		return status(iso20022.ProcessingPendingCancellation, iso20022.UsePendingCancellation, d)
	case sim.ProcessingCancelled:
		return status(iso20022.ProcessingCancelled, iso20022.UseCancelled, d)
	}
	return nil
}

func status(kind iso20022.StatusKind, use iso20022.Use, d *sim.Dimension) *iso20022.Status {
	return &iso20022.Status{Kind: kind, Reasons: reasons(use, d)}
}

// reasons gives a dimension's reason a code that may stand in its use; one that
// may not is told in words.
func reasons(use iso20022.Use, d *sim.Dimension) []iso20022.StatusReason {
	if d.ReasonCode == "" {
		return nil
	}
	if _, ok := iso20022.LookupReason(use, d.ReasonCode); ok {
		return []iso20022.StatusReason{{Code: d.ReasonCode, Text: clip(d.Reason, 210)}}
	}
	for _, other := range []string{"OTHR", "NARR"} {
		if _, ok := iso20022.LookupReason(use, other); ok {
			return []iso20022.StatusReason{{Code: other, Text: clip(d.ReasonCode+": "+d.Reason, 210)}}
		}
	}
	return nil
}

// clip shortens text that only explains.
func clip(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most])
	}
	return text
}

// Confirmation returns what has settled so far of a settlement, as a sese.025.
// One of which nothing has settled is refused with [sim.CodeWrongState].
func Confirmation(s *sim.Settlement, assets *asset.Registry) ([]byte, error) {
	if s.Settled.IsZero() {
		return nil, sim.Errorf(sim.CodeWrongState, "settlement %s is %s: nothing has settled that could be confirmed", s.ID, s.Status)
	}
	transaction, err := transactionOf(s, assets, s.Settled)
	if err != nil {
		return nil, err
	}
	m := iso20022.Confirmation{Reference: ownerReference(s), ServicerReference: reference(s.ID), Transaction: transaction}
	if m.Amount != nil {
		m.Amount.Value = s.SettledPayment
	}
	m.EffectiveDate = iso20022.DateOf(settledAt(s))
	if rest := s.Quantity.Sub(s.Settled); !rest.IsZero() {
		m.PartialSettlement = iso20022.PartFinal
		if !s.Status.Final() {
			remaining := counted(assets, s.Symbol, rest)
			m.PartialSettlement, m.Remaining = iso20022.PartRemaining, &remaining
		}
	}
	out, err := m.XML()
	return out, unsayable(err)
}

// settledAt returns when the last part settled.
func settledAt(s *sim.Settlement) time.Time {
	for i := len(s.History) - 1; i >= 0; i-- {
		if t := &s.History[i]; t.Status == sim.SettlementSettled || t.Status == sim.SettlementPartial {
			return t.At
		}
	}
	return s.InitiatedAt
}

func ownerReference(s *sim.Settlement) string {
	if s.ExternalID == "" {
		return iso20022.NoReference
	}
	return s.ExternalID
}
