package storetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// filler makes records at random, by reflection: a field that is added to a
// record is filled without anybody thinking of it, and a store that loses it
// fails.
type filler struct {
	*rand.Rand
	t testing.TB
	n int
}

var (
	amountType = reflect.TypeFor[money.Amount]()
	timeType   = reflect.TypeFor[time.Time]()
	idType     = reflect.TypeFor[uuid.UUID]()
	bytesType  = reflect.TypeFor[[]byte]()
)

// fill sets every exported field below v to something that is not empty.
func (f *filler) fill(v reflect.Value, name string) {
	f.n++
	switch v.Type() {
	case amountType:
		v.Set(reflect.ValueOf(f.amount()))
		return
	case timeType:
		v.Set(reflect.ValueOf(f.time()))
		return
	case idType:
		v.Set(reflect.ValueOf(f.id()))
		return
	case bytesType:
		v.SetBytes(f.document(name == "Body"))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(f.text(name))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(1 + f.Int64N(1<<31-1))
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(1 + f.Uint64N(1<<32-1))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem(), name)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1+f.IntN(3), 3))
		for i := range v.Len() {
			f.fill(v.Index(i), name)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() {
				f.fill(v.Field(i), field.Name)
			}
		}
	default:
		f.t.Fatalf("no value for field %s, a %s", name, v.Type())
	}
}

// amount has up to 20 digits before and 18 behind the point, which is what a
// request can carry.
func (f *filler) amount() money.Amount {
	digits := func(n int) string {
		var b strings.Builder
		for range 1 + f.IntN(n) {
			b.WriteByte('0' + byte(f.IntN(10)*f.IntN(2))) // many zeros
		}
		return b.String()
	}
	a := restored(f.t, "1"+digits(19)+"."+digits(17)+"1")
	if f.IntN(4) == 0 {
		a = restored(f.t, "0."+strings.Repeat("0", f.IntN(18))+"1")
	}
	return a
}

// time has microseconds and lies between 1970 and 9999.
func (f *filler) time() time.Time {
	return time.UnixMicro(1 + f.Int64N(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).UnixMicro())).UTC()
}

func (f *filler) id() (id uuid.UUID) {
	for i := range id {
		id[i] = byte(f.Uint32())
	}
	id[6], id[8] = 0x70|id[6]&0x0f, 0x80|id[8]&0x3f
	return id
}

// document is a JSON object: as the faces make it, or with bytes that any
// encoder would change.
func (f *filler) document(exactly bool) []byte {
	if exactly {
		return fmt.Appendf(nil, `{ "z":%d.50, "a" : "\u00e4 < 日本 %d", "a":null,`+"\n\t"+`"e":1E+3}`, f.IntN(1000), f.n)
	}
	b, err := json.Marshal(map[string]any{"n": f.n, "text": "q\"\\日本", "list": []int{f.IntN(9)}})
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

func (f *filler) text(name string) string {
	if strings.HasSuffix(name, "Date") {
		return f.time().Format(time.DateOnly)
	}
	parts := []string{"a", "Ü", "日", "𝔘", "'", `"`, `\`, "%", "_", ";", "--", "{}", "$1", "?", " ", "\t", "<&>", "\u2028"}
	var b strings.Builder
	for range 1 + f.IntN(6) {
		b.WriteString(parts[f.IntN(len(parts))])
	}
	f.n++
	return fmt.Sprintf("%s#%d", b.String(), f.n) // never twice
}

// variants returns records of which the first is full, the last empty, and each
// of the others lacks one field. Keep sets what a record cannot do without.
func variants[R any](f *filler, keep func(*R)) []*R {
	full := func() *R {
		r := new(R)
		f.fill(reflect.ValueOf(r).Elem(), "")
		return r
	}
	out := []*R{full()}
	for i, kind := 0, reflect.TypeFor[R](); i < kind.NumField(); i++ {
		if kind.Field(i).IsExported() {
			r := full()
			reflect.ValueOf(r).Elem().Field(i).SetZero()
			out = append(out, r)
		}
	}
	out = append(out, new(R))
	for _, r := range out {
		keep(r)
	}
	return out
}

// filled are records of every kind that a journal can change, at some place.
type filled struct {
	accounts    []*sim.Account
	holdings    []*sim.Holding
	settlements []*sim.Settlement
	transfers   []*sim.Transfer
	documents   []*sim.Document
}

// newFilled makes records whose lives began with the event of the given number.
func newFilled(f *filler, sequence uint64) *filled {
	begin := func(history []sim.Transition) {
		if len(history) > 0 {
			history[0].Sequence = sequence
		}
	}
	out := &filled{}
	out.accounts = variants(f, func(a *sim.Account) { a.AccountID = f.text("") })
	for _, cash := range []bool{false, true} {
		out.holdings = append(out.holdings, variants(f, func(h *sim.Holding) {
			h.ID, h.AccountID, h.Symbol, h.Cash, h.Removed = f.id(), f.text(""), f.text(""), cash, false
			if cash {
				h.Currency = h.Symbol
			}
		})...)
	}
	out.settlements = variants(f, func(s *sim.Settlement) {
		s.ID = f.id()
		begin(s.History)
	})
	// Terms are one field of a settlement; here each of theirs is left out once.
	for _, terms := range variants(f, func(*sim.Terms) {}) {
		s := variants(f, func(s *sim.Settlement) { s.ID = f.id() })[0]
		s.Terms = terms
		begin(s.History)
		out.settlements = append(out.settlements, s)
	}
	out.transfers = variants(f, func(t *sim.Transfer) {
		t.ID = f.id()
		begin(t.History)
	})
	for _, b := range variants(f, func(*sim.Beneficiary) {}) {
		t := variants(f, func(t *sim.Transfer) { t.ID = f.id() })[0]
		t.Beneficiary = *b
		begin(t.History)
		out.transfers = append(out.transfers, t)
	}
	// Some are open, so that they are loaded.
	statuses := sim.SettlementStatuses()
	for i, s := range out.settlements {
		s.Status = sim.SettlementStatus(statuses[i%len(statuses)])
	}
	for i, t := range out.transfers {
		t.Status = sim.SettlementStatus(statuses[i%len(statuses)])
	}
	out.documents = variants(f, func(v *sim.Document) {
		v.Kind, v.ID, v.Removed = noteKind, f.text(""), false
		if v.Body == nil {
			v.Body = []byte(`{}`)
		}
	})
	return out
}

// renewed returns other records with the same keys.
func (x *filled) renewed(f *filler, sequence uint64) *filled {
	out := newFilled(f, sequence)
	last := func(n int, i int) int { return n - 1 - i } // the full ones become empty
	for i, a := range x.accounts {
		out.accounts[last(len(x.accounts), i)].AccountID = a.AccountID
	}
	for i, h := range x.holdings {
		n := len(x.holdings) / 2 // positions, then balances
		to := out.holdings[i/n*n+last(n, i%n)]
		to.ID, to.AccountID, to.Symbol = h.ID, h.AccountID, h.Symbol
		if h.Cash {
			to.Currency = h.Symbol
		}
	}
	for i, s := range x.settlements {
		to := out.settlements[last(len(x.settlements), i)]
		to.ID, to.ExternalID = s.ID, s.ExternalID
	}
	for i, t := range x.transfers {
		to := out.transfers[last(len(x.transfers), i)]
		to.ID, to.ExternalID = t.ID, t.ExternalID
	}
	for i, v := range x.documents {
		out.documents[last(len(x.documents), i)].ID = v.ID
	}
	return out
}

func (x *filled) projection(through sim.Progress) *sim.Projection {
	return &sim.Projection{
		Through: through, Accounts: x.accounts, Holdings: x.holdings, Settlements: x.settlements,
		Transfers: x.transfers, Documents: x.documents, Events: 1,
	}
}

// testFilled projects records with every field, without each and without any,
// and then the same with other values.
func testFilled(t *testing.T, s *store) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed) // printed when the test fails
	f := &filler{Rand: rand.New(rand.NewPCG(seed, 0)), t: t}
	b := newBooks(t)
	first, second := b.deposits(2), b.deposits(2)
	j := s.loaded()
	j.append(first, second)
	records := newFilled(f, first.Last)
	j.project(records.projection(first.End()))
	records.check(t, j)
	records = records.renewed(f, first.Last)
	j.project(records.projection(second.End()))
	records.check(t, j)
	j.close()

	again := s.journal()
	got := again.load()
	sameSnapshot(t, got, &sim.Snapshot{
		Projected: second.End(), Head: second.Last, Keyed: true, Accounts: records.accounts, Holdings: records.holdings,
		Open:          keep(records.settlements, func(s *sim.Settlement) bool { return !s.Status.Final() }),
		OpenTransfers: keep(records.transfers, func(v *sim.Transfer) bool { return !v.Done() }),
		Documents:     records.documents,
	})
	records.check(t, again)
}

func (x *filled) check(t testing.TB, j *journal) {
	t.Helper()
	sameRecords(t, "accounts", j.accounts(7, sim.AccountFilter{}), sortedBy(x.accounts, accountCursor))
	for _, cash := range []bool{false, true} {
		want := keep(x.holdings, func(h *sim.Holding) bool { return h.Cash == cash })
		sameRecords(t, "holdings", j.holdings(7, sim.HoldingFilter{Cash: cash}), sortedBy(want, holdingCursor))
	}
	sameRecords(t, "settlements", j.settlements(7, sim.SettlementFilter{}), sortedBy(x.settlements, settlementCursor))
	sameRecords(t, "transfers", j.transfers(7, sim.TransferFilter{}), sortedBy(x.transfers, transferCursor))
	sameRecords(t, "documents", j.documents(7, noteKind), sortedBy(x.documents, documentOrder))
	for _, v := range x.documents {
		for _, got := range j.documents(100, v.Kind) {
			if got.ID == v.ID && !bytes.Equal(got.Body, v.Body) {
				t.Errorf("a body came back as %s, wanted %s", got.Body, v.Body)
			}
		}
	}
	if t.Failed() {
		t.FailNow() // once is enough
	}
	for _, s := range x.settlements {
		sameRecords(t, "settlement found", []*sim.Settlement{j.find(s.ID)}, []*sim.Settlement{s})
	}
	var keys []*sim.KeyRecord
	for _, v := range x.transfers {
		sameRecords(t, "transfer found", []*sim.Transfer{j.findTransfer(v.ID)}, []*sim.Transfer{v})
		if v.ExternalID != "" {
			keys = append(keys, &sim.KeyRecord{Key: sim.Key{Kind: sim.KeyTransfer, Value: v.ExternalID}})
		}
	}
	found := keep(j.keys(), func(k *sim.KeyRecord) bool { return k.Kind == sim.KeyTransfer })
	for _, k := range found {
		k.Sequence = 0 // what counts here is that it is there
	}
	sameRecords(t, "external ids of transfers", found, sortedBy(keys, keyOrder))
}
