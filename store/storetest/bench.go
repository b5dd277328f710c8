package storetest

import (
	"fmt"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Bench measures appends and projections of batches of several sizes. Each
// operation is one call; events/s says how many events that makes.
func Bench(b *testing.B, h Harness) {
	b.Helper()
	for _, size := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("Append/events=%d", size), func(b *testing.B) { measure(b, h, size, true) })
	}
	for _, size := range []int{16, 256, 2048} {
		b.Run(fmt.Sprintf("Project/events=%d", size), func(b *testing.B) { measure(b, h, size, false) })
	}
}

// measure times the appends, or else the projections, of batches of deposits,
// each a settlement with its external id and key.
func measure(b *testing.B, h Harness, size int, appends bool) {
	j := (&store{t: b, open: h.Fresh(b)}).loaded()
	books := newBooks(b)
	n := 0
	for b.Loop() {
		b.StopTimer()
		for range size {
			n++
			books.do(fmt.Sprintf("key-%d", n), sim.Instruct{
				Type: sim.Deposit, AccountID: fmt.Sprintf("fund-%d", n%100), Symbol: "USD", Quantity: amount("1.25"), ExternalID: fmt.Sprintf("external-%d", n),
			})
		}
		batch := books.seal()
		books.state.ForgetKeys(batch.Last, 0)
		projection := sim.Fold([]*sim.Batch{batch})
		if appends {
			b.StartTimer()
			j.append(batch)
			b.StopTimer()
			j.project(projection)
			b.StartTimer()
			continue
		}
		j.append(batch)
		b.StartTimer()
		j.project(projection)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
