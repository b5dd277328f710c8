package sim

import (
	"strconv"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
)

// record records an instruction that is not plainly settled at once, and moves it
// on as far as it can come. The effects of fault rules are nil where they have not
// been asked yet.
func (c *Instruct) record(d *decision, a asset.Asset, date string, terms *Terms, found *effects) *Error {
	done, ulnk, err := c.resolveLinks(d)
	if err != nil {
		return err
	}
	generator := *d.generator
	d.openParties(c.parties()...)
	c.nameOutside(a.IsCash())
	s := c.settlement(d, date, terms)
	ch := d.changeSettlements()
	ch.add(s)
	s.Course.LinksDone = done
	ch.step(s, ProcessingAcknowledged, "", "")
	ch.happened(EventSettlementAcknowledged)
	if found == nil {
		f := d.faultsOn(s.matter())
		found = &f
	}
	ch.asked, ch.found = s, *found
	if code, text := c.rejection(ch, s, a, ulnk, found); code != "" {
		ch.reject(s, code, text)
		ch.happened(EventSettlementRejected)
		ch.finish()
		return nil
	}
	if c.Hold {
		ch.hold(s)
	}
	if err := ch.regroup(s); err != nil {
		*d.generator = generator
		return err
	}
	t := d.timingOf(s)
	s.Course.CutOffAt = t.firstCutOff(valueDate(s), d.now)
	switch {
	case ch.frozen(s) != "" && d.instant && !s.NeedsMatch():
		ch.reject(s, ReasonFrozen, "account "+quote(ch.frozen(s))+" is frozen")
		ch.happened(EventSettlementFailed)
	case ch.frozen(s) != "":
		ch.pendProcessing(s, ReasonBlocked, "account "+quote(ch.frozen(s))+" is frozen")
	case !t.open(d.now):
		s.Course.ReadyAt = t.StartOf(t.TradeDate(d.now))
		ch.pendProcessing(s, ReasonDeadline, "received after the cut-off; processed from "+t.TradeDate(d.now).String()+" on")
	default:
		ch.startMatching(s)
	}
	ch.proceed(s)
	if !s.Status.Final() && len(d.open) >= d.rules.MaxOpenSettlements {
		*d.generator = generator
		return d.openLimit()
	}
	ch.finish()
	return nil
}

func (c *change) pendProcessing(s *Settlement, code, text string) {
	s.Processing = Dimension{Status: ProcessingPending, ReasonCode: code, Reason: text}
	c.step(s, ProcessingPending, code, text)
}

// resolveLinks finds what the instruction links to. It returns the bits of the
// links whose instructions have settled, and why the links are no good, if so.
func (c *Instruct) resolveLinks(d *decision) (done uint32, ulnk string, err *Error) {
	for i, l := range c.Links {
		switch other, known := d.settlementByExternalID(l.ExternalID); {
		case !known:
			return 0, "", errNeedsLookup
		case other == nil:
			ulnk = "instruction " + quote(l.ExternalID) + " is not known"
		case !other.Status.Final():
			if len(d.index.dependents[l.ExternalID]) >= MaxDependents {
				return 0, "", &Error{Code: CodeLimitReached, Field: "links",
					Message: "instruction " + quote(l.ExternalID) + " has the largest number of open instructions linked to it"}
			}
		case l.Type == LinkInfo:
		case l.Type == LinkAfter && other.Status == StatusCompleted:
			done |= 1 << i
		default:
			ulnk = "instruction " + quote(l.ExternalID) + " is " + string(other.Status) + ", which is final"
		}
	}
	return done, ulnk, nil
}

// rejection returns why a well-formed instruction is rejected, or nothing.
// One that comes after the cut-off of its value date is taken only where it is what
// the counterparty waits for.
func (c *Instruct) rejection(ch *change, s *Settlement, a asset.Asset, ulnk string, found *effects) (code, text string) {
	d := ch.d
	for _, id := range append(c.parties(), c.CounterpartyAccount) {
		if account := d.accounts[id]; account != nil && account.Status == AccountClosed {
			return ReasonAccount, "account " + quote(id) + " is closed"
		}
	}
	t := d.timingOf(s)
	switch {
	case s.NeedsMatch() && a.IsCash():
		return ReasonSecurity, quote(c.Symbol) + " is cash, not a security: give it as the payment"
	case s.NeedsMatch() && a.Kind == asset.Security && c.Quantity.Decimals() > 0 && !d.instant && !d.rules.Assets.Declared(c.Symbol):
		return ReasonQuantity, c.Quantity.String() + " is no whole number of " + c.Symbol + ", whose decimals are not declared under assets"
	case t.late(s, d.now) && (!s.NeedsMatch() || s.outside() || ch.findMatch(s) == nil):
		return ReasonLate, "received after the cut-off of " + s.ExpectedDate
	case ulnk != "":
		return ReasonLink, ulnk
	case found.rejectCode != "" && found.rejectCode != ReasonHeldDepository:
		return found.rejectCode, found.rejectReason
	}
	return "", ""
}

// regroup makes sure that what a new instruction is linked WITH settles together
// with it, and what is to settle after it does not before: what they have reserved
// without it is released.
func (c *change) regroup(s *Settlement) *Error {
	if s.Terms == nil {
		return nil
	}
	for _, l := range s.Terms.Links {
		if l.Type != LinkWith && l.Type != LinkBefore {
			continue
		}
		if other := c.external(l.ExternalID); other != nil {
			c.unreserveGroup(other)
		}
	}
	if g := c.group(s); len(g.members) > 2*MaxGroup {
		return &Error{Code: CodeLimitReached, Field: "links",
			Message: "too many instructions are linked WITH one another: at most " + strconv.Itoa(MaxGroup) + " settle in one journal"}
	}
	return nil
}
