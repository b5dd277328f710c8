package postgres

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/internal/tables"
)

// write writes the first n columns of a record.
func write[R any](w rowWriter, t *tables.Records[R], n int, r *R) {
	for i := range n {
		put(w, &t.Columns[i], t.At(i, r))
	}
}

// put writes the value of a column.
func put(w rowWriter, c *tables.Column, v any) {
	switch v := v.(type) {
	case *string:
		switch {
		case c.Kind == tables.Date:
			w.date(*v)
		case c.Null:
			w.optional(*v)
		default:
			w.text(*v)
		}
	case *money.Amount:
		putAmount(w, c, *v)
	case *tables.Total:
		putAmount(w, c, v.Amount())
	case *uuid.UUID:
		w.id(*v)
	case *time.Time:
		w.time(*v)
	case *[]byte:
		if c.Kind == tables.JSONB {
			w.jsonb(*v)
		} else {
			w.json(*v)
		}
	case *tables.Bits:
		if *v == 0 {
			w.optional("")
		} else {
			w.int8(uint64(*v))
		}
	case *uint64:
		w.int8(*v)
	case *int:
		w.int4(*v)
	case *bool:
		w.bool(*v)
	case *sim.Fingerprint:
		w.bytes(v[:])
	case tables.Embedded: // last, as asking for an interface takes longest
		w.json(v.Encode())
	default:
		panic(fmt.Sprintf("column %s is a %T", c.Name, v)) // a defect of the description
	}
}

func putAmount(w rowWriter, c *tables.Column, a money.Amount) {
	if c.Null && a.IsZero() {
		w.optional("")
		return
	}
	w.amount(a)
}

// read returns a function that reads rows of [selectFrom].
func read[R any](t *tables.Records[R]) pgx.RowToFunc[*R] {
	return func(row pgx.CollectableRow) (*R, error) {
		r := t.New()
		into := make([]any, len(t.Columns))
		for i := range into {
			into[i] = destination(&t.Columns[i], t.At(i, r))
		}
		if err := row.Scan(into...); err != nil {
			return nil, fmt.Errorf("%s: %w", t.Name, err)
		}
		return r, t.Finish(r)
	}
}

// destination returns what a column's value is scanned into.
func destination(c *tables.Column, v any) any {
	switch v := v.(type) {
	case *string, *uint64, *int, *bool:
		return v
	case *tables.Bits:
		return (*uint32)(v)
	case *money.Amount:
		return (*amountColumn)(v)
	case *tables.Total:
		return textColumn(v.Check)
	case *uuid.UUID:
		return (*idColumn)(v)
	case *time.Time:
		return (*timeColumn)(v)
	case *[]byte:
		if c.Kind == tables.JSONB {
			return (*canonicalColumn)(v)
		}
		return (*documentColumn)(v)
	case interface{ Decode(string) error }:
		return textColumn(v.Decode)
	default:
		panic(fmt.Sprintf("column %s is a %T", c.Name, v)) // a defect of the description
	}
}

// The types below scan columns of [fields].

type textColumn func(string) error

func (f textColumn) ScanText(t pgtype.Text) error { return f(t.String) }

type amountColumn money.Amount

func (a *amountColumn) ScanText(t pgtype.Text) error {
	if t.String == "" {
		*a = amountColumn(money.Zero)
		return nil
	}
	amount, err := money.Restore(t.String)
	*a = amountColumn(amount)
	return err
}

type idColumn uuid.UUID

func (id *idColumn) ScanUUID(v pgtype.UUID) error {
	*id = v.Bytes // zero for NULL
	return nil
}

type timeColumn time.Time

func (at *timeColumn) ScanTimestamptz(v pgtype.Timestamptz) error {
	*at = timeColumn{}
	if v.Valid {
		*at = timeColumn(v.Time.UTC())
	}
	return nil
}

type documentColumn []byte

func (d *documentColumn) ScanText(t pgtype.Text) error {
	*d = nil
	if t.String != "" {
		*d = []byte(t.String)
	}
	return nil
}

type canonicalColumn []byte

func (d *canonicalColumn) ScanText(t pgtype.Text) (err error) {
	*d, err = canonical(t.String)
	return err
}

func utc(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// canonical brings a document that jsonb has reformatted back to the form in
// which documents enter the core: compact, with sorted keys.
func canonical(document string) ([]byte, error) {
	if document == "" {
		return nil, nil
	}
	var v any
	d := json.NewDecoder(strings.NewReader(document))
	d.UseNumber() // which stay as they are written
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
