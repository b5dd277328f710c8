package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

func (c AnnounceCorporateAction) decide(d *decision) *Error {
	if err := c.check(d); err != nil {
		return err
	}
	if d.Document(DocumentCorporateAction, c.ID) != nil {
		return &Error{Code: CodeAlreadyExists, Field: "id", Message: "a corporate action with id " + quote(c.ID) + " exists already"}
	}
	oldest, err := d.roomForCorporateAction()
	if err != nil {
		return err
	}
	ca := &CorporateAction{
		ID: c.ID, Type: c.Type, Code: c.code(), Symbol: c.Symbol, Status: CorporateAnnounced,
		RecordDate: c.RecordDate, PaymentDate: c.PaymentDate, Rate: c.Rate, Currency: c.Currency,
		NewUnits: c.NewUnits, OldUnits: c.OldUnits, Rounding: c.Rounding, Fractions: c.Fractions,
		FractionPrice: c.FractionPrice, AnnouncedAt: d.now,
	}
	if ca.Rounding == "" && ca.Currency != "" {
		ca.Rounding = RoundingDown
	}
	if ca.Fractions == "" && ca.Type == Split {
		ca.Fractions = FractionsDropped
	}
	e := d.emit(EventCorporateAnnounced)
	d.recordCorporateAction(e, ca, ca.recordEnd())
	if oldest != nil {
		d.remove(e, DocumentKey{DocumentCorporateAction, oldest.ID})
		for part := range oldest.Parts {
			d.remove(e, entitlementKey(oldest.ID, part))
		}
	}
	return nil
}

// roomForCorporateAction returns the finished corporate action that is to make
// room for a new one, nil where there is room.
func (d *decision) roomForCorporateAction() (*CorporateAction, *Error) {
	var oldest *CorporateAction
	kept := 0
	for _, v := range d.documents {
		if v.Kind != DocumentCorporateAction {
			continue
		}
		kept++
		ca, err := v.CorporateAction()
		if err == nil && ca.Status.Final() && (oldest == nil ||
			cmp.Or(ca.CompletedAt.Compare(oldest.CompletedAt), cmp.Compare(ca.ID, oldest.ID)) < 0) {
			oldest = ca
		}
	}
	switch {
	case kept < MaxCorporateActions:
		return nil, nil
	case oldest == nil:
		return nil, Errorf(CodeLimitReached, "%d corporate actions are to come, which is the limit; cancel some", MaxCorporateActions)
	default:
		return oldest, nil
	}
}

// code returns the ISO 20022 corporate action event code.
func (c AnnounceCorporateAction) code() string {
	switch {
	case c.Type == CashDividend:
		return "DVCA"
	case c.Type == Coupon:
		return "INTR"
	case c.Type == Redemption:
		return "REDM"
	case c.NewUnits.Less(c.OldUnits):
		return "SPLR"
	default:
		return "SPLF"
	}
}

func (c AnnounceCorporateAction) check(d *decision) *Error {
	if err := checkText("id", c.ID, MaxIdentifier); err != nil {
		return err
	}
	if !slices.Contains(CorporateActionTypes(), string(c.Type)) {
		return Invalid("type", "%s is not known; allowed: %s", quote(string(c.Type)), strings.Join(CorporateActionTypes(), ", "))
	}
	if _, err := d.checkAsset("symbol", c.Symbol, false); err != nil {
		return err
	}
	if err := c.checkDates(d.now); err != nil {
		return err
	}
	if c.Type == Split {
		return c.checkSplit(d)
	}
	switch {
	case c.Rate.Sign() <= 0:
		return Invalid("rate", "must be greater than zero: the cash per unit")
	case !c.NewUnits.IsZero() || !c.OldUnits.IsZero():
		return Invalid("new_units", "and old_units belong to a %s only", Split)
	case c.Fractions != "" || !c.FractionPrice.IsZero():
		return Invalid("fractions", "belong to a %s only", Split)
	}
	return c.checkCash(d)
}

func (c AnnounceCorporateAction) checkSplit(d *decision) *Error {
	switch {
	case !c.Rate.IsZero():
		return Invalid("rate", "does not belong to a %s; give new_units and old_units", Split)
	case c.NewUnits.Sign() <= 0:
		return Invalid("new_units", "must be greater than zero")
	case c.OldUnits.Sign() <= 0:
		return Invalid("old_units", "must be greater than zero")
	case c.NewUnits.Equal(c.OldUnits):
		return Invalid("new_units", "must differ from old_units: the split would change nothing")
	}
	switch c.Fractions {
	case "", FractionsDropped:
		if !c.FractionPrice.IsZero() || c.Currency != "" || c.Rounding != "" {
			return Invalid("fraction_price", "as well as currency and rounding belong to fractions that are paid: set fractions to %s", FractionsPaid)
		}
		return nil
	case FractionsPaid:
		if c.FractionPrice.Sign() <= 0 {
			return Invalid("fraction_price", "must be greater than zero: the cash per new unit")
		}
		return c.checkCash(d)
	default:
		return Invalid("fractions", "%s is not known; allowed: %s, %s", quote(c.Fractions), FractionsDropped, FractionsPaid)
	}
}

func (c AnnounceCorporateAction) checkCash(d *decision) *Error {
	if _, err := d.checkAsset("currency", c.Currency, true); err != nil {
		return err
	}
	switch c.Rounding {
	case "", RoundingDown, RoundingHalfUp, RoundingHalfEven:
		return nil
	default:
		return Invalid("rounding", "%s is not known; allowed: %s, %s, %s", quote(c.Rounding), RoundingDown, RoundingHalfUp, RoundingHalfEven)
	}
}

func (c AnnounceCorporateAction) checkDates(now time.Time) *Error {
	record, err := checkDate("record_date", c.RecordDate)
	if err != nil {
		return err
	}
	payment, err := checkDate("payment_date", c.PaymentDate)
	if err != nil {
		return err
	}
	switch {
	case !record.AddDate(0, 0, 1).After(now):
		return Invalid("record_date", "%s is over: instance time is %s", c.RecordDate, now.Format(time.RFC3339))
	case !payment.After(record):
		return Invalid("payment_date", "must be after record_date %s", c.RecordDate)
	}
	return nil
}

func checkDate(field, value string) (time.Time, *Error) {
	if value == "" {
		return time.Time{}, Invalid(field, "is required")
	}
	day, err := time.Parse(time.DateOnly, value)
	if err != nil {
		return time.Time{}, Invalid(field, "%s is no date; write YYYY-MM-DD", quote(value))
	}
	return day, nil
}

// recordEnd is the end of the record date, paymentStart the beginning of the
// payment date. Both dates were checked when the action was announced.
func (ca *CorporateAction) recordEnd() time.Time {
	day, _ := time.Parse(time.DateOnly, ca.RecordDate)
	return day.AddDate(0, 0, 1)
}

func (ca *CorporateAction) paymentStart() time.Time {
	day, _ := time.Parse(time.DateOnly, ca.PaymentDate)
	return day
}

func (c CancelCorporateAction) decide(d *decision) *Error {
	v := d.Document(DocumentCorporateAction, c.ID)
	if v == nil {
		return Errorf(CodeNotFound, "corporate action %s does not exist", quote(c.ID))
	}
	before, err := v.CorporateAction()
	if err != nil {
		return Errorf(CodeInternal, "corporate action %s cannot be read", quote(c.ID))
	}
	if before.Status != CorporateAnnounced {
		return Errorf(CodeWrongState, "corporate action %s is %s; it can be cancelled until the end of its record date", quote(c.ID), before.Status)
	}
	after := *before
	after.Status, after.CompletedAt = CorporateCancelled, d.now
	d.recordCorporateAction(d.emit(EventCorporateCancelled), &after, time.Time{})
	return nil
}

// recordCorporateAction puts a corporate action into an event.
func (d *decision) recordCorporateAction(e *Event, ca *CorporateAction, due time.Time) {
	v := NewDocument(DocumentCorporateAction, ca.ID, ca)
	v.DueAt = due
	d.record(e, v)
}

// entitlementKey is the key of a part of the entitlements.
func entitlementKey(id string, part int) DocumentKey {
	return DocumentKey{DocumentEntitlement, EntitlementID(id, part+1)}
}

// EntitlementID returns the id of the [DocumentEntitlement] that is a part of a
// corporate action's entitlements. Parts are numbered from 1.
func EntitlementID(corporateAction string, part int) string {
	return fmt.Sprintf("%s#%04d", corporateAction, part)
}

// rounding returns how the action rounds cash.
func (ca *CorporateAction) rounding() money.Rounding {
	switch ca.Rounding {
	case RoundingHalfUp:
		return money.RoundHalfUp
	case RoundingHalfEven:
		return money.RoundHalfEven
	default:
		return money.RoundDown
	}
}

func (c AnnounceCorporateAction) appendCanonical(dst []byte) []byte {
	return canonical(dst, "announce-corporate-action", c.ID, string(c.Type), c.Symbol, c.RecordDate, c.PaymentDate, c.Rate.String(),
		c.Currency, c.NewUnits.String(), c.OldUnits.String(), c.Rounding, c.Fractions, c.FractionPrice.String())
}

func (c CancelCorporateAction) appendCanonical(dst []byte) []byte {
	return canonical(dst, "cancel-corporate-action", c.ID)
}

func (AnnounceCorporateAction) externalKey() Key { return Key{} }
func (CancelCorporateAction) externalKey() Key   { return Key{} }
