// Package client talks to the admin API of a supervisor.
//
// [New] makes a [Client]; its methods are the endpoints, and the types of
// package wire what they take and answer. Refusals by the server are [*Error]
// values that hold the whole problem report, an API that does not answer is an
// [*UnreachableError]; both read well in one line. Methods return when their
// context ends; what they had asked for goes on at the server.
//
// Calls that wait (those with a parameter wait) last as long as what they wait
// for: bound them by the context. No call is repeated by itself, but for the
// stream of [Client.Follow], which goes on where it broke off.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// DefaultURL is where the admin API listens unless it is told otherwise.
const DefaultURL = "http://127.0.0.1:7080"

// maxAnswer bounds the answers that are read into memory, in bytes. The longest
// is the configuration.
const maxAnswer = 64 << 20

// Options say where the admin API is and how to be let in.
type Options struct {
	// URL is its scheme, host and port, perhaps with a path before /admin/v1
	// where a proxy wants one. Empty means [DefaultURL].
	URL string
	// Token is sent as bearer token; empty for none.
	Token string
	// TLS is for URLs of the scheme https; nil means the system's authorities and
	// no client certificate. See [TLSFiles].
	TLS *tls.Config
	// UserAgent names the calling program; empty means "custodian".
	UserAgent string
}

// Client is a client of one admin API. It is safe for concurrent use.
type Client struct {
	base      string
	token     string
	userAgent string
	http      *http.Client
}

// New returns a client. It connects to nothing yet; its error is about the
// options.
func New(o Options) (*Client, error) {
	if o.URL == "" {
		o.URL = DefaultURL
	}
	u, err := url.Parse(o.URL)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return nil, fmt.Errorf("the address of the admin API must be a URL like %s", DefaultURL)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the address of the admin API must be a URL without user, query and fragment")
	}
	if strings.ContainsFunc(o.Token, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return nil, errors.New("the token must be one word of printable ASCII characters")
	}
	if o.UserAgent == "" {
		o.UserAgent = "custodian"
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = o.TLS
	transport.TLSHandshakeTimeout = 10 * time.Second
	return &Client{
		base: strings.TrimRight(u.String(), "/"), token: o.Token, userAgent: o.UserAgent,
		http: &http.Client{
			Transport: transport,
			// The API redirects nowhere, and the token must not follow.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// URL returns the address of the admin API.
func (c *Client) URL() string { return c.base }

// Close closes idle connections. The client can be used again afterwards.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// request is one call of the API.
type request struct {
	method string
	path   string
	query  url.Values
	body   []byte    // JSON, or nil
	stream io.Reader // a body that is not JSON, or nil
	header map[string]string
	accept int // a status beside 2xx that is an answer and no error
}

// send sends a request and returns the answer once it is known to be none of
// refusal. The caller closes its body.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	target := c.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	if r.stream != nil {
		body = io.NopCloser(r.stream) // the caller's to close
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, fmt.Errorf("asking the admin API: %w", err)
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.userAgent)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if resp.StatusCode/100 == 2 || (r.accept != 0 && resp.StatusCode == r.accept) {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }() // only read from
	return nil, readError(resp)
}

// do sends a request and decodes the answer into out, unless that is nil.
func (c *Client) do(ctx context.Context, r request, out any) (http.Header, error) {
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // only read from
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, c.unreachable(ctx, err)
	case len(data) > maxAnswer:
		return nil, fmt.Errorf("%s answered with more than %d bytes", c.base, maxAnswer)
	case out == nil || resp.StatusCode == http.StatusNoContent:
		return resp.Header, nil
	}
	if raw, ok := out.(*[]byte); ok {
		*raw = data
		return resp.Header, nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return nil, fmt.Errorf("%s answered %s to %s %s with something that is not the admin API's: %w", c.base, resp.Status, r.method, r.path, err)
	}
	return resp.Header, nil
}
