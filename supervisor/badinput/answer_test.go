package badinput

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// patience bounds every wait, generously: the machine may be busy.
const patience = time.Minute

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
	closed bool // the server closes the connection after it
	// stream tells that the body is a stream, which was not read.
	stream bool
}

// connection is a connection to an HTTP server, which is opened when it is needed.
type connection struct {
	host   string
	conn   net.Conn
	reader *bufio.Reader
}

func (c *connection) close() {
	if c.conn != nil {
		_ = c.conn.Close() // nothing more is expected of it
		c.conn = nil
	}
}

// send writes bytes and reads the answer to a request of a method.
func (c *connection) send(data []byte, method string) (*answer, error) {
	return c.sendWith(data, method, false)
}

// sendWith does so and closes the sending direction after it, if that is the end.
func (c *connection) sendWith(data []byte, method string, end bool) (*answer, error) {
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.host, patience)
		if err != nil {
			return nil, err
		}
		c.conn, c.reader = conn, bufio.NewReader(conn)
	}
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	// A server that has seen enough answers while the rest is still being sent.
	written := make(chan error, 1)
	conn := c.conn
	go func() {
		_, err := conn.Write(data)
		if half, ok := conn.(*net.TCPConn); ok && end && err == nil {
			err = half.CloseWrite()
		}
		written <- err
	}()
	a, err := c.receive(method)
	if err != nil || a.closed || a.stream {
		c.close()
	}
	if sent := <-written; sent != nil {
		c.close()
	}
	return a, err
}

func (c *connection) receive(method string) (*answer, error) {
	resp, err := http.ReadResponse(c.reader, &http.Request{Method: method})
	for err == nil && resp.StatusCode == http.StatusContinue {
		resp, err = http.ReadResponse(c.reader, &http.Request{Method: method})
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	a := &answer{status: resp.StatusCode, header: resp.Header, closed: resp.Close}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") && method != "HEAD" {
		a.stream = true
		return a, nil
	}
	a.body, err = io.ReadAll(resp.Body)
	if err != nil && a.closed && !errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // the rest of the request was in the way
	}
	return a, err
}

// problem is what the checks need of an error answer.
type problem struct {
	Status     int
	Code       string
	Detail     string
	RetryAfter int `json:"retry_after"`
	Instance   string
}

func (a *answer) problem() (p problem) {
	_ = json.Unmarshal(a.body, &p) // its schema is looked at elsewhere
	return p
}

// onPurpose are the codes of answers that somebody asked for: faults, pauses.
var onPurpose = []string{"fault", "custodian_offline", "paused"}

// ordinary are the headers that any answer may have.
var ordinary = []string{
	"Content-Type", "Content-Length", "Date", "Cache-Control", "X-Request-Id", "Connection", "Transfer-Encoding", "Vary", "Content-Encoding", "X-Accel-Buffering",
	// What browsers are told.
	"Content-Security-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Referrer-Policy", "X-Content-Type-Options", "X-Frame-Options",
}

// headersMax is what the first line and the headers of a request may have at
// least, in bytes.
const headersMax = 8 << 10

// check returns what is wrong with an answer, or nil.
func (d *document) check(r *request, a *answer) error {
	path, query, _ := strings.Cut(r.target, "?")
	if _, err := url.ParseRequestURI(r.target); err != nil {
		// It does not get as far as the program.
		if a.status != http.StatusBadRequest {
			return fmt.Errorf("answered %d to what is no URL", a.status)
		}
		return nil
	}
	if a.status == http.StatusRequestHeaderFieldsTooLarge && len(r.bytes("")) > headersMax || a.status == http.StatusExpectationFailed {
		return nil // nor does this
	}
	if a.header.Get("X-Request-Id") == "" {
		return errors.New("there is no X-Request-Id")
	}
	if a.status >= 400 {
		if err := d.checkProblem(r, a); err != nil {
			return err
		}
	}
	o := d.find(r.method, path)
	if o == nil {
		if a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
			return fmt.Errorf("answered %d where nothing is documented", a.status)
		}
		return nil
	}
	if err := o.checkAnswer(r, a); err != nil {
		return err
	}
	if a.status < 300 && r.method == o.method {
		return o.checkAccepted(r, query)
	}
	return nil
}

func (d *document) checkProblem(r *request, a *answer) error {
	if a.status == http.StatusMethodNotAllowed && a.header.Get("Allow") == "" {
		return errors.New("405 without Allow")
	}
	if r.method == "HEAD" {
		return nil
	}
	if isReadiness(r) {
		return nil
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		return fmt.Errorf("%d with the type %q", a.status, got)
	}
	if err := validate(d.problem, a.body); err != nil {
		return fmt.Errorf("it is no problem as documented: %w", err)
	}
	p := a.problem()
	switch {
	case p.Status != a.status:
		return fmt.Errorf("status %d in the body and %d before it", p.Status, a.status)
	case p.Instance != a.header.Get("X-Request-Id"):
		return fmt.Errorf("instance %q, X-Request-Id %q", p.Instance, a.header.Get("X-Request-Id"))
	case strconv.Itoa(p.RetryAfter) != a.header.Get("Retry-After") && (p.RetryAfter > 0 || a.header.Get("Retry-After") != ""):
		return fmt.Errorf("retry_after %d, Retry-After %q", p.RetryAfter, a.header.Get("Retry-After"))
	case p.Code == "unavailable" && strings.Contains(p.Detail, "is taken by"):
		return nil // another process has the port that an instance was to have
	case a.status >= 500 && !slices.Contains(onPurpose, p.Code):
		return fmt.Errorf("answered %d %s", a.status, p.Code)
	}
	return nil
}

func isReadiness(r *request) bool {
	path, _, _ := strings.Cut(r.target, "?")
	return path == "/api/v1/ready" || path == "/readyz"
}

func (o *operation) checkAnswer(r *request, a *answer) error {
	if a.status >= 400 && r.method != "HEAD" && a.problem().Code == "fault" {
		return nil // a rule says with which status
	}
	documented, ok := o.answers[strconv.Itoa(a.status)]
	if !ok {
		return fmt.Errorf("%s may not answer %d", o.id, a.status)
	}
	for name := range a.header {
		if !slices.Contains(ordinary, name) && !slices.ContainsFunc(documented.headers, func(h string) bool { return strings.EqualFold(h, name) }) {
			return fmt.Errorf("%s answers %d with the header %s, which is not documented", o.id, a.status, name)
		}
	}
	for _, name := range documented.headers {
		if (name == "Location" || name == "ETag") && a.header.Get(name) == "" {
			return fmt.Errorf("%s answers %d without the header %s", o.id, a.status, name)
		}
	}
	if len(documented.content) == 0 {
		if len(a.body) > 0 {
			return fmt.Errorf("%s answers %d with a body", o.id, a.status)
		}
		return nil
	}
	given := a.header.Get("Content-Type")
	mediaType, _, err := mime.ParseMediaType(given)
	schema, known := documented.content[mediaType]
	switch {
	case err != nil || !known:
		return fmt.Errorf("%s may not answer %d with the type %q", o.id, a.status, given)
	case r.method == "HEAD":
		if len(a.body) > 0 {
			return errors.New("HEAD is answered with a body")
		}
	case schema != nil:
		if err := validate(schema, a.body); err != nil {
			return fmt.Errorf("%s answers %d with a body that is not as documented: %w", o.id, a.status, err)
		}
	}
	return nil
}

// checkAccepted holds a request that was accepted against the document.
func (o *operation) checkAccepted(r *request, query string) error {
	if _, refuses := o.answers["422"]; !refuses {
		return nil // it answers whoever asks, health checks and scrapes, and reads nothing
	}
	// The entries of a bulk are accepted or refused each on its own.
	bulk := strings.HasSuffix(o.path, "/bulk")
	if o.body != nil && o.bodyType == "application/json" && !bulk && (r.body != "" || !o.bodyOptional) {
		if err := validate(o.bodySchema, []byte(r.body)); err != nil {
			return fmt.Errorf("%s accepts a body that the document does not allow: %w", o.id, err)
		}
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("%s accepts a malformed query: %w", o.id, err)
	}
	for name, list := range values {
		i := slices.IndexFunc(o.parameters, func(p parameter) bool { return p.in == "query" && p.name == name })
		if i < 0 || len(list) != 1 {
			return fmt.Errorf("%s accepts the query parameter %q %d times", o.id, name, len(list))
		}
		var v any = list[0]
		if t, _ := o.parameters[i].schema["type"].(string); t != "string" && t != "" {
			if err := json.Unmarshal([]byte(list[0]), &v); err != nil {
				return fmt.Errorf("%s accepts %q for %s", o.id, list[0], name)
			}
		}
		if err := o.parameters[i].compiled.Validate(v); err != nil {
			return fmt.Errorf("%s accepts %q for %s: %w", o.id, list[0], name, err)
		}
	}
	return nil
}

// validate holds JSON against a schema.
func validate(schema *jsonschema.Schema, text []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("it is not JSON: %w", err)
	}
	return schema.Validate(v)
}
