// Package iso20022 reads and writes the ISO 20022 messages that a custodian
// exchanges with the owners of its accounts.
//
// It reads instructions ([ParseInstruction]) and requests to cancel them
// ([ParseCancellationRequest]); [Parse] takes either. It writes the status of
// an instruction ([StatusAdvice]), the confirmation of its settlement
// ([Confirmation]) and the statements of holdings ([HoldingsStatement]), of
// transactions ([TransactionsStatement]) and of cash ([CashStatement]). The
// reason codes that a status may carry are in [Reasons].
//
// The types are plain data of this package; adapters map them to and from the
// custodian's own. Nothing here reads a clock, a network or a disk, and every
// function may be called from many goroutines at once.
//
// Guarantees of the readers:
//
//   - The input is bounded before it is looked at and while it is read: see
//     [MaxMessageBytes], [MaxDepth], [MaxElements], [MaxTextBytes] and
//     [MaxAttributes]. Document type declarations, entities and processing
//     instructions are refused, so nothing expands and nothing is fetched.
//   - What a schema of ISO forbids among the elements that are read is refused
//     with an [*Error] that names the element: unknown, repeated, missing or
//     misplaced elements, wrong namespaces, codes, dates and numbers.
//   - What is in the message but not understood is not lost silently: its paths
//     are listed in the field Ignored.
//
// Guarantees of the writers: elements come in the order of the schema, equal
// values give equal bytes, and a value that the data type of an element cannot
// carry is refused with an [*Error] that names the element. Nothing is rounded
// or cut.
//
// The names and the order of elements are those of the message definitions in
// the ISO 20022 catalogue, in the versions that the constants name.
package iso20022

// Message definitions that are written, and the ones around which the readers
// are built.
const (
	// VersionInstruction is SecuritiesSettlementTransactionInstruction.
	// Versions 10 and 12 are read as well: the elements read here are the same
	// in all three. Version 10 lacks quantities in digital tokens; version 12
	// adds elements that are ignored.
	VersionInstruction = "sese.023.001.11"
	// VersionCancellationRequest is SecuritiesTransactionCancellationRequest.
	// Versions 06 and 08 are read as well: the elements read here are the same.
	VersionCancellationRequest = "sese.020.001.07"
	// VersionStatusAdvice is SecuritiesSettlementTransactionStatusAdvice.
	VersionStatusAdvice = "sese.024.001.12"
	// VersionConfirmation is SecuritiesSettlementTransactionConfirmation.
	VersionConfirmation = "sese.025.001.11"
	// VersionHoldings is SecuritiesBalanceCustodyReport.
	VersionHoldings = "semt.002.001.11"
	// VersionTransactions is SecuritiesTransactionPostingReport.
	VersionTransactions = "semt.017.001.12"
	// VersionCash is BankToCustomerStatement.
	VersionCash = "camt.053.001.08"
)

// NamespacePrefix precedes the name of a message definition in the namespace
// of its documents.
const NamespacePrefix = "urn:iso:std:iso:20022:tech:xsd:"

// The accepted versions of the messages that are read.
var (
	instructionVersions  = []string{"sese.023.001.10", VersionInstruction, "sese.023.001.12"}
	cancellationVersions = []string{"sese.020.001.06", VersionCancellationRequest, "sese.020.001.08"}
	headerVersions       = []string{"head.001.001.01", "head.001.001.02", "head.001.001.03", "head.001.001.04"}
)

// Error says which element of a message is at fault and why. It is an
// immutable value once made.
type Error struct {
	// Path leads from the document to the element, as in
	// "Document/SctiesSttlmTxInstr/TradDtls/SttlmDt/Dt/Dt". An element that
	// occurs more than once carries its number, counted from 1, as in
	// "Lnkgs[2]". It is empty where the message as a whole is at fault.
	Path string
	// Message says what was wrong and what is allowed.
	Message string
}

// Error returns the message, led by the path where there is one.
func (e *Error) Error() string {
	if e.Path == "" {
		return e.Message
	}
	return e.Path + ": " + e.Message
}
