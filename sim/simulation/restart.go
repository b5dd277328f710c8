package simulation

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Restart throws the state away and loads it again: what the tables have, and the
// journal behind it. In good order the open group commits before.
func (b *Books) Restart(crash bool, luck uint64) error {
	b.dice = newDice(luck, 0)
	return b.restart(crash)
}

func (b *Books) restart(crash bool) error {
	if crash {
		b.unsure(b.waiting)
		b.open, b.waiting = nil, nil
	} else if err := b.commit(NoTrouble); err != nil {
		return err
	}
	before, lines := b.state, b.state.Books()
	snap := b.tables.Snapshot()
	snap.Keyed = len(b.keys) > 0
	var err error
	if b.state, err = sim.LoadState(b.world.Rules, sim.NewGenerator(Instance, b.world.Seed), snap); err != nil {
		return fmt.Errorf("loading: %w", err)
	}
	if d := b.state.Snapshot().Digest(); d != b.tables.Snapshot().Digest() {
		return errors.New("a state that was loaded from a snapshot has another digest")
	}
	for _, stored := range b.journal[b.projected:] {
		batch := *stored
		if err := batch.Decode(); err != nil {
			return err
		}
		if err := b.state.ApplyBatch(&batch); err != nil {
			return fmt.Errorf("replaying the tail: %w", err)
		}
	}
	if snap.Keyed && !b.dice.in(3) { // else every key costs a lookup
		var filter sim.KeyFilter
		for key := range b.keys {
			filter.Add(key)
		}
		b.state.SetHistory(&filter)
	}
	if err := b.fire(b.now()); err != nil || crash {
		return err
	}
	// In good order nothing was left to do, and nothing else is to be done next.
	was, _ := before.NextDue()
	reasons := false
	for _, e := range b.open {
		switch {
		case b.onlyReasons(e):
			reasons = true
		case reasons && e.Type == sim.EventReconciled: // since there was an event
		default:
			return fmt.Errorf("a restart does what was not to be done: %s", b.difference(e))
		}
	}
	switch is, _ := b.state.NextDue(); {
	case !is.Equal(was) && (!reasons || !b.reconcilesAt(is)):
		return fmt.Errorf("after a restart work is due at %s, and before at %s", is, was)
	case !slices.EqualFunc(lines, b.state.Books(), func(x, y sim.BookLine) bool {
		return x.Symbol == y.Symbol && x.Ours.Equal(y.Ours.Amount) && x.Theirs.Equal(y.Theirs.Amount)
	}):
		return fmt.Errorf("after a restart the books outside are %+v, and before %+v", b.state.Books(), lines)
	}
	return nil
}

// reconcilesAt reports whether the books are compared at an instant because of the
// last event: each event behind a reconciliation is followed by another, and so is
// one that only brings reasons up to date.
func (b *Books) reconcilesAt(at time.Time) bool {
	interval := b.world.Rules.Reconciliation.Interval
	last := b.open[len(b.open)-1].Time
	return interval > 0 && at.After(last) && at.Sub(last) <= interval && at.UnixMicro()%interval.Microseconds() == 0
}

// onlyReasons reports whether an event does no more than bring reasons up to date, as
// any look may: their texts, or which holdings are lacking, since nothing is looked
// at when holdings become fewer.
func (b *Books) onlyReasons(e *sim.Event) bool {
	if len(e.Settlements) == 0 || len(e.Postings)+len(e.Transfers)+len(e.Documents) > 0 {
		return false
	}
	for _, st := range e.Settlements {
		before := b.audit.Settlement(st.ID)
		if before == nil || before.Status != st.Status || before.Settlement.Status != st.Settlement.Status || !before.DueAt.Equal(st.DueAt) ||
			before.Processing != st.Processing || before.Matching != st.Matching || before.Course != st.Course {
			return false
		}
		was, is := before.Settlement, st.Settlement
		same := is.ReasonCode == was.ReasonCode
		if same && len(before.History) != len(st.History) || !same && (!lacks(was) || !lacks(is)) {
			return false
		}
	}
	return true
}

// lacks reports whether a reason is that holdings are lacking.
func lacks(d sim.Dimension) bool {
	switch d.ReasonCode {
	case sim.ReasonLack, sim.ReasonMoney, sim.ReasonCounterpartyLack, sim.ReasonCounterpartyMoney:
		return true
	case sim.ReasonLinked:
		return strings.HasSuffix(d.Reason, "lacks holdings")
	default:
		return false
	}
}

// difference says what an event changes of settlements and transfers.
func (b *Books) difference(e *sim.Event) string {
	out := string(e.Type)
	for _, st := range e.Settlements {
		out += fmt.Sprintf("\n\t\tbefore: %+v\n\t\tafter:  %+v", b.audit.Settlement(st.ID), st)
	}
	for _, t := range e.Transfers {
		out += fmt.Sprintf("\n\t\tbefore: %+v\n\t\tafter:  %+v", b.audit.Transfer(t.ID), t)
	}
	return out
}
