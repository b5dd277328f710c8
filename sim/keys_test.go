package sim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func keyed(key string, c sim.Command) sim.Request {
	return sim.Request{Command: c, IdempotencyKey: key}
}

func btc(external string) sim.Instruct {
	return sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "BTC", Quantity: amount("1"), ExternalID: external}
}

func wantOutcome(t *testing.T, d sim.Decision, want sim.Outcome) {
	t.Helper()
	if d.Outcome != want {
		t.Fatalf("outcome is %v (%v), want %v", d.Outcome, d.Err, want)
	}
}

func TestARepeatedRequestIsAnsweredFromTheFirst(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	first := b.decide(keyed("k", btc("")))
	wantOutcome(t, first, sim.Accepted)
	if k := first.Events[len(first.Events)-1].Key; k == nil || k.Key != "k" || k.Fingerprint != sim.FingerprintOf(btc("")) || first.Events[0].Key != nil {
		t.Errorf("the key of the last event is %+v", k)
	}
	again := b.decide(keyed("k", btc("")))
	wantOutcome(t, again, sim.Repeated)
	if len(again.Events) != 0 || !again.Result.Replayed || again.Result.Sequence != first.Result.Sequence {
		t.Errorf("the repetition gives %+v", again)
	}
	b.wantHolding("a", "BTC", "1", "0")
	if r := sim.ResultOf(first.Events[len(first.Events)-1]); r.Settlement != first.Result.Settlement || r.Sequence != first.Result.Sequence {
		t.Errorf("the result read back is %+v", r)
	}
	// The same request written otherwise is the same request.
	same := btc("")
	same.Quantity = amount("1.000")
	wantOutcome(t, b.decide(keyed("k", same)), sim.Repeated)
}

func TestAKeyIsNotReusedForAnotherRequest(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	wantOutcome(t, b.decide(keyed("k", btc(""))), sim.Accepted)
	other := btc("")
	other.Quantity = amount("2")
	for _, c := range []sim.Command{other, btc("e"), sim.OpenAccount{AccountID: "x"}} {
		d := b.decide(keyed("k", c))
		wantOutcome(t, d, sim.Refused)
		if d.Err.Code != sim.CodeKeyReused || d.Err.Field != "Idempotency-Key" {
			t.Errorf("refused with %s on %q", d.Err.Code, d.Err.Field)
		}
	}
	wantOutcome(t, b.decide(keyed("K", other)), sim.Accepted)
}

func TestARefusedRequestLeavesItsKeysUnused(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	bad := btc("e")
	bad.Quantity = amount("-1")
	wantOutcome(t, b.decide(keyed("k", bad)), sim.Refused)
	wantOutcome(t, b.decide(keyed("k", btc("e"))), sim.Accepted)
}

func TestAnExternalIDIsUsedOnceWhateverBecameOfIt(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	held := btc("held")
	held.Hold = true
	failed := btc("failed")
	failed.Type = sim.Withdrawal
	wantOutcome(t, b.decide(sim.Request{Command: failed}), sim.Accepted)
	d := b.decide(sim.Request{Command: held})
	wantOutcome(t, d, sim.Accepted)
	b.accept(sim.CancelSettlement{ID: d.Result.Settlement.ID})
	for _, id := range []string{"held", "failed"} {
		if err := b.refuse(btc(id)); err.Code != sim.CodeAlreadyExists || err.Field != "external_id" {
			t.Errorf("%s: %v", id, err)
		}
	}
	// An idempotency key is another matter, even of the same text.
	wantOutcome(t, b.decide(keyed("held", btc(""))), sim.Accepted)
}

func TestForgottenKeysAreLookedUp(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	first := b.decide(keyed("k", btc("e")))
	b.seal()
	through := b.state.Progress().Sequence
	records := keyRecords(b.batches)
	b.state.ForgetKeys(through, 0)

	for _, r := range []sim.Request{keyed("k", btc("e")), keyed("new", btc("e"))} {
		wantOutcome(t, b.decide(r), sim.NeedsLookup)
		r.Lookup = lookUp(&r, records, through-1)
		wantOutcome(t, b.decide(r), sim.NeedsLookup) // the lookup may have come too early to see the key
	}
	repeat := keyed("k", btc("e"))
	repeat.Lookup = lookUp(&repeat, records, through)
	if d := b.decide(repeat); d.Outcome != sim.Repeated || d.Result.Sequence != first.Result.Sequence {
		t.Errorf("the repetition gives %+v", d)
	}
	reuse := keyed("new", btc("e"))
	reuse.Lookup = lookUp(&reuse, records, through)
	if d := b.decide(reuse); d.Outcome != sim.Refused || d.Err.Code != sim.CodeAlreadyExists {
		t.Errorf("the reused external id gives %+v", d)
	}
	wantOutcome(t, b.decide(keyed("fresh", btc("fresh"))), sim.Accepted) // no lookup for what is certainly new
}

func TestOnlyProjectedKeysBeyondTheBoundAreForgotten(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	for i := range 4 {
		wantOutcome(t, b.decide(keyed(fmt.Sprint(i), btc(""))), sim.Accepted)
	}
	sequences := b.open[len(b.open)-1].Sequence // one event each, and one for the account
	b.state.ForgetKeys(sequences-2, 0)          // the tables hold the first two
	b.state.ForgetKeys(0, 0)
	for i, want := range []sim.Outcome{sim.NeedsLookup, sim.NeedsLookup, sim.Repeated, sim.Repeated} {
		if d := b.decide(keyed(fmt.Sprint(i), btc(""))); d.Outcome != want {
			t.Errorf("key %d: outcome %v, want %v", i, d.Outcome, want)
		}
	}
	b.state.ForgetKeys(sequences, 1)
	for i, want := range []sim.Outcome{2: sim.NeedsLookup, 3: sim.Repeated} {
		if d := b.decide(keyed(fmt.Sprint(i), btc(""))); i >= 2 && d.Outcome != want {
			t.Errorf("key %d: outcome %v, want %v", i, d.Outcome, want)
		}
	}
}

func TestALoadedStateAsksForKeysUntilItKnowsTheirHistory(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.decide(keyed("k", btc("e")))
	b.seal()
	snap := b.state.Snapshot()
	if !snap.Keyed {
		t.Fatal("the snapshot does not say that keys were used")
	}
	loaded := newBooks(t)
	var err error
	if loaded.state, err = sim.LoadState(wideRules(), sim.NewGenerator("books", 1), snap); err != nil {
		t.Fatal(err)
	}
	r := keyed("k2", btc("e2"))
	wantOutcome(t, loaded.decide(r), sim.NeedsLookup)
	wantOutcome(t, loaded.decide(sim.Request{Command: sim.OpenAccount{AccountID: "x"}}), sim.Accepted) // nothing to look up
	r.Lookup = &sim.KeyLookup{Through: snap.Projected.Sequence}
	wantOutcome(t, loaded.decide(r), sim.Accepted)

	filter := &sim.KeyFilter{}
	for key := range keyRecords(b.batches) {
		filter.Add(key)
	}
	loaded.state.SetHistory(filter)
	wantOutcome(t, loaded.decide(keyed("k3", btc("e3"))), sim.Accepted)
	wantOutcome(t, loaded.decide(keyed("k", btc("e"))), sim.NeedsLookup)
	wantOutcome(t, loaded.decide(keyed("k2", btc("e2"))), sim.Repeated)

	if fresh := sim.NewState(wideRules(), sim.NewGenerator("books", 1)).Snapshot(); fresh.Keyed {
		t.Error("new books say that keys were used")
	}
}

func TestTheFilterKnowsEveryKeyAndFewOthers(t *testing.T) {
	t.Parallel()
	var f sim.KeyFilter
	key := func(kind sim.KeyKind, i int) sim.Key { return sim.Key{Kind: kind, Value: fmt.Sprintf("key-%d", i)} }
	if f.MayContain(key(sim.KeyExternal, 1)) {
		t.Error("the empty filter contains something")
	}
	const n = 40_000 // several layers
	for i := range n {
		f.Add(key(sim.KeyIdempotency, i))
	}
	wrong := 0
	for i := range n {
		if !f.MayContain(key(sim.KeyIdempotency, i)) {
			t.Fatalf("key %d is not known", i)
		}
		if f.MayContain(key(sim.KeyExternal, i)) {
			wrong++
		}
	}
	if wrong > n/100 {
		t.Errorf("%d of %d unused keys need a lookup", wrong, n)
	}
}

func TestFingerprintsTellCommandsApart(t *testing.T) {
	t.Parallel()
	commands := []sim.Command{
		sim.OpenAccount{AccountID: "ab"}, sim.OpenAccount{AccountID: "a", ClientID: "b"}, sim.OpenAccount{ClientID: "ab"},
		sim.UpdateAccount{AccountID: "ab"}, sim.UpdateAccount{AccountID: "a", Metadata: []byte("b")},
		sim.OpenHolding{AccountID: "a"}, sim.OpenHolding{Cash: true, AccountID: "a"}, sim.OpenHolding{Available: amount("1")}, sim.OpenHolding{Locked: amount("1")},
		sim.UpdateHolding{ID: stranger}, sim.UpdateHolding{ID: stranger, Total: amountOf("0")}, sim.UpdateHolding{ID: stranger, Available: amountOf("0")},
		sim.UpdateHolding{ID: stranger, Currency: textOf("")}, sim.UpdateHolding{ID: stranger, Currency: textOf("-")},
		sim.CloseHolding{ID: stranger}, sim.CloseHolding{Cash: true, ID: stranger},
		sim.LockHolding{ID: stranger, Amount: amount("1")}, sim.UnlockHolding{ID: stranger, Amount: amount("1")},
		btc(""), btc("x"), sim.Instruct{Type: sim.Withdrawal, AccountID: "a", Symbol: "BTC", Quantity: amount("1")},
		sim.UpdateAccount{AccountID: "a", Status: sim.AccountFrozen}, onChain("1"), incoming(onChain("1")), byWire("1"),
		sim.ApproveTransfer{ID: stranger, By: "b"}, sim.RejectTransfer{ID: stranger, By: "b"}, sim.RejectTransfer{ID: stranger, Reason: "b"}, sim.CancelTransfer{ID: stranger},
		sim.CancelSettlement{ID: stranger}, sim.HoldSettlement{ID: stranger}, sim.ReleaseSettlement{ID: stranger},
	}
	seen := make(map[sim.Fingerprint]sim.Command)
	for _, c := range commands {
		print := sim.FingerprintOf(c)
		if other, ok := seen[print]; ok {
			t.Errorf("%#v and %#v have the same fingerprint", c, other)
		}
		seen[print] = c
		if sim.FingerprintOf(c) != print {
			t.Errorf("%#v has two fingerprints", c)
		}
	}
}

func TestIdempotencyKeysAreChecked(t *testing.T) {
	t.Parallel()
	for key, good := range map[string]bool{
		"k": true, strings.Repeat("é", sim.MaxIdempotencyKey): true,
		"": false, strings.Repeat("x", sim.MaxIdempotencyKey+1): false, "a\tb": false, "a ": false, "\xff": false,
	} {
		err := sim.CheckIdempotencyKey(key)
		if (err == nil) != good || (err != nil && (err.Code != sim.CodeInvalid || err.Field != "Idempotency-Key")) {
			t.Errorf("%q: %v", key, err)
		}
	}
}

func TestErrorsNameTheirFieldAndCode(t *testing.T) {
	t.Parallel()
	err := sim.Invalid("quantity", "must be %s", "more")
	if err.Error() != "quantity: must be more" || sim.CodeOf(fmt.Errorf("wrapped: %w", err)) != sim.CodeInvalid {
		t.Errorf("error is %q", err)
	}
	if plain := sim.Errorf(sim.CodeNotFound, "gone"); plain.Error() != "gone" {
		t.Errorf("error is %q", plain)
	}
	if sim.CodeOf(nil) != "" || sim.CodeOf(fmt.Errorf("other")) != sim.CodeInternal {
		t.Error("errors without a code have another than expected")
	}
}
