package sim

import (
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Request is a command with what comes with it.
type Request struct {
	Command Command
	// IdempotencyKey makes the request safe to repeat; empty for none.
	IdempotencyKey string
	// Lookup is what the tables knew about the command's keys; nil unless
	// [State.Decide] asked for it.
	Lookup *KeyLookup
}

// Keys returns the keys that the request claims, and those that it links to.
func (r *Request) Keys() []Key {
	var keys []Key
	if r.IdempotencyKey != "" {
		keys = append(keys, Key{KeyIdempotency, r.IdempotencyKey})
	}
	if key := r.Command.externalKey(); key.Value != "" {
		keys = append(keys, key)
	}
	return append(keys, linkKeys(r.Command)...)
}

// Outcome says what [State.Decide] did.
type Outcome int

// The outcomes of a request.
const (
	// Accepted: the command became events, which have been applied.
	Accepted Outcome = iota
	// Refused: nothing changed; the error says why.
	Refused
	// Repeated: the idempotency key was used for the same command before; the
	// answer is that of the event with the returned sequence number.
	Repeated
	// NeedsLookup: whether a key is unused, or what became of a settlement, can
	// only be told with a lookup of the request's keys and settlements in the
	// tables; repeat the call with it.
	NeedsLookup
	// NeedsDueWork: work is due before the request; call [State.FireDue] with
	// Until while there is more, then repeat the call.
	NeedsDueWork
)

// Decision is the outcome of a request.
type Decision struct {
	Outcome Outcome
	// Events are those of an accepted request, at least one.
	Events []*Event
	// Result is that of an accepted request; of a repeated one only Sequence
	// and Replayed are set, see [ResultOf].
	Result Result
	// Err is the refusal.
	Err *Error
	// Until is set with NeedsDueWork.
	Until time.Time
}

// decision collects the events of one command. Commands check everything
// before they emit the first event, so a refused one leaves nothing behind. A
// state has one, which every command begins anew.
type decision struct {
	*State
	now    time.Time
	events []*Event
	// lookup is what the tables knew about the command's keys and settlements.
	lookup *KeyLookup
}

// beginning is the first instance time. Identifiers cannot carry an earlier one,
// and the journal writes times as microseconds since the Unix epoch, where zero
// means none.
var beginning = time.UnixMicro(1).UTC()

// Decide answers a request at an instance time. An accepted request's events
// have been applied to the state when it returns. The error reports a broken
// invariant, after which the state is of no use.
func (s *State) Decide(now time.Time, r *Request) (Decision, error) {
	if now = now.UTC().Truncate(time.Microsecond); now.Before(s.time) {
		now = s.time // instance time never runs backwards
	}
	if now.Before(beginning) {
		now = beginning
	}
	if s.dueBy(now) {
		return Decision{Outcome: NeedsDueWork, Until: now}, nil
	}
	if err := s.refuseOffline(r.Command); err != nil {
		return refused(err), nil
	}
	var key *IdempotencyKey
	if r.IdempotencyKey != "" {
		if err := CheckIdempotencyKey(r.IdempotencyKey); err != nil {
			return refused(err), nil
		}
		key = &IdempotencyKey{Key: r.IdempotencyKey, Fingerprint: FingerprintOf(r.Command)}
		switch record, answer := s.keys.check(Key{KeyIdempotency, key.Key}, r.Lookup); {
		case answer == keyNeedsLookup:
			return Decision{Outcome: NeedsLookup}, nil
		case answer == keyUsed && record.Fingerprint == key.Fingerprint:
			return Decision{Outcome: Repeated, Result: Result{Sequence: record.Sequence, Replayed: true}}, nil
		case answer == keyUsed:
			return refused(&Error{Code: CodeKeyReused, Field: "Idempotency-Key",
				Message: "this key was used for another request; use a new key for a new request"}), nil
		}
	}
	if external := r.Command.externalKey(); external.Value != "" {
		if err := checkText("external_id", external.Value, MaxIdentifier); err != nil {
			return refused(err), nil
		}
		switch _, answer := s.keys.check(external, r.Lookup); answer {
		case keyNeedsLookup:
			return Decision{Outcome: NeedsLookup}, nil
		case keyUsed:
			return refused(&Error{Code: CodeAlreadyExists, Field: "external_id",
				Message: "a " + external.Kind.noun() + " with external_id " + quote(external.Value) + " exists already"}), nil
		}
	}
	if c, ok := r.Command.(AdvanceClock); ok {
		if err := s.beginAdvance(now, c); err != nil {
			return refused(err), nil
		}
		if s.dueBy(s.advance.target) {
			return Decision{Outcome: NeedsDueWork, Until: s.advance.target}, nil
		}
	}
	d := &s.deciding
	*d = decision{State: s, now: now, lookup: r.Lookup}
	switch err := r.Command.decide(d); {
	case err == errNeedsLookup:
		return Decision{Outcome: NeedsLookup}, nil
	case err != nil:
		return refused(err), nil
	}
	last := d.events[len(d.events)-1]
	last.Key = key
	if err := d.applyAll(); err != nil {
		return Decision{}, err
	}
	return Decision{Outcome: Accepted, Events: d.events, Result: ResultOf(last)}, nil
}

// applyAll applies the events of a decision.
func (d *decision) applyAll() error {
	for _, e := range d.events {
		d.note(e)
		if err := d.apply(e); err != nil {
			return err
		}
	}
	return nil
}

func refused(err *Error) Decision { return Decision{Outcome: Refused, Err: err} }

// ResultOf returns the result of the command whose last event e was.
func ResultOf(e *Event) Result {
	r := Result{Sequence: e.Sequence}
	switch {
	case len(e.Transfers) > 0:
		r.Transfer = e.Transfers[0]
	case len(e.Settlements) > 0:
		r.Settlement = e.Settlements[0]
	case len(e.Holdings) > 0:
		r.Holding = e.Holdings[0]
	case len(e.Accounts) > 0:
		r.Account = e.Accounts[0]
	case len(e.Documents) > 0:
		r.Document = e.Documents[0]
	}
	return r
}

// eventRoom is an event with room for the records and postings that most events
// have, so that an event is one allocation and not seven. The room holds pointers
// to records and lives no longer than the event.
type eventRoom struct {
	Event
	events      [1]*Event
	holdings    [2]*Holding
	mirrors     [1]*Mirror
	settlements [1]*Settlement
	postings    [1]Posting
}

// emit adds an event to the decision and returns it for its records.
func (d *decision) emit(t EventType) *Event {
	r := &eventRoom{Event: Event{Sequence: d.nextSequence(), Time: d.now, Type: t}}
	r.Holdings, r.Mirrors = r.holdings[:0], r.mirrors[:0]
	r.Settlements, r.Postings = r.settlements[:0], r.postings[:0]
	if d.events == nil {
		d.events = r.events[:0]
	}
	d.events = append(d.events, &r.Event)
	return &r.Event
}

func (d *decision) nextSequence() uint64 { return d.sequence + uint64(len(d.events)) + 1 }

// book is a set of holdings and mirrors as one event is going to leave them:
// copies of the state's records that postings move.
type book struct {
	d *decision
	e *Event
}

// holding returns the event's copy of a holding, which it makes from the state
// or, where the account has none of the asset, anew.
func (b book) holding(accountID, symbol string, cash bool) *Holding {
	for _, h := range b.e.Holdings {
		if h.AccountID == accountID && h.Symbol == symbol {
			return h
		}
	}
	h := &Holding{}
	if before := b.d.holdings[HoldingKey{accountID, symbol}]; before != nil {
		*h = *before
	} else {
		*h = Holding{ID: b.d.generator.ID(b.d.now), AccountID: accountID, Symbol: symbol, Cash: cash,
			Currency: b.d.currencyOf(symbol, cash), CreatedAt: b.d.now}
	}
	h.UpdatedAt = b.d.now
	b.e.Holdings = append(b.e.Holdings, h)
	return h
}

// available returns what is available of a holding, with what the event has moved.
func (b book) available(key HoldingKey) money.Amount {
	for _, h := range b.e.Holdings {
		if h.Key() == key {
			return h.Available
		}
	}
	if h := b.d.holdings[key]; h != nil {
		return h.Available
	}
	return money.Zero
}

func (b book) mirror(symbol string, cash bool) *Mirror {
	for _, m := range b.e.Mirrors {
		if m.Symbol == symbol {
			return m
		}
	}
	m := &Mirror{Account: MirrorOf(cash), Symbol: symbol}
	if before := b.d.mirrors[symbol]; before != nil {
		*m = *before
	}
	b.e.Mirrors = append(b.e.Mirrors, m)
	return m
}

func (s *State) currencyOf(symbol string, cash bool) string {
	if cash {
		return symbol
	}
	return s.rules.Assets.Lookup(symbol).Quote
}

// enter posts an amount from the mirror account into a bucket of a holding.
func (b book) enter(h *Holding, bucket Bucket, amount money.Amount) {
	if amount.IsZero() {
		return
	}
	m := b.mirror(h.Symbol, h.Cash)
	m.Balance = m.Balance.Sub(amount)
	h.move(bucket, amount)
	b.post(h.Symbol, amount, LedgerAccount{m.Account, BucketMirror}, LedgerAccount{h.AccountID, bucket})
}

// leave posts an amount from a bucket of a holding out to the mirror account.
func (b book) leave(h *Holding, bucket Bucket, amount money.Amount) {
	if amount.IsZero() {
		return
	}
	m := b.mirror(h.Symbol, h.Cash)
	m.Balance = m.Balance.Add(amount)
	h.move(bucket, amount.Neg())
	b.post(h.Symbol, amount, LedgerAccount{h.AccountID, bucket}, LedgerAccount{m.Account, BucketMirror})
}

// pass posts an amount from a bucket of one holding to a bucket of another, or
// of the same.
func (b book) pass(from *Holding, fromBucket Bucket, to *Holding, toBucket Bucket, amount money.Amount) {
	from.move(fromBucket, amount.Neg())
	to.move(toBucket, amount)
	b.post(from.Symbol, amount, LedgerAccount{from.AccountID, fromBucket}, LedgerAccount{to.AccountID, toBucket})
}

func (b book) post(symbol string, amount money.Amount, debit, credit LedgerAccount) {
	b.e.Postings = append(b.e.Postings, Posting{Symbol: symbol, Amount: amount, Debit: debit, Credit: credit})
}

func (h *Holding) move(bucket Bucket, amount money.Amount) {
	switch bucket {
	case BucketLocked:
		h.Locked = h.Locked.Add(amount)
	case BucketReserved:
		h.Locked, h.Reserved = h.Locked.Add(amount), h.Reserved.Add(amount)
	case BucketPendingIn:
		h.PendingIn = h.PendingIn.Add(amount)
	case BucketTransit:
		h.Transit = h.Transit.Add(amount)
	default:
		h.Available = h.Available.Add(amount)
	}
}
