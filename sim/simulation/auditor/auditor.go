// Package auditor keeps a second set of books of a custodian, from nothing but
// its journal and the answers that it gave, and finds what must never be.
//
// It is the model beside the seeded simulation: it reads events as an outsider
// would, shares no rule with the custodian, and counts in integers of its own.
// What it checks is what sim promises always: double entry, nothing negative,
// reservations that add up, both legs of a settlement or none, transitions that
// the state machines have, value dates, cut-offs and business days, frozen
// accounts at rest, approvals by others, keys that are unique, and answers that
// stand in the journal exactly once.
//
// # Entry points
//
// [New] makes an auditor of an empty journal, [Auditor.Batch] takes the next
// durable batch, [Auditor.Acknowledged], [Auditor.Refused] and [Auditor.Unknown]
// what callers were told. The first error is final: the books are of no use
// afterwards. [Auditor.View] is what the auditor knows, for those who think of
// the next request.
//
// An auditor belongs to one goroutine.
package auditor

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

// Config is what the auditor is told of the custodian.
type Config struct {
	// Profile is the custodian's, as it was configured.
	Profile profile.Profile
	// Decimals gives the minor unit of a currency.
	Decimals func(symbol string) int
}

// Auditor is a second set of books. See the package.
type Auditor struct {
	cfg     Config
	instant bool // nothing waits under the profile
	zones   map[string]*time.Location

	sequence uint64
	time     time.Time
	hash     [sha256.Size]byte

	view        View
	accounts    map[string]*sim.Account
	holdings    map[place]*purse
	ids         map[uuid.UUID]place
	mirrors     map[string]*number
	totals      map[string]*number // by symbol, from the records: always zero
	settlements map[uuid.UUID]*sim.Settlement
	transfers   map[uuid.UUID]*sim.Transfer
	documents   map[sim.DocumentKey]*sim.Document
	faults      map[string]*sim.FaultRule

	reserved, transit, pending map[place]*number

	byExternal map[string]uuid.UUID
	dependents map[string][]uuid.UUID
	keys       map[string]bool
	// marks are the marks in metadata, by the event that carries them.
	marks map[string]uint64
	// acknowledged are the sequence numbers that answers referred to.
	acknowledged map[uint64]bool
	markedUnsure map[string]bool
	events       map[uint64]eventNote
}

// eventNote is what is remembered of an event, to check answers against.
type eventNote struct {
	key   string
	first uuid.UUID // of the first settlement or transfer
}

// place is what one account has of one symbol.
type place struct{ account, symbol string }

// New returns the auditor of an empty journal.
func New(cfg Config) *Auditor {
	return &Auditor{
		cfg: cfg, instant: instantProfile(&cfg.Profile), zones: make(map[string]*time.Location),
		accounts: make(map[string]*sim.Account), holdings: make(map[place]*purse), ids: make(map[uuid.UUID]place),
		mirrors: make(map[string]*number), totals: make(map[string]*number),
		settlements: make(map[uuid.UUID]*sim.Settlement), transfers: make(map[uuid.UUID]*sim.Transfer),
		documents: make(map[sim.DocumentKey]*sim.Document), faults: make(map[string]*sim.FaultRule),
		reserved: make(map[place]*number), transit: make(map[place]*number), pending: make(map[place]*number),
		byExternal: make(map[string]uuid.UUID), dependents: make(map[string][]uuid.UUID), keys: make(map[string]bool),
		marks: make(map[string]uint64), acknowledged: make(map[uint64]bool), markedUnsure: make(map[string]bool),
		events: make(map[uint64]eventNote), view: newView(),
	}
}

// Sequence returns the last sequence number that the auditor has seen.
func (a *Auditor) Sequence() uint64 { return a.sequence }

// Batch takes the next batch of the journal, as a store has it: undecoded.
func (a *Auditor) Batch(b *sim.Batch) error {
	if b.First != a.sequence+1 {
		return fmt.Errorf("batch %d to %d follows event %d: the sequence is not dense", b.First, b.Last, a.sequence)
	}
	hash := sha256.Sum256(append(a.hash[:], b.Payload...))
	if hash != b.Hash {
		return fmt.Errorf("batch %d to %d breaks the hash chain", b.First, b.Last)
	}
	own := &sim.Batch{First: b.First, Last: b.Last, Time: b.Time, Hash: b.Hash, Payload: b.Payload}
	if err := own.Decode(); err != nil {
		return err
	}
	for i, e := range own.Events {
		if err := a.event(e, i == len(own.Events)-1); err != nil {
			return fmt.Errorf("event %d (%s) at %s: %w", e.Sequence, e.Type, e.Time.Format(time.RFC3339Nano), err)
		}
	}
	a.hash = hash
	return nil
}

// event takes an event, which may be the last of its batch.
func (a *Auditor) event(e *sim.Event, last bool) error {
	if e.Sequence != a.sequence+1 {
		return fmt.Errorf("it follows event %d: the sequence is not dense", a.sequence)
	}
	if e.Time.Before(a.time) {
		return fmt.Errorf("instance time goes backwards from %s", a.time.Format(time.RFC3339Nano))
	}
	x := &examination{Auditor: a, e: e, flows: make(map[place]*number)}
	for _, step := range []func() error{x.post, x.settle, x.transfer, x.issue, x.matchFlows, x.rest, x.takeOver, x.sums} {
		if err := step(); err != nil {
			return err
		}
	}
	if last && e.Type == sim.EventAccountOpened && len(e.Accounts) == 1 && len(e.Accounts[0].Metadata) == 0 {
		return fmt.Errorf("account %s was opened for a request of which the batch holds nothing else", e.Accounts[0].AccountID)
	}
	a.sequence, a.time = e.Sequence, e.Time
	a.view.Happened[e.Type]++
	note := eventNote{}
	if e.Key != nil {
		if a.keys[e.Key.Key] {
			return fmt.Errorf("idempotency key %q is used a second time", e.Key.Key)
		}
		a.keys[e.Key.Key], note.key = true, e.Key.Key
	}
	note.first = e.SettlementID()
	a.events[e.Sequence] = note
	return nil
}

// examination is one event under examination.
type examination struct {
	*Auditor
	e *sim.Event
	// flows are what came to each place, in all its parts, by the postings.
	flows map[place]*number
	// expected are what should have come by the records.
	expected map[place]*number
	// explained reports that records explain every flow.
	explained bool
	touched   map[place]bool
}

func (x *examination) touch(p place) {
	if x.touched == nil {
		x.touched = make(map[place]bool)
	}
	x.touched[p] = true
}

func (x *examination) expect(account, symbol string, amount *number) {
	if amount.Sign() == 0 {
		return
	}
	if x.expected == nil {
		x.expected = make(map[place]*number)
	}
	sumAt(x.expected, place{account, symbol}).Add(sumAt(x.expected, place{account, symbol}), amount)
}

// matchFlows checks that what the postings moved is what the records say has
// moved, place by place.
func (x *examination) matchFlows() error {
	if !x.explained {
		switch x.e.Type {
		case sim.EventPositionOpened, sim.EventPositionUpdated, sim.EventPositionClosed, sim.EventPositionLocked, sim.EventPositionUnlocked,
			sim.EventBalanceOpened, sim.EventBalanceUpdated, sim.EventBalanceClosed, sim.EventBalanceLocked, sim.EventBalanceUnlocked:
			return nil
		}
		if len(x.e.Postings) > 0 {
			return fmt.Errorf("there are postings and no record that explains them")
		}
		return nil
	}
	for p, flow := range x.flows {
		if want := valueAt(x.expected, p); flow.Cmp(want) != 0 {
			return fmt.Errorf("%s gets %s %s by the postings and %s by the records", p.account, text(flow), p.symbol, text(want))
		}
	}
	for p, want := range x.expected {
		if want.Sign() != 0 && x.flows[p] == nil {
			return fmt.Errorf("%s gets nothing by the postings and %s %s by the records", p.account, text(want), p.symbol)
		}
	}
	return nil
}
