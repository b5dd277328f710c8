package engine

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// read runs fn on the state, within the loop, and returns once everything that
// fn may have seen is durable.
func (e *Engine) read(ctx context.Context, fn func(*sim.State)) error {
	c := e.newCall()
	c.read = fn
	err := e.submit(ctx, e.deadline(), c)
	if err == nil {
		e.reuse(c)
	}
	return err
}

// Account returns an account, or [sim.CodeNotFound].
func (e *Engine) Account(ctx context.Context, id string) (*sim.Account, error) {
	var found *sim.Account
	if err := e.read(ctx, func(s *sim.State) { found = s.Account(id) }); err != nil {
		return nil, err
	}
	if found == nil {
		return nil, sim.Errorf(sim.CodeNotFound, "account %q does not exist", id)
	}
	return found, nil
}

// Holding returns a position, or with cash a balance, or [sim.CodeNotFound].
func (e *Engine) Holding(ctx context.Context, cash bool, id uuid.UUID) (*sim.Holding, error) {
	var found *sim.Holding
	if err := e.read(ctx, func(s *sim.State) { found = s.Holding(cash, id) }); err != nil {
		return nil, err
	}
	if found == nil {
		noun := "position"
		if cash {
			noun = "balance"
		}
		return nil, sim.Errorf(sim.CodeNotFound, "%s %s does not exist", noun, id)
	}
	return found, nil
}

// Settlement returns a settlement, open or final, or [sim.CodeNotFound].
func (e *Engine) Settlement(ctx context.Context, id uuid.UUID) (*sim.Settlement, error) {
	var found *sim.Settlement
	if err := e.read(ctx, func(s *sim.State) { found = s.OpenSettlement(id) }); err != nil || found != nil {
		return found, err
	}
	found, err := query(ctx, e, func(ctx context.Context) (*sim.Settlement, error) {
		return e.cfg.Journal.FindSettlement(ctx, id)
	})
	if err == nil && found == nil {
		err = sim.Errorf(sim.CodeNotFound, "settlement %s does not exist", id)
	}
	return found, err
}

// Transfer returns a transfer, open or final, or [sim.CodeNotFound].
func (e *Engine) Transfer(ctx context.Context, id uuid.UUID) (*sim.Transfer, error) {
	var found *sim.Transfer
	if err := e.read(ctx, func(s *sim.State) { found = s.OpenTransfer(id) }); err != nil || found != nil {
		return found, err
	}
	found, err := query(ctx, e, func(ctx context.Context) (*sim.Transfer, error) {
		return e.cfg.Journal.FindTransfer(ctx, id)
	})
	if err == nil && found == nil {
		err = sim.Errorf(sim.CodeNotFound, "transfer %s does not exist", id)
	}
	return found, err
}

// MasterBalance returns a client's master account with the sums over all of the
// client's accounts, or [sim.CodeNotFound].
func (e *Engine) MasterBalance(ctx context.Context, clientID string) (*sim.MasterBalance, error) {
	var found *sim.MasterBalance
	var refusal *sim.Error
	if err := e.read(ctx, func(s *sim.State) { found, refusal = s.MasterBalance(clientID) }); err != nil {
		return nil, err
	}
	if refusal != nil {
		return nil, refusal
	}
	return found, nil
}

// SegregatedBalances returns a client's segregated accounts with what each
// holds, or [sim.CodeNotFound].
func (e *Engine) SegregatedBalances(ctx context.Context, clientID string) ([]sim.AccountBalances, error) {
	var found []sim.AccountBalances
	var refusal *sim.Error
	if err := e.read(ctx, func(s *sim.State) { found, refusal = s.SegregatedBalances(clientID) }); err != nil {
		return nil, err
	}
	if refusal != nil {
		return nil, refusal
	}
	return found, nil
}

// Clock returns the clock's setting, the instance time that it shows, and when
// work is due next; zero where nothing is.
func (e *Engine) Clock(ctx context.Context) (setting sim.ClockSetting, now, next time.Time, err error) {
	err = e.read(ctx, func(s *sim.State) {
		setting, now = s.Clock(), s.Now(e.cfg.Clock.Now())
		next, _ = s.NextDue()
	})
	return setting, now, next, err
}

// query asks the tables once they have reached what is durable now.
func query[T any](ctx context.Context, e *Engine, fn func(context.Context) (T, error)) (T, error) {
	var none T
	if err := e.refusal(); err != nil {
		e.cfg.Metrics.RecordRefused(string(err.Code))
		return none, err
	}
	ctx, cancel := context.WithTimeout(ctx, e.cfg.Limits.Request)
	defer cancel()
	if e.projected.value() < e.durable.value() {
		if err := e.visible(ctx, e.deadline()); err != nil {
			return none, err
		}
	}
	result, err := fn(ctx)
	if err != nil {
		return none, e.storeError(ctx, "querying", err)
	}
	return result, nil
}

// lightPage is how many records may be asked of a server at any time; see reading.
const lightPage = 101

// list is query for what may read many rows, which is done in turns.
func list[T any](ctx context.Context, e *Engine, limit int, fn func(context.Context) ([]T, error)) ([]T, error) {
	return query(ctx, e, func(ctx context.Context) ([]T, error) {
		if e.cfg.LocalJournal || limit > lightPage {
			end, err := e.storeTurn(ctx)
			if err != nil {
				return nil, err
			}
			defer end()
		}
		return fn(ctx)
	})
}

// storeTurn takes a turn for a longer read of the journal, and returns what ends
// it. What is read on a server takes none of the processors here, so turns of all
// instances need not be shared, but of each instance's such reads there is one at
// a time: they crowd the server's processors as well.
func (e *Engine) storeTurn(ctx context.Context) (end func(), err error) {
	if e.cfg.LocalJournal {
		turn, err := e.cfg.Lane.Take(ctx)
		return turn.End, err
	}
	select {
	case e.reading <- struct{}{}:
		return func() { <-e.reading }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ListAccounts returns a page of accounts. See [sim.Tables] for order, cursors
// and errors of this and the other lists.
func (e *Engine) ListAccounts(ctx context.Context, f sim.AccountFilter, p sim.Page) ([]*sim.Account, error) {
	return list(ctx, e, p.Limit, func(ctx context.Context) ([]*sim.Account, error) {
		return e.cfg.Journal.ListAccounts(ctx, f, p)
	})
}

// ListHoldings returns a page of positions or balances.
func (e *Engine) ListHoldings(ctx context.Context, f sim.HoldingFilter, p sim.Page) ([]*sim.Holding, error) {
	return list(ctx, e, p.Limit, func(ctx context.Context) ([]*sim.Holding, error) {
		return e.cfg.Journal.ListHoldings(ctx, f, p)
	})
}

// ListSettlements returns a page of settlements.
func (e *Engine) ListSettlements(ctx context.Context, f sim.SettlementFilter, p sim.Page) ([]*sim.Settlement, error) {
	return list(ctx, e, p.Limit, func(ctx context.Context) ([]*sim.Settlement, error) {
		return e.cfg.Journal.ListSettlements(ctx, f, p)
	})
}

// ListTransfers returns a page of transfers.
func (e *Engine) ListTransfers(ctx context.Context, f sim.TransferFilter, p sim.Page) ([]*sim.Transfer, error) {
	return list(ctx, e, p.Limit, func(ctx context.Context) ([]*sim.Transfer, error) {
		return e.cfg.Journal.ListTransfers(ctx, f, p)
	})
}

// ListDocuments returns a page of the documents of a kind.
func (e *Engine) ListDocuments(ctx context.Context, kind sim.DocumentKind, p sim.Page) ([]*sim.Document, error) {
	return list(ctx, e, p.Limit, func(ctx context.Context) ([]*sim.Document, error) {
		return e.cfg.Journal.ListDocuments(ctx, kind, p)
	})
}

// ListEntries returns a page of ledger entries.
func (e *Engine) ListEntries(ctx context.Context, f sim.EntryFilter, p sim.Page) ([]sim.Entry, error) {
	return list(ctx, e, p.Limit, func(ctx context.Context) ([]sim.Entry, error) {
		return e.cfg.Journal.ListEntries(ctx, f, p)
	})
}
