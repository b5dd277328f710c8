// Package tables describes the tables that journals project into: which columns
// they have and where in a record the value of each is. The SQL stores write
// and read rows by these descriptions, so a field that is added to a record
// takes a line here and a line in the migration of each store.
//
// [Records] describes one table; the variables in this package are all there
// are. JSON columns are encoded and decoded here, the same for every store.
package tables

import (
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Kind is the type of a column, by its name in PostgreSQL.
type Kind string

// The kinds of columns. [JSON] keeps a document byte for byte, [JSONB] its
// meaning. [Joined] is not stored in the row: the store selects it from another
// table as a JSON array.
const (
	Text   Kind = "text"
	UUID   Kind = "uuid"
	Number Kind = "numeric"
	Time   Kind = "timestamptz"
	Date   Kind = "date"
	JSON   Kind = "json"
	JSONB  Kind = "jsonb"
	Int4   Kind = "int4"
	Int8   Kind = "int8"
	Bool   Kind = "bool"
	Bytes  Kind = "bytea"
	Joined Kind = "joined"
)

// Column is a column of a table.
type Column struct {
	Name string
	Kind Kind
	// Null says that what is empty or zero is stored as NULL. Times, ids and
	// documents always are.
	Null bool
	// Rest is, for columns in which few rows have something, what the others
	// have there: NULL or 0, as SQL. Rows that have nothing in any of these are
	// written without them, at no cost. They come after all other columns.
	Rest string
}

// Table is a table without its records.
type Table struct {
	Name string
	// Keys is the length of the primary key, which comes first.
	Keys    int
	Columns []Column
	// Common is how many columns every row has something in, Stored how many
	// the table itself has; those that are joined come behind.
	Common, Stored int
}

// Records is a table of records of type R.
type Records[R any] struct {
	Table
	at []func(*R) any
	// begin prepares a record for reading, finish completes it and refuses what
	// this program cannot have written.
	begin  func(*R)
	finish func(*R) error
}

// Bits is a small set, stored as a number or NULL.
type Bits uint32

// field is a column and a function that returns a pointer to its value; nil
// where the record lacks the part that has it.
type field[R any] struct {
	Column
	at func(*R) any
}

func newRecords[R any](name string, keys int, fields ...field[R]) *Records[R] {
	t := &Records[R]{Table: Table{Name: name, Keys: keys}, begin: func(*R) {}, finish: func(*R) error { return nil }}
	for _, f := range fields {
		t.Columns = append(t.Columns, f.Column)
		t.at = append(t.at, f.at)
		if f.Kind != Joined {
			t.Stored++
			if f.Rest == "" {
				t.Common++
			}
		}
	}
	return t
}

// At returns a pointer to the value of a column, or nil for nothing. It is one
// of *string, *uuid.UUID, *money.Amount, *time.Time, *[]byte, *int, *uint64,
// *bool, *sim.Fingerprint and the types of this package that say so.
func (t *Records[R]) At(column int, r *R) any { return t.at[column](r) }

// Plain reports whether the record has nothing in the columns behind the first
// Common ones.
func (t *Records[R]) Plain(r *R) bool {
	for i := t.Common; i < t.Stored; i++ {
		if !empty(t.at[i](r)) {
			return false
		}
	}
	return true
}

// New returns a record to read a row into, by way of [Records.At].
func (t *Records[R]) New() *R {
	r := new(R)
	t.begin(r)
	return r
}

// Finish completes a record when all its columns have been read. Its errors
// wrap [sim.ErrBrokenInvariant].
func (t *Records[R]) Finish(r *R) error { return t.finish(r) }

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case *string:
		return *v == ""
	case *uuid.UUID:
		return *v == uuid.Nil
	case *money.Amount:
		return v.IsZero()
	case *time.Time:
		return v.IsZero()
	case *[]byte:
		return len(*v) == 0
	case *int:
		return *v == 0
	case *bool:
		return !*v
	case *Bits:
		return *v == 0
	case Embedded:
		return v.Encode() == nil
	default:
		return false
	}
}

// The functions below make fields; the column's name, then where its value is.

func text[R any](name string, at func(*R) *string) field[R] {
	return field[R]{Column{Name: name, Kind: Text}, func(r *R) any { return at(r) }}
}

func id[R any](name string, at func(*R) *uuid.UUID) field[R] {
	return field[R]{Column{Name: name, Kind: UUID, Null: true}, func(r *R) any { return at(r) }}
}

func number[R any](name string, at func(*R) *money.Amount) field[R] {
	return field[R]{Column{Name: name, Kind: Number}, func(r *R) any { return at(r) }}
}

func moment[R any](name string, at func(*R) *time.Time) field[R] {
	return field[R]{Column{Name: name, Kind: Time, Null: true}, func(r *R) any { return at(r) }}
}

func date[R any](name string, at func(*R) *string) field[R] {
	return field[R]{Column{Name: name, Kind: Date, Null: true}, func(r *R) any { return at(r) }}
}

func document[R any](name string, kind Kind, at func(*R) *[]byte) field[R] {
	return field[R]{Column{Name: name, Kind: kind, Null: true}, func(r *R) any { return at(r) }}
}

func encoded[R any](name string, at func(*R) Embedded) field[R] {
	return field[R]{Column{Name: name, Kind: JSON, Null: true}, func(r *R) any { return at(r) }}
}

func count[R any](name string, at func(*R) *int) field[R] {
	return field[R]{Column{Name: name, Kind: Int4}, func(r *R) any { return at(r) }}
}

// bits is for small sets. They are NULL where empty.
func bits[R any](name string, at func(*R) *uint32) field[R] {
	return field[R]{Column{Name: name, Kind: Int8, Null: true}, func(r *R) any { return (*Bits)(at(r)) }}
}

func place[R any](name string, at func(*R) *uint64) field[R] {
	return field[R]{Column{Name: name, Kind: Int8}, func(r *R) any { return at(r) }}
}

func flag[R any](name string, at func(*R) *bool) field[R] {
	return field[R]{Column{Name: name, Kind: Bool}, func(r *R) any { return at(r) }}
}

// optional stores NULL for what is empty.
func optional[R any](f field[R]) field[R] {
	f.Null = true
	return f
}

// seldom is for columns in which few rows have something; the others have NULL.
func seldom[R any](f field[R]) field[R] {
	f.Null, f.Rest = true, "NULL"
	return f
}

// seldomZero is for amounts that few rows have; the others have 0.
func seldomZero[R any](f field[R]) field[R] {
	f.Null, f.Rest = true, "0"
	return f
}
