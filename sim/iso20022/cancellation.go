package iso20022

import "slices"

// CancellationRequest is a SecuritiesTransactionCancellationRequest
// (sese.020): the owner of an account asks to cancel an instruction.
type CancellationRequest struct {
	// Header is nil where the document came alone.
	Header *Header
	// Version is the definition of the message that was read. It is ignored
	// in writing.
	Version string
	// Reference is the owner's reference of the instruction that is to be
	// cancelled (AcctOwnrTxId/SctiesSttlmTxId/TxId), at most 35 characters.
	Reference string
	// Movement and Payment repeat those of the instruction.
	Movement Movement
	Payment  Payment
	// ServicerReference is the custodian's reference of the instruction
	// (AcctSvcrTxId), at most 35 characters; empty where it is not given.
	ServicerReference string
	// AccountID is the safekeeping account, at most 35 characters; empty where
	// it is not given.
	AccountID string
	// ReasonCode is why (CxlRsn/Cd/Cd); empty where it is not given, or given
	// in the sender's words.
	ReasonCode string
	// Ignored lists the elements that were not understood, at most
	// [MaxIgnored]. It is ignored in writing.
	Ignored []string
}

// cancellationSchema is the union of versions 06 to 08 of the request.
var cancellationSchema = makeSchema(map[string]string{
	"":                             "AcctOwnrTxId! AcctSvcrTxId MktInfrstrctrTxId PrcrTxId NonceId AcctOwnr SfkpgAcct BlckChainAdrOrWllt TxDtls CxlRsn FxCxl SplmtryData*",
	"AcctOwnrTxId":                 "|SctiesSttlmTxId SctiesFincgTxId IntraPosMvmntId OthrTxId",
	"AcctOwnrTxId/SctiesSttlmTxId": "TxId! SctiesMvmntTp! Pmt!",
	"SfkpgAcct":                    safekeepingAccount,
	"CxlRsn":                       "Cd! CorpActnEvtId",
	"CxlRsn/Cd":                    "|Cd Prtry",
})

const cancellationElement = "SctiesTxCxlReq"

// ParseCancellationRequest reads a sese.020 message, alone or in an envelope
// beside a business application header. The error is an [*Error].
func ParseCancellationRequest(data []byte) (*CancellationRequest, error) {
	d, failure := readDocument(data, cancellationVersions)
	if failure != nil {
		return nil, failure
	}
	c, failure := d.cancellation()
	if failure != nil {
		return nil, failure
	}
	return c, nil
}

func (d document) cancellation() (*CancellationRequest, *Error) {
	message, failure := d.message(cancellationElement, cancellationSchema)
	if failure != nil {
		return nil, failure
	}
	r := &reader{}
	reference := message.child("AcctOwnrTxId")
	id := reference.child("SctiesSttlmTxId")
	if id == nil {
		return nil, reference.fail("names no settlement instruction; SctiesSttlmTxId is needed")
	}
	c := &CancellationRequest{
		Header:            d.header,
		Version:           d.version,
		Reference:         r.text(id.child("TxId"), 35),
		Movement:          code(r, id.child("SctiesMvmntTp"), Deliver, Receive),
		Payment:           code(r, id.child("Pmt"), FreeOfPayment, AgainstPayment),
		ServicerReference: r.text(message.child("AcctSvcrTxId"), 35),
		AccountID:         r.text(message.find("SfkpgAcct", "Id"), 35),
		ReasonCode:        r.pattern(message.find("CxlRsn", "Cd", "Cd"), codePattern, "a code of up to 4 capital letters and digits"),
	}
	if r.failure != nil {
		return nil, r.failure
	}
	c.Ignored = message.ignored(nil)
	return c, nil
}

// Message is a message that [Parse] reads: an [*Instruction] or a
// [*CancellationRequest].
type Message interface {
	// XML writes the message as a document.
	XML() ([]byte, error)
	received()
}

func (*Instruction) received()         {}
func (*CancellationRequest) received() {}

// Parse reads any message that a custodian takes, by the namespace of its
// document. The error is an [*Error].
func Parse(data []byte) (Message, error) {
	d, failure := readDocument(data, slices.Concat(instructionVersions, cancellationVersions))
	if failure != nil {
		return nil, failure
	}
	var message Message
	if slices.Contains(cancellationVersions, d.version) {
		message, failure = d.cancellation()
	} else {
		message, failure = d.instruction()
	}
	if failure != nil {
		return nil, failure
	}
	return message, nil
}
