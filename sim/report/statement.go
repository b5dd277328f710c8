package report

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Ledger is what statements are made from; the engine has it.
type Ledger interface {
	Log
	Durable() uint64
	Account(ctx context.Context, id string) (*sim.Account, error)
	Clock(ctx context.Context) (setting sim.ClockSetting, now, next time.Time, err error)
	ListEntries(ctx context.Context, f sim.EntryFilter, p sim.Page) ([]sim.Entry, error)
}

// Kind says what a statement is about.
type Kind string

// The kinds of statements.
const (
	// Holdings: what an account holds at a moment.
	Holdings Kind = "holdings"
	// Transactions: what moved of assets other than cash in a period.
	Transactions Kind = "transactions"
	// Cash: what moved of cash in a period.
	Cash Kind = "cash"
)

// Kinds lists every kind.
func Kinds() []string { return []string{string(Holdings), string(Transactions), string(Cash)} }

// Bounds of statements.
const (
	// DefaultLines is how many movements a page has where nobody says.
	DefaultLines = 1000
	// MaxLines is how many movements a page of a statement may have.
	MaxLines = 10_000
	// MaxPages is the highest number of a page.
	MaxPages = 99_999
	// entriesAtOnce is how many ledger entries are read at a time.
	entriesAtOnce = 1000
)

// Query selects a statement. Dates are YYYY-MM-DD, days in UTC.
type Query struct {
	Kind      Kind
	AccountID string
	// Date selects the end of a day, or for movements that day. From and To
	// select a period, both days in it. Without any, holdings are those of now
	// and movements those of the present day.
	Date, From, To string
	// Symbol restricts to one asset or currency; empty for all.
	Symbol string
	// Page counts from 1, Lines is how many movements a page has; zero means 1 and
	// [DefaultLines].
	Page, Lines int
	// Format is how the statement is to be written: ISO 20022 says more of each
	// movement, which is read for it alone.
	Format Format
}

// Statement is one page of a statement.
type Statement struct {
	Query
	// Opens and Closes are the ends of the period in instance time; of holdings
	// both are the moment. Now is when the statement was made.
	Opens, Closes, Now time.Time
	// Sequence is that of the last event that the statement covers.
	Sequence uint64
	// Holdings are ordered by symbol; of a statement of holdings alone.
	Holdings []sim.SymbolBalance
	// Totals are what the account held at the ends of the page, by symbol, Lines
	// what moved between.
	Totals   []Total
	Lines    []Line
	LastPage bool

	causes map[uint64]cause // by the events' sequence numbers
}

// Total is what an account held of an asset at the ends of a page: available
// plus locked.
type Total struct {
	Symbol           string
	Opening, Closing money.Amount
}

// Line is one movement.
type Line struct {
	Entry sim.Entry
	// Amount is what came, or below zero went; Balance what was held afterwards.
	Amount, Balance money.Amount
	// Other is the ledger account on the other side.
	Other sim.LedgerAccount
}

// Make returns a page of a statement. It reads all ledger entries of the account
// up to the end of the period, page by page. Errors are [sim.Error] values.
func Make(ctx context.Context, l Ledger, assets *asset.Registry, q Query) (*Statement, error) {
	if q.Page == 0 {
		q.Page = 1
	}
	if q.Lines == 0 {
		q.Lines = DefaultLines
	}
	switch {
	case !slices.Contains(Kinds(), string(q.Kind)):
		return nil, sim.Invalid("kind", "is not known; allowed: %s, %s, %s", Holdings, Transactions, Cash)
	case q.AccountID == "":
		return nil, sim.Invalid("account_id", "is required")
	case q.Page < 1 || q.Page > MaxPages:
		return nil, sim.Invalid("page", "must be from 1 to %d", MaxPages)
	case q.Lines < 1 || q.Lines > MaxLines:
		return nil, sim.Invalid("limit", "must be from 1 to %d", MaxLines)
	}
	if cash := assets.Lookup(q.Symbol).IsCash(); q.Symbol != "" && q.Kind != Holdings && cash != (q.Kind == Cash) {
		if cash {
			return nil, sim.Invalid("symbol", "%q is cash: ask for a statement of cash", q.Symbol)
		}
		return nil, sim.Invalid("symbol", "%q is not cash: ask for a statement of transactions", q.Symbol)
	}
	if _, err := l.Account(ctx, q.AccountID); err != nil {
		return nil, err
	}
	_, now, _, err := l.Clock(ctx)
	if err != nil {
		return nil, err
	}
	s := &Statement{Query: q, Now: now}
	if err := s.period(now); err != nil {
		return nil, err
	}
	m := &making{Statement: s, assets: assets, held: map[string]*sim.SymbolBalance{}, totals: map[string]*Total{}}
	if m.from, err = before(ctx, l, s.Opens); err != nil {
		return nil, err
	}
	if s.Sequence, err = before(ctx, l, s.Closes); err != nil {
		return nil, err
	}
	if err := m.read(ctx, l); err != nil {
		return nil, err
	}
	if q.Format == FormatXML {
		return s, s.findCauses(ctx, l)
	}
	return s, nil
}

// period works out the ends of the period.
func (s *Statement) period(now time.Time) error {
	day := func(field, text string) (time.Time, error) {
		t, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return t, sim.Invalid(field, `%q is no date; write it as YYYY-MM-DD`, text)
		}
		if t.After(now) {
			return t, sim.Invalid(field, "%s is ahead of the instance time, %s", text, now.Format(time.RFC3339))
		}
		return t, nil
	}
	switch {
	case s.Date != "" && (s.From != "" || s.To != ""):
		return sim.Invalid("date", "selects a day, and from and to a period; give one of the two")
	case s.Kind == Holdings && (s.From != "" || s.To != ""):
		return sim.Invalid("from", "and to belong to movements; holdings are those at the end of a date")
	}
	first, last := s.From, s.To
	if s.Date != "" {
		first, last = s.Date, s.Date
	}
	s.Opens, s.Closes = now.UTC().Truncate(24*time.Hour), now
	if last != "" {
		t, err := day(cmp.Or(fieldOf(s.Date, "date"), "to"), last)
		if err != nil {
			return err
		}
		s.Opens, s.Closes = t, t.AddDate(0, 0, 1)
	}
	if first != "" {
		t, err := day(cmp.Or(fieldOf(s.Date, "date"), "from"), first)
		if err != nil {
			return err
		}
		s.Opens = t
	}
	if s.Closes.After(now) || last == "" {
		s.Closes = now.Add(time.Microsecond) // what happened at this instant counts
	}
	if !s.Closes.After(s.Opens) {
		return sim.Invalid("to", "%s is before from, %s", s.To, s.From)
	}
	return nil
}

func fieldOf(value, field string) string {
	if value == "" {
		return ""
	}
	return field
}

// before returns the sequence number of the last event before an instant.
func before(ctx context.Context, log Ledger, instant time.Time) (uint64, error) {
	var failed error
	last := log.Durable()
	if last > math.MaxInt64-1 {
		return 0, sim.Errorf(sim.CodeInternal, "the event log is too long")
	}
	n := sort.Search(int(last), func(i int) bool {
		if failed != nil {
			return true
		}
		events, err := log.Events(ctx, uint64(i), 1)
		if err != nil {
			failed = err
			return true
		}
		return len(events) == 0 || !events[0].Event.Time.Before(instant)
	})
	return uint64(n), failed
}

// making is a statement under way.
type making struct {
	*Statement
	assets *asset.Registry
	from   uint64
	held   map[string]*sim.SymbolBalance
	totals map[string]*Total
	moved  int
}

func (m *making) read(ctx context.Context, l Ledger) error {
	m.LastPage = true
	after := ""
	for done := false; !done; {
		entries, err := l.ListEntries(ctx, sim.EntryFilter{AccountID: m.AccountID, Symbol: m.Symbol}, sim.Page{After: after, Limit: entriesAtOnce})
		if err != nil {
			return err
		}
		done = len(entries) < entriesAtOnce
		for i := range entries {
			if entries[i].Sequence > m.Sequence || !m.take(&entries[i]) {
				done = true
				break
			}
		}
		if len(entries) > 0 {
			last := &entries[len(entries)-1]
			after = strconv.FormatUint(last.Sequence, 10) + "-" + strconv.Itoa(last.Index)
		}
	}
	m.finish()
	return nil
}

// take takes an entry into account, and reports whether more are needed.
func (m *making) take(e *sim.Entry) bool {
	b := m.held[e.Symbol]
	if b == nil {
		b = &sim.SymbolBalance{Symbol: e.Symbol, Cash: m.assets.Lookup(e.Symbol).IsCash()}
		m.held[e.Symbol] = b
	}
	opening := b.Total()
	if e.Debit.AccountID == m.AccountID {
		move(b, e.Debit.Bucket, e.Amount.Neg())
	}
	if e.Credit.AccountID == m.AccountID {
		move(b, e.Credit.Bucket, e.Amount)
	}
	amount := b.Total().Sub(opening)
	if m.Kind == Holdings || b.Cash != (m.Kind == Cash) || amount.IsZero() || e.Sequence <= m.from {
		return true
	}
	if m.moved++; m.moved <= (m.Page-1)*m.Query.Lines {
		return true
	}
	if len(m.Lines) == m.Query.Lines {
		m.LastPage = false
		// The entry belongs to the next page: what it moved does not count here.
		b.Available = b.Available.Sub(amount)
		return false
	}
	if m.totals[e.Symbol] == nil {
		m.totals[e.Symbol] = &Total{Symbol: e.Symbol, Opening: opening}
	}
	other := e.Credit
	if e.Credit.AccountID == m.AccountID {
		other = e.Debit
	}
	m.Lines = append(m.Lines, Line{Entry: *e, Amount: amount, Balance: b.Total(), Other: other})
	return true
}

func move(b *sim.SymbolBalance, bucket sim.Bucket, amount money.Amount) {
	switch bucket {
	case sim.BucketAvailable:
		b.Available = b.Available.Add(amount)
	case sim.BucketLocked:
		b.Locked = b.Locked.Add(amount)
	case sim.BucketReserved:
		b.Locked, b.Reserved = b.Locked.Add(amount), b.Reserved.Add(amount)
	case sim.BucketPendingIn:
		b.PendingIn = b.PendingIn.Add(amount)
	case sim.BucketTransit:
		b.InTransit = b.InTransit.Add(amount)
	case sim.BucketMirror: // no client account has it
	}
}

// finish orders what was found out.
func (m *making) finish() {
	for symbol, b := range m.held {
		switch {
		case m.Kind == Holdings:
			if !b.Total().IsZero() || !b.PendingIn.IsZero() || !b.InTransit.IsZero() {
				m.Holdings = append(m.Holdings, *b)
			}
		case b.Cash == (m.Kind == Cash):
			t := m.totals[symbol]
			if t == nil {
				t = &Total{Symbol: symbol, Opening: b.Total()}
			}
			t.Closing = b.Total()
			m.Totals = append(m.Totals, *t)
		}
	}
	if len(m.Totals) == 0 && m.Symbol != "" && m.Kind != Holdings {
		m.Totals = []Total{{Symbol: m.Symbol}} // it was asked for by name, and nothing was ever held of it
	}
	slices.SortFunc(m.Holdings, func(a, b sim.SymbolBalance) int { return cmp.Compare(a.Symbol, b.Symbol) })
	slices.SortFunc(m.Totals, func(a, b Total) int { return cmp.Compare(a.Symbol, b.Symbol) })
	if m.Kind == Holdings {
		m.Opens = m.Closes
	}
}

// ends returns the ends of the period as statements show them. Closes excludes
// its instant, so it lies just behind now where the period has not ended.
func (s *Statement) ends() (from, to time.Time) {
	from, to = s.Opens, s.Closes
	if to.After(s.Now) {
		to = s.Now
	}
	if from.After(to) {
		from = to
	}
	return from, to
}
