package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/fair"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/body"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/query"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/strictjson"
)

// Headers of idempotent requests and their repeated answers.
const (
	headerKey      = "Idempotency-Key"
	headerReplayed = "Idempotent-Replayed"
)

// call is one request under way. It belongs to the request's goroutine and is
// used again for another afterwards, so nothing may keep it or its buffers.
type call struct {
	*api
	w      http.ResponseWriter
	r      *http.Request
	params []string // the query parameters that the operation knows
	in     []byte   // the body
	out    []byte   // the answer
	turn   *fair.Turn

	reserved int // bytes, of the instance's bound
}

var calls = sync.Pool{New: func() any {
	return &call{in: make([]byte, 0, 1<<10), out: make([]byte, 0, 4<<10)}
}}

// keptBuffer bounds the buffers that calls keep for one another, in bytes.
const keptBuffer = 64 << 10

func newCall(a *api, w http.ResponseWriter, r *http.Request, params []string) *call {
	c := calls.Get().(*call)
	c.api, c.w, c.r, c.params = a, w, r, params
	return c
}

func (c *call) free() {
	c.endTurn()
	if c.reserved > 0 {
		c.Bounds.Adjust(-c.reserved)
		c.reserved = 0
	}
	if cap(c.in) > keptBuffer || cap(c.out) > keptBuffer {
		return
	}
	*c = call{in: c.in[:0], out: c.out[:0]}
	calls.Put(c)
}

// context returns the context for queries. Commands go without: the custodian
// bounds the wait for them itself, and knows to say that the outcome is unknown.
func (c *call) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.r.Context(), c.Limits.RequestTimeout)
}

// query reads the query parameters.
func (c *call) query() *query.Values { return query.Parse(c.r, c.params) }

// noQuery refuses query parameters on operations that have none.
func (c *call) noQuery() error {
	if c.r.URL.RawQuery == "" {
		return nil
	}
	return c.query().Err()
}

// readBody reads the body, which may be left out only where optional says so.
func (c *call) readBody(optional bool) (err error) {
	if err := c.noQuery(); err != nil {
		return err
	}
	if c.in, err = body.ReadWithin(c.w, c.r, c.Limits.MaxBodyBytes, c.in, c.reserve); err != nil {
		return err
	}
	if len(c.in) > heavyBytes {
		if err := c.takeTurn(); err != nil { // it ends with the next command
			return err
		}
	}
	if len(c.in) > 0 {
		return body.Check(c.r, c.in)
	}
	if !optional {
		return problem.New(http.StatusBadRequest, string(sim.CodeMalformed), "a JSON object is needed as the body of the request")
	}
	return nil
}

// What is heavy enough to be done in turns, see package fair: bodies of so many
// bytes, and answers of so many records.
const (
	heavyBytes   = 64 << 10
	heavyRecords = 100
)

// reserve takes on bytes that are to be in memory.
func (c *call) reserve(n int) error {
	if err := c.Bounds.Reserve(n); err != nil {
		return err
	}
	c.reserved += n
	return nil
}

// settle counts the answer as large as it has become, until it is sent.
func (c *call) settle(answer []byte) {
	if n := len(answer); n > heavyBytes && n > c.reserved {
		c.Bounds.Adjust(n - c.reserved)
		c.reserved = n
	}
}

// reservePage takes on a large page of records, before anybody looks for them.
func (c *call) reservePage(records, bytesEach int) error {
	if records <= heavyRecords {
		return nil
	}
	return c.reserve(records * bytesEach)
}

// What records of answers are expected to take, in bytes.
const (
	recordBytes = 1 << 10
	lineBytes   = 512
)

// takeTurn waits for a turn, unless the call has one.
func (c *call) takeTurn() (err error) {
	if c.turn == nil {
		c.turn, err = c.Lane.Take(c.r.Context())
	}
	return err
}

func (c *call) endTurn() {
	c.turn.End()
	c.turn = nil
}

// object reads the body as an object with the given fields.
func (c *call) object(fields *strictjson.Fields, fn func(name string, v strictjson.Value) error) (strictjson.Given, error) {
	if err := c.readBody(false); err != nil {
		return strictjson.Given{}, err
	}
	return strictjson.Object(c.in, fields, fn)
}

// decode reads the body into a struct of package request. A body that may be left
// out leaves it as it is.
func (c *call) decode(into any, optional bool) error {
	if err := c.readBody(optional); err != nil || len(c.in) == 0 {
		return err
	}
	_, err := strictjson.Decode(c.in, into)
	return err
}

// changes reads the body as an object that changes a record: at least one field
// is needed, and null is no value for any.
func (c *call) changes(fields *strictjson.Fields, fn func(name string, v strictjson.Value) error) error {
	given, err := c.object(fields, fn)
	switch {
	case err != nil:
		return err
	case given.Null() != "":
		return problem.Invalid(given.Null(), "cannot become null; leave it out to keep it as it is")
	case given.Empty():
		return problem.Invalid("", "there is nothing to change; give at least one field", fields.Names()...)
	}
	return nil
}

// pathText returns a path parameter as text.
func (c *call) pathText(name string) (string, error) {
	text := c.r.PathValue(name)
	if c.r.URL.RawPath == "" {
		return text, nil // the server has unescaped the path
	}
	text, err := url.PathUnescape(text)
	if err != nil {
		return "", problem.New(http.StatusBadRequest, string(sim.CodeMalformed), "the path is malformed").On(name)
	}
	return text, nil
}

// pathID returns a path parameter that is an id which the custodian gave. Text
// that is none names nothing that could be found.
func (c *call) pathID(name, noun string) (uuid.UUID, error) {
	text, err := c.pathText(name)
	if err != nil {
		return uuid.UUID{}, err
	}
	if id, ok := parseID(text); ok {
		return id, nil
	}
	return uuid.UUID{}, &sim.Error{Code: sim.CodeNotFound, Field: name,
		Message: noun + " " + strconv.Quote(text) + " does not exist: ids are UUIDs, as answers show them"}
}

// parseID reads a UUID in its one canonical form.
func parseID(text string) (uuid.UUID, bool) {
	const canonical = 36
	if len(text) != canonical {
		return uuid.UUID{}, false
	}
	id, err := uuid.Parse(text)
	return id, err == nil
}

// key returns the request's idempotency key, or "".
func (c *call) key() (string, error) {
	values, given := c.r.Header[headerKey]
	if !given {
		return "", nil
	}
	if len(values) > 1 {
		return "", problem.Invalid(headerKey, "is given more than once")
	}
	if values[0] == "" {
		return "", problem.Invalid(headerKey, "is empty; give a value or leave it out")
	}
	if err := sim.CheckIdempotencyKey(values[0]); err != nil {
		return "", err
	}
	return values[0], nil
}

// do has the custodian carry out a command under the request's key.
func (c *call) do(command sim.Command) (sim.Result, error) {
	key, err := c.key()
	if err != nil {
		return sim.Result{}, err
	}
	c.endTurn() // the custodian is waited for
	result, err := c.Custodian.Do(c.r.Context(), sim.Request{Command: command, IdempotencyKey: key})
	if err == nil && result.Replayed {
		c.w.Header()[headerReplayed] = headerTrue
	}
	return result, err
}
