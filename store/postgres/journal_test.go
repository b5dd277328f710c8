//go:build integration

package postgres

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func TestAppendedBatchesAreReadBackExactly(t *testing.T) {
	t.Parallel()
	s := openServer(t)
	j := openJournal(t, s, newSchema(t, s))
	load(t, j)
	want := []*sim.Batch{batchAt(1, "one"), batchAt(2, strings.Repeat("large ", 100_000)), batchAt(3, "three")}
	for _, b := range want {
		if err := j.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	err := j.Read(t.Context(), 1, func(b *sim.Batch) error {
		w := want[b.First-1]
		if b.Last != w.Last || !b.Time.Equal(w.Time) || b.Hash != w.Hash {
			t.Errorf("batch %d came back as %+v", w.First, b)
		}
		got = append(got, string(b.Payload))
		return nil
	})
	if err != nil || !slices.Equal(got, []string{string(want[1].Payload), "three"}) {
		t.Fatalf("read %d batches, %v", len(got), err)
	}
}

// A page of the journal is bounded in bytes as well as in batches.
func TestReadPagesPassOverNothing(t *testing.T) {
	t.Parallel()
	s := openServer(t)
	j := openJournal(t, s, newSchema(t, s))
	load(t, j)
	const batches = 600
	for i := range batches {
		payload := "small"
		if i%200 == 7 {
			payload = strings.Repeat("x", 5<<20)
		}
		if err := j.Append(t.Context(), batchAt(uint64(i+1), payload)); err != nil {
			t.Fatal(err)
		}
	}
	next := uint64(1)
	err := j.Read(t.Context(), 0, func(b *sim.Batch) error {
		if b.First != next {
			t.Fatalf("batch %d came after %d", b.First, next-1)
		}
		next++
		return nil
	})
	if err != nil || next != batches+1 {
		t.Fatalf("read up to %d: %v", next-1, err)
	}
	err = j.Read(t.Context(), math.MaxUint64, func(b *sim.Batch) error {
		t.Errorf("batch %d is behind the end of all", b.First)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSecondClaimShutsOutTheFirstWriter(t *testing.T) {
	t.Parallel()
	s := openServer(t)
	schema := newSchema(t, s)
	first, second := openJournal(t, s, schema), openJournal(t, s, schema)
	load(t, first)
	if err := first.Append(t.Context(), batchAt(1, "mine")); err != nil {
		t.Fatal(err)
	}
	if snap := load(t, second); snap.Head != 1 {
		t.Fatalf("head is %d", snap.Head)
	}
	if err := first.Append(t.Context(), batchAt(2, "late")); !errors.Is(err, sim.ErrLostOwnership) {
		t.Fatalf("append of the first writer: %v", err)
	}
	if err := first.Project(t.Context(), &sim.Projection{Through: sim.Progress{Sequence: 1}}); !errors.Is(err, sim.ErrLostOwnership) {
		t.Fatalf("projection of the first writer: %v", err)
	}
	if err := second.Append(t.Context(), batchAt(2, "in time")); err != nil {
		t.Fatal(err)
	}
}

// A writer that is in the middle of its append when the journal is claimed
// either is in what the claim returns, or never becomes durable.
func TestClaimWaitsForAWriterInTheMiddleOfItsAppend(t *testing.T) {
	t.Parallel()
	s := openServer(t)
	schema := newSchema(t, s)
	first, second := openJournal(t, s, schema), openJournal(t, s, schema)
	load(t, first)

	// Another session locks the head, so that both wait behind it, the append first.
	blocker := session(t, testURL(t, "TEST_POSTGRES_URL"))
	if _, err := blocker.Exec(t.Context(), `BEGIN; SELECT FROM `+quoteName(schema)+`.meta FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	watcher := session(t, testURL(t, "TEST_POSTGRES_URL"))
	waiting := func(n int) func() bool {
		return func() bool {
			var count int
			err := watcher.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%' || $1 || '%'`, schema).Scan(&count)
			if err != nil {
				t.Fatal(err)
			}
			return count == n
		}
	}
	appended := make(chan error, 1)
	go func() { appended <- first.Append(t.Context(), batchAt(1, "mine")) }()
	eventually(t, "append is waiting", waiting(1))
	type claim struct {
		snap *sim.Snapshot
		err  error
	}
	claimed := make(chan claim, 1)
	go func() {
		snap, err := second.Load(t.Context())
		claimed <- claim{snap, err}
	}()
	eventually(t, "claim is waiting", waiting(2))
	if _, err := blocker.Exec(t.Context(), `COMMIT`); err != nil {
		t.Fatal(err)
	}
	c := <-claimed
	if c.err != nil {
		t.Fatal(c.err)
	}
	var want uint64
	switch err := <-appended; {
	case err == nil:
		want = 1
	case errors.Is(err, sim.ErrLostOwnership):
	default:
		t.Fatal(err)
	}
	if c.snap.Head != want {
		t.Fatalf("claim saw head %d, the append says %d", c.snap.Head, want)
	}
	if err := first.Append(t.Context(), batchAt(want+1, "late")); !errors.Is(err, sim.ErrLostOwnership) {
		t.Fatalf("append after the claim: %v", err)
	}
}

// The commit of a projection does not wait for the disk. When the server
// forgets one, the next must not go on as if it were there.
func TestProjectionNoticesThatTheServerForgotTheOneBefore(t *testing.T) {
	t.Parallel()
	s := openServer(t)
	schema := newSchema(t, s)
	j := openJournal(t, s, schema)
	load(t, j)
	if err := j.Project(t.Context(), &sim.Projection{Through: sim.Progress{Sequence: 5}}); err != nil {
		t.Fatal(err)
	}
	if _, err := session(t, testURL(t, "TEST_POSTGRES_URL")).Exec(t.Context(), `UPDATE `+quoteName(schema)+`.projection SET seq = 3`); err != nil {
		t.Fatal(err)
	}
	err := j.Project(t.Context(), &sim.Projection{Through: sim.Progress{Sequence: 9}})
	if !errors.Is(err, errBehind) || errors.Is(err, sim.ErrLostOwnership) {
		t.Fatalf("got %v", err)
	}
	if snap := load(t, j); snap.Projected.Sequence != 3 {
		t.Fatalf("tables are at %d", snap.Projected.Sequence)
	}
	if err := j.Project(t.Context(), &sim.Projection{Through: sim.Progress{Sequence: 9}}); err != nil {
		t.Fatal(err)
	}
}

func TestClosedJournalSaysSo(t *testing.T) {
	t.Parallel()
	s := openServer(t)
	j := openJournal(t, s, newSchema(t, s))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Load(t.Context()); !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v", err)
	}
}
