package simulation

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/simulation/auditor"
)

// Books is a bare state with a journal and tables in memory: what an engine does,
// by one goroutine. Requests gather in groups that commit now and then, so that
// later requests see what is not durable yet.
type Books struct {
	world *World
	audit *auditor.Auditor

	state   *sim.State
	tables  *sim.State // what is projected: a state that replays the journal
	journal []*sim.Batch
	// projected is how many batches the tables have.
	projected int
	keys      map[sim.Key]sim.KeyRecord

	open    []*sim.Event
	waiting []answer // for the open group to be durable
	dice    *dice
	real    time.Time
}

// answer is what a caller will be told.
type answer struct {
	request  sim.Request
	decision sim.Decision
}

// mostDue bounds the work that one moment of instance time may cause.
const mostDue = 200_000

// NewBooks returns the books of a world, opened.
func NewBooks(w *World) (Target, error) {
	b := &Books{
		world: w, audit: newAuditor(w), keys: make(map[sim.Key]sim.KeyRecord),
		state:  sim.NewState(w.Rules, sim.NewGenerator(Instance, w.Seed)),
		tables: sim.NewState(w.Rules, sim.NewGenerator(Instance, w.Seed)),
		dice:   newDice(w.Seed, -2),
		real:   w.Start,
	}
	for _, c := range w.Opening {
		d, err := b.decide(&sim.Request{Command: c})
		switch {
		case err != nil:
			return nil, err
		case d.Outcome != sim.Accepted:
			return nil, fmt.Errorf("opening with %T: %w", c, d.Err)
		}
		b.open = append(b.open, d.Events...)
	}
	return b, b.commit(NoTrouble)
}

func newAuditor(w *World) *auditor.Auditor {
	return auditor.New(auditor.Config{Profile: w.Profile, Decimals: w.decimalsOf})
}

// Auditor returns the books beside.
func (b *Books) Auditor() *auditor.Auditor { return b.audit }

// Journal returns the hash of the last durable batch.
func (b *Books) Journal() sim.Digest { return b.journal[len(b.journal)-1].Hash }

// Batches returns the journal. The batches must not be changed.
func (b *Books) Batches() []*sim.Batch { return b.journal }

// errUnsure ends a request whose group failed before it was decided.
var errUnsure = errors.New("the group has failed")

// Ask decides requests into the open group. Where there is trouble, and half of
// the time where there is none, the group commits.
func (b *Books) Ask(requests []sim.Request, trouble Trouble, luck uint64) error {
	b.dice = newDice(luck, 0)
	for i := range requests {
		r := requests[i]
		if b.world.Clocks && b.dice.in(2) {
			b.real = b.real.Add(b.dice.between(0, time.Minute))
		}
		if c, ok := r.Command.(sim.SetClock); ok {
			c.Real = b.real
			r.Command = c
		}
		d, err := b.decide(&r)
		switch {
		case errors.Is(err, errUnsure):
			b.audit.Unknown(&r)
			continue
		case err != nil:
			return err
		}
		b.open = append(b.open, d.Events...)
		b.waiting = append(b.waiting, answer{r, d})
	}
	if err := b.fire(b.now()); err != nil {
		return err
	}
	if trouble == NoTrouble && b.dice.in(2) {
		return nil
	}
	return b.commit(trouble)
}

// now is the instance time. While the clock is manual, real time plays no part.
func (b *Books) now() time.Time { return b.state.Now(b.real) }

// decide decides a request, with the work and the lookups that it needs.
func (b *Books) decide(r *sim.Request) (sim.Decision, error) {
	r.Lookup = nil
	for range 100 {
		d, err := b.state.Decide(b.now(), r)
		if err != nil {
			return d, err
		}
		switch d.Outcome {
		case sim.NeedsDueWork:
			if err := b.fire(d.Until); err != nil {
				return d, err
			}
		case sim.NeedsLookup:
			// The caller hears of it with its group, and asks the tables.
			if b.dice.in(30) {
				if err := b.commit(AppendFails); err != nil {
					return d, err
				}
				return d, errUnsure
			}
			if err := b.commit(NoTrouble); err != nil {
				return d, err
			}
			if r.Lookup, err = b.lookup(r); err != nil {
				return d, err
			}
		default:
			return d, nil
		}
	}
	return sim.Decision{}, fmt.Errorf("%T is never decided", r.Command)
}

// lookup asks the tables for what a request needs to know.
func (b *Books) lookup(r *sim.Request) (*sim.KeyLookup, error) {
	ids, externalIDs := r.Settlements()
	if len(ids)+len(externalIDs) > 0 || b.dice.in(2) {
		if err := b.project(len(b.journal)); err != nil {
			return nil, err
		}
	}
	out := &sim.KeyLookup{Through: b.tables.Progress().Sequence}
	for _, key := range r.Keys() {
		if record, used := b.keys[key]; used {
			out.Found = append(out.Found, record)
		}
	}
	find := func(id uuid.UUID) {
		if st := b.audit.Settlement(id); st != nil {
			out.Settlements = append(out.Settlements, st)
		}
	}
	for _, id := range ids {
		find(id)
	}
	for _, externalID := range externalIDs {
		if id, used := b.audit.External(externalID); used {
			find(id)
		}
	}
	return out, nil
}

// fire does the work that is due by an instance time.
func (b *Books) fire(until time.Time) error {
	for range mostDue {
		events, fired, err := b.state.FireDue(until)
		if err != nil {
			return err
		}
		if !fired {
			if next, any := b.state.NextDue(); any && !next.After(until) {
				return fmt.Errorf("work that is due at %s is not done by %s", next, until)
			}
			return nil
		}
		b.open = append(b.open, events...)
	}
	return fmt.Errorf("work that is due by %s never ends", until)
}

// commit makes the open group durable, or fails to, and answers who waits.
func (b *Books) commit(trouble Trouble) error {
	waiting := b.waiting
	b.waiting = nil
	lost := trouble == AppendLost && len(b.open) > 0
	if len(b.open) > 0 {
		if trouble == AppendFails || trouble == StoreAway {
			b.unsure(waiting)
			return b.restart(true)
		}
		sealed := b.state.Seal(b.open)
		b.open = nil
		batch := &sim.Batch{First: sealed.First, Last: sealed.Last, Time: sealed.Time, Hash: sealed.Hash, Payload: sealed.Payload}
		b.journal = append(b.journal, batch)
		if err := b.audit.Batch(batch); err != nil {
			return err
		}
	}
	if lost || trouble == ProjectFails {
		if lost {
			b.unsure(waiting)
		} else if err := b.answer(waiting); err != nil {
			return err
		}
		return b.restart(true)
	}
	if err := b.answer(waiting); err != nil {
		return err
	}
	if b.dice.in(3) {
		if err := b.project(b.projected + b.dice.IntN(len(b.journal)-b.projected+1)); err != nil {
			return err
		}
		b.state.ForgetKeys(b.tables.Progress().Sequence, b.dice.IntN(20))
	}
	if b.dice.in(4) {
		if err := b.idle(); err != nil {
			return err
		}
	}
	return b.state.CheckBooks()
}

// idle checks that nothing waits without a reason, once everything is done.
func (b *Books) idle() error {
	now := b.now()
	if next, any := b.state.NextDue(); any && !next.After(now) {
		return nil // this is in the middle of a step
	}
	return b.audit.Idle(now)
}

func (b *Books) unsure(waiting []answer) {
	for i := range waiting {
		b.audit.Unknown(&waiting[i].request)
	}
}

// answer tells callers whose group is durable. Refusals come last: a retry in the
// same group may have been carried out.
func (b *Books) answer(waiting []answer) error {
	for _, refusals := range []bool{false, true} {
		for i := range waiting {
			w := &waiting[i]
			if refused := w.decision.Outcome == sim.Refused; refused != refusals {
				continue
			}
			if err := w.tell(b.audit); err != nil {
				return fmt.Errorf("%T: %w", w.request.Command, err)
			}
		}
	}
	return nil
}

// tell gives an answer to the auditor.
func (w *answer) tell(audit *auditor.Auditor) error {
	switch {
	case w.decision.Outcome != sim.Refused:
		return audit.Acknowledged(&w.request, &w.decision.Result)
	case w.decision.Err.Code == sim.CodeInternal:
		return w.decision.Err
	default:
		return audit.Refused(&w.request, w.decision.Err)
	}
}

// project brings the tables to so many batches of the journal.
func (b *Books) project(through int) error {
	for ; b.projected < through; b.projected++ {
		batch := *b.journal[b.projected]
		if err := batch.Decode(); err != nil {
			return err
		}
		if err := b.tables.ApplyBatch(&batch); err != nil {
			return fmt.Errorf("replaying: %w", err)
		}
		p := sim.Fold([]*sim.Batch{&batch})
		for _, k := range p.Keys {
			b.keys[k.Key] = k
		}
		for _, st := range p.Settlements {
			if st.ExternalID != "" {
				b.keys[sim.Key{Kind: sim.KeyExternal, Value: st.ExternalID}] = sim.KeyRecord{Key: sim.Key{Kind: sim.KeyExternal, Value: st.ExternalID}, Sequence: p.Through.Sequence}
			}
		}
		for _, t := range p.Transfers {
			if t.ExternalID != "" {
				b.keys[sim.Key{Kind: sim.KeyTransfer, Value: t.ExternalID}] = sim.KeyRecord{Key: sim.Key{Kind: sim.KeyTransfer, Value: t.ExternalID}, Sequence: p.Through.Sequence}
			}
		}
	}
	return nil
}

// Finish commits what is open and replays all of it.
func (b *Books) Finish() (sim.Digest, error) {
	if err := b.commit(NoTrouble); err != nil {
		return sim.Digest{}, err
	}
	if err := b.project(len(b.journal)); err != nil {
		return sim.Digest{}, err
	}
	digest := b.state.Snapshot().Digest()
	if b.tables.Snapshot().Digest() != digest {
		return digest, differing(b.state.Snapshot(), b.tables.Snapshot())
	}
	return digest, b.audit.Finish()
}

// differing says in what two snapshots differ that should be one.
func differing(live, replayed *sim.Snapshot) error {
	for i, st := range live.Open {
		if i < len(replayed.Open) && !slices.Equal(st.AppendCanonical(nil), replayed.Open[i].AppendCanonical(nil)) {
			return fmt.Errorf("a replay comes to another state: settlement %+v, live %+v", replayed.Open[i], st)
		}
	}
	for i, t := range live.OpenTransfers {
		if i < len(replayed.OpenTransfers) && !slices.Equal(t.AppendCanonical(nil), replayed.OpenTransfers[i].AppendCanonical(nil)) {
			return fmt.Errorf("a replay comes to another state: transfer %+v, live %+v", replayed.OpenTransfers[i], t)
		}
	}
	return errors.New("a replay comes to another state")
}
