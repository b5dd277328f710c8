package view

import (
	"encoding/json"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Account is a client's safekeeping account.
type Account struct {
	_           struct{}        `additionalProperties:"true"`
	AccountID   string          `json:"account_id" doc:"The account's id, as the caller chose it." example:"fund-a"`
	ClientID    string          `json:"client_id" doc:"Whose account it is." example:"client-1"`
	AccountType string          `json:"account_type" enum:"MASTER,SEGREGATED" doc:"Whether it is the client's own or a segregated one."`
	Status      string          `json:"status" enum:"ACTIVE,FROZEN,CLOSED" doc:"What it may be used for."`
	Metadata    json.RawMessage `json:"metadata" doc:"What the caller attached."`
	CreatedAt   string          `json:"created_at" format:"date-time"`
	UpdatedAt   string          `json:"updated_at" format:"date-time"`
}

// Account appends an account in the shape of [Account].
func (e *Encoder) Account(dst []byte, a *sim.Account) []byte {
	dst = appendText(dst, `{"account_id":`, a.AccountID)
	dst = appendText(dst, `,"client_id":`, a.ClientID)
	dst = appendText(dst, `,"account_type":`, string(a.Type))
	dst = appendText(dst, `,"status":`, string(a.Status))
	dst = appendMetadata(dst, a.Metadata)
	dst = appendTime(dst, `,"created_at":`, a.CreatedAt)
	dst = appendTime(dst, `,"updated_at":`, a.UpdatedAt)
	return append(dst, '}')
}
