package sim_test

import (
	"fmt"

	"pgregory.net/rapid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Few names and small amounts, so that commands meet the same holdings often.
var (
	randomAccounts = []string{"a", "b", "c"}
	randomSymbols  = []string{"BTC", "AAPL", "USD", "JPY"}
)

func isCash(symbol string) bool { return symbol == "USD" || symbol == "JPY" }

// drawAmount draws an amount that may be zero, negative or too fine.
func drawAmount(t *rapid.T, label string) money.Amount {
	return amount(rapid.SampledFrom([]string{
		"0", "1", "2", "3", "7.5", "10", "0.5", "0.01", "0.00000001", "0.000000000000000001", "99999999999999999999", "-1",
	}).Draw(t, label))
}

// drawOptional draws an amount or none.
func drawOptional(t *rapid.T, label string) *money.Amount {
	if rapid.Bool().Draw(t, label+" given") {
		a := drawAmount(t, label)
		return &a
	}
	return nil
}

// drawCommand draws a command that fits books with the given holdings and open
// settlements more often than not.
func drawCommand(t *rapid.T, snap *sim.Snapshot) sim.Command {
	account := rapid.SampledFrom(randomAccounts).Draw(t, "account")
	symbol := rapid.SampledFrom(randomSymbols).Draw(t, "symbol")
	cash, id := isCash(symbol), stranger
	if n := len(snap.Holdings); n > 0 {
		h := snap.Holdings[rapid.IntRange(0, n-1).Draw(t, "holding")]
		cash, id = h.Cash, h.ID
	}
	settlement := stranger
	if n := len(snap.Open); n > 0 {
		settlement = snap.Open[rapid.IntRange(0, n-1).Draw(t, "open")].ID
	}
	switch rapid.IntRange(0, 12).Draw(t, "command") {
	case 0:
		return sim.OpenAccount{AccountID: account, Metadata: []byte(`{"n":1}`)}
	case 1:
		return sim.UpdateAccount{AccountID: account, Metadata: []byte(`{"n":2}`)}
	case 2:
		return sim.OpenHolding{Cash: isCash(symbol), AccountID: account, Symbol: symbol, Available: drawAmount(t, "available"), Locked: drawAmount(t, "locked")}
	case 3:
		return sim.UpdateHolding{Cash: cash, ID: id, Total: drawOptional(t, "total"), Available: drawOptional(t, "available")}
	case 4:
		return sim.CloseHolding{Cash: cash, ID: id}
	case 5:
		return sim.LockHolding{Cash: cash, ID: id, Amount: drawAmount(t, "amount")}
	case 6:
		return sim.UnlockHolding{Cash: cash, ID: id, Amount: drawAmount(t, "amount")}
	case 7:
		return sim.CancelSettlement{ID: settlement}
	case 8:
		return sim.ReleaseSettlement{ID: settlement}
	case 9:
		return sim.HoldSettlement{ID: settlement}
	default:
		return drawInstruction(t, account, symbol)
	}
}

func drawInstruction(t *rapid.T, account, symbol string) sim.Instruct {
	if rapid.Bool().Draw(t, "trade") {
		return drawRandomTrade(t, account, symbol)
	}
	c := sim.Instruct{
		Type:   sim.SettlementType(rapid.SampledFrom([]string{string(sim.Deposit), string(sim.Withdrawal), string(sim.Internal)}).Draw(t, "type")),
		Symbol: symbol, Quantity: drawAmount(t, "quantity"), Hold: rapid.IntRange(0, 3).Draw(t, "hold") == 0,
	}
	if c.Type == sim.Internal {
		c.SourceAccount, c.DestinationAccount = account, rapid.SampledFrom(randomAccounts).Draw(t, "destination")
	} else {
		c.AccountID = account
	}
	if rapid.Bool().Draw(t, "external") {
		c.ExternalID = fmt.Sprintf("e-%d", rapid.IntRange(0, 20).Draw(t, "external id"))
	}
	return c
}

// drawRequest draws a command, and a key for it now and then.
func drawRequest(t *rapid.T, snap *sim.Snapshot) sim.Request {
	r := sim.Request{Command: drawCommand(t, snap)}
	if rapid.IntRange(0, 3).Draw(t, "keyed") == 0 {
		r.IdempotencyKey = fmt.Sprintf("k-%d", rapid.IntRange(0, 20).Draw(t, "key"))
	}
	return r
}

// randomHistory fills books with random commands, sealed in random batches.
func randomHistory(t *rapid.T, b *books, most int) {
	for range rapid.IntRange(1, most).Draw(t, "commands") {
		b.decide(drawRequest(t, b.state.Snapshot()))
		if len(b.open) > 0 && rapid.IntRange(0, 4).Draw(t, "seal") == 0 {
			b.seal()
		}
	}
	if len(b.open) > 0 {
		b.seal()
	}
}

// stored returns batches as a store gives them back: undecoded, then decoded.
func stored(t failer, batches []*sim.Batch) []*sim.Batch {
	out := make([]*sim.Batch, len(batches))
	for i, b := range batches {
		out[i] = &sim.Batch{First: b.First, Last: b.Last, Time: b.Time, Hash: b.Hash, Payload: append([]byte(nil), b.Payload...)}
		if err := out[i].Decode(); err != nil {
			t.Fatalf("batch %d: %v", b.First, err)
		}
	}
	return out
}
