package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/verify"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/memory"
)

// unreliable makes appends and projections fail now and then, half of the time
// after they were carried out.
func (b *bundle) unreliable(seed uint64) {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 0))
	dice := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return rng.IntN(n)
	}
	fail := func(next func() error) error {
		switch dice(20) {
		case 0:
			return errStore
		case 1:
			_ = next()
			return errStore
		default:
			return next()
		}
	}
	b.journal.hook(func(j *journal) {
		j.onAppend = func(_ context.Context, _ *sim.Batch, next func() error) error { return fail(next) }
		j.onProject = func(_ context.Context, _ *sim.Projection, next func() error) error { return fail(next) }
	})
}

// TestWhatIsAcknowledgedIsThereExactlyOnce lets many callers deposit with keys
// and repeat what was answered with unavailable, while the store fails at
// random. In the end every caller must have what he was told that he has.
func TestWhatIsAcknowledgedIsThereExactlyOnce(t *testing.T) {
	const callers, each = 16, 25
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				store := memory.NewStore()
				b := start(t, store, func(c *engine.Config) { c.Limits.RecentKeys = 8 })
				b.unreliable(seed)
				f := b.follow(t, 0, nil)
				var wg sync.WaitGroup
				for caller := range callers {
					wg.Go(func() {
						account := fmt.Sprint("account-", caller)
						for i := range each {
							settle(t, b, fmt.Sprint(account, "-", i), account)
						}
					})
				}
				wg.Wait()
				b.journal.hook(func(j *journal) { j.onAppend, j.onProject = nil, nil })
				time.Sleep(10 * time.Second)
				for caller := range callers {
					if got := b.held(fmt.Sprint("account-", caller)); got != fmt.Sprint(each) {
						t.Errorf("caller %d has %s, want %d", caller, got, each)
					}
				}
				if f.seen() != b.Durable() {
					t.Errorf("the follower is at %d, the journal at %d", f.seen(), b.Durable())
				}
				f.end()
				b.wantFinish()
				wantVerified(t, store)
			})
		})
	}
}

// settle deposits one unit, however often it takes.
func settle(t *testing.T, b *bundle, key, account string) {
	for {
		r, err := b.keyed(key, sim.Instruct{Type: sim.Deposit, AccountID: account, Symbol: "BTC", Quantity: amount("1"), ExternalID: key})
		switch sim.CodeOf(err) {
		case "":
			if r.Settlement == nil || r.Settlement.ExternalID != key {
				t.Errorf("%s is answered with %+v", key, r)
			}
			return
		case sim.CodeUnavailable, sim.CodeOverloaded:
			time.Sleep(50 * time.Millisecond)
		default:
			t.Errorf("%s is answered with %v", key, err)
			return
		}
	}
}

func wantVerified(t *testing.T, store *memory.Store) {
	t.Helper()
	report, err := verify.Run(context.Background(), store.Journal("books"), verify.Options{Instance: "test", Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if !report.OK() {
		t.Errorf("the books are not what the journal says: %+v", report.Differences)
	}
}

// TestStoppingUnderLoadAnswersEverybody stops an engine at a random moment
// under load: what was acknowledged is there, what was refused is not.
func TestStoppingUnderLoadAnswersEverybody(t *testing.T) {
	t.Parallel()
	for range 20 {
		store := memory.NewStore()
		b := start(t, store, func(c *engine.Config) { c.Limits.Queue, c.Limits.Batch = 64, 8 })
		var wg sync.WaitGroup
		var mu sync.Mutex
		acknowledged := make(map[uint64]bool)
		enough := make(chan struct{})
		for caller := range 8 {
			wg.Go(func() {
				for i := 0; ; i++ {
					r, err := b.do(deposit(fmt.Sprint(caller)))
					switch sim.CodeOf(err) {
					case "":
						mu.Lock()
						acknowledged[r.Sequence] = true
						if len(acknowledged) == 100 {
							close(enough)
						}
						mu.Unlock()
					case sim.CodeDraining, sim.CodeUnavailable:
						return
					case sim.CodeOverloaded:
					default:
						t.Errorf("answered with %v", err)
						return
					}
				}
			})
		}
		<-enough
		b.wantFinish()
		wg.Wait()
		settlements := 0
		again := start(t, store)
		err := store.Journal("books").Read(context.Background(), 0, func(batch *sim.Batch) error {
			if err := batch.Decode(); err != nil {
				return err
			}
			for _, e := range batch.Events {
				if len(e.Settlements) > 0 {
					settlements++
					delete(acknowledged, e.Sequence)
				}
			}
			return nil
		})
		if err != nil || len(acknowledged) > 0 || settlements < 100 {
			t.Fatalf("%d acknowledged settlements are missing of %d, %v", len(acknowledged), settlements, err)
		}
		again.wantFinish()
	}
}
