//go:build integration

package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

func fastPing(o *Options) { o.lockPing = 50 * time.Millisecond }

func own(t testing.TB, s *Server, schema string) *Lease {
	t.Helper()
	l, err := s.Own(t.Context(), schema)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestOwnershipIsExclusiveAndNamesItsHolder(t *testing.T) {
	t.Parallel()
	first, second := openServer(t), openServer(t)
	schema := newName()
	l := own(t, first, schema)
	for _, s := range []*Server{first, second} {
		if _, err := s.Own(t.Context(), schema); !errors.Is(err, ErrOwned) {
			t.Fatalf("got %v", err)
		}
	}
	_, err := second.Own(t.Context(), schema)
	if host, _ := os.Hostname(); !strings.Contains(err.Error(), fmt.Sprintf(`"custodian %s %d"`, host, os.Getpid())) {
		t.Errorf("%q does not name the holder", err)
	}
	if err := l.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := own(t, second, schema).Release(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestManyLeasesShareOneConnection(t *testing.T) {
	t.Parallel()
	m := &meter{}
	s := openServer(t, func(o *Options) { o.Metrics = m; o.idle = 100 * time.Millisecond })
	prefix := newName()
	leases := make([]*Lease, 300)
	var wg sync.WaitGroup
	for i := range leases {
		wg.Go(func() {
			var err error
			if leases[i], err = s.Own(t.Context(), fmt.Sprintf("%s_%d", prefix, i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	eventually(t, "only the connection with the locks is left", func() bool { return m.now() == 1 })
	for _, l := range leases {
		if err := l.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "no connection is left", func() bool { return m.now() == 0 })
}

// backendOf returns the server process of the connection that holds the locks.
func backendOf(t *testing.T, key int64) int {
	t.Helper()
	var pid int
	err := session(t, testURL(t, "TEST_POSTGRES_ADMIN_URL")).QueryRow(t.Context(),
		`SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND (classid::int8 << 32) | objid::int8 = $1`, key).Scan(&pid)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func terminate(t *testing.T, pid int) {
	t.Helper()
	if _, err := session(t, testURL(t, "TEST_POSTGRES_ADMIN_URL")).Exec(t.Context(), `SELECT pg_terminate_backend($1)`, pid); err != nil {
		t.Fatal(err)
	}
}

func TestOwnershipComesBackAfterTheConnectionWasLost(t *testing.T) {
	t.Parallel()
	s := openServer(t, fastPing)
	other := openServer(t)
	schema := newName()
	l := own(t, s, schema)
	key := lockKey("ownership", schema)
	before := backendOf(t, key)
	terminate(t, before)
	// A new session of the same process has the lock again.
	admin := session(t, testURL(t, "TEST_POSTGRES_ADMIN_URL"))
	eventually(t, "the lock is back", func() bool {
		var n int
		err := admin.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted
			AND (classid::int8 << 32) | objid::int8 = $1 AND pid <> $2`, key, before).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		return n == 1
	})
	if _, err := other.Own(t.Context(), schema); !errors.Is(err, ErrOwned) {
		t.Fatalf("got %v", err)
	}
	select {
	case <-l.Lost():
		t.Fatal("the lease says that it is lost")
	default:
	}
}

func TestLeaseTellsThatSomebodyElseTookOver(t *testing.T) {
	t.Parallel()
	// The first process does not look after its connection until the second
	// has the lock.
	first, second := openServer(t, func(o *Options) { o.lockPing = time.Hour }), openServer(t)
	schema, bystander := newName(), newName()
	lost, kept := own(t, first, schema), own(t, first, bystander)
	terminate(t, backendOf(t, lockKey("ownership", schema)))
	var taken *Lease
	eventually(t, "the second process owns it", func() bool {
		var err error
		taken, err = second.Own(t.Context(), schema)
		return err == nil
	})
	own(t, first, newName()) // whatever needs the connection finds out
	select {
	case <-lost.Lost():
	case <-time.After(10 * time.Second):
		t.Fatal("the lease does not say that it is lost")
	}
	select {
	case <-kept.Lost():
		t.Fatal("the other lease says so too")
	default:
	}
	if err := lost.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if err := taken.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAReleasedLeaseCanBeTakenAtOnce(t *testing.T) {
	t.Parallel()
	schema := newName()
	servers := []*Server{openServer(t), openServer(t)}
	for n := range 40 {
		if err := own(t, servers[n%2], schema).Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOwnershipIsFreeAtOnceForWhoAsksNext(t *testing.T) {
	t.Parallel()
	s := openServer(t)
	schema := newName()
	for n := range 100 {
		// One that is given up, and is the only one that there was.
		if err := own(t, s, schema).Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		// One that was not waited for, whatever had become of it by then.
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n)*20*time.Microsecond)
		abandoned, err := s.Own(ctx, schema)
		cancel()
		if err == nil {
			err = abandoned.Release(t.Context())
		}
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
	own(t, s, schema)
}
