package sim_test

import (
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// fire does all work that is due by an instance time, as an engine does, and
// returns its events.
func (b *books) fire(until time.Time) []*sim.Event {
	b.t.Helper()
	var all []*sim.Event
	for range 1_000_000 {
		events, fired, err := b.state.FireDue(until)
		if err != nil {
			b.t.Fatalf("due work broke the books: %v", err)
		}
		if !fired {
			if until.After(b.now) {
				b.now = until
			}
			return all
		}
		b.open = append(b.open, events...)
		all = append(all, events...)
	}
	b.t.Fatalf("work due by %s never ends", until)
	return nil
}

// types returns the types of events.
func types(events []*sim.Event) []sim.EventType {
	var list []sim.EventType
	for _, e := range events {
		list = append(list, e.Type)
	}
	return list
}

// reload returns books that were loaded from a snapshot of these.
func (b *books) reload(rules sim.Rules) *books {
	b.t.Helper()
	if len(b.open) > 0 {
		b.seal()
	}
	snap := b.state.Snapshot()
	for i, v := range snap.Documents { // as a store returns them: without what was decoded
		snap.Documents[i] = &sim.Document{Kind: v.Kind, ID: v.ID, Body: v.Body, DueAt: v.DueAt, UpdatedAt: v.UpdatedAt}
	}
	state, err := sim.LoadState(rules, sim.NewGenerator("books", 1), snap)
	if err != nil {
		b.t.Fatalf("loading: %v", err)
	}
	if state.Snapshot().Digest() != snap.Digest() {
		b.t.Fatalf("the loaded state has another digest")
	}
	return &books{t: b.t, given: rules, state: state, now: b.now}
}
