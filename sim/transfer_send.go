package sim

import (
	"strconv"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

// maxReorgs is how often a chain takes one transfer back: chains settle in the
// end, and so every transfer does.
const maxReorgs = 3

// send sends a transfer that is due: out, what is reserved goes into transit; in,
// the amount is pending. A book transfer settles.
func (j *journey) send() {
	if j.blocked() || j.closedToday() {
		return
	}
	if j.CreditAccount != "" {
		j.settleInHouse()
		return
	}
	if j.Direction == DirectionOut {
		// The largest fee was reserved; what the network does not take of it is
		// available again.
		j.Fee = j.rail.Fee.Of(j.Quantity, j.d.rules.Assets.Lookup(j.Symbol).Decimals)
		if j.MaxFee.Less(j.Fee) {
			j.Fee = j.MaxFee // the profile has become dearer in between
		}
		own := j.own()
		j.Transit = j.Quantity.Add(j.Fee)
		j.pass(own, BucketReserved, own, BucketTransit, j.Transit)
		if rest := j.Reserved.Sub(j.Transit); rest.Sign() > 0 {
			j.pass(own, BucketReserved, own, BucketAvailable, rest)
		}
		j.Reserved = money.Zero
	} else {
		j.arrive()
	}
	j.Status, j.ConfirmationsRequired, j.e.Type = StatusInProgress, j.rail.Confirmations, EventTransferBroadcast
	j.step(StageBroadcast, "", "")
	delay := j.rail.ProcessingTime.Std()
	if j.ConfirmationsRequired > 0 {
		delay += j.rail.BlockInterval.Std()
	}
	j.DueAt = j.after(delay)
}

// arrive posts what comes in as pending.
func (j *journey) arrive() {
	j.enter(j.own(), BucketPendingIn, j.Quantity)
	j.PendingIn = j.Quantity
}

// blocked puts off a step for as long as the account is frozen, and reports
// whether it did.
func (j *journey) blocked() bool {
	if !j.d.frozen(j.AccountID) {
		return false
	}
	j.delay(time.Time{}, ReasonBlockedAccount, "account "+quote(j.AccountID)+" is frozen")
	return true
}

// closedToday puts off a transfer that cannot be sent today any more: after the
// cut-off, on a holiday of the calendar, or on one that a fault simulates.
func (j *journey) closedToday() bool {
	sent := j.d.now
	if j.CreditAccount != "" {
		sent = sent.Add(-j.rail.ProcessingTime.Std()) // it is due when it has been processed
	}
	today := j.rail.Today(sent)
	switch effects := j.d.faultsOn(j.matter()); {
	case effects.holiday:
		j.delay(j.rail.StartOf(j.rail.Days().Next(today)), ReasonCutOff, "simulated bank holiday")
	case !j.rail.InTime(today, sent):
		j.delay(j.rail.StartOf(j.rail.TradeDate(j.d.now)), ReasonCutOff, "the cut-off of "+j.Rail+" for the day is over")
	default:
		return false
	}
	return true
}

// delay puts a transfer off until a time, or with none until it is woken.
func (j *journey) delay(until time.Time, code, reason string) {
	j.ReasonCode, j.Reason, j.e.Type = code, reason, EventTransferDelayed
	if until.IsZero() {
		j.DueAt = until
		return
	}
	j.sendAt(until)
}

// settleInHouse moves what is reserved to the other account in one journal.
func (j *journey) settleInHouse() {
	switch to := j.d.accounts[j.CreditAccount]; {
	case to == nil || to.Status == AccountClosed:
		j.stop(EventTransferFailed, StageRejected, ReasonClosedAccount, "account "+quote(j.CreditAccount)+" is closed")
		return
	case to.Status == AccountFrozen:
		j.stop(EventTransferFailed, StageRejected, ReasonBlockedAccount, "account "+quote(j.CreditAccount)+" is frozen")
		return
	}
	from, to := j.own(), j.holding(j.CreditAccount, j.Symbol, j.cash())
	j.pass(from, BucketReserved, to, BucketAvailable, j.Quantity)
	j.Reserved = money.Zero
	j.finish(EventTransferCompleted, StageSettled, "", "")
}

// confirm takes the next step of a transfer that was sent: a block of the chain,
// or on rails without one the end of its processing. It draws chances: the rail
// may lose the transfer as long as it has no confirmation, and the chain may take
// back one that has its first.
func (j *journey) confirm() {
	first := j.Confirmations == 0
	switch last := j.Confirmations+1 >= j.ConfirmationsRequired; {
	case last && j.Direction == DirectionIn && j.blocked():
	case first && j.d.generator.Chance(j.rail.DropRate):
		j.drop()
	case j.Confirmations == 1 && j.Reorgs < maxReorgs && j.d.generator.Chance(j.rail.ReorgRate):
		j.reorganize()
	case last:
		j.Confirmations = j.ConfirmationsRequired
		j.settle()
	default:
		if j.Confirmations++; first {
			if j.Direction == DirectionIn && j.PendingIn.IsZero() {
				j.arrive() // mined again
			}
			j.step(StageConfirming, "", "")
		}
		j.e.Type, j.DueAt = EventTransferConfirmed, j.after(j.rail.BlockInterval.Std())
	}
}

// drop ends a transfer that the rail lost. Out, the amount is available again; the
// fee is gone.
func (j *journey) drop() {
	own := j.own()
	if j.Direction == DirectionOut {
		j.pass(own, BucketTransit, own, BucketAvailable, j.Quantity)
		j.leave(own, BucketTransit, j.Fee)
	} else {
		j.leave(own, BucketPendingIn, j.PendingIn)
	}
	j.Transit, j.PendingIn = money.Zero, money.Zero
	reason := j.Rail + " failed to deliver it"
	if j.ConfirmationsRequired > 0 {
		reason = "the network dropped it"
	}
	j.finish(EventTransferFailed, StageRejected, ReasonRailError, reason)
}

// reorganize takes all confirmations back. What was coming in is outside again,
// until it is mined again or dropped.
func (j *journey) reorganize() {
	if j.Direction == DirectionIn {
		j.leave(j.own(), BucketPendingIn, j.PendingIn)
		j.PendingIn = money.Zero
	}
	j.Reorgs++
	j.Confirmations = 0
	j.step(StageBroadcast, ReasonNarrative, "reorganisation "+strconv.Itoa(j.Reorgs)+" of the chain has taken its confirmations back")
	interval := j.rail.BlockInterval.Std()
	j.e.Type, j.DueAt = EventTransferReorganized, j.after(interval)
	j.ExpectedCompletion = j.after(time.Duration(j.ConfirmationsRequired) * interval)
}

// settle completes a transfer: what is in transit leaves, what is pending is
// available.
func (j *journey) settle() {
	own := j.own()
	if j.Direction == DirectionOut {
		j.leave(own, BucketTransit, j.Quantity)
		j.leave(own, BucketTransit, j.Fee)
		j.Transit = money.Zero
	} else {
		if j.PendingIn.IsZero() {
			j.arrive() // mined again
		}
		j.pass(own, BucketPendingIn, own, BucketAvailable, j.PendingIn)
		j.PendingIn = money.Zero
	}
	j.finish(EventTransferCompleted, StageSettled, "", "")
	if j.rail.ReturnRate.Sign() <= 0 || j.rail.ReturnWindow == 0 {
		return
	}
	// A return comes at some moment of the window, if it comes; until then the
	// transfer stays in memory.
	window := j.rail.ReturnableUntil(j.rail.Today(j.d.now)).Sub(j.d.now).Microseconds()
	if window > 0 {
		j.ReturnDue = true
		j.DueAt = j.d.now.Add(time.Duration(1+j.d.generator.Below(window)) * time.Microsecond)
	}
}

// reconsider decides whether a settled transfer is returned.
func (j *journey) reconsider() {
	if j.blocked() {
		return
	}
	j.ReturnDue = false
	if !j.d.generator.Chance(j.rail.ReturnRate) {
		j.e.Type, j.DueAt = EventTransferFinalized, time.Time{}
		j.ReasonCode, j.Reason = "", ""
		return
	}
	own := j.own()
	if j.Direction == DirectionOut {
		j.enter(own, BucketAvailable, j.Quantity) // the fee is not returned
	} else {
		// The rail's rules oblige the custodian to take the return, whether the
		// client still has the money or not.
		taken := j.Quantity
		if own.Available.Less(taken) {
			taken = own.Available
		}
		j.leave(own, BucketAvailable, taken)
		j.Shortfall = j.Quantity.Sub(taken)
	}
	why := j.returnReason()
	if !j.Shortfall.IsZero() {
		why.text += "; " + j.Shortfall.String() + " " + j.Symbol + " was no longer available and is owed to the custodian"
	}
	j.finish(EventTransferReturned, StageReturned, why.code, why.text)
}

// returnReason draws why a transfer is returned.
func (j *journey) returnReason() returnReason {
	reasons := otherReturns
	switch {
	case j.Rail != profile.ACHTransfer:
	case j.Direction == DirectionOut:
		reasons = achReturnsOut
	default:
		reasons = achReturnsIn
	}
	return reasons[j.d.generator.Below(int64(len(reasons)))]
}
