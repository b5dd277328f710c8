//go:build integration

package postgres

import (
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest"
)

func TestJournalKeepsItsContract(t *testing.T) {
	t.Parallel()
	s := openServer(t)
	storetest.Run(t, storetest.Harness{Fresh: func(t testing.TB) storetest.Opener {
		schema := newSchema(t, s)
		return func(t testing.TB) sim.Journal {
			j, err := s.Journal(t.Context(), JournalOptions{Instance: "conformance", Schema: schema})
			if err != nil {
				t.Fatal(err)
			}
			return j
		}
	}})
}

// The rights of a role are enough for all of the contract. Opening a journal ends
// the sessions of the one before; to see that also a writer whose sessions go on
// is shut out, all journals of a schema share what they log in with.
func TestIsolatedJournalKeepsItsContract(t *testing.T) {
	t.Parallel()
	s := isolatedServer(t)
	storetest.Run(t, storetest.Harness{Fresh: func(t testing.TB) storetest.Opener {
		schema := newSchema(t, s)
		as := s.newLogin(own(t, s, schema))
		if err := as.establish(t.Context()); err != nil {
			t.Fatal(err)
		}
		return func(t testing.TB) sim.Journal {
			j, err := s.journalAs(t.Context(), JournalOptions{Instance: "conformance", Schema: schema}, as, migrations)
			if err != nil {
				t.Fatal(err)
			}
			return j
		}
	}})
}
