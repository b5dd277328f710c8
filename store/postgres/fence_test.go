//go:build integration

package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// blind is a process that does not look after its connection by itself, as one
// that is stopped.
func blind(o *Options) { o.lockPing = time.Hour }

// takeOver gives a schema that first owns to second, as if first had been
// stopped meanwhile.
func takeOver(t *testing.T, second *Server, schema string) *Lease {
	t.Helper()
	terminate(t, backendOf(t, lockKey("ownership", schema)))
	var taken *Lease
	eventually(t, "the second process owns it", func() bool {
		var err error
		taken, err = second.Own(t.Context(), schema)
		return err == nil
	})
	t.Cleanup(func() { _ = taken.Release(context.Background()) }) // the server may be closed already
	return taken
}

func journalUnder(t *testing.T, s *Server, l *Lease) *Journal {
	t.Helper()
	j, err := s.Journal(t.Context(), JournalOptions{Instance: "test", Schema: l.Schema(), Lease: l})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() }) // also closed by tests
	return j
}

// place reads what a claim or a write would change.
func place(t *testing.T, schema string) (at string) {
	t.Helper()
	err := session(t, testURL(t, "TEST_POSTGRES_URL")).QueryRow(t.Context(), fill(
		`SELECT m.epoch || ' ' || m.seq || ' ' || p.epoch || ' ' || p.seq FROM {schema}.meta m, {schema}.projection p`, schema)).Scan(&at)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestProcessThatLostOwnershipCannotClaimTheBooksBack(t *testing.T) {
	t.Parallel()
	first, second := openServer(t, blind), openServer(t)
	schema := newSchema(t, second)
	stale := journalUnder(t, first, own(t, first, schema))
	if snap := load(t, stale); snap.Head != 0 {
		t.Fatalf("head is %d", snap.Head)
	}
	if err := stale.Append(t.Context(), batchAt(1, "first")); err != nil {
		t.Fatal(err)
	}
	owner := journalUnder(t, second, takeOver(t, second, schema))
	if snap := load(t, owner); snap.Head != 1 {
		t.Fatalf("head is %d", snap.Head)
	}
	before := place(t, schema)

	// What a writer does whose append failed, or that starts anew.
	_, err := stale.Load(t.Context())
	if !errors.Is(err, sim.ErrLostOwnership) || !errors.Is(err, ErrOwned) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("claiming: %v", err)
	}
	if err := stale.Append(t.Context(), batchAt(2, "stale")); !errors.Is(err, sim.ErrLostOwnership) {
		t.Errorf("appending: %v", err)
	}
	if err := stale.Project(t.Context(), &sim.Projection{Through: sim.Progress{Sequence: 1}}); !errors.Is(err, sim.ErrLostOwnership) {
		t.Errorf("projecting: %v", err)
	}
	if after := place(t, schema); after != before {
		t.Errorf("the books were at %s and are at %s", before, after)
	}
	if err := owner.Append(t.Context(), batchAt(2, "owner")); err != nil {
		t.Errorf("the owner appends: %v", err)
	}
}

func TestProcessThatLostOwnershipCannotDropOrReplaceTheBooks(t *testing.T) {
	t.Parallel()
	first, second := openServer(t, blind), openServer(t)
	schema, staging := newSchema(t, second), newSchema(t, second)
	lease := own(t, first, schema)
	if err := journalUnder(t, first, lease).Close(); err != nil {
		t.Fatal(err)
	}
	openJournal(t, second, staging)
	takeOver(t, second, schema)
	for name, fn := range map[string]func() error{
		"dropping":  func() error { return first.Drop(t.Context(), schema, lease) },
		"replacing": func() error { return first.Replace(t.Context(), staging, schema, lease) },
	} {
		if err := fn(); !errors.Is(err, ErrNotHeld) && !errors.Is(err, ErrOwned) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, schema := range []string{schema, staging} {
		if at := place(t, schema); at != "0 0 0 0" {
			t.Errorf("schema %s is at %s", schema, at)
		}
	}
}

func TestBooksAreClaimedAgainAtOnceAfterAllConnectionsWereLost(t *testing.T) {
	t.Parallel()
	s := openServer(t, blind)
	schema := newSchema(t, s)
	j := journalUnder(t, s, own(t, s, schema))
	load(t, j)
	terminate(t, backendOf(t, lockKey("ownership", schema)))
	if snap := load(t, j); snap.Head != 0 {
		t.Errorf("head is %d", snap.Head)
	}
}

// A process that is stopped while it copies rows keeps its locks for as long as it
// is: no timeout of the server is for that.
func TestFormerOwnerInTheMiddleOfAProjectionHoldsUpNobody(t *testing.T) {
	t.Parallel()
	first, second := openServer(t, blind), openServer(t)
	schema := newSchema(t, second)
	load(t, journalUnder(t, first, own(t, first, schema)))
	stopped := session(t, testURL(t, "TEST_POSTGRES_URL"))
	if _, err := stopped.Exec(t.Context(), fill(`BEGIN`, schema)); err != nil {
		t.Fatal(err)
	}
	if _, err := stopped.Exec(t.Context(), fill(`UPDATE {schema}.projection SET seq = seq`, schema)); err != nil {
		t.Fatal(err)
	}
	rows, feed := io.Pipe()
	copied := make(chan error)
	go func() {
		_, err := stopped.PgConn().CopyFrom(context.Background(), rows, fill(`COPY {schema}.ledger_entries FROM STDIN`, schema))
		copied <- err
	}()
	owner := journalUnder(t, second, takeOver(t, second, schema))
	start := time.Now()
	load(t, owner)
	if took := time.Since(start); took > 8*time.Second { // else it has waited for the lock's timeout
		t.Errorf("loading took %v", took)
	}
	_ = feed.Close()
	if err := <-copied; err == nil {
		t.Error("the former owner's transaction goes on")
	}
	// A journal that loads again leaves its own projections alone.
	load(t, owner)
}

func TestLeaseIsConfirmedUntilSomebodyElseHasIt(t *testing.T) {
	t.Parallel()
	first, second := openServer(t, blind), openServer(t)
	schema := newName()
	l := own(t, first, schema)
	if err := l.Confirm(t.Context()); err != nil {
		t.Fatal(err)
	}
	terminate(t, backendOf(t, lockKey("ownership", schema)))
	if err := l.Confirm(t.Context()); err != nil {
		t.Fatalf("after the connection was made anew: %v", err)
	}
	takeOver(t, second, schema)
	for range 2 { // when it finds out, and from then on
		if err := l.Confirm(t.Context()); !errors.Is(err, ErrOwned) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
			t.Fatalf("got %v", err)
		}
	}
	given := own(t, first, newName())
	if err := given.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := given.Confirm(t.Context()); !errors.Is(err, errReleased) {
		t.Fatalf("got %v", err)
	}
}

func TestServerEndsTheOwnershipOfAProcessThatFallsSilent(t *testing.T) {
	t.Parallel()
	// The first process has promised a ping each tenth of a second, and then is
	// too busy for any.
	first, second := openServer(t, func(o *Options) { o.lockPing = 100 * time.Millisecond }), openServer(t)
	schema := newName()
	l := own(t, first, schema)
	if !l.Recent() {
		t.Error("a lease that was just taken is not recent")
	}
	other := own(t, second, newName())
	busy, rest := make(chan struct{}), make(chan struct{})
	var once sync.Once
	go func() {
		waiting := newLease(other.Schema(), first.keeper)
		// A caller must not do that.
		waiting.told = func(error) { once.Do(func() { close(busy) }); <-rest }
		_ = first.keeper.ask(t.Context(), waiting, wishWait) // until the server is closed
	}()
	<-busy
	eventually(t, "the lease is not recent any more", func() bool { return !l.Recent() })
	takenOver := make(chan error, 1)
	go func() {
		_, err := second.OwnWhenFree(t.Context(), schema, func(error) {})
		takenOver <- err
	}()
	if err := <-takenOver; err != nil {
		t.Error(err)
	}
	close(rest)
	select {
	case <-l.Lost():
	case <-time.After(20 * time.Second):
		t.Error("the first does not notice")
	}
}

func TestOwnershipIsWaitedForAndTheHolderTold(t *testing.T) {
	t.Parallel()
	first, second := openServer(t), openServer(t)
	const schemas = 50
	prefix := newName()
	name := func(n int) string { return fmt.Sprintf("%s_%d", prefix, n) }
	held := make([]*Lease, schemas)
	for n := range held {
		held[n] = own(t, first, name(n))
	}
	told, taken := make(chan error, 10*schemas), make(chan *Lease, schemas)
	for n := range schemas {
		go func() {
			l, err := second.OwnWhenFree(t.Context(), name(n), func(why error) { told <- why })
			if err != nil {
				t.Error(err)
			}
			taken <- l
		}()
	}
	for range schemas {
		if why := <-told; !errors.Is(why, ErrOwned) || !strings.Contains(why.Error(), fmt.Sprint(os.Getpid())) {
			t.Fatalf("told %v", why)
		}
	}
	// Who leaves the queue gets nothing.
	leaving, leave := context.WithCancel(t.Context())
	extra := own(t, first, prefix)
	left := make(chan error)
	go func() {
		_, err := second.OwnWhenFree(leaving, prefix, func(why error) { told <- why })
		left <- err
	}()
	if err := <-told; !errors.Is(err, ErrOwned) {
		t.Errorf("told %v", err)
	}
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("left with %v", err)
	}
	start := time.Now()
	for _, l := range append(held, extra) {
		if err := l.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for range schemas {
		if err := (<-taken).Confirm(t.Context()); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d taken over in %s", schemas, time.Since(start))
	if err := own(t, first, prefix).Release(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWaitingForOwnershipEndsWithTheServer(t *testing.T) {
	t.Parallel()
	first, second := openServer(t), openServer(t)
	schema := newName()
	own(t, first, schema)
	told, ended := make(chan error, 1), make(chan error)
	go func() {
		_, err := second.OwnWhenFree(t.Context(), schema, func(why error) { told <- why })
		ended <- err
	}()
	if err := <-told; !errors.Is(err, ErrOwned) {
		t.Errorf("told %v", err)
	}
	if err := second.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}
