package sim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

// newYork is the time zone of the custodians in these tests.
var newYork = func() *time.Location {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		panic(err)
	}
	return zone
}()

// at is a time in New York: November 2026 begins on a Sunday, Thanksgiving is the
// 26th, and the 27th closes early at 13:00.
func at(day, hour, minute int) time.Time {
	return time.Date(2026, 11, day, hour, minute, 0, 0, newYork)
}

// custodian returns books under the global custodian's profile with some changes,
// on Monday, 23 November 2026 at 9:30.
func custodian(t failer, change func(*profile.Settlement)) *books {
	t.Helper()
	p, _ := profile.Builtin(profile.GlobalCustodian)
	p.Settlement.Counterparty.MatchRate = amount("1")
	if change != nil {
		change(&p.Settlement)
	}
	r, err := p.Resolve()
	if err != nil {
		t.Fatalf("%v", err)
	}
	rules := wideRules()
	rules.Profile = r
	b := newBooksWith(t, rules)
	b.now = at(23, 9, 30)
	return b
}

// until lets time pass and does the work that becomes due.
func (b *books) until(t time.Time) {
	b.t.Helper()
	b.now = t
	b.fire(t)
}

// give opens a holding.
func (b *books) give(account, symbol, quantity string) {
	b.t.Helper()
	b.accept(sim.OpenHolding{AccountID: account, Symbol: symbol, Available: amount(quantity), Cash: isCash(symbol)})
}

// dvp and rvp are the two sides of one trade: a delivers 100 AAPL to b for 19,000.
func dvp() sim.Instruct {
	return sim.Instruct{Type: sim.DVP, AccountID: "a", CounterpartyAccount: "b", Symbol: "AAPL", Quantity: amount("100"),
		Payment: sim.Cash{Currency: "USD", Amount: amount("19000")}, SettlementDate: "2026-11-24"}
}

func rvp() sim.Instruct {
	c := dvp()
	c.Type, c.AccountID, c.CounterpartyAccount = sim.RVP, "b", "a"
	return c
}

// today makes an instruction settle on the day on which the books begin.
func today(c sim.Instruct) sim.Instruct {
	c.SettlementDate = "2026-11-23"
	return c
}

// outside makes an instruction one with a counterparty outside the house.
func outside(c sim.Instruct) sim.Instruct {
	c.CounterpartyAccount, c.Counterparty = "", sim.Party{Name: "Big Bank", BIC: "BIGBUS33"}
	return c
}

func with(c sim.Instruct, change func(*sim.Instruct)) sim.Instruct {
	change(&c)
	return c
}

// instruct records an instruction and returns its id.
func (b *books) instruct(c sim.Instruct) uuid.UUID {
	b.t.Helper()
	return b.accept(c).Settlement.ID
}

// trade instructs both sides of a trade.
func (b *books) trade(deliver, receive sim.Instruct) (d, r uuid.UUID) {
	b.t.Helper()
	return b.instruct(deliver), b.instruct(receive)
}

// state writes a settlement's plain status and dimensions with their codes, such
// as "PENDING ACKNOWLEDGED MATCHED PENDING:FUTU RELEASED".
func stateOf(st *sim.Settlement) string {
	dimension := func(d sim.Dimension) string {
		if d.ReasonCode == "" {
			return d.Status
		}
		return d.Status + ":" + d.ReasonCode
	}
	parts := []string{string(st.Status), dimension(st.Processing)}
	if st.Matching.Status != "" {
		parts = append(parts, dimension(st.Matching))
	}
	return strings.Join(append(parts, dimension(st.Settlement), dimension(st.Hold)), " ")
}

func (b *books) wantState(id uuid.UUID, want string) *sim.Settlement {
	b.t.Helper()
	st := b.settlement(id)
	if got := stateOf(st); got != want {
		b.t.Fatalf("%s of %s is\n  %s, want\n  %s\nhistory:%s", st.Type, st.AccountID, got, want, historyOf(st))
	}
	if st.Status.Final() != (b.state.OpenSettlement(id) == nil) {
		b.t.Fatalf("%s is %s and open: %v", st.Type, st.Status, b.state.OpenSettlement(id) != nil)
	}
	return st
}

// historyOf writes a settlement's history, a step a line.
func historyOf(st *sim.Settlement) string {
	var out strings.Builder
	for _, step := range st.History {
		fmt.Fprintf(&out, "\n  %s %s %s %s", step.At.In(newYork).Format("01-02 15:04:05"), step.Status, step.ReasonCode, step.Reason)
	}
	return out.String()
}

// wantSteps checks a settlement's history, written as steps with their codes.
func (b *books) wantSteps(id uuid.UUID, want string) {
	b.t.Helper()
	var got []string
	for _, step := range b.settlement(id).History {
		text := step.Status
		if step.ReasonCode != "" {
			text += ":" + step.ReasonCode
		}
		got = append(got, text)
	}
	if strings.Join(got, " ") != want {
		b.t.Fatalf("history is\n  %s, want\n  %s", strings.Join(got, " "), want)
	}
}

// last returns the last event.
func (b *books) last() *sim.Event { return b.open[len(b.open)-1] }

// wantEvent checks the last event's type and its postings, written as
// "100 AAPL a/AVAILABLE>a/RESERVED".
func (b *books) wantEvent(kind sim.EventType, postings ...string) {
	b.t.Helper()
	e := b.last()
	var got []string
	for _, p := range e.Postings {
		got = append(got, fmt.Sprintf("%s %s %s/%s>%s/%s", p.Amount, p.Symbol, p.Debit.AccountID, p.Debit.Bucket, p.Credit.AccountID, p.Credit.Bucket))
	}
	if e.Type != kind || strings.Join(got, "\n") != strings.Join(postings, "\n") {
		b.t.Fatalf("the last event is %s with\n%s\nwant %s with\n%s", e.Type, strings.Join(got, "\n"), kind, strings.Join(postings, "\n"))
	}
}

// wantReserved checks what an account has reserved of a symbol.
func (b *books) wantReserved(account, symbol, available, reserved string) {
	b.t.Helper()
	h := b.holding(account, symbol)
	if h == nil || !h.Available.Equal(amount(available)) || !h.Reserved.Equal(amount(reserved)) {
		b.t.Fatalf("%s has %+v of %s, want %s available and %s reserved", account, h, symbol, available, reserved)
	}
}

func wantAmount(t *testing.T, what string, got money.Amount, want string) {
	t.Helper()
	if !got.Equal(amount(want)) {
		t.Errorf("%s is %s, want %s", what, got, want)
	}
}
