package sim_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// drawDisturbance draws a command on faults, reconciliation or corporate actions.
func drawDisturbance(t *rapid.T, n int) sim.Command {
	rate := amountOf("0.5")
	duration := time.Duration(rapid.IntRange(0, 30).Draw(t, "hours")) * time.Hour
	symbol := rapid.SampledFrom(randomSymbols).Draw(t, "disturbed symbol")
	switch rapid.IntRange(0, 8).Draw(t, "disturbance") {
	case 0:
		return sim.AddFault{Match: sim.FaultMatch{Rate: rate}, Effect: sim.FaultEffect{Reject: &sim.RejectFault{Code: "OTHR", Reason: "r"}}, Duration: duration}
	case 1:
		return sim.AddFault{Effect: sim.FaultEffect{Offline: &sim.OfflineFault{Message: "m"}}, Duration: duration + time.Hour}
	case 2:
		return sim.AddFault{Effect: sim.FaultEffect{Book: &sim.BookFault{Symbol: symbol, Amount: amount("-3")}}, Duration: duration}
	case 3:
		return sim.AddFault{Match: sim.FaultMatch{Symbols: []string{symbol}}, Effect: sim.FaultEffect{DelaySeconds: 7200}, Duration: duration}
	case 4:
		return sim.ClearFaults{}
	case 5:
		return sim.Reconcile{}
	case 6:
		c := dividend(fmt.Sprint("d-", n))
		c.RecordDate, c.PaymentDate = "2026-11-2"+rapid.SampledFrom([]string{"3", "4", "5"}).Draw(t, "record"), "2026-11-26"
		return c
	case 7:
		c := splitOf(fmt.Sprint(rapid.IntRange(1, 3).Draw(t, "new")), fmt.Sprint(rapid.IntRange(4, 5).Draw(t, "old")))
		c.ID, c.Symbol = fmt.Sprint("s-", n), rapid.SampledFrom([]string{"BTC", "AAPL"}).Draw(t, "split symbol")
		return c
	default:
		return sim.CancelCorporateAction{ID: fmt.Sprint("d-", n-1)}
	}
}

// A custodian that was replayed from its journal, and one that was loaded from
// its tables, go on as the original does: through faults, reconciliations,
// corporate actions and whatever is due by itself.
func TestReplayedAndLoadedBooksGoOnAlike(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rules := wideRules()
		rules.Reconciliation.Interval = time.Hour
		b := newBooksWith(t, rules)
		for n := range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				b.fire(b.now.Add(time.Duration(rapid.IntRange(1, 20).Draw(t, "pass")) * time.Hour / 2))
			case 1:
				b.fire(b.now.Add(time.Second))
				b.decide(sim.Request{Command: drawDisturbance(t, n)})
			default:
				b.fire(b.now.Add(time.Second))
				b.decide(drawRequest(t, b.state.Snapshot()))
			}
			if err := b.state.CheckBooks(); err != nil {
				t.Fatal(err)
			}
		}
		if len(b.open) == 0 {
			return
		}
		loaded := b.reload(rules) // seals
		replayed := newBooksWith(t, rules)
		for _, batch := range stored(t, b.batches) {
			if err := replayed.state.ApplyBatch(batch); err != nil {
				t.Fatal(err)
			}
		}
		end := b.now.Add(60 * time.Hour)
		want := b.fire(end)
		for name, other := range map[string]*books{"replayed": replayed, "loaded": loaded} {
			if got := other.fire(end); !slices.Equal(types(got), types(want)) {
				t.Fatalf("%s books do %v, the original %v", name, types(got), types(want))
			}
			if fmt.Sprint(other.state.Books()) != fmt.Sprint(b.state.Books()) || len(other.state.Faults()) != len(b.state.Faults()) || other.state.OpenBreaks() != b.state.OpenBreaks() {
				t.Fatalf("%s books say %+v outside, the original %+v", name, other.state.Books(), b.state.Books())
			}
			if other.state.Snapshot().Digest() != b.state.Snapshot().Digest() {
				t.Fatalf("%s books came to another state", name)
			}
		}
	})
}

// Whatever stands in a table of documents, loading it fails cleanly or gives
// books that do what is due.
func FuzzDocumentsThatAreLoaded(f *testing.F) {
	kinds := []sim.DocumentKind{
		sim.DocumentClock, sim.DocumentFault, sim.DocumentReconciliation, sim.DocumentBreak,
		sim.DocumentCorporateAction, sim.DocumentEntitlement, sim.DocumentVelocity, sim.DocumentWebhook, sim.DocumentWebhookEndpoint,
	}
	for kind, body := range []string{
		`{"mode":"scaled","factor":0}`,
		`{"id":"x","effect":{"offline":{"message":"m"},"book":{"symbol":"USD","amount":"1"}},"since":"2026-11-23T00:00:00Z"}`,
		`{"id":"x","at":"2026-11-23T00:00:00Z","sequence":1}`,
		`{"id":"x","symbol":"USD","status":"OPEN","ours":"1"}`,
		`{"id":"x","type":"SPLIT","symbol":"ETC","status":"ENTITLED","old_units":"0","new_units":"2"}`,
		`{"corporate_action":"x","part":1,"entitlements":[{"account_id":"a","quantity":"1"}]}`,
		`{}`, `null`,
	} {
		f.Add(kind, body)
	}
	f.Fuzz(func(t *testing.T, kind int, body string) {
		b := newBooks(t)
		b.deposit("a", "ETC", "10")
		b.seal()
		snap := b.state.Snapshot()
		snap.Documents = []*sim.Document{{Kind: kinds[uint(kind)%uint(len(kinds))], ID: "x", Body: []byte(body), DueAt: b.now.Add(time.Hour)}}
		state, err := sim.LoadState(wideRules(), sim.NewGenerator("books", 1), snap)
		if err != nil {
			if !errors.Is(err, sim.ErrBrokenInvariant) {
				t.Fatalf("%s fails with %v", body, err)
			}
			return
		}
		state.Books()
		_ = state.Now(b.now)
		state.Clock().Wait(b.now, b.now.Add(time.Hour))
		state.FaceFaults().OnCall(sim.FaceHTTP, b.now, sim.NewGenerator("faces", 1))
		state.FaceFaults().OnWebhook(b.now, 1, 1, "one")
		for range 20 {
			if _, fired, err := state.FireDue(b.now.Add(time.Hour)); err != nil && !errors.Is(err, sim.ErrBrokenInvariant) {
				t.Fatalf("%s: work fails with %v", body, err)
			} else if !fired || err != nil {
				return
			}
		}
		t.Fatalf("%s is work without end", body)
	})
}
