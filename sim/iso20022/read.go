package iso20022

import (
	"encoding/xml"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// The patterns of identifiers, as the types of the schemas have them.
var (
	isinPattern     = regexp.MustCompile(`^[A-Z]{2}[A-Z0-9]{9}[0-9]$`)
	bicPattern      = regexp.MustCompile(`^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$`)
	currencyPattern = regexp.MustCompile(`^[A-Z]{3}$`)
	codePattern     = regexp.MustCompile(`^[A-Z0-9]{1,4}$`)
)

// ccy is the attribute that carries the currency of an amount.
var ccy = xml.Name{Local: "Ccy"}

// reader takes values from elements. It keeps the first error and gives zero
// values after it, so that callers need to look only once.
type reader struct{ failure *Error }

func (r *reader) fail(e *element, format string, args ...any) {
	if r.failure == nil {
		r.failure = e.fail(format, args...)
	}
}

// leaf returns the text of an element that must hold nothing but text; "" for
// nil.
func (r *reader) leaf(e *element) string {
	if e == nil {
		return ""
	}
	if len(e.children) > 0 {
		r.fail(e, "holds elements; it must hold text")
		return ""
	}
	return e.text
}

// text reads a text of 1 to most characters; "" for nil.
func (r *reader) text(e *element, most int) string {
	s := r.leaf(e)
	if n := utf8.RuneCountInString(s); e != nil && (n == 0 || n > most) {
		r.fail(e, "has %d characters; 1 to %d are allowed", n, most)
		return ""
	}
	return s
}

// pattern reads an identifier that must match.
func (r *reader) pattern(e *element, pattern *regexp.Regexp, what string) string {
	s := r.leaf(e)
	if e != nil && !pattern.MatchString(s) {
		r.fail(e, "is %s, which is not %s", show(s), what)
		return ""
	}
	return s
}

// code reads one of the given codes; "" for nil.
func code[T ~string](r *reader, e *element, allowed ...T) T {
	s := T(r.leaf(e))
	if e == nil || slices.Contains(allowed, s) {
		return s
	}
	words := make([]string, len(allowed))
	for i, a := range allowed {
		words[i] = string(a)
	}
	r.fail(e, "is %s; allowed are: %s", show(string(s)), strings.Join(words, ", "))
	return ""
}

// boolean reads an xs:boolean; false for nil.
func (r *reader) boolean(e *element) bool {
	if e == nil {
		return false
	}
	switch s := trimSpace(r.leaf(e)); s {
	case "true", "1":
		return true
	case "false", "0":
	default:
		r.fail(e, "is %s; allowed are: true, false", show(s))
	}
	return false
}

// decimal reads a number that is not negative, within the facets of its type.
func (r *reader) decimal(e *element, facets decimals) money.Amount {
	if e == nil {
		return money.Zero
	}
	s := trimSpace(r.leaf(e))
	negative := strings.HasPrefix(s, "-")
	whole, fraction, pointed := strings.Cut(strings.TrimLeft(s, "+-"), ".")
	whole, fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	if len(whole)+len(fraction) > facets.total || len(fraction) > facets.fraction {
		if digitsOnly(whole + fraction) {
			r.fail(e, "has too many digits; at most %d are allowed, %d of them after the point", facets.total, facets.fraction)
			return money.Zero
		}
	}
	// xs:decimal allows a leading plus and a bare point; money does not.
	plain := s
	if signs := len(s) - len(strings.TrimLeft(s, "+-")); signs == 1 {
		plain = s[1:]
	}
	if pointed {
		if bare, ok := strings.CutSuffix(plain, "."); ok {
			plain = bare
		} else if strings.HasPrefix(plain, ".") {
			plain = "0" + plain
		}
	}
	value, err := money.Parse(plain)
	switch {
	case err != nil:
		r.fail(e, "is %s: %s", show(s), err)
	case negative && !value.IsZero():
		r.fail(e, "is %s; a negative number is not allowed", show(s))
	default:
		return value
	}
	return money.Zero
}

func digitsOnly(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

// dateChoice reads the day of a DateAndDateTime2Choice. A date-time gives the
// day in its own time zone.
func (r *reader) dateChoice(e *element) Date {
	if day := e.child("Dt"); day != nil {
		d, err := ParseDate(trimSpace(r.leaf(day)))
		if err != nil {
			r.fail(day, "%s", err)
		}
		return d
	}
	if moment := e.child("DtTm"); moment != nil {
		return DateOf(r.dateTime(moment))
	}
	return Date{}
}

// dateTime reads an xs:dateTime; without a time zone it is taken as UTC.
func (r *reader) dateTime(e *element) time.Time {
	if e == nil {
		return time.Time{}
	}
	s := trimSpace(r.leaf(e))
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	r.fail(e, "is %s, which is not a date and time; write it as 2026-11-24T09:30:00Z", show(s))
	return time.Time{}
}

// quantity reads a FinancialInstrumentQuantity33Choice.
func (r *reader) quantity(e *element) Quantity {
	for kind, q := range quantityElements {
		if c := e.child(q.name); c != nil {
			value := r.decimal(c, q.decimals)
			if r.failure == nil && value.IsZero() {
				r.fail(c, "is 0; a quantity must be more than 0")
			}
			return Quantity{Kind: QuantityKind(kind), Value: value}
		}
	}
	return Quantity{}
}

// amount reads an amount with a direction; nil for nil.
func (r *reader) amount(e *element) *Amount {
	if e == nil {
		return nil
	}
	value := e.child("Amt")
	a := &Amount{
		Value:     r.decimal(value, cashDecimals),
		Direction: code(r, e.child("CdtDbtInd"), Credit, Debit),
	}
	for _, attr := range value.attrs {
		if attr.Name == ccy {
			a.Currency = attr.Value
		}
	}
	if !currencyPattern.MatchString(a.Currency) {
		r.fail(value, "has the currency %s; the attribute Ccy must have the three capital letters of ISO 4217", show(a.Currency))
	}
	return a
}

// instrument reads a SecurityIdentification19.
func (r *reader) instrument(e *element) Instrument {
	i := Instrument{
		ISIN:        r.pattern(e.child("ISIN"), isinPattern, "an ISIN of 12 capital letters and digits"),
		Description: r.text(e.child("Desc"), 140),
	}
	if other := e.child("OthrId"); other != nil { // further ones are ignored
		i.Symbol = r.text(other.child("Id"), 35)
		i.SymbolType = r.text(other.find("Tp", "Prtry"), 35)
		if typeCode := other.find("Tp", "Cd"); typeCode != nil {
			i.SymbolType = r.text(typeCode, 4)
		}
	}
	if i.ISIN == "" && i.Symbol == "" {
		r.fail(e, "names no instrument; ISIN or OthrId is needed")
	}
	return i
}

// parties reads one side's chain of settlement; nil where it names nobody that
// is understood.
func (r *reader) parties(e *element) *Parties {
	p := Parties{
		Depository: r.party(e.child("Dpstry")),
		Party1:     r.party(e.child("Pty1")),
		Party2:     r.party(e.child("Pty2")),
	}
	if p == (Parties{}) {
		return nil
	}
	return &p
}

func (r *reader) party(e *element) Party {
	id := e.child("Id")
	if id == nil {
		return Party{}
	}
	return Party{
		BIC:           r.pattern(id.child("AnyBIC"), bicPattern, "a BIC of 8 or 11 capital letters and digits"),
		Name:          r.text(id.find("NmAndAdr", "Nm"), 350),
		ProprietaryID: r.text(id.find("PrtryId", "Id"), 35),
		Issuer:        r.text(id.find("PrtryId", "Issr"), 35),
		AccountID:     r.text(e.find("SfkpgAcct", "Id"), 35),
	}
}
