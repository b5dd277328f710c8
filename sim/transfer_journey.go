package sim

import (
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

// journey moves one transfer on, within one event: as many steps as follow at
// once.
type journey struct {
	*Transfer
	book
	// rail is nil where the profile does not offer it any more.
	rail *profile.RailRules
	// sends is by how many transfers more the velocity of the account counts.
	sends int
}

// journey begins an event about a transfer, which is new or a copy. Whoever calls
// it ends it.
func (d *decision) journey(t *Transfer, rail *profile.RailRules, event EventType) *journey {
	e := d.emit(event)
	e.Transfers = append(e.Transfers, t)
	return &journey{Transfer: t, book: book{d, e}, rail: rail}
}

// end completes the event.
func (j *journey) end() {
	if j.Done() {
		j.DueAt = time.Time{}
	}
	j.d.countSent(j.e, j.Transfer, j.sends)
}

// after returns the instance time so much later, in the precision of the journal.
func (j *journey) after(d time.Duration) time.Time { return j.d.now.Add(d).Truncate(time.Microsecond) }

// step notes a transition. Its reason is the transfer's from now on.
func (j *journey) step(stage TransferStage, code, reason string) {
	j.Stage, j.ReasonCode, j.Reason = stage, code, reason
	j.History = append(j.History, Transition{At: j.d.now, Status: string(stage), ReasonCode: code, Reason: reason, Sequence: j.e.Sequence})
}

// cash reports whether the transfer moves cash.
func (j *journey) cash() bool { return j.d.rules.Assets.Lookup(j.Symbol).IsCash() }

// own returns the holding of the transfer's account.
func (j *journey) own() *Holding { return j.holding(j.AccountID, j.Symbol, j.cash()) }

// reserve reserves what a transfer out needs: the amount and the largest fee. It
// reports false where the account lacks it, and then the transfer has failed.
func (j *journey) reserve(cash bool) bool {
	if j.Direction != DirectionOut {
		return true
	}
	needed, available := j.Quantity.Add(j.MaxFee), "0"
	if h := j.d.holdings[HoldingKey{j.AccountID, j.Symbol}]; h != nil {
		if !h.Available.Less(needed) {
			own := j.own()
			j.pass(own, BucketAvailable, own, BucketReserved, needed)
			j.Reserved = needed
			j.sends++
			return true
		}
		available = h.Available.String()
	}
	code := ReasonLack
	if cash {
		code = ReasonInsufficientFunds
	}
	reason := "account " + quote(j.AccountID) + " has " + available + " " + j.Symbol + " available, " + needed.String() + " is needed"
	if !j.MaxFee.IsZero() {
		reason += " (" + j.MaxFee.String() + " of it for the fee)"
	}
	j.stop(EventTransferFailed, StageRejected, code, reason)
	return false
}

// stop ends a transfer that has not been sent: what it has reserved is available
// again.
func (j *journey) stop(event EventType, stage TransferStage, code, reason string) {
	if !j.Reserved.IsZero() {
		own := j.own()
		j.pass(own, BucketReserved, own, BucketAvailable, j.Reserved)
		j.Reserved = money.Zero
		j.sends--
	}
	j.finish(event, stage, code, reason)
}

// finish makes a transfer final that has nothing under way.
func (j *journey) finish(event EventType, stage TransferStage, code, reason string) {
	switch stage {
	case StageSettled:
		j.Status = StatusCompleted
	case StageCancelled:
		j.Status = StatusCancelled
	default:
		j.Status = StatusFailed
	}
	j.e.Type, j.CompletedAt, j.DueAt = event, j.d.now, time.Time{}
	j.step(stage, code, reason)
}

// schedule sets when an approved transfer is sent: on its value date. Effects are
// those of faults.
func (j *journey) schedule(effects effects) {
	if j.Direction == DirectionOut {
		j.step(StageReserved, "", "")
		j.Status = StatusInProgress
	}
	value, _ := j.rail.ValueDate(j.d.now)
	start := j.rail.StartOf(value)
	if start.Before(j.d.now) {
		start = j.d.now
	}
	j.sendAt(start.Add(effects.delay))
}

// sendAt sets when the transfer is sent, and what follows from it.
func (j *journey) sendAt(at time.Time) {
	at = at.UTC().Truncate(time.Microsecond)
	j.DueAt = at
	j.ValueDate = j.rail.Today(at).String()
	j.ExpectedCompletion = at.Add(j.rail.ProcessingTime.Std()).Truncate(time.Microsecond)
	if j.CreditAccount != "" {
		j.DueAt = j.ExpectedCompletion // a book transfer is on no way: it settles at once
		return
	}
	chain := time.Duration(j.rail.Confirmations) * j.rail.BlockInterval.Std()
	j.ExpectedCompletion = j.ExpectedCompletion.Add(chain).Truncate(time.Microsecond)
}

// lookAtTransfer moves a transfer on as far as it can come now.
func (d *decision) lookAtTransfer(before *Transfer) {
	waits := before.DueAt.IsZero()
	if (!waits && d.now.Before(before.DueAt)) || (waits && d.frozen(before.AccountID)) {
		return // woken early
	}
	rail, _ := d.profile().Rail(before.Rail)
	j := d.journey(before.copy(), rail, "")
	defer j.end()
	if waits {
		j.DueAt = d.now
	}
	if rail == nil && !j.withdrawn() {
		return
	}
	j.move()
}

// withdrawn ends a transfer whose rail the profile does not offer any more, as
// far as it can: what has not been sent fails, what has been sent settles, and
// what may be returned is not. It reports whether the journey goes on.
func (j *journey) withdrawn() bool {
	switch {
	case !j.sent():
		j.stop(EventTransferFailed, StageRejected, ReasonNarrative, "the rail "+j.Rail+" is not on offer any more")
	case j.ReturnDue:
		j.ReturnDue, j.DueAt, j.e.Type = false, time.Time{}, EventTransferFinalized
	default:
		j.rail = &profile.RailRules{Name: j.Rail}
		j.Confirmations = max(j.ConfirmationsRequired-1, 0)
		return true
	}
	return false
}

// move takes all steps that are due by now.
func (j *journey) move() {
	for !j.Done() && !j.DueAt.IsZero() && !j.d.now.Before(j.DueAt) {
		switch j.Stage {
		case StageAwaitingApproval:
			j.answer()
		case StageBroadcast, StageConfirming:
			j.confirm()
		case StageSettled:
			j.reconsider()
		default:
			j.send()
		}
	}
}

// wakeTransfers brings a look at the transfers forward that wait for an account,
// or with an empty id, for any.
func (s *State) wakeTransfers(accountID string) {
	for id, t := range s.transfers {
		if t.DueAt.IsZero() && (accountID == "" || t.AccountID == accountID) {
			s.timers.wake(timerKey{kind: timerTransfer, id: id}, s.time)
		}
	}
}
