package iso20022

import "slices"

// Use is where a code may stand: the status that it explains, or the element
// that it fills.
type Use string

// The uses of codes. The value is the element of the message, or the field of
// ISO 15022 where no element of ISO 20022 carries the code.
const (
	// UseAcknowledged explains an acknowledgement (AcknowledgementReason5Code).
	UseAcknowledged Use = "AckdAccptd"
	// UsePendingProcessing explains why processing waits (PendingProcessingReason4Code).
	UsePendingProcessing Use = "PdgPrcg"
	// UseRejected explains a rejection (RejectionReason75Code).
	UseRejected Use = "Rjctd"
	// UseCancelled explains a cancellation (CancelledStatusReason16Code).
	UseCancelled Use = "Canc"
	// UsePendingCancellation explains why a cancellation waits (PendingReason6Code).
	UsePendingCancellation Use = "PdgCxl"
	// UseUnmatched explains what keeps an instruction from matching (UnmatchedReason11Code).
	UseUnmatched Use = "Umtchd"
	// UsePending explains why settlement waits (PendingReason24Code).
	UsePending Use = "Pdg"
	// UseFailing explains why settlement missed its date (FailingReason4Code).
	UseFailing Use = "Flng"
	// UseHold explains why an instruction is held (Registration2Code).
	UseHold Use = "HldInd"
	// UseCancellationDenied explains the denial of a cancellation
	// (DeniedReason4Code of sese.027, which this package does not write).
	UseCancellationDenied Use = "Dnd"
	// UsePartialSettlement marks the confirmation of a part (PartialSettlement2Code).
	UsePartialSettlement Use = "PrtlSttlm"
	// UseProcessingStatus is a status of its own in ISO 15022 (field
	// 25D::IPRC), for which ISO 20022 has an element instead of a code.
	UseProcessingStatus Use = "25D::IPRC"
)

// Reason is a code with what it means in some of its uses. A code that means
// different things in different uses has several entries.
type Reason struct {
	// Code has four capital letters.
	Code string
	// Name is a short title.
	Name string
	// Definition is a sentence that fits into a status as its text. "The
	// account" is that of the owner to whom the status goes.
	Definition string
	// Uses are where the code may stand with this meaning.
	Uses []Use
	// WrittenAs is the code that stands in its place in the messages of this
	// package, where the version that is written has dropped Code; otherwise
	// empty.
	WrittenAs string
}

// Reasons returns the known codes, ordered by code. The slices inside are
// shared and must not be changed.
func Reasons() []Reason { return slices.Clone(reasons) }

// LookupReason returns what a code means in a use, and whether it may stand
// there.
func LookupReason(use Use, code string) (Reason, bool) {
	for _, r := range reasons {
		if r.Code == code && slices.Contains(r.Uses, use) {
			return r, true
		}
	}
	return Reason{}, false
}

// codesFor lists the codes of a use, for messages.
func codesFor(use Use) []string {
	var codes []string
	for _, r := range reasons {
		if slices.Contains(r.Uses, use) && r.WrittenAs == "" {
			codes = append(codes, r.Code)
		}
	}
	return codes
}
