package iso20022

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// writer builds a document. It keeps the first error and writes nothing more
// after it, so that callers need to look only once.
type writer struct {
	buffer  bytes.Buffer
	open    []string // names of the open elements, with numbers for paths
	failure *Error
}

// write builds the document of one message.
func write(version, messageName string, body func(w *writer)) ([]byte, error) {
	w := &writer{}
	w.buffer.WriteString(xml.Header)
	fmt.Fprintf(&w.buffer, "<Document xmlns=%q>\n", NamespacePrefix+version)
	w.open = append(w.open, "Document")
	w.element(messageName, func() { body(w) })
	w.buffer.WriteString("</Document>\n")
	if w.failure != nil {
		return nil, w.failure
	}
	return w.buffer.Bytes(), nil
}

// fail keeps an error about an element inside the open one; name is empty for
// the open one itself.
func (w *writer) fail(name, format string, args ...any) {
	if w.failure != nil {
		return
	}
	path := strings.Join(w.open, "/")
	if name != "" {
		path += "/" + name
	}
	w.failure = &Error{Path: path, Message: fmt.Sprintf(format, args...)}
}

func (w *writer) indent() {
	for range w.open {
		w.buffer.WriteString("  ")
	}
}

// element writes an element that holds elements.
func (w *writer) element(name string, body func()) { w.numbered(name, name, body) }

// repeated writes one of several elements of a name; i counts from 0.
func (w *writer) repeated(name string, i int, body func()) {
	w.numbered(name, fmt.Sprintf("%s[%d]", name, i+1), body)
}

func (w *writer) numbered(name, inPath string, body func()) {
	if w.failure != nil {
		return
	}
	w.indent()
	w.buffer.WriteString("<" + name)
	start := w.buffer.Len()
	w.buffer.WriteString(">\n")
	empty := w.buffer.Len()
	w.open = append(w.open, inPath)
	body()
	w.open = w.open[:len(w.open)-1]
	if w.buffer.Len() == empty { // some elements say all by being there
		w.buffer.Truncate(start)
		w.buffer.WriteString("/>\n")
		return
	}
	w.indent()
	w.buffer.WriteString("</" + name + ">\n")
}

// nested writes elements one inside the other around body.
func (w *writer) nested(names []string, body func()) {
	if len(names) == 0 {
		body()
		return
	}
	w.element(names[0], func() { w.nested(names[1:], body) })
}

// leaf writes an element that holds text, as it stands.
func (w *writer) leaf(name, text string, attributes ...string) {
	if w.failure != nil {
		return
	}
	for _, r := range text {
		if !isXMLCharacter(r) {
			w.fail(name, "has the character %U; XML cannot carry it", r)
			return
		}
	}
	if !utf8.ValidString(text) {
		w.fail(name, "is not UTF-8 text")
		return
	}
	w.indent()
	w.buffer.WriteString("<" + name)
	for i := 0; i+1 < len(attributes); i += 2 {
		fmt.Fprintf(&w.buffer, " %s=%q", attributes[i], attributes[i+1])
	}
	w.buffer.WriteString(">")
	_ = xml.EscapeText(&w.buffer, []byte(text)) // a buffer takes everything
	w.buffer.WriteString("</" + name + ">\n")
}

// isXMLCharacter reports whether XML 1.0 allows the character.
func isXMLCharacter(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' ||
		r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}

// text writes a mandatory text of 1 to most characters.
func (w *writer) text(name, value string, most int) {
	if n := utf8.RuneCountInString(value); n == 0 || n > most {
		w.fail(name, "has %d characters; 1 to %d are allowed", n, most)
		return
	}
	w.leaf(name, value)
}

// optional writes a text of at most so many characters, unless it is empty.
func (w *writer) optional(name, value string, most int) {
	if value != "" {
		w.text(name, value, most)
	}
}

// pattern writes an identifier that must match.
func (w *writer) pattern(name, value string, pattern *regexp.Regexp, what string) {
	if !pattern.MatchString(value) {
		w.fail(name, "is %s, which is not %s", show(value), what)
		return
	}
	w.leaf(name, value)
}

// oneOf writes one of the given codes.
func oneOf[T ~string](w *writer, name string, value T, allowed ...T) {
	if slices.Contains(allowed, value) {
		w.leaf(name, string(value))
		return
	}
	words := make([]string, len(allowed))
	for i, a := range allowed {
		words[i] = string(a)
	}
	w.fail(name, "is %s; allowed are: %s", show(string(value)), strings.Join(words, ", "))
}

func (w *writer) boolean(name string, value bool) { w.leaf(name, fmt.Sprint(value)) }

// date writes an ISODate.
func (w *writer) date(name string, d Date) {
	if !d.valid() {
		w.fail(name, "is %s, which is not a date", d)
		return
	}
	w.leaf(name, d.String())
}

// dateTime writes an ISODateTime in UTC, with fractions of a second where there
// are any.
func (w *writer) dateTime(name string, t time.Time) {
	t = t.UTC()
	if t.IsZero() || t.Year() < 1 || t.Year() > 9999 {
		w.fail(name, "is %s; a time of the years 1 to 9999 is needed", t.Format(time.RFC3339))
		return
	}
	w.leaf(name, t.Format(time.RFC3339Nano))
}

// number returns the text of a number that is not negative and fits the type.
func (w *writer) number(name string, value money.Amount, facets decimals) string {
	text := value.String()
	if value.Sign() < 0 {
		w.fail(name, "is %s; a negative number is not allowed", text)
		return ""
	}
	whole, fraction, _ := strings.Cut(text, ".")
	if whole == "0" {
		whole = ""
	}
	if len(whole)+len(fraction) > facets.total || len(fraction) > facets.fraction {
		w.fail(name, "is %s; it can carry at most %d digits, %d of them after the point", text, facets.total, facets.fraction)
		return ""
	}
	return text
}

// Validate reports what the element of the quantity's kind cannot carry. The error
// is an [*Error] whose path is that element alone.
func (q Quantity) Validate() error {
	w := &writer{}
	if w.quantity(q); w.failure != nil {
		w.failure.Path = strings.TrimPrefix(w.failure.Path, "/")
		return w.failure
	}
	return nil
}

// quantity writes the element of a quantity's kind.
func (w *writer) quantity(q Quantity) {
	if q.Kind < 0 || int(q.Kind) >= len(quantityElements) {
		w.fail("", "has the unknown kind of quantity %d", q.Kind)
		return
	}
	kind := quantityElements[q.Kind]
	w.leaf(kind.name, w.number(kind.name, q.Value, kind.decimals))
}

// cash writes the element Amt.
func (w *writer) cash(currency string, value money.Amount) {
	if !currencyPattern.MatchString(currency) {
		w.fail("Amt", "has the currency %s; it can carry three capital letters", show(currency))
		return
	}
	w.leaf("Amt", w.number("Amt", value, cashDecimals), "Ccy", currency)
}

// amount writes an amount and its direction.
func (w *writer) amount(name string, a *Amount) {
	if a == nil {
		return
	}
	w.element(name, func() {
		w.cash(a.Currency, a.Value)
		oneOf(w, "CdtDbtInd", a.Direction, Credit, Debit)
	})
}

// instrument writes a SecurityIdentification19.
func (w *writer) instrument(i Instrument) {
	w.element("FinInstrmId", func() {
		if i.ISIN == "" && i.Symbol == "" {
			w.fail("", "names no instrument; an ISIN or a symbol is needed")
		}
		if i.ISIN != "" {
			w.pattern("ISIN", i.ISIN, isinPattern, "an ISIN of 12 capital letters and digits")
		}
		if i.Symbol != "" {
			w.element("OthrId", func() {
				w.text("Id", i.Symbol, 35)
				kind := i.SymbolType
				if kind == "" {
					kind = SymbolTypeDefault
				}
				w.element("Tp", func() { w.text("Prtry", kind, 35) })
			})
		}
		w.optional("Desc", i.Description, 140)
	})
}

// account writes a safekeeping account.
func (w *writer) account(id string) {
	w.element("SfkpgAcct", func() { w.text("Id", id, 35) })
}

// parties writes one side's chain of settlement.
func (w *writer) parties(name string, p *Parties) {
	if p == nil || *p == (Parties{}) {
		return
	}
	w.element(name, func() {
		w.party("Dpstry", p.Depository)
		w.party("Pty1", p.Party1)
		w.party("Pty2", p.Party2)
	})
}

func (w *writer) party(name string, p Party) {
	if p.IsZero() {
		return
	}
	w.element(name, func() {
		w.partyID(p)
		if p.AccountID != "" {
			if name == "Dpstry" {
				w.fail("SfkpgAcct", "is set; a depository cannot carry an account")
			}
			w.account(p.AccountID)
		}
	})
}

// partyID writes how a party is known.
func (w *writer) partyID(p Party) {
	w.element("Id", func() {
		known := 0
		for _, id := range []string{p.BIC, p.Name, p.ProprietaryID} {
			if id != "" {
				known++
			}
		}
		switch {
		case known != 1:
			w.fail("", "is given %d times; exactly one of BIC, name and proprietary identification is needed", known)
		case p.BIC != "":
			w.pattern("AnyBIC", p.BIC, bicPattern, "a BIC of 8 or 11 capital letters and digits")
		case p.Name != "":
			w.element("NmAndAdr", func() { w.text("Nm", p.Name, 350) })
		default:
			w.element("PrtryId", func() {
				w.text("Id", p.ProprietaryID, 35)
				w.text("Issr", p.Issuer, 35)
			})
		}
	})
}

// statedDate writes a date that could have been a code instead.
func (w *writer) statedDate(name string, d Date) {
	w.nested([]string{name, "Dt"}, func() { w.date("Dt", d) })
}

// transactionType writes the kind of transaction.
func (w *writer) transactionType(t string) {
	if t == "" {
		t = "TRAD"
	}
	w.element("SctiesTxTp", func() {
		w.pattern("Cd", t, codePattern, "a code of up to 4 capital letters and digits")
	})
}

func (w *writer) partial(p Partial) {
	if p != "" {
		oneOf(w, "PrtlSttlmInd", p, PartialAllowed, PartialNotAllowed, PartialMinimumCash, PartialMinimumQuantity)
	}
}

func (w *writer) movement(m Movement, p Payment) {
	oneOf(w, "SctiesMvmntTp", m, Deliver, Receive)
	oneOf(w, "Pmt", p, FreeOfPayment, AgainstPayment)
}
