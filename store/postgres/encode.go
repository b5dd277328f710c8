package postgres

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// rowWriter takes the values of a row, column by column. What is empty is
// written as NULL by all methods but text.
type rowWriter interface {
	text(string)
	optional(string)
	id(uuid.UUID)
	amount(money.Amount)
	time(time.Time)
	date(string)
	json([]byte)
	jsonb([]byte)
	int8(uint64)
	int4(int)
	bytes([]byte)
	bool(bool)
}

var (
	_ rowWriter = (*copyRows)(nil)
	_ rowWriter = (*columnRows)(nil)
)

// postgresEpoch is the zero of PostgreSQL's binary times and dates.
var postgresEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// copyHeader begins a binary COPY: signature, flags, no extension.
const copyHeader = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"

// copyRows encodes rows for COPY … (FORMAT binary), which spares the server
// from parsing: a third of its work on a row without indexes.
type copyRows struct {
	b    []byte
	kept *[]byte // where b comes from and goes back to
	rows int
	err  error
}

// copyBuffers are for the rows of one projection after another, of any instance: to
// make them anew was a tenth of all that was allocated under load.
var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 16<<10); return &b }}

// keptCopy bounds the buffers that are kept, in bytes.
const keptCopy = 1 << 20

func (c *copyRows) begin(columns int) {
	if c.kept == nil {
		c.kept = copyBuffers.Get().(*[]byte)
		c.b = append((*c.kept)[:0], copyHeader...)
	}
	if cap(c.b)-len(c.b) < 1<<10 {
		// Doubled, where appending would grow a large buffer by a quarter: to move
		// what is there took half of the time of encoding.
		c.b = slices.Grow(c.b, len(c.b))
	}
	c.rows++
	c.b = binary.BigEndian.AppendUint16(c.b, uint16(columns))
}

// release gives the buffer back, which nobody may be reading any more.
func (c *copyRows) release() {
	if c.kept != nil && cap(c.b) <= keptCopy {
		*c.kept = c.b[:0]
		copyBuffers.Put(c.kept)
	}
	*c = copyRows{}
}

// finish ends the data and returns it.
func (c *copyRows) finish() []byte { return append(c.b, 0xff, 0xff) }

func (c *copyRows) null() { c.b = append(c.b, 0xff, 0xff, 0xff, 0xff) }

func (c *copyRows) size(n int) { c.b = binary.BigEndian.AppendUint32(c.b, uint32(n)) }

func (c *copyRows) text(s string) {
	c.size(len(s))
	c.b = append(c.b, s...)
}

func (c *copyRows) optional(s string) {
	if s == "" {
		c.null()
		return
	}
	c.text(s)
}

func (c *copyRows) id(id uuid.UUID) {
	if id == uuid.Nil {
		c.null()
		return
	}
	c.size(len(id))
	c.b = append(c.b, id[:]...)
}

func (c *copyRows) amount(a money.Amount) {
	start := len(c.b)
	c.size(0)
	c.b = appendNumeric(c.b, a.String())
	binary.BigEndian.PutUint32(c.b[start:], uint32(len(c.b)-start-4))
}

func (c *copyRows) time(t time.Time) {
	if t.IsZero() {
		c.null()
		return
	}
	c.size(8)
	c.b = binary.BigEndian.AppendUint64(c.b, uint64(t.UnixMicro()-postgresEpoch.UnixMicro())) // two's complement is the format
}

func (c *copyRows) date(s string) {
	if s == "" {
		c.null()
		return
	}
	day, err := time.Parse(time.DateOnly, s)
	if err != nil {
		c.err = fmt.Errorf("date %q: %w", s, err)
		return
	}
	c.size(4)
	// In seconds: a [time.Duration] holds no more than 292 years.
	days := (day.Unix() - postgresEpoch.Unix()) / (24 * 60 * 60)
	c.b = binary.BigEndian.AppendUint32(c.b, uint32(int32(days))) // two's complement is the format
}

func (c *copyRows) json(document []byte) { c.bytes(document) }

func (c *copyRows) jsonb(document []byte) {
	if len(document) == 0 {
		c.null()
		return
	}
	c.size(1 + len(document))
	c.b = append(append(c.b, 1), document...) // 1 is the version of the format
}

func (c *copyRows) int8(v uint64) {
	c.size(8)
	c.b = binary.BigEndian.AppendUint64(c.b, v)
}

func (c *copyRows) int4(v int) {
	c.size(4)
	c.b = binary.BigEndian.AppendUint32(c.b, uint32(v))
}

func (c *copyRows) bytes(v []byte) {
	if len(v) == 0 {
		c.null()
		return
	}
	c.size(len(v))
	c.b = append(c.b, v...)
}

func (c *copyRows) bool(v bool) {
	c.size(1)
	if v {
		c.b = append(c.b, 1)
		return
	}
	c.b = append(c.b, 0)
}

// appendNumeric appends the binary form of a plain decimal: the number of
// base-10000 digits, the weight of the first, the sign, the digits after the
// point that are shown, and the digits.
func appendNumeric(b []byte, s string) []byte {
	digits, negative := strings.CutPrefix(s, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	whole = strings.TrimLeft(whole, "0")
	scale := len(fraction)
	// The point falls between two groups of four.
	text := strings.Repeat("0", (4-len(whole)%4)%4) + whole + fraction + strings.Repeat("0", (4-scale%4)%4)
	weight := (len(whole)+3)/4 - 1
	for strings.HasPrefix(text, "0000") {
		text, weight = text[4:], weight-1
	}
	for strings.HasSuffix(text, "0000") {
		text = text[:len(text)-4]
	}
	if text == "" {
		weight, negative = 0, false
	}
	var sign uint16
	if negative {
		sign = 0x4000
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(text)/4))
	b = binary.BigEndian.AppendUint16(b, uint16(int16(weight)))
	b = binary.BigEndian.AppendUint16(b, sign)
	b = binary.BigEndian.AppendUint16(b, uint16(scale))
	for i := 0; i < len(text); i += 4 {
		group, _ := strconv.ParseUint(text[i:i+4], 10, 16) // four digits
		b = binary.BigEndian.AppendUint16(b, uint16(group))
	}
	return b
}

// columnRows collects rows as one array of text per column, for unnest.
type columnRows struct {
	columns [][]*string
	at      int
	rows    int
}

func (c *columnRows) begin(columns int) {
	if c.columns == nil {
		c.columns = make([][]*string, columns)
	}
	c.at = 0
	c.rows++
}

func (c *columnRows) put(s *string) {
	c.columns[c.at] = append(c.columns[c.at], s)
	c.at++
}

// arguments returns the arrays as a statement's arguments.
func (c *columnRows) arguments() []any {
	args := make([]any, len(c.columns))
	for i, column := range c.columns {
		args[i] = column
	}
	return args
}

func (c *columnRows) text(s string) { c.put(&s) }

func (c *columnRows) optional(s string) {
	if s == "" {
		c.put(nil)
		return
	}
	c.put(&s)
}

func (c *columnRows) id(id uuid.UUID) {
	if id == uuid.Nil {
		c.put(nil)
		return
	}
	c.text(id.String())
}

func (c *columnRows) amount(a money.Amount) { c.text(a.String()) }

func (c *columnRows) time(t time.Time) {
	if t.IsZero() {
		c.put(nil)
		return
	}
	c.text(t.UTC().Format("2006-01-02 15:04:05.999999Z07:00"))
}

func (c *columnRows) date(s string)        { c.optional(s) }
func (c *columnRows) json(document []byte) { c.optional(string(document)) }
func (c *columnRows) jsonb(d []byte)       { c.optional(string(d)) }
func (c *columnRows) int8(v uint64)        { c.text(strconv.FormatUint(v, 10)) }
func (c *columnRows) int4(v int)           { c.text(strconv.Itoa(v)) }
func (c *columnRows) bytes(v []byte)       { c.text(`\x` + hex.EncodeToString(v)) }
func (c *columnRows) bool(v bool)          { c.text(strconv.FormatBool(v)) }
