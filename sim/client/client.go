// Package client calls the HTTP interface of a custodian.
//
// [New] makes a [Client], which has a method for each operation of the OpenAPI
// document; the methods and the types of what they take and answer are generated
// from it. Amounts are exact ([Decimal]), ids, dates and times have types of their
// own, and where something is not there (null) its field has the zero value.
//
//	bank, err := client.New(client.Options{URL: "http://127.0.0.1:8081"})
//	…
//	deposit, err := bank.CreateSettlement(ctx, client.Instruction{
//		SettlementType: client.SettlementTypeDEPOSIT, AccountID: "fund", Symbol: "BTC", Quantity: "1.25",
//	}, client.IdempotencyKey("deposit-1"))
//	if refusal, ok := errors.AsType[*client.Error](err); ok {
//		fmt.Println(refusal.Code, refusal.Field)
//	}
//
// What the custodian refuses is an [*Error] with its problem document. Methods
// return when their context ends, or after [Options.Timeout]; what they had asked
// for may then have happened or not, and the same call with the same
// [IdempotencyKey] tells. No call is repeated by itself.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// DefaultTimeout is how long a call lasts at most unless it is told otherwise.
	DefaultTimeout = 30 * time.Second
	// maxAnswer bounds the answers that are read into memory, in bytes.
	maxAnswer = 64 << 20
)

// Options say where the custodian is and how to be let in.
type Options struct {
	// URL is the scheme, host and port of its HTTP interface, perhaps with a path
	// where a proxy wants one.
	URL string
	// APIKey is sent as bearer token; empty for none.
	APIKey string
	// Timeout is how long a call lasts at most; 0 means [DefaultTimeout]. A stream
	// ([Client.Follow]) lasts as long as its context.
	Timeout time.Duration
	// Transport is what sends the requests; nil means one like
	// [http.DefaultTransport]. It is where to set TLS, a proxy or bounds on
	// connections.
	Transport http.RoundTripper
	// UserAgent names the calling program; empty means "custodian-client".
	UserAgent string
}

// Client is a client of one custodian. It is safe for concurrent use.
type Client struct {
	base      string
	apiKey    string
	userAgent string
	timeout   time.Duration
	http      *http.Client
}

// New returns a client. It connects to nothing yet; its error is about the
// options.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return nil, errors.New("the address of a custodian must be a URL like http://127.0.0.1:8081")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the address of a custodian must be a URL without user, query and fragment")
	case strings.ContainsFunc(o.APIKey, func(c rune) bool { return c <= ' ' || c > '~' }):
		return nil, errors.New("the API key must be one word of printable ASCII characters")
	case o.Timeout < 0:
		return nil, fmt.Errorf("the timeout must not be below zero: it is %s", o.Timeout)
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Transport == nil {
		o.Transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	if o.UserAgent == "" {
		o.UserAgent = "custodian-client"
	}
	return &Client{
		base: strings.TrimRight(u.String(), "/"), apiKey: o.APIKey, userAgent: o.UserAgent, timeout: o.Timeout,
		http: &http.Client{
			Transport: o.Transport,
			// A custodian redirects nowhere, and the key must not follow.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close closes idle connections. The client can be used again afterwards.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// CallOption changes a single call.
type CallOption func(*call)

type call struct {
	header http.Header
	answer *http.Header
}

// IdempotencyKey makes a call that changes something safe to repeat: the same key
// and request get the same answer, another request with the key is refused.
func IdempotencyKey(key string) CallOption {
	return func(o *call) { o.header.Set("Idempotency-Key", key) }
}

// Header sends a header with a call, such as traceparent.
func Header(name, value string) CallOption {
	return func(o *call) { o.header.Set(name, value) }
}

// AnswerHeader stores the headers of the answer in header, such as
// Idempotent-Replayed, or X-Request-Id. It stays as it is where no answer came.
func AnswerHeader(header *http.Header) CallOption {
	return func(o *call) { o.answer = header }
}

// request is one call of the interface, as the generated methods make it.
type request struct {
	method, path string
	query        url.Values
	body         any // JSON, or []byte; nil for none
	contentType  string
	accept       string
}

// path fills the parameters of a path in.
func path(format string, params ...any) string {
	for i := range params {
		params[i] = url.PathEscape(fmt.Sprint(params[i]))
	}
	return fmt.Sprintf(format, params...)
}

// addQuery adds a parameter unless it has its zero value, which stands for that
// it is left out.
func addQuery[T comparable](query url.Values, name string, value T) {
	var zero T
	if value == zero {
		return
	}
	text := fmt.Sprint(value)
	if at, ok := any(value).(time.Time); ok {
		text = at.Format(time.RFC3339Nano)
	}
	query.Set(name, text)
}

// get makes a call and decodes the JSON of its answer.
func get[T any](ctx context.Context, c *Client, r request, options []CallOption) (*T, error) {
	data, err := c.do(ctx, r, options)
	if err != nil {
		return nil, err
	}
	out := new(T)
	if err := json.Unmarshal(data, out); err != nil {
		return nil, fmt.Errorf("%s answered %s %s with something that is not the custodian's: %w", c.base, r.method, r.path, err)
	}
	return out, nil
}

// do makes a call and returns the body of its answer.
func (c *Client) do(ctx context.Context, r request, options []CallOption) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no answer within %s: %w", c.timeout, context.DeadlineExceeded))
	defer cancel()
	resp, err := c.send(ctx, r, options)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // only read from
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("reading the answer to %s %s: %w", r.method, r.path, err)
	}
	if len(data) > maxAnswer {
		return nil, fmt.Errorf("%s answered %s %s with more than %d bytes", c.base, r.method, r.path, maxAnswer)
	}
	return data, nil
}

// send sends a request and returns the answer once it is known to be no refusal.
// The caller closes its body.
func (c *Client) send(ctx context.Context, r request, options []CallOption) (*http.Response, error) {
	target := c.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	data, ok := r.body.([]byte)
	if r.body != nil && !ok {
		var err error
		if data, err = json.Marshal(r.body); err != nil {
			return nil, fmt.Errorf("writing the body of %s %s: %w", r.method, r.path, err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("calling the custodian: %w", err)
	}
	o := call{header: req.Header}
	for name, value := range map[string]string{"Accept": r.accept, "Content-Type": r.contentType, "User-Agent": c.userAgent} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if c.apiKey != "" {
		req.Header.Set("Authorization", "Bearer "+c.apiKey)
	}
	for _, option := range options {
		option(&o)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err // an *url.Error, which says method and address
	}
	if o.answer != nil {
		*o.answer = resp.Header
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }() // only read from
	return nil, readError(resp)
}
