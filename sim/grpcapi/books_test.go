package grpcapi_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
)

// books is a custodian without an engine: a state under a mutex and the events
// it has made.
type books struct {
	mu      sync.Mutex
	state   *sim.State
	now     time.Time
	events  []engine.Recorded
	changed chan struct{} // closed and replaced with every event
}

func newBooks(testing.TB) *books {
	rules := sim.Rules{
		Assets: asset.NewRegistry(), AutoOpen: true,
		MaxAccounts: 10_000, MaxHoldings: 10_000, MaxOpenSettlements: 10_000,
	}
	return &books{
		state: sim.NewState(rules, sim.NewGenerator("grpc-test", 1)), changed: make(chan struct{}),
		now: time.Date(2026, 11, 23, 14, 30, 0, 0, time.UTC),
	}
}

func (b *books) Do(ctx context.Context, r sim.Request) (sim.Result, error) {
	a := b.DoAll(ctx, []sim.Request{r})[0]
	return a.Result, a.Err
}

func (b *books) DoAll(_ context.Context, requests []sim.Request) []engine.Answer {
	b.mu.Lock()
	defer b.mu.Unlock()
	answers := make([]engine.Answer, len(requests))
	for i := range requests {
		b.now = b.now.Add(time.Second)
		d, err := b.state.Decide(b.now, &requests[i])
		switch {
		case err != nil:
			answers[i].Err = err
		case d.Outcome == sim.Refused:
			answers[i].Err = d.Err
		case d.Outcome == sim.Repeated:
			answers[i].Result = sim.ResultOf(b.events[d.Result.Sequence-1].Event)
			answers[i].Result.Replayed = true
		default:
			answers[i].Result = d.Result
			batch := b.state.Seal(d.Events)
			for _, e := range d.Events {
				b.events = append(b.events, engine.Recorded{Event: e, Hash: batch.Hash})
			}
			close(b.changed)
			b.changed = make(chan struct{})
		}
	}
	return answers
}

func (b *books) Account(_ context.Context, id string) (*sim.Account, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.state.Account(id); a != nil {
		return a, nil
	}
	return nil, sim.Errorf(sim.CodeNotFound, "account %q does not exist", id)
}

func (b *books) Holding(_ context.Context, cash bool, id uuid.UUID) (*sim.Holding, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if h := b.state.Holding(cash, id); h != nil {
		return h, nil
	}
	return nil, sim.Errorf(sim.CodeNotFound, "%s does not exist", id)
}

func (b *books) Settlement(ctx context.Context, id uuid.UUID) (*sim.Settlement, error) {
	all, err := b.ListSettlements(ctx, sim.SettlementFilter{}, sim.Page{Limit: 1 << 30})
	for _, st := range all {
		if st.ID == id {
			return st, err
		}
	}
	return nil, sim.Errorf(sim.CodeNotFound, "settlement %s does not exist", id)
}

// records returns the last state of every record of one kind that the events
// carry, ordered by its key, behind a cursor and up to a limit.
func records[R any](b *books, p sim.Page, of func(*sim.Event) []R, key func(R) string, keep func(R) bool) []R {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := make(map[string]R)
	for _, r := range b.events {
		for _, record := range of(r.Event) {
			last[key(record)] = record
		}
	}
	var out []R
	for k, record := range last {
		if k > p.After && keep(record) {
			out = append(out, record)
		}
	}
	slices.SortFunc(out, func(x, y R) int { return cmp.Compare(key(x), key(y)) })
	return out[:min(len(out), p.Limit)]
}

func (b *books) ListAccounts(_ context.Context, f sim.AccountFilter, p sim.Page) ([]*sim.Account, error) {
	return records(b, p, func(e *sim.Event) []*sim.Account { return e.Accounts },
		func(a *sim.Account) string { return a.AccountID },
		func(a *sim.Account) bool {
			return (f.ClientID == "" || f.ClientID == a.ClientID) && (f.Type == "" || f.Type == a.Type)
		}), nil
}

func (b *books) ListHoldings(_ context.Context, f sim.HoldingFilter, p sim.Page) ([]*sim.Holding, error) {
	if p.After != "" && uuid.Validate(p.After) != nil {
		return nil, sim.Invalid("cursor", "is no cursor of this list")
	}
	return records(b, p, func(e *sim.Event) []*sim.Holding { return e.Holdings },
		func(h *sim.Holding) string { return h.ID.String() },
		func(h *sim.Holding) bool {
			return !h.Removed && h.Cash == f.Cash && (f.AccountID == "" || f.AccountID == h.AccountID) && (f.Symbol == "" || f.Symbol == h.Symbol)
		}), nil
}

func (b *books) ListSettlements(_ context.Context, f sim.SettlementFilter, p sim.Page) ([]*sim.Settlement, error) {
	return records(b, p, func(e *sim.Event) []*sim.Settlement { return e.Settlements },
		func(st *sim.Settlement) string { return st.ID.String() },
		func(st *sim.Settlement) bool {
			return (f.AccountID == "" || f.AccountID == st.AccountID || f.AccountID == st.SourceAccount || f.AccountID == st.DestinationAccount) &&
				(f.Symbol == "" || f.Symbol == st.Symbol) && (f.Type == "" || f.Type == st.Type) &&
				(f.Status == "" || f.Status == st.Status) && (f.ExternalID == "" || f.ExternalID == st.ExternalID) &&
				!st.InitiatedAt.Before(f.From) && (f.Until.IsZero() || st.InitiatedAt.Before(f.Until))
		}), nil
}

func (b *books) ListEntries(_ context.Context, f sim.EntryFilter, p sim.Page) ([]sim.Entry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []sim.Entry
	behind := p.After == ""
	for _, r := range b.events {
		for _, e := range r.Event.Entries() {
			id := fmt.Sprintf("%d-%d", e.Sequence, e.Index)
			if behind && e.Sequence > f.AfterSequence && (f.Symbol == "" || f.Symbol == e.Symbol) &&
				(f.AccountID == "" || f.AccountID == e.Debit.AccountID || f.AccountID == e.Credit.AccountID) &&
				(f.SettlementID == uuid.UUID{} || f.SettlementID == e.SettlementID) {
				out = append(out, e)
			}
			behind = behind || id == p.After
		}
	}
	return out[:min(len(out), p.Limit)], nil
}

func (b *books) since(after uint64) ([]engine.Recorded, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.events[min(after, uint64(len(b.events))):]), b.changed
}

func (b *books) Events(_ context.Context, after uint64, limit int) ([]engine.Recorded, error) {
	events, _ := b.since(after)
	return events[:min(len(events), limit)], nil
}

func (b *books) Follow(ctx context.Context, after uint64, fn func([]engine.Recorded) error) error {
	for {
		events, changed := b.since(after)
		if len(events) > 0 {
			if err := fn(events); err != nil {
				return err
			}
			after = events[len(events)-1].Event.Sequence
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
