//go:build integration

package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// asked is a request that a victim was sent, and what became of it. One that is
// not acknowledged had no answer: it was carried out or not.
type asked struct {
	round int
	path  string
	key   string // the idempotency key, or ""
	body  any
	// moves are the settlements or the transfer that it asks for, by external id.
	moves map[string]move
	// locks is what it locks, and by how far it moves the clock; or 0.
	locks int
	by    time.Duration

	acked bool
}

// move is a settlement or transfer that was asked for.
type move struct {
	quantity string
	out      bool   // from the round's account to its other one, else into the former
	id       string // that of the answer; empty before
}

// victim is an instance, what it was asked so far, and what it has shown.
type victim struct {
	s      *supervised
	name   string
	manual bool   // whether its clock is manual
	vault  string // the position whose quantity is locked

	round   int
	stop    context.CancelFunc
	workers sync.WaitGroup
	mu      sync.Mutex
	asked   []*asked
	unclean []string
	// shown are the hashes of events that readers saw in this round, by sequence.
	shown map[uint64]string
	last  event // the last event that was checked
}

const vaultAccount = "vault"

func newVictim(s *supervised, name string, manual bool) *victim {
	v := &victim{s: s, name: name, manual: manual}
	var position struct {
		ID string `json:"position_id"`
	}
	s.call(http.MethodPost, v.instance().url("/api/v1/positions"),
		map[string]any{"account_id": vaultAccount, "symbol": "BTC", "quantity": "1000000000"}, http.StatusCreated, &position)
	v.vault = position.ID
	return v
}

func (v *victim) instance() instance { return v.s.instance(v.name) }

// load begins to send requests of all kinds from several connections, until the
// process is gone.
func (v *victim) load(round int, seed uint64) {
	ctx, cancel := context.WithCancel(context.Background())
	v.round, v.stop, v.shown = round, cancel, make(map[uint64]string)
	v.s.t.Cleanup(func() { cancel(); v.workers.Wait() })
	i := v.instance()
	const writers = 4
	for w := range writers {
		random := rand.New(rand.NewPCG(seed, uint64(w)))
		v.workers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if !v.send(i, v.next(random, fmt.Sprintf("%d-%d-%d", round, w, n))) {
					return
				}
			}
		})
	}
	if v.manual {
		random := rand.New(rand.NewPCG(seed, writers))
		v.workers.Go(func() {
			steps := []time.Duration{time.Minute, 15 * time.Minute, time.Hour, 11 * time.Hour}
			for n := 0; ctx.Err() == nil; n++ {
				by := steps[random.IntN(len(steps))]
				a := &asked{round: round, path: "/clock/advance", key: fmt.Sprintf("clock-%d-%d", round, n), body: map[string]any{"by": by.String()}, by: by}
				if !v.send(i, a) {
					return
				}
			}
		})
	}
	after := v.last.Sequence
	v.workers.Go(func() {
		for ctx.Err() == nil {
			events, err := v.events(i, after)
			if err != nil {
				return
			}
			v.mu.Lock()
			for _, e := range events {
				v.shown[e.Sequence], after = e.Hash, e.Sequence
			}
			v.mu.Unlock()
		}
	})
}

// account is where the deposits and transfers of a round go to, otherAccount
// where a part of it is moved on to.
func account(round int) string      { return fmt.Sprintf("fund-%d", round) }
func otherAccount(round int) string { return fmt.Sprintf("other-%d", round) }

// next makes up a request. Most have an idempotency key; all that move something
// have an external id.
func (v *victim) next(random *rand.Rand, id string) *asked {
	a := &asked{round: v.round, path: "/api/v1/settlements", key: "key-" + id, moves: make(map[string]move)}
	quantity := fmt.Sprint(1 + random.IntN(9))
	switch kind := random.IntN(10); {
	case kind < 4:
		a.moves[id] = move{quantity: quantity}
		a.body = deposit(account(v.round), quantity, id)
		if kind == 0 {
			a.key = ""
		}
	case kind < 6:
		a.moves[id] = move{quantity: "1", out: true}
		a.body = map[string]any{
			"settlement_type": "TRANSFER", "source_account": account(v.round), "destination_account": otherAccount(v.round),
			"symbol": "BTC", "quantity": "1", "external_id": id,
		}
	case kind < 7:
		a.path += "/bulk"
		var list []any
		for n := range 3 {
			each := fmt.Sprintf("%s.%d", id, n)
			a.moves[each] = move{quantity: quantity}
			list = append(list, deposit(account(v.round), quantity, each))
		}
		a.body = map[string]any{"settlements": list}
	case kind < 9:
		a.path = "/api/v1/transfers"
		a.moves[id] = move{quantity: quantity}
		a.body = map[string]any{
			"rail": "wire_domestic", "direction": "IN", "account_id": account(v.round), "symbol": "USD", "quantity": quantity, "external_id": id,
		}
	default:
		a.path = "/api/v1/positions/" + v.vault + "/lock"
		a.locks = 1
		a.body = map[string]any{"quantity": "1"}
	}
	return a
}

// send sends a request and keeps it. It returns false where there was no answer.
func (v *victim) send(i instance, a *asked) bool {
	status, body, err := v.s.tryKey(http.MethodPost, i.url(a.path), a.body, a.key)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asked = append(v.asked, a)
	if err != nil {
		return false
	}
	v.acknowledge(a, status, body)
	return true
}

// acknowledge notes what an answer says. When it is not the first one, it has to
// name the records that the first one named.
func (v *victim) acknowledge(a *asked, status int, body []byte) {
	type record struct {
		SettlementID string `json:"settlement_id"`
		TransferID   string `json:"transfer_id"`
		ExternalID   string `json:"external_id"`
	}
	var answer struct {
		record
		Results []struct {
			Status     int
			Settlement record
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK && status != http.StatusCreated {
		v.unclean = append(v.unclean, fmt.Sprintf("%s %v: %d %s (%v)", a.path, a.body, status, body, err))
		return
	}
	records := []record{answer.record}
	for _, r := range answer.Results {
		records = append(records, r.Settlement)
	}
	named := 0
	for _, r := range records {
		m, wanted := a.moves[r.ExternalID]
		if !wanted {
			continue
		}
		named++
		id := r.SettlementID + r.TransferID
		if m.id != "" && m.id != id {
			v.unclean = append(v.unclean, fmt.Sprintf("%s of %s was %s, and is %s when asked again", a.path, r.ExternalID, m.id, id))
		}
		m.id = id
		a.moves[r.ExternalID] = m
	}
	if named != len(a.moves) {
		v.unclean = append(v.unclean, fmt.Sprintf("%s %v: %d of %d records in %s", a.path, a.body, named, len(a.moves), body))
	}
	a.acked = true
}

// end waits for the load to end and counts the round's requests.
func (v *victim) end() (acked, unknown int) {
	v.stop()
	v.workers.Wait()
	for _, a := range v.ofRound(v.round) {
		if a.acked {
			acked++
		} else {
			unknown++
		}
	}
	return acked, unknown
}

func (v *victim) ofRound(round int) (of []*asked) {
	for _, a := range v.asked {
		if a.round == round {
			of = append(of, a)
		}
	}
	return of
}
