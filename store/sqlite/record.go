package sqlite

import (
	"fmt"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// The functions below write and read records in the order of the columns in
// table.go; each pair belongs together.

func (w *row) account(a *sim.Account) {
	w.text(a.AccountID)
	w.text(a.ClientID)
	w.text(string(a.Type))
	w.text(string(a.Status))
	w.time(a.CreatedAt)
	w.time(a.UpdatedAt)
	w.optional(string(a.Metadata))
}

func readAccount(scan scan) (*sim.Account, error) {
	var a sim.Account
	var created, updated, metadata string
	if err := scan(&a.AccountID, &a.ClientID, &a.Type, &a.Status, &created, &updated, &metadata); err != nil {
		return nil, err
	}
	r := reader{}
	a.CreatedAt, a.UpdatedAt, a.Metadata = r.time(created), r.time(updated), document(metadata)
	if r.err != nil {
		return nil, fmt.Errorf("account %q: %w", a.AccountID, r.err)
	}
	return &a, nil
}

// holding writes a position or, without its currency, a balance.
func (w *row) holding(h *sim.Holding) {
	w.id(h.ID)
	w.text(h.AccountID)
	w.text(h.Symbol)
	w.amount(h.Available)
	w.amount(h.Locked)
	w.amount(h.Total())
	w.amount(h.AverageCost)
	w.amount(h.MarketValue)
	if !h.Cash {
		w.text(h.Currency)
	}
	w.time(h.CreatedAt)
	w.time(h.UpdatedAt)
	w.optional(string(h.Metadata))
}

func readPosition(scan scan) (*sim.Holding, error) {
	var h sim.Holding
	var t holdingText
	if err := scan(&t.id, &h.AccountID, &h.Symbol, &t.available, &t.locked, &t.total, &t.cost, &t.value, &h.Currency, &t.created, &t.updated, &t.metadata); err != nil {
		return nil, err
	}
	return t.complete(&h)
}

func readBalance(scan scan) (*sim.Holding, error) {
	h := sim.Holding{Cash: true}
	var t holdingText
	if err := scan(&t.id, &h.AccountID, &h.Symbol, &t.available, &t.locked, &t.total, &t.cost, &t.value, &t.created, &t.updated, &t.metadata); err != nil {
		return nil, err
	}
	h.Currency = h.Symbol
	return t.complete(&h)
}

// holdingText is what positions and balances have in common, as it is stored.
type holdingText struct {
	id, available, locked, total, cost, value, created, updated, metadata string
}

// complete sets the rest of a holding. A total that is not the sum of its parts
// was not written by this program.
func (t *holdingText) complete(h *sim.Holding) (*sim.Holding, error) {
	r := reader{}
	h.ID = r.id(t.id)
	h.Available, h.Locked, h.AverageCost, h.MarketValue = r.amount(t.available), r.amount(t.locked), r.amount(t.cost), r.amount(t.value)
	h.CreatedAt, h.UpdatedAt, h.Metadata = r.time(t.created), r.time(t.updated), document(t.metadata)
	if total := r.amount(t.total); r.err == nil && !total.Equal(h.Total()) {
		r.keep(fmt.Errorf("%w: it has a total of %s, its parts are %s and %s", sim.ErrBrokenInvariant, total, h.Available, h.Locked))
	}
	if r.err != nil {
		return nil, fmt.Errorf("holding %s: %w", t.id, r.err)
	}
	return h, nil
}

func (w *row) mirror(m *sim.Mirror) {
	w.text(m.Symbol)
	w.text(m.Account)
	w.amount(m.Balance)
}

func readMirror(scan scan) (*sim.Mirror, error) {
	var m sim.Mirror
	var balance string
	if err := scan(&m.Symbol, &m.Account, &balance); err != nil {
		return nil, err
	}
	r := reader{}
	m.Balance = r.amount(balance)
	if r.err != nil {
		return nil, fmt.Errorf("mirror of %q: %w", m.Symbol, r.err)
	}
	return &m, nil
}

func (w *row) entry(e *sim.Entry) {
	w.add(int64(e.Sequence))
	w.add(int64(e.Index))
	w.text(e.Symbol)
	w.amount(e.Amount)
	w.text(e.Debit.AccountID)
	w.text(string(e.Debit.Bucket))
	w.text(e.Credit.AccountID)
	w.text(string(e.Credit.Bucket))
	if e.SettlementID == noID {
		w.add(nil)
	} else {
		w.id(e.SettlementID)
	}
	w.time(e.PostedAt)
}

func readEntry(scan scan) (sim.Entry, error) {
	var e sim.Entry
	var amount, settlement, posted string
	err := scan(&e.Sequence, &e.Index, &e.Symbol, &amount, &e.Debit.AccountID, &e.Debit.Bucket, &e.Credit.AccountID, &e.Credit.Bucket, &settlement, &posted)
	if err != nil {
		return e, err
	}
	r := reader{}
	e.Amount, e.SettlementID, e.PostedAt = r.amount(amount), r.id(settlement), r.time(posted)
	if r.err != nil {
		return e, fmt.Errorf("ledger entry %d-%d: %w", e.Sequence, e.Index, r.err)
	}
	return e, nil
}

func (w *row) key(k *sim.KeyRecord) {
	w.text(k.Value)
	w.add(k.Fingerprint[:])
	w.add(int64(k.Sequence))
}

func readKey(scan scan) (sim.KeyRecord, error) {
	k := sim.KeyRecord{Key: sim.Key{Kind: sim.KeyIdempotency}}
	var fingerprint []byte
	if err := scan(&k.Value, &fingerprint, &k.Sequence); err != nil {
		return k, err
	}
	if len(fingerprint) != len(k.Fingerprint) {
		return k, fmt.Errorf("%w: key %q has a fingerprint of %d bytes", sim.ErrBrokenInvariant, k.Value, len(fingerprint))
	}
	copy(k.Fingerprint[:], fingerprint)
	return k, nil
}
