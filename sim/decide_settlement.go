package sim

import (
	"strings"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
)

func (c Instruct) decide(d *decision) *Error {
	if err := c.resolve(); err != nil {
		return err
	}
	a, err := c.check(d)
	if err != nil {
		return err
	}
	parties := c.parties()
	if err := d.checkKnown(c.partyFields(), parties); err != nil {
		return err
	}
	if err := c.checkTerms(d, a); err != nil {
		return err
	}
	terms := c.terms()
	date, err := c.valueDates(d, d.timingOf(&Settlement{Type: c.Type, Terms: terms}))
	if err != nil {
		return err
	}
	if c.Hold && len(d.open) >= d.rules.MaxOpenSettlements {
		return d.openLimit()
	}
	if err := d.checkReceiverRoom(c.Type, c.DestinationAccount, c.Symbol); err != nil {
		return err
	}
	if c.Type.NeedsMatch() {
		if err := d.checkIncomingRoom(&c); err != nil {
			return err
		}
	}
	if terms == nil && d.instant && !c.Hold && d.active(parties) {
		found := d.faultsOn(matter{settlementType: c.Type, account: c.AccountID, symbol: c.Symbol, amount: c.Quantity})
		if found == (effects{}) {
			d.openParties(parties...)
			c.nameOutside(a.IsCash())
			s := c.settlement(d, date, terms)
			s.step(d, ProcessingAcknowledged, "", "")
			d.settle(s, a.IsCash())
			return nil
		}
		return c.record(d, a, date, terms, &found)
	}
	return c.record(d, a, date, terms, nil)
}

// settlement returns the record of the instruction, with room for the history
// that most have: taken, and settled or refused or held.
func (c *Instruct) settlement(d *decision, date string, terms *Terms) *Settlement {
	room := &struct {
		Settlement
		history [2]Transition
	}{Settlement: Settlement{
		ID: d.generator.ID(d.now), ExternalID: c.ExternalID, Type: c.Type, AccountID: c.AccountID, Symbol: c.Symbol,
		Quantity: c.Quantity, Status: StatusPending,
		SourceAccount: c.SourceAccount, DestinationAccount: c.DestinationAccount, Terms: terms,
		Processing:  Dimension{Status: ProcessingAcknowledged},
		Settlement:  Dimension{Status: SettlementPending},
		Hold:        Dimension{Status: HoldReleased},
		InitiatedAt: d.now, ExpectedDate: date, Metadata: c.Metadata,
	}}
	s := &room.Settlement
	s.History = room.history[:0]
	return s
}

// active reports whether none of the accounts is frozen or closed.
func (d *decision) active(ids []string) bool {
	for _, id := range ids {
		if a := d.accounts[id]; a != nil && a.Status != AccountActive {
			return false
		}
	}
	return true
}

func (d *decision) openLimit() *Error {
	return Errorf(CodeLimitReached, "this custodian has its limit of %d open settlements; cancel or release some", d.rules.MaxOpenSettlements)
}

// resolve fills in the accounts that follow from the type, and refuses
// contradictions between them.
func (c *Instruct) resolve() *Error {
	switch c.Type {
	case Deposit:
		if c.DestinationAccount == "" {
			c.DestinationAccount = c.AccountID
		}
		if c.DestinationAccount != c.AccountID {
			return Invalid("destination_account", "of a DEPOSIT must be account_id or left out")
		}
	case Withdrawal:
		if c.SourceAccount == "" {
			c.SourceAccount = c.AccountID
		}
		if c.SourceAccount != c.AccountID {
			return Invalid("source_account", "of a WITHDRAWAL must be account_id or left out")
		}
	case Internal:
		switch {
		case c.SourceAccount == "":
			return Invalid("source_account", "is required for a TRANSFER")
		case c.DestinationAccount == "":
			return Invalid("destination_account", "is required for a TRANSFER")
		case c.SourceAccount == c.DestinationAccount:
			return Invalid("destination_account", "must differ from source_account")
		}
		if c.AccountID == "" {
			c.AccountID = c.SourceAccount
		}
		if c.AccountID != c.SourceAccount && c.AccountID != c.DestinationAccount {
			return Invalid("account_id", "of a TRANSFER must be source_account or destination_account")
		}
	case DVP, RVP, DFP, RFP:
	case "":
		return Invalid("settlement_type", "is required; allowed: %s", strings.Join(SettlementTypes(), ", "))
	default:
		return Invalid("settlement_type", "%s is not available; allowed: %s", quote(string(c.Type)), strings.Join(SettlementTypes(), ", "))
	}
	return nil
}

// nameOutside names the account outside the house, where the caller did not:
// the custodian's own mirror of it.
func (c *Instruct) nameOutside(cash bool) {
	if c.Type == Deposit && c.SourceAccount == "" {
		c.SourceAccount = MirrorOf(cash)
	}
	if c.Type == Withdrawal && c.DestinationAccount == "" {
		c.DestinationAccount = MirrorOf(cash)
	}
	if !c.Type.NeedsMatch() {
		return
	}
	c.SourceAccount, c.DestinationAccount = c.AccountID, c.otherSide()
	if c.Type == RVP || c.Type == RFP {
		c.SourceAccount, c.DestinationAccount = c.DestinationAccount, c.SourceAccount
	}
}

// otherSide names the counterparty.
func (c *Instruct) otherSide() string {
	switch {
	case c.CounterpartyAccount != "":
		return c.CounterpartyAccount
	case c.Counterparty.BIC != "":
		return c.Counterparty.BIC
	default:
		return c.Counterparty.Name
	}
}

// parties are the client accounts that take part.
func (c *Instruct) parties() []string {
	if c.Type == Internal {
		return []string{c.SourceAccount, c.DestinationAccount}
	}
	return []string{c.AccountID}
}

func (c *Instruct) partyFields() []string {
	if c.Type == Internal {
		return []string{"source_account", "destination_account"}
	}
	return []string{"account_id"}
}

func (c *Instruct) check(d *decision) (asset.Asset, *Error) {
	if err := checkText("symbol", c.Symbol, MaxSymbol); err != nil {
		return asset.Asset{}, err
	}
	a := d.rules.Assets.Lookup(c.Symbol)
	if err := checkPositive("quantity", a, c.Quantity); err != nil {
		return a, err
	}
	optional := []struct{ field, value string }{
		{c.partyFields()[0], c.parties()[0]}, // first, because resolve may have copied it to another field
		{"external_id", c.ExternalID}, {"source_account", c.SourceAccount}, {"destination_account", c.DestinationAccount},
	}
	for _, o := range optional {
		if o.value == "" {
			continue
		}
		if err := checkText(o.field, o.value, MaxIdentifier); err != nil {
			return a, err
		}
	}
	return a, checkMetadata(c.Metadata)
}

// checkReceiverRoom checks that the receiver has a holding or may get one.
func (d *decision) checkReceiverRoom(t SettlementType, receiver, symbol string) *Error {
	if t == Withdrawal || receiver == "" || d.holdings[HoldingKey{receiver, symbol}] != nil {
		return nil
	}
	return d.checkHoldingRoom(1)
}

// checkIncomingRoom checks that the account of a trade has a holding for what comes
// in, or may get one.
func (d *decision) checkIncomingRoom(c *Instruct) *Error {
	symbol := c.Symbol
	if c.Type == DVP {
		symbol = c.Payment.Currency
	}
	if c.Type == DFP || d.holdings[HoldingKey{c.AccountID, symbol}] != nil {
		return nil
	}
	return d.checkHoldingRoom(1)
}

// today is the date of the decision, in UTC. It is written once a day.
func (d *decision) today() string {
	if day := d.now.Unix() / (24 * 60 * 60); d.date.text == "" || d.date.day != day {
		d.date.day, d.date.text = day, d.now.Format(time.DateOnly)
	}
	return d.date.text
}

// step appends a transition to the settlement's history, dated now and
// referring to the event that is emitted next.
func (s *Settlement) step(d *decision, status, code, reason string) {
	s.History = append(s.History, Transition{At: d.now, Status: status, ReasonCode: code, Reason: reason, Sequence: d.nextSequence()})
}

// emitSettlement adds an event about a settlement.
func (d *decision) emitSettlement(t EventType, s *Settlement) *Event {
	e := d.emit(t)
	e.Settlements = append(e.Settlements, s)
	return e
}

// settle completes the settlement with its postings, or fails it for want of
// holdings: both are what happens at a custodian, so both are recorded.
func (d *decision) settle(s *Settlement, cash bool) {
	from := d.holdings[HoldingKey{s.SourceAccount, s.Symbol}]
	if s.Type != Deposit && (from == nil || from.Available.Less(s.Quantity)) {
		d.fail(s, cash, from)
		return
	}
	s.Status, s.Settled, s.CompletedAt = StatusCompleted, s.Quantity, d.now
	s.Settlement = Dimension{Status: SettlementSettled}
	s.step(d, SettlementSettled, "", "")
	b := book{d, d.emitSettlement(EventSettlementCompleted, s)}
	switch s.Type {
	case Deposit:
		h := b.holding(s.AccountID, s.Symbol, cash)
		b.enter(h, BucketAvailable, s.Quantity)
	case Withdrawal:
		h := b.holding(s.AccountID, s.Symbol, cash)
		b.leave(h, BucketAvailable, s.Quantity)
	case Internal:
		source := b.holding(s.SourceAccount, s.Symbol, cash)
		destination := b.holding(s.DestinationAccount, s.Symbol, cash)
		b.pass(source, BucketAvailable, destination, BucketAvailable, s.Quantity)
	}
}

func (d *decision) fail(s *Settlement, cash bool, from *Holding) {
	available := "0"
	if from != nil {
		available = from.Available.String()
	}
	code := ReasonLack
	if cash {
		code = ReasonMoney
	}
	s.Status, s.CompletedAt = StatusFailed, d.now
	s.Processing = Dimension{Status: ProcessingRejected, ReasonCode: code,
		Reason: "account " + quote(s.SourceAccount) + " has " + available + " " + s.Symbol + " available, " + s.Quantity.String() + " is needed"}
	s.step(d, ProcessingRejected, code, s.Processing.Reason)
	d.emitSettlement(EventSettlementFailed, s)
}
