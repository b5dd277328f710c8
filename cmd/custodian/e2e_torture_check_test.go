//go:build integration

package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// event is what the checks need of an event.
type event struct {
	Sequence uint64
	Hash     string
}

// kept is a settlement or transfer as the instance lists it.
type kept struct {
	SettlementID string       `json:"settlement_id"`
	TransferID   string       `json:"transfer_id"`
	ExternalID   string       `json:"external_id"`
	Status       string       `json:"status"`
	Quantity     money.Amount `json:"quantity"`
	Settled      money.Amount `json:"settled_quantity"` // of settlements
}

// check compares an instance that was killed and is back with what it was asked
// in the round: before what had no answer is asked again, and after. It returns
// how many requests without an answer had been carried out.
func (v *victim) check() (present int) {
	v.s.t.Helper()
	i := v.instance()
	if i.State != "running" {
		v.s.t.Errorf("%s is %s, want running", v.name, i.State)
		return 0
	}
	v.checkEvents(i)
	found := v.checkMoves(i, v.round)
	v.checkLocks(i)
	v.checkClock(i)
	again := 0
	for _, a := range v.ofRound(v.round) {
		there := 0
		for id := range a.moves {
			if _, ok := found[id]; ok {
				there++
			}
		}
		if there > 0 && there < len(a.moves) && a.path != "/api/v1/settlements/bulk" {
			v.s.t.Errorf("%s: %s %v is there in part", v.name, a.path, a.body)
		}
		if a.acked {
			if again++; again > 20 {
				continue // enough of those whose outcome is known
			}
		} else if there > 0 {
			present++
		}
		v.again(i, a, there > 0)
	}
	for _, problem := range v.unclean {
		v.s.t.Errorf("%s: %s", v.name, problem)
	}
	// Now the outcome of every request is known: the bounds are exact.
	v.checkMoves(i, v.round)
	v.checkLocks(i)
	v.checkClock(i)
	v.checkEvents(i)
	return present
}

// again sends a request once more. With a key it has the same answer, or is
// carried out now; without one the external id says whether it was.
func (v *victim) again(i instance, a *asked, there bool) {
	v.s.t.Helper()
	status, body, err := v.s.tryKey(http.MethodPost, i.url(a.path), a.body, a.key)
	if err != nil {
		v.s.t.Fatalf("%s: %s again: %v", v.name, a.path, err)
	}
	if a.key == "" && there {
		if status != http.StatusConflict {
			v.s.t.Errorf("%s: %s again without a key: %d %s, want 409", v.name, a.path, status, body)
		}
		a.acked = true
		return
	}
	v.acknowledge(a, status, body)
}

// checkAll compares everything that the instance was ever asked.
func (v *victim) checkAll() {
	v.s.t.Helper()
	i := v.instance()
	for round := 1; round <= v.round; round++ {
		v.checkMoves(i, round)
	}
	v.last = event{} // the whole sequence again
	v.checkEvents(i)
}

// checkMoves compares the settlements and transfers of a round with what was
// asked, and the round's holdings with them. It returns what is there.
func (v *victim) checkMoves(i instance, round int) map[string]kept {
	v.s.t.Helper()
	found := make(map[string]kept)
	want := map[string]money.Amount{} // of the round's account, its other one, and its cash
	wanted := make(map[string]*asked)
	for _, a := range v.ofRound(round) {
		for id := range a.moves {
			wanted[id] = a
		}
	}
	add := func(records []kept) {
		for _, r := range records {
			if _, twice := found[r.ExternalID]; twice {
				v.s.t.Errorf("%s: %s is there twice", v.name, r.ExternalID)
			}
			found[r.ExternalID] = r
			a, ok := wanted[r.ExternalID]
			if !ok {
				v.s.t.Errorf("%s: nobody asked for %s", v.name, r.ExternalID)
				continue
			}
			m := a.moves[r.ExternalID]
			if quantity := money.MustParse(m.quantity); !r.Quantity.Equal(quantity) {
				v.s.t.Errorf("%s: %s is of %s, want %s", v.name, r.ExternalID, r.Quantity, quantity)
			}
			if id := r.SettlementID + r.TransferID; m.id != "" && id != m.id {
				v.s.t.Errorf("%s: %s was acknowledged as %s and is %s", v.name, r.ExternalID, m.id, id)
			}
			switch {
			case r.TransferID != "":
				if r.Status == "COMPLETED" {
					want["USD"] = want["USD"].Add(r.Quantity)
				}
			case m.out:
				want["BTC"] = want["BTC"].Sub(r.Settled)
				want["other"] = want["other"].Add(r.Settled)
			default:
				want["BTC"] = want["BTC"].Add(r.Settled)
			}
		}
	}
	of := "?limit=1000&account_id=" + account(round)
	add(list[kept](v, i, "settlements", of))
	add(list[kept](v, i, "transfers", of))
	for id, a := range wanted {
		if _, ok := found[id]; a.acked && !ok {
			v.s.t.Errorf("%s: %s of %s was acknowledged and is not there", v.name, id, a.path)
		}
	}

	got := map[string]money.Amount{}
	type holding struct {
		Quantity money.Amount `json:"quantity"`
		Total    money.Amount `json:"total_balance"`
	}
	for name, where := range map[string][2]string{
		"BTC": {"positions", account(round)}, "other": {"positions", otherAccount(round)}, "USD": {"balances", account(round)},
	} {
		for _, h := range list[holding](v, i, where[0], "?limit=1000&account_id="+where[1]) {
			got[name] = got[name].Add(h.Quantity).Add(h.Total)
		}
		if !got[name].Equal(want[name]) {
			v.s.t.Errorf("%s: %s of round %d is %s, its settlements and transfers say %s", v.name, name, round, got[name], want[name])
		}
	}
	return found
}

// list returns all pages of a list.
func list[R any](v *victim, i instance, name, query string) (all []R) {
	v.s.t.Helper()
	for cursor := ""; ; {
		var page map[string]json.RawMessage
		v.s.call(http.MethodGet, i.url("/api/v1/"+name+query+cursor), nil, http.StatusOK, &page)
		var records []R
		var next *string
		if err := json.Unmarshal(page[name], &records); err != nil {
			v.s.t.Fatalf("%s in %s: %v", name, page, err)
		}
		if err := json.Unmarshal(page["next_cursor"], &next); err != nil {
			v.s.t.Fatalf("next_cursor in %s: %v", page, err)
		}
		all = append(all, records...)
		if next == nil {
			return all
		}
		cursor = "&cursor=" + url.QueryEscape(*next)
	}
}

// checkLocks compares what is locked with the sum of what was asked: all that
// was acknowledged, and of the rest nothing or all.
func (v *victim) checkLocks(i instance) {
	v.s.t.Helper()
	var position struct {
		Locked money.Amount `json:"locked_quantity"`
	}
	v.s.call(http.MethodGet, i.url("/api/v1/positions/"+v.vault), nil, http.StatusOK, &position)
	least, most := 0, 0
	for _, a := range v.asked {
		most += a.locks
		if a.acked {
			least += a.locks
		}
	}
	if position.Locked.Less(money.MustParse(fmt.Sprint(least))) || money.MustParse(fmt.Sprint(most)).Less(position.Locked) {
		v.s.t.Errorf("%s: %s is locked, want %d to %d", v.name, position.Locked, least, most)
	}
}

// checkClock compares a manual clock with how far it was advanced.
func (v *victim) checkClock(i instance) {
	v.s.t.Helper()
	if !v.manual {
		return
	}
	least, err := time.Parse(time.RFC3339, bankOpens)
	if err != nil {
		v.s.t.Fatal(err)
	}
	most := least
	for _, a := range v.asked {
		most = most.Add(a.by)
		if a.acked {
			least = least.Add(a.by)
		}
	}
	if now := v.state(i).Now; now.Before(least) || now.After(most) {
		v.s.t.Errorf("%s: the clock stands at %v, want %v to %v", v.name, now, least, most)
	}
}

// digest is where an instance's journal is.
type digest struct {
	Sequence uint64
	Hash     string
	Now      time.Time
}

func (v *victim) state(i instance) (d digest) {
	v.s.t.Helper()
	v.s.call(http.MethodGet, i.url("/debug/state"), nil, http.StatusOK, &d)
	return d
}

func (v *victim) events(i instance, after uint64) ([]event, error) {
	var page struct{ Events []event }
	status, body, err := v.s.try(http.MethodGet, i.url(fmt.Sprintf("/api/v1/events?limit=1000&after=%d", after)), nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d: %s", status, body)
	}
	if err == nil {
		err = json.Unmarshal(body, &page)
	}
	return page.Events, err
}

// checkEvents reads the events from the last that was checked on. Their numbers
// are dense, those of one batch share a hash that no other batch has, and every
// event that was ever shown is still there with the hash that it had, which
// stands for all before it.
func (v *victim) checkEvents(i instance) {
	v.s.t.Helper()
	end := v.state(i)
	previous := v.last
	if previous.Sequence > 0 {
		previous.Sequence-- // the last one itself is looked at again
	}
	hashes := make(map[string]bool)
	for previous.Sequence < end.Sequence {
		events, err := v.events(i, previous.Sequence)
		if err != nil || len(events) == 0 {
			v.s.t.Fatalf("%s: %d events behind %d of %d: %v", v.name, len(events), previous.Sequence, end.Sequence, err)
		}
		for _, e := range events {
			if e.Sequence != previous.Sequence+1 {
				v.s.t.Fatalf("%s: event %d follows %d", v.name, e.Sequence, previous.Sequence)
			}
			if e.Hash != previous.Hash && hashes[e.Hash] {
				v.s.t.Errorf("%s: event %d has the hash of an earlier batch", v.name, e.Sequence)
			}
			if e.Sequence == v.last.Sequence && e.Hash != v.last.Hash {
				v.s.t.Errorf("%s: event %d had the hash %s before the kill and has %s", v.name, e.Sequence, v.last.Hash, e.Hash)
			}
			if shown, ok := v.shown[e.Sequence]; ok && shown != e.Hash {
				v.s.t.Errorf("%s: event %d was shown with the hash %s and has %s", v.name, e.Sequence, shown, e.Hash)
			}
			hashes[e.Hash] = true
			previous = e
		}
	}
	for sequence := range v.shown {
		if sequence > end.Sequence {
			v.s.t.Errorf("%s: event %d was shown before the kill and is lost", v.name, sequence)
		}
	}
	if previous.Hash != end.Hash {
		v.s.t.Errorf("%s: the last event has the hash %s, the books %s", v.name, previous.Hash, end.Hash)
	}
	v.last = previous
}
