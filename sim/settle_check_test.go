package sim_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func TestReplayRefusesReservationsThatDoNotAddUp(t *testing.T) {
	t.Parallel()
	for _, c := range []tampered{
		{"the genuine event", func(*sim.Event) {}, ""},
		{"a reservation that is larger", func(e *sim.Event) { e.Settlements[0].Reserved = amount("19001") }, "has reserved"},
		{"a reservation that is gone", func(e *sim.Event) { e.Settlements[1].Reserved = amount("0") }, "has reserved"},
		{"a settlement without its holding", func(e *sim.Event) { e.Holdings, e.Postings = nil, nil }, "has reserved"},
		{"a reservation below zero", func(e *sim.Event) { e.Settlements[0].Reserved = amount("-1") }, "reserved and"},
		{"more under way than is open", func(e *sim.Event) { e.Settlements[0].Course.UnderWay = amount("101") }, "under way"},
		{"a reservation of one that is held", func(e *sim.Event) { e.Settlements[0].Hold.Status = sim.HoldHeld }, "HELD"},
		{"a reservation of one that is pending", func(e *sim.Event) { e.Settlements[0].Status = sim.StatusPending }, "PENDING"},
		{"a trade without terms", func(e *sim.Event) { e.Settlements[0].Terms = nil }, "without terms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := trading(t)
			b.instruct(today(dvp()))
			first := b.seal()
			b.accept(today(rvp()))
			event := copyOf(b.last())
			c.change(event)
			replay := sim.NewState(b.given, sim.NewGenerator("books", 1))
			if err := replay.ApplyBatch(first); err != nil {
				t.Fatal(err)
			}
			err := replay.ApplyBatch(sim.NewBatch(first.Hash, []*sim.Event{event}, b.state.Progress().Generator))
			if c.says == "" && err != nil || c.says != "" && (!errors.Is(err, sim.ErrBrokenInvariant) || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("replay answers %v, want %q", err, c.says)
			}
		})
	}
}

func TestASnapshotWhoseReservationsDoNotAddUpIsRefused(t *testing.T) {
	t.Parallel()
	b := trading(t)
	b.trade(today(dvp()), today(rvp()))
	b.seal()
	snap := b.state.Snapshot()
	one := *snap.Open[0]
	one.Reserved = amount("1")
	snap.Open[0] = &one
	if _, err := sim.LoadState(b.given, sim.NewGenerator("books", 1), snap); !errors.Is(err, sim.ErrBrokenInvariant) {
		t.Errorf("loading answers %v", err)
	}
}
