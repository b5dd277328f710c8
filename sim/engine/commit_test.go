package engine_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/memory"
)

func TestALoneRequestIsAnsweredAfterOneCommit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		g := b.gate()
		began := time.Now()
		answer := b.doLater(deposit("a"))
		<-g.entered
		if answered(answer) {
			t.Fatal("answered before the commit")
		}
		g.leave <- nil
		if a := <-answer; a.Err != nil || a.Result.Settlement.Status != sim.StatusCompleted || a.Result.Sequence != 2 {
			t.Errorf("answer is %+v", a)
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("the request waited %s for something else than its commit", waited)
		}
		if n := b.journal.appends.Load(); n != 1 {
			t.Errorf("%d appends", n)
		}
		b.wantFinish()
	})
}

func TestWhatWaitsDuringACommitBecomesOneBatch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		g := b.gate()
		first := b.doLater(deposit("a"))
		<-g.entered
		var rest []<-chan engine.Answer
		for range 20 {
			rest = append(rest, b.doLater(deposit("a")))
		}
		synctest.Wait()
		g.leave <- nil
		if a := <-first; a.Err != nil {
			t.Fatal(a.Err)
		}
		if batch := <-g.entered; len(batch.Events) != len(rest) {
			t.Errorf("the second batch has %d events, want %d", len(batch.Events), len(rest))
		}
		for _, answer := range rest {
			if answered(answer) {
				t.Fatal("answered before the commit")
			}
		}
		g.leave <- nil
		for _, answer := range rest {
			if a := <-answer; a.Err != nil {
				t.Error(a.Err)
			}
		}
		if n := b.journal.appends.Load(); n != 2 {
			t.Errorf("%d appends, want 2", n)
		}
		b.open(g)
		b.wantFinish()
	})
}

func TestABatchIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore(), func(c *engine.Config) { c.Limits.Batch = 4 })
		b.must(deposit("a"))
		g := b.gate()
		var answers []<-chan engine.Answer
		for range 11 {
			answers = append(answers, b.doLater(deposit("a")))
			synctest.Wait()
		}
		sizes := []int{len((<-g.entered).Events)}
		for len(sizes) < 4 {
			g.leave <- nil
			sizes = append(sizes, len((<-g.entered).Events))
		}
		b.open(g)
		for _, answer := range answers {
			if a := <-answer; a.Err != nil {
				t.Error(a.Err)
			}
		}
		if sizes[0] != 1 || sizes[1] != 4 || sizes[2] != 4 || sizes[3] != 2 {
			t.Errorf("batches have %v events", sizes)
		}
		b.wantFinish()
	})
}

func TestReadsWaitForTheBatchBeforeThem(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		id := b.must(sim.OpenHolding{AccountID: "a", Symbol: "BTC", Available: amount("2")}).Holding.ID
		g := b.gate()
		write := b.doLater(sim.LockHolding{ID: id, Amount: amount("1")})
		<-g.entered
		read := later(func() *sim.Holding {
			h, err := b.Holding(context.Background(), false, id)
			if err != nil {
				t.Error(err)
			}
			return h
		})
		refused := b.doLater(sim.LockHolding{ID: id, Amount: amount("2")}) // it knows of the lock that is not durable yet
		if answered(read) || answered(refused) {
			t.Fatal("answered from what is not durable yet")
		}
		g.leave <- nil
		if h := <-read; h == nil || !h.Locked.Equal(amount("1")) {
			t.Errorf("read %+v", h)
		}
		b.wantCode((<-refused).Err, sim.CodeInsufficientHoldings)
		if a := <-write; a.Err != nil {
			t.Error(a.Err)
		}
		if n := b.journal.appends.Load(); n != 2 {
			t.Errorf("%d appends: reads and refusals make none", n)
		}
		b.wantFinish()
	})
}

func TestAFullQueueIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore(), func(c *engine.Config) { c.Limits.Queue, c.Limits.Batch = 3, 2 })
		g := b.gate()
		var answers []<-chan engine.Answer
		for range 1 + 2 + 3 { // in the commit, in the open group, in the queue
			answers = append(answers, b.doLater(deposit("a")))
			synctest.Wait()
		}
		_, err := b.do(deposit("a"))
		b.wantCode(err, sim.CodeOverloaded)
		if refusal, ok := errors.AsType[*sim.Error](err); !ok || refusal.RetryAfter <= 0 {
			t.Errorf("refused with %+v", err)
		}
		b.open(g)
		for _, answer := range answers {
			if a := <-answer; a.Err != nil {
				t.Error(a.Err)
			}
		}
		if got := b.held("a"); got != "6" {
			t.Errorf("a has %s", got)
		}
		b.wantFinish()
	})
}

func TestCallersWhoLeaveOrWaitTooLongAreAnswered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore(), func(c *engine.Config) { c.Limits.Store, c.Limits.Append = time.Hour, time.Hour })
		g := b.gate()
		patient := b.doLater(deposit("a"))
		<-g.entered
		ctx, cancel := context.WithCancel(context.Background())
		gone := later(func() error {
			_, err := b.Do(ctx, sim.Request{Command: deposit("a")})
			return err
		})
		synctest.Wait()
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("who left is told %v", err)
		}
		b.wantCode((<-patient).Err, sim.CodeUnavailable) // after Limits.Request
		b.open(g)
		synctest.Wait()
		if got := b.held("a"); got != "2" {
			t.Errorf("a has %s: what was accepted is carried out", got)
		}
		b.wantFinish()
	})
}

func TestReadsFindWhatThereIs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b, ctx := start(t, memory.NewStore()), context.Background()
		final := b.must(deposit("a")).Settlement
		open := b.must(sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "BTC", Quantity: amount("1"), Hold: true}).Settlement
		cash := b.must(sim.OpenHolding{Cash: true, AccountID: "a", Symbol: "USD"}).Holding
		if a, err := b.Account(ctx, "a"); err != nil || a.AccountID != "a" {
			t.Errorf("account %+v, %v", a, err)
		}
		if h, err := b.Holding(ctx, true, cash.ID); err != nil || h.ID != cash.ID {
			t.Errorf("balance %+v, %v", h, err)
		}
		for _, want := range []*sim.Settlement{final, open} {
			if s, err := b.Settlement(ctx, want.ID); err != nil || s.Status != want.Status {
				t.Errorf("settlement %+v, %v", s, err)
			}
		}
		_, noAccount := b.Account(ctx, "z")
		_, noPosition := b.Holding(ctx, false, cash.ID)
		_, noSettlement := b.Settlement(ctx, cash.ID)
		for _, err := range []error{noAccount, noPosition, noSettlement} {
			b.wantCode(err, sim.CodeNotFound)
		}
		_, err := b.do(sim.CancelSettlement{ID: final.ID})
		b.wantCode(err, sim.CodeWrongState)
		_, err = b.do(sim.ReleaseSettlement{ID: cash.ID})
		b.wantCode(err, sim.CodeNotFound)
		b.wantFinish()
	})
}

func TestMetricsCountWhatBecameDurable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		id := b.must(deposit("a")).Settlement.ID
		position := b.must(sim.OpenHolding{AccountID: "b", Symbol: "BTC", Available: amount("1")}).Holding.ID
		b.must(sim.LockHolding{ID: position, Amount: amount("1")})
		b.must(sim.OpenHolding{Cash: true, AccountID: "b", Symbol: "USD"})
		_, err := b.do(sim.CancelSettlement{ID: id})
		b.wantCode(err, sim.CodeWrongState)
		b.wantFinish()
		if m := b.metrics; m.created.Load() != 2 || m.settled.Load() != 1 || m.balances.Load() != 1 || m.events.Load() != 6 || m.refused.Load() != 0 {
			t.Errorf("created %d, settled %d, balances %d, events %d, refused %d",
				m.created.Load(), m.settled.Load(), m.balances.Load(), m.events.Load(), m.refused.Load())
		}
	})
}

func TestPositionsAreCountedOnceWhereTimeStandsStill(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore(), func(c *engine.Config) { c.Clock = still{} })
		id := b.must(sim.OpenHolding{AccountID: "a", Symbol: "BTC", Available: amount("3")}).Holding.ID
		b.must(sim.LockHolding{ID: id, Amount: amount("1")})
		b.must(sim.UnlockHolding{ID: id, Amount: amount("1")})
		b.must(sim.UpdateHolding{ID: id, Metadata: []byte(`{}`)})
		b.must(deposit("a"))
		b.must(sim.CloseHolding{ID: id})
		b.wantFinish()
		if n := b.metrics.created.Load(); n != 1 {
			t.Errorf("%d positions counted", n)
		}
	})
}

// still is a clock that stands still.
type still struct{}

func (still) Now() time.Time { return time.Date(2026, 11, 23, 14, 30, 0, 0, time.UTC) }

func TestRefusalsAtALimitOfTheBooksAreCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore(), func(c *engine.Config) { c.Rules.MaxAccounts = 1 })
		b.must(sim.OpenAccount{AccountID: "a", Type: sim.AccountMaster})
		_, err := b.do(sim.OpenAccount{AccountID: "a", Type: sim.AccountMaster})
		b.wantCode(err, sim.CodeAlreadyExists)
		if n := b.metrics.refused.Load(); n != 0 {
			t.Errorf("%d refusals are counted that had nothing to do with capacity", n)
		}
		_, err = b.do(sim.OpenAccount{AccountID: "b", Type: sim.AccountMaster})
		b.wantCode(err, sim.CodeLimitReached)
		for _, a := range b.DoAll(context.Background(), []sim.Request{{Command: sim.OpenAccount{AccountID: "c", Type: sim.AccountMaster}}}) {
			b.wantCode(a.Err, sim.CodeLimitReached)
		}
		if n := b.metrics.refused.Load(); n != 2 {
			t.Errorf("%d refusals are counted, not 2", n)
		}
		b.wantFinish()
	})
}
