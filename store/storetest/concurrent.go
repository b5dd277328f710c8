package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// testConcurrency runs one appender, one projector behind it and some readers,
// as an engine and its callers do. Readers check that what they see together
// belongs together.
func testConcurrency(t *testing.T, s *store) {
	const batches, perBatch, readers = 40, 5, 4
	b := newBooks(t)
	j := s.loaded()
	var history []*sim.Batch
	for i := range batches {
		for k := range perBatch {
			b.do(fmt.Sprintf("k-%d-%d", i, k), sim.Instruct{
				Type: sim.Deposit, AccountID: fmt.Sprintf("fund-%d", k), Symbol: "USD", Quantity: amount("1"), ExternalID: fmt.Sprintf("e-%d-%d", i, k),
			})
		}
		history = append(history, b.seal())
	}

	ctx, stop := context.WithCancelCause(j.ctx)
	defer stop(nil)
	var writers, others sync.WaitGroup
	run := func(group *sync.WaitGroup, fn func() error) {
		group.Go(func() {
			if err := fn(); err != nil && ctx.Err() == nil {
				stop(err)
			}
		})
	}
	durable := make(chan *sim.Batch, batches)
	run(&writers, func() error {
		defer close(durable)
		for _, batch := range history {
			if err := j.Append(ctx, batch); err != nil {
				return fmt.Errorf("appending: %w", err)
			}
			durable <- batch
		}
		return nil
	})
	run(&writers, func() error {
		for batch := range durable {
			pending := []*sim.Batch{batch}
			for len(durable) > 0 && len(pending) < 7 {
				pending = append(pending, <-durable)
			}
			if err := j.Project(ctx, sim.Fold(pending)); err != nil {
				return fmt.Errorf("projecting: %w", err)
			}
		}
		return nil
	})
	finished := make(chan struct{})
	for range readers {
		run(&others, func() error {
			for round := 0; ; round++ {
				select {
				case <-finished:
					if round > 0 {
						return nil
					}
				case <-ctx.Done():
					return nil
				default:
				}
				if err := readTogether(ctx, j); err != nil {
					return err
				}
			}
		})
	}
	writers.Wait()
	close(finished)
	others.Wait()
	if err := context.Cause(ctx); err != nil {
		t.Fatal(err)
	}
	sameBatches(t, j.read(0), history)
	want := b.state.Snapshot()
	want.Keyed = true
	sameSnapshot(t, j.load(), want)
}

// readTogether checks that the tables hold whole projections: all of an event
// or nothing, and never less than was there before.
func readTogether(ctx context.Context, j *journal) error {
	before, err := j.Projected(ctx)
	if err != nil {
		return fmt.Errorf("projected: %w", err)
	}
	settlements, err := j.ListSettlements(ctx, sim.SettlementFilter{}, sim.Page{Limit: 1000})
	if err != nil {
		return fmt.Errorf("settlements: %w", err)
	}
	entries, err := j.ListEntries(ctx, sim.EntryFilter{}, sim.Page{Limit: 1000})
	if err != nil {
		return fmt.Errorf("entries: %w", err)
	}
	keys := 0
	if err := j.ScanKeys(ctx, func(sim.KeyRecord) error { keys++; return nil }); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	if len(entries) < len(settlements) || keys < 2*len(settlements) {
		return fmt.Errorf("%d settlements seen, then only %d entries and %d keys", len(settlements), len(entries), keys)
	}
	var last uint64
	if n := len(settlements); n > 0 {
		last = settlements[n-1].History[0].Sequence
	}
	if last < before.Sequence {
		return fmt.Errorf("the tables had reached %d, the last settlement listed is of %d", before.Sequence, last)
	}
	if _, err := j.ListHoldings(ctx, sim.HoldingFilter{Cash: true}, sim.Page{Limit: 3}); err != nil {
		return fmt.Errorf("balances: %w", err)
	}
	at := uint64(0)
	err = j.Read(ctx, 0, func(batch *sim.Batch) error {
		if batch.First != at+1 {
			return errors.New("a batch is missing")
		}
		at = batch.Last
		return nil
	})
	if err == nil && at < before.Sequence {
		err = fmt.Errorf("the journal ends at %d, the tables had reached %d", at, before.Sequence)
	}
	return err
}

// testInterrupted ends contexts in the middle of appends and projections. What
// came of them is unknown until the next Load, but it is all or nothing.
func testInterrupted(t *testing.T, s *store) {
	b := newBooks(t)
	j := s.loaded()
	var head, projected sim.Progress
	const rounds, perRound = 8, 60
	for i := range rounds {
		for k := range perRound {
			b.do(fmt.Sprintf("k-%d-%d", i, k), sim.Instruct{
				Type: sim.Deposit, AccountID: fmt.Sprintf("fund-%d", k), Symbol: "USD", Quantity: amount("1"), ExternalID: fmt.Sprintf("e-%d-%d", i, k),
			})
		}
		batch := b.seal()
		patience := 100 * time.Microsecond << i
		retry(t, j, patience, &head, batch.End(),
			func(ctx context.Context) error { return j.Append(ctx, batch) },
			func(snap *sim.Snapshot) uint64 { return snap.Head })
		retry(t, j, patience, &projected, batch.End(),
			func(ctx context.Context) error { return j.Project(ctx, sim.Fold([]*sim.Batch{batch})) },
			func(snap *sim.Snapshot) uint64 { return snap.Projected.Sequence })
		settlements := j.settlements(1000, sim.SettlementFilter{From: batch.Events[0].Time})
		if len(settlements) != perRound {
			t.Fatalf("%d settlements of the batch are there, wanted %d", len(settlements), perRound)
		}
	}
	want := b.state.Snapshot()
	want.Keyed = true
	sameSnapshot(t, j.load(), want)
	if got := len(j.keys()); got != 2*rounds*perRound {
		t.Errorf("%d keys, wanted %d", got, 2*rounds*perRound)
	}
}

// retry repeats a call with more and more patience until it succeeded or turns
// out to have, and moves the place at.
func retry(t *testing.T, j *journal, patience time.Duration, at *sim.Progress, to sim.Progress,
	call func(context.Context) error, place func(*sim.Snapshot) uint64,
) {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(j.ctx, patience)
		err := call(ctx)
		cancel()
		patience *= 2
		snap := j.load()
		got := place(snap)
		switch {
		case got == to.Sequence:
			*at = to
			return
		case err == nil:
			t.Fatalf("a call succeeded, but the place is %d instead of %d", got, to.Sequence)
		case errors.Is(err, sim.ErrLostOwnership), errors.Is(err, sim.ErrBrokenInvariant):
			t.Fatalf("an interrupted call returned %v, which would stop an engine", err)
		case got != at.Sequence:
			t.Fatalf("after an interrupted call the place is %d, neither %d nor %d", got, at.Sequence, to.Sequence)
		case len(j.entries(1000, sim.EntryFilter{AfterSequence: snap.Projected.Sequence})) > 0:
			t.Fatalf("entries behind the projected place %d", snap.Projected.Sequence)
		}
	}
}
