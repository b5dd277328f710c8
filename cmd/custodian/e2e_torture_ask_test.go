//go:build integration

package main_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
)

// asked is a request that a victim was sent, and what became of it. One that is
// not acknowledged had no answer: it was carried out or not.
type asked struct {
	round int
	path  string
	key   string // the idempotency key, or ""
	body  map[string]any
	// method is how it is sent over gRPC, with messages of these types, or "" for
	// HTTP.
	method          string
	request, answer proto.Message
	// moves are the settlements or the transfer that it asks for, by external id.
	moves map[string]move
	// on is the external id of the record that it changes, and step what the
	// record's history has once more afterwards, or who has decided on it.
	on, step, by string
	// locks is what it locks (less than 0: unlocks), and advance by how far it
	// moves the clock; or 0.
	locks   int
	advance time.Duration
	// next are the requests that follow once it is acknowledged.
	next []func(answer map[string]move) *asked

	acked   bool
	refused bool // what it changes was not in the state for it
}

// move is a settlement or transfer that was asked for.
type move struct {
	quantity string
	twin     string // external id of the other leg; empty where there is none
	id       string // that of the answer; empty before
}

// The accounts of a round: where deposits and what comes in go to, where a part
// is moved on to, who pays outside, and the two sides of trades.
func account(round int) string      { return fmt.Sprintf("fund-%d", round) }
func otherAccount(round int) string { return fmt.Sprintf("other-%d", round) }
func payer(round int) string        { return fmt.Sprintf("payer-%d", round) }
func seller(round int) string       { return fmt.Sprintf("seller-%d", round) }
func buyer(round int) string        { return fmt.Sprintf("buyer-%d", round) }

// vaultAccount has the position whose quantity is locked and unlocked.
const vaultAccount = "vault"

// endowment is what payers, sellers and buyers have at the beginning.
const endowment = "1000000000"

// asker makes up the requests of one worker.
type asker struct {
	victim *victim
	random *rand.Rand
	prefix string // of external ids and keys
	n      int
	// waiting are requests that follow what was acknowledged.
	waiting []*asked
}

// ask returns the next request. Most have an idempotency key; all that move
// something have an external id.
func (a *asker) ask() *asked {
	if len(a.waiting) > 0 && a.random.IntN(3) > 0 {
		at := a.random.IntN(len(a.waiting))
		next := a.waiting[at]
		a.waiting = append(a.waiting[:at], a.waiting[at+1:]...)
		return next
	}
	a.n++
	id := fmt.Sprintf("%s-%d", a.prefix, a.n)
	switch kind := a.random.IntN(20); {
	case kind < 4:
		return a.overEither(a.deposit(id, kind == 0))
	case kind < 6:
		return a.overEither(a.transferInHouse(id))
	case kind < 8:
		return a.bulk(id)
	case kind < 10:
		return a.overEither(a.paymentIn(id))
	case kind < 13:
		return a.overEither(a.paymentOut(id))
	case kind < 15:
		return a.lock(id)
	case kind < 18:
		return a.trade(id)
	default:
		return a.heldDeposit(id)
	}
}

// acknowledged has what follows asked for later.
func (a *asker) acknowledged(done *asked) {
	for _, next := range done.next {
		if follows := next(done.moves); follows != nil {
			a.waiting = append(a.waiting, follows)
		}
	}
}

func (a *asker) new(path, key string, body map[string]any) *asked {
	return &asked{round: a.victim.round, path: path, key: key, body: body, moves: make(map[string]move)}
}

func (a *asker) quantity() string { return fmt.Sprint(1 + a.random.IntN(9)) }

// overEither sends some requests over gRPC. Asked again they come over HTTP: both
// faces know the keys of the other.
func (a *asker) overEither(r *asked) *asked {
	if a.random.IntN(3) > 0 {
		return r
	}
	if r.path == "/api/v1/transfers" {
		r.method, r.request = custodianpb.TransferService_CreateTransfer_FullMethodName, &custodianpb.CreateTransferRequest{}
		r.answer = &custodianpb.Transfer{}
	} else {
		r.method, r.request = custodianpb.SettlementService_CreateSettlement_FullMethodName, &custodianpb.CreateSettlementRequest{}
		r.answer = &custodianpb.Settlement{}
	}
	return r
}

func (a *asker) deposit(id string, keyless bool) *asked {
	quantity := a.quantity()
	r := a.new("/api/v1/settlements", "key-"+id, deposit(account(a.victim.round), quantity, id))
	if keyless {
		r.key = ""
	}
	r.moves[id] = move{quantity: quantity}
	if a.victim.manual && a.random.IntN(2) == 0 {
		r.next = append(r.next, a.change(id, "hold", "HELD", func() *asked { return a.step(id, r.moves[id].id, "release", "RELEASED") }))
	}
	return r
}

func (a *asker) transferInHouse(id string) *asked {
	r := a.new("/api/v1/settlements", "key-"+id, map[string]any{
		"settlement_type": "TRANSFER", "source_account": account(a.victim.round), "destination_account": otherAccount(a.victim.round),
		"symbol": "BTC", "quantity": "1", "external_id": id,
	})
	r.moves[id] = move{quantity: "1"}
	return r
}

func (a *asker) bulk(id string) *asked {
	quantity := a.quantity()
	var list []any
	r := a.new("/api/v1/settlements/bulk", "key-"+id, nil)
	for n := range 3 {
		each := fmt.Sprintf("%s.%d", id, n)
		r.moves[each] = move{quantity: quantity}
		list = append(list, deposit(account(a.victim.round), quantity, each))
	}
	r.body = map[string]any{"settlements": list}
	return r
}

func (a *asker) paymentIn(id string) *asked {
	quantity := a.quantity()
	r := a.new("/api/v1/transfers", "key-"+id, map[string]any{
		"rail": "wire_domestic", "direction": "IN", "account_id": account(a.victim.round), "symbol": "USD", "quantity": quantity, "external_id": id,
	})
	r.moves[id] = move{quantity: quantity}
	return r
}

// paymentOut takes, at a bank, one approval or two. Some are rejected, some
// cancelled instead.
func (a *asker) paymentOut(id string) *asked {
	tiers := []string{"500", "20000"}
	tier := a.random.IntN(len(tiers))
	r := a.new("/api/v1/transfers", "key-"+id, map[string]any{
		"rail": "wire_domestic", "direction": "OUT", "account_id": payer(a.victim.round), "symbol": "USD", "quantity": tiers[tier],
		"external_id": id, "requested_by": "alice", "beneficiary": map[string]any{"name": "Broker Ltd", "account": "12345678", "bank": "CHASUS33"},
	})
	r.moves[id] = move{quantity: tiers[tier]}
	if !a.victim.manual {
		return r // settled by then
	}
	decide := func(verb, who string, next ...func(map[string]move) *asked) func(map[string]move) *asked {
		return func(answer map[string]move) *asked {
			d := a.new("/api/v1/transfers/"+answer[id].id+"/"+verb, "key-"+verb+"-"+who+"-"+id, map[string]any{"by": who})
			d.on, d.by = id, who
			for _, n := range next {
				d.next = append(d.next, func(map[string]move) *asked { return n(answer) })
			}
			return d
		}
	}
	switch outcome := a.random.IntN(6); {
	case outcome == 0:
		r.next = append(r.next, decide("reject", "bob"))
	case outcome == 1:
		r.next = append(r.next, func(answer map[string]move) *asked {
			c := a.new("/api/v1/transfers/"+answer[id].id+"/cancel", "key-cancel-"+id, nil)
			c.on, c.step = id, "CANCELLED"
			return c
		})
	case tier == 1:
		r.next = append(r.next, decide("approve", "bob", decide("approve", "carol")))
	default:
		r.next = append(r.next, decide("approve", "bob"))
	}
	return r
}

// lock locks what is unlocked again later, mostly.
func (a *asker) lock(id string) *asked {
	of := func(verb string, by int) *asked {
		r := a.new("/api/v1/positions/"+a.victim.vault+"/"+verb, "key-"+verb+"-"+id, map[string]any{"quantity": "1"})
		r.locks = by
		return r
	}
	r := of("lock", 1)
	if a.random.IntN(3) > 0 {
		r.next = append(r.next, func(map[string]move) *asked { return of("unlock", -1) })
	}
	return r
}

// trade instructs the two sides of a trade, one after the other. No other trade
// of the round has its quantity, so they match each other or nothing.
func (a *asker) trade(id string) *asked {
	a.victim.mu.Lock()
	a.victim.trades++
	quantity := fmt.Sprint(a.victim.trades)
	a.victim.mu.Unlock()
	leg := func(kind, side, other, id, twin string) *asked {
		r := a.new("/api/v1/settlements", "key-"+id, map[string]any{
			"settlement_type": kind, "account_id": side, "counterparty_account": other, "symbol": "AAPL", "quantity": quantity,
			"payment": map[string]any{"currency": "USD", "amount": quantity + "0.00"}, "external_id": id,
		})
		r.moves[id] = move{quantity: quantity, twin: twin}
		return a.overEither(r)
	}
	deliver, receive := id+"d", id+"r"
	r := leg("DVP", seller(a.victim.round), buyer(a.victim.round), deliver, receive)
	r.next = append(r.next, func(map[string]move) *asked {
		return leg("RVP", buyer(a.victim.round), seller(a.victim.round), receive, deliver)
	})
	return r
}

// heldDeposit is released or cancelled later.
func (a *asker) heldDeposit(id string) *asked {
	quantity := a.quantity()
	body := deposit(account(a.victim.round), quantity, id)
	body["hold"] = true
	r := a.overEither(a.new("/api/v1/settlements", "key-"+id, body))
	r.moves[id] = move{quantity: quantity}
	verb, step := "release", "RELEASED"
	if a.random.IntN(3) == 0 {
		verb, step = "cancel", "CANCELLED"
	}
	r.next = append(r.next, a.change(id, verb, step))
	return r
}

// change takes a step with a settlement once that is acknowledged, and then what
// follows.
func (a *asker) change(id, verb, step string, next ...func() *asked) func(map[string]move) *asked {
	return func(answer map[string]move) *asked {
		r := a.step(id, answer[id].id, verb, step)
		for _, n := range next {
			r.next = append(r.next, func(map[string]move) *asked { return n() })
		}
		return r
	}
}

func (a *asker) step(id, settlement, verb, step string) *asked {
	r := a.new("/api/v1/settlements/"+settlement+"/"+verb, "key-"+verb+"-"+id, nil)
	r.on, r.step = id, step
	return r
}

// advance moves a manual clock.
func (a *asker) advance() *asked {
	steps := []time.Duration{time.Minute, 15 * time.Minute, time.Hour, 11 * time.Hour}
	by := steps[a.random.IntN(len(steps))]
	a.n++
	r := a.new("/clock/advance", fmt.Sprintf("key-clock-%s-%d", a.prefix, a.n), map[string]any{"by": by.String()})
	r.advance = by
	return r
}
