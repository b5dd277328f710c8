package sim_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb/journalpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// bookkeeper decides commands one minute apart and collects their events until
// they are sealed.
type bookkeeper struct {
	t     *testing.T
	state *sim.State
	now   time.Time
	open  []*sim.Event
}

func newBookkeeper(t *testing.T) *bookkeeper {
	t.Helper()
	rules := sim.Rules{
		Assets: asset.NewRegistry(), AutoOpen: true,
		MaxAccounts: 100, MaxHoldings: 100, MaxOpenSettlements: 100,
	}
	return &bookkeeper{
		t: t, state: sim.NewState(rules, sim.NewGenerator("journal-test", 7)),
		now: time.Date(2026, 11, 23, 14, 30, 0, 123456000, time.UTC),
	}
}

func (b *bookkeeper) do(key string, c sim.Command) sim.Result {
	b.t.Helper()
	b.now = b.now.Add(time.Minute)
	d, err := b.state.Decide(b.now, &sim.Request{Command: c, IdempotencyKey: key})
	if err != nil || d.Outcome != sim.Accepted {
		b.t.Fatalf("%T: outcome %v, refusal %v, error %v", c, d.Outcome, d.Err, err)
	}
	b.open = append(b.open, d.Events...)
	return d.Result
}

func (b *bookkeeper) seal() *sim.Batch {
	batch := b.state.Seal(b.open)
	b.open = nil
	return batch
}

// journalBatches returns batches in which, taken together, every field of the
// stored format is set somewhere.
func journalBatches(t *testing.T) []*sim.Batch {
	t.Helper()
	b := newBookkeeper(t)
	amount := money.MustParse
	var batches []*sim.Batch

	b.do("k-1", sim.OpenAccount{AccountID: "fund-a", ClientID: "client-ä", Type: sim.AccountSegregated, Metadata: []byte(`{"a":1}`)})
	position := b.do("k-2", sim.OpenHolding{
		AccountID: "fund-a", Symbol: "BTC-USD", Available: amount("2.50000001"), Locked: amount("0.5"),
		AverageCost: amount("43000.123"), MarketValue: amount("107500"), Currency: "USD", Metadata: []byte(`{"desk":"x"}`),
	}).Holding
	batches = append(batches, b.seal())

	b.do("", sim.OpenHolding{Cash: true, AccountID: "fund-b", Symbol: "USD", Available: amount("99999999999999999999.99")})
	b.do("", sim.LockHolding{ID: position.ID, Amount: amount("1")})
	b.do("", sim.UnlockHolding{ID: position.ID, Amount: amount("1.5")})
	batches = append(batches, b.seal())

	b.do("k-3", sim.Instruct{Type: sim.Deposit, AccountID: "fund-c", Symbol: "ETH", Quantity: amount("0.000000000000000001"), ExternalID: "e-1",
		SourceAccount: "outside", Metadata: []byte(`{"note":"日本"}`)})
	b.do("", sim.Instruct{Type: sim.Internal, SourceAccount: "fund-b", DestinationAccount: "fund-c", Symbol: "USD", Quantity: amount("10.01")})
	b.do("", sim.Instruct{Type: sim.Withdrawal, AccountID: "fund-c", Symbol: "USD", Quantity: amount("1000")}) // fails: MONY
	held := b.do("k-4", sim.Instruct{Type: sim.Withdrawal, AccountID: "fund-b", Symbol: "USD", Quantity: amount("1"), Hold: true}).Settlement
	b.do("", sim.ReleaseSettlement{ID: held.ID})
	held = b.do("", sim.Instruct{Type: sim.Withdrawal, AccountID: "fund-b", Symbol: "USD", Quantity: amount("1"), Hold: true}).Settlement
	b.do("", sim.CancelSettlement{ID: held.ID})
	b.do("", sim.CloseHolding{ID: position.ID})
	b.do("", sim.UpdateAccount{AccountID: "fund-a", Metadata: []byte(`{}`)})
	last := b.seal()
	return append(batches, last, recordBatch(last.Last+1))
}

func TestGeneratedCodeReadsWhatTheJournalCodecWrote(t *testing.T) {
	t.Parallel()
	set := make(map[protoreflect.FullName]bool)
	for _, b := range journalBatches(t) {
		var pb journalpb.Batch
		if err := proto.Unmarshal(b.Payload, &pb); err != nil {
			t.Fatalf("batch %d: %v", b.First, err)
		}
		walk(t, pb.ProtoReflect(), set)
		again, err := proto.MarshalOptions{Deterministic: true}.Marshal(&pb)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again, b.Payload) {
			t.Errorf("batch %d: generated code writes other bytes than the journal's codec", b.First)
		}
		if got, want := describe(eventsOf(t, &pb)), describe(b.Events); got != want {
			t.Errorf("batch %d: generated code reads\n%s\nwritten was\n%s", b.First, got, want)
		}
	}
	for _, name := range fieldsOf((&journalpb.Batch{}).ProtoReflect().Descriptor(), nil) {
		if !set[name] {
			t.Errorf("no test batch sets %s", name)
		}
	}
}

func TestJournalCodecReadsWhatGeneratedCodeWrote(t *testing.T) {
	t.Parallel()
	for _, b := range journalBatches(t) {
		var pb journalpb.Batch
		if err := proto.Unmarshal(b.Payload, &pb); err != nil {
			t.Fatal(err)
		}
		payload, err := proto.MarshalOptions{Deterministic: true}.Marshal(&pb)
		if err != nil {
			t.Fatal(err)
		}
		read := sim.Batch{Payload: payload}
		if err := read.Decode(); err != nil {
			t.Fatal(err)
		}
		if got, want := describe(read.Events), describe(b.Events); got != want {
			t.Errorf("batch %d: codec reads\n%s\nwritten was\n%s", b.First, got, want)
		}
		if read.First != b.First || read.Last != b.Last || !read.Time.Equal(b.Time) || !bytes.Equal(read.Generator, b.Generator) {
			t.Errorf("batch %d: its frame changed", b.First)
		}
	}
}

func TestJournalCodecPassesOverFieldsOfNewerWriters(t *testing.T) {
	t.Parallel()
	b := journalBatches(t)[0]
	var pb journalpb.Batch
	if err := proto.Unmarshal(b.Payload, &pb); err != nil {
		t.Fatal(err)
	}
	for _, m := range []proto.Message{&pb, pb.Events[0], pb.Events[0].Accounts[0]} {
		m.ProtoReflect().SetUnknown([]byte{0xf8, 0x06, 0x01, 0xf2, 0x06, 0x01, 'x'}) // fields 111 and 110
	}
	payload, err := proto.Marshal(&pb)
	if err != nil {
		t.Fatal(err)
	}
	read := sim.Batch{Payload: payload}
	if err := read.Decode(); err != nil {
		t.Fatal(err)
	}
	if got, want := describe(read.Events), describe(b.Events); got != want {
		t.Errorf("codec reads\n%s\nwritten was\n%s", got, want)
	}
}

// walk notes which fields are set anywhere in m and refuses fields that the
// definition does not know.
func walk(t *testing.T, m protoreflect.Message, set map[protoreflect.FullName]bool) {
	t.Helper()
	if len(m.GetUnknown()) > 0 {
		t.Errorf("%s carries fields that its definition lacks", m.Descriptor().FullName())
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		set[f.FullName()] = true
		switch {
		case f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				walk(t, v.List().Get(i).Message(), set)
			}
		default:
			walk(t, v.Message(), set)
		}
		return true
	})
}

// fieldsOf lists every field below a message.
func fieldsOf(d protoreflect.MessageDescriptor, names []protoreflect.FullName) []protoreflect.FullName {
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		names = append(names, f.FullName())
		if f.Message() != nil {
			names = fieldsOf(f.Message(), names)
		}
	}
	return names
}

// describe writes events as text in which equal events are equal: decimals in
// canonical form, empty and nil metadata alike.
func describe(events []*sim.Event) string {
	var out bytes.Buffer
	for _, e := range events {
		fmt.Fprintf(&out, "%d %s %s", e.Sequence, e.Time.Format(time.RFC3339Nano), e.Type)
		for _, a := range e.Accounts {
			fmt.Fprintf(&out, "\n  account %+v", *a)
		}
		for _, h := range e.Holdings {
			fmt.Fprintf(&out, "\n  holding %+v", *h)
		}
		for _, m := range e.Mirrors {
			fmt.Fprintf(&out, "\n  mirror %+v", *m)
		}
		for _, s := range e.Settlements {
			plain := *s
			plain.Terms = nil // a pointer: its content is written behind
			fmt.Fprintf(&out, "\n  settlement %+v, terms %+v", plain, s.Terms)
		}
		for _, t := range e.Transfers {
			fmt.Fprintf(&out, "\n  transfer %+v", *t)
		}
		for _, v := range e.Documents {
			fmt.Fprintf(&out, "\n  document %+v", *v)
		}
		for _, p := range e.Postings {
			fmt.Fprintf(&out, "\n  posting %+v", p)
		}
		if e.Key != nil {
			fmt.Fprintf(&out, "\n  key %+v", *e.Key)
		}
		out.WriteByte('\n')
	}
	return out.String()
}

// eventsOf rebuilds events from the generated messages.
func eventsOf(t *testing.T, pb *journalpb.Batch) []*sim.Event {
	t.Helper()
	r := reader{t}
	var events []*sim.Event
	for i, e := range pb.GetEvents() {
		out := &sim.Event{Sequence: pb.GetFirstSequence() + uint64(i), Time: r.time(e.GetTime()), Type: sim.EventType(e.GetType())}
		for _, a := range e.GetAccounts() {
			out.Accounts = append(out.Accounts, &sim.Account{
				AccountID: a.GetAccountId(), ClientID: a.GetClientId(), Type: sim.AccountType(a.GetType()), Status: sim.AccountStatus(a.GetStatus()),
				Metadata: a.GetMetadata(), CreatedAt: r.time(a.GetCreatedAt()), UpdatedAt: r.time(a.GetUpdatedAt()),
			})
		}
		for _, h := range e.GetHoldings() {
			out.Holdings = append(out.Holdings, &sim.Holding{
				ID: r.id(h.GetId()), AccountID: h.GetAccountId(), Symbol: h.GetSymbol(), Cash: h.GetCash(),
				Available: r.amount(h.GetAvailable()), Locked: r.amount(h.GetLocked()),
				AverageCost: r.amount(h.GetAverageCost()), MarketValue: r.amount(h.GetMarketValue()),
				Reserved: r.amount(h.GetReserved()), PendingIn: r.amount(h.GetPendingIn()), Transit: r.amount(h.GetTransit()),
				Currency: h.GetCurrency(), Metadata: h.GetMetadata(),
				CreatedAt: r.time(h.GetCreatedAt()), UpdatedAt: r.time(h.GetUpdatedAt()), Removed: h.GetRemoved(),
			})
		}
		for _, m := range e.GetMirrors() {
			out.Mirrors = append(out.Mirrors, &sim.Mirror{Account: m.GetAccount(), Symbol: m.GetSymbol(), Balance: r.amount(m.GetBalance())})
		}
		for _, s := range e.GetSettlements() {
			out.Settlements = append(out.Settlements, r.settlement(s))
		}
		for _, p := range e.GetPostings() {
			out.Postings = append(out.Postings, sim.Posting{
				Symbol: p.GetSymbol(), Amount: r.amount(p.GetAmount()),
				Debit:  sim.LedgerAccount{AccountID: p.GetDebit().GetAccountId(), Bucket: sim.Bucket(p.GetDebit().GetBucket())},
				Credit: sim.LedgerAccount{AccountID: p.GetCredit().GetAccountId(), Bucket: sim.Bucket(p.GetCredit().GetBucket())},
			})
		}
		for _, t := range e.GetTransfers() {
			out.Transfers = append(out.Transfers, r.transfer(t))
		}
		for _, v := range e.GetDocuments() {
			out.Documents = append(out.Documents, &sim.Document{
				Kind: sim.DocumentKind(v.GetKind()), ID: v.GetId(), Body: v.GetBody(),
				DueAt: r.time(v.GetDueAt()), UpdatedAt: r.time(v.GetUpdatedAt()), Removed: v.GetRemoved(),
			})
		}
		if k := e.GetKey(); k != nil {
			out.Key = &sim.IdempotencyKey{Key: k.GetKey(), Fingerprint: sim.Fingerprint(k.GetFingerprint())}
		}
		events = append(events, out)
	}
	return events
}

// reader converts values of generated messages.
type reader struct{ t *testing.T }

func (r reader) time(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

func (r reader) id(b []byte) uuid.UUID {
	r.t.Helper()
	id, err := uuid.FromBytes(b)
	if err != nil {
		r.t.Fatal(err)
	}
	return id
}

func (r reader) amount(s string) money.Amount {
	r.t.Helper()
	if s == "" {
		return money.Zero
	}
	a, err := money.Restore(s)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

func (r reader) settlement(s *journalpb.Settlement) *sim.Settlement {
	dimension := func(d *journalpb.Dimension) sim.Dimension {
		return sim.Dimension{Status: d.GetStatus(), ReasonCode: d.GetReasonCode(), Reason: d.GetReason()}
	}
	out := &sim.Settlement{
		ID: r.id(s.GetId()), ExternalID: s.GetExternalId(), Type: sim.SettlementType(s.GetType()), AccountID: s.GetAccountId(),
		Symbol: s.GetSymbol(), Quantity: r.amount(s.GetQuantity()), Settled: r.amount(s.GetSettled()),
		Status:        sim.SettlementStatus(s.GetStatus()),
		SourceAccount: s.GetSourceAccount(), DestinationAccount: s.GetDestinationAccount(),
		Processing: dimension(s.GetProcessing()), Settlement: dimension(s.GetSettlement()), Hold: dimension(s.GetHold()),
		InitiatedAt: r.time(s.GetInitiatedAt()), CompletedAt: r.time(s.GetCompletedAt()),
		ExpectedDate: s.GetExpectedDate(), Metadata: s.GetMetadata(),
		Matching: dimension(s.GetMatching()), Terms: r.terms(s.GetTerms()), MatchedWith: r.optionalID(s.GetMatchedWith()),
		SettledPayment: r.amount(s.GetSettledPayment()), Reserved: r.amount(s.GetReserved()), Penalty: r.amount(s.GetPenalty()),
		DueAt: r.time(s.GetDueAt()), Course: r.course(s.GetCourse()), History: r.history(s.GetHistory()),
	}
	return out
}
