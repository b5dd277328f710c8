package sim

import (
	"cmp"
	"slices"
	"time"
)

// keepFor is how long results are kept.
func (r *ReconciliationRules) keepFor() time.Duration {
	days := r.KeepDays
	if days <= 0 {
		days = DefaultKeepDays
	}
	return time.Duration(days) * 24 * time.Hour
}

func (Reconcile) decide(d *decision) *Error {
	d.reconcile(d.breaks())
	return nil
}

// lookAtBooks compares the books when it is time to. The timer is set only where
// something has happened since the last comparison, or a break is open.
func (d *decision) lookAtBooks() { d.reconcile(d.breaks()) }

// reconcile compares the books: an event for each break that is opened or
// resolved, and then the result, with which what is too old goes.
func (d *decision) reconcile(breaks []*Break) {
	current := make(map[string]*Break) // by symbol
	for _, b := range breaks {
		if known := current[b.Symbol]; known == nil || known.OpenedAt.Before(b.OpenedAt) || b.Status == BreakOpen {
			current[b.Symbol] = b
		}
	}
	known := func(symbol string) *Break {
		b := current[symbol]
		delete(current, symbol)
		return b
	}
	result := &Reconciliation{ID: d.generator.ID(d.now).String(), At: d.now}
	for _, line := range d.Books() {
		result.Compared++
		found := known(line.Symbol)
		if line.Difference.IsZero() {
			result.Matched++
			if found != nil && found.Status == BreakOpen {
				d.resolveBreak(found, line, ResolvedByAgreement, result)
			}
			continue
		}
		if len(result.Differences) < maxReportedBreaks {
			result.Differences = append(result.Differences, line)
		}
		d.reconcileDifference(found, line, result)
	}
	for _, b := range breaks { // of symbols that nobody speaks of any more
		if current[b.Symbol] == b && b.Status == BreakOpen {
			d.resolveBreak(b, BookLine{Symbol: b.Symbol, Account: b.Account}, ResolvedByAgreement, result)
		}
	}
	result.Sequence = d.nextSequence()
	e := d.emit(EventReconciled)
	d.record(e, NewDocument(DocumentReconciliation, result.ID, result))
	d.prune(e, breaks)
}

// reconcileDifference opens a break for a difference, follows one that is open,
// or resolves it where it is small enough.
func (d *decision) reconcileDifference(known *Break, line BookLine, result *Reconciliation) {
	kind := d.rules.Assets.Lookup(line.Symbol).Kind
	size := line.Difference.Amount
	if size.Sign() < 0 {
		size = size.Neg()
	}
	tolerated := !d.rules.Reconciliation.Tolerance[kind].Less(size)
	open := known != nil && known.Status == BreakOpen
	switch {
	case open && tolerated:
		d.resolveBreak(known, line, ResolvedByTolerance, result)
	case open:
		result.OpenBreaks++
		if !known.Difference.Equal(line.Difference.Amount) {
			after := *known
			after.BookLine, after.SeenAt = line, d.now
			d.record(d.emit(EventBreakChanged), NewDocument(DocumentBreak, after.ID, &after))
		}
	case tolerated && known != nil && known.Resolution == ResolvedByTolerance && known.Difference.Equal(line.Difference.Amount):
		// It was accepted before.
	default:
		b := &Break{ID: d.generator.ID(d.now).String(), BookLine: line, Kind: kind, Status: BreakOpen, OpenedAt: d.now, SeenAt: d.now}
		if tolerated {
			d.resolveBreak(b, line, ResolvedByTolerance, result)
			return
		}
		result.Opened++
		result.OpenBreaks++
		d.record(d.emit(EventBreakOpened), NewDocument(DocumentBreak, b.ID, b))
	}
}

func (d *decision) resolveBreak(b *Break, line BookLine, how string, result *Reconciliation) {
	after := *b
	after.Status, after.Resolution, after.BookLine = BreakResolved, how, line
	after.SeenAt, after.ResolvedAt = d.now, d.now
	result.Resolved++
	d.record(d.emit(EventBreakResolved), NewDocument(DocumentBreak, after.ID, &after))
}

// prune removes results and resolved breaks that are too old or too many.
func (d *decision) prune(e *Event, breaks []*Break) {
	oldest := d.now.Add(-d.rules.Reconciliation.keepFor())
	results := d.reconciled
	for i, r := range results {
		if r.at.Before(oldest) || len(results)-i >= MaxReconciliations {
			d.remove(e, DocumentKey{DocumentReconciliation, r.id})
		}
	}
	resolved := slices.DeleteFunc(slices.Clone(breaks), func(b *Break) bool { return b.Status != BreakResolved })
	slices.SortFunc(resolved, func(a, b *Break) int {
		return cmp.Or(a.ResolvedAt.Compare(b.ResolvedAt), cmp.Compare(a.ID, b.ID))
	})
	for i, b := range resolved {
		if b.ResolvedAt.Before(oldest) || len(resolved)-i > MaxResolvedBreaks {
			d.remove(e, DocumentKey{DocumentBreak, b.ID})
		}
	}
}

func (Reconcile) appendCanonical(dst []byte) []byte { return canonical(dst, "reconcile") }
func (Reconcile) externalKey() Key                  { return Key{} }
