package sqlite_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/sqlite"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest"
)

func harness() storetest.Harness {
	return storetest.Harness{Fresh: func(t testing.TB) storetest.Opener {
		path := filepath.Join(t.TempDir(), "data", "custodian_sim_001.db")
		return func(t testing.TB) sim.Journal {
			j, err := sqlite.OpenUnlocked(t.Context(), sqlite.Options{Path: path, Instance: "custodian-sim-001"})
			if err != nil {
				t.Fatal(err)
			}
			return j
		}
	}}
}

func TestJournalKeepsItsContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, harness())
}

func TestDesiredStateIsComparedAndSwapped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	storetest.RunDesired(t, func(t testing.TB) storetest.Desired {
		d, err := sqlite.OpenDesired(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}, sqlite.ErrRevision)

	again, err := sqlite.OpenDesired(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if document, revision, err := again.Load(t.Context()); err != nil || revision == 0 || len(document) == 0 {
		t.Errorf("after a restart it loads %q, revision %d (%v)", document, revision, err)
	}
	if _, err := again.Save(t.Context(), []byte(`{`), 3); err == nil || errors.Is(err, sqlite.ErrRevision) {
		t.Errorf("saving what is no JSON: %v", err)
	}
}

func BenchmarkJournal(b *testing.B) { storetest.Bench(b, harness()) }
