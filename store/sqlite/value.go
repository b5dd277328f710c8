package sqlite

import (
	"fmt"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/internal/tables"
)

// timeFormat is RFC 3339 in UTC with microseconds. All times have the same
// length, so that text sorts by time.
const timeFormat = "2006-01-02T15:04:05.000000Z"

// writeTime returns a time as it is stored; NULL is the zero time.
func writeTime(t time.Time) (any, error) {
	if t.IsZero() {
		return nil, nil
	}
	s := t.UTC().Format(timeFormat)
	if len(s) != len(timeFormat) {
		return nil, fmt.Errorf("%w: the year of %s cannot be stored", sim.ErrBrokenInvariant, s)
	}
	return s, nil
}

// row collects the values of a row to write. Its first error sticks.
type row struct {
	values []any
	err    error
}

func (w *row) add(v any) { w.values = append(w.values, v) }

func (w *row) amount(c *tables.Column, a money.Amount) {
	if c.Null && a.IsZero() {
		w.add(nil)
		return
	}
	w.add(a.String())
}

// optional writes NULL for empty text.
func (w *row) optional(s string) {
	if s == "" {
		w.add(nil)
		return
	}
	w.add(s)
}

func (w *row) time(t time.Time) {
	v, err := writeTime(t)
	if err != nil && w.err == nil {
		w.err = err
	}
	w.add(v)
}

// reader turns stored values back. Its first error sticks.
type reader struct{ err error }

func (r *reader) keep(err error) {
	if err != nil && r.err == nil {
		r.err = err
	}
}

func (r *reader) time(s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(timeFormat, s)
	r.keep(err)
	return t
}

func (r *reader) digest(b []byte) (d sim.Digest) {
	if len(b) != len(d) {
		r.keep(fmt.Errorf("%w: a stored hash of %d bytes", sim.ErrBrokenInvariant, len(b)))
	}
	copy(d[:], b)
	return d
}
