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
