package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// write seals a batch of one event with records that are made by hand, so that tests
// of stores need no rule by which they come to be.
func (b *books) write(event *sim.Event) *sim.Batch {
	b.t.Helper()
	if len(b.open) > 0 {
		b.t.Fatal("seal what was decided first")
	}
	at := b.state.Progress()
	b.now = b.now.Add(b.step)
	event.Sequence, event.Time, event.Type = at.Sequence+1, b.now.Truncate(time.Microsecond), "test.written"
	for _, v := range event.Transfers {
		for i := range v.History {
			if v.History[i].Sequence == 0 {
				v.History[i].Sequence = event.Sequence
			}
		}
	}
	batch := sim.NewBatch(at.Hash, []*sim.Event{event}, at.Generator)
	if err := b.state.ApplyBatch(batch); err != nil {
		b.t.Fatal(err)
	}
	return batch
}

// transfers returns transfers of all directions, statuses and stages.
func transfers(b *books) []*sim.Transfer {
	ids := sim.NewGenerator("transfers", 1)
	var out []*sim.Transfer
	for i := range 40 {
		at := b.now.Add(time.Duration(i) * time.Second).Truncate(time.Microsecond)
		t := &sim.Transfer{
			ID: ids.ID(at), ExternalID: fmt.Sprintf("x-%d", i), Rail: []string{"wire", "ach", "chain"}[i%3],
			Direction: []sim.Direction{sim.DirectionOut, sim.DirectionIn}[i%2], AccountID: fmt.Sprintf("fund-%d", i%4),
			Symbol: []string{"USD", "BTC-USD"}[i/2%2], Quantity: amount("5.25"), RequestedBy: "ops",
			Status: sim.SettlementStatus(sim.SettlementStatuses()[i%5]), Stage: sim.TransferStage(sim.TransferStages()[i%11]),
			ApprovalsRequired: i % 3, InitiatedAt: at, History: []sim.Transition{{At: at, Status: "SUBMITTED"}},
			ReturnDue: i%7 == 2, CreditAccount: "house", // else the books outside would have to move too
		}
		if i%6 == 5 {
			t.ExternalID = ""
		}
		for k := range i % 3 {
			t.Approvals = append(t.Approvals, sim.Approval{By: fmt.Sprintf("approver-%d", k), At: at.Add(time.Minute), Decision: sim.Approved})
		}
		out = append(out, t)
	}
	return out
}

func testListTransfers(t *testing.T, s *store) {
	b := newBooks(t)
	all := transfers(b)
	batch := b.write(&sim.Event{Transfers: all})
	j := s.loaded()
	j.append(batch)
	j.project(sim.Fold([]*sim.Batch{batch}))
	from, until := all[9].InitiatedAt, all[23].InitiatedAt
	filters := []sim.TransferFilter{
		{}, {AccountID: "fund-0"}, {AccountID: "nobody"}, {Symbol: "USD"}, {Symbol: "usd"}, {Rail: "wire"}, {Rail: "w%"},
		{Direction: sim.DirectionIn}, {Direction: sim.DirectionOut}, {ExternalID: "x-3"}, {ExternalID: "x-99"}, {Status: "OTHER"}, {Stage: "OTHER"},
		{From: from}, {Until: until}, {From: from, Until: until}, {From: until, Until: from}, {From: from.Add(time.Microsecond)},
		{AccountID: "fund-1", Symbol: "USD", Rail: "ach", Direction: sim.DirectionIn}, {AccountID: "fund-1", Status: sim.StatusPending},
		{AccountID: "fund-2", Stage: sim.StageAwaitingApproval, From: from}, {Status: sim.StatusInProgress, Stage: sim.StageBroadcast},
		{Status: sim.StatusCompleted, Stage: sim.StageSettled, Until: until}, {AccountID: "fund-0", ExternalID: "x-4"}, {AccountID: "fund-0", ExternalID: "x-3"},
	}
	for _, status := range sim.SettlementStatuses() {
		filters = append(filters, sim.TransferFilter{Status: sim.SettlementStatus(status)})
	}
	for _, stage := range sim.TransferStages() {
		filters = append(filters, sim.TransferFilter{Stage: sim.TransferStage(stage)})
	}
	for _, f := range filters {
		want := keep(all, func(v *sim.Transfer) bool { return fitsTransfer(f, v) })
		for _, limit := range limits(len(all)) {
			sameRecords(t, fmt.Sprintf("%+v by %d", f, limit), j.transfers(limit, f), want)
		}
	}
	if v := j.findTransfer(uuid.MustParse("019ab0de-0000-7000-8000-000000000001")); v != nil {
		t.Errorf("found %+v for an id that does not exist", v)
	}
}

func fitsTransfer(f sim.TransferFilter, v *sim.Transfer) bool {
	return (f.AccountID == "" || f.AccountID == v.AccountID) && (f.Symbol == "" || f.Symbol == v.Symbol) && (f.Rail == "" || f.Rail == v.Rail) &&
		(f.Direction == "" || f.Direction == v.Direction) && (f.Status == "" || f.Status == v.Status) && (f.Stage == "" || f.Stage == v.Stage) &&
		(f.ExternalID == "" || f.ExternalID == v.ExternalID) &&
		(f.From.IsZero() || !v.InitiatedAt.Before(f.From)) && (f.Until.IsZero() || v.InitiatedAt.Before(f.Until))
}

// testTransferUpdates follows transfers until nothing about them can change:
// Load returns them as long, also those that have settled and may be returned.
func testTransferUpdates(t *testing.T, s *store) {
	b := newBooks(t)
	all := transfers(b)[:1]
	v := *all[0]
	v.Status, v.Stage, v.ReturnDue = sim.StatusPending, sim.StageAwaitingApproval, false
	j := s.loaded()
	step := func(change func(*sim.Transfer)) {
		t.Helper()
		change(&v)
		record := v
		batch := b.write(&sim.Event{Transfers: []*sim.Transfer{&record}})
		j.append(batch)
		j.project(sim.Fold([]*sim.Batch{batch}))
		sameRecords(t, "transfer", []*sim.Transfer{j.findTransfer(v.ID)}, []*sim.Transfer{&record})
		sameRecords(t, "transfers", j.transfers(10, sim.TransferFilter{}), []*sim.Transfer{&record})
		snap := j.load()
		want := b.state.Snapshot()
		want.Keyed = true
		sameSnapshot(t, snap, want)
		if open := len(snap.OpenTransfers) == 1; open == record.Done() {
			t.Errorf("a transfer that is %s, return due %v, is loaded: %v", record.Status, record.ReturnDue, open)
		}
	}
	decide := func(by string, d sim.ApprovalDecision) func(*sim.Transfer) {
		return func(v *sim.Transfer) {
			v.Approvals = append(append([]sim.Approval{}, v.Approvals...), sim.Approval{By: by, At: b.now.Truncate(time.Microsecond), Decision: d})
		}
	}
	step(func(*sim.Transfer) {})
	step(decide("ann", sim.Approved))
	step(decide("bob", sim.Rejected))
	step(decide("eve", sim.Approved))
	step(func(v *sim.Transfer) {
		v.Status, v.Stage, v.ReturnDue, v.DueAt = sim.StatusCompleted, sim.StageSettled, true, b.now.Add(time.Hour).Truncate(time.Microsecond)
	})
	step(func(v *sim.Transfer) { v.ReturnDue, v.DueAt = false, time.Time{} })
}

func testDocuments(t *testing.T, s *store) {
	b := newBooks(t)
	j := s.loaded()
	step := func(documents ...*sim.Document) {
		t.Helper()
		var batches []*sim.Batch
		for _, v := range documents {
			batches = append(batches, b.write(&sim.Event{Documents: []*sim.Document{v}}))
		}
		j.append(batches...)
		j.project(sim.Fold(batches))
		want := b.state.Snapshot()
		sameSnapshot(t, j.load(), want)
		for _, kind := range []sim.DocumentKind{noteKind, markKind, planKind} {
			of := keep(want.Documents, func(v *sim.Document) bool { return v.Kind == kind })
			for _, limit := range limits(4) {
				sameRecords(t, string(kind), j.documents(limit, kind), sortedBy(of, documentOrder))
			}
		}
		for _, limit := range limits(6) {
			sameRecords(t, "documents of all kinds", j.documents(limit, ""), sortedBy(want.Documents, documentOrder))
		}
	}
	document := func(kind sim.DocumentKind, id, body string) *sim.Document {
		at := b.now.Truncate(time.Microsecond)
		return &sim.Document{Kind: kind, ID: id, Body: []byte(body), DueAt: at.Add(time.Hour), UpdatedAt: at}
	}
	gone := func(kind sim.DocumentKind, id string) *sim.Document {
		return &sim.Document{Kind: kind, ID: id, UpdatedAt: b.now.Truncate(time.Microsecond), Removed: true}
	}
	step(document(noteKind, "b", `{"n":1}`), document(noteKind, "B", `{"n":2}`), document(noteKind, "ä", `{}`),
		document(noteKind, "日本", `{"n":1.50}`), document(markKind, "b", `{"n":3}`))
	step(document(noteKind, "b", `{"n":4}`), document(noteKind, "b", `{"n":5}`))
	step(gone(noteKind, "b"), gone(noteKind, "never there"))
	step(gone(noteKind, "B"), document(noteKind, "B", `{"again":true}`), document(planKind, "w", `{}`), gone(planKind, "w"))
	behind, err := j.ListDocuments(j.ctx, noteKind, sim.Page{After: "a", Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	sameRecords(t, "documents behind a", behind, keep(j.documents(10, noteKind), func(v *sim.Document) bool { return v.ID > "a" }))
	step(gone(noteKind, "B"), gone(noteKind, "ä"), gone(noteKind, "日本"), gone(markKind, "b"))
}
