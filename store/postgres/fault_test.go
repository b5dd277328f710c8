//go:build integration

package postgres

import (
	"errors"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Connections that break under load cost errors, never order: what was
// acknowledged is there, each batch once, and nothing that nobody sent.
func TestBrokenConnectionsLoseNoAcknowledgedBatch(t *testing.T) {
	t.Parallel()
	s := openServer(t)
	schema := newSchema(t, s)
	j := openJournal(t, s, schema)
	admin := session(t, testURL(t, "TEST_POSTGRES_ADMIN_URL"))
	stop, killed := make(chan struct{}), make(chan int)
	go func() {
		kills := 0
		defer func() { killed <- kills }()
		for {
			select {
			case <-stop:
				return
			default:
			}
			tag, err := admin.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE query LIKE '%' || $1 || '%.journal %' AND state = 'active' AND pid <> pg_backend_pid()`, schema)
			if err != nil {
				t.Error(err)
				return
			}
			kills += int(tag.RowsAffected())
		}
	}()
	head, acknowledged, failures := load(t, j).Head, uint64(0), 0
	for failures < 5 {
		err := j.Append(t.Context(), batchAt(head+1, "x"))
		if err == nil {
			head++
			acknowledged = head
			continue
		}
		if errors.Is(err, sim.ErrLostOwnership) {
			t.Fatal(err)
		}
		failures++
		var snap *sim.Snapshot
		eventually(t, "the journal loads again", func() bool {
			snap, err = j.Load(t.Context())
			return err == nil
		})
		if snap.Head != acknowledged && snap.Head != acknowledged+1 {
			t.Fatalf("head is %d, %d was acknowledged", snap.Head, acknowledged)
		}
		head, acknowledged = snap.Head, snap.Head
	}
	close(stop)
	if kills := <-killed; kills == 0 {
		t.Error("no connection was broken")
	}
	next := uint64(1)
	err := j.Read(t.Context(), 0, func(b *sim.Batch) error {
		if b.First != next {
			t.Errorf("batch %d follows %d", b.First, next-1)
		}
		next = b.Last + 1
		return nil
	})
	if err != nil || next != head+1 {
		t.Fatalf("the journal ends at %d, its head is %d: %v", next-1, head, err)
	}
}
