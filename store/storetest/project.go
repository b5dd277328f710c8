package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func testProjectOnce(t *testing.T, s *store) {
	b := newBooks(t)
	first, second := b.deposits(3), b.deposits(3)
	j := s.loaded()
	j.append(first, second)
	p := sim.Fold([]*sim.Batch{first})
	j.project(p)
	if err := j.Project(j.ctx, p); err == nil {
		t.Error("a projection was applied twice")
	}
	sameProgress(t, j.progress(), first.End())
	sameRecords(t, "entries", j.entries(100, sim.EntryFilter{}), pointers(p.Entries))

	j.load()
	rest := sim.Fold([]*sim.Batch{second})
	j.project(rest)
	sameProgress(t, j.progress(), second.End())
	sameRecords(t, "entries", j.entries(100, sim.EntryFilter{}), pointers(append(p.Entries, rest.Entries...)))
}

func testRemovedHoldings(t *testing.T, s *store) {
	b := newBooks(t)
	open := func(cash bool, symbol string) *sim.Holding {
		return b.do("", sim.OpenHolding{Cash: cash, AccountID: "fund-a", Symbol: symbol, Available: amount("1")}).Holding
	}
	remove := func(h *sim.Holding) { b.do("", sim.CloseHolding{Cash: h.Cash, ID: h.ID}) }
	j := s.loaded()
	step := func(positions, balances []*sim.Holding) {
		t.Helper()
		batch := b.seal()
		j.append(batch)
		j.project(sim.Fold([]*sim.Batch{batch}))
		sameRecords(t, "positions", j.holdings(10, sim.HoldingFilter{}), positions)
		sameRecords(t, "balances", j.holdings(10, sim.HoldingFilter{Cash: true}), balances)
		sameSnapshot(t, j.load(), b.state.Snapshot())
	}

	position, balance := open(false, "BTC-USD"), open(true, "USD")
	step([]*sim.Holding{position}, []*sim.Holding{balance})

	// Replaced by new ones of the same account and symbol, within one projection.
	remove(position)
	remove(balance)
	replaced := []*sim.Holding{open(false, "BTC-USD")}
	balance = open(true, "USD")
	step(replaced, []*sim.Holding{balance})

	// Opened, removed and opened again; opened and removed; removed.
	remove(open(false, "ETH-USD"))
	again := open(false, "ETH-USD")
	remove(open(false, "SOL-USD"))
	remove(balance)
	step([]*sim.Holding{replaced[0], again}, nil)

	remove(replaced[0])
	remove(again)
	step(nil, nil)
}

func testSettlementUpdates(t *testing.T, s *store) {
	b := newBooks(t)
	b.deposit("fund-a", "USD", "100", "")
	hold := func(external string) *sim.Settlement {
		return b.do("", sim.Instruct{Type: sim.Withdrawal, AccountID: "fund-a", Symbol: "USD", Quantity: amount("60"), ExternalID: external, Hold: true}).Settlement
	}
	a, c, f, same := hold("e-a"), hold("e-c"), hold("e-f"), hold("e-s")
	b.do("", sim.CancelSettlement{ID: same.ID}) // open and final within one projection
	j := s.loaded()
	project := func() {
		t.Helper()
		batch := b.seal()
		j.append(batch)
		j.project(sim.Fold([]*sim.Batch{batch}))
		want := b.state.Snapshot()
		want.Keyed = true
		sameSnapshot(t, j.load(), want)
	}
	project()
	sameRecords(t, "held", []*sim.Settlement{j.find(a.ID), j.find(c.ID)}, []*sim.Settlement{a, c})

	done := b.do("", sim.ReleaseSettlement{ID: a.ID}).Settlement
	cancelled := b.do("", sim.CancelSettlement{ID: c.ID}).Settlement
	project()
	sameRecords(t, "final", []*sim.Settlement{j.find(a.ID), j.find(c.ID)}, []*sim.Settlement{done, cancelled})

	failed := b.do("", sim.ReleaseSettlement{ID: f.ID}).Settlement // 40 are left
	if failed.Status != sim.StatusFailed {
		t.Fatalf("status is %s, wanted FAILED", failed.Status)
	}
	project()
	sameRecords(t, "failed", []*sim.Settlement{j.find(f.ID)}, []*sim.Settlement{failed})
	if got := len(j.settlements(10, sim.SettlementFilter{})); got != 5 {
		t.Errorf("%d settlements listed, wanted 5: changes must not add rows", got)
	}
	if got := len(j.keys()); got != 4 {
		t.Errorf("%d external ids, wanted 4", got)
	}
}

func testLargeProjection(t *testing.T, s *store) {
	b := newBooks(t)
	var batches []*sim.Batch
	var want []*sim.Settlement
	for i := range 3 {
		for k := range 1111 {
			n := i*1111 + k
			want = append(want, b.do(fmt.Sprintf("k-%d", n), sim.Instruct{
				Type: sim.Deposit, AccountID: fmt.Sprintf("fund-%04d", n%1500), Symbol: "USD", Quantity: amount("1.25"), ExternalID: fmt.Sprintf("e-%d", n),
			}).Settlement)
		}
		batches = append(batches, b.seal())
	}
	j := s.loaded()
	j.append(batches...)
	p := sim.Fold(batches)
	j.project(p)
	snap := b.state.Snapshot()
	snap.Keyed = true
	sameSnapshot(t, j.load(), snap)
	sameRecords(t, "settlements", j.settlements(1000, sim.SettlementFilter{}), want)
	sameRecords(t, "entries", j.entries(1000, sim.EntryFilter{}), pointers(p.Entries))
	if got := len(j.keys()); got != 2*len(want) {
		t.Errorf("%d keys, wanted %d", got, 2*len(want))
	}
}

func testKeys(t *testing.T, s *store) {
	b := newBooks(t)
	j := s.loaded()
	const same = "one value, three kinds"
	var want []*sim.KeyRecord
	for round := range 2 {
		for i := range 20 {
			c := sim.Instruct{Type: sim.Deposit, AccountID: "fund-a", Symbol: "EUR", Quantity: amount("1")}
			key, external := fmt.Sprintf("k-%d-%d", round, i), ""
			if i%2 == 0 {
				external = fmt.Sprintf("e-%d-%d", round, i)
			}
			if round == 1 && i == 0 {
				key, external = same, same
			}
			c.ExternalID = external
			r := b.do(key, c)
			want = append(want, &sim.KeyRecord{Key: sim.Key{Kind: sim.KeyIdempotency, Value: key}, Fingerprint: sim.FingerprintOf(c), Sequence: r.Sequence})
			if external != "" {
				want = append(want, &sim.KeyRecord{Key: sim.Key{Kind: sim.KeyExternal, Value: external}, Sequence: r.Settlement.History[0].Sequence})
			}
		}
		batch := b.seal()
		moved := transfers(b)[round*20 : round*20+20]
		if round == 1 {
			moved[0].ExternalID = same
		}
		next := b.write(&sim.Event{Transfers: moved})
		for _, v := range moved {
			if v.ExternalID != "" {
				want = append(want, &sim.KeyRecord{Key: sim.Key{Kind: sim.KeyTransfer, Value: v.ExternalID}, Sequence: next.Last})
			}
		}
		j.append(batch, next)
		j.project(sim.Fold([]*sim.Batch{batch, next}))
	}
	sameRecords(t, "keys scanned", j.keys(), sortedBy(want, keyOrder))

	find := func(keys ...sim.Key) []*sim.KeyRecord {
		t.Helper()
		found, err := j.FindKeys(j.ctx, keys)
		if err != nil {
			t.Fatal(err)
		}
		return sortedBy(pointers(found), keyOrder)
	}
	var all []sim.Key
	for _, r := range want {
		all = append(all, r.Key)
	}
	sameRecords(t, "keys found", find(all...), sortedBy(want, keyOrder))
	sameRecords(t, "no keys", find(), nil)
	idempotency, external := sim.Key{Kind: sim.KeyIdempotency, Value: same}, sim.Key{Kind: sim.KeyExternal, Value: same}
	if got := find(idempotency, sim.Key{Kind: sim.KeyIdempotency, Value: "unused"}); len(got) != 1 || got[0].Key != idempotency {
		t.Errorf("found %v, wanted the idempotency key alone", got)
	}
	if got := find(external, sim.Key{Kind: sim.KeyExternal, Value: "k-0-0"}); len(got) != 1 || got[0].Key != external {
		t.Errorf("found %v, wanted the external id alone", got)
	}

	transfer := sim.Key{Kind: sim.KeyTransfer, Value: same}
	if got := find(transfer, sim.Key{Kind: sim.KeyTransfer, Value: "k-0-0"}); len(got) != 1 || got[0].Key != transfer {
		t.Errorf("found %v, wanted the transfer's external id alone", got)
	}

	stop := errors.New("enough")
	calls := 0
	err := j.ScanKeys(j.ctx, func(sim.KeyRecord) error {
		calls++
		return stop
	})
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("ScanKeys returned %v after %d calls, wanted the error of the first", err, calls)
	}
}

func testExternalKeyOnly(t *testing.T, s *store) {
	b := newBooks(t)
	st := b.deposit("fund-a", "USD", "1", "e-1")
	batch := b.seal()
	j := s.loaded()
	j.append(batch)
	if j.load().Keyed {
		t.Error("keys are reported before they were projected")
	}
	j.project(sim.Fold([]*sim.Batch{batch}))
	if !j.load().Keyed {
		t.Error("an external id is not reported as a key")
	}
	if st.ID == (uuid.UUID{}) || j.find(st.ID) == nil {
		t.Errorf("settlement %s is not found", st.ID)
	}
}

func testTransferKeyOnly(t *testing.T, s *store) {
	b := newBooks(t)
	batch := b.write(&sim.Event{Transfers: transfers(b)[:1]})
	j := s.loaded()
	j.append(batch)
	if j.load().Keyed {
		t.Error("keys are reported before they were projected")
	}
	j.project(sim.Fold([]*sim.Batch{batch}))
	if !j.load().Keyed {
		t.Error("an external id of a transfer is not reported as a key")
	}
}
