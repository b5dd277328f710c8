//go:build integration

package postgres

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/internal/tables"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

func amount(s string) money.Amount { return money.MustParse(s) }

func numbered(n int) uuid.UUID {
	return uuid.MustParse(fmt.Sprintf("01900000-0000-7000-8000-%012x", n))
}

// everything returns a projection in which every field of every record is set
// at least once, and once left empty.
func everything() *sim.Projection {
	return &sim.Projection{
		Through: sim.Progress{Sequence: 9, Time: at, Hash: sim.Digest{1, 2, 3}, Generator: []byte{9, 8, 7}},
		Accounts: []*sim.Account{
			{AccountID: "a", ClientID: "c", Type: sim.AccountMaster, Status: sim.AccountActive, Metadata: []byte(`{"a":1.50,"b":{"c":"<é>"}}`), CreatedAt: at, UpdatedAt: at.Add(time.Microsecond)},
			{AccountID: "B", ClientID: "c", Type: sim.AccountSegregated, Status: sim.AccountActive},
		},
		Holdings: []*sim.Holding{
			{ID: numbered(1), AccountID: "a", Symbol: "BTC-USD", Available: amount("12345678901234567890.123456789012345678"), Locked: amount("0.000000000000000001"),
				Reserved: amount("0.000000000000000001"), PendingIn: amount("7"), Transit: amount("99999999999999999999.5"),
				AverageCost: amount("10000"), MarketValue: amount("0.0001"), Currency: "USD", Metadata: []byte(`{}`), CreatedAt: at, UpdatedAt: at},
			{ID: numbered(2), AccountID: "a", Symbol: "USD", Cash: true, Available: amount("1000.5"), Currency: "USD", CreatedAt: at, UpdatedAt: at},
			{ID: numbered(3), AccountID: "B", Symbol: "ACME"},
		},
		Mirrors: []*sim.Mirror{{Account: sim.Nostro, Symbol: "USD", Balance: amount("-1000.5")}},
		Settlements: []*sim.Settlement{
			{ID: numbered(10), ExternalID: "ext-1", Type: sim.Internal, AccountID: "a", Symbol: "BTC-USD", Quantity: amount("2.5"), Settled: amount("1.25"),
				Status: sim.StatusPending, SourceAccount: "a", DestinationAccount: "B",
				Processing: sim.Dimension{Status: "P", ReasonCode: "R", Reason: `text with "quotes", \ and é`}, Settlement: sim.Dimension{Status: "S", ReasonCode: "T", Reason: "u"},
				Hold:        sim.Dimension{Status: "H", ReasonCode: "I", Reason: "j"},
				History:     []sim.Transition{{At: at, Status: "X", ReasonCode: "Y", Reason: `<"z">`, Sequence: 4}, {At: at.Add(time.Hour), Status: "V", Sequence: 5}},
				InitiatedAt: at, ExpectedDate: "2026-03-01", Metadata: []byte(`{"n":12345678901234567890.5}`),
				Matching: sim.Dimension{Status: "M", ReasonCode: "N", Reason: "o"}, MatchedWith: numbered(12), SettledPayment: amount("5.5"),
				Reserved: amount("1.25"), Penalty: amount("0.01"), DueAt: at.Add(time.Hour),
				Course: sim.Course{UnderWay: amount("1.25"), ReadyAt: at, CutOffAt: at.Add(time.Minute), LinksDone: 5},
				Terms: &sim.Terms{Payment: sim.Cash{Currency: "USD", Amount: amount("11")}, CounterpartyAccount: "B", Counterparty: sim.Party{Name: "Ünder & Co", BIC: "ABCDDEFF"},
					TradeDate: "2026-02-27", Rail: "wire", Partial: sim.PartialByQuantity, MinQuantity: amount("0.5"), ReversalOf: numbered(9),
					Links: []sim.Link{{Type: sim.LinkWith, ExternalID: "ext-2"}, {Type: sim.LinkAfter, ExternalID: `"`}}}},
			{ID: numbered(11), Type: sim.Deposit, AccountID: "a", Symbol: "USD", Quantity: amount("1"), Settled: amount("1"), Status: sim.StatusCompleted,
				SourceAccount: sim.Nostro, DestinationAccount: "a", InitiatedAt: at.Add(time.Second), CompletedAt: at.Add(time.Second), ExpectedDate: "2026-03-01"},
		},
		Transfers: []*sim.Transfer{
			{ID: numbered(20), ExternalID: "ext-1", Rail: "wire", Direction: sim.DirectionOut, AccountID: "a", Symbol: "USD", Quantity: amount("2.5"),
				Beneficiary: sim.Beneficiary{Name: "n<é>", Account: "c", Bank: "b", Address: "d", Network: "e"}, RequestedBy: "ann",
				Status: sim.StatusInProgress, Stage: sim.StageConfirming, ReasonCode: "R", Reason: "r",
				History:           []sim.Transition{{At: at, Status: "SUBMITTED", Sequence: 4}},
				ApprovalsRequired: 2, Approvals: []sim.Approval{{By: "bob", At: at, Decision: sim.Approved}, {By: `"eve"`, Decision: sim.Rejected}},
				Confirmations: 3, ConfirmationsRequired: 6, Fee: amount("0.1"), MaxFee: amount("0.2"), Reserved: amount("1"), Transit: amount("2"), PendingIn: amount("3"),
				ValueDate: "2026-03-02", InitiatedAt: at, CompletedAt: at, ExpectedCompletion: at.Add(time.Second), Metadata: []byte(`{"n":1}`), DueAt: at.Add(time.Minute),
				ReturnDue: true, CreditAccount: "B", ExpiresAt: at.Add(time.Hour), Reorgs: 1, Shortfall: amount("0.3")},
			{ID: numbered(21), Status: sim.StatusFailed},
		},
		Documents: []*sim.Document{
			{Kind: sim.DocumentFault, ID: "f", Body: []byte(`{ "b":1.50, "a":"\u00e9", "b":null }`), DueAt: at, UpdatedAt: at},
			{Kind: sim.DocumentWebhook, ID: "w", Body: []byte(`{}`)},
		},
		Entries: []sim.Entry{
			{Sequence: 4, Index: 0, Posting: sim.Posting{Symbol: "BTC-USD", Amount: amount("10000.0001"), Debit: sim.LedgerAccount{AccountID: "a", Bucket: sim.BucketAvailable}, Credit: sim.LedgerAccount{AccountID: "a", Bucket: sim.BucketLocked}},
				SettlementID: numbered(10), PostedAt: at},
			{Sequence: 4, Index: 1, Posting: sim.Posting{Symbol: "USD", Amount: amount("1"), Debit: sim.LedgerAccount{AccountID: sim.Nostro, Bucket: sim.BucketMirror}, Credit: sim.LedgerAccount{AccountID: "B", Bucket: sim.BucketAvailable}}, PostedAt: at},
			{Sequence: 5, Index: 0, Posting: sim.Posting{Symbol: "USD", Amount: amount("0.01"), Debit: sim.LedgerAccount{AccountID: "B", Bucket: sim.BucketAvailable}, Credit: sim.LedgerAccount{AccountID: "a", Bucket: sim.BucketAvailable}}, PostedAt: at},
		},
		Keys: []sim.KeyRecord{{Key: sim.Key{Kind: sim.KeyIdempotency, Value: "k1"}, Fingerprint: sim.Fingerprint{1, 15: 2}, Sequence: 4}},
	}
}

func project(t *testing.T, j *Journal, p *sim.Projection) {
	t.Helper()
	if err := j.Project(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

// equal compares with the values of amounts, not with how they are held.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", deref(got)), fmt.Sprintf("%+v", deref(want)); g != w {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}

func deref(v any) any {
	r := reflect.ValueOf(v)
	if r.Kind() != reflect.Slice || r.Type().Elem().Kind() != reflect.Pointer {
		return v
	}
	out := make([]any, r.Len())
	for i := range out {
		out[i] = r.Index(i).Elem().Interface()
		if record, ok := r.Index(i).Interface().(interface{ AppendCanonical([]byte) []byte }); ok {
			out[i] = string(record.AppendCanonical(nil)) // which equal records have equal
		}
	}
	return out
}

func TestEveryFieldSurvivesEveryModeOfTheDriver(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := openServer(t, func(o *Options) { o.URL += "?default_query_exec_mode=" + mode })
			schema := newSchema(t, s)
			j := openJournal(t, s, schema)
			load(t, j)
			if err := j.Append(t.Context(), &sim.Batch{First: 1, Last: 9, Time: at, Hash: sim.Digest{5}, Payload: []byte{0, 1, 255}}); err != nil {
				t.Fatal(err)
			}
			p := everything()
			project(t, j, p)
			checkEverything(t, j, p)
			// Once more through the upserts, now that the rows are there.
			p.Through.Sequence, p.Entries, p.Keys = 10, nil, nil
			p.Settlements[0].History[0].Sequence, p.Transfers[0].History[0].Sequence = 4, 4
			project(t, j, p)
			again := everything()
			again.Through.Sequence = 10
			checkEverything(t, openJournal(t, s, schema), again)
			err := j.Read(t.Context(), 0, func(b *sim.Batch) error {
				if !bytes.Equal(b.Payload, []byte{0, 1, 255}) || b.Last != 9 {
					t.Errorf("batch came back as %+v", b)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func checkEverything(t *testing.T, j *Journal, p *sim.Projection) {
	t.Helper()
	snap := load(t, j)
	equal(t, "accounts", snap.Accounts, p.Accounts)
	equal(t, "holdings", snap.Holdings, []*sim.Holding{p.Holdings[0], p.Holdings[2], p.Holdings[1]})
	equal(t, "mirrors", snap.Mirrors, p.Mirrors)
	equal(t, "open settlements", snap.Open, p.Settlements[:1])
	equal(t, "open transfers", snap.OpenTransfers, p.Transfers[:1])
	equal(t, "documents", snap.Documents, p.Documents)
	equal(t, "progress", snap.Projected, p.Through)
	if !snap.Keyed || snap.Head != 9 {
		t.Errorf("keyed %v, head %d", snap.Keyed, snap.Head)
	}
	ctx, all := t.Context(), sim.Page{Limit: 10}
	settlements, err := j.ListSettlements(ctx, sim.SettlementFilter{}, all)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "settlements", settlements, p.Settlements)
	transfers, err := j.ListTransfers(ctx, sim.TransferFilter{}, all)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "transfers", transfers, p.Transfers)
	entries, err := j.ListEntries(ctx, sim.EntryFilter{}, all)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "entries", entries, everything().Entries)
	keys, err := j.FindKeys(ctx, []sim.Key{{Kind: sim.KeyIdempotency, Value: "k1"}, {Kind: sim.KeyExternal, Value: "ext-1"}, {Kind: sim.KeyExternal, Value: "k1"},
		{Kind: sim.KeyTransfer, Value: "ext-1"}})
	if err != nil {
		t.Fatal(err)
	}
	want := append(everything().Keys, sim.KeyRecord{Key: sim.Key{Kind: sim.KeyExternal, Value: "ext-1"}, Sequence: 4},
		sim.KeyRecord{Key: sim.Key{Kind: sim.KeyTransfer, Value: "ext-1"}, Sequence: 4})
	equal(t, "keys", keys, want)
	var scanned []sim.KeyRecord
	if err := j.ScanKeys(ctx, func(k sim.KeyRecord) error { scanned = append(scanned, k); return nil }); err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if want[i].Kind != sim.KeyIdempotency {
			want[i].Sequence = 0
		}
	}
	equal(t, "scanned keys", scanned, want)
}

func TestListsHonourEveryFilter(t *testing.T) {
	t.Parallel()
	s := openServer(t)
	j := openJournal(t, s, newSchema(t, s))
	load(t, j)
	project(t, j, everything())
	ids := func(f sim.SettlementFilter, p sim.Page) (out []int) {
		t.Helper()
		if p.Limit == 0 {
			p.Limit = 10
		}
		found, err := j.ListSettlements(t.Context(), f, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range found {
			out = append(out, int(s.ID[15]))
		}
		return out
	}
	for name, c := range map[string]struct {
		filter sim.SettlementFilter
		page   sim.Page
		want   []int
	}{
		"both sides":   {sim.SettlementFilter{AccountID: "a"}, sim.Page{}, []int{10, 11}},
		"other party":  {sim.SettlementFilter{AccountID: "B"}, sim.Page{}, []int{10}},
		"mirror":       {sim.SettlementFilter{AccountID: sim.Nostro}, sim.Page{}, []int{11}},
		"nobody":       {sim.SettlementFilter{AccountID: "x"}, sim.Page{}, nil},
		"symbol":       {sim.SettlementFilter{Symbol: "USD"}, sim.Page{}, []int{11}},
		"type":         {sim.SettlementFilter{Type: sim.Internal, AccountID: "a"}, sim.Page{}, []int{10}},
		"open":         {sim.SettlementFilter{Status: sim.StatusPending}, sim.Page{}, []int{10}},
		"completed":    {sim.SettlementFilter{Status: sim.StatusCompleted}, sim.Page{}, []int{11}},
		"external":     {sim.SettlementFilter{ExternalID: "ext-1"}, sim.Page{}, []int{10}},
		"from":         {sim.SettlementFilter{From: at.Add(time.Second)}, sim.Page{}, []int{11}},
		"until":        {sim.SettlementFilter{Until: at.Add(time.Second)}, sim.Page{}, []int{10}},
		"page":         {sim.SettlementFilter{}, sim.Page{Limit: 1}, []int{10}},
		"next page":    {sim.SettlementFilter{AccountID: "a"}, sim.Page{After: numbered(10).String()}, []int{11}},
		"no injection": {sim.SettlementFilter{AccountID: "a' OR 'a'='a"}, sim.Page{}, nil},
	} {
		if got := ids(c.filter, c.page); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
	for name, c := range map[string]struct {
		filter sim.EntryFilter
		after  string
		want   int
	}{
		"own lock counts once": {sim.EntryFilter{AccountID: "a"}, "", 2},
		"other side":           {sim.EntryFilter{AccountID: "B"}, "", 2},
		"mirror":               {sim.EntryFilter{AccountID: sim.Nostro}, "", 1},
		"settlement":           {sim.EntryFilter{SettlementID: numbered(10)}, "", 1},
		"symbol":               {sim.EntryFilter{Symbol: "USD"}, "", 2},
		"after sequence":       {sim.EntryFilter{AfterSequence: 4}, "", 1},
		"next page":            {sim.EntryFilter{}, "4-0", 2},
	} {
		got, err := j.ListEntries(t.Context(), c.filter, sim.Page{After: c.after, Limit: 10})
		if err != nil || len(got) != c.want {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

func TestMalformedCursorsAreTheCallersFault(t *testing.T) {
	t.Parallel()
	s := openServer(t)
	j := openJournal(t, s, newSchema(t, s))
	ctx := t.Context()
	for _, cursor := range []string{"x", "4-", "-1-2", "{01900000-0000-7000-8000-000000000001}", "99999999999999999999-1", "a\x00"} {
		_, settlements := j.ListSettlements(ctx, sim.SettlementFilter{}, sim.Page{After: cursor, Limit: 1})
		_, positions := j.ListHoldings(ctx, sim.HoldingFilter{}, sim.Page{After: cursor, Limit: 1})
		_, entries := j.ListEntries(ctx, sim.EntryFilter{}, sim.Page{After: cursor, Limit: 1})
		for _, err := range []error{settlements, positions, entries} {
			if e, ok := errors.AsType[*sim.Error](err); !ok || e.Field != "cursor" {
				t.Errorf("cursor %q: %v", cursor, err)
			}
		}
	}
}

func TestRemovedHoldingsMakeRoomForNewOnes(t *testing.T) {
	t.Parallel()
	s := openServer(t)
	j := openJournal(t, s, newSchema(t, s))
	load(t, j)
	project(t, j, &sim.Projection{Through: sim.Progress{Sequence: 1}, Holdings: []*sim.Holding{
		{ID: numbered(1), AccountID: "a", Symbol: "X"}, {ID: numbered(2), AccountID: "a", Symbol: "USD", Cash: true, Currency: "USD"},
	}})
	project(t, j, &sim.Projection{Through: sim.Progress{Sequence: 2}, Holdings: []*sim.Holding{
		{ID: numbered(3), AccountID: "a", Symbol: "X"}, {ID: numbered(1), AccountID: "a", Symbol: "X", Removed: true},
		{ID: numbered(2), AccountID: "a", Symbol: "USD", Cash: true, Removed: true},
	}})
	snap := load(t, j)
	if len(snap.Holdings) != 1 || snap.Holdings[0].ID != numbered(3) {
		t.Fatalf("holdings are %+v", deref(snap.Holdings))
	}
}

// Other tools read these tables by these columns.
func TestTablesHaveTheColumnsOfTheEcosystem(t *testing.T) {
	t.Parallel()
	s := openServer(t)
	schema := newSchema(t, s)
	openJournal(t, s, schema)
	c := session(t, testURL(t, "TEST_POSTGRES_URL"))
	for table, want := range map[string][]string{
		"positions": {"position_id uuid", "account_id text", "symbol text", "quantity numeric", "available_quantity numeric", "locked_quantity numeric",
			"average_cost numeric", "market_value numeric", "currency text", "last_updated timestamp with time zone", "created_at timestamp with time zone", "metadata jsonb"},
		"balances": {"balance_id uuid", "account_id text", "currency text", "available_balance numeric", "locked_balance numeric", "total_balance numeric",
			"last_updated timestamp with time zone", "metadata jsonb"},
		"settlements": {"settlement_id uuid", "external_id text", "settlement_type text", "account_id text", "symbol text", "quantity numeric", "status text",
			"source_account text", "destination_account text", "initiated_at timestamp with time zone", "completed_at timestamp with time zone",
			"expected_settlement_date date", "metadata jsonb"},
	} {
		var got []string
		err := c.QueryRow(t.Context(), `SELECT array_agg(column_name || ' ' || data_type ORDER BY ordinal_position)
			FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2`, schema, table).Scan(&got)
		if err != nil || len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
			t.Errorf("%s has %v, want %v first (%v)", table, got, want, err)
		}
	}
}

// What the tables have beyond those of the ecosystem is read by columns too.
func TestTablesOfTransfersAndDocumentsHaveProperColumns(t *testing.T) {
	t.Parallel()
	s := openServer(t)
	schema := newSchema(t, s)
	openJournal(t, s, schema)
	c := session(t, testURL(t, "TEST_POSTGRES_URL"))
	for _, table := range []*tables.Table{
		&tables.Accounts.Table, &tables.Positions.Table, &tables.Balances.Table, &tables.Mirrors.Table, &tables.Settlements.Table,
		&tables.Transfers.Table, &tables.Approvals.Table, &tables.Documents.Table, &tables.Entries.Table, &tables.Keys.Table,
	} {
		kinds := map[string]string{"timestamp with time zone": "timestamptz", "integer": "int4", "bigint": "int8", "boolean": "bool"}
		var names, types []string
		err := c.QueryRow(t.Context(), `SELECT array_agg(column_name::text), array_agg(data_type::text)
			FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2`, schema, table.Name).Scan(&names, &types)
		if err != nil {
			t.Fatal(err)
		}
		has := make(map[string]string)
		for i, name := range names {
			has[name] = cmp.Or(kinds[types[i]], types[i])
		}
		for _, column := range table.Columns[:table.Stored] {
			if has[column.Name] != string(column.Kind) {
				t.Errorf("%s.%s is of type %q, wanted %s", table.Name, column.Name, has[column.Name], column.Kind)
			}
			delete(has, column.Name)
		}
		if len(has) > 0 {
			t.Errorf("%s has columns that are never written: %v", table.Name, has)
		}
	}
}
