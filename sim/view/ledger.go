package view

import (
	"encoding/hex"
	"encoding/json"
	"strconv"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view/jsontext"
)

// Entry is a posting as it stands in the ledger.
type Entry struct {
	_            struct{}      `additionalProperties:"true"`
	EntryID      string        `json:"entry_id" doc:"The event's sequence number and the posting's place in it." example:"17-0"`
	Sequence     uint64        `json:"sequence" doc:"The event that carried the posting." example:"17"`
	Symbol       string        `json:"symbol" example:"USD"`
	Amount       string        `json:"amount" format:"decimal" doc:"What moved from debit to credit; above zero." example:"1000.00"`
	Debit        LedgerAccount `json:"debit"`
	Credit       LedgerAccount `json:"credit"`
	SettlementID *string       `json:"settlement_id" format:"uuid" doc:"The settlement or transfer that caused the posting, or null."`
	PostedAt     string        `json:"posted_at" format:"date-time"`
}

// LedgerAccount is one side of a posting.
type LedgerAccount struct {
	_         struct{} `additionalProperties:"true"`
	AccountID string   `json:"account_id" doc:"A client's account, or the custodian's mirror: DEPOSITORY for assets, NOSTRO for cash." example:"fund-a"`
	Bucket    string   `json:"bucket" enum:"AVAILABLE,LOCKED,RESERVED,PENDING_IN,TRANSIT,MIRROR" doc:"Which part of the holding moved."`
}

// Entry appends a ledger entry in the shape of [Entry].
func (e *Encoder) Entry(dst []byte, entry *sim.Entry) []byte {
	dst = append(dst, `{"entry_id":"`...)
	dst = AppendEntryID(dst, entry)
	dst = jsontext.AppendUint(append(dst, `","sequence":`...), entry.Sequence)
	dst = e.posting(append(dst, ','), &entry.Posting)
	dst = appendNullableID(dst, `,"settlement_id":`, entry.SettlementID)
	dst = appendTime(dst, `,"posted_at":`, entry.PostedAt)
	return append(dst, '}')
}

// AppendEntryID appends the entry's id as plain text, "<sequence>-<index>". It is
// its cursor in lists as well.
func AppendEntryID(dst []byte, entry *sim.Entry) []byte {
	dst = append(strconv.AppendUint(dst, entry.Sequence, 10), '-')
	return strconv.AppendInt(dst, int64(entry.Index), 10)
}

func appendSide(dst []byte, name string, side sim.LedgerAccount) []byte {
	dst = appendText(append(dst, name...), `{"account_id":`, side.AccountID)
	return append(appendText(dst, `,"bucket":`, string(side.Bucket)), '}')
}

// Event is something that happened, with the record that it is about as the
// record was afterwards.
type Event struct {
	_        struct{}        `additionalProperties:"true"`
	Sequence uint64          `json:"sequence" doc:"Dense number of the event, from 1." example:"17"`
	Type     string          `json:"type" doc:"What happened, as noun.verb; the noun tells the shape of data." example:"settlement.completed"`
	Time     string          `json:"time" format:"date-time"`
	Data     json.RawMessage `json:"data" doc:"The record that the event is about, as it is afterwards: an account, position, balance, settlement or transfer, or the content of a document. A settlement has the others that the event has changed in also."`
	Hash     string          `json:"hash" doc:"SHA-256 that chains the journal batch with the event to all before it, in hexadecimal."`
}

// Event appends an event in the shape of [Event]. Hash is that of the batch
// which made the event durable.
func (e *Encoder) Event(dst []byte, event *sim.Event, hash sim.Digest) []byte {
	dst = jsontext.AppendUint(append(dst, `{"sequence":`...), event.Sequence)
	dst = appendText(dst, `,"type":`, string(event.Type))
	dst = appendTime(dst, `,"time":`, event.Time)
	dst = e.EventData(append(dst, `,"data":`...), event)
	dst = append(dst, `,"hash":"`...)
	dst = hex.AppendEncode(dst, hash[:])
	return append(dst, `"}`...)
}
