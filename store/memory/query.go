package memory

import (
	"context"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// ListAccounts lists accounts. See [sim.Tables] for this and the others.
func (j *Journal) ListAccounts(ctx context.Context, f sim.AccountFilter, p sim.Page) ([]*sim.Account, error) {
	var after *string
	if p.After != "" {
		after = &p.After
	}
	j.books.mu.RLock()
	defer j.books.mu.RUnlock()
	return j.books.tables.accounts.page(ctx, after, p.Limit, func(a *sim.Account) bool {
		return is(f.ClientID, a.ClientID) && is(f.Type, a.Type)
	})
}

// is reports whether a value is the wanted one, where one is wanted.
func is[T comparable](wanted, value T) bool {
	var none T
	return wanted == none || wanted == value
}

// ListHoldings lists positions or balances.
func (j *Journal) ListHoldings(ctx context.Context, f sim.HoldingFilter, p sim.Page) ([]*sim.Holding, error) {
	after, err := idCursor(p.After)
	if err != nil {
		return nil, err
	}
	j.books.mu.RLock()
	defer j.books.mu.RUnlock()
	return j.books.tables.of(f.Cash).page(ctx, after, p.Limit, func(h *sim.Holding) bool {
		return is(f.AccountID, h.AccountID) && is(f.Symbol, h.Symbol)
	})
}

// ListMirrors lists the mirror accounts by symbol.
func (j *Journal) ListMirrors(ctx context.Context) ([]*sim.Mirror, error) {
	j.books.mu.RLock()
	defer j.books.mu.RUnlock()
	t := &j.books.tables.mirrors
	return t.page(ctx, nil, len(t.rows), func(*sim.Mirror) bool { return true })
}

// ListSettlements lists settlements.
func (j *Journal) ListSettlements(ctx context.Context, f sim.SettlementFilter, p sim.Page) ([]*sim.Settlement, error) {
	after, err := idCursor(p.After)
	if err != nil {
		return nil, err
	}
	j.books.mu.RLock()
	defer j.books.mu.RUnlock()
	t := &j.books.tables.settlements
	if f.Status != "" && !f.Status.Final() {
		t = &j.books.tables.open // few, where history is long
	}
	return t.page(ctx, after, p.Limit, func(s *sim.Settlement) bool {
		return (is(f.AccountID, s.AccountID) || f.AccountID == s.SourceAccount || f.AccountID == s.DestinationAccount) &&
			is(f.Symbol, s.Symbol) && is(f.Type, s.Type) && is(f.Status, s.Status) && is(f.ExternalID, s.ExternalID) &&
			(f.From.IsZero() || !s.InitiatedAt.Before(f.From)) && (f.Until.IsZero() || s.InitiatedAt.Before(f.Until))
	})
}

// ListTransfers lists transfers.
func (j *Journal) ListTransfers(ctx context.Context, f sim.TransferFilter, p sim.Page) ([]*sim.Transfer, error) {
	after, err := idCursor(p.After)
	if err != nil {
		return nil, err
	}
	j.books.mu.RLock()
	defer j.books.mu.RUnlock()
	t := &j.books.tables.transfers
	if f.Status != "" && !f.Status.Final() {
		t = &j.books.tables.pending // few, where history is long
	}
	return t.page(ctx, after, p.Limit, func(v *sim.Transfer) bool {
		return is(f.AccountID, v.AccountID) && is(f.Symbol, v.Symbol) && is(f.Rail, v.Rail) && is(f.Direction, v.Direction) &&
			is(f.Status, v.Status) && is(f.Stage, v.Stage) && is(f.ExternalID, v.ExternalID) &&
			(f.From.IsZero() || !v.InitiatedAt.Before(f.From)) && (f.Until.IsZero() || v.InitiatedAt.Before(f.Until))
	})
}

// ListDocuments lists the documents of a kind, or all.
func (j *Journal) ListDocuments(ctx context.Context, kind sim.DocumentKind, p sim.Page) ([]*sim.Document, error) {
	after := sim.DocumentKey{Kind: kind, ID: p.After}
	if kind == "" {
		var err error
		if after, err = sim.ParseDocumentCursor(p.After); err != nil {
			return nil, err
		}
	}
	j.books.mu.RLock()
	defer j.books.mu.RUnlock()
	return j.books.tables.documents.page(ctx, &after, p.Limit, func(v *sim.Document) bool { return is(kind, v.Kind) })
}

// FindTransfer returns one transfer, or nil.
func (j *Journal) FindTransfer(ctx context.Context, id uuid.UUID) (*sim.Transfer, error) {
	j.books.mu.RLock()
	defer j.books.mu.RUnlock()
	t, _ := j.books.tables.transfers.get(id)
	return t, ctx.Err()
}

// ListEntries lists ledger entries.
func (j *Journal) ListEntries(ctx context.Context, f sim.EntryFilter, p sim.Page) ([]sim.Entry, error) {
	after, err := entryCursor(p.After)
	if err != nil {
		return nil, err
	}
	// The entries of later events begin behind any index of this one.
	if bound := (entryKey{f.AfterSequence, int(^uint(0) >> 1)}); f.AfterSequence > 0 && (after == nil || compareEntries(*after, bound) < 0) {
		after = &bound
	}
	j.books.mu.RLock()
	defer j.books.mu.RUnlock()
	return j.books.tables.entries.page(ctx, after, p.Limit, func(e sim.Entry) bool {
		return (is(f.AccountID, e.Debit.AccountID) || f.AccountID == e.Credit.AccountID) &&
			is(f.Symbol, e.Symbol) && is(f.SettlementID, e.SettlementID)
	})
}

// FindSettlement returns one settlement, or nil.
func (j *Journal) FindSettlement(ctx context.Context, id uuid.UUID) (*sim.Settlement, error) {
	j.books.mu.RLock()
	defer j.books.mu.RUnlock()
	s, _ := j.books.tables.settlements.get(id)
	return s, ctx.Err()
}

// FindKeys returns the records of those keys that are stored.
func (j *Journal) FindKeys(ctx context.Context, keys []sim.Key) ([]sim.KeyRecord, error) {
	j.books.mu.RLock()
	defer j.books.mu.RUnlock()
	t := &j.books.tables
	var found []sim.KeyRecord
	for _, k := range keys {
		if i, ok := t.keyAt[k]; ok {
			found = append(found, t.keys[i])
		}
	}
	return found, ctx.Err()
}

// ScanKeys calls fn with every key that was stored when it was called. See
// [sim.Tables].
func (j *Journal) ScanKeys(ctx context.Context, fn func(sim.KeyRecord) error) error {
	j.books.mu.RLock()
	keys := j.books.tables.keys
	j.books.mu.RUnlock()
	for _, r := range keys {
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.Kind != sim.KeyIdempotency {
			r = sim.KeyRecord{Key: r.Key}
		}
		if err := fn(r); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Projected returns the place that the tables have reached.
func (j *Journal) Projected(ctx context.Context) (sim.Progress, error) {
	j.books.mu.RLock()
	defer j.books.mu.RUnlock()
	return j.books.projected, ctx.Err()
}

// idCursor reads the cursor of a list ordered by id; "" is none.
func idCursor(s string) (*uuid.UUID, error) {
	if s == "" {
		return nil, nil
	}
	id, err := uuid.Parse(s)
	if err != nil || len(s) != len(id.String()) {
		return nil, sim.Invalid("cursor", "is not one that this list has given out; leave it out to start from the beginning")
	}
	return &id, nil
}

// entryCursor reads the cursor "<sequence>-<index>" of ledger entries; "" is
// none.
func entryCursor(s string) (*entryKey, error) {
	if s == "" {
		return nil, nil
	}
	// Unsigned digits are all that these two accept in base 10.
	sequence, index, _ := strings.Cut(s, "-")
	first, err1 := strconv.ParseUint(sequence, 10, 63)
	second, err2 := strconv.ParseUint(index, 10, 31)
	if err1 != nil || err2 != nil {
		return nil, sim.Invalid("cursor", "is not one that this list has given out; leave it out to start from the beginning")
	}
	return &entryKey{first, int(second)}, nil
}
