package sqlite

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/internal/tables"
)

var noID uuid.UUID

// record writes the first n columns of a record.
func record[R any](w *row, t *tables.Records[R], n int, r *R) {
	for i := range n {
		w.put(&t.Columns[i], t.At(i, r))
	}
}

// put writes the value of a column.
func (w *row) put(c *tables.Column, v any) {
	switch v := v.(type) {
	case *string:
		if c.Null {
			w.optional(*v)
		} else {
			w.add(*v)
		}
	case *money.Amount:
		w.amount(c, *v)
	case *tables.Total:
		w.amount(c, v.Amount())
	case *uuid.UUID:
		if *v == noID {
			w.add(nil)
		} else {
			w.add(v.String())
		}
	case *time.Time:
		w.time(*v)
	case *[]byte:
		w.optional(string(*v))
	case *tables.Bits:
		if *v == 0 {
			w.add(nil)
		} else {
			w.add(int64(*v))
		}
	case *uint64:
		w.add(int64(*v))
	case *int:
		w.add(int64(*v))
	case *bool:
		w.add(*v)
	case *sim.Fingerprint:
		w.add(v[:])
	case tables.Embedded: // last, as asking for an interface takes longest
		w.optional(string(v.Encode()))
	default:
		panic(fmt.Sprintf("column %s is a %T", c.Name, v)) // a defect of the description
	}
}

// read returns a function that reads rows of [selects].
func read[R any](t *tables.Records[R]) func(scan) (*R, error) {
	return func(scan scan) (*R, error) {
		r := t.New()
		into := make([]any, len(t.Columns))
		for i := range into {
			into[i] = destination(&t.Columns[i], t.At(i, r))
		}
		if err := scan(into...); err != nil {
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
	case *sim.Fingerprint:
		return (*fingerprintColumn)(v)
	case *money.Amount:
		return column(func(s string) (err error) {
			if *v = money.Zero; s != "" {
				*v, err = money.Restore(s)
			}
			return err
		})
	case *tables.Total:
		return column(v.Check)
	case *uuid.UUID:
		return column(func(s string) (err error) {
			if *v = noID; s != "" {
				*v, err = uuid.Parse(s)
			}
			return err
		})
	case *time.Time:
		return column(func(s string) (err error) {
			if *v = (time.Time{}); s != "" {
				*v, err = time.Parse(timeFormat, s)
			}
			return err
		})
	case *[]byte:
		return column(func(s string) error {
			if *v = nil; s != "" {
				*v = []byte(s)
			}
			return nil
		})
	case interface{ Decode(string) error }:
		return column(v.Decode)
	default:
		panic(fmt.Sprintf("column %s is a %T", c.Name, v)) // a defect of the description
	}
}

// column scans text.
type column func(string) error

// Scan takes over a value of the driver.
func (c column) Scan(value any) error {
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("%w: a %T where text should be", sim.ErrBrokenInvariant, value)
	}
	return c(text)
}

type fingerprintColumn sim.Fingerprint

// Scan takes over a value of the driver.
func (f *fingerprintColumn) Scan(value any) error {
	b, ok := value.([]byte)
	if !ok || len(b) != len(f) {
		return fmt.Errorf("%w: a fingerprint of another length", sim.ErrBrokenInvariant)
	}
	copy(f[:], b)
	return nil
}

// values turns rows that were read into values.
func values[R any](rows []*R) []R {
	var out []R
	for _, r := range rows {
		out = append(out, *r)
	}
	return out
}

var (
	readEntry = read(tables.Entries)
	readKeys  = read(tables.Keys)
)

func readKey(scan scan) (sim.KeyRecord, error) {
	k, err := readKeys(scan)
	if err != nil {
		return sim.KeyRecord{}, err
	}
	k.Kind = sim.KeyIdempotency
	return *k, nil
}
