//go:build integration

package postgres

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{500, 8_000, 32_000} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			s := openServer(b)
			j := openJournal(b, s, newSchema(b, s))
			load(b, j)
			payload := make([]byte, size)
			for i := range payload {
				payload[i] = byte(i * i >> 3)
			}
			b.SetBytes(int64(size))
			seq := uint64(0)
			for b.Loop() {
				seq++
				if err := j.Append(b.Context(), batchAt(seq, string(payload))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// secondOfDeposits is what deposits of one second or so change, as new rows or
// as changes of rows that may be there already. It continues behind place n.
func secondOfDeposits(n, settlements int, added bool) *sim.Projection {
	p := &sim.Projection{}
	for range settlements {
		n++
		id, sequence := numbered(n), uint64(n)
		st := &sim.Settlement{
			ID: id, ExternalID: uuid.NewString(), Type: sim.Deposit, AccountID: fmt.Sprintf("account-%d", n%100), Symbol: "BTC-USD",
			Quantity: amount("1.25"), Settled: amount("1.25"), Status: sim.StatusCompleted, SourceAccount: sim.Depository,
			Processing: sim.Dimension{Status: sim.ProcessingAcknowledged}, Settlement: sim.Dimension{Status: sim.SettlementSettled},
			Hold:        sim.Dimension{Status: sim.HoldReleased},
			History:     []sim.Transition{{At: at, Status: "ACKNOWLEDGED", Sequence: sequence}, {At: at, Status: "SETTLED", Sequence: sequence}},
			InitiatedAt: at, CompletedAt: at, ExpectedDate: "2026-03-01",
		}
		st.DestinationAccount = st.AccountID
		if !added {
			st.History[0].Sequence = 0
		}
		p.Settlements = append(p.Settlements, st)
		p.Entries = append(p.Entries, sim.Entry{
			Sequence: sequence, SettlementID: id, PostedAt: at, Posting: sim.Posting{Symbol: "BTC-USD", Amount: amount("1.25"),
				Debit:  sim.LedgerAccount{AccountID: sim.Depository, Bucket: sim.BucketMirror},
				Credit: sim.LedgerAccount{AccountID: st.AccountID, Bucket: sim.BucketAvailable}},
		})
		p.Keys = append(p.Keys, sim.KeyRecord{Key: sim.Key{Kind: sim.KeyIdempotency, Value: uuid.NewString()}, Sequence: sequence})
	}
	for i := range 100 {
		p.Holdings = append(p.Holdings, &sim.Holding{ID: numbered(1e9 + i), AccountID: fmt.Sprintf("account-%d", i), Symbol: "BTC-USD", Available: amount("17.5"), Currency: "USD", CreatedAt: at, UpdatedAt: at})
	}
	p.Through.Sequence = uint64(n)
	return p
}

// BenchmarkProject writes seconds of deposits.
func BenchmarkProject(b *testing.B) {
	for _, mode := range []string{"copied", "upserted"} {
		b.Run(mode, func(b *testing.B) {
			s := openServer(b)
			j := openJournal(b, s, newSchema(b, s))
			load(b, j)
			const settlements = 1000
			n := 0
			for b.Loop() {
				p := secondOfDeposits(n, settlements, mode == "copied")
				n += settlements
				if err := j.Project(b.Context(), p); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/settlements, "µs/settlement")
		})
	}
}

// BenchmarkEncode is this process's part of that.
func BenchmarkEncode(b *testing.B) {
	for _, mode := range []string{"copied", "upserted"} {
		b.Run(mode, func(b *testing.B) {
			p := secondOfDeposits(0, 1000, mode == "copied")
			b.ReportAllocs()
			for b.Loop() {
				if _, err := encode(p, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOpen is the time until a new instance's journal is ready, next to
// the bare statements that make its tables.
func BenchmarkOpen(b *testing.B) {
	s := openServer(b)
	b.Run("journal", func(b *testing.B) {
		for b.Loop() {
			schema := newName()
			j, err := s.Journal(b.Context(), JournalOptions{Instance: "bench", Schema: schema})
			if err != nil {
				b.Fatal(err)
			}
			load(b, j)
			b.StopTimer()
			_ = j.Close()
			if err := s.Drop(b.Context(), schema, nil); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	})
	b.Run("bare", func(b *testing.B) {
		c := session(b, testURL(b, "TEST_POSTGRES_URL"))
		for b.Loop() {
			schema := newName()
			start := time.Now()
			if err := execScript(b.Context(), c, createScript(schema, "bench", migrations, true)); err != nil {
				b.Fatal(err)
			}
			_ = start
			b.StopTimer()
			if err := s.Drop(b.Context(), schema, nil); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	})
}

// What a new instance costs, by the way in which it is kept apart. Run it with
// -benchtime 1000x to see how that grows.
func BenchmarkNewInstance(b *testing.B) {
	for _, isolated := range []bool{false, true} {
		name := map[bool]string{false: "schema", true: "role"}[isolated]
		b.Run(name, func(b *testing.B) {
			s := isolatedServer(b)
			for b.Loop() {
				schema := newName()
				o := JournalOptions{Instance: "x", Schema: schema}
				if isolated {
					lease, err := s.Own(b.Context(), schema)
					if err != nil {
						b.Fatal(err)
					}
					o.Lease, o.Isolate = lease, true
				}
				j, err := s.Journal(b.Context(), o)
				if err != nil {
					b.Fatal(err)
				}
				if err := j.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			if isolated { // roles outlive the database
				dropRoles(b, s)
			}
		})
	}
}

func dropRoles(b *testing.B, s *Server) {
	b.Helper()
	err := s.admin.use(b.Context(), func(ctx context.Context, c *pgx.Conn) error {
		rows, err := c.Query(ctx, `SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 't\_%'`)
		if err != nil {
			return err
		}
		schemas, err := pgx.CollectRows(rows, pgx.RowTo[string])
		for _, schema := range schemas {
			if err == nil {
				err = s.dropRole(ctx, c, schema, nil)
			}
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
}
