package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// firstBooks are rows as the first version of the tables had them. The same
// text serves every SQL store once {schema} is replaced.
const firstBooks = `
INSERT INTO {schema}accounts (account_id, client_id, account_type, status, created_at, last_updated, metadata)
	VALUES ('fund-a', 'client', 'MASTER', 'ACTIVE', '2026-03-01T12:00:00.000001Z', '2026-03-01T12:00:00.000001Z', '{"n":1}');
INSERT INTO {schema}positions (position_id, account_id, symbol, quantity, available_quantity, locked_quantity, average_cost, market_value, currency, last_updated, created_at)
	VALUES ('019ab0de-0000-7000-8000-000000000001', 'fund-a', 'BTC-USD', '3.5', '3', '0.5', '1.25', '0', 'USD', '2026-03-01T12:00:00.000001Z', '2026-03-01T12:00:00.000001Z');
INSERT INTO {schema}balances (balance_id, account_id, currency, available_balance, locked_balance, total_balance, last_updated, created_at, average_cost, market_value)
	VALUES ('019ab0de-0000-7000-8000-000000000002', 'fund-a', 'USD', '99.95', '0', '99.95', '2026-03-01T12:00:00.000001Z', '2026-03-01T12:00:00.000001Z', '0', '0');
INSERT INTO {schema}mirrors (symbol, account, balance) VALUES ('BTC-USD', 'DEPOSITORY', '-3.5'), ('USD', 'NOSTRO', '-99.95');
INSERT INTO {schema}settlements (settlement_id, external_id, settlement_type, account_id, symbol, quantity, status, source_account, initiated_at,
		expected_settlement_date, settled_quantity, processing_status, settlement_status, hold_status, hold_reason_code, history)
	VALUES ('019ab0de-0000-7000-8000-000000000003', 'e-1', 'WITHDRAWAL', 'fund-a', 'BTC-USD', '1', 'PENDING', 'fund-a', '2026-03-01T12:00:00.000001Z',
		'2026-03-01', '0', 'ACKNOWLEDGED', 'PENDING', 'HELD', 'PREA', '[{"at":"2026-03-01T12:00:00.000001Z","status":"HELD","sequence":1}]');
INSERT INTO {schema}ledger_entries (sequence, idx, symbol, amount, debit_account, debit_bucket, credit_account, credit_bucket, posted_at)
	VALUES (1, 0, 'USD', '99.95', 'NOSTRO', 'MIRROR', 'fund-a', 'AVAILABLE', '2026-03-01T12:00:00.000001Z');
INSERT INTO {schema}idempotency_keys (key, fingerprint, sequence) VALUES ('k-1', {fingerprint}, 1);`

// FirstBooks returns the statements that fill the tables of the first version,
// in which prefix stands before the names of tables, and fingerprint is a
// constant of the sixteen bytes 0 to 15.
func FirstBooks(prefix, fingerprint string) string {
	return strings.NewReplacer("{schema}", prefix, "{fingerprint}", fingerprint).Replace(firstBooks)
}

// CheckUpgraded checks a journal whose tables held [FirstBooks] and nothing
// else before this version opened it: all of it is there, and what is new can
// be written beside it.
func CheckUpgraded(t testing.TB, opened sim.Journal) {
	t.Helper()
	j := &journal{Journal: opened, t: t, ctx: t.Context()}
	at := time.Date(2026, 3, 1, 12, 0, 0, 1000, time.UTC)
	id := func(n string) uuid.UUID { return uuid.MustParse("019ab0de-0000-7000-8000-00000000000" + n) }
	held := &sim.Settlement{
		ID: id("3"), ExternalID: "e-1", Type: sim.Withdrawal, AccountID: "fund-a", Symbol: "BTC-USD", Quantity: amount("1"),
		Status: sim.StatusPending, SourceAccount: "fund-a", InitiatedAt: at, ExpectedDate: "2026-03-01",
		Processing: sim.Dimension{Status: "ACKNOWLEDGED"}, Settlement: sim.Dimension{Status: "PENDING"}, Hold: sim.Dimension{Status: "HELD", ReasonCode: "PREA"},
		History: []sim.Transition{{At: at, Status: "HELD", Sequence: 1}},
	}
	want := &sim.Snapshot{
		Accounts: []*sim.Account{{AccountID: "fund-a", ClientID: "client", Type: sim.AccountMaster, Status: sim.AccountActive, Metadata: []byte(`{"n":1}`), CreatedAt: at, UpdatedAt: at}},
		Holdings: []*sim.Holding{
			{ID: id("1"), AccountID: "fund-a", Symbol: "BTC-USD", Available: amount("3"), Locked: amount("0.5"), AverageCost: amount("1.25"), Currency: "USD", CreatedAt: at, UpdatedAt: at},
			{ID: id("2"), AccountID: "fund-a", Symbol: "USD", Cash: true, Currency: "USD", Available: amount("99.95"), CreatedAt: at, UpdatedAt: at},
		},
		Mirrors: []*sim.Mirror{{Account: sim.Depository, Symbol: "BTC-USD", Balance: amount("3.5").Neg()}, {Account: sim.Nostro, Symbol: "USD", Balance: amount("99.95").Neg()}},
		Open:    []*sim.Settlement{held}, Keyed: true,
	}
	sameSnapshot(t, j.load(), want)
	sameRecords(t, "settlements", j.settlements(10, sim.SettlementFilter{}), want.Open)
	sameRecords(t, "entries", j.entries(10, sim.EntryFilter{}), []*sim.Entry{{Sequence: 1, PostedAt: at, Posting: sim.Posting{
		Symbol: "USD", Amount: amount("99.95"),
		Debit:  sim.LedgerAccount{AccountID: sim.Nostro, Bucket: sim.BucketMirror},
		Credit: sim.LedgerAccount{AccountID: "fund-a", Bucket: sim.BucketAvailable},
	}}})
	sameRecords(t, "keys", j.keys(), []*sim.KeyRecord{
		{Key: sim.Key{Kind: sim.KeyIdempotency, Value: "k-1"}, Fingerprint: sim.Fingerprint{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, Sequence: 1},
		{Key: sim.Key{Kind: sim.KeyExternal, Value: "e-1"}, Sequence: 1},
	})

	b := newBooks(t)
	first := b.deposits(1) // that the tables come from event 1 is assumed above
	j.append(first)
	j.project(&sim.Projection{Through: first.End()})
	moved := transfers(b)[:3]
	batch := b.write(&sim.Event{Transfers: moved})
	p := sim.Fold([]*sim.Batch{batch})
	changed, position := *held, *want.Holdings[0]
	changed.Terms, changed.Reserved, changed.DueAt = &sim.Terms{Payment: sim.Cash{Currency: "USD", Amount: amount("5")}, Rail: "wire"}, amount("1"), at.Add(time.Hour)
	position.Reserved, position.Transit = amount("0.5"), amount("2")
	p.Settlements, p.Holdings = []*sim.Settlement{&changed}, []*sim.Holding{&position}
	p.Documents = []*sim.Document{{Kind: sim.DocumentBreak, ID: "USD", Body: []byte(`{ "held" : "99.95" }`), UpdatedAt: at}}
	j.append(batch)
	j.project(p)
	want.Projected, want.Head = p.Through, batch.Last
	want.Open, want.Holdings[0], want.Documents = p.Settlements, &position, p.Documents
	want.OpenTransfers = keep(moved, func(v *sim.Transfer) bool { return !v.Done() })
	sameSnapshot(t, j.load(), want)
	sameRecords(t, "transfers", j.transfers(10, sim.TransferFilter{}), moved)
}
