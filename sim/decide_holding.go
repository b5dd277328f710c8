package sim

import (
	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// terms are the words in which positions and balances are spoken of.
type terms struct {
	noun, asset, total, available, locked               string
	opened, updated, closed, lockedEvent, unlockedEvent EventType
}

var (
	positionTerms = terms{"position", "symbol", "quantity", "available_quantity", "locked_quantity",
		EventPositionOpened, EventPositionUpdated, EventPositionClosed, EventPositionLocked, EventPositionUnlocked}
	balanceTerms = terms{"balance", "currency", "total_balance", "available_balance", "locked_balance",
		EventBalanceOpened, EventBalanceUpdated, EventBalanceClosed, EventBalanceLocked, EventBalanceUnlocked}
)

func termsOf(cash bool) *terms {
	if cash {
		return &balanceTerms
	}
	return &positionTerms
}

func (c OpenHolding) decide(d *decision) *Error {
	t := termsOf(c.Cash)
	a, err := d.checkAsset(t.asset, c.Symbol, c.Cash)
	if err != nil {
		return err
	}
	if err := d.checkParties([]string{"account_id"}, []string{c.AccountID}); err != nil {
		return err
	}
	if err := checkNotNegative(t.available, a, c.Available); err != nil {
		return err
	}
	if err := checkNotNegative(t.locked, a, c.Locked); err != nil {
		return err
	}
	if err := checkValuation(c.AverageCost, c.MarketValue); err != nil {
		return err
	}
	if c.Currency != "" && !c.Cash {
		if err := checkText("currency", c.Currency, MaxCurrency); err != nil {
			return err
		}
	}
	if err := checkMetadata(c.Metadata); err != nil {
		return err
	}
	if d.holdings[HoldingKey{c.AccountID, c.Symbol}] != nil {
		return &Error{Code: CodeAlreadyExists, Field: t.asset,
			Message: "account " + quote(c.AccountID) + " has a " + t.noun + " in " + quote(c.Symbol) + " already; change that one instead"}
	}
	if err := d.checkHoldingRoom(1); err != nil {
		return err
	}
	d.openParties(c.AccountID)
	b := book{d, d.emit(t.opened)}
	h := b.holding(c.AccountID, c.Symbol, c.Cash)
	b.enter(h, BucketAvailable, c.Available)
	b.enter(h, BucketLocked, c.Locked)
	h.AverageCost, h.MarketValue, h.Metadata = c.AverageCost, c.MarketValue, c.Metadata
	if c.Currency != "" && !c.Cash {
		h.Currency = c.Currency
	}
	return nil
}

func (d *decision) checkHoldingRoom(more int) *Error {
	if len(d.holdings)+more > d.rules.MaxHoldings {
		return Errorf(CodeLimitReached, "this custodian holds its limit of %d positions and balances", d.rules.MaxHoldings)
	}
	return nil
}

func checkValuation(averageCost, marketValue money.Amount) *Error {
	if averageCost.Sign() < 0 {
		return Invalid("average_cost", "must not be negative")
	}
	if marketValue.Sign() < 0 {
		return Invalid("market_value", "must not be negative")
	}
	return nil
}

// change finds a holding by id and what asset it holds.
func (d *decision) change(cash bool, id uuid.UUID) (*Holding, asset.Asset, *Error) {
	h := d.Holding(cash, id)
	if h == nil {
		return nil, asset.Asset{}, Errorf(CodeNotFound, "%s %s does not exist", termsOf(cash).noun, id)
	}
	return h, d.rules.Assets.Lookup(h.Symbol), nil
}

func (c UpdateHolding) decide(d *decision) *Error {
	before, a, err := d.change(c.Cash, c.ID)
	if err != nil {
		return err
	}
	if c.Available != nil || c.Total != nil {
		if err := d.checkUsable("", before.AccountID); err != nil {
			return err
		}
	}
	t := termsOf(c.Cash)
	available := before.Available
	if c.Available != nil {
		if err := checkNotNegative(t.available, a, *c.Available); err != nil {
			return err
		}
		available = *c.Available
	}
	if c.Total != nil {
		if err := checkNotNegative(t.total, a, *c.Total); err != nil {
			return err
		}
		fromTotal := c.Total.Sub(before.Locked)
		switch {
		case fromTotal.Sign() < 0:
			return &Error{Code: CodeInsufficientHoldings, Field: t.total,
				Message: "cannot become " + c.Total.String() + ": " + before.Locked.String() + " is locked; unlock it first"}
		case c.Available != nil && !fromTotal.Equal(available):
			return Invalid(t.total, "must equal %s plus what is locked (%s)", t.available, before.Locked)
		}
		available = fromTotal
	}
	var averageCost, marketValue = before.AverageCost, before.MarketValue
	if c.AverageCost != nil {
		averageCost = *c.AverageCost
	}
	if c.MarketValue != nil {
		marketValue = *c.MarketValue
	}
	if err := checkValuation(averageCost, marketValue); err != nil {
		return err
	}
	if c.Currency != nil {
		if c.Cash && *c.Currency != before.Currency {
			return Invalid("currency", "of a balance cannot change; open another balance")
		}
		if err := checkText("currency", *c.Currency, MaxCurrency); err != nil {
			return err
		}
	}
	if err := checkMetadata(c.Metadata); err != nil {
		return err
	}
	b := book{d, d.emit(t.updated)}
	h := b.holding(before.AccountID, before.Symbol, before.Cash)
	if more := available.Sub(before.Available); more.Sign() > 0 {
		b.enter(h, BucketAvailable, more)
	} else {
		b.leave(h, BucketAvailable, more.Neg())
	}
	h.AverageCost, h.MarketValue = averageCost, marketValue
	if c.Currency != nil {
		h.Currency = *c.Currency
	}
	if c.Metadata != nil {
		h.Metadata = c.Metadata
	}
	return nil
}

func (c CloseHolding) decide(d *decision) *Error {
	before, _, err := d.change(c.Cash, c.ID)
	if err != nil {
		return err
	}
	if err := d.checkUsable("", before.AccountID); err != nil {
		return err
	}
	t := termsOf(c.Cash)
	if !before.Locked.IsZero() {
		return Errorf(CodeWrongState, "%s %s has %s locked; unlock it before deleting", t.noun, c.ID, before.Locked)
	}
	if !before.Sum().Equal(before.Available) {
		return Errorf(CodeWrongState, "%s %s has %s on the way in and %s on the way out; delete it once they have arrived",
			t.noun, c.ID, before.PendingIn, before.Transit)
	}
	b := book{d, d.emit(t.closed)}
	h := b.holding(before.AccountID, before.Symbol, before.Cash)
	b.leave(h, BucketAvailable, before.Available)
	h.Removed = true
	return nil
}

func (c LockHolding) decide(d *decision) *Error {
	before, a, err := d.change(c.Cash, c.ID)
	if err != nil {
		return err
	}
	if err := d.checkUsable("", before.AccountID); err != nil {
		return err
	}
	field := lockField(c.Cash)
	if err := checkPositive(field, a, c.Amount); err != nil {
		return err
	}
	if before.Available.Less(c.Amount) {
		return &Error{Code: CodeInsufficientHoldings, Field: field,
			Message: "cannot lock " + c.Amount.String() + " " + before.Symbol + ": " + before.Available.String() + " is available"}
	}
	b := book{d, d.emit(termsOf(c.Cash).lockedEvent)}
	h := b.holding(before.AccountID, before.Symbol, before.Cash)
	b.pass(h, BucketAvailable, h, BucketLocked, c.Amount)
	return nil
}

func (c UnlockHolding) decide(d *decision) *Error {
	before, a, err := d.change(c.Cash, c.ID)
	if err != nil {
		return err
	}
	if err := d.checkUsable("", before.AccountID); err != nil {
		return err
	}
	field := lockField(c.Cash)
	if err := checkPositive(field, a, c.Amount); err != nil {
		return err
	}
	if free := before.Locked.Sub(before.Reserved); free.Less(c.Amount) {
		message := "cannot unlock " + c.Amount.String() + " " + before.Symbol + ": " + free.String() + " is locked"
		if !before.Reserved.IsZero() {
			message += ", and " + before.Reserved.String() + " reserved by instructions until they settle or are cancelled"
		}
		return &Error{Code: CodeInsufficientHoldings, Field: field, Message: message}
	}
	b := book{d, d.emit(termsOf(c.Cash).unlockedEvent)}
	h := b.holding(before.AccountID, before.Symbol, before.Cash)
	b.pass(h, BucketLocked, h, BucketAvailable, c.Amount)
	return nil
}

// lockField is the name of the amount in requests to lock and unlock.
func lockField(cash bool) string {
	if cash {
		return "amount"
	}
	return "quantity"
}
