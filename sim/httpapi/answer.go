package httpapi

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/query"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view"
)

// Header values that every answer shares. They are never changed.
var (
	headerJSON    = []string{"application/json"}
	headerNoStore = []string{"no-store"}
	headerTrue    = []string{"true"}
)

// send answers with the JSON in out.
func (c *call) send(status int) error {
	c.endTurn() // the caller is waited for
	c.out = append(c.out, '\n')
	c.settle(c.out)
	h := c.w.Header()
	h["Content-Type"] = headerJSON
	h["Cache-Control"] = headerNoStore
	c.w.WriteHeader(status)
	_, _ = c.w.Write(c.out) // a caller who is gone misses nothing
	return nil
}

// created answers 201 with the JSON in out, for what is found at a path.
func (c *call) created(path string) error {
	c.w.Header()["Location"] = []string{path}
	return c.send(http.StatusCreated)
}

// createdID is created for what has its id behind a path.
func (c *call) createdID(path string, id uuid.UUID) error {
	var scratch [64]byte
	return c.created(string(view.AppendID(append(scratch[:0], path...), id)))
}

// maxCursor bounds cursors, in bytes: ids of 100 characters fit in any script.
const maxCursor = 640

// parsePage reads the parameters of a page.
func (c *call) parsePage(q *query.Values) (sim.Page, error) {
	page := sim.Page{Limit: q.Int("limit", 1, c.Limits.PageMax, defaultPage)}
	text := q.Text("cursor", maxCursor)
	if err := q.Err(); err != nil || text == "" {
		return page, err
	}
	after, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || !utf8.Valid(after) || strings.ContainsFunc(string(after), unicode.IsControl) {
		return page, errCursor
	}
	page.After = string(after)
	return page, nil
}

var errCursor = problem.Invalid("cursor", "is not a cursor of this list; take it from next_cursor, or leave it out to begin at the start")

// list is how a list is answered.
type list[T any] struct {
	// name is the answer's member that holds the records.
	name  string
	fetch func(ctx context.Context, p sim.Page) ([]T, error)
	// encode appends a record as JSON, cursor the key behind which the next page
	// begins.
	encode func(dst []byte, record T) []byte
	cursor func(dst []byte, record T) []byte
}

// sendList answers with a page. It asks for one record more than the page
// holds, to know whether there is another.
func sendList[T any](c *call, page sim.Page, l list[T]) error {
	c.out = append(c.out, '{')
	return appendList(c, page, l)
}

// appendList is sendList where the answer's object has begun already.
func appendList[T any](c *call, page sim.Page, l list[T]) error {
	if err := c.reservePage(page.Limit, recordBytes); err != nil {
		return err
	}
	ctx, cancel := c.context()
	defer cancel()
	records, err := l.fetch(ctx, sim.Page{After: page.After, Limit: page.Limit + 1})
	if err != nil {
		return err
	}
	more := len(records) > page.Limit
	records = records[:min(len(records), page.Limit)]
	if len(records) > heavyRecords {
		if err := c.takeTurn(); err != nil {
			return err
		}
	}
	c.out = append(append(append(c.out, '"'), l.name...), `":[`...)
	for i, record := range records {
		if i > 0 {
			c.out = append(c.out, ',')
		}
		c.out = l.encode(c.out, record)
	}
	c.out = append(c.out, `],"next_cursor":`...)
	if more {
		var scratch [maxCursor]byte
		key := l.cursor(scratch[:0], records[len(records)-1])
		c.out = append(base64.RawURLEncoding.AppendEncode(append(c.out, '"'), key), '"')
	} else {
		c.out = append(c.out, "null"...)
	}
	c.out = append(c.out, '}')
	return c.send(http.StatusOK)
}
