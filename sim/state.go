package sim

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

// Rules are the settings of an instance that decide how commands are answered.
// They are not part of the journal: replaying events needs none of them.
type Rules struct {
	// Assets resolves symbols; required.
	Assets *asset.Registry
	// AutoOpen opens accounts that are named for the first time.
	AutoOpen bool
	// MaxAccounts, MaxHoldings and MaxOpenSettlements bound the state in memory.
	MaxAccounts        int
	MaxHoldings        int
	MaxOpenSettlements int
	// MaxOpenTransfers bounds them likewise; zero means MaxOpenSettlements.
	MaxOpenTransfers int
	// Profile says when settlements and transfers take place, what they cost and
	// who approves; nil means the built-in profile instant.
	Profile *profile.Resolved
	// Policies decide on transfers when they are submitted, in their order.
	Policies []Policy
	// Reconciliation says when the books are compared with those outside.
	Reconciliation ReconciliationRules
}

// State is an instance's books in memory: accounts, holdings, mirror accounts,
// open settlements and recent keys. It changes only by applying events. It
// belongs to one goroutine; the records that it hands out are immutable.
type State struct {
	rules     Rules
	generator *Generator

	// The place behind the last applied event. The hash is that of the last
	// batch that was applied or sealed here.
	sequence uint64
	time     time.Time
	hash     Digest

	accounts map[string]*Account
	holdings map[HoldingKey]*Holding
	byID     map[uuid.UUID]*Holding
	clients  map[string]*client
	held     map[string][]string // by account: the symbols that it has a holding of
	mirrors  map[string]*Mirror  // by symbol
	open     map[uuid.UUID]*Settlement
	// transfers are those that are not done.
	transfers map[uuid.UUID]*Transfer
	documents map[DocumentKey]*Document
	keys      keyIndex

	// What follows from the records above, and from the rules.
	index   settlementIndex
	instant bool // nothing waits
	timers  timers
	clock   ClockSetting
	advance advance
	faults  faults
	books   map[string]*outsideBook // by symbol
	// openBreaks are the ids of the breaks that are open.
	openBreaks map[string]struct{}
	// keptBreaks are all breaks, by id, reconciled the results that are kept.
	keptBreaks map[string]*Break
	reconciled []reconciled

	// awaiting counts the transfers that await approval, webhooks the endpoints
	// whose state is kept.
	awaiting int
	webhooks int
	// watched is told of changes of status; nil for nobody.
	watched *[]StatusChange

	deciding decision
	// date is the text of the last day on which something was decided.
	date struct {
		day  int64
		text string
	}
}

// NewState returns the empty books of a new instance.
func NewState(rules Rules, generator *Generator) *State {
	return &State{
		rules: rules, generator: generator,
		accounts:  make(map[string]*Account),
		holdings:  make(map[HoldingKey]*Holding),
		byID:      make(map[uuid.UUID]*Holding),
		clients:   make(map[string]*client),
		held:      make(map[string][]string),
		mirrors:   make(map[string]*Mirror),
		open:      make(map[uuid.UUID]*Settlement),
		transfers: make(map[uuid.UUID]*Transfer),
		documents: make(map[DocumentKey]*Document),
		keys:      keyIndex{history: &KeyFilter{}},
		index:     newSettlementIndex(), instant: isInstant(rules.Profile),
		books: make(map[string]*outsideBook), openBreaks: make(map[string]struct{}), keptBreaks: make(map[string]*Break),
	}
}

// LoadState returns the books as a snapshot has them. The batches behind the
// snapshot are then to be applied with [State.ApplyBatch].
func LoadState(rules Rules, generator *Generator, snap *Snapshot) (*State, error) {
	s := NewState(rules, generator)
	if snap.Projected.Sequence > 0 {
		if err := generator.Restore(snap.Projected.Generator); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBrokenInvariant, err)
		}
	}
	s.sequence, s.time, s.hash = snap.Projected.Sequence, snap.Projected.Time, snap.Projected.Hash
	sums := make(map[string]money.Amount)
	for _, a := range snap.Accounts {
		s.putAccount(a)
	}
	for _, h := range snap.Holdings {
		if err := h.check(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBrokenInvariant, err)
		}
		s.putHolding(h)
		sums[h.Symbol] = sums[h.Symbol].Add(h.Sum())
	}
	for _, m := range snap.Mirrors {
		s.mirrors[m.Symbol] = m
		s.bookOf(m.Symbol).quantity = m.Balance.Neg()
		sums[m.Symbol] = sums[m.Symbol].Add(m.Balance)
	}
	for symbol, sum := range sums {
		if !sum.IsZero() {
			return nil, fmt.Errorf("%w: holdings and mirror account of %s sum to %s, not to zero", ErrBrokenInvariant, symbol, sum)
		}
	}
	for _, st := range snap.Open {
		if err := s.checkSettlement(st); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBrokenInvariant, err)
		}
		s.putSettlement(st)
	}
	for _, t := range snap.OpenTransfers {
		s.putTransfer(t)
	}
	for _, v := range snap.Documents {
		if err := s.putDocument(v); err != nil {
			return nil, err
		}
	}
	for _, h := range snap.Holdings {
		if sum := s.index.reserved[h.Key()]; !sum.Equal(h.Reserved) {
			return nil, fmt.Errorf("%w: %s has reserved %s of %s, its instructions and transfers %s", ErrBrokenInvariant, h.AccountID, h.Reserved, h.Symbol, sum)
		}
	}
	s.wakeAll()
	s.rearmReconciliation()
	if snap.Keyed {
		s.keys.history = nil
	}
	s.keys.forgotten = snap.Projected.Sequence
	return s, nil
}

// Progress returns the place in the journal behind the last batch that was
// applied or sealed here.
func (s *State) Progress() Progress {
	return Progress{Sequence: s.sequence, Time: s.time, Hash: s.hash, Generator: s.generator.AppendState(nil)}
}

// Account returns an account, or nil.
func (s *State) Account(id string) *Account { return s.accounts[id] }

// Holding returns the position (or, with cash, the balance) with an id, or nil.
func (s *State) Holding(cash bool, id uuid.UUID) *Holding {
	if h := s.byID[id]; h != nil && h.Cash == cash {
		return h
	}
	return nil
}

// OpenTransfer returns a transfer that is not done, or nil.
func (s *State) OpenTransfer(id uuid.UUID) *Transfer { return s.transfers[id] }

// Document returns a document, or nil.
func (s *State) Document(kind DocumentKind, id string) *Document {
	return s.documents[DocumentKey{kind, id}]
}

// OpenSettlement returns a settlement that is not final, or nil.
func (s *State) OpenSettlement(id uuid.UUID) *Settlement { return s.open[id] }

// SetHistory gives the state the filter of all keys from before it was loaded.
func (s *State) SetHistory(f *KeyFilter) { s.keys.history = f }

// ForgetKeys drops recent keys beyond keep that the tables hold, which have
// reached the sequence number projected.
func (s *State) ForgetKeys(projected uint64, keep int) { s.keys.forget(projected, keep) }

// ApplyBatch checks that a decoded batch follows the state and applies it. It
// is how a state is replayed. Its errors wrap [ErrBrokenInvariant]; the state
// is of no use after one.
func (s *State) ApplyBatch(b *Batch) error {
	if err := b.Follows(Progress{Sequence: s.sequence, Hash: s.hash}); err != nil {
		return err
	}
	for _, e := range b.Events {
		if err := s.apply(e); err != nil {
			return err
		}
	}
	if s.sequence != b.Last {
		return fmt.Errorf("%w: journal batch %d to %d ends at event %d", ErrBrokenInvariant, b.First, b.Last, s.sequence)
	}
	s.hash = b.Hash
	if err := s.generator.Restore(b.Generator); err != nil {
		return fmt.Errorf("%w: %w", ErrBrokenInvariant, err)
	}
	return nil
}

// Seal makes a batch of events that were decided on this state and not yet
// sealed, and chains it to the batch before. Events must not be empty.
func (s *State) Seal(events []*Event) *Batch {
	b := NewBatch(s.hash, events, s.generator.AppendState(nil))
	s.hash = b.Hash
	return b
}
