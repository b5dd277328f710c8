package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Values at the edges of what records can hold.
const (
	// largest uses all digits that a request can carry, 38.
	largest = "99999999999999999999.999999999999999999"
	// unicode has letters of one to four bytes, quotes and what SQL, JSON and
	// LIKE treat specially.
	unicode = `ä 日本 𝔘 'q' "d" \ % _ ; -- {} $1 ?`
	// document is canonical JSON with every kind of value.
	document = `{"a":-1,"b":{"list":[1.50,true,null,"x"]},"c":"<&> 日本 \"q\" \\","n":12345678901234567890123456789}`
)

// restored reads an amount beyond what a request can carry, as sums can be.
func restored(t testing.TB, s string) money.Amount {
	a, err := money.Restore(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// extremes returns a projection through a place that has records with extreme
// and with empty values, and the place's sequence number in them.
func extremes(t testing.TB, through sim.Progress) *sim.Projection {
	at := time.Date(2026, 2, 28, 23, 59, 59, 999999000, time.UTC)
	later := at.Add(time.Microsecond)
	early := time.Date(1970, 1, 1, 0, 0, 0, 1000, time.UTC)
	far := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	ids := sim.NewGenerator("extremes", 9)
	id := func() uuid.UUID { return ids.ID(at) }
	long := strings.Repeat("ж", sim.MaxIdentifier)
	smallest := amount("0.000000000000000001")

	full := &sim.Settlement{
		ID: id(), ExternalID: unicode, Type: sim.Internal, AccountID: long, Symbol: "SYM " + unicode,
		Quantity: amount(largest), Settled: smallest, Status: sim.StatusInProgress, SourceAccount: unicode, DestinationAccount: long,
		Processing: sim.Dimension{Status: "A", ReasonCode: "B", Reason: unicode},
		Settlement: sim.Dimension{Status: "C", ReasonCode: "D", Reason: "E"},
		Hold:       sim.Dimension{Status: "F", ReasonCode: "G", Reason: long},
		History: []sim.Transition{
			{At: at, Status: "ACKNOWLEDGED", Sequence: 1},
			{At: later, Status: "HELD", ReasonCode: "PREA", Reason: unicode, Sequence: through.Sequence},
		},
		InitiatedAt: at, CompletedAt: later, ExpectedDate: "2026-03-01", Metadata: []byte(document),
	}
	bare := &sim.Settlement{ID: id(), Status: sim.StatusPending, History: []sim.Transition{{Status: "X", Sequence: 2}}}

	return &sim.Projection{
		Through: through,
		Accounts: []*sim.Account{
			{AccountID: long, ClientID: unicode, Type: sim.AccountSegregated, Status: sim.AccountActive, Metadata: []byte(document), CreatedAt: early, UpdatedAt: far},
			{AccountID: unicode, ClientID: "c", Type: sim.AccountMaster, Status: sim.AccountActive, CreatedAt: at, UpdatedAt: later},
			{AccountID: "braces", ClientID: "c", Type: sim.AccountMaster, Status: sim.AccountActive, Metadata: []byte(`{}`), CreatedAt: at, UpdatedAt: at},
		},
		Holdings: []*sim.Holding{
			{ID: id(), AccountID: long, Symbol: unicode, Available: amount(largest), Locked: amount(largest), AverageCost: smallest,
				MarketValue: amount(largest), Currency: "X☃", Metadata: []byte(document), CreatedAt: early, UpdatedAt: far},
			{ID: id(), AccountID: unicode, Symbol: "EMPTY", CreatedAt: at, UpdatedAt: at},
			{ID: id(), AccountID: unicode, Symbol: "USD", Cash: true, Currency: "USD", Available: smallest, Locked: amount(largest),
				AverageCost: amount("1.5"), MarketValue: smallest, Metadata: []byte(`{}`), CreatedAt: at, UpdatedAt: later},
			{ID: id(), AccountID: long, Symbol: "USD", Cash: true, Currency: "USD", CreatedAt: at, UpdatedAt: at},
		},
		Mirrors: []*sim.Mirror{
			{Account: sim.Depository, Symbol: unicode, Balance: restored(t, "-199999999999999999999.999999999999999998")},
			{Account: sim.Depository, Symbol: "EMPTY"},
			{Account: sim.Nostro, Symbol: "USD", Balance: restored(t, "-100000000000000000000")},
		},
		Settlements: []*sim.Settlement{full, bare},
		Entries: []sim.Entry{
			{Sequence: 1, Index: 0, PostedAt: at, SettlementID: full.ID, Posting: sim.Posting{Symbol: unicode, Amount: amount(largest),
				Debit:  sim.LedgerAccount{AccountID: long, Bucket: sim.BucketAvailable},
				Credit: sim.LedgerAccount{AccountID: unicode, Bucket: sim.BucketLocked}}},
			{Sequence: 1, Index: 1, PostedAt: later, Posting: sim.Posting{Symbol: "EMPTY", Amount: smallest,
				Debit:  sim.LedgerAccount{AccountID: sim.Depository, Bucket: sim.BucketMirror},
				Credit: sim.LedgerAccount{AccountID: "a", Bucket: sim.BucketAvailable}}},
		},
		Keys: []sim.KeyRecord{
			{Key: sim.Key{Kind: sim.KeyIdempotency, Value: strings.Repeat("日", sim.MaxIdempotencyKey)}, Fingerprint: sim.Fingerprint{0, 1, 0xff, 0x80}, Sequence: 1},
			{Key: sim.Key{Kind: sim.KeyIdempotency, Value: unicode}, Sequence: 2},
		},
		Events: 2,
	}
}

func testFields(t *testing.T, s *store) {
	batch := newBooks(t).deposits(2)
	p := extremes(t, batch.End())
	want := &sim.Snapshot{
		Projected: p.Through, Head: p.Through.Sequence, Keyed: true,
		Accounts: p.Accounts, Holdings: p.Holdings, Mirrors: p.Mirrors, Open: p.Settlements,
	}
	j := s.loaded()
	j.append(batch)
	j.project(p)
	check := func(j *journal) {
		t.Helper()
		sameProgress(t, j.progress(), p.Through)
		sameRecords(t, "accounts", j.accounts(10, sim.AccountFilter{}), sortedBy(p.Accounts, accountCursor))
		sameRecords(t, "positions", j.holdings(10, sim.HoldingFilter{}), p.Holdings[:2])
		sameRecords(t, "balances", j.holdings(10, sim.HoldingFilter{Cash: true}), p.Holdings[2:])
		sameRecords(t, "mirrors", j.mirrors(), sortedBy(p.Mirrors, mirrorKey))
		sameRecords(t, "settlements", j.settlements(10, sim.SettlementFilter{}), p.Settlements)
		sameRecords(t, "entries", j.entries(10, sim.EntryFilter{}), pointers(p.Entries))
		for _, st := range p.Settlements {
			sameRecords(t, "settlement found", []*sim.Settlement{j.find(st.ID)}, []*sim.Settlement{st})
		}
		external := &sim.KeyRecord{Key: sim.Key{Kind: sim.KeyExternal, Value: unicode}, Sequence: 1}
		sameRecords(t, "keys", j.keys(), sortedBy(append(pointers(p.Keys), external), keyOrder))
	}
	check(j)
	sameSnapshot(t, j.load(), want)
	j.close()

	again := s.journal()
	sameSnapshot(t, again.load(), want)
	check(again)
}
