package iso20022

import (
	"slices"
	"strings"
	"time"
)

// StatusKind is a status in one of the dimensions of a [StatusAdvice].
type StatusKind string

// The statuses. The value is the element of the message.
const (
	// ProcessingAcknowledged: the instruction was accepted.
	ProcessingAcknowledged StatusKind = "AckdAccptd"
	// ProcessingPending: processing waits.
	ProcessingPending StatusKind = "PdgPrcg"
	// ProcessingRejected: the instruction was refused.
	ProcessingRejected StatusKind = "Rjctd"
	// ProcessingCancelled: the instruction was cancelled.
	ProcessingCancelled StatusKind = "Canc"
	// ProcessingPendingCancellation: the owner's cancellation waits.
	ProcessingPendingCancellation StatusKind = "PdgCxl"
	// ProcessingCancellationRequested: the counterparty has asked to cancel.
	ProcessingCancellationRequested StatusKind = "CxlReqd"
	// Matched: the two instructions agree.
	Matched StatusKind = "Mtchd"
	// Unmatched: no instruction agrees.
	Unmatched StatusKind = "Umtchd"
	// SettlementPending: settlement waits.
	SettlementPending StatusKind = "Pdg"
	// SettlementFailing: the settlement date has passed.
	SettlementFailing StatusKind = "Flng"
)

// The kinds of each dimension, and what explains them. A status without a use
// takes a text, but no code.
var (
	processingKinds = []StatusKind{ProcessingAcknowledged, ProcessingPending, ProcessingRejected, ProcessingCancelled,
		ProcessingPendingCancellation, ProcessingCancellationRequested}
	matchingKinds   = []StatusKind{Matched, Unmatched}
	settlementKinds = []StatusKind{SettlementPending, SettlementFailing}

	usesOfKinds = map[StatusKind]Use{
		ProcessingAcknowledged:        UseAcknowledged,
		ProcessingPending:             UsePendingProcessing,
		ProcessingRejected:            UseRejected,
		ProcessingCancelled:           UseCancelled,
		ProcessingPendingCancellation: UsePendingCancellation,
		Unmatched:                     UseUnmatched,
		SettlementPending:             UsePending,
		SettlementFailing:             UseFailing,
	}
)

// StatusReason explains a status.
type StatusReason struct {
	// Code is one of [Reasons] for the use that the status has. OTHR needs a
	// text.
	Code string
	// Text is at most 210 characters.
	Text string
}

// MaxReasons is how many reasons one status may have.
const MaxReasons = 16

// Status is the status in one dimension and why.
type Status struct {
	Kind StatusKind
	// Reasons may be empty. Matched and ProcessingCancellationRequested take
	// at most one, without a code.
	Reasons []StatusReason
}

// HoldStatus says whether an instruction is held, and why.
type HoldStatus struct {
	Held bool
	// Reasons have codes of [UseHold].
	Reasons []StatusReason
}

// StatusDetails repeat the instruction whose status is told.
type StatusDetails struct {
	Transaction
	// Hold is nil where nothing is to be told of it.
	Hold *HoldStatus
	// ExpectedSettlementDate may be zero.
	ExpectedSettlementDate Date
	// AcknowledgedAt and MatchedAt may be zero.
	AcknowledgedAt, MatchedAt time.Time
	// Text is at most 350 characters, and may be empty.
	Text string
}

// StatusAdvice is a SecuritiesSettlementTransactionStatusAdvice (sese.024): the
// custodian tells where an instruction stands. At least one of the three
// statuses is needed.
type StatusAdvice struct {
	// Reference is the owner's reference of the instruction (AcctOwnrTxId),
	// at most 35 characters.
	Reference string
	// ServicerReference is the custodian's reference (AcctSvcrTxId), at most
	// 35 characters: a UUID fits only without its hyphens. It may be empty.
	ServicerReference string
	// Processing, Matching and Settlement are nil where there is nothing to
	// tell.
	Processing, Matching, Settlement *Status
	// Details may be nil.
	Details *StatusDetails
}

// XML writes the advice as a document of [VersionStatusAdvice]. The error is an
// [*Error].
func (a *StatusAdvice) XML() ([]byte, error) {
	return write(VersionStatusAdvice, "SctiesSttlmTxStsAdvc", func(w *writer) {
		w.element("TxId", func() {
			w.text("AcctOwnrTxId", a.Reference, 35)
			w.optional("AcctSvcrTxId", a.ServicerReference, 35)
		})
		if a.Processing == nil && a.Matching == nil && a.Settlement == nil {
			w.fail("", "tells no status; a processing, matching or settlement status is needed")
		}
		w.status("PrcgSts", a.Processing, processingKinds)
		w.status("MtchgSts", a.Matching, matchingKinds)
		w.status("SttlmSts", a.Settlement, settlementKinds)
		w.statusDetails(a.Details)
	})
}

func (w *writer) status(name string, s *Status, kinds []StatusKind) {
	if s == nil {
		return
	}
	w.element(name, func() {
		if !slices.Contains(kinds, s.Kind) {
			oneOf(w, "", s.Kind, kinds...)
			return
		}
		w.element(string(s.Kind), func() {
			use, coded := usesOfKinds[s.Kind]
			switch {
			case !coded:
				w.wordedReason(s.Reasons)
			case len(s.Reasons) == 0:
				w.leaf("NoSpcfdRsn", "NORE")
			default:
				w.codedReasons(use, s.Reasons, "AddtlRsnInf")
			}
		})
	})
}

// wordedReason writes the reason of a status that has no codes.
func (w *writer) wordedReason(reasons []StatusReason) {
	if len(reasons) > 1 || len(reasons) == 1 && reasons[0].Code != "" {
		w.fail("", "can carry one reason at most, and only as a text")
	}
	if len(reasons) == 1 {
		w.optional("AddtlRsnInf", reasons[0].Text, 210)
	}
}

// codedReasons writes reasons with codes; text names the element of the text.
func (w *writer) codedReasons(use Use, reasons []StatusReason, text string) {
	if len(reasons) > MaxReasons {
		w.fail("Rsn", "occurs %d times; at most %d are allowed", len(reasons), MaxReasons)
	}
	for i, reason := range reasons {
		w.repeated("Rsn", i, func() {
			w.element("Cd", func() {
				known, ok := LookupReason(use, reason.Code)
				if !ok {
					w.fail("Cd", "is %s; allowed are: %s", show(reason.Code), strings.Join(codesFor(use), ", "))
					return
				}
				if known.WrittenAs != "" {
					w.leaf("Cd", known.WrittenAs)
					return
				}
				w.leaf("Cd", known.Code)
			})
			if reason.Code == "OTHR" {
				w.text(text, reason.Text, 210)
				return
			}
			w.optional(text, reason.Text, 210)
		})
	}
}

func (w *writer) statusDetails(d *StatusDetails) {
	if d == nil {
		return
	}
	w.element("TxDtls", func() {
		w.account(d.AccountID)
		w.instrument(d.Instrument)
		w.nested([]string{"SttlmQty", "Qty"}, func() { w.positiveQuantity(d.Quantity) })
		w.amount("SttlmAmt", d.Amount)
		if !d.ExpectedSettlementDate.IsZero() {
			w.element("XpctdSttlmDt", func() { w.date("Dt", d.ExpectedSettlementDate) })
		}
		w.statedDate("SttlmDt", d.SettlementDate)
		if !d.TradeDate.IsZero() {
			w.statedDate("TradDt", d.TradeDate)
		}
		if !d.AcknowledgedAt.IsZero() {
			w.dateTime("AckdStsTmStmp", d.AcknowledgedAt)
		}
		if !d.MatchedAt.IsZero() {
			w.dateTime("MtchdStsTmStmp", d.MatchedAt)
		}
		w.movement(d.Movement, d.Payment)
		w.element("SttlmParams", func() {
			if d.Hold != nil {
				w.element("HldInd", func() {
					w.boolean("Ind", d.Hold.Held)
					w.codedReasons(UseHold, d.Hold.Reasons, "AddtlInf")
				})
			}
			w.transactionType(d.Type)
			w.partial(d.Partial)
		})
		w.parties("RcvgSttlmPties", d.Receiving)
		w.parties("DlvrgSttlmPties", d.Delivering)
		w.optional("SttlmInstrPrcgAddtlDtls", d.Text, 350)
	})
}
