package tables

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Accounts is the table of accounts.
var Accounts = newRecords("accounts", 1,
	text("account_id", func(a *sim.Account) *string { return &a.AccountID }),
	text("client_id", func(a *sim.Account) *string { return &a.ClientID }),
	text("account_type", func(a *sim.Account) *string { return (*string)(&a.Type) }),
	text("status", func(a *sim.Account) *string { return (*string)(&a.Status) }),
	moment("created_at", func(a *sim.Account) *time.Time { return &a.CreatedAt }),
	moment("last_updated", func(a *sim.Account) *time.Time { return &a.UpdatedAt }),
	document("metadata", JSONB, func(a *sim.Account) *[]byte { return &a.Metadata }),
)

// Positions is the table of holdings that are not cash.
var Positions = newRecords("positions", 1,
	id("position_id", func(h *sim.Holding) *uuid.UUID { return &h.ID }),
	text("account_id", func(h *sim.Holding) *string { return &h.AccountID }),
	text("symbol", func(h *sim.Holding) *string { return &h.Symbol }),
	number("available_quantity", func(h *sim.Holding) *money.Amount { return &h.Available }),
	number("locked_quantity", func(h *sim.Holding) *money.Amount { return &h.Locked }),
	total("quantity"),
	number("average_cost", func(h *sim.Holding) *money.Amount { return &h.AverageCost }),
	number("market_value", func(h *sim.Holding) *money.Amount { return &h.MarketValue }),
	text("currency", func(h *sim.Holding) *string { return &h.Currency }),
	moment("created_at", func(h *sim.Holding) *time.Time { return &h.CreatedAt }),
	moment("last_updated", func(h *sim.Holding) *time.Time { return &h.UpdatedAt }),
	document("metadata", JSONB, func(h *sim.Holding) *[]byte { return &h.Metadata }),
	seldomZero(number("reserved_quantity", func(h *sim.Holding) *money.Amount { return &h.Reserved })),
	seldomZero(number("pending_in_quantity", func(h *sim.Holding) *money.Amount { return &h.PendingIn })),
	seldomZero(number("transit_quantity", func(h *sim.Holding) *money.Amount { return &h.Transit })),
)

// Balances is the table of cash. Their currency is their symbol.
var Balances = newBalances()

func newBalances() *Records[sim.Holding] {
	t := newRecords("balances", 1,
		id("balance_id", func(h *sim.Holding) *uuid.UUID { return &h.ID }),
		text("account_id", func(h *sim.Holding) *string { return &h.AccountID }),
		text("currency", func(h *sim.Holding) *string { return &h.Symbol }),
		number("available_balance", func(h *sim.Holding) *money.Amount { return &h.Available }),
		number("locked_balance", func(h *sim.Holding) *money.Amount { return &h.Locked }),
		total("total_balance"),
		number("average_cost", func(h *sim.Holding) *money.Amount { return &h.AverageCost }),
		number("market_value", func(h *sim.Holding) *money.Amount { return &h.MarketValue }),
		moment("created_at", func(h *sim.Holding) *time.Time { return &h.CreatedAt }),
		moment("last_updated", func(h *sim.Holding) *time.Time { return &h.UpdatedAt }),
		document("metadata", JSONB, func(h *sim.Holding) *[]byte { return &h.Metadata }),
		seldomZero(number("reserved_balance", func(h *sim.Holding) *money.Amount { return &h.Reserved })),
		seldomZero(number("pending_in_balance", func(h *sim.Holding) *money.Amount { return &h.PendingIn })),
		seldomZero(number("transit_balance", func(h *sim.Holding) *money.Amount { return &h.Transit })),
	)
	t.finish = func(h *sim.Holding) error {
		h.Cash, h.Currency = true, h.Symbol
		return nil
	}
	return t
}

// Total is a holding whose column is its total. What is read must be the sum of
// the parts, which come before.
type Total sim.Holding

// Amount returns what to write.
func (t *Total) Amount() money.Amount { return (*sim.Holding)(t).Total() }

// Check refuses a total that this program did not write.
func (t *Total) Check(text string) error {
	h := (*sim.Holding)(t)
	if sum, err := money.Restore(text); err != nil || !sum.Equal(h.Total()) {
		return fmt.Errorf("%w: holding %s has a total of %s, its parts are %s and %s", sim.ErrBrokenInvariant, h.ID, text, h.Available, h.Locked)
	}
	return nil
}

func total(name string) field[sim.Holding] {
	return field[sim.Holding]{Column{Name: name, Kind: Number}, func(h *sim.Holding) any { return (*Total)(h) }}
}

// Mirrors is the table of mirror accounts.
var Mirrors = newRecords("mirrors", 1,
	text("symbol", func(m *sim.Mirror) *string { return &m.Symbol }),
	text("account", func(m *sim.Mirror) *string { return &m.Account }),
	number("balance", func(m *sim.Mirror) *money.Amount { return &m.Balance }),
)

// Entries is the table of ledger entries.
var Entries = newRecords("ledger_entries", 2,
	place("sequence", func(e *sim.Entry) *uint64 { return &e.Sequence }),
	count("idx", func(e *sim.Entry) *int { return &e.Index }),
	text("symbol", func(e *sim.Entry) *string { return &e.Symbol }),
	number("amount", func(e *sim.Entry) *money.Amount { return &e.Amount }),
	text("debit_account", func(e *sim.Entry) *string { return &e.Debit.AccountID }),
	text("debit_bucket", func(e *sim.Entry) *string { return (*string)(&e.Debit.Bucket) }),
	text("credit_account", func(e *sim.Entry) *string { return &e.Credit.AccountID }),
	text("credit_bucket", func(e *sim.Entry) *string { return (*string)(&e.Credit.Bucket) }),
	id("settlement_id", func(e *sim.Entry) *uuid.UUID { return &e.SettlementID }),
	moment("posted_at", func(e *sim.Entry) *time.Time { return &e.PostedAt }),
)

// Keys is the table of idempotency keys. External ids are with what bears them.
var Keys = newRecords("idempotency_keys", 1,
	text("key", func(k *sim.KeyRecord) *string { return &k.Value }),
	field[sim.KeyRecord]{Column{Name: "fingerprint", Kind: Bytes}, func(k *sim.KeyRecord) any { return &k.Fingerprint }},
	place("sequence", func(k *sim.KeyRecord) *uint64 { return &k.Sequence }),
)

// Documents is the table of documents, whose bodies keep every byte.
var Documents = newRecords("documents", 2,
	text("kind", func(v *sim.Document) *string { return (*string)(&v.Kind) }),
	text("id", func(v *sim.Document) *string { return &v.ID }),
	document("body", JSON, func(v *sim.Document) *[]byte { return &v.Body }),
	moment("due_at", func(v *sim.Document) *time.Time { return &v.DueAt }),
	moment("updated_at", func(v *sim.Document) *time.Time { return &v.UpdatedAt }),
)
