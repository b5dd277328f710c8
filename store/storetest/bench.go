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
		b.Run(fmt.Sprintf("Append/events=%d", size), func(b *testing.B) { benchAppends(b, h, size) })
	}
	for _, size := range []int{16, 256, 2048} {
		b.Run(fmt.Sprintf("Project/events=%d", size), func(b *testing.B) { benchProjections(b, h, size) })
	}
}

// benchAppends times the appends of one batch with ever new sequence numbers.
func benchAppends(b *testing.B, h Harness, size int) {
	j := (&store{t: b, open: h.Fresh(b)}).loaded()
	like := newDeposits(b).batch(size)
	n := uint64(0)
	for b.Loop() {
		next := &sim.Batch{First: n + 1, Last: n + uint64(size), Time: like.Time, Hash: like.Hash, Payload: like.Payload}
		j.append(next)
		n = next.Last
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}

// benchEvents is after how many events a benchmark begins a new store, which
// bounds what it keeps.
const benchEvents = 1 << 16

// benchProjections times projections of one batch each.
func benchProjections(b *testing.B, h Harness, size int) {
	var j *journal
	var books *deposits
	total := 0
	for b.Loop() {
		b.StopTimer()
		if total%benchEvents < size {
			if j != nil {
				j.close()
			}
			j, books = (&store{t: b, open: h.Fresh(b)}).loaded(), newDeposits(b)
		}
		batch := books.batch(size)
		projection := sim.Fold([]*sim.Batch{batch})
		j.append(batch)
		total += size
		b.StartTimer()
		j.project(projection)
	}
	b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "events/s")
}

// deposits makes batches of deposits, each a settlement with its external id
// and idempotency key.
type deposits struct {
	*books
	n int
}

func newDeposits(t testing.TB) *deposits { return &deposits{books: newBooks(t)} }

func (d *deposits) batch(size int) *sim.Batch {
	for range size {
		d.n++
		d.do(fmt.Sprintf("key-%d", d.n), sim.Instruct{
			Type: sim.Deposit, AccountID: fmt.Sprintf("fund-%d", d.n%100), Symbol: "USD", Quantity: amount("1.25"), ExternalID: fmt.Sprintf("external-%d", d.n),
		})
	}
	batch := d.seal()
	d.state.ForgetKeys(batch.Last, 0)
	return batch
}
