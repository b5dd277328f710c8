package postgres

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// The functions below write and read records in the order of the columns in
// table.go; each pair belongs together.

func writeAccount(w rowWriter, a *sim.Account) {
	w.text(a.AccountID)
	w.text(a.ClientID)
	w.text(string(a.Type))
	w.text(string(a.Status))
	w.time(a.CreatedAt)
	w.time(a.UpdatedAt)
	w.jsonb(a.Metadata)
}

func readAccount(row pgx.CollectableRow) (*sim.Account, error) {
	var a sim.Account
	var created, updated *time.Time
	var metadata string
	if err := row.Scan(&a.AccountID, &a.ClientID, (*string)(&a.Type), (*string)(&a.Status), &created, &updated, &metadata); err != nil {
		return nil, err
	}
	a.CreatedAt, a.UpdatedAt = utc(created), utc(updated)
	var err error
	a.Metadata, err = canonical(metadata)
	return &a, err
}

func writePosition(w rowWriter, h *sim.Holding) {
	w.id(h.ID)
	w.text(h.AccountID)
	w.text(h.Symbol)
	w.amount(h.Available)
	w.amount(h.Locked)
	w.amount(h.Total())
	w.amount(h.AverageCost)
	w.amount(h.MarketValue)
	w.text(h.Currency)
	w.time(h.CreatedAt)
	w.time(h.UpdatedAt)
	w.jsonb(h.Metadata)
}

func readPosition(row pgx.CollectableRow) (*sim.Holding, error) {
	var h sim.Holding
	var available, locked, total, cost, value, metadata string
	var created, updated *time.Time
	err := row.Scan((*[16]byte)(&h.ID), &h.AccountID, &h.Symbol, &available, &locked, &total, &cost, &value, &h.Currency,
		&created, &updated, &metadata)
	if err != nil {
		return nil, err
	}
	return completeHolding(&h, created, updated, metadata, total, available, locked, cost, value)
}

func writeBalance(w rowWriter, h *sim.Holding) {
	w.id(h.ID)
	w.text(h.AccountID)
	w.text(h.Symbol)
	w.amount(h.Available)
	w.amount(h.Locked)
	w.amount(h.Total())
	w.amount(h.AverageCost)
	w.amount(h.MarketValue)
	w.time(h.CreatedAt)
	w.time(h.UpdatedAt)
	w.jsonb(h.Metadata)
}

func readBalance(row pgx.CollectableRow) (*sim.Holding, error) {
	h := sim.Holding{Cash: true}
	var available, locked, total, cost, value, metadata string
	var created, updated *time.Time
	err := row.Scan((*[16]byte)(&h.ID), &h.AccountID, &h.Symbol, &available, &locked, &total, &cost, &value,
		&created, &updated, &metadata)
	if err != nil {
		return nil, err
	}
	h.Currency = h.Symbol
	return completeHolding(&h, created, updated, metadata, total, available, locked, cost, value)
}

// completeHolding sets what positions and balances have in common. A total
// that is not the sum of its parts was not written by this program.
func completeHolding(h *sim.Holding, created, updated *time.Time, metadata, total string, parts ...string) (*sim.Holding, error) {
	for i, into := range []*money.Amount{&h.Available, &h.Locked, &h.AverageCost, &h.MarketValue} {
		a, err := money.Restore(parts[i])
		if err != nil {
			return nil, fmt.Errorf("holding %s: %w", h.ID, err)
		}
		*into = a
	}
	if sum, err := money.Restore(total); err != nil || !sum.Equal(h.Total()) {
		return nil, fmt.Errorf("%w: holding %s has a total of %s, its parts are %s and %s", sim.ErrBrokenInvariant, h.ID, total, h.Available, h.Locked)
	}
	h.CreatedAt, h.UpdatedAt = utc(created), utc(updated)
	var err error
	h.Metadata, err = canonical(metadata)
	return h, err
}

func writeMirror(w rowWriter, m *sim.Mirror) {
	w.text(m.Symbol)
	w.text(m.Account)
	w.amount(m.Balance)
}

func readMirror(row pgx.CollectableRow) (*sim.Mirror, error) {
	var m sim.Mirror
	var balance string
	if err := row.Scan(&m.Symbol, &m.Account, &balance); err != nil {
		return nil, err
	}
	var err error
	m.Balance, err = money.Restore(balance)
	return &m, err
}

func writeEntry(w rowWriter, e *sim.Entry) {
	w.int8(e.Sequence)
	w.int4(e.Index)
	w.text(e.Symbol)
	w.amount(e.Amount)
	w.text(e.Debit.AccountID)
	w.text(string(e.Debit.Bucket))
	w.text(e.Credit.AccountID)
	w.text(string(e.Credit.Bucket))
	w.id(e.SettlementID)
	w.time(e.PostedAt)
}

func readEntry(row pgx.CollectableRow) (sim.Entry, error) {
	var e sim.Entry
	var amount string
	var settlement *[16]byte
	var posted *time.Time
	err := row.Scan(&e.Sequence, &e.Index, &e.Symbol, &amount, &e.Debit.AccountID, (*string)(&e.Debit.Bucket),
		&e.Credit.AccountID, (*string)(&e.Credit.Bucket), &settlement, &posted)
	if err != nil {
		return e, err
	}
	if settlement != nil {
		e.SettlementID = uuid.UUID(*settlement)
	}
	e.PostedAt = utc(posted)
	e.Amount, err = money.Restore(amount)
	return e, err
}

func writeKey(w rowWriter, k *sim.KeyRecord) {
	w.text(k.Value)
	w.bytes(k.Fingerprint[:])
	w.int8(k.Sequence)
}

func utc(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// canonical brings a document that jsonb has reformatted back to the form in
// which documents enter the core: compact, with sorted keys.
func canonical(document string) ([]byte, error) {
	if document == "" {
		return nil, nil
	}
	var v any
	if err := decodeNumbers(document, &v); err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	return encodePlain(v)
}
