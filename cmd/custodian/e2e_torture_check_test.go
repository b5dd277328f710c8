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

// kept is a settlement or transfer as the instance lists it.
type kept struct {
	SettlementID string       `json:"settlement_id"`
	TransferID   string       `json:"transfer_id"`
	ExternalID   string       `json:"external_id"`
	Type         string       `json:"settlement_type"`
	Direction    string       `json:"direction"`
	Status       string       `json:"status"`
	Quantity     money.Amount `json:"quantity"`
	Settled      amount       `json:"settled_quantity"` // of settlements
	Payment      amount       `json:"settled_payment"`
	Fee          amount       `json:"fee"` // of transfers
	InTransit    amount       `json:"in_transit"`
	Matching     struct{ Status string }
	History      []struct{ Status string }
	Approvals    []struct{ By string }
}

// amount is one that may be null, for 0.
type amount struct{ money.Amount }

// UnmarshalJSON implements [json.Unmarshaler].
func (a *amount) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	return a.Amount.UnmarshalJSON(data)
}

func (k kept) id() string { return k.SettlementID + k.TransferID }

// count returns how often a record shows what a request does with it.
func (k kept) count(a *asked) (n int) {
	for _, step := range k.History {
		if a.step != "" && step.Status == a.step {
			n++
		}
	}
	for _, approval := range k.Approvals {
		if a.by != "" && approval.By == a.by {
			n++
		}
	}
	return n
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
	of := v.ofRound(v.round)
	found, _ := v.checkMoves(i, of, account(v.round), seller(v.round), payer(v.round))
	v.checkLocks(i)
	v.checkClock(i)
	again := 0
	for _, a := range of {
		there := a.there(found)
		if there > 0 && there < len(a.moves) && a.path != "/api/v1/settlements/bulk" {
			v.s.t.Errorf("%s: %s %v is there in part", v.name, a.path, a.body)
		}
		if a.refused {
			continue
		}
		if a.acked {
			if again++; again > 10 {
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
	_, want := v.checkMoves(i, of, account(v.round), seller(v.round), payer(v.round))
	v.checkHoldings(i, want, account(v.round), otherAccount(v.round), payer(v.round), seller(v.round), buyer(v.round))
	v.checkLocks(i)
	v.checkClock(i)
	v.checkEvents(i)
	v.sink.check(v)
	v.stream.check(v)
	return present
}

// there returns how much of a request is among what was found.
func (a *asked) there(found map[string]kept) (n int) {
	if a.on != "" {
		return found[a.on].count(a)
	}
	for id := range a.moves {
		if _, ok := found[id]; ok {
			n++
		}
	}
	return n
}

// again sends a request once more. With a key it has the same answer, or is
// carried out now; without one the external id says whether it was.
func (v *victim) again(i instance, a *asked, there bool) {
	v.s.t.Helper()
	status, body, err := v.s.tryKey(http.MethodPost, i.url(a.path), a.content(), a.key)
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
	if there && a.refused {
		v.s.t.Errorf("%s: %s again: %d %s, although it was carried out", v.name, a.path, status, body)
	}
}

// checkAll compares everything that the instance was ever asked.
func (v *victim) checkAll() {
	v.s.t.Helper()
	i := v.instance()
	_, want := v.checkMoves(i, v.asked, "")
	v.checkHoldings(i, want, "")
	v.sink.await(v)
	v.stream.await(v)
	v.last = event{} // the whole sequence again
	v.checkEvents(i)
}

// checkMoves compares settlements and transfers with what was asked. Those of the
// accounts of a round are listed, or all of them for "". It returns what is there,
// and what the holdings should be.
func (v *victim) checkMoves(i instance, of []*asked, accounts ...string) (found map[string]kept, want holdings) {
	v.s.t.Helper()
	found, want = make(map[string]kept), make(holdings)
	wanted := make(map[string]*asked)
	for _, a := range of {
		for id := range a.moves {
			wanted[id] = a
		}
		for _, key := range [][2]string{{payer(a.round), "USD"}, {buyer(a.round), "USD"}, {seller(a.round), "AAPL"}} {
			want[key] = money.MustParse(endowment)
		}
	}
	for _, of := range accounts {
		for _, r := range append(list[kept](v, i, "settlements", of), list[kept](v, i, "transfers", of)...) {
			if _, twice := found[r.ExternalID]; twice {
				v.s.t.Errorf("%s: %s is there twice", v.name, r.ExternalID)
			}
			found[r.ExternalID] = r
			a, ok := wanted[r.ExternalID]
			if !ok {
				v.s.t.Errorf("%s: nobody asked for %s", v.name, r.ExternalID)
				continue
			}
			want.add(r, a.round)
			m := a.moves[r.ExternalID]
			if quantity := money.MustParse(m.quantity); !r.Quantity.Equal(quantity) {
				v.s.t.Errorf("%s: %s is of %s, want %s", v.name, r.ExternalID, r.Quantity, quantity)
			}
			if m.id != "" && r.id() != m.id {
				v.s.t.Errorf("%s: %s was acknowledged as %s and is %s", v.name, r.ExternalID, m.id, r.id())
			}
		}
	}
	for _, a := range of {
		v.checkAsked(a, found)
	}
	return found, want
}

// checkAsked compares a request with what was found.
func (v *victim) checkAsked(a *asked, found map[string]kept) {
	v.s.t.Helper()
	for id, m := range a.moves {
		k, ok := found[id]
		if !ok {
			if a.acked {
				v.s.t.Errorf("%s: %s of %s was acknowledged and is not there", v.name, id, a.path)
			}
			continue
		}
		twin, ok := found[m.twin]
		switch {
		case !ok:
		case (k.Matching.Status == "MATCHED") != (twin.Matching.Status == "MATCHED") || !k.Settled.Equal(twin.Settled.Amount) || !k.Payment.Equal(twin.Payment.Amount):
			v.s.t.Errorf("%s: the two sides of a trade differ: %+v and %+v", v.name, k, twin)
		case !v.manual && k.Status != "COMPLETED":
			v.s.t.Errorf("%s: both sides of %s are there and it is %s", v.name, id, k.Status)
		}
	}
	if a.on == "" {
		return
	}
	switch n := found[a.on].count(a); {
	case n > 1, a.acked && n == 0:
		v.s.t.Errorf("%s: %s %v of %s was carried out %d times, acknowledged: %t", v.name, a.path, a.body, a.on, n, a.acked)
	case a.refused && n > 0:
		v.s.t.Errorf("%s: %s %v of %s was refused and carried out", v.name, a.path, a.body, a.on)
	}
}

// holdings are totals by account and symbol.
type holdings map[[2]string]money.Amount

// add adds what a record has moved.
func (h holdings) add(r kept, round int) {
	plus := func(account, symbol string, by money.Amount) {
		key := [2]string{account, symbol}
		h[key] = h[key].Add(by)
	}
	fund := account(round)
	switch {
	case r.Direction == "IN" && r.Status == "COMPLETED":
		plus(fund, "USD", r.Quantity)
	case r.Direction == "OUT" && r.Status == "COMPLETED":
		plus(payer(round), "USD", r.Quantity.Add(r.Fee.Amount).Neg())
	case r.Direction == "OUT":
		plus(payer(round), "USD", r.InTransit.Neg())
	case r.Type == "TRANSFER":
		plus(fund, "BTC", r.Settled.Neg())
		plus(otherAccount(round), "BTC", r.Settled.Amount)
	case r.Type == "DEPOSIT":
		plus(fund, "BTC", r.Settled.Amount)
	case r.Type == "DVP":
		plus(seller(round), "AAPL", r.Settled.Neg())
		plus(seller(round), "USD", r.Payment.Amount)
	case r.Type == "RVP":
		plus(buyer(round), "AAPL", r.Settled.Amount)
		plus(buyer(round), "USD", r.Payment.Neg())
	}
}

// checkHoldings compares the holdings of accounts, "" for all, with what they
// should be.
func (v *victim) checkHoldings(i instance, want holdings, accounts ...string) {
	v.s.t.Helper()
	got := make(holdings)
	for _, of := range accounts {
		for _, h := range list[struct {
			Account  string `json:"account_id"`
			Symbol   string
			Quantity money.Amount
		}](v, i, "positions", of) {
			got[[2]string{h.Account, h.Symbol}] = h.Quantity
		}
		for _, h := range list[struct {
			Account  string `json:"account_id"`
			Currency string
			Total    money.Amount `json:"total_balance"`
		}](v, i, "balances", of) {
			got[[2]string{h.Account, h.Currency}] = h.Total
		}
	}
	delete(got, [2]string{vaultAccount, "BTC"})
	for key, quantity := range got {
		if !quantity.Equal(want[key]) {
			v.s.t.Errorf("%s: %s of %s is %s, settlements and transfers say %s", v.name, key[1], key[0], quantity, want[key])
		}
	}
	for key, quantity := range want {
		if _, ok := got[key]; !ok && quantity.Sign() != 0 {
			v.s.t.Errorf("%s: %s has no %s, settlements and transfers say %s", v.name, key[0], key[1], quantity)
		}
	}
}

// list returns all pages of a list of what is of an account, or of everything.
func list[R any](v *victim, i instance, name, account string) (all []R) {
	v.s.t.Helper()
	query := "?limit=1000"
	if account != "" {
		query += "&account_id=" + account
	}
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
		if a.acked || a.locks < 0 {
			least += a.locks
		}
		if a.acked || a.locks > 0 {
			most += a.locks
		}
	}
	if position.Locked.Less(money.MustParse(fmt.Sprint(max(least, 0)))) || money.MustParse(fmt.Sprint(most)).Less(position.Locked) {
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
		most = most.Add(a.advance)
		if a.acked {
			least = least.Add(a.advance)
		}
	}
	if now := v.state(i).Now; now.Before(least) || now.After(most) {
		v.s.t.Errorf("%s: the clock stands at %v, want %v to %v", v.name, now, least, most)
	}
}
