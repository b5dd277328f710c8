// Package storetest is the suite that every implementation of [sim.Journal]
// passes. It states in code what the comments of sim.Journal and sim.Tables
// promise, so that an engine cannot tell one store from another.
//
// A store's test gives [Run] a [Harness], its benchmarks give one to [Bench]:
//
//	func TestJournal(t *testing.T) {
//		t.Parallel()
//		storetest.Run(t, storetest.Harness{Fresh: func(t testing.TB) storetest.Opener {
//			dir := t.TempDir()
//			return func(t testing.TB) sim.Journal { return open(t, dir) }
//		}})
//	}
//
// The tests run in parallel, each on a store of its own. Histories come from a
// real [sim.State], so what is stored is what an engine would store; hand-made
// records add the extremes that commands refuse. Metadata is canonical as the
// faces make it: compact JSON with sorted keys.
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Harness makes the stores under test.
type Harness struct {
	// Fresh makes an empty store for one test and returns its opener. What it
	// needs to take away afterwards it registers with t.Cleanup; by then every
	// journal is closed.
	Fresh func(t testing.TB) Opener
}

// Opener opens a store anew, as another process would: what was durable is
// there again, and journals opened before stay open beside the new one. It
// fails the test if it cannot. The caller closes the journal.
type Opener func(t testing.TB) sim.Journal

// Run runs the whole suite.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, *store)
	}{
		{"EmptyJournalLoadsAndListsNothing", testEmpty},
		{"BatchesReadBackByteForByte", testReadBack},
		{"ReadStartsInTheMiddle", testReadFromTheMiddle},
		{"ReadEndsWithTheErrorOfItsFunction", testReadStops},
		{"AppendsOutOfOrderAreRefused", testAppendOrder},
		{"SecondLoadFencesTheFirstWriter", testFencing},
		{"LoadingAgainKeepsTheJournalWritable", testReload},
		{"RestartContinuesBehindTheProjection", testRestart},

		{"EveryFieldIsRestoredExactly", testFields},
		{"NoFieldOfAnyRecordIsLost", testFilled},
		{"ProjectionsApplyOnce", testProjectOnce},
		{"RemovedHoldingsMakeRoomForNewOnes", testRemovedHoldings},
		{"SettlementsChangeUntilFinal", testSettlementUpdates},
		{"TransfersChangeUntilNothingCanBeReturned", testTransferUpdates},
		{"DocumentsChangeAndAreRemoved", testDocuments},
		{"LargeProjectionsAreComplete", testLargeProjection},
		{"KeysAreFoundAndScanned", testKeys},
		{"ExternalIDsAloneCountAsKeys", testExternalKeyOnly},
		{"ExternalIDsOfTransfersAloneCountAsKeys", testTransferKeyOnly},

		{"AccountsAreListedByPages", testListAccounts},
		{"HoldingsAreListedByPages", testListHoldings},
		{"SettlementsAreListedByPages", testListSettlements},
		{"TransfersAreListedByPages", testListTransfers},
		{"EntriesAreListedByPages", testListEntries},
		{"MalformedCursorsAreRefused", testMalformedCursors},

		{"EndedContextsEndCalls", testContexts},
		{"InterruptedCallsDoAllOrNothing", testInterrupted},
		{"ReadersAndWritersRunSideBySide", testConcurrency},
		{"RandomHistoriesSurviveInAnyProjection", testRandomHistories},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, &store{t: t, open: h.Fresh(t)})
		})
	}
}

// testTimeout bounds the calls of one test, so that a store that hangs fails its
// test instead of stopping the run.
const testTimeout = 5 * time.Minute

// store is the store of one test.
type store struct {
	t    testing.TB
	open Opener
}

// journal is an open journal whose failures fail the test.
type journal struct {
	sim.Journal
	t      testing.TB
	ctx    context.Context
	closed bool
}

// journal opens the store. The test closes it, or its end does.
func (s *store) journal() *journal {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	j := &journal{Journal: s.open(s.t), t: s.t, ctx: ctx}
	s.t.Cleanup(func() {
		cancel()
		if !j.closed {
			j.close()
		}
	})
	return j
}

// loaded opens the store and claims it.
func (s *store) loaded() *journal {
	s.t.Helper()
	j := s.journal()
	j.load()
	return j
}

func (j *journal) close() {
	j.t.Helper()
	j.closed = true
	if err := j.Close(); err != nil {
		j.t.Errorf("closing: %v", err)
	}
}

func (j *journal) load() *sim.Snapshot {
	j.t.Helper()
	snap, err := j.Load(j.ctx)
	if err != nil {
		j.t.Fatalf("loading: %v", err)
	}
	return snap
}

func (j *journal) append(batches ...*sim.Batch) {
	j.t.Helper()
	for _, b := range batches {
		if err := j.Append(j.ctx, b); err != nil {
			j.t.Fatalf("appending %d to %d: %v", b.First, b.Last, err)
		}
	}
}

func (j *journal) project(p *sim.Projection) {
	j.t.Helper()
	if err := j.Project(j.ctx, p); err != nil {
		j.t.Fatalf("projecting through %d: %v", p.Through.Sequence, err)
	}
}

// read returns the batches behind a sequence number.
func (j *journal) read(after uint64) []*sim.Batch {
	j.t.Helper()
	var out []*sim.Batch
	err := j.Read(j.ctx, after, func(b *sim.Batch) error {
		out = append(out, b)
		return nil
	})
	if err != nil {
		j.t.Fatalf("reading behind %d: %v", after, err)
	}
	return out
}

func (j *journal) progress() sim.Progress {
	j.t.Helper()
	p, err := j.Projected(j.ctx)
	if err != nil {
		j.t.Fatalf("asking for the projected place: %v", err)
	}
	return p
}
