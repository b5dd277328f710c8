package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// listed appends and projects what the books decided, and returns the journal
// and the projection.
func (s *store) listed(b *books) (*journal, *sim.Projection) {
	s.t.Helper()
	batch := b.seal()
	p := sim.Fold([]*sim.Batch{batch})
	j := s.loaded()
	j.append(batch)
	j.project(p)
	return j, p
}

// limits are sizes of pages: single rows, some, exactly all, more than all.
func limits(rows int) []int { return []int{1, 3, rows, rows + 1} }

// keep returns the rows that fit a filter.
func keep[R any](rows []R, fits func(R) bool) []R {
	var out []R
	for _, r := range rows {
		if fits(r) {
			out = append(out, r)
		}
	}
	return out
}

func testListAccounts(t *testing.T, s *store) {
	b := newBooks(t)
	// Order is by bytes: digits, upper case, lower case, then beyond ASCII; a
	// prefix comes before what it begins.
	for i, id := range []string{"b", "B", "a-10", "a-9", "a", "ä", "日本", "Z", "0", "a b", "𝔘"} {
		open := sim.OpenAccount{AccountID: id, ClientID: fmt.Sprintf("client-%d", i%3)}
		if i%2 == 0 || i > 5 { // each client has one master account
			open.Type = sim.AccountSegregated
		}
		b.do("", open)
	}
	j, p := s.listed(b)
	all := sortedBy(p.Accounts, accountCursor)
	for _, f := range []sim.AccountFilter{
		{}, {ClientID: "client-0"}, {ClientID: "client-2"}, {Type: sim.AccountMaster}, {Type: sim.AccountSegregated},
		{ClientID: "client-1", Type: sim.AccountSegregated}, {ClientID: "nobody"}, {ClientID: "client-%"}, {Type: "OTHER"},
	} {
		want := keep(all, func(a *sim.Account) bool {
			return (f.ClientID == "" || a.ClientID == f.ClientID) && (f.Type == "" || a.Type == f.Type)
		})
		for _, limit := range limits(len(all)) {
			sameRecords(t, fmt.Sprintf("%+v by %d", f, limit), j.accounts(limit, f), want)
		}
	}
	// A cursor need not be that of a row that is still there.
	behind, err := j.ListAccounts(j.ctx, sim.AccountFilter{}, sim.Page{After: "a-1", Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	sameRecords(t, "accounts behind a-1", behind, keep(all, func(a *sim.Account) bool { return a.AccountID > "a-1" }))
}

func testListHoldings(t *testing.T, s *store) {
	b := newBooks(t)
	b.step = 0 // ids of one millisecond keep their order too
	for i := range 5 {
		for _, symbol := range []string{"BTC-USD", "ETH-USD", "AAPL"} {
			b.do("", sim.OpenHolding{AccountID: fmt.Sprintf("fund-%d", i), Symbol: symbol, Available: amount("1")})
		}
		for _, currency := range []string{"USD", "EUR"} {
			b.do("", sim.OpenHolding{Cash: true, AccountID: fmt.Sprintf("fund-%d", i), Symbol: currency, Available: amount("1")})
		}
	}
	j, p := s.listed(b)
	for _, cash := range []bool{false, true} {
		for _, f := range []sim.HoldingFilter{
			{}, {AccountID: "fund-3"}, {Symbol: "ETH-USD"}, {Symbol: "USD"}, {AccountID: "fund-0", Symbol: "AAPL"},
			{AccountID: "fund-0", Symbol: "EUR"}, {AccountID: "nobody"}, {Symbol: "%"},
		} {
			f.Cash = cash
			want := keep(p.Holdings, func(h *sim.Holding) bool {
				return h.Cash == cash && (f.AccountID == "" || h.AccountID == f.AccountID) && (f.Symbol == "" || h.Symbol == f.Symbol)
			})
			for _, limit := range limits(15) {
				sameRecords(t, fmt.Sprintf("%+v by %d", f, limit), j.holdings(limit, f), want)
			}
		}
	}
}

// listedSettlements decides settlements of every type and status.
func listedSettlements(b *books) {
	for i := range 12 {
		account, symbol := fmt.Sprintf("fund-%d", i%3), []string{"USD", "BTC-USD"}[i%2]
		b.deposit(account, symbol, "5", fmt.Sprintf("d-%d", i))
	}
	for i := range 6 {
		c := sim.Instruct{
			Type: sim.Internal, SourceAccount: fmt.Sprintf("fund-%d", i%3), DestinationAccount: fmt.Sprintf("fund-%d", (i+1)%3),
			Symbol: "USD", Quantity: amount("0.01"), ExternalID: fmt.Sprintf("t-%d", i),
		}
		if i%2 == 1 {
			c.AccountID = c.DestinationAccount // else the source instructs
		}
		b.do("", c)
	}
	b.do("", sim.Instruct{Type: sim.Deposit, AccountID: "fund-0", Symbol: "USD", Quantity: amount("1"), SourceAccount: "outside"})
	b.do("", sim.Instruct{Type: sim.Withdrawal, AccountID: "fund-1", Symbol: "AAPL", Quantity: amount("1")}) // fails
	held := sim.Instruct{Type: sim.Withdrawal, AccountID: "fund-2", Symbol: "BTC-USD", Quantity: amount("1"), Hold: true}
	b.do("", held)
	b.do("", sim.CancelSettlement{ID: b.do("", held).Settlement.ID})
}

func testListSettlements(t *testing.T, s *store) {
	b := newBooks(t)
	listedSettlements(b)
	j, p := s.listed(b)
	all := p.Settlements
	from, until := all[4].InitiatedAt, all[9].InitiatedAt
	filters := []sim.SettlementFilter{
		{}, {AccountID: "fund-0"}, {AccountID: "fund-2"}, {AccountID: "outside"}, {AccountID: sim.Nostro}, {AccountID: sim.Depository},
		{AccountID: "nobody"}, {Symbol: "USD"}, {Symbol: "AAPL"}, {Symbol: "aapl"}, {ExternalID: "t-3"}, {ExternalID: "t-9"},
		{From: from}, {Until: until}, {From: from, Until: until}, {From: until, Until: from}, {From: from.Add(time.Microsecond)},
		{Until: until.Add(time.Microsecond)}, {From: all[0].InitiatedAt.Add(-time.Hour)}, {Until: all[0].InitiatedAt},
		{AccountID: "fund-1", Symbol: "USD"}, {AccountID: "fund-1", ExternalID: "d-1"}, {AccountID: "fund-1", ExternalID: "d-0"},
		{AccountID: "fund-0", Type: sim.Internal, Status: sim.StatusCompleted, From: from, Until: all[17].InitiatedAt},
		{AccountID: "fund-2", Status: sim.StatusPending}, {Symbol: "BTC-USD", Type: sim.Withdrawal, Status: sim.StatusCancelled},
	}
	for _, kind := range sim.SettlementTypes() {
		filters = append(filters, sim.SettlementFilter{Type: sim.SettlementType(kind)})
	}
	for _, status := range sim.SettlementStatuses() {
		filters = append(filters, sim.SettlementFilter{Status: sim.SettlementStatus(status)})
	}
	for _, f := range filters {
		want := keep(all, func(st *sim.Settlement) bool { return fits(f, st) })
		for _, limit := range limits(len(all)) {
			sameRecords(t, fmt.Sprintf("%+v by %d", f, limit), j.settlements(limit, f), want)
		}
	}
	if st := j.find(uuid.MustParse("019ab0de-0000-7000-8000-000000000001")); st != nil {
		t.Errorf("found %+v for an id that does not exist", st)
	}
}

func fits(f sim.SettlementFilter, s *sim.Settlement) bool {
	return (f.AccountID == "" || f.AccountID == s.AccountID || f.AccountID == s.SourceAccount || f.AccountID == s.DestinationAccount) &&
		(f.Symbol == "" || f.Symbol == s.Symbol) && (f.Type == "" || f.Type == s.Type) && (f.Status == "" || f.Status == s.Status) &&
		(f.ExternalID == "" || f.ExternalID == s.ExternalID) &&
		(f.From.IsZero() || !s.InitiatedAt.Before(f.From)) && (f.Until.IsZero() || s.InitiatedAt.Before(f.Until))
}

func testListEntries(t *testing.T, s *store) {
	b := newBooks(t)
	listedSettlements(b)
	// Two postings in one event, and none of a settlement.
	position := b.do("", sim.OpenHolding{AccountID: "fund-0", Symbol: "ETH-USD", Available: amount("2"), Locked: amount("1")}).Holding
	b.do("", sim.LockHolding{ID: position.ID, Amount: amount("1")})
	j, p := s.listed(b)
	all := pointers(p.Entries)
	last := all[len(all)-1].Sequence
	for _, f := range []sim.EntryFilter{
		{}, {AccountID: "fund-0"}, {AccountID: sim.Nostro}, {AccountID: sim.Depository}, {AccountID: "nobody"},
		{Symbol: "USD"}, {Symbol: "ETH-USD"}, {SettlementID: p.Settlements[14].ID}, {SettlementID: position.ID},
		{AfterSequence: last - 5}, {AfterSequence: last}, {AfterSequence: 1 << 40},
		{AccountID: "fund-1", Symbol: "USD", AfterSequence: last / 2}, {AccountID: "fund-2", SettlementID: p.Settlements[14].ID},
	} {
		want := keep(all, func(e *sim.Entry) bool {
			return (f.AccountID == "" || f.AccountID == e.Debit.AccountID || f.AccountID == e.Credit.AccountID) &&
				(f.Symbol == "" || f.Symbol == e.Symbol) && e.Sequence > f.AfterSequence &&
				(f.SettlementID == (uuid.UUID{}) || f.SettlementID == e.SettlementID)
		})
		for _, limit := range limits(len(all)) {
			sameRecords(t, fmt.Sprintf("%+v by %d", f, limit), j.entries(limit, f), want)
		}
	}
}

func testMalformedCursors(t *testing.T, s *store) {
	b := newBooks(t)
	listedSettlements(b)
	j, _ := s.listed(b)
	refused := func(list, cursor string, err error) {
		t.Helper()
		refusal, ok := errors.AsType[*sim.Error](err)
		if !ok || refusal.Field != "cursor" || refusal.Code != sim.CodeInvalid {
			t.Errorf("%s behind %q: %v, wanted an invalid request with field cursor", list, cursor, err)
		}
	}
	for _, cursor := range []string{"x", "1", "019ab0de-0000-7000-8000-00000000000", "019ab0de-0000-7000-8000-00000000000z", "' OR 1=1 --", "1-2", "日本"} {
		p := sim.Page{After: cursor, Limit: 10}
		_, err := j.ListHoldings(j.ctx, sim.HoldingFilter{}, p)
		refused("positions", cursor, err)
		_, err = j.ListHoldings(j.ctx, sim.HoldingFilter{Cash: true}, p)
		refused("balances", cursor, err)
		_, err = j.ListSettlements(j.ctx, sim.SettlementFilter{}, p)
		refused("settlements", cursor, err)
		_, err = j.ListTransfers(j.ctx, sim.TransferFilter{}, p)
		refused("transfers", cursor, err)
	}
	for _, cursor := range []string{"x", " x", "日本"} {
		_, err := j.ListDocuments(j.ctx, "", sim.Page{After: cursor, Limit: 10})
		refused("documents of all kinds", cursor, err)
	}
	for _, cursor := range []string{"x", "1", "-", "1-", "-1", "1-2-3", "a-b", "1-b", "-1-2", " 1-2", "1-2 ", "+1-2", "0x1-2", "99999999999999999999-0", "1-99999999999999999999", "019ab0de-0000-7000-8000-000000000001"} {
		_, err := j.ListEntries(j.ctx, sim.EntryFilter{}, sim.Page{After: cursor, Limit: 10})
		refused("entries", cursor, err)
	}
}

func testContexts(t *testing.T, s *store) {
	b := newBooks(t)
	listedSettlements(b)
	j, _ := s.listed(b)
	next := b.deposits(1)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	page := sim.Page{Limit: 10}
	for name, call := range map[string]func() error{
		"Load":            func() error { _, err := j.Load(ended); return err },
		"Append":          func() error { return j.Append(ended, next) },
		"Project":         func() error { return j.Project(ended, sim.Fold([]*sim.Batch{next})) },
		"Read":            func() error { return j.Read(ended, 0, func(*sim.Batch) error { return nil }) },
		"ListAccounts":    func() error { _, err := j.ListAccounts(ended, sim.AccountFilter{}, page); return err },
		"ListHoldings":    func() error { _, err := j.ListHoldings(ended, sim.HoldingFilter{}, page); return err },
		"ListMirrors":     func() error { _, err := j.ListMirrors(ended); return err },
		"ListSettlements": func() error { _, err := j.ListSettlements(ended, sim.SettlementFilter{}, page); return err },
		"ListTransfers":   func() error { _, err := j.ListTransfers(ended, sim.TransferFilter{}, page); return err },
		"ListDocuments":   func() error { _, err := j.ListDocuments(ended, noteKind, page); return err },
		"FindTransfer":    func() error { _, err := j.FindTransfer(ended, uuid.UUID{1}); return err },
		"ListEntries":     func() error { _, err := j.ListEntries(ended, sim.EntryFilter{}, page); return err },
		"FindSettlement":  func() error { _, err := j.FindSettlement(ended, uuid.UUID{1}); return err },
		"FindKeys": func() error {
			_, err := j.FindKeys(ended, []sim.Key{{Kind: sim.KeyExternal, Value: "t-1"}})
			return err
		},
		"ScanKeys":  func() error { return j.ScanKeys(ended, func(sim.KeyRecord) error { return nil }) },
		"Projected": func() error { _, err := j.Projected(ended); return err },
	} {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with an ended context returned %v, wanted context.Canceled", name, err)
		}
	}

	// A context that ends on the way ends a walk.
	walking, stop := context.WithCancel(context.Background())
	defer stop()
	err := j.ScanKeys(walking, func(sim.KeyRecord) error { stop(); return walking.Err() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ScanKeys whose context ended on the way returned %v", err)
	}

	// Nothing of it happened, and the journal works.
	snap := j.load()
	if snap.Head != next.First-1 || snap.Projected.Sequence != next.First-1 {
		t.Errorf("head %d, projected %d; wanted %d", snap.Head, snap.Projected.Sequence, next.First-1)
	}
	j.append(next)
	j.project(sim.Fold([]*sim.Batch{next}))
}
