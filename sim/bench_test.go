package sim_test

import (
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func BenchmarkDecideDeposit(b *testing.B) {
	books := newBooks(b)
	books.deposit("a", "BTC", "1")
	request := sim.Request{Command: btc("")}
	b.ReportAllocs()
	for b.Loop() {
		d, err := books.state.Decide(books.now, &request)
		if err != nil || d.Outcome != sim.Accepted {
			b.Fatal(d.Err, err)
		}
	}
}

func BenchmarkSealOf64(b *testing.B) {
	books := newBooks(b)
	for range 64 {
		books.deposit("a", "BTC", "1")
	}
	events := books.open
	b.ReportAllocs()
	for b.Loop() {
		if batch := books.state.Seal(events); len(batch.Payload) == 0 {
			b.Fatal("empty batch")
		}
	}
}

func BenchmarkApplyBatchOf64(b *testing.B) {
	books := newBooks(b)
	for range 64 {
		books.deposit("a", "BTC", "1")
	}
	raw := books.seal()
	b.ReportAllocs()
	for b.Loop() {
		batch := &sim.Batch{Hash: raw.Hash, Payload: raw.Payload}
		if err := batch.Decode(); err != nil {
			b.Fatal(err)
		}
		if err := sim.NewState(wideRules(), sim.NewGenerator("books", 1)).ApplyBatch(batch); err != nil {
			b.Fatal(err)
		}
	}
}
