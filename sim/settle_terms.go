package sim

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/calendar"
)

// bic is the form of a business identifier code (ISO 9362).
var bic = regexp.MustCompile(`^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$`)

// checkTerms checks what an instruction says beyond its type, account, symbol and
// quantity. a is its symbol's asset.
func (c *Instruct) checkTerms(d *decision, a asset.Asset) *Error {
	if strings.HasPrefix(c.ExternalID, reversalPrefix) {
		return Invalid("external_id", "must not begin with %s: such ids belong to reversals", quote(reversalPrefix))
	}
	if !c.saysMore() && !c.Type.NeedsMatch() {
		return nil
	}
	for _, check := range []func(*decision, asset.Asset) *Error{c.checkPayment, c.checkCounterparty, c.checkRail, c.checkPartial, c.checkLinks} {
		if err := check(d, a); err != nil {
			return err
		}
	}
	return nil
}

func (c *Instruct) checkPayment(d *decision, _ asset.Asset) *Error {
	switch {
	case !c.Type.AgainstPayment() && (!c.Payment.IsZero() || !c.Payment.Amount.IsZero()):
		return Invalid("payment", "does not belong to a %s: leave it out, or instruct a %s or %s", c.Type, DVP, RVP)
	case !c.Type.AgainstPayment():
		return nil
	case c.Payment.IsZero() && c.Payment.Amount.IsZero():
		return Invalid("payment", "is required for a %s: give currency and amount, or instruct a %s or %s", c.Type, DFP, RFP)
	}
	if err := checkText("payment.currency", c.Payment.Currency, MaxCurrency); err != nil {
		return err
	}
	cash := d.rules.Assets.Lookup(c.Payment.Currency)
	if !cash.IsCash() {
		return Invalid("payment.currency", "%s is not cash: give an ISO 4217 currency or an asset declared as cash", quote(c.Payment.Currency))
	}
	return checkPositive("payment.amount", cash, c.Payment.Amount)
}

func (c *Instruct) checkCounterparty(d *decision, _ asset.Asset) *Error {
	inside, outside := c.CounterpartyAccount != "", !c.Counterparty.IsZero()
	switch {
	case !c.Type.NeedsMatch() && inside:
		return Invalid("counterparty_account", "does not belong to a %s", c.Type)
	case !c.Type.NeedsMatch() && outside:
		return Invalid("counterparty", "does not belong to a %s", c.Type)
	case !c.Type.NeedsMatch():
		return nil
	case c.SourceAccount != "":
		return Invalid("source_account", "does not belong to a %s: give account_id and counterparty_account", c.Type)
	case c.DestinationAccount != "":
		return Invalid("destination_account", "does not belong to a %s: give account_id and counterparty_account", c.Type)
	case inside && outside:
		return Invalid("counterparty", "and counterparty_account exclude each other: give the one that holds the other side")
	case !inside && !outside:
		return Invalid("counterparty_account", "is required for a %s, or counterparty where the other side is outside the house", c.Type)
	case inside && c.CounterpartyAccount == c.AccountID:
		return Invalid("counterparty_account", "must differ from account_id")
	case inside:
		if err := checkAccountID("counterparty_account", c.CounterpartyAccount); err != nil {
			return err
		}
		if !d.rules.AutoOpen && d.accounts[c.CounterpartyAccount] == nil {
			return &Error{Code: CodeNotFound, Field: "counterparty_account",
				Message: "account " + quote(c.CounterpartyAccount) + " does not exist; open it first (accounts.auto_open is off)"}
		}
		return nil
	}
	if err := checkText("counterparty.name", c.Counterparty.Name, MaxIdentifier); err != nil {
		return err
	}
	if c.Counterparty.BIC != "" && !bic.MatchString(c.Counterparty.BIC) {
		return Invalid("counterparty.bic", "%s is no business identifier code: ISO 9362 has 8 or 11 capital letters and digits, such as DEUTDEFF", quote(c.Counterparty.BIC))
	}
	return nil
}

func (c *Instruct) checkRail(d *decision, a asset.Asset) *Error {
	if c.Rail == "" {
		return nil
	}
	if c.Type != Deposit && c.Type != Withdrawal {
		return Invalid("rail", "belongs to a %s or %s only", Deposit, Withdrawal)
	}
	rail, ok := d.profile().Rail(c.Rail)
	switch {
	case !ok:
		return Invalid("rail", "%s is not on offer; this profile has: %s", quote(c.Rail), strings.Join(d.profile().Rails(), ", "))
	case !rail.Allows(a.Kind):
		return Invalid("rail", "%s does not carry %s, which is %s", c.Rail, a.Symbol, a.Kind)
	}
	return nil
}

func (c *Instruct) checkPartial(d *decision, a asset.Asset) *Error {
	switch c.Partial {
	case "", PartialNotAllowed, PartialAllowed:
		if !c.MinQuantity.IsZero() {
			return Invalid("min_quantity", "belongs to partial %s or %s only", PartialByCash, PartialByQuantity)
		}
		return nil
	case PartialByQuantity:
		if err := checkPositive("min_quantity", a, c.MinQuantity); err != nil {
			return err
		}
		if c.Quantity.Less(c.MinQuantity) {
			return Invalid("min_quantity", "must not exceed the quantity of %s", c.Quantity)
		}
		return nil
	case PartialByCash:
		if !c.Type.AgainstPayment() {
			return Invalid("partial", "%s needs a payment: instruct a %s or %s, or allow parts by %s or %s", c.Partial, DVP, RVP, PartialAllowed, PartialByQuantity)
		}
		if err := checkPositive("min_quantity", d.rules.Assets.Lookup(c.Payment.Currency), c.MinQuantity); err != nil {
			return err
		}
		if c.Payment.Amount.Less(c.MinQuantity) {
			return Invalid("min_quantity", "counts in %s with %s and must not exceed the payment of %s", c.Payment.Currency, c.Partial, c.Payment.Amount)
		}
		return nil
	default:
		return Invalid("partial", "%s is not known; allowed: %s", quote(string(c.Partial)), strings.Join(PartialIndicators(), ", "))
	}
}

func (c *Instruct) checkLinks(*decision, asset.Asset) *Error {
	if len(c.Links) > MaxLinks {
		return Invalid("links", "are %d: at most %d are allowed", len(c.Links), MaxLinks)
	}
	for i, l := range c.Links {
		field := "links[" + strconv.Itoa(i) + "]"
		switch l.Type {
		case LinkWith, LinkAfter, LinkBefore, LinkInfo:
		case "":
			return Invalid(field+".type", "is required; allowed: %s", strings.Join(LinkTypes(), ", "))
		default:
			return Invalid(field+".type", "%s is not known; allowed: %s", quote(string(l.Type)), strings.Join(LinkTypes(), ", "))
		}
		if err := checkText(field+".external_id", l.ExternalID, MaxIdentifier); err != nil {
			return err
		}
		if l.ExternalID == c.ExternalID {
			return Invalid(field+".external_id", "is the instruction itself: link to another one")
		}
		for _, other := range c.Links[:i] {
			if other.ExternalID == l.ExternalID {
				return Invalid(field+".external_id", "%s is linked to twice: give one link for each instruction", quote(l.ExternalID))
			}
		}
	}
	return nil
}

// valueDates checks the dates of an instruction that settles with a timing, and
// returns its value date.
func (c *Instruct) valueDates(d *decision, t timing) (string, *Error) {
	var trade calendar.Date
	if c.TradeDate != "" {
		var err error
		if trade, err = calendar.ParseDate(c.TradeDate); err != nil {
			return "", Invalid("trade_date", "%s is no date; write YYYY-MM-DD", quote(c.TradeDate))
		}
	}
	if c.TradeDate != "" && d.instant && c.TradeDate > d.today() {
		return "", Invalid("trade_date", "%s is after today (%s, UTC)", c.TradeDate, d.today())
	}
	if d.instant {
		return d.instantDate(c)
	}
	today := t.Today(d.now)
	if c.TradeDate != "" {
		if trade.After(today) {
			return "", Invalid("trade_date", "%s is after today (%s)", trade, today)
		}
		if err := checkBusinessDay("trade_date", t, trade); err != nil {
			return "", err
		}
	}
	if c.SettlementDate == "" {
		value, covered := t.ValueDate(d.now)
		if c.TradeDate != "" {
			if value = t.Days().Add(trade, t.cycle); value.Before(t.TradeDate(d.now)) {
				value = t.TradeDate(d.now)
			}
			covered = t.Days().Covers(value)
		}
		if !covered {
			return "", Invalid("settlement_date", "%s is beyond the data of calendar %s, which end on %s", value, t.Days().Name(), t.Days().Last())
		}
		return value.String(), nil
	}
	value, err := calendar.ParseDate(c.SettlementDate)
	switch {
	case err != nil:
		return "", Invalid("settlement_date", "%s is no date; write YYYY-MM-DD", quote(c.SettlementDate))
	case value.Before(today):
		return "", Invalid("settlement_date", "%s is past: today is %s", value, today)
	case c.TradeDate != "" && value.Before(trade):
		return "", Invalid("settlement_date", "%s is before the trade date %s", value, trade)
	}
	if err := checkBusinessDay("settlement_date", t, value); err != nil {
		return "", err
	}
	return value.String(), nil
}

// instantDate is the value date where nothing waits: today.
func (d *decision) instantDate(c *Instruct) (string, *Error) {
	today := d.today()
	if c.SettlementDate == "" || c.SettlementDate == today {
		return today, nil
	}
	if _, err := calendar.ParseDate(c.SettlementDate); err != nil {
		return "", Invalid("settlement_date", "%s is no date; write YYYY-MM-DD", quote(c.SettlementDate))
	}
	return "", Invalid("settlement_date", "%s is not today (%s, UTC): this profile settles on the same day", c.SettlementDate, today)
}

func checkBusinessDay(field string, t timing, day calendar.Date) *Error {
	days := t.Days()
	if !days.Covers(day) {
		return Invalid(field, "%s is beyond the data of calendar %s, which run from %s to %s", day, days.Name(), days.First(), days.Last())
	}
	if days.Business(day) {
		return nil
	}
	why := "a " + day.Weekday().String()
	if name, ok := days.Holiday(day); ok {
		why = name
	}
	return Invalid(field, "%s is %s and no business day of calendar %s; the next one is %s", day, why, days.Name(), days.Next(day))
}

// terms returns the terms of the instruction; nil where it says no more.
func (c *Instruct) terms() *Terms {
	if !c.saysMore() {
		return nil
	}
	return &Terms{
		Payment: c.Payment, CounterpartyAccount: c.CounterpartyAccount, Counterparty: c.Counterparty, TradeDate: c.TradeDate,
		Rail: c.Rail, Partial: c.Partial, MinQuantity: c.MinQuantity, Links: c.Links,
	}
}
